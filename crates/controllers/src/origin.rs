//! How members come to be: the one place that knows which kinds make members, and where each says what.
//!
//! | kind | credential | labels |
//! |---|---|---|
//! | AttachedCluster | the kubeconfig in its Secret | its own |

use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::Origin;
use api::feed::TakeOver;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::{
    APPROVE_TAKE_OVER, CREDENTIAL_KEY, DETACH_FINALIZER, NAMESPACES, ON_DETACH, ORIGIN, RELEASE, REMOVE, TAKE_OVER,
};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::{ClusterRef, Fleet};
use kube::ResourceExt;
use model::{MemberName, NameError};
use plan::journal::turn::Detached;
use plan::member::CredentialRef;
use plan::rights::Rights;
use plan::state::State;

use client::{NamespacedName, Store};

/// Group and kind of attached clusters.
const ATTACHED: (&str, &str) = ("cluster.kurator.dev", "AttachedCluster");

/// What others read of an object that makes a member.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OriginFacts {
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// The name that it wants for its member, if that is a name.
    pub(crate) wants: Option<MemberName>,
    /// The member that its status names.
    pub(crate) says: Option<MemberName>,
    /// Is it being deleted?
    pub(crate) going: bool,
    /// Does what was delivered leave the member before the object goes?
    pub(crate) is_emptied_first: bool,
    /// How its member is.
    pub(crate) state: State,
}

impl OriginFacts {
    /// Does it make a member, given the records that it has made? See [`Origins::is_claimed`].
    pub(crate) fn makes_member(&self, records: &[Arc<Cluster>]) -> bool {
        !self.going || (self.is_emptied_first && !records.iter().any(|record| is_released(record)))
    }
}

/// The objects that make members.
#[derive(Clone)]
pub(crate) struct Origins {
    attached: Arc<Store<AttachedCluster>>,
}

impl Origins {
    pub(crate) fn new(attached: &Arc<Store<AttachedCluster>>) -> Self {
        Self { attached: attached.clone() }
    }

    /// What is known of an origin; `None` when it does not exist.
    pub(crate) fn get(&self, origin: &Origin) -> Option<OriginFacts> {
        self.attached(origin).map(|a| facts(&a))
    }

    fn attached(&self, origin: &Origin) -> Option<Arc<AttachedCluster>> {
        let key = NamespacedName::new(origin.namespace.clone(), origin.name.clone());
        origin.is_of(ATTACHED.0, ATTACHED.1).then(|| self.attached.get(&key)).flatten()
    }

    /// Does the origin of a record still want it? One that is gone or going, or goes by another name, does not: then the
    /// record makes no member, even while it is still there. A record without an origin was made by hand, and stands for
    /// itself. One that goes with what was delivered makes a member until that has left and the record says that the rest is
    /// given back: without a member, nothing would be deleted there.
    pub(crate) fn is_claimed(&self, cluster: &Cluster) -> bool {
        if !cluster.annotations().contains_key(ORIGIN) {
            return true;
        }
        // Asked for each member of each owner that is looked at: nothing is copied.
        let attached = of_record(cluster).and_then(|origin| self.attached(&origin));
        let stays = |a: &Arc<AttachedCluster>| {
            a.metadata.deletion_timestamp.is_none() || (is_emptied_first(a) && !is_released(cluster))
        };
        let wants = attached.filter(stays).and_then(|a| wanted_name(&a).ok());
        wants.is_some_and(|name| cluster.metadata.name.as_deref() == Some(name.as_str()))
    }
}

/// What is known of an attached cluster.
pub(crate) fn facts(attached: &AttachedCluster) -> OriginFacts {
    let status = attached.status.as_ref();
    OriginFacts {
        labels: attached.labels().clone(),
        wants: wanted_name(attached).ok(),
        says: status.and_then(|status| status.member.as_ref()?.parse().ok()),
        going: attached.metadata.deletion_timestamp.is_some(),
        is_emptied_first: is_emptied_first(attached),
        state: status
            .map(|status| State::of_object(&status.conditions, attached.metadata.generation))
            .unwrap_or_default(),
    }
}

/// Does what was delivered leave the member before an attached cluster goes? One that is deleted without our finalizer does not
/// wait for it.
pub(crate) fn is_emptied_first(attached: &AttachedCluster) -> bool {
    let is_told = attached.annotations().get(ON_DETACH).is_some_and(|how| how == REMOVE);
    is_told && (attached.metadata.deletion_timestamp.is_none() || waits_for_us(attached))
}

/// Does an attached cluster that is deleted stay until our finalizer is taken off?
pub(crate) fn waits_for_us(attached: &AttachedCluster) -> bool {
    attached.finalizers().iter().any(|finalizer| finalizer == DETACH_FINALIZER)
}

/// The name that an attached cluster wants for its member.
pub(crate) fn wanted_name(attached: &AttachedCluster) -> Result<MemberName, NameError> {
    attached.spec.member_name.clone().unwrap_or_else(|| attached.name_any()).parse()
}

/// The origin that an attached cluster is.
pub(crate) fn of_attached(key: &NamespacedName) -> Origin {
    Origin::new(ATTACHED.0, ATTACHED.1, &key.namespace, &key.name)
}

/// The origin of a member's record, if it has one that can be read.
pub(crate) fn of_record(cluster: &Cluster) -> Option<Origin> {
    cluster.annotations().get(ORIGIN)?.parse().ok()
}

/// Is everything that this hub has in a member to be given back, by its record?
pub(crate) fn is_released(cluster: &Cluster) -> bool {
    detached(cluster) != Detached::Kept
}

/// What becomes of what a member has when its record goes, as that says.
pub(crate) fn detached(cluster: &Cluster) -> Detached {
    match cluster.annotations().get(ON_DETACH).map(String::as_str) {
        Some(RELEASE) => Detached::Released,
        Some(REMOVE) => Detached::Removed,
        _ => Detached::Kept,
    }
}

/// What is taken over in a member from another hub, by its record.
pub(crate) fn take_over_of(cluster: &Cluster) -> Option<TakeOver> {
    let said = |name: &str| cluster.annotations().get(name);
    let from = said(TAKE_OVER)?.parse().ok()?;
    Some(TakeOver { from, approved: said(APPROVE_TAKE_OVER).and_then(|digest| digest.parse().ok()) })
}

/// What the hub may do in a member, by its record.
pub(crate) fn rights_of(cluster: &Cluster) -> Rights {
    let Some(namespaces) = cluster.annotations().get(NAMESPACES) else { return Rights::default() };
    let origin =
        of_record(cluster).unwrap_or_else(|| Origin::new(ATTACHED.0, ATTACHED.1, "default", &cluster.name_any()));
    let attach = plan::credential::attach_command(None, &origin);
    // Without a name in it nothing is given: a mistake must not open everything.
    let namespaces = namespaces.split(',').filter(|namespace| !namespace.is_empty());
    Rights::in_namespaces(namespaces.map(str::to_owned), attach)
}

/// The origin that an entry of a fleet means; `None` for kinds that make no members here.
pub(crate) fn of_entry(namespace: &str, entry: &ClusterRef) -> Option<Origin> {
    (entry.kind == ATTACHED.1).then(|| Origin::new(ATTACHED.0, ATTACHED.1, namespace, &entry.name))
}

/// What a fleet lists; `None` while it is being deleted.
pub(crate) fn list_of(fleet: &Fleet) -> Option<Vec<ClusterRef>> {
    fleet.metadata.deletion_timestamp.is_none().then(|| fleet.spec.clusters.clone())
}

/// Where the kubeconfig of a member is, by its record.
pub(crate) fn credential_of(cluster: &Cluster) -> Option<CredentialRef> {
    let secret = cluster.spec.secret_ref.as_ref()?;
    Some(CredentialRef {
        namespace: secret.namespace.clone(),
        secret: secret.name.clone(),
        key: cluster.annotations().get(CREDENTIAL_KEY)?.clone(),
    })
}

//! The registry of stores: one shared store per kind, and one line per kind.

use std::sync::Arc;

use crate::deps::Deps;
use crate::secrets::SecretVersions;
use crate::{index, record};
use api::delivery::{Decision, MemberStatus, Revision, UnitId};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use client::{Api, Store};
use k8s_openapi::api::core::v1::Namespace;

macro_rules! registry {
    ($($(#[$doc:meta])* $name:ident: $kind:ty, $made:ident($indexes:expr);)*) => {
        /// The newest known state of the hub's kinds, each watched once.
        pub struct Stores {
            $($(#[$doc])* pub $name: Arc<Store<$kind>>,)*
            /// Versions of Secrets.
            pub secrets: Arc<SecretVersions>,
        }

        impl Stores {
            /// Knows nothing yet.
            pub(crate) fn new() -> Self {
                Self { $($name: Store::$made($indexes),)* secrets: SecretVersions::new() }
            }

            /// Is everything listed?
            pub fn is_synced(&self) -> bool {
                $(self.$name.is_synced() &&)* self.secrets.is_synced()
            }

            /// Waits until everything is listed.
            pub(crate) async fn synced(&self) {
                $(self.$name.synced().await;)*
                self.secrets.synced().await;
            }

            /// Watches every kind until shutdown. A listener that panics costs its call: the watch begins again and tells of
            /// everything.
            pub(crate) fn spawn(&self, deps: &Deps, api: &Api) {
                $({
                    let (store, api, stop) = (self.$name.clone(), api.clone(), deps.shutdown.clone());
                    let run = move || {
                        let (store, watch, stop) = (store.clone(), store.watch(api.clone()), stop.clone());
                        async move { store.run(watch, stop).await }
                    };
                    deps.tasks.spawn(deps.restarting(concat!("watch-", stringify!($name)), run));
                })*
                let (secrets, api, stop) = (self.secrets.clone(), api.clone(), deps.shutdown.clone());
                let run = move || secrets.clone().run(api.clone(), stop.clone());
                deps.tasks.spawn(deps.restarting("watch-secrets", run));
            }
        }
    };
}

// A Decision names who edited an Application, from managedFields. No controller reads the managedFields of other kinds.
registry! {
    /// Applications.
    applications: Application, typed(index::applications());
    /// Fleets.
    fleets: Fleet, without_managed_fields(index::fleets());
    /// Namespaces, for their labels.
    namespaces: Namespace, without_managed_fields(Vec::new());
    /// AttachedClusters.
    attached: AttachedCluster, without_managed_fields(index::attached());
    /// Members' records.
    clusters: Cluster, without_managed_fields(index::clusters());
    /// Revisions.
    revisions: Revision, without_managed_fields(record::revision_indexes());
    /// Decisions.
    decisions: Decision, without_managed_fields(record::decision_indexes());
    /// Members' reports, as stored.
    statuses: MemberStatus, without_managed_fields(record::status_indexes());
}

impl Stores {
    /// Slices of one unit's decision, in the order of their names.
    pub fn decisions_of(&self, unit: &UnitId) -> Vec<Arc<Decision>> {
        let mut all = self.decisions.by_index(record::OWNER, &unit.owner().to_string());
        all.retain(|decision| decision.spec.unit == *unit);
        all
    }
}

//! The hub's side: what is there already, what is written, and waiting until the hub has reached the member.

use std::time::Duration;

use anyhow::bail;
use api::condition::{self, Condition};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::{MINTED, ON_DETACH, REMOVE};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use api::kurator::minted::{KUBECONFIG_KEY, Minted};
use api::reason;
use client::{Api, Delete, Resource, Selection};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use model::object;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::output;
use crate::sync::LOOK_EVERY;

/// Tries of a write that meets a newer version: as of `kurator approve`.
const TRIES_MAX: usize = 5;

/// Kind of a fleet's entry.
const ATTACHED_CLUSTER: &str = "AttachedCluster";

/// What is attached, and under which names.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) fleet: Option<String>,
    /// In which namespaces of the cluster the hub has rights; none for all of it.
    pub(super) namespaces: Vec<String>,
}

impl Names {
    /// The Secret that `kurator attach` writes.
    pub(super) fn secret(&self) -> String {
        format!("{}-kubeconfig", self.name)
    }
}

/// What the hub has already.
#[derive(Debug, Default)]
pub(super) struct Present {
    pub(super) attached: Option<AttachedCluster>,
    pub(super) secret: Option<Secret>,
    pub(super) fleet: Option<Fleet>,
}

impl Present {
    /// How the credential that is replaced was made.
    pub(super) fn minted(&self) -> Option<Minted> {
        self.secret.as_ref().and_then(|secret| Minted::parse(secret.annotations().get(MINTED)?))
    }

    /// Does the fleet list the cluster?
    pub(super) fn is_listed(&self, names: &Names) -> bool {
        let listed = self.fleet.iter().flat_map(|fleet| &fleet.spec.clusters);
        listed.into_iter().any(|entry| entry.kind == ATTACHED_CLUSTER && entry.name == names.name)
    }
}

/// Says what is wrong when the hub refuses or does not answer.
pub(super) fn of_hub(what: &str) -> impl FnOnce(client::Error) -> anyhow::Error + use<> {
    let what = what.to_owned();
    move |error| match error.code() {
        Some(_) => anyhow::anyhow!("{what}: the hub refused: {error}"),
        None => anyhow::anyhow!("{what}: the hub does not answer; is it running? (`kurator up`): {error}"),
    }
}

/// Refuses an attached cluster that is being detached: what came to the member now would be taken for what is to leave it.
///
/// # Errors
/// It is.
pub(crate) fn refuse_going(attached: &AttachedCluster) -> anyhow::Result<()> {
    let is_told = attached.annotations().get(ON_DETACH).is_some_and(|how| how == REMOVE);
    if attached.metadata.deletion_timestamp.is_none() && !is_told {
        return Ok(());
    }
    let (namespace, name) = (attached.namespace().unwrap_or_default(), attached.name_any());
    let member = attached.spec.member_name.as_ref().unwrap_or(&name);
    bail!(
        "AttachedCluster {namespace}/{name} is on its way out, as after `kurator detach`, and nothing was changed: attach again \
         when it is gone; `kurator detach {member} --keep` lets it go as it is"
    )
}

/// Reads what there is under these names.
///
/// # Errors
/// The hub refuses, or the names belong to something else.
pub(super) async fn look_up(hub: &Api, names: &Names) -> anyhow::Result<Present> {
    let Names { namespace, name, fleet, .. } = names;
    let attached =
        hub.typed::<AttachedCluster>().get(namespace, name).await.map_err(of_hub("cannot read attached clusters"))?;
    if let Some(attached) = &attached {
        refuse_going(attached)?;
    }
    let secret = hub.typed::<Secret>().get(namespace, &names.secret()).await.map_err(of_hub("cannot read Secrets"))?;
    if let Some(secret) = &secret
        && !secret.annotations().contains_key(MINTED)
    {
        bail!(
            "Secret {namespace}/{} exists, and `kurator attach` did not write it: choose another --name, or delete the Secret",
            names.secret()
        );
    }
    let fleet = match fleet {
        Some(fleet) => hub.typed::<Fleet>().get(namespace, fleet).await.map_err(of_hub("cannot read fleets"))?,
        None => None,
    };
    Ok(Present { attached, secret, fleet })
}

/// Reads the attached cluster again: what was shown and agreed to is only that.
///
/// # Errors
/// The hub refuses, or what the command goes by was changed since.
pub(super) async fn read_again(hub: &Api, names: &Names, present: &Present) -> anyhow::Result<Option<AttachedCluster>> {
    let Names { namespace, name, .. } = names;
    let now =
        hub.typed::<AttachedCluster>().get(namespace, name).await.map_err(of_hub("cannot read attached clusters"))?;
    // Of its metadata and spec; the hub itself writes its status.
    let shown = |attached: &AttachedCluster| {
        let on_detach = attached.annotations().get(ON_DETACH).cloned();
        let is_going = attached.metadata.deletion_timestamp.is_some();
        let kubeconfig = &attached.spec.kubeconfig;
        (
            (attached.uid(), on_detach, is_going),
            (kubeconfig.name.clone(), kubeconfig.key.clone()),
            attached.spec.namespaces.clone(),
        )
    };
    if now.as_ref().map(shown) != present.attached.as_ref().map(shown) {
        bail!(
            "AttachedCluster {namespace}/{name} was changed after it was read, as by another `kurator attach` or `kurator detach`: run \
             the same command again"
        );
    }
    Ok(now)
}

/// Is this cluster, by the UID of its kube-system, one that the names may stand for?
///
/// # Errors
/// The name is another cluster's, or the cluster is a member under another name.
pub(super) async fn check_identity(hub: &Api, names: &Names, present: &Present, uid: &str) -> anyhow::Result<()> {
    let own = present.attached.as_ref().and_then(|attached| attached.status.as_ref()?.member.clone());
    let own = own.unwrap_or_else(|| names.name.clone());
    let listed = hub.typed::<Cluster>().list("", &Selection::default()).await;
    let records = match listed {
        Ok(list) => list.items,
        // A user who may not see other teams' members: the hub itself notices a cluster that is attached twice.
        Err(error) if error.is_denied() => return Ok(()),
        Err(error) => return Err(of_hub("cannot list members")(error)),
    };
    for record in records {
        let name = record.name_any();
        match record.spec.id.as_deref() {
            Some(id) if name == own && id != uid => bail!(
                "member/{name} is another cluster: its kube-system has UID {id}, that of this context has {uid}; nothing was \
                 changed: choose another --name, or another context"
            ),
            Some(id) if name != own && id == uid => bail!(
                "this cluster is member/{name} already (kube-system UID {uid}), and nothing was changed; to renew its \
                 credential, say the --name and -n of its AttachedCluster"
            ),
            _ => {}
        }
    }
    Ok(())
}

/// Is the cluster the hub itself? Then nothing is attached: it runs no pods, and what it delivers would be its own kinds.
///
/// # Errors
/// It is, by the UID of its kube-system.
pub(super) async fn refuse_own(hub: &Api, context: &str, uid: &str) -> anyhow::Result<()> {
    let namespaces = Resource::core("Namespace", "namespaces", false);
    let system = match hub.get_metadata(&namespaces.target("", "kube-system")).await {
        Ok(found) => found,
        // Who may not see that can only see that the addresses differ.
        Err(error) if error.is_denied() => return Ok(()),
        Err(error) => return Err(of_hub("cannot read namespace kube-system")(error)),
    };
    if system.as_ref().and_then(object::uid) != Some(uid) {
        return Ok(());
    }
    bail!(
        "context {context} is the hub itself (kube-system UID {uid}), which runs nothing, and nothing was changed: choose the \
         context of a cluster"
    )
}

/// The fleets that list the attached cluster. Who may not list fleets is told of none.
pub(super) async fn fleets_of(hub: &Api, names: &Names) -> Vec<String> {
    let listed = hub.typed::<Fleet>().list(&names.namespace, &Selection::default()).await;
    let fleets = listed.map(|list| list.items).unwrap_or_default();
    let lists = |fleet: &&Fleet| {
        fleet.spec.clusters.iter().any(|entry| entry.kind == ATTACHED_CLUSTER && entry.name == names.name)
    };
    fleets.iter().filter(lists).map(ResourceExt::name_any).collect()
}

/// A Secret that was not written, or of which that is not known.
pub(super) struct Unwritten {
    pub(super) why: anyhow::Error,
    /// Is it certain that the credential is not in it?
    pub(super) is_certain: bool,
    /// The token Secret of the credential that is in it, if that is known.
    pub(super) token_secret: Option<String>,
    /// The mark on the account that belongs to the credential that is in it.
    pub(super) used_by: Option<String>,
}

impl Unwritten {
    /// Looks what is in the Secret: without an answer it may have been written. `is_refused`: it certainly was not.
    async fn read(hub: &Api, names: &Names, minted: &Minted, is_refused: bool, why: anyhow::Error) -> Self {
        match hub.typed::<Secret>().get(&names.namespace, &names.secret()).await {
            Ok(found) => {
                let now = found.and_then(|secret| Minted::parse(secret.annotations().get(MINTED)?));
                let is_certain = now.as_ref().is_none_or(|now| now.issued != minted.issued);
                let (token_secret, used_by) = now.map(|now| (now.token_secret, now.used_by)).unwrap_or_default();
                Self { why, is_certain, token_secret, used_by }
            }
            // The token Secret may be in use.
            Err(_) => {
                let (token_secret, used_by) = (minted.token_secret.clone(), minted.used_by.clone());
                Self { why, is_certain: is_refused, token_secret, used_by }
            }
        }
    }
}

/// Writes the Secret, if the attached cluster is still what was shown.
///
/// # Errors
/// The hub refuses, or the AttachedCluster is not what was shown.
pub(super) async fn write_secret(
    hub: &Api,
    names: &Names,
    present: &Present,
    kubeconfig: &str,
    minted: &Minted,
) -> Result<(), Unwritten> {
    let namespace = &names.namespace;
    if let Err(why) = read_again(hub, names, present).await {
        return Err(Unwritten::read(hub, names, minted, true, why).await);
    }
    let secrets = Resource::core("Secret", "secrets", true);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"namespace": namespace, "name": names.secret(), "annotations": {MINTED: minted.to_text()},
            "labels": {"app.kubernetes.io/managed-by": "kurator"}},
        "stringData": {KUBECONFIG_KEY: kubeconfig},
    });
    let secret_name = names.secret();
    let written = match &present.secret {
        // A merge: labels and annotations of others stay.
        Some(_) => hub.merge(&secrets.target(namespace, &secret_name), &secret).await,
        None => hub.create(&secrets, namespace, &secret).await,
    };
    let Err(error) = written else { return Ok(()) };
    let is_refused = error.code().is_some_and(|code| code < 500);
    let why = of_hub(&format!("cannot write Secret {namespace}/{secret_name}"))(error);
    Err(Unwritten::read(hub, names, minted, is_refused, why).await)
}

/// Takes a Secret out of the hub again that this command made for an attached cluster that is not there, and that nobody has written
/// since. `None`: the attached cluster is there after all, or the Secret is another one's.
///
/// # Errors
/// The hub does not say, or refuses.
pub(super) async fn remove_secret(hub: &Api, names: &Names, minted: &Minted) -> Result<Option<()>, client::Error> {
    let namespace = &names.namespace;
    if hub.typed::<AttachedCluster>().get(namespace, &names.name).await?.is_some() {
        return Ok(None);
    }
    let (secrets, name) = (Resource::core("Secret", "secrets", true), names.secret());
    let Some(secret) = hub.get(&secrets.target(namespace, &name)).await? else { return Ok(None) };
    let now = object::annotation(&secret, MINTED).and_then(Minted::parse);
    if now.is_none_or(|now| now.issued != minted.issued) {
        return Ok(None);
    }
    hub.delete(&secrets.target(namespace, &name), &Delete::exactly(&secret)).await.map(|_| Some(()))
}

/// Writes the AttachedCluster and the Fleet.
///
/// # Errors
/// The hub refuses, or the AttachedCluster is not what was shown.
pub(super) async fn write_attached(hub: &Api, names: &Names, present: &Present) -> anyhow::Result<()> {
    let Names { namespace, name, fleet, namespaces } = names;
    let attached = Resource::typed::<AttachedCluster>();
    let mut spec = json!({"kubeconfig": {"name": names.secret(), "key": KUBECONFIG_KEY}});
    if !namespaces.is_empty() {
        spec["namespaces"] = json!(namespaces);
    } else if present.attached.is_some() {
        // A merge takes it away.
        spec["namespaces"] = Value::Null;
    }
    let object = json!({"apiVersion": attached.api_version(), "kind": attached.kind,
        "metadata": {"namespace": namespace, "name": name}, "spec": spec});
    for last in (0..TRIES_MAX).map(|n| n + 1 == TRIES_MAX) {
        let done = match read_again(hub, names, present).await? {
            Some(now) => {
                let patch = json!({"metadata": {"resourceVersion": now.resource_version()}, "spec": spec});
                hub.merge(&attached.target(namespace, name), &patch).await
            }
            None => hub.create(&attached, namespace, &object).await,
        };
        match done {
            // The hub may have written its status. What else it is, the next look says.
            Err(error) if error.is_conflict() && !last => {}
            done => {
                done.map_err(of_hub(&format!("cannot write AttachedCluster {namespace}/{name}")))?;
                break;
            }
        }
    }
    if let Some(fleet) = fleet
        && !present.is_listed(names)
    {
        list_in_fleet(hub, names, fleet, present.fleet.as_ref()).await?;
    }
    Ok(())
}

async fn list_in_fleet(hub: &Api, names: &Names, fleet: &str, present: Option<&Fleet>) -> anyhow::Result<()> {
    let resource = Resource::typed::<Fleet>();
    let namespace = &names.namespace;
    let entry = json!({"kind": ATTACHED_CLUSTER, "name": names.name});
    let done = match present {
        Some(present) => {
            let mut clusters: Vec<Value> = present.spec.clusters.iter().map(|entry| json!(entry)).collect();
            clusters.push(entry);
            // Only the list that was shown: another hand may have changed it meanwhile.
            let patch =
                json!({"metadata": {"resourceVersion": present.resource_version()}, "spec": {"clusters": clusters}});
            hub.merge(&resource.target(namespace, fleet), &patch).await
        }
        None => {
            let object = json!({"apiVersion": resource.api_version(), "kind": resource.kind,
                "metadata": {"namespace": namespace, "name": fleet}, "spec": {"clusters": [entry]}});
            hub.create(&resource, namespace, &object).await
        }
    };
    done.map(drop).map_err(of_hub(&format!(
        "the cluster is attached, and cannot be listed in Fleet {namespace}/{fleet}; run the same command again"
    )))
}

/// How far the hub is with a credential that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has not looked yet.
    Unheard,
    /// It has reached the member with it.
    Reached,
    /// It tries. Why it is not there yet.
    Trying(String),
    /// Only a person can help. Why.
    Failed(String),
}

/// Reasons why a member is not ready that no waiting changes.
pub(crate) const FINAL: [&str; 9] = [
    reason::KUBECONFIG_REFUSED,
    reason::KUBECONFIG_MALFORMED,
    reason::SECRET_NOT_FOUND,
    reason::SECRET_KEY_NOT_FOUND,
    reason::NAME_TAKEN,
    reason::NAME_INVALID,
    reason::SAME_CLUSTER,
    reason::IDENTITY_CHANGED,
    reason::IDENTITY_UNKNOWN,
];

/// Reads how far the hub is. `version`: of the Secret that was written.
pub(super) fn progress(attached: &AttachedCluster, version: &str) -> Progress {
    let status = attached.status.clone().unwrap_or_default();
    // Of the Secret, and of what is written beside it: in which namespaces the hub has rights.
    let has_read = status.observed_generation >= attached.metadata.generation;
    if status.observed_secret_version.as_deref() != Some(version) || !has_read {
        return Progress::Unheard;
    }
    let said = |c: &Condition| format!("{}: {}", c.reason, c.message);
    let judged = |c: &Condition| match FINAL.contains(&c.reason.as_str()) {
        true => Progress::Failed(said(c)),
        false => Progress::Trying(said(c)),
    };
    let current = condition::find(&status.conditions, condition::CREDENTIAL_CURRENT);
    match (current, condition::find(&status.conditions, condition::READY)) {
        (Some(c), _) if c.reason != reason::RENEWAL_FAILED => judged(c),
        (_, Some(c)) if c.status == "True" => Progress::Reached,
        (_, Some(c)) => judged(c),
        (_, None) => Progress::Unheard,
    }
}

/// The version of a Secret with this credential. The hub itself may have written the Secret since, and left the credential.
///
/// # Errors
/// Another credential is in it.
fn version_of(secret: Option<&Secret>, minted: &Minted) -> anyhow::Result<String> {
    let now = secret.and_then(|secret| Minted::parse(secret.annotations().get(MINTED)?));
    if now.is_none_or(|now| now.issued != minted.issued) {
        bail!("the Secret with the credential was changed or deleted meanwhile: run the same command again");
    }
    Ok(secret.and_then(ResourceExt::resource_version).unwrap_or_default())
}

/// Waits until the hub has reached the member.
///
/// # Errors
/// It cannot, or has not in time, with the cause.
pub(super) async fn wait(hub: &Api, names: &Names, minted: &Minted, timeout: Duration) -> anyhow::Result<()> {
    let Names { namespace, name, .. } = names;
    let deadline = Instant::now() + timeout;
    let mut last = Progress::Unheard;
    loop {
        let found = hub.typed::<AttachedCluster>().get(namespace, name).await;
        let found = found.map_err(of_hub("cannot see whether the hub has reached it"))?;
        let Some(found) = found else { bail!("AttachedCluster {namespace}/{name} was deleted meanwhile") };
        let secret = hub.typed::<Secret>().get(namespace, &names.secret()).await;
        let secret = secret.map_err(of_hub("cannot see whether the hub has reached it"))?;
        let now = progress(&found, &version_of(secret.as_ref(), minted)?);
        match &now {
            Progress::Reached => return Ok(()),
            Progress::Failed(why) => bail!("{why}"),
            Progress::Trying(why) if now != last => {
                output::print_stderr(format_args!("  the hub tries to reach it: {why}"))
            }
            Progress::Trying(_) | Progress::Unheard => {}
        }
        if now != Progress::Unheard {
            last = now;
        }
        if Instant::now() >= deadline {
            let secs = timeout.as_secs();
            match last {
                Progress::Trying(why) => bail!("the hub has not reached it within {secs} s: {why}"),
                _ => bail!("the hub has not looked at it within {secs} s; see `kurator doctor`"),
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

//! The end of the account that `kurator attach` made in a member, when the last hub that works as it leaves.
//!
//! The hub has no rights but those of the account, so that it cannot delete one object after the other: with the first one it
//! may delete no more. Everything gets the ClusterRole as its owner, and that is deleted: the member's garbage collection
//! removes the rest. The namespace is among it when nobody else has anything in it.
//!
//! Rights do not wait for that: bindings in namespaces are deleted before, and that of the ClusterRole after it, where a finalizer keeps
//! the ClusterRole. That all is gone is said when it is seen, and not when a deletion was taken: a finalizer may keep it, a member's
//! garbage collection may be off, and whatever stands between may answer what it likes.
//!
//! What is not known to be made for this hub alone stays, and it is said why. So does the account where it has rights in some
//! namespaces only: its rights do not reach to all that was made for it, and a right to delete those would be one more. What a
//! person types to remove it is said by `kurator detach`.
//!
//! A pass that is refused half-way, or whose hub is ended, leaves a ClusterRole that owns things and lives. The next pass goes on
//! from there, and `kurator attach` takes it back. No pass removes what a hub works with that came after the pass began:
//!
//! | a pass | an attach meanwhile | then |
//! |---|---|---|
//! | reads the account's marks, then the ClusterRole | sets its mark | the write of the account is a conflict |
//! | writes the account's owner | sets its mark, writes the ClusterRole, takes owners away | the deletion of the ClusterRole is a conflict |
//! | reads the ClusterRole again, then deletes bindings | has set its mark, and writes the ClusterRole before the bindings | the ClusterRole is another version, or the deletion of the binding is a conflict |
//! | deletes the ClusterRole | waits until all is gone that it owned | everything is made again |
//!
//! A pass that finds another hub takes away the owners that a pass before it gave: it may have given some after that attach looked.

use std::collections::BTreeSet;
use std::time::Duration;

use api::delivery::{HubId, label};
use api::kurator::annotation::ATTACHED_AT;
use api::kurator::minted::{
    CREDENTIAL_ROLE, IDENTITY_ROLE, INVENTORY_ROLE, MANAGED_BY, MANAGER, Minted, NAMESPACE, SERVICE_ACCOUNT, marks,
    used_by, whose, whose_words,
};
use client::{Api, Content, Delete, Error, Propagation, Resource, Selection, Target};
use model::object;
use plan::inhabitant::Inhabitants;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::mint;

/// Lists of a namespace's objects that run at a time: a member has some 60 kinds, and nothing else is under way there.
const LISTS_AT_ONCE: usize = 8;

/// Most other hubs that are named; a cluster has one or two.
const HUBS_NAMED_MAX: usize = 3;

/// Longest wait until it is seen that all is gone: a member's garbage collection needs a second or two, and an API server may
/// believe a token for 10 s after it has looked at it last.
const GONE_WITHIN: Duration = Duration::from_secs(15);

/// Between two looks: a handful of small requests.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const RBAC: &str = "rbac.authorization.k8s.io";

/// What became of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It is seen to be gone, with all its rights. Why the namespace stays, if it does.
    Removed(Option<String>),
    /// It is there as before, for this reason.
    Stays(String),
    /// It was deleted, and is not seen to be gone: what stays, and why.
    Left {
        /// In words.
        why: String,
        /// Whether what stays gives it rights in the whole cluster.
        has_rights: bool,
    },
    /// It stays for other hubs, which are named.
    Shared(String),
    /// The member does not let the hub in any more, so that it cannot see what became of it. What the member answered.
    ShutOut(String),
}

/// Removes the account and its rights. `is_limited`: it has rights in some namespaces only.
///
/// # Errors
/// The member does not answer, or something changed in between: to be tried again.
pub async fn remove(api: &Api, hub: &HubId, minted: &Minted, is_limited: bool) -> Result<End, Error> {
    match try_remove(api, hub, minted, is_limited).await {
        // As after a process that ended between the removal and its note.
        Err(error) if error.code() == Some(401) => Ok(End::ShutOut(error.to_string())),
        Err(error) if is_final(&error) => Ok(End::Stays(error.to_string())),
        other => other,
    }
}

/// Is it an answer that no trying changes? A member that is slow (408) or busy (429) is asked again.
fn is_final(error: &Error) -> bool {
    !error.is_conflict() && matches!(error.code(), Some(400..=407 | 409..=428 | 430..=499))
}

fn rbac(kind: &str, plural: &str, namespaced: bool) -> Resource {
    Resource::new(RBAC, "v1", kind, plural, namespaced)
}

async fn try_remove(api: &Api, hub: &HubId, minted: &Minted, is_limited: bool) -> Result<End, Error> {
    let accounts = Resource::core("ServiceAccount", "serviceaccounts", true);
    let account = accounts.target(NAMESPACE, SERVICE_ACCOUNT);
    let found = match api.get(&account).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(End::Stays(format!("there is no ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT}"))),
        // Its token may outlive its rights for a moment.
        Err(error) if error.code() == Some(403) => return Ok(End::ShutOut(error.to_string())),
        Err(error) => return Err(error),
    };
    let marks: Vec<(&String, &str)> = marks(&found).collect();
    let own = minted.used_by.as_ref();
    let others: Vec<&str> = marks.iter().filter(|(name, _)| Some(*name) != own).map(|(_, whose)| *whose).collect();
    let is_marked = marks.iter().any(|(name, _)| Some(*name) == own);
    let unmarked = "it does not say that this hub works as it, as one of an earlier version";
    let Some(own) = own else { return Ok(End::Stays(unmarked.to_owned())) };
    let leaving = is_marked.then_some((own, &found));
    if !others.is_empty() {
        return share(api, leaving, minted, is_limited, named(&others)).await;
    }
    // A hub of an earlier version has set no mark. What it delivered says that it is there.
    let hubs = hubs_with_inventories(api, Some(hub)).await?;
    if !hubs.is_empty() {
        let hubs: Vec<String> = hubs.iter().map(|hub| format!("hub {hub}")).collect();
        let hubs: Vec<&str> = hubs.iter().map(String::as_str).collect();
        return share(api, leaving, minted, is_limited, named(&hubs)).await;
    }
    if !is_marked {
        return Ok(End::Stays(unmarked.to_owned()));
    }
    if is_limited {
        return Ok(End::Stays("they are in namespaces, where it may not delete all of them by itself".to_owned()));
    }
    let roles = rbac("ClusterRole", "clusterroles", false);
    let role = roles.target("", SERVICE_ACCOUNT);
    let Some(owner) = api.get(&role).await? else {
        return Ok(End::Stays(format!("there is no ClusterRole {SERVICE_ACCOUNT}, with which the rest would go")));
    };
    if !is_made(&owner) {
        return Ok(End::Stays(format!("ClusterRole {SERVICE_ACCOUNT} is not one that `kurator attach` made")));
    }
    // First, and as it was when its marks were read: a hub that has come meanwhile is a conflict, and nothing has changed. It is
    // written also where it has its owner, from a pass that did not end: only a write finds out.
    if is_made(&found) {
        write_owner(api, &account, &found, &owner).await?;
    }
    let mut made = vec![Made { resource: accounts.clone(), found }];
    for (resource, namespace, name) in &rest() {
        made.extend(own_object(api, resource, namespace, name, &owner).await?);
    }
    for (resource, found) in rights_in_namespaces(api).await?.into_iter().filter(|(_, found)| is_attached(found)) {
        let (namespace, name) = (object::namespace(&found), object::name(&found));
        made.extend(own_object(api, &resource, namespace.unwrap_or_default(), name.unwrap_or_default(), &owner).await?);
    }
    let namespace_stays = match applier::who_stays(api, LISTS_AT_ONCE).await {
        Ok(Inhabitants::Nobody) => {
            let namespaces = Resource::core("Namespace", "namespaces", false);
            own_object(api, &namespaces, "", NAMESPACE, &owner).await?;
            None
        }
        Ok(Inhabitants::Unseen(why)) => Some(format!("it cannot be seen whether it is empty: {why}")),
        Ok(strangers) => Some(format!("it has {} in it", strangers.strangers().unwrap_or_default())),
        Err(error) => Some(format!("it cannot be seen whether it is empty: {error}")),
    };
    let namespace_stays = namespace_stays.map(|why| format!("namespace {} stays: {why}", label::SYSTEM_NAMESPACE));
    delete(api, &owner, &made).await?;
    made.push(Made { resource: roles, found: owner });
    until_gone(api, &made, namespace_stays).await
}

/// An object of `kurator attach`, as it was when it got its owner.
struct Made {
    resource: Resource,
    found: Value,
}

impl Made {
    fn target(&self) -> Target<'_> {
        self.resource.target_of(&self.found)
    }

    /// `ClusterRole kurator (finalizer example.com/audit)`.
    fn words(&self, now: &Value) -> String {
        let (kind, name) = (&self.resource.kind, object::name(&self.found).unwrap_or_default());
        let place = object::namespace(&self.found).map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let finalizers = object::get(now, &["metadata", "finalizers"]).and_then(Value::as_array);
        let finalizers: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
        let why = match finalizers.as_slice() {
            [] => String::new(),
            [one] => format!(" (finalizer {one})"),
            several => format!(" (finalizers {})", several.join(", ")),
        };
        format!("{kind} {place}{name}{why}")
    }
}

/// Deletes bindings in namespaces, the ClusterRole, and its binding if that is not all. Each only as it was when it got its owner, so
/// that nothing goes that an attach has written since.
async fn delete(api: &Api, owner: &Value, made: &[Made]) -> Result<(), Error> {
    let roles = rbac("ClusterRole", "clusterroles", false);
    let role = roles.target("", SERVICE_ACCOUNT);
    let now = api.get_metadata(&role).await?;
    if now.as_ref().and_then(object::resource_version) != object::resource_version(owner) {
        // An attach may have written a binding before it got its owner. Then it has written this one before.
        let message = format!("ClusterRole {SERVICE_ACCOUNT} was changed meanwhile");
        return Err(Error::Refused {
            code: 409,
            reason: "Conflict".to_owned(),
            message,
            fields: Vec::new(),
            missing: None,
        });
    }
    for binding in made.iter().filter(|made| made.resource.kind == "RoleBinding") {
        api.delete(&binding.target(), &Delete::exactly(&binding.found)).await?;
    }
    let background = Delete::exactly(owner).propagation(Propagation::Background);
    api.delete(&role, &background).await?;
    for binding in made.iter().filter(|made| made.resource.kind == "ClusterRoleBinding") {
        // Where the ClusterRole is gone there is no right to delete it, and it gives none.
        allowed(api.delete(&binding.target(), &Delete::exactly(&binding.found)).await)?;
    }
    Ok(())
}

/// Waits until all is gone, or no request is taken any more. What stays is named.
async fn until_gone(api: &Api, made: &[Made], namespace_stays: Option<String>) -> Result<End, Error> {
    let deadline = Instant::now() + GONE_WITHIN;
    loop {
        let (mut left, mut is_refused) = (Vec::new(), false);
        for one in made {
            match api.get_metadata(&one.target()).await {
                Ok(Some(now)) if object::uid(&now) == object::uid(&one.found) => left.push((one, now)),
                Ok(_) => {}
                // Without the account its token is not known any more.
                Err(error) if error.code() == Some(401) => return Ok(End::Removed(namespace_stays)),
                // It is known, and may not look: the account is still there, or was a moment ago.
                Err(error) if error.code() == Some(403) => is_refused = true,
                // A moment without an answer is no end: the next pass could not tell it from a member that shuts the hub out.
                Err(_) if Instant::now() < deadline => is_refused = true,
                Err(error) => return Err(error),
            }
        }
        if left.is_empty() && !is_refused {
            return Ok(End::Removed(namespace_stays));
        }
        if Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
            continue;
        }
        // What keeps the others first: the note of it is short.
        left.sort_by_key(|(_, now)| object::get(now, &["metadata", "finalizers"]).is_none());
        let is_left = |kind: &str| left.iter().any(|(one, _)| one.resource.kind == kind);
        let has_rights = is_left("ClusterRole") && is_left("ClusterRoleBinding");
        let names: Vec<String> = left.iter().map(|(one, now)| one.words(now)).collect();
        let secs = GONE_WITHIN.as_secs();
        let why = match names.as_slice() {
            [] => format!(
                "{secs} s after its rights went its token is still known there, so that ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT} is \
                 not gone: does the member collect garbage?"
            ),
            names => format!("{secs} s after they were deleted these are still there: {}", names.join(", ")),
        };
        return Ok(End::Left { why, has_rights });
    }
}

/// Leaves the account to others. `leaving`: this hub's mark, and the account as it was read, while the mark is there. Can be done
/// again after every step: the mark goes after the owners, since no other hub removes the account as long as it is there. The token
/// in use goes last, since nothing works without it.
async fn share(
    api: &Api,
    leaving: Option<(&String, &Value)>,
    minted: &Minted,
    is_limited: bool,
    hubs: String,
) -> Result<End, Error> {
    if let Some((mark, found)) = leaving {
        // With rights in some namespaces only a pass gives no owners, and nothing is asked for beyond these.
        if !is_limited {
            disown_rest(api).await?;
        }
        // As it was when the other marks were read: of two hubs that leave at the same time, one looks again, and is the last.
        let mut patch = json!({"metadata": {"uid": object::uid(found), "resourceVersion": object::resource_version(found),
            "annotations": {mark: null}}});
        if let Some(owners) = owners_without_role(found) {
            patch["metadata"]["ownerReferences"] = owners;
        }
        let accounts = Resource::core("ServiceAccount", "serviceaccounts", true);
        api.merge(&accounts.target(NAMESPACE, SERVICE_ACCOUNT), &patch).await?;
    }
    if let Some(name) = &minted.token_secret {
        mint::remove_token_secret(api, name).await?;
    }
    Ok(End::Shared(hubs))
}

/// What gets the ClusterRole as its owner beside the account, the Namespace and the rights in namespaces.
fn rest() -> [(Resource, &'static str, &'static str); 3] {
    [
        (rbac("ClusterRoleBinding", "clusterrolebindings", false), "", SERVICE_ACCOUNT),
        (rbac("RoleBinding", "rolebindings", true), NAMESPACE, CREDENTIAL_ROLE),
        (rbac("Role", "roles", true), NAMESPACE, CREDENTIAL_ROLE),
    ]
}

/// Takes the ClusterRole away as an owner of everything but the account. What this hub may not read or write, it gave no owner.
async fn disown_rest(api: &Api) -> Result<(), Error> {
    let namespace = (Resource::core("Namespace", "namespaces", false), "", NAMESPACE);
    for (resource, namespace, name) in rest().into_iter().chain([namespace]) {
        let target = resource.target(namespace, name);
        let found = allowed(api.get_metadata(&target).await)?.flatten();
        allowed(disown(api, &target, found).await)?;
    }
    for (resource, found) in allowed(rights_in_namespaces(api).await)?.unwrap_or_default() {
        let (namespace, name) = (object::namespace(&found), object::name(&found));
        let target = resource.target(namespace.unwrap_or_default(), name.unwrap_or_default());
        allowed(disown(api, &target, Some(found.clone())).await)?;
    }
    Ok(())
}

/// The answer, or `None` where the member refuses it.
fn allowed<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(error) if is_final(&error) => Ok(None),
        answer => answer.map(Some),
    }
}

async fn disown(api: &Api, target: &Target<'_>, found: Option<Value>) -> Result<(), Error> {
    let Some(found) = found.filter(is_made) else { return Ok(()) };
    let Some(owners) = owners_without_role(&found) else { return Ok(()) };
    let patch = json!({"metadata": {"uid": object::uid(&found), "resourceVersion": object::resource_version(&found),
        "ownerReferences": owners}});
    api.merge(target, &patch).await.map(drop)
}

/// The owners of an object without the ClusterRole; `None` when it is none of them.
fn owners_without_role(found: &Value) -> Option<Value> {
    let owners = object::get(found, &["metadata", "ownerReferences"])?.as_array()?;
    let is_role = |owner: &&Value| owner["kind"] == "ClusterRole" && owner["name"] == SERVICE_ACCOUNT;
    owners.iter().any(|owner| is_role(&owner)).then(|| owners.iter().filter(|owner| !is_role(owner)).cloned().collect())
}

/// Takes the mark of a hub that has left off an account that stays: the next one that leaves is not told that others work as it.
///
/// Returns why it stays and what to do, where no trying changes that.
///
/// # Errors
/// The member does not answer: to be tried again.
pub async fn unmark(api: &Api, minted: &Minted) -> Result<Option<String>, Error> {
    let Some(mark) = &minted.used_by else { return Ok(None) };
    let accounts = Resource::core("ServiceAccount", "serviceaccounts", true);
    let patch = json!({"metadata": {"annotations": {mark: null}}});
    match api.merge(&accounts.target(NAMESPACE, SERVICE_ACCOUNT), &patch).await {
        Err(error) if error.is_gone() => Ok(None),
        Err(error) if is_final(&error) => Ok(Some(format!(
            "{error}; take annotation {mark} off ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT} by hand, or the next hub that leaves is told \
             that this one works as it"
        ))),
        other => other.map(|_| None),
    }
}

/// The hubs that have inventories in the member, by the labels of these, without the hub `own`.
///
/// # Errors
/// The member refuses, or does not answer.
pub async fn hubs_with_inventories(api: &Api, own: Option<&HubId>) -> Result<BTreeSet<String>, Error> {
    let secrets = Resource::core("Secret", "secrets", true);
    let selection = Selection { content: Content::Metadata, ..Selection::labels(label::GROUP.to_owned()) };
    let listed = api.list(&secrets, label::SYSTEM_NAMESPACE, &selection).await?;
    let hubs = listed.items.iter().filter_map(|secret| object::label(secret, label::HUB));
    Ok(hubs.filter(|hub| own.is_none_or(|own| own.as_str() != *hub)).map(str::to_owned).collect())
}

/// Notes on the account that a hub works as it, for its attached cluster of this name, and returns the annotation.
///
/// # Errors
/// The member refuses, or does not answer.
pub async fn mark(api: &Api, hub: &HubId, namespace: &str, name: &str) -> Result<String, Error> {
    let accounts = Resource::core("ServiceAccount", "serviceaccounts", true);
    let own = used_by(&whose(hub, namespace, name));
    let patch = json!({"metadata": {"annotations": {own.as_str(): whose_words(hub, namespace, name)}}});
    api.merge(&accounts.target(NAMESPACE, SERVICE_ACCOUNT), &patch).await?;
    Ok(own)
}

fn is_made(found: &Value) -> bool {
    object::label(found, MANAGED_BY) == Some(MANAGER)
}

/// Did an attach write it? Of a role in any namespace, neither its name nor the common label says so: both may be a stranger's.
fn is_attached(found: &Value) -> bool {
    object::annotation(found, ATTACHED_AT).is_some()
}

/// Gives an object of `kurator attach` its owner. One that is somebody else's, or is not there, is left alone. The object as it is
/// then.
async fn own_object(
    api: &Api,
    resource: &Resource,
    namespace: &str,
    name: &str,
    owner: &Value,
) -> Result<Option<Made>, Error> {
    let target = resource.target(namespace, name);
    let Some(found) = api.get_metadata(&target).await?.filter(is_made) else { return Ok(None) };
    let known = object::get(&found, &["metadata", "ownerReferences"]).and_then(Value::as_array);
    let is_owned =
        known.is_some_and(|owners| owners.iter().any(|known| known["uid"] == object::uid(owner).unwrap_or_default()));
    let found = if is_owned { found } else { write_owner(api, &target, &found, owner).await? };
    Ok(Some(Made { resource: resource.clone(), found }))
}

/// The owner of an object as it was read: one that has changed since is a conflict. The object as it is then.
async fn write_owner(api: &Api, target: &Target<'_>, found: &Value, owner: &Value) -> Result<Value, Error> {
    let uid = object::uid(owner).unwrap_or_default();
    // Only this one: with another owner it would not go.
    let reference =
        json!({"apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "name": SERVICE_ACCOUNT, "uid": uid});
    let patch = json!({"metadata": {"uid": object::uid(found), "resourceVersion": object::resource_version(found),
        "ownerReferences": [reference]}});
    api.merge(target, &patch).await
}

/// The metadata of the roles in namespaces and of their bindings: those that are left of rights in some namespaces only, before
/// they were widened, or of a hub that left. A role may have lost its binding already.
async fn rights_in_namespaces(api: &Api) -> Result<Vec<(Resource, Value)>, Error> {
    let made = Selection { content: Content::Metadata, ..Selection::labels(format!("{MANAGED_BY}={MANAGER}")) };
    let mut out = Vec::new();
    for resource in [rbac("RoleBinding", "rolebindings", true), rbac("Role", "roles", true)] {
        let listed = api.list(&resource, "", &made).await?.items;
        let is_right = |found: &Value| {
            object::name(found).is_some_and(|name| [SERVICE_ACCOUNT, IDENTITY_ROLE, INVENTORY_ROLE].contains(&name))
        };
        out.extend(listed.into_iter().filter(is_right).map(|found| (resource.clone(), found)));
    }
    Ok(out)
}

fn named(hubs: &[&str]) -> String {
    let more = hubs.len().saturating_sub(HUBS_NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", hubs.iter().take(HUBS_NAMED_MAX).copied().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;

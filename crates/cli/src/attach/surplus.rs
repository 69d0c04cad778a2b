//! Rights that were made in the cluster and are not wanted any more: they go when the hub has read that it has fewer, and when no
//! other hub may work with them.

use api::kurator::annotation::ATTACHED_AT;
use api::kurator::minted::{MANAGED_BY, MANAGER, Minted, NAMESPACE, SERVICE_ACCOUNT, marks, used_by};
use client::{Content, Delete, Propagation, Resource, Selection};
use controllers::account::hubs_with_inventories;
use model::object;
use serde_json::Value;

use super::hub::Present;
use super::mark::is_old;
use super::remnant::Rewritten;
use super::rights::{self, Before, Grant};
use super::{Place, accounts};

/// What was made in the cluster for rights that are not wanted any more.
#[derive(Default)]
pub(super) struct Surplus {
    /// Each as it was found. Only exactly that is deleted.
    pub(super) rights: Vec<(Grant, Value)>,
    /// Why these stay, in words: another hub may work with them. `None`: they go.
    pub(super) kept: Option<String>,
    /// What may be there, and cannot be seen: it stays.
    pub(super) unseen: Vec<String>,
}

impl Surplus {
    /// Takes note of the ClusterRole as this command wrote it. One that was changed before that is not what was shown, and stays.
    pub(super) fn learn(&mut self, rewritten: Option<Rewritten>) {
        let known = self.rights.iter_mut().find(|(grant, _)| grant.resource.kind == "ClusterRole");
        if let (Some((_, found)), Some(Rewritten { from, role })) = (known, rewritten)
            && object::resource_version(found) == Some(from.as_str())
        {
            *found = role;
        }
    }

    /// Takes rights in namespaces out: a command that only adds some removes none. What is not recorded may be what another one adds.
    pub(super) fn keep_namespaces(&mut self) {
        self.rights.retain(|(grant, _)| object::namespace(&grant.object).is_none());
        if self.rights.is_empty() {
            self.kept = None;
        }
    }

    fn names(&self) -> String {
        self.rights.iter().map(|(grant, _)| grant.name()).collect::<Vec<_>>().join(", ")
    }

    /// What is said of those that were to go, after a failure before that.
    pub(super) fn left_words(&self) -> String {
        if self.rights.is_empty() || self.kept.is_some() {
            return String::new();
        }
        format!(
            "; what gave the rights before is still in the cluster until that command has succeeded: {}",
            self.names()
        )
    }
}

impl Place<'_> {
    /// What was made there for other rights than are wanted now. It is looked for: an attached cluster may have been deleted, and
    /// a command before this one may have ended between its last write and the removal.
    pub(super) async fn surplus(&self, present: &Present) -> anyhow::Result<Surplus> {
        let mut out = Surplus::default();
        let recorded = present.attached.iter().flat_map(|attached| attached.spec.namespaces.iter().cloned());
        let mut before = Before::recorded(recorded);
        // Roles too: a command may have ended after it deleted a binding.
        for (kind, plural) in [("RoleBinding", "rolebindings"), ("Role", "roles")] {
            let resource = Resource::new("rbac.authorization.k8s.io", "v1", kind, plural, true);
            let ours = Selection { content: Content::Metadata, ..Selection::labels(format!("{MANAGED_BY}={MANAGER}")) };
            match self.member.list(&resource, "", &ours).await {
                // Name and label may be those of somebody's own role.
                Ok(list) => {
                    let made = list.items.iter().filter(|found| object::annotation(found, ATTACHED_AT).is_some());
                    made.for_each(|found| before.note_right(found));
                }
                // Then only those are known that are recorded.
                Err(error) if error.is_denied() => out.unseen.push(format!("{kind}s in other namespaces")),
                Err(error) => return Err(self.of_cluster(&format!("cannot list {kind}s"))(error)),
            }
        }
        for grant in rights::surplus(&before, &self.names.namespaces) {
            match self.member.get_metadata(&grant.resource.target_of(&grant.object)).await {
                Ok(Some(found)) if grant.may_be_written(&found) => out.rights.push((grant, found)),
                // It is not there, or it is not ours.
                Ok(_) => {}
                Err(error) if error.is_denied() => out.unseen.push(grant.name()),
                Err(error) => return Err(self.of_cluster(&format!("cannot read {}", grant.name()))(error)),
            }
        }
        if !out.rights.is_empty() {
            out.kept = self.why_kept(present.minted().as_ref()).await?;
        }
        Ok(out)
    }

    /// Why rights of the account may be another hub's, in words; `None` when no other hub works as it. A hub of an earlier version
    /// has set no mark: what it delivered says that it is there. What cannot be seen counts as one.
    async fn why_kept(&self, before: Option<&Minted>) -> anyhow::Result<Option<String>> {
        let about = format!("cannot see which hubs work as ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT}");
        let unseen = |why: &client::Error| format!("you may not see whether another hub works as this account: {why}");
        let found = match self.member.get(&accounts().target(NAMESPACE, SERVICE_ACCOUNT)).await {
            Ok(found) => found.unwrap_or_default(),
            Err(error) if error.is_denied() => return Ok(Some(unseen(&error))),
            Err(error) => return Err(self.of_cluster(&about)(error)),
        };
        let own = used_by(&self.mark.key);
        let others = marks(&found).filter(|(name, words)| **name != own && !is_old(name, words, before));
        let mut others: Vec<String> = others.map(|(_, words)| words.to_owned()).collect();
        match hubs_with_inventories(self.member, self.own_id).await {
            Ok(hubs) => {
                let is_named = |hub: &String| others.iter().any(|words| words.contains(&format!("hub {hub}")));
                let unnamed: Vec<String> = hubs.into_iter().filter(|hub| !is_named(hub)).collect();
                let words = |hub: String| match self.own_id {
                    Some(_) => format!("hub {hub}, which has inventories here"),
                    None => format!("hub {hub}, unless that is this one, whose id you may not see"),
                };
                others.extend(unnamed.into_iter().map(words));
            }
            Err(error) if error.is_denied() && others.is_empty() => return Ok(Some(unseen(&error))),
            Err(error) if error.is_denied() => {}
            Err(error) => return Err(self.of_cluster(&about)(error)),
        }
        Ok((!others.is_empty()).then(|| format!("another hub works as this account: {}", others.join(", "))))
    }

    /// Removes what was shown. One that was changed since stays, and is said. Nothing goes that another hub may work with, also
    /// one that came since: then it is returned why.
    pub(super) async fn remove(&self, surplus: &Surplus, before: Option<&Minted>) -> anyhow::Result<Option<String>> {
        if surplus.rights.is_empty() || surplus.kept.is_some() {
            return Ok(None);
        }
        if let Some(why) = self.why_kept(before).await? {
            return Ok(Some(format!("it stays in the cluster after all: {}; {why}", surplus.names())));
        }
        for (grant, found) in &surplus.rights {
            let mut how = Delete::exactly(found);
            if grant.resource.kind == "ClusterRole" {
                // A detach that did not end may have made it the owner of what is wanted.
                how = how.propagation(Propagation::Orphan);
            }
            let deleted = self.member.delete(&grant.resource.target_of(&grant.object), &how).await;
            let why = match &deleted {
                Err(error) if error.is_conflict() => {
                    "was changed after it was shown, as by another `kurator attach`, and stays, with the rights before: see what \
                     is wanted, then run the same command again"
                }
                _ => "cannot be deleted, which gives the rights before: run the same command again",
            };
            let what = format!("the cluster is attached and the hub has its new rights, and {} {why}", grant.name());
            deleted.map_err(self.of_cluster(&what))?;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;

//! What a detach has left in the cluster: what goes is waited for, and what stays though its removal began is taken back.
//!
//! A hub that leaves makes the ClusterRole the owner of everything, and deletes that ([`controllers::account`]).
//!
//! | the owner of an object | what becomes of the object | what attach does |
//! |---|---|---|
//! | a ClusterRole that is gone, or is being deleted | the cluster removes it, also when it was applied meanwhile | waits |
//! | the ClusterRole that is there: the detach was refused half-way, its hub has ended, or it still runs | it stays until the ClusterRole is deleted | takes the owner away |
//! | a ClusterRole that the user may not read | it cannot be seen | waits a little, then says so |

use std::time::Duration;

use anyhow::bail;
use api::kurator::minted::{MANAGED_BY, MANAGER, SERVICE_ACCOUNT, TAKEN_BACK};
use client::Resource;
use model::object;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Place;
use super::rights::{self, Grant};
use crate::output;

/// Longest wait for what a detach has left. A cluster removes it within seconds, and a namespace after all that is in it.
pub(super) const GONE_WITHIN: Duration = Duration::from_secs(120);

/// Between two looks at it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Longest wait for an object of which it cannot be seen whether it goes. A cluster removes within seconds what has lost its owner.
const UNSEEN_WITHIN: Duration = Duration::from_secs(10);

/// How often things are taken back. A detach that still runs gives the owner once more, and is refused at its end.
const TAKEN_BACK_MAX: usize = 5;

/// Does the cluster remove an object by itself?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Going {
    No,
    Yes,
    /// The ClusterRole owns it, and the user may not see whether that is there.
    Unseen,
}

/// An object of the list after the wait.
struct Settled {
    /// Its metadata.
    found: Option<Value>,
    /// It goes, and has not gone in time.
    going: Going,
}

/// The ClusterRole after this command wrote it.
pub(super) struct Rewritten {
    /// The version that it had before.
    pub(super) from: String,
    pub(super) role: Value,
}

fn roles() -> Resource {
    Resource::new("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false)
}

impl Place<'_> {
    /// What is to be made in the cluster, and whether it is there. What another detach has begun to remove is waited for.
    pub(super) async fn grants(&self, until: Instant) -> anyhow::Result<Vec<(Grant, bool)>> {
        let mut out = Vec::new();
        for grant in rights::grants(&self.names.namespaces) {
            let there = match self.settled(&grant, until).await {
                Ok(Settled { found: Some(found), .. }) if !grant.may_be_written(&found) => bail!(
                    "context {}: {} is there already, and `kurator attach` did not make it (it has no label {MANAGED_BY}: \
                     {MANAGER}); nothing was changed: see what it is for, rename or delete it, and attach again",
                    self.context,
                    grant.name()
                ),
                Ok(Settled { going: Going::Unseen, .. }) => bail!(
                    "context {}: ClusterRole {SERVICE_ACCOUNT} owns {}, as after a `kurator detach --release` that did not end, and \
                     you may not see that role, so that it cannot be seen whether {} goes with it; nothing was changed: ask for the \
                     rights to get and patch ClusterRole {SERVICE_ACCOUNT} in this cluster, and attach again",
                    self.context,
                    grant.name(),
                    grant.name()
                ),
                Ok(Settled { going: Going::Yes, .. }) => bail!(
                    "context {}: {} is on its way out, as after `kurator detach --release`, and is still there after {} s; \
                     nothing was changed: see with `kubectl get {} -o yaml` what keeps it, and attach again when it is gone",
                    self.context,
                    grant.name(),
                    GONE_WITHIN.as_secs(),
                    grant.kubectl_words()
                ),
                Ok(Settled { found: Some(_), .. }) if grant.only_if_missing => continue,
                Ok(Settled { found, .. }) => found.is_some(),
                // It is applied anyway, and then it is said what the user may not.
                Err(error) if error.is_denied() => false,
                Err(error) => return Err(self.of_cluster(&format!("cannot read {}", grant.name()))(error)),
            };
            out.push((grant, there));
        }
        Ok(out)
    }

    /// An object, once it is not on its way out: what is applied to one that is would go with it.
    async fn settled(&self, grant: &Grant, until: Instant) -> Result<Settled, client::Error> {
        let target = grant.resource.target_of(&grant.object);
        let mut is_said = false;
        let unseen_until = until.min(Instant::now() + UNSEEN_WITHIN);
        loop {
            let found = self.member.get_metadata(&target).await?;
            let going = match found.as_ref().filter(|found| grant.may_be_written(found)) {
                Some(found) => self.going(found).await?,
                None => Going::No,
            };
            let is_over = match going {
                Going::No => true,
                Going::Yes => Instant::now() >= until,
                Going::Unseen => Instant::now() >= unseen_until,
            };
            if is_over {
                return Ok(Settled { found, going });
            }
            if !is_said && going == Going::Yes {
                output::print_stderr(format_args!("waits until {} is gone, which a detach has left", grant.name()));
                is_said = true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn going(&self, found: &Value) -> Result<Going, client::Error> {
        if object::is_deleting(found) {
            return Ok(Going::Yes);
        }
        if rights::role_owners(found).next().is_none() {
            return Ok(Going::No);
        }
        let role = match self.living_role().await {
            Err(error) if error.is_denied() => return Ok(Going::Unseen),
            role => role?,
        };
        let uid = role.as_ref().and_then(object::uid);
        let lives = rights::role_owners(found).any(|owner| uid.is_some_and(|uid| owner["uid"] == uid));
        Ok(if lives { Going::No } else { Going::Yes })
    }

    /// The ClusterRole, if it is there and is not being deleted.
    async fn living_role(&self) -> Result<Option<Value>, client::Error> {
        let found = self.member.get_metadata(&roles().target("", SERVICE_ACCOUNT)).await?;
        Ok(found.filter(|role| !object::is_deleting(role)))
    }

    /// Takes the ClusterRole away as an owner of what is to be made, and returns that. Returns the role too, if it was written.
    pub(super) async fn take_back(&self, until: Instant) -> anyhow::Result<(Vec<(Grant, bool)>, Option<Rewritten>)> {
        let mut written: Option<Rewritten> = None;
        for _ in 0..TAKEN_BACK_MAX {
            let grants = self.grants(until).await?;
            let mut owned = Vec::new();
            for (grant, _) in grants.iter().filter(|(_, there)| *there) {
                let found = self.member.get_metadata(&grant.resource.target_of(&grant.object)).await;
                let found = found.map_err(self.of_cluster(&format!("cannot read {}", grant.name())))?;
                owned.extend(found.filter(|found| rights::role_owners(found).next().is_some()).map(|it| (grant, it)));
            }
            if owned.is_empty() {
                return Ok((grants, written));
            }
            // Before the owners: a detach that still runs deletes the role only as it read it, which is refused from here on. A
            // detach that begins later finds the mark on the account.
            let Some(mut role) = self.write_role().await? else { continue };
            for (grant, found) in owned {
                self.disown(grant, &found).await?;
            }
            if let Some(first) = written.take_if(|first| object::resource_version(&first.role) == Some(&role.from)) {
                role.from = first.from;
            }
            written = Some(role);
        }
        // A detach that gives the owner again and again cannot delete the role, and finds the mark at last.
        Ok((self.grants(until).await?, written))
    }

    /// Writes the ClusterRole, so that it has another version. `None` when it has gone or was changed meanwhile.
    async fn write_role(&self) -> anyhow::Result<Option<Rewritten>> {
        let about = format!("cannot take ClusterRole {SERVICE_ACCOUNT} back from a detach that did not end");
        let role = self.living_role().await.map_err(self.of_cluster(&about))?;
        let Some(role) = role else { return Ok(None) };
        let from = object::resource_version(&role).unwrap_or_default().to_owned();
        let patch = json!({"metadata": {"uid": object::uid(&role), "resourceVersion": from,
            "annotations": {TAKEN_BACK: from}}});
        match self.member.merge(&roles().target("", SERVICE_ACCOUNT), &patch).await {
            Ok(role) => Ok(Some(role).filter(|role| !object::is_deleting(role)).map(|role| Rewritten { from, role })),
            Err(error) if error.is_gone() || error.is_conflict() => Ok(None),
            Err(error) => Err(self.of_cluster(&about)(error)),
        }
    }

    /// Takes the ClusterRole away as an owner. What was written meanwhile is looked at again.
    async fn disown(&self, grant: &Grant, found: &Value) -> anyhow::Result<()> {
        let owners = object::get(found, &["metadata", "ownerReferences"]).and_then(Value::as_array);
        let left: Vec<&Value> = owners.into_iter().flatten().filter(|owner| !rights::is_role(owner)).collect();
        let patch = json!({"metadata": {"uid": object::uid(found), "resourceVersion": object::resource_version(found),
            "ownerReferences": left}});
        match self.member.merge(&grant.resource.target_of(&grant.object), &patch).await {
            Err(error) if !error.is_gone() && !error.is_conflict() => {
                let about = format!("cannot take {} back from a detach that did not end", grant.name());
                Err(self.of_cluster(&about)(error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

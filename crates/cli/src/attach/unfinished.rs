//! What a detach has left in the cluster: what goes is waited for, and what stays though its removal began is taken back.
//!
//! A hub that leaves makes the ClusterRole the owner of everything, and deletes that ([`controllers::account`]).
//!
//! | the owner of an object | what becomes of the object | what attach does |
//! |---|---|---|
//! | a ClusterRole that is gone, or is on its way out | the cluster removes it, also what was applied meanwhile | waits |
//! | the ClusterRole that is there: the detach was refused half-way, its hub has ended, or it is still at it | it stays until that is deleted | takes the owner away |

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

/// How often things are taken back. A detach that is still at it gives the owner again, once, and is refused at its end.
const TAKEN_BACK_MAX: usize = 5;

/// An object of the list, once it does not go by itself any more.
struct Settled {
    /// Its metadata.
    found: Option<Value>,
    /// It goes, and has not gone in time.
    is_going: bool,
}

fn roles() -> Resource {
    Resource::new("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false)
}

impl Place<'_> {
    /// What is to be made in the cluster, and whether it is there. What another detach has begun to remove is waited for.
    pub(super) async fn grants(&self, within: Duration) -> anyhow::Result<Vec<(Grant, bool)>> {
        let mut out = Vec::new();
        let until = Instant::now() + within;
        for grant in rights::grants(&self.names.namespaces) {
            let there = match self.settled(&grant, until).await {
                Ok(Settled { found: Some(found), .. }) if !grant.may_be_written(&found) => bail!(
                    "context {}: {} is there already, and `kurator attach` did not make it (it has no label {MANAGED_BY}: \
                     {MANAGER}); nothing was changed: see what it is for, rename or delete it, and attach again",
                    self.context,
                    grant.name()
                ),
                Ok(Settled { is_going: true, .. }) => bail!(
                    "context {}: {} is on its way out, as after `kurator detach --release`, and is still there after {} s; \
                     nothing was changed: see with `kubectl get {} -o yaml` what keeps it, and attach again when it is gone",
                    self.context,
                    grant.name(),
                    within.as_secs(),
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
        loop {
            let found = self.member.get_metadata(&target).await?;
            let is_going = match found.as_ref().filter(|found| grant.may_be_written(found)) {
                Some(found) => self.is_going(found).await?,
                None => false,
            };
            if !is_going || Instant::now() >= until {
                return Ok(Settled { found, is_going });
            }
            if !is_said {
                output::print_stderr(format_args!("waits until {} is gone, which a detach has left", grant.name()));
                is_said = true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Does the cluster remove an object by itself?
    async fn is_going(&self, found: &Value) -> Result<bool, client::Error> {
        if object::is_deleting(found) {
            return Ok(true);
        }
        if rights::role_owners(found).next().is_none() {
            return Ok(false);
        }
        let role = self.living_role().await?;
        let uid = role.as_ref().and_then(object::uid);
        Ok(!rights::role_owners(found).any(|owner| uid.is_some_and(|uid| owner["uid"] == uid)))
    }

    /// The ClusterRole, if it stays. One that the user may not see may be on its way out.
    async fn living_role(&self) -> Result<Option<Value>, client::Error> {
        match self.member.get_metadata(&roles().target("", SERVICE_ACCOUNT)).await {
            Ok(found) => Ok(found.filter(|role| !object::is_deleting(role))),
            Err(error) if error.is_denied() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is to be made, after nothing of it goes with the ClusterRole any more. Returns that role too, if it was written.
    pub(super) async fn take_back(&self, within: Duration) -> anyhow::Result<(Vec<(Grant, bool)>, Option<Value>)> {
        let mut written = None;
        for _ in 0..TAKEN_BACK_MAX {
            let grants = self.grants(within).await?;
            let mut owned = Vec::new();
            for (grant, _) in grants.iter().filter(|(_, there)| *there) {
                let found = self.member.get_metadata(&grant.resource.target_of(&grant.object)).await;
                let found = found.map_err(self.of_cluster(&format!("cannot read {}", grant.name())))?;
                owned.extend(found.filter(|found| rights::role_owners(found).next().is_some()).map(|it| (grant, it)));
            }
            if owned.is_empty() {
                return Ok((grants, written));
            }
            // Before the owners: a detach that is still at it deletes the role as it read it, which is refused from here on. A
            // next one finds the mark on the account.
            let Some(role) = self.write_role().await? else { continue };
            for (grant, found) in owned {
                self.disown(grant, &found).await?;
            }
            written = Some(role);
        }
        // A detach that gives the owner all the time cannot delete it, and finds the mark at last.
        Ok((self.grants(within).await?, written))
    }

    /// Writes the ClusterRole, so that it has another version. `None` when it has gone meanwhile.
    async fn write_role(&self) -> anyhow::Result<Option<Value>> {
        let about = format!("cannot take ClusterRole {SERVICE_ACCOUNT} back from a detach that did not end");
        let role = self.living_role().await.map_err(self.of_cluster(&about))?;
        let Some(role) = role else { return Ok(None) };
        let patch = json!({"metadata": {"uid": object::uid(&role),
            "annotations": {TAKEN_BACK: object::resource_version(&role)}}});
        match self.member.merge(&roles().target("", SERVICE_ACCOUNT), &patch).await {
            Ok(role) => Ok(Some(role).filter(|role| !object::is_deleting(role))),
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

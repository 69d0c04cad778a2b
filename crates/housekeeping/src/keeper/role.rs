//! Applies [`crate::role::plan`].

use client::{Error, Next, Selection};

use super::{Inner, is_stale};
use crate::role::plan;

impl Inner {
    pub(super) async fn gather_rules(&self) -> Result<Next, Error> {
        let Some(roles) = self.lock().served.kind(super::RBAC, "ClusterRole").cloned() else { return Ok(Next::Wait) };
        let listed = self.api.list_as(&roles, "", &Selection::default(), Some).await?;
        for (name, patch) in plan(&listed.items) {
            match self.api.merge(&roles.target("", &name), &patch).await {
                // Its own event brings the next look: another role may gather this one.
                Ok(_) => {}
                Err(error) if is_stale(&error) => return Ok(Next::Retry),
                Err(error) => return Err(error),
            }
        }
        Ok(Next::Wait)
    }
}

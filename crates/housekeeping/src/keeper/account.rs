//! Applies [`crate::account::plan`].

use client::{Error, Next};

use super::{Inner, is_stale};
use crate::account::{ACCOUNT, Observed, Plan, ROOT_CA, plan};

impl Inner {
    pub(super) async fn furnish(&self, namespace: &str) -> Result<Next, Error> {
        let (mut observed, known, accounts, maps) = {
            let state = self.lock();
            let kinds = (state.served.kind("", "ServiceAccount"), state.served.kind("", "ConfigMap"));
            let (Some(accounts), Some(maps)) = kinds else { return Ok(Next::Wait) };
            let Some(owner) = state.namespace(namespace) else { return Ok(Next::Wait) };
            let observed = Observed {
                deleting: owner.deleting,
                account: state.graph.find(accounts, namespace, ACCOUNT).is_some(),
                root_ca: None,
            };
            let known = state.graph.find(maps, namespace, ROOT_CA).is_some();
            (observed, known, accounts.clone(), maps.clone())
        };
        if known && self.ca.is_some() {
            observed.root_ca = self.api.get(&maps.target(namespace, ROOT_CA)).await?;
        }
        let Plan { account, root_ca, changed_ca } = plan(namespace, observed, self.ca.as_deref());
        for (resource, object) in [(accounts, account), (maps.clone(), root_ca)] {
            let Some(object) = object else { continue };
            match self.api.create(&resource, namespace, &object).await {
                Ok(stored) => self.learn(&resource, &stored),
                // It is there already, or the namespace went; the watch will say.
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(object) = changed_ca {
            match self.api.replace(&maps.target(namespace, ROOT_CA), &object).await {
                Ok(stored) => self.learn(&maps, &stored),
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Next::Wait)
    }
}

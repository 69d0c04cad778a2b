//! Applies [`crate::account::plan`].

use super::{Inner, is_stale};
use crate::account::{ACCOUNT, Observed, Plan, ROOT_CA, plan};
use crate::api::Error;
use crate::queue::Turn;

impl Inner {
    pub(super) async fn furnish(&self, namespace: &str) -> Result<Turn, Error> {
        let (plan, accounts, maps) = {
            let state = self.lock();
            let kinds = (state.discovery.kind("", "ServiceAccount"), state.discovery.kind("", "ConfigMap"));
            let (Some(accounts), Some(maps)) = kinds else { return Ok(Turn::Done) };
            let Some(owner) = state.namespace(namespace) else { return Ok(Turn::Done) };
            let observed = Observed {
                deleting: owner.deleting,
                account: state.graph.find(accounts, namespace, ACCOUNT).is_some(),
                root_ca: state.graph.find(maps, namespace, ROOT_CA).is_some(),
            };
            (plan(namespace, observed, self.ca.as_deref()), accounts.clone(), maps.clone())
        };
        let Plan { account, root_ca } = plan;
        for (served, object) in [(accounts, account), (maps, root_ca)] {
            let Some(object) = object else { continue };
            match self.api.create(&served.collection(namespace), &object).await {
                Ok(stored) => self.learn(&served, &stored),
                // It is there already, or the namespace went; the watch will say.
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Turn::Done)
    }
}

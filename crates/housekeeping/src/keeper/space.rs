//! Empties a namespace and applies [`crate::namespace::plan`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::Inner;
use crate::api::{Error, JSON, METADATA_LIST};
use crate::discovery::Served;
use crate::namespace::{Plan, Rest, is_emptying, plan};
use crate::queue::Turn;

/// Pages read at the same time when a namespace is checked for leftovers: one small page per kind, a few dozen kinds.
const CHECKS: usize = 8;
/// After how long something that stays is worth a condition and another look. Pods that stop need less.
const PATIENCE: Duration = Duration::from_secs(2);

/// One kind's objects in a namespace.
struct Content {
    served: Arc<Served>,
    total: usize,
    /// Not yet told to go.
    untold: usize,
}

impl Inner {
    pub(super) async fn empty(&self, name: &str) -> Result<Turn, Error> {
        let path = format!("/api/v1/namespaces/{name}");
        let Some(namespace) = self.api.get(&path, JSON).await?.filter(is_emptying) else { return Ok(Turn::Done) };
        let mut rest = Rest::default();
        let told = self.tell(name, &mut rest).await;
        if rest.kinds.is_empty() {
            let (leftovers, undiscovered) = self.check(name).await?;
            rest.undiscovered = undiscovered;
            for (served, count) in leftovers {
                self.sweep(&served, name, &mut rest).await;
                rest.kinds.push((served.to_string(), count));
            }
        }
        match plan(&namespace, &rest, self.clock.now()) {
            Plan::Leave => Ok(Turn::Done),
            Plan::Finalize(object) => {
                self.api.update(&format!("{path}/finalize"), &object).await?;
                Ok(Turn::Done)
            }
            Plan::Wait(conditions) => {
                // Deletions take their time; only what stays is news.
                if let Some(conditions) = conditions.filter(|_| !told && self.is_overdue(&namespace)) {
                    let patch = json!({"status": {"phase": "Terminating", "conditions": conditions}});
                    self.api.merge(&format!("{path}/status"), &patch).await?;
                }
                Ok(Turn::After(PATIENCE))
            }
        }
    }

    fn is_overdue(&self, namespace: &Value) -> bool {
        let since = model::object::get_str(namespace, &["metadata", "deletionTimestamp"]);
        let since = since.and_then(|text| text.parse::<model::Timestamp>().ok());
        since.is_none_or(|since| self.clock.now() >= since + PATIENCE)
    }

    /// Tells everything known to be there to go: pods first, the rest when no pod is left, so that what pods need
    /// outlives them. True when something was told that had not been.
    async fn tell(&self, name: &str, rest: &mut Rest) -> bool {
        let contents = self.contents(name, rest);
        let pods = contents.iter().any(|c| is_pods(&c.served));
        let mut told = false;
        for content in &contents {
            rest.kinds.push((content.served.to_string(), content.total));
            if content.untold > 0 && (!pods || is_pods(&content.served)) {
                told = true;
                self.sweep(&content.served, name, rest).await;
            }
        }
        told
    }

    fn contents(&self, name: &str, rest: &mut Rest) -> Vec<Content> {
        let state = self.lock();
        let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
        let mut out = Vec::new();
        for (served, items) in state.graph.contents(name) {
            for finalizer in items.iter().flat_map(|item| &item.held) {
                *finalizers.entry(finalizer.clone()).or_default() += 1;
            }
            let untold = items.iter().filter(|item| !item.deleting).count();
            out.push(Content { served, total: items.len(), untold });
        }
        rest.finalizers = finalizers.into_iter().collect();
        out
    }

    async fn sweep(&self, served: &Served, name: &str, rest: &mut Rest) {
        if !served.can("deletecollection") && !served.can("delete") {
            return;
        }
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"});
        let swept = if served.can("deletecollection") {
            self.api.delete(&served.collection(name), &options).await.map(drop)
        } else {
            self.sweep_singly(served, name, &options).await
        };
        if let Err(error) = swept {
            rest.failures.push(error.to_string());
        }
    }

    async fn sweep_singly(&self, served: &Served, name: &str, options: &Value) -> Result<(), Error> {
        let list = self.api.read(&served.collection(name), METADATA_LIST).await?;
        for item in list.get("items").and_then(Value::as_array).into_iter().flatten() {
            let Some(object) = model::object::name(item) else { continue };
            self.api.delete(&served.object(name, object), options).await?;
        }
        Ok(())
    }

    /// Reads live, kind by kind, what is left; also the groups that cannot be asked.
    async fn check(&self, name: &str) -> Result<(Vec<(Arc<Served>, usize)>, Vec<String>), Error> {
        let discovery = self.lock().discovery.clone();
        let kinds: Vec<Arc<Served>> =
            discovery.kinds.iter().filter(|k| k.namespaced && k.can("list") && k.can("delete")).cloned().collect();
        let mut pages = stream::iter(kinds)
            .map(|served| async move {
                let path = format!("{}?limit=1", served.collection(name));
                let page = self.api.get(&path, METADATA_LIST).await?;
                let some = page.as_ref().and_then(|p| p.get("items")?.as_array().map(Vec::len)).unwrap_or_default();
                let more = page.as_ref().and_then(|p| p.pointer("/metadata/remainingItemCount")?.as_u64());
                Ok::<_, Error>((served, some + usize::try_from(more.unwrap_or_default()).unwrap_or_default()))
            })
            .buffer_unordered(CHECKS);
        let mut left = Vec::new();
        while let Some(page) = pages.next().await {
            let (served, count) = page?;
            if count > 0 {
                left.push((served, count));
            }
        }
        left.sort();
        Ok((left, discovery.failed.iter().map(|(group, why)| format!("{group}: {why}")).collect()))
    }
}

fn is_pods(served: &Served) -> bool {
    served.group.is_empty() && served.plural == "pods"
}

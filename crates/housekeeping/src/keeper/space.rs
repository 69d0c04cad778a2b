//! Empties a namespace and applies [`crate::namespace::plan`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::{Delete, Error, Next, Propagation, Resource, Selection, Verb};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::Inner;
use crate::namespace::{Plan, Rest, is_emptying, plan};

/// Pages read at the same time when a namespace is checked for leftovers: one small page per kind, a few dozen kinds.
const CHECKS: usize = 8;
/// After how long something that stays is worth a condition and another look. Pods that stop need less.
const PATIENCE: Duration = Duration::from_secs(2);

/// One kind's objects in a namespace.
struct Content {
    resource: Arc<Resource>,
    total: usize,
    /// Not yet told to go.
    untold: usize,
}

impl Inner {
    pub(super) async fn empty(&self, name: &str) -> Result<Next, Error> {
        let spaces = Resource::core("Namespace", "namespaces", false);
        let target = spaces.target("", name);
        let Some(namespace) = self.api.get(&target).await?.filter(is_emptying) else { return Ok(Next::Wait) };
        let mut rest = Rest::default();
        let told = self.delete_contents(name, &mut rest).await;
        if rest.kinds.is_empty() {
            for (resource, count) in self.check(name, &mut rest).await {
                self.sweep(&resource, name, &mut rest).await;
                rest.kinds.push((resource.to_string(), count));
            }
        }
        match plan(&namespace, &rest, self.clock.now()) {
            Plan::Leave => Ok(Next::Wait),
            Plan::Finalize(object) => {
                self.api.replace(&target.part("finalize"), &object).await?;
                Ok(Next::Wait)
            }
            Plan::Wait(conditions) => {
                // Deletions take their time; only what stays is news.
                if let Some(conditions) = conditions.filter(|_| !told && self.is_overdue(&namespace)) {
                    let patch = json!({"status": {"phase": "Terminating", "conditions": conditions}});
                    self.api.merge(&target.part("status"), &patch).await?;
                }
                // What is refused may stay so: with back-off. What goes does so in time.
                Ok(if rest.failures.is_empty() { Next::After(PATIENCE) } else { Next::Retry })
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
    async fn delete_contents(&self, name: &str, rest: &mut Rest) -> bool {
        let contents = self.contents(name, rest);
        let pods = contents.iter().any(|c| is_pods(&c.resource));
        let mut told = false;
        for content in &contents {
            rest.kinds.push((content.resource.to_string(), content.total));
            if content.untold > 0 && (!pods || is_pods(&content.resource)) {
                told = true;
                self.sweep(&content.resource, name, rest).await;
            }
        }
        told
    }

    fn contents(&self, name: &str, rest: &mut Rest) -> Vec<Content> {
        let state = self.lock();
        let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
        let mut out = Vec::new();
        for (resource, items) in state.graph.contents(name) {
            for finalizer in items.iter().flat_map(|item| &item.held) {
                *finalizers.entry(finalizer.clone()).or_default() += 1;
            }
            let untold = items.iter().filter(|item| !item.deleting).count();
            out.push(Content { resource, total: items.len(), untold });
        }
        rest.finalizers = finalizers.into_iter().collect();
        out
    }

    async fn sweep(&self, resource: &Resource, name: &str, rest: &mut Rest) {
        let options = Delete::default().propagation(Propagation::Background);
        let swept = if resource.can(Verb::DeleteCollection) {
            self.api.delete_all(resource, name, &Selection::default(), &options).await
        } else if resource.can(Verb::Delete) {
            self.sweep_singly(resource, name, &options).await
        } else {
            return;
        };
        if let Err(error) = swept {
            rest.failures.push(format!("{resource}: {error}"));
        }
    }

    async fn sweep_singly(&self, resource: &Resource, name: &str, options: &Delete<'_>) -> Result<(), Error> {
        let keep = |item: Value| model::object::name(&item).map(str::to_owned);
        let listed = self.api.list_as(resource, name, &Selection::metadata(), keep).await?;
        for object in listed.items {
            self.api.delete(&resource.target(name, &object), options).await?;
        }
        Ok(())
    }

    /// Reads live, kind by kind, what is left. Kinds that do not say, and groups that cannot be asked, are part of the
    /// rest: something may be left there.
    async fn check(&self, name: &str, rest: &mut Rest) -> Vec<(Arc<Resource>, usize)> {
        let served = self.lock().served.clone();
        let kinds = served.kinds.iter().filter(|k| k.namespaced && k.can(Verb::List) && k.can(Verb::Delete));
        let mut counts = stream::iter(kinds.cloned().collect::<Vec<_>>())
            .map(|resource| async move {
                let count = self.api.count(&resource, name).await;
                (resource, count)
            })
            .buffer_unordered(CHECKS);
        let mut left = Vec::new();
        while let Some((resource, count)) = counts.next().await {
            match count {
                Ok(0) => {}
                Ok(count) => left.push((resource, count)),
                Err(error) => rest.failures.push(format!("{resource}: {error}")),
            }
        }
        left.sort();
        rest.failures.sort();
        rest.undiscovered = served.failed.iter().map(|(version, why)| format!("{version}: {why}")).collect();
        left
    }
}

fn is_pods(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "pods"
}

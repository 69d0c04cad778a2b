//! What stayed in members against the list: the hub says so in Events, and nothing else does once a unit has left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Client, ResourceExt};
use model::MemberName;
use plan::event::LEFT_BEHIND;
use tokio::time::Instant;

use crate::connect::Api;
use crate::output;
use crate::sync::LOOK_EVERY;

/// How long an Event is looked for where a Namespace or definition was to go: the hub writes it a moment after the report that the
/// unit has left.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// The Events that were there before something goes.
pub(crate) struct Left<'a> {
    client: &'a Client,
    namespace: &'a str,
    apps: BTreeSet<String>,
    before: BTreeMap<String, Option<String>>,
}

impl<'a> Left<'a> {
    /// Takes note of what is said already of these Applications.
    pub(crate) async fn before(client: &'a Client, namespace: &'a str, apps: &BTreeSet<String>) -> Self {
        let mut left = Self { client, namespace, apps: apps.clone(), before: BTreeMap::new() };
        left.before = left.read().await.iter().map(version).collect();
        left
    }

    /// What was said since, of this member or of all: `app/shop: beijing: …`. `containers`: a Namespace or definition was to go,
    /// which stays when others have something in it.
    pub(crate) async fn since(&self, member: Option<&MemberName>, containers: bool) -> Vec<String> {
        let deadline = Instant::now() + TOLD_WITHIN;
        loop {
            let said = lines_since(&self.read().await, &self.before, member);
            if !said.is_empty() || !containers || Instant::now() >= deadline {
                return said;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Who may not read Events, or cannot at this moment, is told nothing: it is done all the same.
    async fn read(&self) -> Vec<Event> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), self.namespace);
        let of_applications = ListParams::default().fields("regarding.kind=Application");
        let all = api.list(&of_applications).await.map(|list| list.items).unwrap_or_default();
        let is_meant = |event: &Event| {
            let name = event.regarding.as_ref().and_then(|regarding| regarding.name.as_deref());
            event.reason.as_deref() == Some(LEFT_BEHIND) && name.is_some_and(|name| self.apps.contains(name))
        };
        all.into_iter().filter(is_meant).collect()
    }
}

/// How many objects stayed that were to be deleted.
pub(crate) fn count(said: &[String]) -> usize {
    said.iter().map(|line| plan::event::count_not_deleted(line)).sum()
}

/// Prints what stayed.
pub(crate) fn print(said: &[String]) {
    said.iter().for_each(|line| output::print_stderr(format_args!("  {line}")));
}

fn version(event: &Event) -> (String, Option<String>) {
    (event.name_any(), event.resource_version())
}

/// What Events say that are new, or were said again.
fn lines_since(now: &[Event], before: &BTreeMap<String, Option<String>>, member: Option<&MemberName>) -> Vec<String> {
    let is_new = |event: &&Event| {
        let (name, version) = version(event);
        before.get(&name).is_none_or(|known| *known != version)
    };
    let line = |event: &Event| {
        let note = event.note.as_deref()?;
        let name = event.regarding.as_ref()?.name.as_deref()?;
        let is_there = member.is_none_or(|member| note.starts_with(&format!("{member}: ")));
        is_there.then(|| format!("app/{name}: {note}"))
    };
    let said: BTreeSet<String> = now.iter().filter(is_new).filter_map(line).collect();
    said.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stayed_since_then_is_told_and_nothing_that_was_said_before() {
        let event = |name: &str, version: &str, app: &str, note: &str| -> Event {
            serde_json::from_value(json!({"metadata": {"name": name, "resourceVersion": version}, "eventTime": null,
                "reason": LEFT_BEHIND, "note": note, "regarding": {"kind": "Application", "name": app}}))
            .unwrap()
        };
        let old = event("a", "1", "shop", "beijing: not deleted, and no longer recorded: Namespace old");
        let again = event("b", "2", "shop", "beijing: not deleted, and no longer recorded: Namespace shop");
        let new = event("c", "3", "web", "paris: not deleted, and no longer recorded: Namespace web");
        let before = BTreeMap::from([("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), Some("1".to_owned()))]);
        let all = [old, again, new];
        let shop = "app/shop: beijing: not deleted, and no longer recorded: Namespace shop";
        let web = "app/web: paris: not deleted, and no longer recorded: Namespace web";
        assert_eq!(lines_since(&all, &before, None), [shop, web]);
        assert_eq!(lines_since(&all, &before, Some(&"beijing".parse().unwrap())), [shop]);
        let stayed = "app/shop: beijing: not deleted, and no longer recorded: Namespace shop (it has Pod shop/a in it)";
        assert_eq!(count(&[stayed.to_owned(), stayed.to_owned()]), 2);
    }
}

//! What stayed in members against the list: the hub says so in Events, and nothing else does once a unit has left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::view::HeldObject;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Client, ResourceExt};
use model::MemberName;
use plan::event::{LEFT_BEHIND, NotDeleted};
use tokio::time::Instant;

use crate::connect::Api;
use crate::objects;
use crate::output;
use crate::sync::LOOK_EVERY;

/// How long an Event is looked for where a Namespace or definition was to go: the hub writes it a moment after the report that the
/// unit has left.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// Begin of what is said of objects to which the member gives no rights: a list says of all of them that they stay.
const OUTSIDE: &str = "the member gives no rights in ";

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

/// What a list said, by Application and member: its objects, and why each stays; nothing of one that goes.
#[derive(Debug, Default)]
pub(crate) struct Listed(BTreeMap<(String, String), BTreeMap<String, String>>);

impl Listed {
    /// Adds what an Application has in a member.
    pub(crate) fn add(&mut self, app: &str, member: &MemberName, objects: &[HeldObject]) {
        let known = self.0.entry((app.to_owned(), member.to_string())).or_default();
        for object in objects {
            let why = known.entry(objects::key(object).to_string()).or_insert_with(|| object.stays.clone());
            // One policy may delete what another one does not: it was to go.
            if object.stays.is_empty() {
                why.clear();
            }
        }
    }
}

/// How many objects stayed that were to be deleted. Without a list, as of an earlier hub: all that stayed, but for those of which
/// each list says so.
pub(crate) fn count(said: &[String], listed: Option<&Listed>) -> usize {
    said.iter().filter_map(|line| stayed(line, listed)).fold(0, usize::saturating_add)
}

/// The same of one line; `None` of one that says nothing of a list.
fn stayed(line: &str, listed: Option<&Listed>) -> Option<usize> {
    let (app, note) = line.strip_prefix("app/")?.split_once(": ")?;
    let (member, groups) = plan::event::not_deleted(note)?;
    let groups = groups.iter().filter(|group| !group.why.starts_with(OUTSIDE));
    let Some(listed) = listed else { return Some(groups.map(|group| group.count).sum()) };
    let objects = listed.0.get(&(app.to_owned(), member.to_owned()))?;
    let goes = objects.values().filter(|why| why.is_empty()).count();
    let stayed: usize = groups.map(|group| group.count.saturating_sub(known_to_stay(group, objects))).sum();
    Some(stayed.min(goes))
}

/// How many of these the list had as staying already. Only the first one is named: the others are known by why they stay.
fn known_to_stay(group: &NotDeleted<'_>, objects: &BTreeMap<String, String>) -> usize {
    let alike = objects.values().filter(|why| *why == group.why).count();
    let first = group.first.map(|first| objects.get(first).map(String::as_str));
    match first {
        // It was to go, is counted by its reason, or none is named.
        Some(Some("")) | None => alike,
        Some(Some(why)) if why == group.why => alike,
        // For another reason than the list had, or it is in no list.
        Some(_) => alike + 1,
    }
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
    }

    #[test]
    fn only_what_the_list_said_would_go_is_counted_as_having_stayed() {
        let object = |kind: &str, namespace: &str, name: &str, stays: &str| {
            let (kind, namespace, name) = (kind.to_owned(), namespace.to_owned(), name.to_owned());
            HeldObject { kind, namespace, name, stays: stays.to_owned(), ..HeldObject::default() }
        };
        let (beijing, paris) = ("beijing".parse().unwrap(), "paris".parse().unwrap());
        let mut listed = Listed::default();
        let (occupied, theirs) = ("app/web has something in it", "hub x delivers it");
        let all = [
            object("Namespace", "", "shop", occupied),
            object("ConfigMap", "shop", "a", ""),
            object("ConfigMap", "shop", "b", ""),
            object("ConfigMap", "shop", "c", theirs),
            object("ConfigMap", "shop", "d", theirs),
        ];
        listed.add("shop", &beijing, &all);
        listed.add("shop", &paris, &[object("Namespace", "", "shop", "")]);
        let line = |app: &str, member: &str, what: &str| {
            format!("app/{app}: {member}: not deleted, and no longer recorded: {what}")
        };
        for (said, expect, in_all) in [
            // The list had it as staying already.
            (line("shop", "beijing", "Namespace shop (it has Pod shop/a in it)"), 0, 1),
            (line("shop", "paris", "Namespace shop (it has Pod shop/a in it)"), 1, 1),
            (line("shop", "beijing", "ConfigMap shop/a (it does not have our labels)"), 1, 1),
            (line("shop", "beijing", "ConfigMap shop/a and 1 more (it does not have our labels)"), 2, 2),
            // Two of these the list had.
            (line("shop", "beijing", "ConfigMap shop/c and 2 more (hub x delivers it)"), 1, 3),
            (line("shop", "beijing", "ConfigMap shop/a and 2 more (hub x delivers it)"), 1, 3),
            (
                line("shop", "beijing", "2 objects (its inventory was deleted there, and what it named is not known)"),
                2,
                2,
            ),
            // Not more than were to go.
            (
                line("shop", "beijing", "9 objects (its inventory was deleted there, and what it named is not known)"),
                2,
                9,
            ),
            (line("shop", "beijing", "ConfigMap o/e and 4 more (the member gives no rights in o)"), 0, 0),
            // Of no list, or not in it.
            (line("other", "beijing", "ConfigMap shop/a (it does not have our labels)"), 0, 1),
            (line("shop", "beijing", "ConfigMap shop/new (it does not have our labels)"), 0, 1),
        ] {
            let said = [said];
            assert_eq!(count(&said, Some(&listed)), expect, "{said:?}");
            assert_eq!(count(&said, None), in_all, "{said:?}");
        }
    }
}

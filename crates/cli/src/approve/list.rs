//! The list of an approval, object by object, from the hub's `heldlists`.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{DecisionSpec, ObjectSet};
use api::kurator::apps::v1alpha1::HeldDeletions;
use api::kurator::consent::{ShownGroup, ShownList};
use api::reason::EDIT_REMOVES_MEMBERS;
use api::view::{HeldGroup, HeldList, HeldObjects};
use http::Request;
use kube::Client;
use model::{Digest, MemberName, ObjectKey};
use serde_json::{Value, json};

use crate::connect::{asked, is_gone, is_path_unknown};
use crate::objects::{self, Looked};
use crate::status::held;

/// What waits, as far as the hub says it object by object.
#[derive(Debug)]
pub(super) enum Named {
    /// These.
    List(HeldList),
    /// The hub is of an earlier version, which has no such list.
    Earlier,
    /// The hub has such lists, and none of this Application at this moment. Why, in its words.
    Missing(String),
}

/// Reads what waits, object by object.
pub(super) async fn read(client: &Client, namespace: &str, name: &str, with_uids: bool) -> anyhow::Result<Named> {
    let uids = if with_uids { "?uids=true" } else { "" };
    let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/{namespace}/heldlists/{name}{uids}");
    match client.request(Request::get(path).body(Vec::new())?).await {
        Err(kube::Error::Api(status)) if is_path_unknown(&status) => Ok(Named::Earlier),
        Err(kube::Error::Api(status)) if is_gone(&status, name) => Ok(Named::Missing(status.message)),
        other => {
            other.map(Named::List).map_err(asked(&format!("cannot read what waits of app/{name}, object by object")))
        }
    }
}

/// The list of a digest.
pub(super) fn find<'a>(all: &'a HeldList, list: &HeldDeletions) -> Option<&'a HeldObjects> {
    all.lists.iter().find(|known| known.digest == list.digest && known.policy == list.policy)
}

/// A list with the numbers of what is named: what a status counts is by inventories, and does not know why an object stays. One of which
/// not everything is named is counted as it is.
pub(super) fn numbered(list: &HeldDeletions, named: Option<&HeldObjects>) -> HeldDeletions {
    let Some(named) = named.filter(|named| named.unnamed.is_empty() && list.waiting_on.is_empty()) else {
        return list.clone();
    };
    let mut all = objects::Numbers::default();
    for group in &named.groups {
        all.add(objects::numbers(&group.objects), group.members.len());
    }
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut list = HeldDeletions { count: count(all.goes), ..list.clone() };
    // What stays is said where nothing goes.
    list.object_count = if all.goes > 0 { list.count } else { count(all.stays) };
    if let [cause] = list.causes.as_mut_slice() {
        cause.objects = list.object_count;
    }
    list
}

/// Bytes of what was shown as it is written into the annotation, at most. Consents take up to 200 KiB of the 256 that Kubernetes allows
/// for all annotations of an object.
pub(super) const SHOWN_BYTES_MAX: usize = 50 * 1024;

/// Objects that the sets of the members of one slice of a Decision have together, at most: eight bytes each, as text below 400 kB. A
/// slice is one object of the hub's API.
const SLICE_OBJECTS_MAX: usize = 35_000;

/// What was shown of lists, to be written beside their approval: of those that an edit causes, whose digest is of members, and of those that a
/// source causes and in which something is named as staying, whose digest is of that too. `None`: it is too much for that.
pub(super) fn shown(chosen: &[HeldDeletions], named: &HeldList) -> Option<Vec<ShownList>> {
    let stays = |named: &HeldObjects| named.groups.iter().flat_map(|group| &group.objects).any(|o| !o.stays.is_empty());
    let known = chosen.iter().filter_map(|list| Some((list, find(named, list)?)));
    let known = known.filter(|(list, named)| held::is_edit(list) || stays(named));
    let known = known.filter_map(|(list, named)| Some((list.digest.parse().ok()?, named)));
    let lists: Vec<ShownList> = known.map(|(digest, named)| shown_of(digest, named)).collect();
    let is_short = lists.iter().all(|list| {
        let each = list.groups.iter().flat_map(|group| group.members.iter().map(|_| group.objects.len()));
        let mut sizes: Vec<usize> = each.collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let largest: usize = sizes.iter().take(DecisionSpec::MEMBERS_MAX).sum();
        sizes.first().is_none_or(|most| *most <= ObjectSet::OBJECTS_MAX) && largest <= SLICE_OBJECTS_MAX
    });
    (is_short && ShownList::write(&lists).len() <= SHOWN_BYTES_MAX).then_some(lists)
}

fn shown_of(digest: Digest, named: &HeldObjects) -> ShownList {
    let group = |group: &HeldGroup| {
        let goes: Vec<ObjectKey> =
            group.objects.iter().filter(|object| object.stays.is_empty()).map(objects::key).collect();
        ShownGroup { members: group.members.clone(), objects: ObjectSet::new(&goes) }
    };
    ShownList { digest, groups: named.groups.iter().map(group).collect() }
}

/// A member from which more would go now than was shown, or of which it is not known any more what would.
pub(super) fn more<'a>(now: &'a HeldObjects, shown: &HeldObjects) -> Option<&'a MemberName> {
    type Goes<'a> = BTreeMap<&'a MemberName, BTreeSet<ObjectKey>>;
    fn goes(list: &HeldObjects) -> Goes<'_> {
        let mut all = Goes::new();
        for group in &list.groups {
            let keys = || group.objects.iter().filter(|object| object.stays.is_empty()).map(objects::key);
            group.members.iter().for_each(|member| all.entry(member).or_default().extend(keys()));
        }
        all
    }
    let before = goes(shown);
    let unnamed = now.unnamed.iter().flat_map(|unnamed| &unnamed.members).find(|member| before.contains_key(member));
    let grown =
        goes(now).into_iter().find(|(member, keys)| before.get(member).is_none_or(|shown| !keys.is_subset(shown)));
    grown.map(|(member, _)| member).or(unnamed)
}

/// A list in full: what, why, and every object in each member.
pub(super) fn lines(list: &HeldDeletions, named: &HeldObjects, all: bool) -> Vec<String> {
    let mut lines = held::head(&numbered(list, Some(named)));
    let shown = if all { named.groups.len() } else { objects::BLOCKS_MAX };
    for group in named.groups.iter().take(shown) {
        lines.push(format!(
            "  in {}: {}{}",
            objects::members(&group.members),
            objects::summary(&group.objects),
            away(group)
        ));
        let shown = objects::lines(&group.objects, looked(list, group), all);
        lines.extend(shown.into_iter().map(|line| format!("  {line}")));
    }
    let rest = named.groups.get(shown..).unwrap_or_default();
    if !rest.is_empty() {
        let members: usize = rest.iter().map(|group| group.members.len()).sum();
        let counted = held::count(u32::try_from(members).unwrap_or(u32::MAX), "more member");
        lines.push(format!("  in {counted} other objects: -v shows them"));
    }
    for unnamed in &named.unnamed {
        lines.push(format!("  in {}: {}", objects::members(&unnamed.members), unnamed.why));
    }
    if !list.waiting_on.is_empty() {
        lines.push(format!("  not reported yet: {}", list.waiting_on.join(", ")));
    }
    lines
}

fn away(group: &HeldGroup) -> &'static str {
    match (group.away, group.members.len()) {
        (false, _) => "",
        (true, 1) => "; away: done when it answers",
        (true, _) => "; away: done when they answer",
    }
}

/// A member looks into what a source makes it delete, while it can be asked, and into what an edit takes out once that is approved.
fn looked(list: &HeldDeletions, group: &HeldGroup) -> Looked {
    if group.away || list.reason == EDIT_REMOVES_MEMBERS { Looked::Later } else { Looked::Into }
}

/// Does a list have a Namespace or definition in it that goes, and that was looked into?
pub(super) fn has_looked_into(list: &HeldDeletions, named: &HeldObjects) -> bool {
    let groups = named.groups.iter().filter(|group| looked(list, group) == Looked::Into);
    groups.flat_map(|group| &group.objects).any(objects::is_container)
}

/// Does a list have a Namespace or definition in it that goes?
pub(super) fn has_containers(named: &HeldObjects) -> bool {
    named.groups.iter().flat_map(|group| &group.objects).any(objects::is_container)
}

/// A list for programs: what the hub says of it, and every object in each member.
pub(super) fn value(list: &HeldDeletions, named: Option<&HeldObjects>) -> Value {
    let mut value = json!(numbered(list, named));
    if let Some(named) = named {
        value["objects"] = named.groups.iter().flat_map(objects_of).collect();
        value["unnamed"] = json!(named.unnamed);
    }
    value
}

fn objects_of(group: &HeldGroup) -> Vec<Value> {
    let of_member = |member| {
        let uids = group.uids.get(member);
        let uid = move |index: usize| uids.and_then(|uids| uids.get(index)).map(String::as_str);
        let each = group.objects.iter().enumerate();
        each.map(move |(index, object)| objects::value(member, group.away, object, uid(index)))
    };
    group.members.iter().flat_map(of_member).collect()
}

#[cfg(test)]
mod tests;

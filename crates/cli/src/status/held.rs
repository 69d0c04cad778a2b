//! What waits for an approval, as `kurator status` and `kurator approve` list it.

use api::kurator::apps::v1alpha1::{HeldCause, HeldDeletions};
use api::reason;

use crate::args::DEFAULT_NAMESPACE;

/// A list in full: what, why, and where.
pub(crate) fn lines(held: &HeldDeletions) -> Vec<String> {
    let mut lines = vec![format!("held in policy {}: {} ({})", held.policy, what(held), held.digest)];
    lines.extend(held.causes.iter().map(|cause| format!("  because {}", because(held, cause))));
    lines.extend(rest(held).map(|rest| format!("  and for other reasons ({})", members_and_objects(&rest))));
    lines.extend(held.members.iter().map(|member| format!("  {member}")));
    let shown = u32::try_from(held.members.len()).unwrap_or(u32::MAX);
    let all = members(held);
    if all > shown {
        lines.push(format!("  and {} more members", all - shown));
    }
    if !held.waiting_on.is_empty() {
        lines.push(format!("  not reported yet: {}", held.waiting_on.join(", ")));
    }
    lines
}

/// The command that releases what waits.
pub(crate) fn command(app: &str, namespace: &str) -> String {
    let option = if namespace == DEFAULT_NAMESPACE { String::new() } else { format!(" -n {namespace}") };
    format!("kurator approve app/{app}{option}")
}

/// A list in one line for each cause, with the next command.
pub(super) fn in_short(app: &str, namespace: &str, held: &HeldDeletions) -> Vec<String> {
    let command = command(app, namespace);
    let undo = if is_edit(held) { "take the edit back" } else { "revert the commit" };
    let line = |cause: &HeldCause| {
        let policy = &held.policy;
        let where_to = count(cause.members, "member");
        let what = if is_edit(held) {
            format!("kept in {where_to} with {}", count(cause.objects, "object"))
        } else {
            format!("{} held in {where_to}", count(cause.objects, "deletion"))
        };
        format!("app/{app}: policy {policy}: {what}: {}; next: {command}, or {undo}", cause.message)
    };
    held.causes.iter().chain(rest(held).iter()).map(line).collect()
}

/// What the causes that are listed leave out: a list of them is cut, and each may concern other members.
fn rest(held: &HeldDeletions) -> Option<HeldCause> {
    let total = |of: fn(&HeldCause) -> u32| held.causes.iter().map(of).fold(0, u32::saturating_add);
    let members = held.member_count.saturating_sub(total(|cause| cause.members));
    let objects = held.object_count.saturating_sub(total(|cause| cause.objects));
    let message = "other reasons, which are not listed".to_owned();
    // All causes of a source concern the whole list.
    (is_edit(held) && members > 0).then(|| HeldCause { members, objects, message, ..HeldCause::default() })
}

fn because(held: &HeldDeletions, cause: &HeldCause) -> String {
    if held.causes.len() < 2 || !is_edit(held) {
        return cause.message.clone();
    }
    format!("{} ({})", cause.message, members_and_objects(cause))
}

fn members_and_objects(cause: &HeldCause) -> String {
    format!("{}, {}", count(cause.members, "member"), count(cause.objects, "object"))
}

/// What would happen.
pub(crate) fn what(held: &HeldDeletions) -> String {
    if !is_edit(held) {
        return count(held.count, "deletion");
    }
    let members = count(members(held), "member");
    if held.count > 0 {
        format!("{} in {members} that it would leave", count(held.count, "deletion"))
    } else {
        format!("it would leave {members}; {} stay there, without Kurator", count(objects(held), "object"))
    }
}

/// How many members a list concerns. A hub of an earlier version says it by its causes alone.
fn members(held: &HeldDeletions) -> u32 {
    let of_causes = held.causes.iter().map(|cause| cause.members);
    let listed =
        if is_edit(held) { of_causes.fold(0, u32::saturating_add) } else { of_causes.max().unwrap_or_default() };
    held.member_count.max(listed)
}

/// How many objects an edit concerns.
fn objects(held: &HeldDeletions) -> u32 {
    let listed = held.causes.iter().map(|cause| cause.objects).fold(0, u32::saturating_add);
    held.object_count.max(listed)
}

/// So many of something, in words.
pub(crate) fn count(number: u32, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Does an edit cause it? Otherwise the source does.
pub(crate) fn is_edit(held: &HeldDeletions) -> bool {
    held.reason == reason::EDIT_REMOVES_MEMBERS
}

#[cfg(test)]
mod tests;

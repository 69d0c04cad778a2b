//! What waits for an approval, as `kurator status` and `kurator approve` list it.

use api::kurator::apps::v1alpha1::{HeldCause, HeldDeletions};
use api::reason;

use crate::args::DEFAULT_NAMESPACE;

/// A list in full: what, why, and where.
pub(crate) fn lines(held: &HeldDeletions) -> Vec<String> {
    let mut lines = vec![format!("held in policy {}: {} ({})", held.policy, what(held), held.digest)];
    lines.extend(held.causes.iter().map(|cause| format!("  because {}", because(held, cause))));
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
        let what = match (is_edit(held), held.count) {
            (true, _) => format!("kept in {where_to} with {}", count(cause.objects, "object")),
            (false, _) => format!("{} held in {where_to}", count(cause.objects, "deletion")),
        };
        format!("app/{app}: policy {policy}: {what}: {}; next: {command}, or {undo}", cause.message)
    };
    held.causes.iter().map(line).collect()
}

fn because(held: &HeldDeletions, cause: &HeldCause) -> String {
    if held.causes.len() < 2 || !is_edit(held) {
        return cause.message.clone();
    }
    format!("{} ({}, {})", cause.message, count(cause.members, "member"), count(cause.objects, "object"))
}

/// What would happen.
pub(crate) fn what(held: &HeldDeletions) -> String {
    if !is_edit(held) {
        return count(held.count, "deletion");
    }
    let objects = held.causes.iter().map(|cause| cause.objects).fold(0, u32::saturating_add);
    let members = count(members(held), "member");
    if held.count > 0 {
        format!("{} in {members} that it would leave", count(held.count, "deletion"))
    } else {
        format!("it would leave {members}; {} stay there, without Kurator", count(objects, "object"))
    }
}

/// How many members a list concerns.
fn members(held: &HeldDeletions) -> u32 {
    let of_causes = held.causes.iter().map(|cause| cause.members);
    if is_edit(held) { of_causes.fold(0, u32::saturating_add) } else { of_causes.max().unwrap_or_default() }
}

/// So many of something, in words.
pub(crate) fn count(number: u32, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Does an edit cause it? Otherwise the source does.
pub(crate) fn is_edit(held: &HeldDeletions) -> bool {
    held.reason == reason::EDIT_REMOVES_MEMBERS
}

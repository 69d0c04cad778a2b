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

/// Policies that one line names.
const POLICIES_MAX: usize = 3;

/// One cause, and the policies that it holds.
struct Shared<'a> {
    /// An edit causes it, and not the source.
    edit: bool,
    message: String,
    policies: Vec<(&'a str, HeldCause)>,
}

/// The lists of an Application in one line for each cause, with the next command. Policies that are held for the same share a
/// line: an edit of a fleet of thirty policies is one edit.
pub(super) fn in_short(app: &str, namespace: &str, held: &[HeldDeletions]) -> Vec<String> {
    let mut causes: Vec<Shared<'_>> = Vec::new();
    for list in held {
        for cause in list.causes.iter().cloned().chain(rest(list)) {
            let (edit, message, one) = (is_edit(list), cause.message.clone(), (list.policy.as_str(), cause));
            match causes.iter_mut().find(|shared| shared.edit == edit && shared.message == message) {
                Some(shared) => shared.policies.push(one),
                None => causes.push(Shared { edit, message, policies: vec![one] }),
            }
        }
    }
    let command = command(app, namespace);
    let line = |Shared { edit, message, policies }: Shared<'_>| {
        let objects = policies.iter().map(|(_, cause)| cause.objects).fold(0, u32::saturating_add);
        // A member that several policies share would be counted for each of them.
        let members = match policies.as_slice() {
            [(_, cause)] => format!(" in {}", count(cause.members, "member")),
            _ => " in their members".to_owned(),
        };
        let what = match edit {
            true => format!("kept{members} with {}", count(objects, "object")),
            false => format!("{} held{members}", count(objects, "deletion")),
        };
        let undo = if edit { "take the edit back" } else { "revert the commit" };
        format!("app/{app}: {}: {what}: {message}; next: {command}, or {undo}", policies_in_words(&policies))
    };
    causes.into_iter().map(line).collect()
}

fn policies_in_words(policies: &[(&str, HeldCause)]) -> String {
    let names: Vec<&str> = policies.iter().take(POLICIES_MAX).map(|(policy, _)| *policy).collect();
    match policies.len() {
        1 => format!("policy {}", names.join("")),
        all if all > names.len() => format!("policies {} and {} more", names.join(", "), all - names.len()),
        _ => format!("policies {}", names.join(", ")),
    }
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

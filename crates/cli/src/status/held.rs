//! What waits for an approval, as `kurator status` and `kurator approve` list it.

use api::kurator::apps::v1alpha1::{HeldCause, HeldDeletions};
use api::reason;

/// What waits in a policy, and why.
pub(crate) fn head(held: &HeldDeletions) -> Vec<String> {
    let mut lines = vec![format!("held in policy {}: {} ({})", held.policy, what(held), held.digest)];
    lines.extend(held.causes.iter().map(|cause| format!("  because {}", because(held, cause))));
    lines.extend(rest(held).map(|rest| format!("  and for other reasons ({})", members_and_objects(&rest))));
    lines
}

/// A list in full, as far as the status has it: what, why, and where.
pub(crate) fn lines(held: &HeldDeletions) -> Vec<String> {
    let mut lines = head(held);
    lines.extend(held.members.iter().map(|member| format!("  {member}")));
    let shown = u32::try_from(held.members.len()).unwrap_or(u32::MAX);
    let all = members(held);
    if all > shown {
        let absent =
            if held.away_count > 0 { format!("; of all, {} away", count_of(held.away_count)) } else { String::new() };
        lines.push(format!("  and {} more members{absent}", all - shown));
    }
    if !held.waiting_on.is_empty() {
        lines.push(format!("  not reported yet: {}", held.waiting_on.join(", ")));
    }
    lines
}

fn count_of(number: u32) -> String {
    if number == 1 { "1 is".to_owned() } else { format!("{number} are") }
}

/// The command that releases what waits, in backticks.
pub(crate) fn command(app: &str, namespace: &str) -> String {
    format!("`kurator approve app/{app} -n {namespace}`")
}

/// Policies that a line names.
const POLICIES_SAID: usize = 5;

/// Reasons that a line names.
const CAUSES_SAID: usize = 3;

/// What waits of one application: a line for each policy, those that wait for the same reasons together, and the next command
/// once.
pub(super) fn in_short(app: &str, namespace: &str, lists: &[HeldDeletions]) -> Vec<String> {
    let next = next(app, namespace, lists);
    // Those with the same reasons, in the order of the first of them.
    let mut groups: Vec<(String, Vec<&HeldDeletions>)> = Vec::new();
    // A hub of an earlier version says no causes: it has a line of its own for what waits.
    for list in lists.iter().filter(|list| !list.causes.is_empty() || members(list) > 0) {
        let why = why(list);
        match groups.iter_mut().find(|(known, all)| *known == why && is_edit(all[0]) == is_edit(list)) {
            Some((_, all)) => all.push(list),
            None => groups.push((why, vec![list])),
        }
    }
    let line = |(why, all): &(String, Vec<&HeldDeletions>)| format!("{}: {why}", what_of(all));
    match (groups.as_slice(), lists.len()) {
        ([], _) => Vec::new(),
        ([one], _) => vec![format!("app/{app}: {}; {next}", line(one))],
        (_, all) => {
            let head = format!("app/{app}: {} policies wait for approval; {next}", all);
            [head].into_iter().chain(groups.iter().map(|group| format!("  {}", line(group)))).collect()
        }
    }
}

/// Why lists wait, each reason once with the policies that it is of.
pub(super) fn causes(lists: &[HeldDeletions]) -> String {
    let mut by_cause: Vec<(String, Vec<&str>)> = Vec::new();
    for list in lists {
        let why = why(list);
        match by_cause.iter_mut().find(|(known, _)| *known == why) {
            Some((_, policies)) => policies.push(&list.policy),
            None => by_cause.push((why, vec![&list.policy])),
        }
    }
    let said = by_cause.iter().map(|(why, policies)| {
        let more = policies.len().saturating_sub(POLICIES_SAID);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown = &policies[..policies.len().min(POLICIES_SAID)];
        format!("{} {}{more}: {why}", if policies.len() == 1 { "policy" } else { "policies" }, shown.join(", "))
    });
    said.collect::<Vec<_>>().join("; ")
}

/// What to do: approve, or undo what caused it.
fn next(app: &str, namespace: &str, lists: &[HeldDeletions]) -> String {
    let edits = lists.iter().filter(|list| is_edit(list)).count();
    let undo = match edits {
        0 => "revert the commit",
        all if all == lists.len() => "take the edit back",
        _ => "take the edit back and revert the commit",
    };
    format!("next: {}, or {undo}", command(app, namespace))
}

/// Why a list waits, each reason once. What names the policy is said of it.
fn why(list: &HeldDeletions) -> String {
    let policy = format!("policy {} ", list.policy);
    let all: Vec<String> = list.causes.iter().map(|cause| cause.message.replacen(&policy, "it ", 1)).collect();
    let shown = all.len().min(CAUSES_SAID);
    let rest = if all.len() > shown || rest(list).is_some() { "; and other reasons" } else { "" };
    let said = all[..shown].join("; ");
    if said.is_empty() { "for reasons that are not listed".to_owned() } else { said + rest }
}

/// What would happen to policies that wait for the same reasons.
fn what_of(all: &[&HeldDeletions]) -> String {
    let sum = |of: fn(&HeldDeletions) -> u32| all.iter().map(|list| of(list)).fold(0, u32::saturating_add);
    let is_kept = all.iter().all(|list| is_edit(list));
    let what = match (is_kept, all) {
        (true, [one]) => format!("kept in {}{}", count(members(one), "member"), with(objects(one))),
        (true, _) => format!("kept in their members{}", with(sum(objects))),
        (false, [one]) => format!("{} held in {}", count(one.count, "deletion"), count(members(one), "member")),
        (false, _) => format!("{} held in their members", count(sum(|list| list.count), "deletion")),
    };
    let names: Vec<&str> = all.iter().take(POLICIES_SAID).map(|list| list.policy.as_str()).collect();
    let more = all.len().saturating_sub(POLICIES_SAID);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let word = if all.len() == 1 { "policy" } else { "policies" };
    let absent = match sum(|list| list.away_count) {
        0 => "",
        _ => ", some of which do not answer",
    };
    format!("{word} {}{more}: {what}{absent}", names.join(", "))
}

/// With how many objects; nothing is said of none.
fn with(objects: u32) -> String {
    if objects == 0 { String::new() } else { format!(" with {}", count(objects, "object")) }
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
        return match held.count {
            0 => "nothing that would be deleted".to_owned(),
            number => count(number, "deletion"),
        };
    }
    let members = count(members(held), "member");
    match (held.count, objects(held)) {
        // What is there may be unknown.
        (0, 0) => format!("it would leave {members}; no deletion is known there"),
        (0, 1) => format!("it would leave {members}; 1 object stays there, without Kurator"),
        (0, objects) => format!("it would leave {members}; {objects} objects stay there, without Kurator"),
        (deletions, _) => format!("{} in {members} that it would leave", count(deletions, "deletion")),
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

//! Why an Application is not ready, in words that stay short whatever the number of members: how many, and the first names.

use api::condition;
use api::delivery::{Explanation, Missing, PassedOver, WaitingOn};
use api::kurator::apps::v1alpha1::{Application, ApplicationStatus};
use api::reason;

/// Most members, candidates or fields that a message names: it is read in one line, and the number says how many there are.
const LISTED_MAX: usize = 5;

/// Most reasons why candidates were passed over that a message names: labels may differ from candidate to candidate.
const REASONS_MAX: usize = 3;

/// The first of a list, and how many more: a message is read, and a thousand members would not be.
pub(super) fn some(items: impl Iterator<Item = String>, between: &str) -> String {
    let mut items: Vec<String> = items.collect();
    let more = items.len().saturating_sub(LISTED_MAX);
    items.truncate(LISTED_MAX);
    let more = if more > 0 { format!("{between}and {more} more") } else { String::new() };
    items.join(between) + &more
}

/// Why the source cannot be fetched, while it cannot.
pub(super) fn failed_fetch(status: &ApplicationStatus) -> Option<String> {
    let source = condition::find(&status.conditions, condition::SOURCE_READY)?;
    let has_failed = source.status == "False" && source.reason == reason::FETCH_FAILED;
    has_failed.then(|| format!("the source cannot be fetched: {}", source.message))
}

/// Why nothing is known of an Application whose controller panicked when it looked at it, until a look succeeds.
pub(super) fn broken_look(status: &ApplicationStatus) -> Option<&str> {
    let source = condition::find(&status.conditions, condition::SOURCE_READY)?;
    (source.reason == reason::INTERNAL_ERROR).then_some(source.message.as_str())
}

/// Candidates of a unit that are no members: their objects do not exist, or have made none.
pub(super) fn no_members(explanation: Option<&Explanation>) -> impl Iterator<Item = String> {
    let strangers = [place::Reason::NotAMember, place::Reason::NotFollowed].map(|reason| reason.to_string());
    let passed_over = explanation.into_iter().flat_map(|explanation| &explanation.passed_over);
    passed_over.filter(move |one| strangers.contains(&one.reason)).map(|one| one.name.clone())
}

/// The fields by which a person has suspended something.
pub(super) fn suspended(application: &Application) -> Vec<String> {
    let source = application.spec.source.git_repository.as_ref().is_some_and(|git| git.suspend);
    let policies = application.spec.sync_policies.iter().enumerate();
    let policies = policies.filter(|(_, policy)| policy.kustomization.as_ref().is_some_and(|k| k.suspend));
    let policies = policies.map(|(index, _)| format!("spec.syncPolicies[{index}].kustomization.suspend is set"));
    let source = source.then(|| "spec.source.gitRepository.suspend is set".to_owned());
    source.into_iter().chain(policies).collect()
}

/// What a unit waits for, as reason and sentence; `None` for what is said later, with what its members report.
pub(super) fn waiting_in_words(
    policy: &str,
    waiting: &WaitingOn,
    explanation: &Explanation,
    before: &ApplicationStatus,
) -> Option<(&'static str, String)> {
    let detail = &waiting.detail;
    Some(match waiting.what {
        Missing::Source => match failed_fetch(before) {
            Some(why) => (reason::FETCH_FAILED, format!("{why}; it was never fetched")),
            None if is_suspended(before) => {
                (reason::SUSPENDED, "the source is suspended, and was never fetched".to_owned())
            }
            None => (reason::SOURCE_NOT_READY, "the source is being fetched".to_owned()),
        },
        Missing::Fleet => {
            (reason::FLEET_NOT_FOUND, format!("Fleet {detail:?} does not exist in this namespace; what runs stays"))
        }
        Missing::Render => (reason::BUILD_FAILED, format!("policy {policy}: {detail}; what runs stays")),
        Missing::Rights => (reason::RESTRICTED_NAMESPACE, format!("policy {policy}: {detail}; what runs stays")),
        Missing::UniqueName => {
            (reason::DUPLICATE_POLICY_NAME, format!("two policies are named {policy:?}; give each a name of its own"))
        }
        Missing::HubDelivery => (
            reason::NOT_IMPLEMENTED,
            "no fleet is named: delivery to the hub itself is not implemented; set spec.destination.fleet".to_owned(),
        ),
        Missing::Member => (reason::NO_MEMBER_SELECTED, none_selected(policy, explanation)),
        // Whatever else is wrong comes first.
        Missing::Support | Missing::Siblings | Missing::StuckSiblings => return None,
    })
}

/// Is the source suspended, as far as its controller has said?
fn is_suspended(status: &ApplicationStatus) -> bool {
    condition::find(&status.conditions, condition::SOURCE_READY).is_some_and(|c| c.reason == reason::SUSPENDED)
}

/// That a policy selects no member, and why not: each reason once, with the first candidates that it holds for.
fn none_selected(policy: &str, explanation: &Explanation) -> String {
    let Explanation { placement, passed_over, passed_over_count, .. } = explanation;
    if passed_over.is_empty() {
        return format!("policy {policy} selects no member: {placement} has none");
    }
    let mut by_reason: Vec<(&str, Vec<&PassedOver>)> = Vec::new();
    for one in passed_over {
        match by_reason.iter_mut().find(|(reason, _)| *reason == one.reason) {
            Some((_, all)) => all.push(one),
            None => by_reason.push((&one.reason, vec![one])),
        }
    }
    by_reason.sort_by_key(|(_, all)| std::cmp::Reverse(all.len()));
    let more = by_reason.len().saturating_sub(REASONS_MAX);
    let said = by_reason.iter().take(REASONS_MAX).map(|(reason, all)| {
        let names = some(all.iter().map(|one| one.name.clone()), ", ");
        format!("{reason} ({names})")
    });
    let said = said.collect::<Vec<_>>().join("; ");
    let more = if more > 0 { format!("; and {more} more reasons") } else { String::new() };
    let count = (*passed_over_count).max(u32::try_from(passed_over.len()).unwrap_or(u32::MAX));
    let listed = u32::try_from(passed_over.len()).unwrap_or(u32::MAX);
    let of = if count > listed { format!(" (of the first {listed})") } else { String::new() };
    format!("policy {policy} selects none of {count} candidates in {placement}{of}: {said}{more}")
}

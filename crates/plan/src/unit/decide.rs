//! What each unit's decision should be.

use std::collections::BTreeMap;

use api::delivery::{
    DecisionSpec, Explanation, Inputs, MemberDecision, Missing, PassedOver, Removal, UnitId, WaitingOn, Withheld,
};
use model::{MemberName, Timestamp, words};

use super::{
    DecidedUnit, Given, Observed, OwnerState, Placement, Plan, Rendered, Report, UnitSpec, Wanted, away, duplicates,
    revision, slice, wanted,
};

/// What a unit's decision should be.
pub(super) struct Wish {
    /// Members and their entries; `None` keeps what is there.
    pub(super) members: Option<BTreeMap<MemberName, MemberDecision>>,
    pub(super) prune: bool,
    pub(super) suspended: bool,
    pub(super) force: bool,
    pub(super) overwrite: bool,
    pub(super) frozen: Option<String>,
    /// `None` keeps what is there, and `frozen` with it: a unit that waits for a moment is not explained as one that fails.
    pub(super) explanation: Option<Explanation>,
}

/// `stored`: the decisions as they are stored.
pub(super) fn decide(
    observed: &Observed<'_>,
    stored: &BTreeMap<String, DecisionSpec>,
    now: Timestamp,
) -> (Plan, Report) {
    let mut plan = Plan::default();
    let mut report = Report::default();
    let mut wishes: BTreeMap<UnitId, Wish> = BTreeMap::new();
    if observed.facts.state == OwnerState::Live {
        let wants = wanted(observed, now);
        let twice = duplicates(observed.units);
        for unit in observed.units {
            let want = wants.iter().find(|want| want.revision.unit == unit.id);
            let waits = observed.rendered.get(&unit.id) == Some(&Rendered::OnTheWay);
            let failed = failed_before(observed, unit);
            let (members, said) = if twice.contains(&unit.id) {
                let name = unit.id.policy.clone().unwrap_or_default();
                (None, blocked(unit, None, WaitingOn::new(Missing::UniqueName, name)))
            } else if let Some(failed) = failed {
                (None, blocked(unit, want, failed.clone()))
            } else {
                one_unit(observed, unit, want, &mut plan, now)
            };
            let mut wish = wish(unit, members, &said);
            if waits && said.waiting_on == [on_the_way()]
                || failed.is_some_and(|failed| said.waiting_on == [failed.clone()])
            {
                wish.explanation = None;
            }
            wishes.insert(unit.id.clone(), wish);
            report.units.push(said);
        }
    }
    report.waits_for = slice::write(observed, stored, &wishes, &mut plan, now);
    slice::place_before_removing(observed, &mut plan);
    revision::retire(observed, &mut plan);
    plan.finalizer = slice::finalizer(observed, &plan);
    (plan, report)
}

fn wish(unit: &UnitSpec, members: Option<BTreeMap<MemberName, MemberDecision>>, said: &DecidedUnit) -> Wish {
    let frozen = members.is_none().then(|| said.waiting_on.first().map(|w| in_words(w.what).to_owned())).flatten();
    // What is no member makes the owner not ready, and is what people look for: it comes first, and is cut off last.
    let (strangers, others): (Vec<_>, Vec<_>) = said.passed_over.iter().partition(|(_, reason)| reason.is_stranger());
    let passed_over = strangers.into_iter().chain(others).take(Explanation::PASSED_OVER_MAX);
    let placement = match &unit.placement {
        Placement::Rules(rules, _) => rules.to_string(),
        Placement::Given(_) => "given by the owner".to_owned(),
        Placement::Missing(_) => String::new(),
    };
    Wish {
        members,
        prune: unit.prune,
        suspended: unit.suspend,
        force: unit.force,
        overwrite: unit.overwrite,
        frozen,
        explanation: Some(Explanation {
            revision: said.revision.clone(),
            placement: words::bounded(&placement, Explanation::WORDS_MAX),
            passed_over: passed_over.map(|(name, reason)| PassedOver::new(name, &reason.to_string())).collect(),
            passed_over_count: u32::try_from(said.passed_over.len()).unwrap_or(u32::MAX),
            waiting_on: said.waiting_on.clone(),
        }),
    }
}

/// What a unit waits for whose artifact, or what is remote of it, is being fetched.
fn on_the_way() -> WaitingOn {
    WaitingOn::new(Missing::Source, "what it is rendered from is being fetched")
}

/// Why the newest inputs could not be rendered, or may not be delivered, while this process does not know which they are. A revision of them is not
/// stored, so that the newest stored one would be taken for current until the source answers.
fn failed_before<'a>(observed: &'a Observed<'_>, unit: &UnitSpec) -> Option<&'a WaitingOn> {
    if unit.inputs.is_some() || unit.frozen.is_some() || matches!(unit.placement, Placement::Missing(_)) {
        return None;
    }
    let explanation = observed.slices(&unit.id).find_map(|(_, decision)| decision.explanation.as_ref())?;
    let is_stored = explanation.revision.as_ref().is_none_or(|name| observed.revisions.contains_key(name));
    let failed = |waiting: &&WaitingOn| matches!(waiting.what, Missing::Render | Missing::Rights) && !is_stored;
    explanation.waiting_on.first().filter(failed)
}

/// Why nothing is deleted, for people who look at the decision or at the member. The owner may be of any kind: its adapter
/// says the same in the words of that kind.
fn in_words(missing: Missing) -> &'static str {
    match missing {
        Missing::Source => "the source has not been fetched yet",
        Missing::Fleet => "the list of members does not exist",
        Missing::Render => "rendering failed",
        Missing::Member => "no member is selected",
        Missing::UniqueName => "two units of the owner have this name",
        Missing::HubDelivery => "no list of members is named",
        Missing::Support => "nothing of it is delivered so far",
        Missing::Rights => "its namespace may not deliver what is in it",
        Missing::Siblings | Missing::StuckSiblings => "others that follow the same source have not taken up its commit",
    }
}

/// What is said of a unit of which nothing would be left, and of which nothing would be deleted either. A mistyped path must not end that
/// everything is looked after, and there is no list of deletions that could wait for a person.
pub(super) const NOTHING_LEFT: &str = "nothing would be left of it, and no list of deletions would wait for you: what it has was there before it or asks \
                              to stay, or it does not prune; to give it back, remove it";

/// Would a unit that is emptied end that objects are looked after, without a deletion that could be held? So it is in members in which it is
/// to stay, and has nothing that would be deleted. Where another unit of the owner grows, its objects may have moved there: that one takes
/// them over.
fn ends_unseen(observed: &Observed<'_>, unit: &UnitSpec) -> bool {
    let stays = |entry: &&MemberDecision| entry.removal.is_none() && entry.kept().is_none();
    let entries = observed.slices(&unit.id).flat_map(|(_, decision)| &decision.members);
    let mut members = entries.filter(|(_, entry)| stays(entry)).map(|(member, _)| member);
    let is_unseen = members.any(|member| {
        let status = observed.statuses.get(&(unit.id.clone(), member.clone()));
        status.is_some_and(|status| {
            let counts = status.objects;
            counts.inventory > 0 && (!unit.prune || counts.spared == counts.inventory)
        })
    });
    is_unseen && !observed.units.iter().any(|other| other.id != unit.id && grows(observed, other))
}

/// Has a unit more objects now than any member was to have of it?
fn grows(observed: &Observed<'_>, unit: &UnitSpec) -> bool {
    let Some(Rendered::Payload { objects, .. }) = observed.rendered.get(&unit.id) else { return false };
    let of_unit = observed.statuses.iter().filter(|((of, _), _)| *of == unit.id);
    let before = of_unit.map(|(_, status)| status.objects.desired).max().unwrap_or_default();
    *objects > before as usize
}

fn blocked(unit: &UnitSpec, want: Option<&Wanted>, waiting_on: WaitingOn) -> DecidedUnit {
    DecidedUnit {
        unit: unit.id.clone(),
        revision: want.map(|want| want.name.clone()),
        chosen: Vec::new(),
        passed_over: Vec::new(),
        waiting_on: vec![waiting_on],
    }
}

/// A unit whose source was not fetched yet. That it goes nowhere is known before, and only a person can change it: it comes first.
fn without_source(unit: &UnitSpec, want: Option<&Wanted>) -> DecidedUnit {
    let (chosen, passed_over) = choose(&unit.placement);
    let is_nowhere = matches!(unit.placement, Placement::Rules(..)) && chosen.is_empty();
    let nowhere = is_nowhere.then(|| WaitingOn::new(Missing::Member, ""));
    let waiting_on = nowhere.into_iter().chain([WaitingOn::new(Missing::Source, "")]).collect();
    DecidedUnit { passed_over, waiting_on, ..blocked(unit, want, WaitingOn::new(Missing::Source, "")) }
}

fn one_unit(
    observed: &Observed<'_>,
    unit: &UnitSpec,
    want: Option<&Wanted>,
    plan: &mut Plan,
    now: Timestamp,
) -> (Option<BTreeMap<MemberName, MemberDecision>>, DecidedUnit) {
    let stays = |waiting_on: WaitingOn| (None, blocked(unit, want, waiting_on));
    let unfetched = || (None, without_source(unit, want));
    if let Some(why) = &unit.frozen {
        return stays(why.clone());
    }
    let Some(want) = want else { return unfetched() };
    if let Placement::Missing(why) = &unit.placement {
        return stays(why.clone());
    }
    let (digest, objects, remotes) = match observed.rendered.get(&unit.id) {
        Some(Rendered::Payload { digest, objects, remotes }) => (*digest, *objects, remotes),
        Some(Rendered::OnTheWay) => return stays(on_the_way()),
        Some(Rendered::Refused(why)) => return stays(WaitingOn::new(Missing::Rights, why.clone())),
        Some(Rendered::Failed(why)) => return stays(WaitingOn::new(Missing::Render, why.clone())),
        None => return unfetched(),
    };
    if want.is_new && objects == 0 && ends_unseen(observed, unit) {
        return stays(WaitingOn::new(Missing::Render, NOTHING_LEFT));
    }
    if want.is_new {
        let mut revision = want.revision.clone();
        if let Inputs::Artifact(inputs) = &mut revision.inputs {
            // A revision says what it uses, and no more: what another unit uses may move without it.
            inputs.remotes.clone_from(remotes);
        }
        plan.create_revisions.push((want.name.clone(), revision));
    }
    let (chosen, passed_over) = choose(&unit.placement);
    let epoch = want.revision.epoch;
    let entries: BTreeMap<&MemberName, &MemberDecision> =
        observed.slices(&unit.id).flat_map(|(_, decision)| &decision.members).collect();
    // What was said of a unit that was leaving is no word about one that stays.
    let at_epoch = |member: &MemberName| {
        let entry = entries.get(member).filter(|entry| entry.epoch == epoch && entry.removal.is_none());
        entry.copied()
    };
    let entry = |member: &MemberName, given: &Given| MemberDecision {
        revision: want.name.clone(),
        epoch,
        digest: Some(digest),
        placed: Some(now),
        cluster: observed.members.get(member).and_then(|facts| facts.cluster.clone()),
        known_since: None,
        given_back: None,
        reason: words::bounded(&given.reason, MemberDecision::REASON_MAX),
        replicas: given.replicas,
        // Grants of this epoch stay: a release is never taken back because another member's part of it is done.
        granted: at_epoch(member).and_then(|entry| entry.granted),
        granted_shown: at_epoch(member).and_then(|entry| entry.granted_shown.clone()),
        claimed: entries.get(member).filter(|entry| entry.removal.is_none()).and_then(|entry| entry.claimed.clone()),
        carried_out: entries.get(member).filter(|entry| entry.epoch == epoch).map_or(0, |entry| entry.carried_out),
        withheld: entries.get(member).and_then(|entry| withheld(observed, unit, entry, want)),
        removal: Removal::None,
        leaving: None,
        consent: None,
        expected: away::expected(observed, &entries, &unit.id, member, (epoch, objects))
            .filter(|_| unit.prune && !unit.suspend),
    };
    let members = chosen.iter().map(|(member, given)| (member.clone(), entry(member, given))).collect();
    let report = DecidedUnit {
        unit: unit.id.clone(),
        revision: Some(want.name.clone()),
        waiting_on: if chosen.is_empty() { vec![WaitingOn::new(Missing::Member, "")] } else { Vec::new() },
        chosen: chosen.into_iter().map(|(member, given)| (member, given.reason)).collect(),
        passed_over,
    };
    (Some(members), report)
}

/// The list that is held in a member where the unit is to stay: the one that was, also while the unit was leaving, and however many objects
/// it has then; or, when another part of the owner may have got the unit's name by an edit, whatever the member is to delete from now on.
fn withheld(observed: &Observed<'_>, unit: &UnitSpec, entry: &MemberDecision, want: &Wanted) -> Option<Withheld> {
    let epoch = want.revision.epoch;
    let had = observed.revisions.get(&entry.revision);
    let is_replaced = unit.by_place && had.is_none_or(|had| is_edited(&had.inputs, &want.revision.inputs));
    if entry.removal.is_none() {
        let untaken = entry.withheld.is_some_and(|held| held.untaken);
        let replaced = Withheld { epoch, count: 0, digest: None, replaced: true, untaken };
        return is_replaced.then_some(replaced).or(entry.withheld);
    }
    entry.withheld.map(|withheld| Withheld { epoch, ..withheld })
}

/// Does the owner say otherwise what the unit is rendered from? A commit is no edit.
pub(super) fn is_edited(was: &Inputs, is: &Inputs) -> bool {
    match (was, is) {
        (Inputs::Artifact(was), Inputs::Artifact(is)) => was.kustomize != is.kustomize,
        (Inputs::Objects(_), Inputs::Objects(_)) | (Inputs::Chart(_), Inputs::Chart(_)) => false,
        _ => true,
    }
}

type Chosen = Vec<(MemberName, Given)>;

/// Which members a unit goes to, and who was passed over.
pub(super) fn choose(placement: &Placement) -> (Chosen, Vec<(String, place::Reason)>) {
    match placement {
        Placement::Rules(rules, candidates) => {
            let selection = place::select(rules, candidates);
            let given = |reason: place::Reason| Given { replicas: None, reason: reason.to_string() };
            let chosen = selection.chosen.into_iter().map(|(member, reason)| (member, given(reason)));
            (chosen.collect(), selection.passed_over)
        }
        Placement::Given(members) => (members.iter().map(|(m, g)| (m.clone(), g.clone())).collect(), Vec::new()),
        Placement::Missing(_) => (Vec::new(), Vec::new()),
    }
}

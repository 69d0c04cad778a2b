//! Revisions and decisions.

use std::collections::{BTreeMap, BTreeSet};

use api::delivery::{DecisionSpec, MemberDecision, Removal, UnitId, UnitPhase};
use api::kurator::annotation;
use api::kurator::apps::v1alpha1::{Application, SyncPolicy};
use model::{Digest, MemberName, Timestamp};

use super::{
    FleetFacts, Observed, Plan, REVISIONS_KEPT, Reach, Rendered, Report, UnitReport, WaitingOn, Wanted, duplicates,
    short, unit_ids, wanted,
};

pub(super) struct Decided {
    pub(super) plan: Plan,
    pub(super) report: Report,
}

pub(super) fn decide(observed: &Observed<'_>, now: Timestamp) -> Decided {
    let live = observed.application.filter(|a| a.metadata.deletion_timestamp.is_none());
    let mut plan = Plan::default();
    let mut report = Report::default();
    let mut next: BTreeMap<UnitId, Wish> = BTreeMap::new();
    if let Some(application) = live {
        let wants = wanted(observed, now);
        let units = unit_ids(application);
        let twice = duplicates(&units);
        for (unit, policy) in units.iter().zip(&application.spec.sync_policies) {
            if policy.kustomization.is_none() {
                // Helm and friends: reported as NotImplemented. Whatever is placed already stays as it is.
                next.insert(unit.clone(), Wish::keep(policy, None));
                continue;
            }
            let (wish, unit_report) = if twice.contains(unit) {
                let waiting_on = vec![WaitingOn::DuplicateName];
                (Wish::keep(policy, Some("two policies have this name")), unit_report(unit, None, waiting_on))
            } else {
                let want = wants.iter().find(|w| w.revision.unit == *unit);
                one_unit(observed, application, policy, unit, want, &mut plan, now)
            };
            next.insert(unit.clone(), wish);
            report.units.push(unit_report);
        }
    }
    write_decisions(observed, live, &next, &mut plan);
    place_before_removing(observed, &mut plan);
    retire_revisions(observed, &mut plan);
    plan.finalizer = finalizer(observed, &plan);
    Decided { plan, report }
}

/// What a unit's decision should be.
struct Wish {
    /// Members and their entries; `None` keeps what is there.
    members: Option<BTreeMap<MemberName, MemberDecision>>,
    prune: bool,
    suspended: bool,
    force: bool,
    frozen: Option<String>,
}

impl Wish {
    fn keep(policy: &SyncPolicy, frozen: Option<&str>) -> Self {
        let kustomization = policy.kustomization.clone().unwrap_or_default();
        Self {
            members: None,
            prune: kustomization.prune,
            suspended: kustomization.suspend,
            force: kustomization.force,
            frozen: frozen.map(str::to_owned),
        }
    }
}

fn unit_report(unit: &UnitId, revision: Option<String>, waiting_on: Vec<WaitingOn>) -> UnitReport {
    UnitReport { unit: unit.clone(), revision, chosen: Vec::new(), passed_over: Vec::new(), waiting_on }
}

fn one_unit(
    observed: &Observed<'_>,
    application: &Application,
    policy: &SyncPolicy,
    unit: &UnitId,
    want: Option<&Wanted>,
    plan: &mut Plan,
    now: Timestamp,
) -> (Wish, UnitReport) {
    let blocked = |why: &str, waiting: WaitingOn| {
        (Wish::keep(policy, Some(why)), unit_report(unit, want.map(|w| w.name.clone()), vec![waiting]))
    };
    let Some(want) = want else {
        return blocked("the source has not been fetched yet", WaitingOn::Source);
    };
    let candidates = match &observed.fleet {
        FleetFacts::Unnamed => return blocked("no fleet is named", WaitingOn::HubDestination),
        FleetFacts::Missing(name) => {
            return blocked("the fleet does not exist", WaitingOn::Fleet(name.clone()));
        }
        FleetFacts::Found(candidates) => candidates,
    };
    let digest = match observed.rendered.get(unit) {
        Some(Rendered::Payload { digest, .. }) => *digest,
        Some(Rendered::Failed(why)) => return blocked("rendering failed", WaitingOn::Render(why.clone())),
        None => return blocked("not rendered yet", WaitingOn::Source),
    };
    if want.is_new {
        plan.create_revisions.push((want.name.clone(), want.revision.clone()));
    }
    let destination = application.spec.destination_of(policy).cloned().unwrap_or_default();
    let selection = place::select(&destination, candidates);
    let entry = |reason: &place::Reason| MemberDecision {
        revision: want.name.clone(),
        epoch: want.revision.epoch,
        placed: Some(now),
        digest: Some(digest),
        reason: reason.to_string(),
        replicas: None,
        removal: Removal::None,
    };
    let members = selection
        .chosen
        .iter()
        .filter_map(|(name, reason)| Some((name.parse::<MemberName>().ok()?, entry(reason))))
        .collect();
    let mut unit_report = unit_report(unit, Some(want.name.clone()), Vec::new());
    if selection.chosen.is_empty() {
        unit_report.waiting_on.push(WaitingOn::NoMember);
    }
    unit_report.chosen = selection.chosen;
    unit_report.passed_over = selection.passed_over;
    (Wish { members: Some(members), ..Wish::keep(policy, None) }, unit_report)
}

fn annotation_of<'a>(application: &'a Application, key: &str) -> Option<&'a str> {
    application.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// What happens to what a unit placed when it goes.
fn removal(application: Option<&Application>, prune: bool) -> Removal {
    let said = application.and_then(|a| annotation_of(a, annotation::ON_DELETE));
    match (said, prune) {
        (Some("prune"), _) | (None, true) => Removal::Prune,
        _ => Removal::Release,
    }
}

fn write_decisions(
    observed: &Observed<'_>,
    live: Option<&Application>,
    next: &BTreeMap<UnitId, Wish>,
    plan: &mut Plan,
) {
    let units: BTreeSet<&UnitId> = next.keys().chain(observed.decisions.values().map(|d| &d.unit)).collect();
    for unit in units {
        let slices: BTreeMap<u32, (&String, &DecisionSpec)> =
            observed.decisions.iter().filter(|(_, d)| d.unit == *unit).map(|(n, d)| (d.slice, (n, d))).collect();
        let before = slices.values().next().map(|(_, d)| *d);
        let wish = next.get(unit);
        let prune = wish.map_or_else(|| before.is_some_and(|d| d.prune), |w| w.prune);
        // A policy or Application that is gone takes its objects along unless told otherwise.
        let leaving = match (wish, live) {
            (None, Some(_)) => Some(removal(None, prune)),
            (None, None) => Some(removal(observed.application, prune)),
            (Some(_), _) => None,
        };
        let mut out: BTreeMap<u32, DecisionSpec> = BTreeMap::new();
        let mut placed = BTreeSet::new();
        for (slice, (_, decision)) in &slices {
            let members = decision.members.iter().filter_map(|(member, entry)| {
                let kept = match (leaving, wish.and_then(|w| w.members.as_ref())) {
                    (Some(removal), _) => leave(observed, unit, member, entry, removal),
                    (None, None) => Some(entry.clone()),
                    (None, Some(chosen)) => match chosen.get(member) {
                        // It is given to the member now only if it was leaving.
                        Some(wanted) if entry.removal.is_none() => {
                            Some(MemberDecision { placed: entry.placed, ..wanted.clone() })
                        }
                        Some(wanted) => Some(wanted.clone()),
                        None => leave(observed, unit, member, entry, removal(None, prune)),
                    },
                };
                placed.insert(member.clone());
                Some((member.clone(), kept?))
            });
            let members: BTreeMap<_, _> = members.collect();
            out.insert(*slice, DecisionSpec { members, ..(*decision).clone() });
        }
        let added = wish.and_then(|w| w.members.as_ref()).into_iter().flatten();
        for (member, entry) in added.filter(|(member, _)| !placed.contains(*member)) {
            let free = (0..).find(|s| out.get(s).is_none_or(|d| d.members.len() < DecisionSpec::MEMBERS_MAX));
            let slice = free.unwrap_or_default();
            out.entry(slice).or_insert_with(|| empty_slice(unit, slice)).members.insert(member.clone(), entry.clone());
        }
        for (slice, mut decision) in out {
            let name = DecisionSpec::object_name(&short(observed, unit), slice);
            if decision.members.is_empty() {
                if slices.contains_key(&slice) {
                    plan.delete_decisions.push(name);
                }
                continue;
            }
            if let Some(wish) = wish {
                decision.prune = wish.prune;
                decision.suspended = wish.suspended;
                decision.force = wish.force;
                decision.frozen.clone_from(&wish.frozen);
            }
            // What leaves may need a word as well; without an Application the last one stays.
            if let Some(application) = observed.application {
                decision.approved = approved(application, unit, observed);
            }
            if slices.get(&slice).is_none_or(|(_, before)| **before != decision) {
                plan.write_decisions.push((name, decision));
            }
        }
    }
}

/// A unit that is given a member is decided before another loses it: decisions are written one by one, and a member that
/// is told of the loss alone deletes what it should hand over.
fn place_before_removing(observed: &Observed<'_>, plan: &mut Plan) {
    let stays = |entry: &MemberDecision| entry.removal == Removal::None;
    let placed = |decision: Option<&DecisionSpec>, member: &MemberName| {
        decision.and_then(|d| d.members.get(member)).is_some_and(stays)
    };
    let given = plan.write_decisions.iter().any(|(name, decision)| {
        let before = observed.decisions.get(name);
        decision.members.iter().any(|(member, entry)| stays(entry) && !placed(before, member))
    });
    if !given {
        return;
    }
    let wanted = std::mem::take(&mut plan.write_decisions);
    let mut last = Vec::new();
    for (name, decision) in wanted {
        let before = observed.decisions.get(&name);
        let lost = before.into_iter().flat_map(|d| &d.members);
        let lost = lost.filter(|(member, entry)| stays(entry) && !placed(Some(&decision), member));
        let mut first = decision.clone();
        first.members.extend(lost.map(|(member, entry)| (member.clone(), entry.clone())));
        if first == decision {
            plan.write_decisions.push((name, decision));
            continue;
        }
        if before.is_some_and(|before| before.members != first.members) {
            plan.write_decisions.push((name.clone(), first));
        }
        last.push((name, decision));
    }
    plan.write_decisions.extend(last);
}

fn empty_slice(unit: &UnitId, slice: u32) -> DecisionSpec {
    DecisionSpec {
        unit: unit.clone(),
        slice,
        prune: false,
        suspended: false,
        force: false,
        frozen: None,
        approved: None,
        members: BTreeMap::new(),
    }
}

/// The entry of a member that is being left: its tombstone, or nothing once it is done or the member is no more.
///
/// Once the Application is gone, nobody can be asked any more: a tombstone stays what its annotation made it. One that
/// went without our finalizer, which somebody took off, left no word that anything may be deleted.
fn leave(
    observed: &Observed<'_>,
    unit: &UnitId,
    member: &MemberName,
    entry: &MemberDecision,
    removal: Removal,
) -> Option<MemberDecision> {
    observed.members.get(member)?;
    let removal = match (observed.application, entry.removal) {
        (Some(_), _) => removal,
        (None, Removal::None) => Removal::Release,
        (None, said) => said,
    };
    let status = observed.statuses.get(&(unit.clone(), member.clone()));
    let done = status.is_some_and(|s| s.phase == UnitPhase::Removed) && entry.removal != Removal::None;
    (!done).then(|| MemberDecision { removal, ..entry.clone() })
}

/// The approved digest of a unit: what the annotation says, if it is (still) the digest of what is held or released.
fn approved(application: &Application, unit: &UnitId, observed: &Observed<'_>) -> Option<Digest> {
    let said = annotation_of(application, annotation::APPROVE)?;
    let current = super::status::held(observed, unit)?.digest;
    said.split([',', ' ']).filter_map(|text| text.parse::<Digest>().ok()).find(|digest| *digest == current)
}

fn retire_revisions(observed: &Observed<'_>, plan: &mut Plan) {
    let used: BTreeSet<&String> =
        observed.decisions.values().flat_map(|d| d.members.values().map(|m| &m.revision)).collect();
    let mut by_unit: BTreeMap<&UnitId, Vec<(u64, &String)>> = BTreeMap::new();
    for (name, spec) in &observed.revisions {
        by_unit.entry(&spec.unit).or_default().push((spec.epoch, name));
    }
    for list in by_unit.values_mut() {
        list.sort_by(|a, b| b.cmp(a));
        let old = list.iter().skip(REVISIONS_KEPT).filter(|(_, name)| !used.contains(name));
        plan.delete_revisions.extend(old.map(|(_, name)| (*name).clone()));
    }
}

/// The finalizer stays until every member that can be asked has reported its removal; the others keep their tombstones
/// in the decisions, which outlive the Application.
fn finalizer(observed: &Observed<'_>, plan: &Plan) -> Option<bool> {
    let application = observed.application?;
    let has = application.metadata.finalizers.iter().flatten().any(|f| f == annotation::APPLICATION_FINALIZER);
    let deleting = application.metadata.deletion_timestamp.is_some();
    if !deleting {
        return (!has).then_some(true);
    }
    let written: BTreeMap<&String, &DecisionSpec> = plan.write_decisions.iter().map(|(n, d)| (n, d)).collect();
    let waits = observed
        .decisions
        .iter()
        .filter(|(name, _)| !plan.delete_decisions.contains(name))
        .map(|(name, decision)| written.get(name).copied().unwrap_or(decision))
        .flat_map(|decision| decision.members.keys())
        .any(|member| observed.members.get(member) == Some(&Reach::Reachable));
    (has && !waits).then_some(false)
}

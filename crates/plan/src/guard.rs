//! No source may empty a unit by accident.
//!
//! Counted over all members of a unit: the deletions that its source causes at one epoch are held when they would leave
//! the unit without any object, exceed the larger of 10 objects and a quarter of the unit, touch a Namespace,
//! CustomResourceDefinition, PersistentVolume or PersistentVolumeClaim, or come from a hub whose epoch is behind a
//! member's. Held deletions are released by an approval bound to the digest of exactly the list at exactly this epoch of a unit that
//! was given to its members at exactly these times; an approval of any other list, or of the same list at an earlier epoch or of an
//! owner that was there before, releases nothing.
//!
//! A unit that is being taken out of a member had a person's word or a scheduler's already ([`crate::unit`] holds what an
//! edit takes out), so its list counts towards no budget. Another word is needed when the hub is behind, since the decision
//! to take it out may be as old as the backup, and for objects that were not shown to the person who agreed before the edit.
//! Such a list waits by itself: what the source removes elsewhere goes on within the budget.
//!
//! A member that does not answer is in the list with what it is known to lose, and with the digest of that: one approval is
//! enough, and a member that then has another list is asked about again. When only such lists are why deletions are held, they
//! wait by themselves, and the members that answer go on: one that is away for weeks holds up nothing.
//!
//! What is held stays held, until a person agrees or the source has some of it again: that another member stopped answering, left or
//! came is no reason to delete it, though what is left may be within the budget.
//!
//! What a unit kept for another one that was to take it over is held when that one leaves, however little it is: the source lost it earlier,
//! and nothing would be deleted without that edit.
//!
//! What a unit loses by an edit after which its name may stand for something else is held, however little it is: the edit may have taken
//! out what had the name before.

use std::collections::BTreeSet;

use api::delivery::{DeletionState, Deletions, Withheld};
use model::{Digest, MemberName, Timestamp};

/// Deletions that are always allowed in number: what a person still reads in a plan.
pub const OBJECTS_ALWAYS: u64 = 10;
/// Share of a unit, in percent, that may go at once.
pub const PERCENT_MAX: u64 = 25;

/// What one member reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberScope {
    /// The member.
    pub member: MemberName,
    /// The unit's current epoch there: the one that its list is about.
    pub epoch: u64,
    /// When the unit was given to it. An owner that is made again under its name counts epochs from 1 again.
    pub placed: Option<Timestamp>,
    /// Entries in its inventory now.
    pub inventory: u64,
    /// Objects of its payload at the unit's current epoch; 0 until it has reported for that epoch. What an older payload
    /// had says nothing of what is left now.
    pub desired: u64,
    /// What it reported at the unit's current epoch; `None` when it has not yet.
    pub report: Option<Option<Deletions>>,
    /// Whether it is expected to report: it is reachable. A member that is not does not hold up the others. What it is known to
    /// lose is weighed together with what they lose, and what it says itself when it comes back.
    pub expected: bool,
    /// It does not answer now. The report is what it is known to lose, or what it said last.
    pub away: bool,
    /// The unit is being taken out of it.
    pub leaving: bool,
    /// Its report did not count what the unit no longer has.
    pub unweighed: bool,
    /// More may be deleted than its list has, if it has one.
    pub unlisted: bool,
    /// It has not said so itself: its list is what it is known to lose, or what it said of another revision.
    pub supposed: bool,
    /// Its list was granted, and is not carried out yet.
    pub granted: bool,
    /// Lists that it carried out at this epoch.
    pub carried_out: u32,
    /// Its list that was held at the last look.
    pub withheld: Option<Withheld>,
}

impl MemberScope {
    /// Is this list held already? Members that go, come or stop answering change what the others weigh, and nobody has agreed to
    /// anything by that. Another revision of the source that has some of the objects again is weighed by itself; a list that may lack
    /// something does not say that it has.
    fn stays_held(&self, list: &Deletions) -> bool {
        waits(list)
            && self
                .withheld
                .is_some_and(|held| held.replaced || held.untaken || self.unlisted || self.has_all(list, held))
    }

    /// May this list have all that was held, by number? One of the same revision has, whatever was deleted by hand or is there again.
    fn has_all(&self, list: &Deletions, held: Withheld) -> bool {
        held.epoch == self.epoch || list.count >= held.count
    }

    /// Is this list held for the only reason that something which was held before may be missing in it?
    fn lacks_what_was_held(&self, list: &Deletions) -> bool {
        self.stays_held(list) && self.withheld.is_some_and(|held| !self.has_all(list, held))
    }
}

/// Which lists may go ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Per member the digest of its list, for [`api::feed::UnitEntry::approved`].
    pub grants: Vec<(MemberName, Digest)>,
    /// Those of them that a person approved; the others are within the budget.
    pub by_approval: BTreeSet<MemberName>,
}

/// Why deletions are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Nothing would be left of the unit.
    Empties,
    /// More than the larger of 10 objects and a quarter of the unit.
    TooMany,
    /// A kind that holds other objects or data.
    Guarded,
    /// The hub was restored from an older backup, or took the objects over: nobody has seen what would go.
    Behind,
    /// It was not in the list that a person agreed to before the edit was made.
    Unshown,
    /// It was held when more was to go: in other members, which do not count any more, or in these.
    StillHeld,
    /// Something that was held may wait in these members still, and is in no list of them now.
    Unlisted,
    /// The unit's name may stand for something else since an edit.
    Replaced,
    /// Some of it was kept for a unit that was to take it over, and that has left.
    Untaken,
}

impl Cause {
    /// The cause in words, of what waits alone; see [`Held::in_words`].
    fn as_str(self) -> &'static str {
        match self {
            Self::Empties => "nothing would be left of it",
            Self::TooMany => "that is more than 10 objects and more than a quarter of it",
            Self::Guarded => {
                "a Namespace, CustomResourceDefinition, PersistentVolume or PersistentVolumeClaim is among them"
            }
            Self::Behind => {
                "the hub is behind what the member has seen, as after a restore from a backup or a take-over"
            }
            Self::Unshown => "it was not in the list that was agreed to",
            Self::StillHeld => {
                "it was held when more was to go, in more members or in the same ones, and nobody has agreed to it since"
            }
            Self::Unlisted => {
                "what was held there before may be more than this list has: it waits for another policy or Application, or could not be listed"
            }
            Self::Replaced => {
                "an edit changed what the policy reads, and its name is that of a place in the list: it may be another policy now"
            }
            Self::Untaken => {
                "some of it was kept for a policy or Application that was to take it over, and that was removed or edited before it did"
            }
        }
    }
}

/// What is held, for the condition `DeletionsHeld`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Digest of exactly this list over all members: what an approval must say.
    pub digest: Digest,
    /// Objects that wait.
    pub count: u64,
    /// Objects that were released before at the same epoch: they count with those that wait.
    pub released: u64,
    /// Entries of the unit's inventories over all members, before.
    pub of: u64,
    /// Why.
    pub causes: Vec<Cause>,
    /// Per member: how many, and the first of them.
    pub members: Vec<(MemberName, u32, Vec<String>)>,
    /// Those of them that do not answer: it is done there when they do.
    pub away: Vec<MemberName>,
    /// Members that are expected to report and have not: until they do, the list may grow, and its digest change.
    pub waiting_on: Vec<MemberName>,
}

impl Held {
    /// One of its causes in words.
    pub fn in_words(&self, cause: Cause) -> String {
        match (cause, self.released) {
            (Cause::TooMany, 1..) => {
                let (sum, before) = (self.count + self.released, self.released);
                format!(
                    "with {before} that went before, that is {sum}: more than 10 objects and more than a quarter of it"
                )
            }
            (cause, _) => cause.as_str().to_owned(),
        }
    }
}

/// What there is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Set while deletions are held.
    pub held: Option<Held>,
    /// Members whose report is waited for before anything is granted.
    pub waiting_on: Vec<MemberName>,
}

/// Lists of members.
type Lists<'a> = Vec<(&'a MemberScope, &'a Deletions)>;

fn lists_of<'a>(members: &[&'a MemberScope]) -> Lists<'a> {
    members.iter().copied().filter_map(|m| Some((m, m.report.as_ref()?.as_ref()?))).collect()
}

/// The digest of lists. Those already released stay in it: otherwise the first member to go ahead would void the approval under
/// which the others are about to. The epoch is in it too, and when the unit was given to the member: an approval is for once. The
/// same objects, made again and lost again, are another list, also when their owner was deleted and made again in between.
fn digest_of(lists: &[(&MemberScope, &Deletions)]) -> Digest {
    let placed = |m: &MemberScope| m.placed.map(|at| at.to_string()).unwrap_or_default();
    let text = |(m, d): &(&MemberScope, &Deletions)| {
        // A list that comes back after it was carried out is another one. The one that was carried out last is still what it was.
        let is_over = !waits(d) && !m.granted;
        let turn = match m.carried_out.saturating_sub(u32::from(is_over)) {
            0 => m.epoch.to_string(),
            turn => format!("{}.{turn}", m.epoch),
        };
        [m.member.to_string(), turn, placed(m), d.digest.to_string()]
    };
    Digest::of_texts(lists.iter().flat_map(text))
}

fn waits(d: &Deletions) -> bool {
    d.state == DeletionState::Waiting && d.count > 0
}

/// Why lists of members that the unit stays in may not go ahead.
fn causes(members: &[&MemberScope], lists: &[(&MemberScope, &Deletions)]) -> BTreeSet<Cause> {
    let waiting = || lists.iter().filter(|(_, d)| waits(d));
    // What was released before at this epoch counts: a unit must not be emptied in slices. Released objects have left
    // the inventories, or are about to; adding them to what is there errs on neither side by more than those in flight.
    let released: u64 = lists.iter().map(|(_, d)| u64::from(d.released)).sum();
    let caused: u64 = waiting().map(|(_, d)| u64::from(d.count)).sum();
    let of: u64 = members.iter().map(|m| m.inventory).sum::<u64>() + released;
    let desired: u64 = members.iter().map(|m| m.desired).sum();
    let mut causes = BTreeSet::new();
    if caused > 0 && desired == 0 {
        causes.insert(Cause::Empties);
    }
    if caused > 0 && caused + released > OBJECTS_ALWAYS.max(of * PERCENT_MAX / 100) {
        causes.insert(Cause::TooMany);
    }
    if waiting().any(|(_, d)| d.guarded > 0) {
        causes.insert(Cause::Guarded);
    }
    causes.extend(words_needed(lists));
    causes
}

/// Why lists need a person's word, however few objects they have.
fn words_needed(lists: &[(&MemberScope, &Deletions)]) -> BTreeSet<Cause> {
    let waiting = lists.iter().filter(|(_, d)| waits(d));
    let of = |d: &Deletions| {
        let (behind, unshown) = (d.behind.then_some(Cause::Behind), d.unshown.then_some(Cause::Unshown));
        [behind, unshown, d.untaken.then_some(Cause::Untaken)]
    };
    waiting.flat_map(|(_, d)| of(d)).flatten().collect()
}

/// Weighs what all members of a unit reported. `approved` is the digest that a person approved, if any.
///
/// Same input, same output: members are taken in order of their names.
pub fn plan(scopes: &[MemberScope], approved: Option<Digest>) -> (Plan, Report) {
    let mut members: Vec<&MemberScope> = scopes.iter().collect();
    members.sort_by(|a, b| a.member.cmp(&b.member));
    let (mut plan, mut report) = (Plan::default(), Report::default());
    let (leave, stay): (Vec<&MemberScope>, Vec<&MemberScope>) = members.iter().copied().partition(|m| m.leaving);
    let (of_source, of_leave, all) = (lists_of(&stay), lists_of(&leave), lists_of(&members));
    if !all.iter().any(|(_, d)| waits(d)) {
        return (plan, report);
    }
    let mut held: BTreeSet<Cause> = causes(&stay, &of_source);
    let answering: Vec<&MemberScope> = stay.iter().copied().filter(|m| !m.away).collect();
    let of_answering = lists_of(&answering);
    let stays_held = |lists: &Lists<'_>| lists.iter().any(|(m, d)| m.stays_held(d));
    if of_source.iter().any(|(m, d)| waits(d) && m.withheld.is_some_and(|held| held.replaced)) {
        held.insert(Cause::Replaced);
    }
    if of_source.iter().any(|(m, d)| waits(d) && m.withheld.is_some_and(|held| held.untaken)) {
        held.insert(Cause::Untaken);
    }
    if held.is_empty() && stays_held(&of_source) {
        let mut still = of_source.iter().filter(|(m, d)| m.stays_held(d));
        let is_incomplete = still.all(|(m, d)| m.lacks_what_was_held(d));
        held.insert(if is_incomplete { Cause::Unlisted } else { Cause::StillHeld });
    }
    // What members that do not answer lose waits by itself, if the lists of the others alone need no word.
    let only_away = !held.is_empty() && !stays_held(&of_answering) && causes(&answering, &of_answering).is_empty();
    let (is_source_free, is_free) = (held.is_empty(), held.is_empty() || only_away);
    let free = if only_away { of_answering } else { of_source.clone() };
    // What leaves waits by itself, unless what the source removes waits too: then a person sees both as one list.
    let needed = words_needed(&of_leave);
    let is_held = |m: &MemberScope| match m.leaving {
        true => !needed.is_empty(),
        false if only_away => m.away,
        false => !is_source_free || needed.is_empty(),
    };
    let of_held: Lists<'_> = all.into_iter().filter(|(m, _)| is_held(m)).collect();
    held.extend(&needed);
    let grants = |lists: &Lists<'_>| -> Vec<(MemberName, Digest)> {
        lists.iter().filter(|(_, d)| waits(d)).map(|(m, d)| (m.member.clone(), d.digest)).collect()
    };
    let silent = |m: &&&MemberScope| m.expected && m.report.is_none();
    report.waiting_on = stay.iter().filter(silent).map(|m| m.member.clone()).collect();
    // Granting before all have reported would let a hundred small lists pass one by one.
    if is_free && report.waiting_on.is_empty() {
        plan.grants = grants(&free);
    }
    let digest = digest_of(&of_held);
    // What leaves asks about nothing for which it needs no word: without one, no list of it is granted.
    match held.is_empty() {
        true => {}
        false if approved == Some(digest) => {
            let of_person = grants(&of_held);
            plan.by_approval = of_person.iter().map(|(member, _)| member.clone()).collect();
            plan.grants.extend(of_person);
        }
        false => {
            let waiting: Lists<'_> = of_held.into_iter().filter(|(_, d)| waits(d)).collect();
            let sample = |(m, d): &(&MemberScope, &Deletions)| (m.member.clone(), d.count, d.sample.clone());
            let released: u64 = of_source.iter().map(|(_, d)| u64::from(d.released)).sum();
            let count = waiting.iter().map(|(_, d)| u64::from(d.count)).sum();
            let of = members.iter().map(|m| m.inventory).sum::<u64>() + released;
            let away = waiting.iter().filter(|(m, _)| m.away).map(|(m, _)| m.member.clone());
            report.held = Some(Held {
                digest,
                count,
                released,
                of,
                causes: held.into_iter().collect(),
                members: waiting.iter().map(sample).collect(),
                away: away.collect(),
                waiting_on: report.waiting_on.clone(),
            });
        }
    }
    plan.grants.sort();
    plan.grants.dedup();
    (plan, report)
}

#[cfg(test)]
mod tests;

//! Why a decision is as it is, for every member.
//!
//! [`explain`] is [`decide`](crate::decide) with a recorder: one implementation, so that what is explained is what happens.

use std::collections::BTreeMap;

use model::MemberName;

use crate::decide::{Decision, Unfit, decide_with};
use crate::filter::{Filters, Refusal, Refused};
use crate::fleet::Fleet;
use crate::record::Recorder;
use crate::request::{Gates, Request};
use crate::reservation::Reservations;
use crate::spread::{Field, Standing, field_name};

/// A decision and its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub outcome: Result<Decision, Unfit>,
    /// The term of `clusterAffinities` that the reasons are about: the one that was used, or the first that was tried when
    /// none does. Empty when the placement has none.
    pub affinity: String,
    /// Every member, by name.
    pub members: Vec<MemberFate>,
    /// The groups of spread constraints, as far as groups were formed.
    pub groups: Vec<GroupFate>,
}

/// What became of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFate {
    /// Its name.
    pub member: MemberName,
    /// Whether it is chosen, or why not.
    pub fate: Fate,
    /// How it stands among those that come into question.
    pub standing: Option<Standing>,
    /// Its groups: what each spread constraint groups by, and the group's name.
    pub groups: Vec<(String, String)>,
    /// The weight with which it took part in the division.
    pub weight: Option<i64>,
    /// Replicas that it gets.
    pub replicas: i32,
}

/// Whether a member is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It gets the object.
    Chosen,
    /// It does not come into question.
    Refused(Refusal),
    /// Spread constraints are met by others that stand before it.
    PassedOver,
    /// It takes part in the division of replicas, and gets none.
    NoReplicas,
    /// It comes into question, and nothing could be decided: see the outcome.
    Undecided,
}

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chosen => f.write_str("chosen"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::PassedOver => f.write_str("others stand before it, and the spread constraints want no more"),
            Self::NoReplicas => f.write_str("the division of replicas gives it none"),
            Self::Undecided => f.write_str("it comes into question, and nothing could be decided"),
        }
    }
}

/// A group of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFate {
    /// What it is grouped by: `region`, or the key of a label.
    pub field: String,
    /// Its name.
    pub name: String,
    /// Its score.
    pub score: i64,
    /// It is among those that members are taken from.
    pub chosen: bool,
}

/// Decides, and says why. See [`decide`](crate::decide).
pub fn explain(request: &Request, fleet: &Fleet, reserved: &Reservations, gates: &Gates) -> Explanation {
    let mut record = Record::default();
    let outcome = decide_with(request, fleet, reserved, gates, &mut record);
    let attempts = record.attempts.len();
    let told = if outcome.is_ok() { attempts.saturating_sub(1) } else { 0 };
    let attempt = record.attempts.into_iter().nth(told).unwrap_or_default();
    let filters = Filters::of(request, fleet, gates);
    let fields: Vec<(String, Field)> = request
        .placement
        .spread_constraints
        .iter()
        .map(|constraint| (field_name(constraint), Field::of(constraint, fleet, gates)))
        .collect();
    let clusters = outcome.as_ref().map(|decision| decision.clusters.as_slice()).unwrap_or_default();
    let replicas: BTreeMap<&str, i32> = clusters.iter().map(|target| (target.name.as_str(), target.replicas)).collect();
    let fate_of = |(place, member): (usize, &std::sync::Arc<crate::fleet::Member>)| {
        let share = replicas.get(member.name.as_str());
        let fate = match (share, attempt.refused.get(&place), outcome.is_ok()) {
            (Some(_), ..) => Fate::Chosen,
            (None, Some(refused), _) => Fate::Refused(filters.refusal(member, *refused)),
            (None, None, false) => Fate::Undecided,
            (None, None, true) if attempt.selected.contains_key(&place) => Fate::NoReplicas,
            (None, None, true) => Fate::PassedOver,
        };
        let group = |(name, field): &(String, Field)| {
            let group = field.group(member);
            group.is_some().then(|| (name.clone(), fleet.symbols.text(group).to_owned()))
        };
        MemberFate {
            member: member.name.clone(),
            fate,
            standing: attempt.standings.get(&place).copied(),
            groups: fields.iter().filter_map(group).collect(),
            weight: attempt.weights.get(&place).copied(),
            replicas: share.copied().unwrap_or_default(),
        }
    };
    let members = fleet.members().iter().enumerate().map(fate_of).collect();
    Explanation { members, affinity: attempt.term, groups: attempt.groups, outcome }
}

/// What is kept of a decision while it is made.
#[derive(Debug, Default)]
struct Record {
    attempts: Vec<Attempt>,
}

#[derive(Debug, Default)]
struct Attempt {
    term: String,
    refused: BTreeMap<usize, Refused>,
    standings: BTreeMap<usize, Standing>,
    selected: BTreeMap<usize, ()>,
    weights: BTreeMap<usize, i64>,
    groups: Vec<GroupFate>,
}

impl Record {
    fn change(&mut self, change: impl FnOnce(&mut Attempt)) {
        if let Some(attempt) = self.attempts.last_mut() {
            change(attempt);
        }
    }
}

impl Recorder for Record {
    const ACTIVE: bool = true;

    fn attempt(&mut self, term: Option<&str>) {
        // The first and the last attempt are told of.
        self.attempts.truncate(1);
        self.attempts.push(Attempt { term: term.unwrap_or_default().to_owned(), ..Attempt::default() });
    }

    fn refused(&mut self, place: usize, refused: Refused) {
        self.change(|attempt| {
            attempt.refused.insert(place, refused);
        });
    }

    fn standing(&mut self, standing: Standing) {
        self.change(|attempt| {
            attempt.standings.insert(standing.place, standing);
        });
    }

    fn group(&mut self, field: &str, name: &str, score: i64, chosen: bool) {
        let group = GroupFate { field: field.to_owned(), name: name.to_owned(), score, chosen };
        self.change(|attempt| attempt.groups.push(group));
    }

    fn selected(&mut self, place: usize) {
        self.change(|attempt| {
            attempt.selected.insert(place, ());
        });
    }

    fn weight(&mut self, place: usize, weight: i64) {
        self.change(|attempt| {
            attempt.weights.insert(place, weight);
        });
    }
}

//! The decision: filters, scores, selection, division (karmada.md 2.4 to 2.8).

use api::karmada::work::v1alpha2::{TargetCluster, TargetComponent};
use model::MemberName;

use crate::affinity::{Terms, Tiers};
use crate::divide::{Undivided, divide};
use crate::estimate::{Estimated, UNLIMITED};
use crate::filter::{Filters, Refusal, Refused};
use crate::fleet::Fleet;
use crate::record::{Recorder, Silent};
use crate::request::{Gates, Mode, Request};
use crate::reservation::Reservations;
use crate::spread::{Standing, is_by_sets, select};

/// Score of a member that has the object already.
const LOCALITY: i64 = 100;

/// Where an object goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The members with their replicas, ordered by name. Without replicas when the object has none.
    pub clusters: Vec<TargetCluster>,
    /// The term of `clusterAffinities` that was used; empty when the placement has none.
    pub affinity: String,
}

/// Why an object goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// No member comes into question.
    NoClusterFit {
        /// How many members there are.
        members: usize,
        /// Why each of them does not, by name.
        refused: Vec<(MemberName, Refusal)>,
    },
    /// Members come into question, and have too little room.
    Unschedulable {
        /// What Karmada says.
        message: String,
    },
    /// Nothing can be decided: constraints cannot be met together, or the placement makes no sense.
    Failed {
        /// What Karmada says.
        message: String,
    },
}

impl Unfit {
    /// Reason of the condition `Scheduled`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoClusterFit { .. } => "NoClusterFit",
            Self::Unschedulable { .. } => "Unschedulable",
            Self::Failed { .. } => "SchedulerError",
        }
    }

    /// Does the object leave the members that it was in? Else they stay as they are.
    pub const fn clears(&self) -> bool {
        matches!(self, Self::NoClusterFit { .. })
    }
}

impl std::fmt::Display for Unfit {
    /// Message of the condition `Scheduled`, as Karmada writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unschedulable { message } | Self::Failed { message } => f.write_str(message),
            Self::NoClusterFit { members, refused } => {
                let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
                for words in refused.iter().filter_map(|(_, refusal)| refusal.words()) {
                    *counts.entry(words).or_default() += 1;
                }
                let mut counted: Vec<String> = counts.iter().map(|(words, count)| format!("{count} {words}")).collect();
                counted.sort_unstable();
                if *members == 0 || counted.is_empty() {
                    counted = vec!["no cluster exists".to_owned()];
                }
                write!(f, "0/{members} clusters are available: {}.", counted.join(", "))
            }
        }
    }
}

/// Decides where an object goes.
///
/// # Guarantees
/// The same inputs give the same answer. The replicas of a divided object add up to what is wanted, and no member gets
/// more than it has room for next to what it had, unless the policy gives static weights or every member all replicas.
///
/// # Errors
/// See [`Unfit`]. With ordered affinities: why the first term that was tried does not do.
pub fn decide(request: &Request, fleet: &Fleet, reserved: &Reservations, gates: &Gates) -> Result<Decision, Unfit> {
    decide_with(request, fleet, reserved, gates, &mut Silent)
}

/// As [`decide`], with a recorder.
pub(crate) fn decide_with<R: Recorder>(
    request: &Request,
    fleet: &Fleet,
    reserved: &Reservations,
    gates: &Gates,
    recorder: &mut R,
) -> Result<Decision, Unfit> {
    let scene = Scene { request, fleet, reserved, gates };
    match Terms::of(&request.placement, &request.observed_affinity, request.mode == Mode::Fresh) {
        Terms::Single(affinity) => {
            recorder.attempt(None);
            let clusters = scene.attempt(&Tiers::single(affinity, fleet), recorder)?;
            Ok(Decision { clusters, affinity: String::new() })
        }
        Terms::Ordered(terms, start) => {
            let mut first = None;
            for term in terms.get(start..).unwrap_or_default() {
                recorder.attempt(Some(&term.affinity_name));
                match scene.attempt(&Tiers::term(term, request.is_workload(), fleet), recorder) {
                    Ok(clusters) => return Ok(Decision { clusters, affinity: term.affinity_name.clone() }),
                    Err(unfit) => first = first.or(Some(unfit)),
                }
            }
            Err(first.unwrap_or(Unfit::NoClusterFit { members: fleet.len(), refused: Vec::new() }))
        }
    }
}

/// The division alone, of members that are selected.
#[cfg(test)]
pub(crate) fn divided(
    selected: &[Standing],
    overflows: bool,
    request: &Request,
    fleet: &Fleet,
    reserved: &Reservations,
    gates: &Gates,
) -> Result<Vec<TargetCluster>, Unfit> {
    Scene { request, fleet, reserved, gates }.assign(selected, overflows, &mut Silent)
}

/// The inputs of a decision.
struct Scene<'a> {
    request: &'a Request,
    fleet: &'a Fleet,
    reserved: &'a Reservations,
    gates: &'a Gates,
}

impl Scene<'_> {
    /// Decides with one affinity.
    fn attempt<R: Recorder>(&self, tiers: &Tiers, recorder: &mut R) -> Result<Vec<TargetCluster>, Unfit> {
        let Self { request, fleet, gates, .. } = *self;
        let standings = self.standings(tiers, recorder)?;
        if R::ACTIVE {
            standings.iter().for_each(|standing| recorder.standing(*standing));
        }
        let failed = |why: String| Unfit::Failed { message: format!("failed to select clusters: {why}") };
        let selected = select(standings, request, fleet, gates, recorder).map_err(failed)?;
        if R::ACTIVE {
            selected.iter().for_each(|standing| recorder.selected(standing.place));
        }
        self.assign(&selected, tiers.overflows, recorder)
    }

    /// Gives replicas to the members that were selected.
    fn assign<R: Recorder>(
        &self,
        selected: &[Standing],
        overflows: bool,
        recorder: &mut R,
    ) -> Result<Vec<TargetCluster>, Unfit> {
        let Self { request, fleet, gates, .. } = *self;
        if selected.is_empty() {
            let message = "failed to assign replicas: no clusters available to schedule".to_owned();
            return Err(Unfit::Failed { message });
        }
        let name = |place: usize| fleet.members()[place].name.as_str().to_owned();
        let divides = (request.replicas > 0 || request.requirements.is_some()) && request.components.len() <= 1;
        let mut clusters: Vec<TargetCluster> = if divides {
            let shares = divide(selected, overflows, request, fleet, recorder).map_err(|why| match why {
                Undivided::TooLittleRoom(why) => {
                    Unfit::Unschedulable { message: format!("failed to assign replicas: {why}") }
                }
                Undivided::Nonsense(why) => Unfit::Failed { message: format!("failed to assign replicas: {why}") },
            })?;
            let target = |(place, replicas): (usize, i64)| TargetCluster {
                name: name(place),
                replicas: i32::try_from(replicas).unwrap_or(i32::MAX),
                components: Vec::new(),
            };
            let empty = selected.iter().filter(|s| gates.empty_workloads && !shares.contains_key(&s.place));
            let empty: Vec<(usize, i64)> = empty.map(|standing| (standing.place, 0)).collect();
            shares.into_iter().chain(empty).map(target).collect()
        } else {
            let components = self.components();
            let whole = |standing: &Standing| TargetCluster {
                name: name(standing.place),
                replicas: 0,
                components: components.clone(),
            };
            selected.iter().map(whole).collect()
        };
        clusters.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(clusters)
    }

    /// What a member gets of each component, when that is recorded.
    fn components(&self) -> Vec<TargetComponent> {
        if self.request.components.len() <= 1 || !is_by_sets(self.request, self.gates) {
            return Vec::new();
        }
        let target = |component: &api::karmada::work::v1alpha2::Component| TargetComponent {
            name: component.name.clone(),
            replicas: component.replicas,
        };
        self.request.components.iter().map(target).collect()
    }

    /// The members that come into question, in their order.
    fn standings<R: Recorder>(&self, tiers: &Tiers, recorder: &mut R) -> Result<Vec<Standing>, Unfit> {
        let Self { request, fleet, reserved, gates } = *self;
        let filters = Filters::of(request, fleet, gates);
        let had = self.previous();
        let wanted = self.estimated();
        let mut refused: Vec<(usize, Refused)> = Vec::new();
        let mut standings = Vec::with_capacity(fleet.len());
        for (place, member) in fleet.members().iter().enumerate() {
            let before = had.get(place).copied().flatten();
            match filters.check(place, member, before.is_some(), tiers) {
                Err(why) => {
                    recorder.refused(place, why);
                    refused.push((place, why));
                }
                Ok(tier) => {
                    let free = wanted.room(member, fleet, gates, reserved.of(member.name.as_str()));
                    // Nothing limits it, so what is wanted is as good as any number, and overflows no sum.
                    let limitless = free == UNLIMITED && !matches!(wanted, Estimated::Nothing);
                    let free = if limitless { i64::from(request.replicas) } else { free };
                    let available = free.saturating_add(i64::from(before.unwrap_or_default()));
                    let score = if before.is_some() { LOCALITY } else { 0 };
                    standings.push(Standing { place, tier, score, free, available });
                }
            }
        }
        if standings.is_empty() {
            let named = |(place, why): (usize, Refused)| {
                let member = &fleet.members()[place];
                (member.name.clone(), filters.refusal(member, why))
            };
            return Err(Unfit::NoClusterFit {
                members: fleet.len(),
                refused: refused.into_iter().map(named).collect(),
            });
        }
        standings.sort_unstable_by_key(Standing::order);
        Ok(standings)
    }

    /// Replicas that members had, by place; `None`: the object was not there.
    fn previous(&self) -> Vec<Option<i32>> {
        if self.request.previous.is_empty() {
            return Vec::new();
        }
        let mut had = vec![None; self.fleet.len()];
        for target in &self.request.previous {
            if let Some(place) = self.fleet.place(&target.name) {
                had[place].get_or_insert(target.replicas.max(0));
            }
        }
        had
    }

    fn estimated(&self) -> Estimated<'_> {
        let Self { request, fleet, gates, .. } = *self;
        if request.replicas == 0 && request.components.is_empty() {
            Estimated::Nothing
        } else if is_by_sets(request, gates) {
            Estimated::sets(&request.components, fleet)
        } else {
            Estimated::replicas(request.requirements.as_ref(), fleet)
        }
    }
}

#[cfg(test)]
mod tests;

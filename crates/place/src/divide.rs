//! Division of replicas among the members that were selected (karmada.md 2.8).

use std::collections::BTreeMap;

use api::karmada::policy::v1alpha1::{
    Placement, ReplicaDivisionPreference, ReplicaSchedulingType, StaticClusterWeight,
};

use crate::affinity::Affinity;
use crate::fleet::Fleet;
use crate::record::Recorder;
use crate::request::{Mode, Request};
use crate::spread::Standing;
use crate::webster::{Party, Ties, allocate};

/// How replicas are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy<'a> {
    /// Every member gets all.
    Duplicated,
    /// In proportion to weights of the policy; without a list every member has the same.
    Static(Option<&'a [StaticClusterWeight]>),
    /// In proportion to the room in members.
    Dynamic,
    /// Over as few members as have room.
    Aggregated,
    /// Divided, and nothing says how.
    Unsupported,
}

impl<'a> Strategy<'a> {
    pub(crate) fn of(placement: &'a Placement) -> Self {
        let Some(strategy) = &placement.replica_scheduling else { return Self::Duplicated };
        if strategy.replica_scheduling_type == ReplicaSchedulingType::Duplicated {
            return Self::Duplicated;
        }
        let weights = strategy.weight_preference.as_ref();
        match strategy.replica_division_preference {
            Some(ReplicaDivisionPreference::Aggregated) => Self::Aggregated,
            Some(ReplicaDivisionPreference::Weighted) => match weights {
                Some(weights) if weights.dynamic_weight.is_some() => Self::Dynamic,
                Some(weights) => Self::Static(Some(&weights.static_weight_list)),
                None => Self::Static(None),
            },
            None => Self::Unsupported,
        }
    }
}

/// Why replicas cannot be divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undivided {
    /// There is too little room: what Karmada says.
    TooLittleRoom(String),
    /// The placement makes no sense: what Karmada says.
    Nonsense(String),
}

/// Replicas by place of the member.
pub(crate) type Shares = BTreeMap<usize, i64>;

/// Divides replicas. Members that get none are not in the answer.
///
/// # Errors
/// There is too little room, or the strategy is none.
pub(crate) fn divide<R: Recorder>(
    selected: &[Standing],
    overflows: bool,
    request: &Request,
    fleet: &Fleet,
    recorder: &mut R,
) -> Result<Shares, Undivided> {
    let replicas = i64::from(request.replicas.max(0));
    if !overflows {
        return by_strategy(selected, replicas, request, fleet, recorder);
    }
    let mut tiers: BTreeMap<u32, Vec<Standing>> = BTreeMap::new();
    for standing in selected {
        tiers.entry(standing.tier).or_default().push(*standing);
    }
    let (mut left, mut shares) = (replicas, Shares::new());
    for members in tiers.values() {
        let room = members.iter().fold(0_i64, |sum, member| sum.saturating_add(member.available));
        let part = left.min(room).max(0);
        shares.extend(by_strategy(members, part, request, fleet, recorder)?);
        left -= part;
        if left == 0 {
            return Ok(shares);
        }
    }
    Err(Undivided::TooLittleRoom("Clusters available replicas are not enough to schedule.".to_owned()))
}

fn by_strategy<R: Recorder>(
    members: &[Standing],
    replicas: i64,
    request: &Request,
    fleet: &Fleet,
    recorder: &mut R,
) -> Result<Shares, Undivided> {
    let mut shares = match Strategy::of(&request.placement) {
        Strategy::Duplicated => members.iter().map(|member| (member.place, replicas)).collect(),
        Strategy::Static(list) => by_weights(&static_weights(members, list, fleet), replicas, request, recorder),
        Strategy::Dynamic => dynamic(members, false, replicas, request, fleet, recorder)?,
        Strategy::Aggregated => dynamic(members, true, replicas, request, fleet, recorder)?,
        Strategy::Unsupported => {
            let message = "unsupported replica scheduling strategy, replicaSchedulingType: Divided, \
                           replicaDivisionPreference: , please try another scheduling strategy";
            return Err(Undivided::Nonsense(message.to_owned()));
        }
    };
    shares.retain(|_, replicas| *replicas > 0);
    Ok(shares)
}

/// Weights of a policy: of the rules that match a member the largest. When none matches any, all members have the same.
fn static_weights(members: &[Standing], list: Option<&[StaticClusterWeight]>, fleet: &Fleet) -> Vec<(usize, i64)> {
    let rules = list.unwrap_or_default();
    let rules: Vec<(Affinity, i64)> =
        rules.iter().map(|rule| (Affinity::of(&rule.target_cluster, fleet), rule.weight)).collect();
    let matches =
        |affinity: &Affinity, place: usize| affinity.mismatch(place, &fleet.members()[place], &fleet.symbols).is_none();
    let weight = |place: usize| {
        let matching = rules.iter().filter(|(affinity, _)| matches(affinity, place));
        matching.map(|(_, weight)| *weight).max().unwrap_or_default()
    };
    let weights: Vec<(usize, i64)> =
        members.iter().map(|member| (member.place, weight(member.place))).filter(|(_, weight)| *weight > 0).collect();
    if weights.is_empty() { members.iter().map(|member| (member.place, 1)).collect() } else { weights }
}

/// Division in proportion to the room, with as little movement as the mode wants.
fn dynamic<R: Recorder>(
    members: &[Standing],
    aggregated: bool,
    replicas: i64,
    request: &Request,
    fleet: &Fleet,
    recorder: &mut R,
) -> Result<Shares, Undivided> {
    // What members that are not selected had is divided like replicas that are new.
    let mut before = Shares::new();
    let places: Vec<usize> = {
        let mut places: Vec<usize> = members.iter().map(|member| member.place).collect();
        places.sort_unstable();
        places
    };
    for target in &request.previous {
        if let Some(place) = fleet.place(&target.name).filter(|place| places.binary_search(place).is_ok()) {
            before.entry(place).or_insert(i64::from(target.replicas.max(0)));
        }
    }
    let had: i64 = before.values().fold(0, |sum, replicas| sum.saturating_add(*replicas));
    let by_room = |extra: bool| -> Vec<(usize, i64)> {
        let more = |place: &usize| if extra { before.get(place).copied().unwrap_or_default() } else { 0 };
        members.iter().map(|m| (m.place, m.free.saturating_add(more(&m.place)))).collect()
    };
    let (mut votes, seats, kept, what) = match (request.mode, had.cmp(&replicas)) {
        (Mode::Fresh, _) => (by_room(true), replicas, Shares::new(), "failed to do fresh scale"),
        (Mode::Steady, std::cmp::Ordering::Equal) => return Ok(before),
        (Mode::Steady, std::cmp::Ordering::Greater) => {
            // In the order of the previous answer, as far as members are still there.
            let previous = request.previous.iter().filter_map(|target| fleet.place(&target.name));
            let mut votes: Vec<(usize, i64)> = Vec::new();
            for place in previous {
                if let Some(replicas) = before.get(&place).filter(|_| votes.iter().all(|(other, _)| *other != place)) {
                    votes.push((place, *replicas));
                }
            }
            (votes, replicas, Shares::new(), "failed to scale down")
        }
        (Mode::Steady, std::cmp::Ordering::Less) => {
            (by_room(false), replicas - had, before.clone(), "failed to scale up")
        }
    };
    let room = votes.iter().fold(0_i64, |sum, (_, room)| sum.saturating_add(*room));
    if room < seats {
        let message = format!("{what}: Clusters available replicas {room} are not enough to schedule.");
        return Err(Undivided::TooLittleRoom(message));
    }
    if aggregated {
        votes.sort_by_key(|(_, room)| std::cmp::Reverse(*room));
        // Members that have replicas go first, so that scaling up stays where it can.
        votes.sort_by_key(|(place, _)| kept.get(place).is_none_or(|replicas| *replicas == 0));
        let mut sum = 0_i64;
        let enough = votes.iter().position(|(_, room)| {
            sum = sum.saturating_add(*room);
            sum >= seats
        });
        votes.truncate(enough.map_or(votes.len(), |last| last + 1));
    }
    let mut shares = by_weights(&votes, seats, request, recorder);
    for (place, replicas) in kept {
        *shares.entry(place).or_default() += replicas;
    }
    Ok(shares)
}

fn by_weights<R: Recorder>(weights: &[(usize, i64)], seats: i64, request: &Request, recorder: &mut R) -> Shares {
    let mut weights = weights.to_vec();
    weights.sort_unstable();
    if R::ACTIVE {
        for (place, weight) in &weights {
            recorder.weight(*place, *weight);
        }
    }
    let parties: Vec<Party> = weights.iter().map(|(_, votes)| Party { votes: *votes, seats: 0 }).collect();
    let seats = allocate(&parties, seats, Ties::of_uid(&request.uid));
    weights.into_iter().zip(seats).map(|((place, _), seats)| (place, seats)).collect()
}

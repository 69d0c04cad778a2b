//! How many pods each ReplicaSet of a Deployment gets next.
//!
//! Safety, whatever the order of events: ReplicaSets together never ask for more than `replicas + maxSurge`, and old ones
//! are made smaller only by what keeps `replicas - maxUnavailable` available.

use super::history::{self, DESIRED, MAX};
use crate::object::{Deployment, DeploymentStatus, ReplicaSet, Strategy};

/// A ReplicaSet and the size it is to have.
#[derive(Clone, Debug)]
pub struct Scale<'a> {
    /// Which.
    pub set: &'a ReplicaSet,
    /// New size.
    pub to: i64,
}

/// Resolved `maxSurge`.
pub fn surge(deployment: &Deployment) -> i64 {
    match deployment.strategy {
        Strategy::Recreate => 0,
        Strategy::Rolling { surge, .. } => surge.up(deployment.replicas),
    }
}

/// Resolved `maxUnavailable`; 1 when both bounds come to nothing, since nothing could move then.
pub fn unavailable(deployment: &Deployment) -> i64 {
    match deployment.strategy {
        _ if deployment.replicas == 0 => 0,
        Strategy::Recreate => 0,
        Strategy::Rolling { unavailable, .. } => {
            let bound = unavailable.down(deployment.replicas);
            let bound = if bound == 0 && surge(deployment) == 0 { 1 } else { bound };
            bound.min(deployment.replicas)
        }
    }
}

fn total(newest: Option<&ReplicaSet>, old: &[&ReplicaSet]) -> i64 {
    newest.map_or(0, |s| s.replicas) + old.iter().map(|s| s.replicas).sum::<i64>()
}

/// The size that the new ReplicaSet may have now.
pub fn new_size(deployment: &Deployment, newest: Option<&ReplicaSet>, old: &[&ReplicaSet]) -> i64 {
    if deployment.strategy == Strategy::Recreate {
        return deployment.replicas;
    }
    let now = newest.map_or(0, |s| s.replicas);
    let room = deployment.replicas + surge(deployment) - total(newest, old);
    now + room.min(deployment.replicas - now).max(0)
}

/// Is the rollout done, going by these counts?
pub fn is_complete(deployment: &Deployment, counts: &DeploymentStatus) -> bool {
    counts.updated == deployment.replicas
        && counts.replicas == deployment.replicas
        && counts.available == deployment.replicas
}

/// The next step of a rolling update.
pub fn rolling<'a>(deployment: &Deployment, newest: Option<&'a ReplicaSet>, old: &[&'a ReplicaSet]) -> Vec<Scale<'a>> {
    let Some(new) = newest else { return Vec::new() };
    let to = if new.replicas > deployment.replicas { deployment.replicas } else { new_size(deployment, newest, old) };
    if to != new.replicas {
        return vec![Scale { set: new, to }];
    }
    shrink(deployment, new, old)
}

/// Makes old ReplicaSets smaller: first by pods that are not available anyway, then by what availability allows.
fn shrink<'a>(deployment: &Deployment, new: &ReplicaSet, old: &[&'a ReplicaSet]) -> Vec<Scale<'a>> {
    let floor = deployment.replicas - unavailable(deployment);
    let missing = new.replicas - new.status.available;
    let mut budget = total(Some(new), old) - floor - missing;
    if budget <= 0 || old.iter().all(|set| set.replicas == 0) {
        return Vec::new();
    }
    let mut sizes: Vec<i64> = old.iter().map(|set| set.replicas).collect();
    for (size, set) in sizes.iter_mut().zip(old) {
        let cut = (*size - set.status.available).clamp(0, budget);
        *size -= cut;
        budget -= cut;
    }
    let available = new.status.available + old.iter().map(|set| set.status.available).sum::<i64>();
    let mut spare = (available - floor).min(budget);
    for size in &mut sizes {
        let cut = (*size).min(spare).max(0);
        *size -= cut;
        spare -= cut;
    }
    old.iter().zip(sizes).filter(|(set, size)| set.replicas != *size).map(|(set, to)| Scale { set, to }).collect()
}

/// Sizes after `replicas` changed, or while paused: the only active ReplicaSet gets all; a new one that has them all
/// already makes old ones unneeded; during a rollout each gets its share.
pub fn proportional<'a>(
    deployment: &Deployment,
    newest: Option<&'a ReplicaSet>,
    old: &[&'a ReplicaSet],
) -> Vec<Scale<'a>> {
    let mut active: Vec<&'a ReplicaSet> = old.iter().copied().chain(newest).filter(|s| s.replicas > 0).collect();
    if active.len() <= 1 {
        let latest = active.first().copied().or(newest).or_else(|| old.last().copied());
        return latest.map(|set| Scale { set, to: deployment.replicas }).into_iter().collect();
    }
    let saturated = newest.is_some_and(|new| {
        history::number(new, DESIRED) == Some(deployment.replicas)
            && new.replicas == deployment.replicas
            && new.status.available == deployment.replicas
    });
    if saturated {
        return old.iter().filter(|set| set.replicas > 0).map(|set| Scale { set, to: 0 }).collect();
    }
    if deployment.strategy == Strategy::Recreate {
        return Vec::new();
    }
    let allowed = if deployment.replicas > 0 { deployment.replicas + surge(deployment) } else { 0 };
    let change = allowed - active.iter().map(|s| s.replicas).sum::<i64>();
    // The larger first; among equals the newer when growing, the older when shrinking.
    active.sort_by(|a, b| {
        let by_age = a.meta.created.cmp(&b.meta.created).then_with(|| a.meta.name.cmp(&b.meta.name));
        b.replicas.cmp(&a.replicas).then(if change > 0 { by_age.reverse() } else { by_age })
    });
    let mut left = change;
    let mut out: Vec<Scale<'a>> = Vec::with_capacity(active.len());
    for set in active {
        let part = share(deployment, set, change, left);
        left -= part;
        out.push(Scale { set, to: set.replicas + part });
    }
    if let Some(first) = out.first_mut() {
        first.to = (first.to + left).max(0);
    }
    out
}

/// One ReplicaSet's share of a change, at most what is left of it.
fn share(deployment: &Deployment, set: &ReplicaSet, change: i64, left: i64) -> i64 {
    if set.replicas == 0 || change == 0 || left == 0 {
        return 0;
    }
    if deployment.replicas == 0 {
        return -set.replicas;
    }
    let max = deployment.replicas + surge(deployment);
    let before = history::number(set, MAX).filter(|n| *n > 0).unwrap_or(deployment.status.replicas);
    if before == 0 {
        return 0;
    }
    // Rounded to the nearest whole number, halves up.
    let fraction = (2 * set.replicas * max + before).div_euclid(2 * before) - set.replicas;
    if change > 0 { fraction.clamp(0, left) } else { fraction.clamp(left, 0) }
}

//! What a unit's objects amount to.

use api::delivery::{Health, PodCounts};
use interpret::State;
use serde_json::Value;

/// What one object says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reading {
    /// Its share in the unit.
    pub part: Part,
    /// Why, in one CamelCase word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
}

/// Reads an object's health and, for workloads that own pods, how many they ask for and have.
pub fn read(object: &Value) -> Reading {
    let interpret::Health { state, reason, message } = interpret::health(object);
    let health = match state {
        State::Healthy => Health::Healthy,
        State::Suspended => Health::Suspended,
        State::Progressing => Health::Progressing,
        State::Unknown => Health::Unknown,
        State::Missing => Health::Missing,
        State::Degraded => Health::Degraded,
    };
    let count = |n: i64| u32::try_from(n.max(0)).unwrap_or(u32::MAX);
    let replicas = interpret::replicas(object);
    let pods =
        replicas.map_or_else(PodCounts::default, |r| PodCounts { desired: count(r.desired), ready: count(r.ready) });
    Reading { part: Part { health, pods }, reason, message }
}

/// One object's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Part {
    /// Its health.
    pub health: Health,
    /// Its pods.
    pub pods: PodCounts,
}

/// All of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The worst health; a unit without objects is Healthy, since nothing is missing.
    pub health: Health,
    /// How many are healthy.
    pub healthy: u32,
    /// All pods.
    pub pods: PodCounts,
}

/// Adds up; a count that would not fit is the largest one, since an object of any kind may claim any number of replicas.
/// Unknown is worse than on its way and better than missing: nothing that is not known counts as healthy.
pub fn sum(parts: impl IntoIterator<Item = Part>) -> Sum {
    let mut out = Sum { health: Health::Healthy, ..Sum::default() };
    for part in parts {
        out.health = out.health.max(part.health);
        out.healthy = out.healthy.saturating_add(u32::from(part.health == Health::Healthy));
        out.pods.desired = out.pods.desired.saturating_add(part.pods.desired);
        out.pods.ready = out.pods.ready.saturating_add(part.pods.ready);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_may_claim_any_number_of_pods() {
        let object = serde_json::json!({"apiVersion": "x/v1", "kind": "X", "spec": {"replicas": u32::MAX},
            "status": {"replicas": u32::MAX, "readyReplicas": u32::MAX}});
        let part = read(&object).part;
        assert_eq!(part.pods.desired, u32::MAX);
        assert_eq!(sum([part, part]).pods, PodCounts { desired: u32::MAX, ready: part.pods.ready });
    }

    #[test]
    fn the_worst_counts() {
        let part = |health| Part { health, ..Part::default() };
        assert_eq!(sum([]).health, Health::Healthy);
        assert_eq!(sum([part(Health::Healthy), part(Health::Progressing)]).health, Health::Progressing);
        assert_eq!(sum([part(Health::Unknown), part(Health::Progressing)]).health, Health::Unknown);
        assert_eq!(sum([part(Health::Healthy), part(Health::Degraded)]).healthy, 1);
    }
}

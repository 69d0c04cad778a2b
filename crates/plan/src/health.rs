//! What a unit's objects amount to.

use api::delivery::{Health, PodCounts};

/// One object's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Adds up. Unknown is worse than on its way and better than missing: nothing that is not known counts as healthy.
pub fn sum(parts: impl IntoIterator<Item = Part>) -> Sum {
    let mut out = Sum { health: Health::Healthy, ..Sum::default() };
    for part in parts {
        out.health = out.health.max(part.health);
        out.healthy += u32::from(part.health == Health::Healthy);
        out.pods.desired += part.pods.desired;
        out.pods.ready += part.pods.ready;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts() {
        let part = |health| Part { health, ..Part::default() };
        assert_eq!(sum([]).health, Health::Healthy);
        assert_eq!(sum([part(Health::Healthy), part(Health::Progressing)]).health, Health::Progressing);
        assert_eq!(sum([part(Health::Unknown), part(Health::Progressing)]).health, Health::Unknown);
        assert_eq!(sum([part(Health::Healthy), part(Health::Degraded)]).healthy, 1);
    }
}

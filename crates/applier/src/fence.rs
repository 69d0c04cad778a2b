//! Which units are left alone, since another applier of this hub wrote their inventories at a higher epoch.
//!
//! No time ends a fence: an applier that is at work and has nothing to write is as silent as one that has ended. A hub that
//! knows as much ends it, or a person who knows starts the hub again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::delivery::UnitId;

/// The fences of all clusters: of each unit the epoch that the other applier wrote, by the UID of the cluster's kube-system
/// namespace. A second hub from the same backup is needed for each of them, so there are hardly any; at most there are as
/// many as units in members.
#[derive(Debug, Default)]
pub(crate) struct Fences(Mutex<HashMap<String, HashMap<UnitId, u64>>>);

impl Fences {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<UnitId, u64>>> {
        // Every change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another applier wrote this epoch of the unit.
    pub(crate) fn set(&self, cluster: &str, unit: &UnitId, epoch: u64) {
        let mut fences = self.lock();
        let highest = fences.entry(cluster.to_owned()).or_default().entry(unit.clone()).or_default();
        *highest = epoch.max(*highest);
    }

    /// The epoch that another applier wrote, while `epoch`, which the hub asks for, is lower. Otherwise the fence ends.
    pub(crate) fn check(&self, cluster: &str, unit: &UnitId, epoch: u64) -> Option<u64> {
        let mut fences = self.lock();
        let units = fences.get_mut(cluster)?;
        let fence = units.get(unit).copied().filter(|fence| epoch < *fence);
        if fence.is_none() {
            units.remove(unit);
            if units.is_empty() {
                fences.remove(cluster);
            }
        }
        fence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_of_one_unit_in_one_cluster_and_ends_with_an_epoch_that_is_as_high() {
        let fences = Fences::default();
        let unit = |name| UnitId::new("apps.kurator.dev", "Application", "default", name, Some("base"));
        let (a, b) = (unit("a"), unit("b"));
        fences.set("one", &a, 5);
        fences.set("one", &a, 4);
        for (cluster, unit, epoch, expect) in [
            ("one", &a, 2, Some(5)),
            ("one", &b, 2, None),
            ("two", &a, 2, None),
            ("one", &a, 4, Some(5)),
            ("one", &a, 5, None),
            ("one", &a, 2, None),
        ] {
            assert_eq!(fences.check(cluster, unit, epoch), expect, "{cluster} {unit} {epoch}");
        }
        assert!(fences.lock().is_empty());
    }
}

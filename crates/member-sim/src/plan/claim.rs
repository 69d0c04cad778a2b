//! Which objects a workload takes as its own, and which it lets go, by labels.
//!
//! Follows `pkg/controller/controller_ref_manager.go` (ClaimObject).

use std::sync::Arc;

use model::LabelSelector;

use crate::object::{Meta, Object};

/// Objects of one kind to adopt and to release, by name and UID.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Objects without a controller that get this one.
    pub adopt: Vec<(String, String)>,
    /// Objects of this controller that have none afterwards.
    pub release: Vec<(String, String)>,
}

impl Plan {
    /// Is there nothing to do?
    pub fn is_empty(&self) -> bool {
        self.adopt.is_empty() && self.release.is_empty()
    }
}

/// Decides. `owned` are objects that the owner controls, `free` those of its namespace that nothing controls; `takes` says
/// which the owner could use besides what the selector says.
pub fn plan<T: Object>(
    owner: &Meta,
    selector: &LabelSelector,
    owned: &[Arc<T>],
    free: &[Arc<T>],
    takes: impl Fn(&T) -> bool,
) -> Plan {
    // A workload that goes takes nothing along that it did not have. An empty selector selects nothing here.
    if owner.deleting() || selector.is_everything() {
        return Plan::default();
    }
    let name = |item: &Arc<T>| (item.meta().name.clone(), item.meta().uid.to_string());
    let fits = |item: &Arc<T>| selector.matches(&item.meta().labels) && takes(item);
    Plan {
        adopt: free.iter().filter(|item| fits(item) && !item.meta().deleting()).map(name).collect(),
        release: owned.iter().filter(|item| !fits(item)).map(name).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::object::{Pod, ReplicaSet};

    fn pod(name: &str, labels: Value, deleting: bool) -> Arc<Pod> {
        let mut pod = json!({"metadata": {"name": name, "namespace": "a", "uid": name, "labels": labels}});
        if deleting {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        Arc::new(Pod::read(&pod).unwrap())
    }

    fn check(deleting: bool, owned: &[Arc<Pod>], free: &[Arc<Pod>], adopt: &[&str], release: &[&str]) {
        let mut set = json!({"metadata": {"name": "web", "namespace": "a", "uid": "s"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}}});
        if deleting {
            set["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        let set = ReplicaSet::read(&set).unwrap();
        let got = plan(&set.meta, &set.selector, owned, free, |pod| pod.meta.name != "useless");
        let names = |list: &[(String, String)]| list.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&got.adopt), names(&got.release)),
            (adopt.iter().map(|s| (*s).to_owned()).collect(), release.iter().map(|s| (*s).to_owned()).collect(),)
        );
    }

    #[test]
    fn what_fits_is_taken_and_what_fits_no_longer_is_let_go() {
        let (web, other) = (json!({"app": "web"}), json!({"app": "other"}));
        let owned = [pod("a", web.clone(), false), pod("b", other.clone(), false)];
        let free = [
            pod("c", web.clone(), false),
            pod("d", other, false),
            pod("e", web.clone(), true),
            pod("useless", web, false),
        ];
        check(false, &owned, &free, &["c"], &["b"]);
        check(false, &owned[..1], &free[1..2], &[], &[]);
        check(true, &owned, &free, &[], &[]);
    }
}

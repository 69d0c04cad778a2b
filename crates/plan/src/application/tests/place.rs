//! Policies that are called by their place in the list.

use super::*;

#[test]
fn a_name_that_a_policy_without_one_may_have_had_is_that_of_a_place() {
    let policies = json!([
        {"kustomization": {}},
        {"name": "", "kustomization": {}},
        {"name": "shop-0", "kustomization": {}},
        {"name": "shop-12", "kustomization": {}},
        {"name": "web", "kustomization": {}},
        {"name": "shop", "kustomization": {}},
        {"name": "shop-web", "kustomization": {}},
        {"name": "shop-0-web", "kustomization": {}},
        {"name": "other-0", "kustomization": {}},
    ]);
    let units = units(&application(policies), &FleetFacts::Unnamed, &SourceFacts::default());
    let by_place: Vec<bool> = units.iter().map(|unit| unit.by_place).collect();
    assert_eq!(by_place, [true, true, true, true, false, false, false, false, false]);
}

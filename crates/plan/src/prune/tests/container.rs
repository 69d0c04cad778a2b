//! Namespaces in which a unit keeps something.

use super::*;

#[test]
fn a_namespace_with_something_that_is_wanted_stays_the_units_own_also_when_something_else_in_it_is_given_back() {
    for given_back in ["a", "z"] {
        let namespace: Arc<HashedKey> =
            ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }.into();
        let mut world = World::new(&[("ConfigMap", "m")], &[("ConfigMap", "m")]);
        world.inventory.put_entry(namespace.clone(), confirmed());
        world.inventory.put_entry(key("ConfigMap", given_back), Entry { adopted: true, ..confirmed() });
        let (plan, report) = world.plan();
        assert_eq!((plan.release, plan.delete), (vec![key("ConfigMap", given_back)], vec![]), "{given_back}");
        let who = "ConfigMap shop/m, which this unit keeps,".to_owned();
        assert_eq!(report.waiting, [WaitingOn::Needed(vec![(namespace, who)])], "{given_back}");
    }
}

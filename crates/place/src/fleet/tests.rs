use model::Uid;

use super::*;
use crate::tests::random::{Random, member, members};

#[test]
fn a_member_is_replaced_alone_and_nothing_of_it_is_lost() {
    for seed in 0..200 {
        let random = &mut Random::new(seed);
        let mut facts = members(random, 6);
        let mut fleet = Fleet::of(facts.iter().cloned());
        let before: Vec<_> = fleet.members().to_vec();
        let changed = member(random, 3);
        facts[3] = changed.clone();
        fleet.replace(&changed);
        for (at, facts) in facts.iter().enumerate() {
            let mut want = facts.clone();
            // What is zero is as good as absent.
            if let Some(summary) = &mut want.summary {
                summary.free.retain(|_, amount| *amount != 0);
                summary.grades.iter_mut().for_each(|grade| grade.least.retain(|_, amount| *amount != 0));
            }
            assert_eq!(fleet.facts(&facts.name).as_ref(), Some(&want), "seed {seed}");
            assert!(at == 3 || Arc::ptr_eq(&before[at], &fleet.members()[at]), "seed {seed}: another member changed");
        }
        assert!(fleet.remove(&facts[0].name) && !fleet.remove(&facts[0].name));
        assert_eq!(fleet.len(), 5);
    }
}

#[test]
fn members_that_serve_the_same_share_it() {
    let served = |name: &str| Facts {
        served: [("apps/v1".to_owned(), ["Deployment".to_owned(), "StatefulSet".to_owned()].into())].into(),
        ..Facts::named(name.parse().unwrap())
    };
    let fleet = Fleet::of([served("a"), served("b")]);
    assert!(Arc::ptr_eq(&fleet.members()[0].served, &fleet.members()[1].served));
}

#[test]
fn texts_that_no_member_has_any_longer_are_dropped() {
    let named = |at: usize| Facts {
        labels: [("build".to_owned(), format!("b{at}"))].into(),
        ..Facts::named("a".parse().unwrap())
    };
    let mut fleet = Fleet::of([named(0)]);
    for at in 0..3 * STALE_TEXTS_MAX {
        fleet.replace(&named(at));
    }
    assert!(fleet.symbols.len() <= STALE_TEXTS_MAX + 8, "{}", fleet.symbols.len());
    assert_eq!(fleet.facts(&"a".parse().unwrap()), Some(named(3 * STALE_TEXTS_MAX - 1)));
}

fn free(nodes: &Nodes) -> Vec<(i64, i64)> {
    nodes.iter().filter_map(|node| node.free().map(|free| (free.cpu, free.pods))).collect()
}

#[test]
fn what_is_free_on_a_node_follows_its_pods() {
    let amounts = |cpu: i64, pods: i64| [("cpu".to_owned(), cpu), ("pods".to_owned(), pods)].into();
    let node = NodeFacts { allocatable: amounts(4000, 10), ..NodeFacts::default() };
    let pod = |node: &str, cpu: i64| PodFacts { node: node.into(), requests: [("cpu".to_owned(), cpu)].into() };
    let mut nodes = Nodes::default();
    // A pod may be seen before its node.
    nodes.set_pod(Uid::from("1"), &pod("b", 500));
    assert_eq!(free(&nodes), []);
    nodes.set_node("b", &node);
    nodes.set_node("a", &node);
    assert_eq!(free(&nodes), [(4000, 10), (3500, 9)]);
    nodes.set_pod(Uid::from("2"), &pod("b", 500));
    nodes.set_pod(Uid::from("1"), &pod("a", 700));
    assert_eq!(free(&nodes), [(3300, 9), (3500, 9)]);
    nodes.remove_pod(&Uid::from("2"));
    nodes.remove_pod(&Uid::from("2"));
    nodes.remove_node("a");
    assert_eq!(free(&nodes), [(4000, 10)]);
    nodes.set_node("a", &node);
    assert_eq!((free(&nodes), nodes.pods()), (vec![(3300, 9), (4000, 10)], 1));
    for at in 0..1000 {
        nodes.set_pod(Uid::from("1"), &pod("a", at));
    }
    assert!(nodes.requests.len() <= 3, "requests that no pod has are dropped");
}

use proptest::prelude::*;

use super::*;

fn groups(values: &[(i64, i64)]) -> Vec<Group> {
    let group = |(at, (value, weight)): (usize, &(i64, i64))| Group {
        name: format!("{at:03}"),
        value: *value,
        weight: *weight,
    };
    values.iter().enumerate().map(group).collect()
}

/// Every combination, as Karmada walks through them: depth first, and no further once one is feasible.
fn walk(
    groups: &[Group],
    order: &[usize],
    bounds: Bounds,
    path: &mut Vec<usize>,
    from: usize,
    found: &mut Vec<Vec<usize>>,
) {
    let size = path.len() as i64;
    let sum: i64 = path.iter().map(|at| groups[*at].value).sum();
    if sum >= bounds.members && size >= bounds.min && size <= bounds.max {
        found.push(path.clone());
        return;
    }
    if size >= bounds.max {
        return;
    }
    for at in from..order.len() {
        path.push(order[at]);
        walk(groups, order, bounds, path, at + 1, found);
        path.pop();
    }
}

fn by_walking(groups: &[Group], min: i64, max: i64, members: i64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|at| (groups[*at].value, -groups[*at].weight, groups[*at].name.clone()));
    let mut found = Vec::new();
    walk(groups, &order, Bounds { min, max, members }, &mut Vec::new(), 0, &mut found);
    for path in &mut found {
        path.sort_by_key(|at| (-groups[*at].weight, groups[*at].name.clone()));
    }
    let sum = |path: &[usize], of: fn(&Group) -> i64| path.iter().map(|at| of(&groups[*at])).sum::<i64>();
    // A stable sort: what was found first stays first.
    found.sort_by_key(|path| (-sum(path, |g| g.weight), -sum(path, |g| g.value)));
    let Some(mut best) = found.first().cloned() else { return Vec::new() };
    for path in &found[1..] {
        if path.len() < best.len() && best.starts_with(path) {
            best = path.clone();
        }
    }
    best
}

#[test]
fn a_thousand_groups_are_chosen_from_in_no_time() {
    let many: Vec<(i64, i64)> = (0..1000).map(|i| (i % 7 + 1, i % 13)).collect();
    let chosen = choose(&groups(&many), 2, 900, 2500);
    assert!(chosen.iter().map(|at| many[*at].0).sum::<i64>() >= 2500);
    assert_eq!(choose(&groups(&many), 2, 3, 5000), [0; 0]);
    assert_eq!(choose(&groups(&many), 5, i64::MAX, 5).len(), 5);
}

#[test]
fn contradictions_choose_nothing() {
    for (min, max, members) in [(0, 0, 0), (1, 0, 1), (3, 2, 1), (9, 9, 1), (-1, 2, -5), (1, 9, i64::MAX)] {
        assert_eq!(choose(&groups(&[(1, 1), (2, 2)]), min, max, members), [0; 0], "{min} {max} {members}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_table_chooses_what_walking_through_all_combinations_chooses(
        values in proptest::collection::vec((1..6_i64, prop_oneof![0..3_i64, 0..3000_i64]), 1..9),
        min in 1..5_i64, more in 0..5_i64, members in 0..20_i64,
    ) {
        let groups = groups(&values);
        prop_assert_eq!(choose(&groups, min, min + more, members), by_walking(&groups, min, min + more, members));
    }
}

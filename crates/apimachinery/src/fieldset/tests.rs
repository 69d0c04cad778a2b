use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::{FieldSet, Path, PathElement, Scalar};

fn key(name: &str) -> PathElement {
    PathElement::key([("name", Scalar::String(name.into()))])
}

fn element() -> impl Strategy<Value = PathElement> {
    let scalar = prop_oneof![
        (-2i64..3).prop_map(|n| Scalar::Number(n.into())),
        "[ab<\"]{0,2}".prop_map(|s| Scalar::String(s.into())),
        any::<bool>().prop_map(Scalar::Bool),
        Just(Scalar::Null),
    ];
    prop_oneof![
        4 => "[abc.:]{1,2}".prop_map(PathElement::field),
        2 => scalar.clone().prop_map(|v| PathElement::key([("port", v), ("name", Scalar::Null)])),
        1 => scalar.prop_map(PathElement::Value),
        1 => (0i64..3).prop_map(PathElement::Index),
    ]
}

fn paths() -> impl Strategy<Value = BTreeSet<Path>> {
    proptest::collection::btree_set(proptest::collection::vec(element(), 1..4).prop_map(Path), 0..12)
}

fn set(paths: &BTreeSet<Path>) -> FieldSet {
    paths.iter().collect()
}

fn listed(set: &FieldSet) -> BTreeSet<Path> {
    set.paths().into_iter().collect()
}

proptest! {
    /// The algebra is the algebra of plain sets of paths.
    #[test]
    fn algebra_is_that_of_sets_of_paths(a in paths(), b in paths()) {
        let (x, y) = (set(&a), set(&b));
        prop_assert_eq!(listed(&x), a.clone());
        prop_assert_eq!(x.len(), a.len());
        prop_assert_eq!(listed(&x.union(&y)), a.union(&b).cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(listed(&x.intersection(&y)), a.intersection(&b).cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(listed(&x.difference(&y)), a.difference(&b).cloned().collect::<BTreeSet<_>>());
        prop_assert_eq!(x.is_subset(&y), a.is_subset(&b));
        prop_assert_eq!(x.intersects(&y), !a.is_disjoint(&b));
        let below_none = |path: &&Path| (1..=path.len()).all(|n| !b.contains(&Path(path[..n].to_vec())));
        prop_assert_eq!(listed(&x.difference_recursive(&y)), a.iter().filter(below_none).cloned().collect::<BTreeSet<_>>());
        let leaf = |path: &&Path| a.iter().all(|other| other.len() <= path.len() || other[..path.len()] != path[..]);
        prop_assert_eq!(listed(&x.leaves()), a.iter().filter(leaf).cloned().collect::<BTreeSet<_>>());
    }

    /// Trees are canonical: sets that hold the same paths are equal however they came about.
    #[test]
    fn equal_sets_are_equal_trees(a in paths(), b in paths()) {
        let (x, y) = (set(&a), set(&b));
        prop_assert_eq!(x.union(&y), y.union(&x));
        prop_assert_eq!(x.difference(&y).union(&x.intersection(&y)), x.clone());
        prop_assert!(x.difference(&x).is_empty());
        prop_assert_eq!(x.union(&y).difference(&y), x.difference(&y));
    }

    #[test]
    fn fields_v1_round_trips(a in paths()) {
        let x = set(&a);
        let fields_v1 = x.to_fields_v1();
        // An empty set and a set that owns only the root look the same; the root has no owner.
        prop_assert_eq!(FieldSet::from_fields_v1(&fields_v1).unwrap(), x);
    }

    #[test]
    fn membership_is_of_exact_paths(a in paths(), path in proptest::collection::vec(element(), 0..4)) {
        prop_assert_eq!(set(&a).contains(&path), a.contains(&Path(path.clone())));
    }
}

#[test]
fn reads_what_the_api_writes() {
    let fields_v1 = json!({
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}, "f:finalizers": {".": {}, "v:\"x\"": {}}},
        "f:spec": {"f:containers": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}}, "i:3": {}}},
    });
    let read = FieldSet::from_fields_v1(&fields_v1).unwrap();
    let lines: Vec<String> = read.paths().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            ".metadata.finalizers",
            ".metadata.labels",
            ".metadata.finalizers[=\"x\"]",
            ".metadata.labels.app",
            ".spec.containers[containerPort=80,protocol=\"TCP\"]",
            ".spec.containers[3]",
            ".spec.containers[containerPort=80,protocol=\"TCP\"].name",
        ]
    );
    assert_eq!(read.to_fields_v1(), fields_v1);
}

#[test]
fn unknown_elements_are_skipped_and_broken_ones_refused() {
    let read = FieldSet::from_fields_v1(&json!({"f:a": {}, "z:new": {"f:b": {}}, "f:c": {"z:x": {}}})).unwrap();
    assert_eq!(listed(&read).len(), 2);
    assert!(read.contains(&Path::fields(["c"])));
    assert!(FieldSet::from_fields_v1(&json!(null)).unwrap().is_empty());
    for broken in [
        json!({"fa": {}}),
        json!({"f": {}}),
        json!({"k:{": {}}),
        json!({"v:[1]": {}}),
        json!({"i:x": {}}),
        json!({"f:a": 1}),
    ] {
        FieldSet::from_fields_v1(&broken).unwrap_err();
    }
}

#[test]
fn one_and_one_point_zero_are_the_same_element() {
    let mut set = FieldSet::new();
    set.insert(&[PathElement::Value(Scalar::from_value(&json!(1)).unwrap())]);
    assert!(set.contains(&[PathElement::Value(Scalar::from_value(&json!(1.0)).unwrap())]));
    assert!(!set.contains(&[PathElement::Value(Scalar::from_value(&json!("1")).unwrap())]));
}

#[test]
fn what_is_below_an_element() {
    let mut set = FieldSet::new();
    set.insert(&[PathElement::field("a"), key("x"), PathElement::field("b")]);
    assert_eq!(set.below(&PathElement::field("a")).below(&key("x")).paths(), [Path::fields(["b"])]);
    assert!(set.below(&PathElement::field("z")).is_empty());
    set.insert(&[]);
    assert_eq!(set.len(), 1);
}

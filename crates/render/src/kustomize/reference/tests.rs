use serde_json::json;

use super::*;

fn resource(name: &str, prefixes: &[&str], suffixes: &[&str]) -> Resource {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    let texts = |texts: &[&str]| texts.iter().map(|text| Rc::from(*text)).collect();
    Resource { prefixes: texts(prefixes), suffixes: texts(suffixes), ..Resource::new(object, Default::default()) }
}

#[test]
fn layers_are_told_by_prefixes_and_suffixes() {
    let check = |one: (&[&str], &[&str]), other: (&[&str], &[&str]), lenient: bool, strict: bool| {
        let all = Resources(vec![resource("a", one.0, one.1), resource("b", other.0, other.1)]);
        let index = Index::of(&all, &Budget::default()).unwrap();
        let same = |lenient| same_layers(index.entry(0), index.entry(1), lenient);
        assert_eq!((same(true), same(false)), (lenient, strict), "{one:?} {other:?}");
    };
    check((&[], &[]), (&[], &[]), true, true);
    check((&["a-"], &[]), (&[], &[]), true, false);
    check((&["a-"], &[]), (&["b-"], &[]), false, false);
    // What came last is what layers have in common.
    check((&["a-", "o-"], &[]), (&["o-"], &[]), true, true);
    check((&["o-", "a-"], &[]), (&["o-"], &[]), false, false);
    check((&["a-"], &["-x"]), (&["a-"], &["-y"]), false, false);
    check((&["a-"], &["-x"]), (&["a-"], &[]), true, false);
}

#[test]
fn namespaces_that_a_binding_names_are_work_and_found_from_both_sides() {
    let in_space = |namespace: &str| {
        let mut resource = resource("a", &[], &[]);
        resource.object["metadata"]["namespace"] = namespace.into();
        resource.earlier.push(resource.key());
        resource
    };
    let names = |count: usize| -> HashSet<String> { (0..count).map(|n| format!("n{n}")).collect() };
    for (objects, others) in [(100, 40), (40, 100)] {
        let all = Resources((0..objects).map(|n| in_space(&format!("n{n}"))).collect());
        let index = Index::of(&all, &Budget::default()).unwrap();
        let budget = Budget::default();
        let before = budget.work_left();
        let mut found = 0;
        index.named("a", index.entry(0), &names(others), &budget, &mut |_| found += 1).unwrap();
        assert_eq!(found, 40);
        // The name, 40 namespaces and 40 objects.
        assert_eq!(before - budget.work_left(), 81 * 64);
        assert_eq!(index.was_in("n39", index.entry(0), &names(others), &budget), Ok(true));
        assert_eq!(index.was_in("n39", index.entry(0), &names(39), &budget), Ok(false));
        assert_eq!(before - budget.work_left(), 83 * 64);
    }
}

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

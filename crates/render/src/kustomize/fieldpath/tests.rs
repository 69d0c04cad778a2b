use serde_json::json;

use super::*;

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

#[test]
fn paths_are_read() {
    let field = |name: &str| Part::Field(name.to_owned());
    let items = |field: &str, text: &str| Part::Items { field: field.to_owned(), text: text.to_owned() };
    for (text, expect) in [
        ("metadata.name", vec![field("metadata"), field("name")]),
        ("metadata.annotations.[config.io/x]", vec![field("metadata"), field("annotations"), field("config.io/x")]),
        ("metadata.annotations.config\\.io/x", vec![field("metadata"), field("annotations"), field("config.io/x")]),
        ("spec.[name=a.b.c].0", vec![field("spec"), items("name", "a.b.c"), Part::Place(0)]),
        ("a.[=x]", vec![field("a"), items("", "x")]),
        ("a.*.b", vec![field("a"), Part::All, field("b")]),
        ("a.-", vec![field("a"), Part::Last]),
        ("a.[name=x=y]", vec![field("a"), items("name", "x=y")]),
    ] {
        assert_eq!(path(text).0, expect, "{text}");
    }
    assert_eq!(FieldPath::parse("a.[b]"), Err("\"[b]\" must be [FIELD=VALUE]".into()));
    assert!(FieldPath::parse(&"a.".repeat(200)).unwrap_err().contains("parts"));
}

#[test]
fn a_value_is_read_at_a_path() {
    let object = json!({"a": {"x.y": 1}, "l": [{"name": "p", "v": 1}, {"name": "q", "v": 2}], "t": ["u", "w"]});
    let read = |text: &str| path(text).read(&object).map(|v| v.cloned());
    assert_eq!(read("a.[x.y]"), Ok(Some(json!(1))));
    assert_eq!(read("l.[name=q].v"), Ok(Some(json!(2))));
    // Where a value is read, the text is no expression.
    assert_eq!(read("l.[name=.].v"), Ok(None));
    assert_eq!(read("l.1.v"), Ok(Some(json!(2))));
    assert_eq!(read("t.-"), Ok(Some(json!("w"))));
    assert_eq!(read("t.[=u]"), Ok(Some(json!("u"))));
    assert_eq!(read("none.of.it"), Ok(None));
    assert!(read("l.v").unwrap_err().contains("no mapping"));
    assert!(read("a.0").unwrap_err().contains("no list"));
    assert!(read("l.7").unwrap_err().contains("no place 7"));
    assert!(read("l.*").unwrap_err().contains("`*`"));
}

#[test]
fn values_at_a_path_are_changed_and_added() {
    let check = |object: Value, text: &str, create: bool, expect: Result<(usize, Value), &str>| {
        let mut changed = object;
        let fresh = Value::Null;
        let found = path(text).each(&mut changed, create.then_some(&fresh), &Budget::default(), &mut |v| {
            *v = "X".into();
            Ok(())
        });
        let found = found.unwrap().map(|found| (found, changed));
        match (found, expect) {
            (Err(why), Err(expect)) => assert!(why.contains(expect), "{text}: {why}"),
            (found, expect) => assert_eq!(found, expect.map_err(str::to_owned), "{text}"),
        }
    };
    let list = json!({"l": [{"name": "ab", "v": 1}, {"name": "b"}]});
    check(list.clone(), "l.*.name", false, Ok((2, json!({"l": [{"name": "X", "v": 1}, {"name": "X"}]}))));
    // Where a value is written, the text is an expression that holds anywhere.
    check(list.clone(), "l.[name=b].v", false, Ok((1, json!({"l": [{"name": "ab", "v": "X"}, {"name": "b"}]}))));
    check(
        list.clone(),
        "l.[name=^b$].v",
        true,
        Ok((1, json!({"l": [{"name": "ab", "v": 1}, {"name": "b", "v": "X"}]}))),
    );
    check(list.clone(), "l.[name=z].v", false, Ok((0, list.clone())));
    check(json!({"l": []}), "l.[name=z].v", true, Ok((1, json!({"l": [{"name": "z", "v": "X"}]}))));
    check(json!({}), "a.b.[name=z].v", true, Ok((1, json!({"a": {"b": [{"name": "z", "v": "X"}]}}))));
    check(json!({}), "a.0.v", true, Ok((1, json!({"a": [{"v": "X"}]}))));
    check(json!({"a": ["u", "w"]}), "a.[=u]", false, Ok((1, json!({"a": ["X", "w"]}))));
    check(json!({"a": ["u"]}), "a.1", true, Ok((1, json!({"a": ["u", "X"]}))));
    check(json!({"a": ["u"]}), "a.2", true, Err("no place 2"));
    check(json!({"a": "u"}), "a.b", true, Err("no mapping"));
    check(json!({"a": "u"}), "a.*", false, Err("no list"));
    check(json!({"a": [1]}), "a.[=(]", false, Err("not a regular expression"));
}

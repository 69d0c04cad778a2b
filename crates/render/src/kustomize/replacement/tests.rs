use serde_json::json;

use super::*;

#[test]
fn a_value_goes_into_a_field_or_a_part_of_it() {
    let check = |place: Value, options: Option<(&str, i64)>, value: Value, expect: Result<Value, &str>| {
        let options = options.map(|(delimiter, index)| FieldOptions {
            delimiter: delimiter.into(),
            index,
            ..FieldOptions::default()
        });
        let mut changed = place.clone();
        let done = one(&mut changed, options.as_ref(), &Taken::Value(value)).map(|()| changed);
        match (done, expect) {
            (Err(why), Err(expect)) => assert!(why.contains(expect), "{place}: {why}"),
            (done, expect) => assert_eq!(done, expect.map_err(str::to_owned), "{place}"),
        }
    };
    check(json!("x"), None, json!(5), Ok(json!("5")));
    check(json!(1), None, json!("5"), Ok(json!(5)));
    check(json!({"a": 1}), None, json!("5"), Ok(json!("5")));
    check(json!({"a": 1}), None, json!({"b": 2}), Ok(json!({"b": 2})));
    check(json!("x"), None, json!({"b": 2}), Err("list or a mapping"));
    check(json!("a:b"), Some((":", 1)), json!("c"), Ok(json!("a:c")));
    check(json!("a:b"), Some((":", -1)), json!("c"), Ok(json!("c:a:b")));
    check(json!("a:b"), Some((":", 5)), json!("c"), Ok(json!("a:b:c")));
    check(json!(null), Some((":", 0)), json!("c"), Ok(json!("c")));
    check(json!([1]), Some((":", 0)), json!("c"), Err("has no parts"));
}

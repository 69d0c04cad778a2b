use k8s_openapi::api::core::v1::Secret;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const MIB: usize = 1024 * 1024;

#[test]
fn what_is_light_is_parsed_and_what_is_no_json_is_refused_without_its_content() {
    let text = r#"{"a":[1,-2,3.5,true,null,"x"],"b":{"c":{}},"d":[]}"#;
    assert_eq!(parse(text.as_bytes(), MIB).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    for bad in ["", "{", "{\"password\":\"hunter2\",}", "[1] 2", "nul", "\u{feff}{}"] {
        let error = parse(bad.as_bytes(), MIB).unwrap_err();
        assert!(matches!(error, Error::Malformed(_)), "{bad}: {error:?}");
        assert!(!error.to_string().contains("hunter2"));
    }
    assert!(matches!(parse(b"\"\xff\"", MIB), Err(Error::Malformed(_))));
    let deep = "[".repeat(100_000);
    assert!(matches!(parse(deep.as_bytes(), MIB), Err(Error::Malformed(_))), "depth is bounded");
}

#[test]
fn json_that_takes_many_times_its_length_is_refused() {
    for one in [r#"{"":0}"#, "[]", "0", "{}"] {
        let text = format!("[{}]", vec![one; 400_000].join(","));
        let error = parse(text.as_bytes(), 4 * MIB).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{one}: {error:?}");
    }
}

#[test]
fn a_real_object_fits_with_room_to_spare() {
    let fields: serde_json::Map<String, Value> = (0..200).map(|i| (format!("f:field-{i}"), json!({}))).collect();
    let object = json!({"metadata": {"managedFields": vec![json!({"fieldsV1": {"f:data": fields}}); 5]}});
    let text = object.to_string();
    assert!(parse(text.as_bytes(), 12 * text.len()).is_ok(), "the derivation of OBJECT_MEMORY_MAX holds");
}

#[test]
fn a_type_that_does_not_fit_is_named_and_its_content_is_not() {
    let error = typed::<Secret>(json!({"type": ["hunter2"]}), "Secret").unwrap_err();
    assert_eq!(error.to_string(), "the answer is not a Kubernetes object: a field of this Secret has the wrong type");
}

#[test]
fn of_a_page_one_object_at_a_time_is_in_memory() {
    let item = json!({"metadata": {"name": "x".repeat(1_000)}});
    let page = json!({"kind": "AList", "apiVersion": "v1", "metadata": {"continue": "t"}, "items": vec![item; 1_000]});
    let text = page.to_string();
    let read = |kept: bool| {
        let mut count = 0;
        let mut take = |text: &str, budget: &mut Budget| {
            parse_within(text.as_bytes(), budget)?;
            count += 1;
            Ok(())
        };
        let mut budget = Budget::new(16 * 1024);
        let mut reader = serde_json::Deserializer::from_slice(text.as_bytes());
        let page = Page { budget: &mut budget, kept, take: &mut take }.deserialize(&mut reader);
        (page.map(|page| page.metadata["continue"].clone()).map_err(|error| budget.judge(&error)), count)
    };
    let (page, count) = read(false);
    assert_eq!((page.unwrap(), count), (json!("t"), 1_000));
    let (page, count) = read(true);
    assert!(matches!(page, Err(Error::TooLarge { .. })) && count < 10, "{count}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..8).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_reads_what_is_written(value in any_json()) {
        prop_assert_eq!(parse(value.to_string().as_bytes(), 64 * MIB).unwrap(), value);
    }
}

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// An object as a server writes it.
fn object(uid: &str, version: &str, time: &str, text: &str) -> Value {
    json!({
        "data": {"text": text},
        "metadata": {
            "name": "settings", "namespace": "shop", "uid": uid, "resourceVersion": version, "creationTimestamp": time,
            "managedFields": [
                {"manager": "kurator", "time": time, "fieldsV1": {"f:data": {}}},
                {"manager": "kubectl", "time": time},
                {"manager": "old"},
            ],
        },
        "kind": "ConfigMap",
    })
}

#[test]
fn what_a_server_says_by_itself_is_all_that_may_differ() {
    let one = object("7f", "12", "2026-11-26T10:00:00Z", "a").to_string();
    let twin = Twin::new(&one).unwrap();
    assert_eq!(twin.own(&one), Some(Own { uid: "7f", resource_version: "12" }));
    let example = Twin::example(&serde_json::from_str(&one).unwrap()).to_string();
    assert_eq!(twin.own(&example), Some(Own { uid: "7f0", resource_version: "120" }));
    assert_eq!(example.matches("2026-11-26T10:00:00Z0").count(), 3, "{example}");
    let other = object("another-and-longer", "3", "2026-11-27T10:00:00.123456Z", "a").to_string();
    assert_eq!(twin.own(&other), Some(Own { uid: "another-and-longer", resource_version: "3" }));
    for (pointer, value) in [
        ("/data/text", json!("b")),
        ("/metadata/name", json!("setting")),
        ("/metadata/managedFields/0/manager", json!("kubectl")),
        ("/metadata/managedFields/0/fieldsV1", json!({"f:data": {"f:text": {}}})),
        ("/metadata/uid", Value::Null),
        ("/metadata/uid", json!(7)),
        ("/metadata/uid", json!("7\"f")),
        ("/metadata/uid", json!("7\nf")),
        ("/metadata/uid", json!("7".repeat(limit::UID_BYTES_MAX + 1))),
        ("/metadata/resourceVersion", json!("1".repeat(limit::VERSION_BYTES_MAX + 1))),
        ("/metadata/managedFields/1/time", json!("2".repeat(limit::TIME_BYTES_MAX + 1))),
        ("/metadata/deletionTimestamp", json!("2026-11-26T10:00:00Z")),
        ("/kind", json!("Secret")),
    ] {
        let mut different: Value = serde_json::from_str(&one).unwrap();
        match pointer.strip_prefix("/metadata/deletion") {
            Some(field) => different["metadata"][format!("deletion{field}")] = value,
            None => *different.pointer_mut(pointer).unwrap() = value,
        }
        assert_eq!(twin.own(&different.to_string()), None, "{pointer}");
    }
    assert_eq!(twin.own(&one[..one.len() - 1]), None);
    assert_eq!(twin.own(&format!("{one} ")), None);
    assert_eq!(twin.own(""), None);
}

#[test]
fn a_text_in_which_the_fields_are_not_plain_is_no_twin() {
    for text in [
        r#"{"metadata":{"uid":7}}"#,
        r#"{"metadata":{"uid":"a","uid":"b"}}"#,
        r#"{"metadata":{"uid":"a\u0062"}}"#,
        r#"{"metadata":[]}"#,
        r#"{"metadata":{"managedFields":[{"time":{}}]}}"#,
        r"{}",
        "[]",
        "",
    ] {
        assert_eq!(Twin::new(text), None, "{text}");
    }
    let bare = Twin::new(r#"{"metadata":{"name":"a"}}"#).unwrap();
    assert_eq!(bare.own(r#"{"metadata":{"name":"a"}}"#), Some(Own::default()));
    // A field of the same name elsewhere is part of the text.
    let inner = Twin::new(r#"{"data":{"uid":"x"},"metadata":{"uid":"a"}}"#).unwrap();
    assert_eq!(inner.own(r#"{"data":{"uid":"y"},"metadata":{"uid":"a"}}"#), None);
    assert!(inner.own(r#"{"data":{"uid":"x"},"metadata":{"uid":"b"}}"#).is_some());
}

proptest! {
    /// Two texts that are twins say the same, apart from the four fields.
    #[test]
    fn twins_say_the_same(
        uid in "[a-z\"\\\\]{0,6}", version in "[0-9]{0,4}", time in "[0-9TZ:é]{0,9}", text in ".{0,8}",
        uid2 in "[a-z\"\\\\]{0,6}", version2 in "[0-9]{0,4}", time2 in "[0-9TZ:é]{0,9}", same: bool, text2 in ".{0,8}",
    ) {
        let one = object(&uid, &version, &time, &text);
        let other = object(&uid2, &version2, &time2, if same { &text } else { &text2 });
        let Some(twin) = Twin::new(&one.to_string()) else { return Ok(()) };
        let masked = |value: &Value| {
            let mut value = value.clone();
            for field in ["uid", "resourceVersion", "creationTimestamp"] {
                value["metadata"][field] = Value::Null;
            }
            for at in 0..2 {
                value["metadata"]["managedFields"][at]["time"] = Value::Null;
            }
            value
        };
        let other_text = other.to_string();
        if let Some(own) = twin.own(&other_text) {
            prop_assert_eq!(masked(&one), masked(&other));
            prop_assert_eq!((own.uid, own.resource_version), (uid2.as_str(), version2.as_str()));
        } else {
            prop_assert!(masked(&one) != masked(&other) || uid2.contains(['"', '\\']));
        }
    }
}

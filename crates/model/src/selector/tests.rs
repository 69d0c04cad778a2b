use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn check(selector: &str, labels: &[(&str, &str)], expect: bool) {
    let labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let parsed: LabelSelector = selector.parse().unwrap();
    assert_eq!(parsed.matches(&labels), expect, "{selector} on {labels:?}");
    let again: LabelSelector = parsed.to_string().parse().unwrap();
    assert_eq!(again, parsed, "printed form reads back");
}

#[test]
fn label_queries_match_as_in_kubernetes() {
    check("", &[], true);
    check("a=b", &[("a", "b")], true);
    check("a==b", &[("a", "c")], false);
    check("a!=b", &[], true);
    check("a in (b, c)", &[("a", "c")], true);
    check("a notin (b,c)", &[("a", "c")], false);
    check("a", &[("a", "")], true);
    check("!a", &[("a", "")], false);
    check("n>3,n<5", &[("n", "4")], true);
    check("a=", &[("a", "")], true);
    check("example.com/x=y,z", &[("example.com/x", "y"), ("z", "1")], true);
}

#[test]
fn malformed_label_queries_say_why() {
    for text in ["a in b)", "a in (b", "a b", ",", "a=b,,c", "n>x", "a=b c", "-a=b"] {
        let error = text.parse::<LabelSelector>().unwrap_err().to_string();
        assert!(error.contains("unable to parse selector"), "{text}: {error}");
    }
}

#[test]
fn the_object_form_reads_expressions() {
    let selector = LabelSelector::from_object(&json!({
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["db"]}, {"key": "x", "operator": "Exists"}],
    }))
    .unwrap();
    let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    assert!(selector.matches(&labels(&[("app", "web"), ("x", "")])));
    assert!(!selector.matches(&labels(&[("app", "web"), ("x", ""), ("tier", "db")])));
    assert!(LabelSelector::from_object(&json!({"matchExpressions": [{"key": "a", "operator": "In"}]})).is_err());
}

#[test]
fn field_selectors_compare_and_unescape() {
    let selector: FieldSelector = r"metadata.name=a\,b,status.phase!=Running".parse().unwrap();
    assert_eq!(selector.exact("metadata.name"), Some("a,b"));
    let read = |field: &str| match field {
        "metadata.name" => Some("a,b"),
        _ => Some("Pending"),
    };
    assert!(selector.matches_with(read));
    assert!("nonsense".parse::<FieldSelector>().is_err());
}

use serde_json::json;

use super::*;

#[test]
fn a_selector_is_compiled_or_says_which_expression_is_wrong() {
    let cases = [
        (json!({}), Ok(0)),
        (json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}), Ok(2)),
        (json!({"matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["x"]}]}), Ok(1)),
        (json!({"matchExpressions": [{"key": "c", "operator": "DoesNotExist"}]}), Ok(1)),
        (json!({"matchExpressions": [{"key": "c", "operator": "In"}]}), Err(RequirementError::Values { index: 0 })),
        (
            json!({"matchExpressions": [{"key": "c", "operator": "Exists", "values": ["x"]}]}),
            Err(RequirementError::Values { index: 0 }),
        ),
        (
            json!({"matchExpressions": [{"key": "c", "operator": "Exists"}, {"key": "c", "operator": "Gt"}]}),
            Err(RequirementError::Operator { index: 1 }),
        ),
    ];
    for (manifest, expect) in cases {
        let selector: LabelSelector = serde_json::from_value(manifest.clone()).unwrap();
        assert_eq!(selector.compile().map(|compiled| compiled.requirements.len()), expect, "{manifest}");
        assert_eq!(serde_json::to_value(&selector).unwrap(), manifest);
    }
}

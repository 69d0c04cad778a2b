use serde_json::json;

use super::*;

const DEFINITIONS: usize = 32;

fn depth(schema: &Schema) -> usize {
    1 + schema.item.as_deref().map_or(0, depth)
}

#[test]
fn lists_of_lists_in_definitions_that_refer_to_each_other_end() {
    // 3,200 levels in all, which took the stack.
    let definition = |n: usize| {
        let mut node = json!({"$ref": format!("#/definitions/d{}", n + 1)});
        for _ in 0..100 {
            node = json!({"type": "array", "items": node});
        }
        node["x-kubernetes-group-version-kind"] = json!([{"group": "e.com", "version": "v1", "kind": format!("K{n}")}]);
        (format!("d{n}"), node)
    };
    let definitions: Map<String, Value> = (0..DEFINITIONS).map(definition).collect();
    let mut schemas = Schemas::default();
    schemas.read("schema.json", json!({"definitions": definitions})).unwrap();
    let found = schemas.find(&GroupVersionKind::new("e.com", "v1", "K0"), &Budget::default()).unwrap().unwrap();
    assert_eq!(depth(&found), DEPTH_MAX + 1);
}

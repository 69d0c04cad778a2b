//! What a configuration must be, and what schemas that change or say nothing mean.

use serde_json::json;

use super::{World, config, kind, schema, spec};
use crate::patch::apply::ApplyError;
use kinds::schema::Schema;

#[test]
fn a_configuration_must_fit_the_schema() {
    World::new()
        .refused("a", spec(json!({"typo": 1})), ".spec.typo: field not declared in schema")
        .refused("a", config(json!({"metadata": {"labells": {}}})), ".metadata.labells: field not declared in schema")
        .refused("a", spec(json!({"replicas": "1"})), ".spec.replicas: expected a number, got \"1\"")
        .refused("a", spec(json!({"paused": 1})), ".spec.paused: expected a boolean, got 1")
        .refused("a", spec(json!({"name": {}})), ".spec.name: expected text, got a map")
        .refused("a", spec(json!({"strategy": []})), ".spec.strategy: expected a map, got a list")
        .refused("a", spec(json!({"set": "x"})), ".spec.set: expected a list, got \"x\"")
        .refused("a", spec(json!({"args": [{}]})), ".spec.args[0]: expected text, got a map")
        .refused("a", spec(json!({"containers": [{"name": "x", "typo": 1}]})), ".spec.containers[name=\"x\"].typo")
        .refused("a", spec(json!({"selector": {"x": []}})), ".spec.selector.x: expected text, got a list");
    let error = World::new().try_apply("a", &spec(json!({"typo": 1, "paused": 1})), false).unwrap_err();
    assert!(matches!(&error, ApplyError::Invalid(errors) if errors.len() == 2));
    assert_eq!(error.to_status().code, 400);
}

#[test]
fn numbers_may_stand_for_text_and_unknown_fields_below_preserved_ones() {
    World::new()
        .apply("a", spec(json!({"size": 1, "free": {"x": {"y": [1]}}})))
        .owners(&[("a Apply", &[".spec.free.x", ".spec.free.x.y", ".spec.size"])]);
}

#[test]
fn the_request_must_be_in_order() {
    let mut world = World::new();
    world.refused("a", config(json!({"metadata": {"managedFields": []}})), "metadata.managedFields must be nil");
    world.apply("a", config(json!({"metadata": {"managedFields": null}})));
    let reset = crate::fieldset::FieldSet::new();
    let change = world.change("a", &reset);
    let error = super::apply(change, &json!({"apiVersion": "v9"}), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Incorrect version specified in apply patch. Specified patch version: v9, expected: v1"
    );
    assert_eq!(super::apply(change, &json!([]), false).unwrap_err().to_status().code, 400);
}

#[test]
fn without_a_schema_maps_merge_and_lists_do_not() {
    let mut world = World::with_schema(Schema { preserve_unknown: true, ..Schema::default() });
    world
        .apply("a", spec(json!({"x": {"y": 1}, "list": [{"name": "n"}]})))
        .owners(&[("a Apply", &[".spec", ".spec.list", ".spec.x", ".spec.x.y"])])
        .apply("b", spec(json!({"x": {"z": 2}})))
        .conflict("b", spec(json!({"list": [{"name": "m"}]})), &["a: .spec.list"])
        .apply("a", config(json!({})))
        .spec(json!({"x": {"z": 2}}))
        .apply("b", config(json!({})))
        .body(json!({}));
}

#[test]
fn metadata_merges_the_same_in_every_kind() {
    for schema in [
        Schema::default(),
        kind(),
        schema(&json!({"type": "object", "properties": {
        "metadata": {"type": "object", "properties": {"name": {"type": "string"}}}}})),
    ] {
        World::with_schema(schema)
            .apply("a", config(json!({"metadata": {"labels": {"a": "1"}, "finalizers": ["a"]}})))
            .apply("b", config(json!({"metadata": {"labels": {"b": "1"}, "finalizers": ["b"]}})))
            .apply("a", config(json!({})))
            .body(json!({"metadata": {"labels": {"b": "1"}, "finalizers": ["b"]}}));
    }
}

#[test]
fn what_became_atomic_is_owned_as_one() {
    let granular = schema(&json!({"type": "object", "properties": {
        "map": {"type": "object", "values": {"type": "string"}},
        "list": {"type": "array", "list": "set", "items": {"type": "string"}}}}));
    let atomic = schema(&json!({"type": "object", "properties": {
        "map": {"type": "object", "map": "atomic", "values": {"type": "string"}},
        "list": {"type": "array", "items": {"type": "string"}}}}));
    let mut world = World::with_schema(granular);
    world.apply("a", config(json!({"map": {"x": "1"}, "list": ["x"]}))).apply("b", config(json!({"map": {"y": "1"}})));
    world.schema = atomic;
    world
        .conflict("a", config(json!({"map": {"x": "2"}, "list": ["y"]})), &["b: .map"])
        .force("a", config(json!({"map": {"x": "2"}, "list": ["y"]})))
        .body(json!({"map": {"x": "2"}, "list": ["y"]}))
        .owners(&[("a Apply", &[".list", ".map"])]);
}

#[test]
fn what_became_granular_is_owned_by_part_after_the_next_apply() {
    let atomic = schema(
        &json!({"type": "object", "properties": {"map": {"type": "object", "map": "atomic", "values": {"type": "string"}}}}),
    );
    let granular =
        schema(&json!({"type": "object", "properties": {"map": {"type": "object", "values": {"type": "string"}}}}));
    let mut world = World::with_schema(atomic);
    world.apply("a", config(json!({"map": {"x": "1", "y": "1"}})));
    world.schema = granular;
    world
        .apply("b", config(json!({"map": {"z": "1"}})))
        .apply("a", config(json!({"map": {"x": "1"}})))
        .owners(&[("b Apply", &[".map.z"]), ("a Apply", &[".map.x"])]);
}

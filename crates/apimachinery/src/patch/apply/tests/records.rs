//! The records themselves: times, order, limits, resets, and where they start.

use serde_json::json;

use super::super::keep_times;
use super::{World, config, schema, spec};
use crate::managed::UPDATERS_MAX;

#[test]
fn a_time_changes_only_with_the_managers_set_or_the_object() {
    let mut world = World::new();
    world
        .apply("a", spec(json!({"replicas": 1, "name": "x"})))
        .apply("b", spec(json!({"replicas": 1})))
        .times(&[("a", 1), ("b", 2)]);
    let settled = world.object.clone();
    // Nothing changes: the object is equal to what was stored, times included.
    world.apply("a", spec(json!({"replicas": 1, "name": "x"}))).apply("b", spec(json!({"replicas": 1})));
    assert_eq!(world.object, settled);
    world
        // Same set, another value.
        .apply("a", spec(json!({"replicas": 1, "name": "y"})))
        .times(&[("b", 2), ("a", 5)])
        // Same object, a smaller set.
        .apply("a", spec(json!({"name": "y"})))
        .times(&[("b", 2), ("a", 6)])
        // The loser of a field keeps its time.
        .force("c", spec(json!({"name": "z", "replicas": 1})))
        .times(&[("b", 2), ("c", 7)]);
}

#[test]
fn an_update_that_changes_nothing_returns_what_was_stored() {
    let mut world = World::new();
    world.apply("a", spec(json!({"replicas": 1}))).update("u", |o| o["spec"]["name"] = json!("x"));
    let settled = world.object.clone();
    world.update("u", |_| {}).update("other", |_| {}).update("other", |o| o["spec"]["name"] = json!("x"));
    assert_eq!(world.object, settled);
}

#[test]
fn entries_come_by_operation_time_and_name() {
    let mut world = World::new();
    world
        .update("z", |o| o["spec"] = json!({"replicas": 1}))
        .apply("b", spec(json!({"paused": true})))
        .update("m", |o| o["spec"]["name"] = json!("n"))
        .apply("a", spec(json!({"args": ["x"]})))
        .times(&[("b", 2), ("a", 4), ("z", 1), ("m", 3)]);
    world.now -= 60;
    world.apply("A", spec(json!({"size": "1"}))).times(&[("b", 2), ("A", 4), ("a", 4), ("z", 1), ("m", 3)]);
}

#[test]
fn one_name_may_apply_and_update() {
    World::new()
        .apply("a", spec(json!({"replicas": 1})))
        .update("a", |o| o["spec"]["replicas"] = json!(2))
        .owners(&[("a Update", &[".spec.replicas"])])
        // What one updates oneself conflicts with what one applies.
        .conflict("a", spec(json!({"replicas": 3})), &["a: .spec.replicas"])
        .apply("a", spec(json!({"replicas": 2})))
        .owners(&[("a Apply", &[".spec.replicas"]), ("a Update", &[".spec.replicas"])]);
}

#[test]
fn nobody_owns_what_identifies_an_object() {
    World::new()
        .apply(
            "a",
            config(json!({"metadata": {"labels": {"x": "1"}, "uid": "1", "resourceVersion": "1", "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z", "selfLink": "/x"}})),
        )
        .owners(&[("a Apply", &[".metadata.labels.x"])])
        .apply("b", config(json!({})))
        .owners(&[("a Apply", &[".metadata.labels.x"])]);
    World::new()
        .update("u", |o| o["metadata"]["labels"] = json!({"x": "1"}))
        .owners(&[("u Update", &[".metadata.labels", ".metadata.labels.x"])]);
}

#[test]
fn a_manager_without_a_name_is_unknown() {
    World::new().apply("", spec(json!({"replicas": 1}))).owners(&[("unknown Apply", &[".spec.replicas"])]);
}

#[test]
fn an_object_without_records_belongs_to_before_first_apply() {
    let mut world = World::new();
    world.object = Some(spec(json!({"replicas": 1, "name": "x", "set": ["y"]})));
    world
        // Updates alone record nothing.
        .update("u", |o| o["spec"]["replicas"] = json!(2))
        .owners(&[])
        .conflict("a", spec(json!({"replicas": 3})), &["before-first-apply: .spec.replicas"])
        .apply("a", spec(json!({"replicas": 2})))
        .owners(&[
            ("a Apply", &[".spec.replicas"]),
            ("before-first-apply Update", &[".spec", ".spec.name", ".spec.replicas", ".spec.set", ".spec.set[=\"y\"]"]),
        ])
        .update("u", |o| o["spec"]["name"] = json!("z"))
        .owners(&[
            ("a Apply", &[".spec.replicas"]),
            ("before-first-apply Update", &[".spec", ".spec.replicas", ".spec.set", ".spec.set[=\"y\"]"]),
            ("u Update", &[".spec.name"]),
        ]);
}

#[test]
fn a_writer_may_reset_the_records_or_set_them() {
    for reset in [json!([{}]), json!([])] {
        World::new()
            .apply("a", spec(json!({"replicas": 1})))
            .update("u", |o| o["metadata"]["managedFields"] = reset)
            .body(json!({"spec": {"replicas": 1}}))
            .owners(&[]);
    }
    let mut world = World::new();
    world.apply("a", spec(json!({"replicas": 1})));
    let records = world.object.as_ref().unwrap()["metadata"]["managedFields"].clone();
    world
        // Clients that do not know the field, or send nonsense, change nothing.
        .update("u", |o| drop(o["metadata"].as_object_mut().unwrap().remove("managedFields")))
        .update("u", |o| o["metadata"]["managedFields"] = json!([{"manager": "x"}]))
        .update("u", |o| o["metadata"]["managedFields"] = json!(null))
        .owners(&[("a Apply", &[".spec.replicas"])]);
    assert_eq!(world.object.as_ref().unwrap()["metadata"]["managedFields"], records);
    // Others may hand fields over.
    world
        .update("u", |o| o["metadata"]["managedFields"][0]["manager"] = json!("b"))
        .owners(&[("b Apply", &[".spec.replicas"])]);
    // On a subresource what the writer sends is not looked at.
    world.subresource = "status";
    world.update("u", |o| o["metadata"]["managedFields"] = json!([{}])).owners(&[("b Apply", &[".spec.replicas"])]);
}

#[test]
fn records_that_cannot_be_read_stop_an_apply_but_no_update() {
    let mut world = World::new();
    world.object = Some(config(json!({"metadata": {"managedFields": [{"manager": "x", "operation": "Fly"}]}})));
    world.refused("a", spec(json!({})), "metadata.managedFields[0]: operation must be");
    world.update("u", |o| o["spec"] = json!({"replicas": 1})).owners(&[]);
}

#[test]
fn the_oldest_updaters_are_merged() {
    let mut world = World::new();
    world.apply("a", spec(json!({"replicas": 1})));
    for i in 0..UPDATERS_MAX {
        world.update(&format!("u{i}"), |o| o["spec"]["data"][format!("k{i}")] = json!("v"));
    }
    world.version = "v2".to_owned();
    world.update("w", |o| o["spec"]["data"]["w"] = json!("v"));
    let names = |world: &World| -> Vec<String> {
        let entries = crate::managed::list(world.object.as_ref().unwrap()).unwrap();
        entries.iter().map(|e| e["manager"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&world), ["a", "ancient-changes", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "w"]);
    world.update("x", |o| o["spec"]["data"]["x"] = json!("v"));
    assert_eq!(names(&world), ["a", "ancient-changes", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "w", "x"]);
    let bucket = crate::managed::owned_by(world.object.as_ref().unwrap(), "ancient-changes");
    let paths: Vec<String> = bucket.paths().iter().map(ToString::to_string).collect();
    assert_eq!(paths, [".spec.data", ".spec.data.k0", ".spec.data.k1", ".spec.data.k2"]);
}

#[test]
fn an_applier_keeps_its_entry_in_another_version_and_an_updater_gets_a_second_one() {
    let mut world = World::new();
    world.apply("a", spec(json!({"replicas": 1, "name": "x"}))).update("u", |o| o["spec"]["paused"] = json!(true));
    world.version = "v2".to_owned();
    world
        .apply("a", spec(json!({"name": "x"})))
        .update("u", |o| o["spec"]["args"] = json!(["x"]))
        .spec(json!({"name": "x", "paused": true, "args": ["x"]}))
        .owners(&[("a Apply", &[".spec.name"]), ("u Update", &[".spec.paused"]), ("u Update", &[".spec.args"])]);
    let entries = crate::managed::list(world.object.as_ref().unwrap()).unwrap();
    let versions: Vec<&str> = entries.iter().map(|e| e["apiVersion"].as_str().unwrap()).collect();
    assert_eq!(versions, ["v2", "v1", "v2"]);
}

#[test]
fn kubectl_takes_over_from_its_own_annotation() {
    let last = "kubectl.kubernetes.io/last-applied-configuration";
    let mut world = World::new();
    world.update("kubectl-client-side-apply", |o| {
        *o = spec(json!({"replicas": 1, "name": "x"}));
        let said = o.to_string();
        o["metadata"]["annotations"] = json!({last: said});
    });
    world.update("edit", |o| o["spec"]["name"] = json!("edited"));
    let mut other = World {
        object: world.object.clone(),
        schema: world.schema.clone(),
        version: world.version.clone(),
        ..World::new()
    };
    other.conflict("somebody", spec(json!({"replicas": 2})), &["kubectl-client-side-apply: .spec.replicas"]);
    world
        // What was edited since is not kubectl's any more.
        .conflict("kubectl", spec(json!({"replicas": 2, "name": "y"})), &["edit: .spec.name"])
        .apply("kubectl", spec(json!({"replicas": 2})))
        .spec(json!({"replicas": 2, "name": "edited"}));
    let annotation = world.object.as_ref().unwrap()["metadata"]["annotations"][last].as_str().unwrap();
    assert_eq!(annotation, format!("{}\n", spec(json!({"replicas": 2}))));
    let settled = world.object.clone();
    world.apply("kubectl", spec(json!({"replicas": 2})));
    assert_eq!(world.object, settled);
}

#[test]
fn times_are_kept_when_only_times_differ() {
    let mut world = World::with_schema(schema(&json!({"preserve": true})));
    world.apply("a", spec(json!({"cpu": "1"})));
    let stored = world.object.clone().unwrap();
    world.apply("a", spec(json!({"cpu": "1000m"})));
    let mut object = world.object.clone().unwrap();
    keep_times(&stored, &mut object);
    assert_ne!(object, stored, "the value differs still");
    object["spec"]["cpu"] = json!("1");
    keep_times(&stored, &mut object);
    assert_eq!(object, stored);
}

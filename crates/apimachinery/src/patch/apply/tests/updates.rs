//! Ownership by create, update, patch, status and scale.

use serde_json::json;

use super::{World, spec};

#[test]
fn the_creator_owns_every_field() {
    World::new()
        .update("u", |o| {
            o["spec"] = json!({"replicas": 1, "containers": [{"name": "x", "ports": [{"port": 80}]}], "args": []})
        })
        .owners(&[(
            "u Update",
            &[
                ".spec",
                ".spec.args",
                ".spec.containers",
                ".spec.containers[name=\"x\"]",
                ".spec.containers[name=\"x\"].name",
                ".spec.containers[name=\"x\"].ports",
                ".spec.containers[name=\"x\"].ports[port=80,protocol=\"TCP\"]",
                ".spec.containers[name=\"x\"].ports[port=80,protocol=\"TCP\"].port",
                ".spec.replicas",
            ],
        )]);
}

#[test]
fn the_updater_takes_what_it_changes_and_adds() {
    World::new()
        .update("u", |o| o["spec"] = json!({"replicas": 1, "name": "x"}))
        .update("v", |o| {
            o["spec"]["replicas"] = json!(2);
            o["spec"]["data"] = json!({"k": "v"});
        })
        .owners(&[
            ("u Update", &[".spec", ".spec.name"]),
            ("v Update", &[".spec.data", ".spec.data.k", ".spec.replicas"]),
        ])
        // More by the same manager joins its entry.
        .update("v", |o| o["spec"]["paused"] = json!(true))
        .owners(&[
            ("u Update", &[".spec", ".spec.name"]),
            ("v Update", &[".spec.data", ".spec.data.k", ".spec.paused", ".spec.replicas"]),
        ]);
}

#[test]
fn what_is_removed_nobody_owns() {
    World::new()
        .apply("a", spec(json!({"replicas": 1, "data": {"k": "v"}, "set": ["x", "y"]})))
        .update("u", |o| o["spec"] = json!({"set": ["x"], "data": {}}))
        .owners(&[("a Apply", &[".spec.set[=\"x\"]"])])
        // The applier brings it back next time.
        .apply("a", spec(json!({"replicas": 1, "data": {"k": "v"}, "set": ["x", "y"]})))
        .spec(json!({"replicas": 1, "data": {"k": "v"}, "set": ["x", "y"]}));
}

#[test]
fn status_has_owners_of_its_own() {
    let mut world = World::new();
    world.apply("a", spec(json!({"replicas": 1})));
    world.subresource = "status";
    world
        .update("ctl", |o| {
            o["status"] = json!({"ready": 1, "conditions": [{"type": "Ready", "status": "True"}]});
            // This endpoint does not write the field, so the field gets no owner.
            o["spec"]["replicas"] = json!(1);
            o["metadata"]["labels"] = json!({"x": "1"});
        })
        .owners(&[
            ("a Apply", &[".spec.replicas"]),
            (
                "ctl Update status",
                &[
                    ".status",
                    ".status.conditions",
                    ".status.conditions[type=\"Ready\"]",
                    ".status.conditions[type=\"Ready\"].status",
                    ".status.conditions[type=\"Ready\"].type",
                    ".status.ready",
                ],
            ),
        ])
        .apply(
            "b",
            super::config(
                json!({"status": {"conditions": [{"type": "Done", "status": "True"}]}, "spec": {"replicas": 1}}),
            ),
        );
    world.subresource = "";
    world.apply("a", super::config(json!({"spec": {"replicas": 1}, "status": {"ready": 1}}))).owners(&[
        ("a Apply", &[".spec.replicas"]),
        (
            "b Apply status",
            &[
                ".status.conditions[type=\"Done\"]",
                ".status.conditions[type=\"Done\"].status",
                ".status.conditions[type=\"Done\"].type",
            ],
        ),
        (
            "ctl Update status",
            &[
                ".status",
                ".status.conditions",
                ".status.conditions[type=\"Ready\"]",
                ".status.conditions[type=\"Ready\"].status",
                ".status.conditions[type=\"Ready\"].type",
                ".status.ready",
            ],
        ),
    ]);
}

#[test]
fn scaling_takes_the_replicas() {
    let mut world = World::new();
    world.apply("a", spec(json!({"replicas": 1, "name": "x"})));
    world.subresource = "scale";
    world
        .update("hpa", |o| o["spec"]["replicas"] = json!(3))
        .owners(&[("a Apply", &[".spec.name"]), ("hpa Update scale", &[".spec.replicas"])]);
    world.subresource = "";
    let error = world.try_apply("a", &spec(json!({"replicas": 1, "name": "x"})), false).unwrap_err().to_string();
    assert_eq!(
        error,
        "Apply failed with 1 conflict: conflict with \"hpa\" with subresource \"scale\" using v1: .spec.replicas"
    );
}

#[test]
fn a_value_of_another_type_is_a_change() {
    World::new()
        .update("u", |o| o["spec"] = json!({"free": {"x": {"y": 1}, "z": [1]}}))
        .update("v", |o| o["spec"]["free"] = json!({"x": 1, "z": {"w": 1}}))
        .owners(&[
            ("u Update", &[".spec", ".spec.free"]),
            ("v Update", &[".spec.free.x", ".spec.free.z", ".spec.free.z.w"]),
        ]);
}

//! Who owns scalars and maps, who may change them, and what is removed when its last owner gives it up.

use serde_json::json;

use super::{World, config, spec};

#[test]
fn the_applier_owns_what_it_applies_and_nothing_else() {
    World::new()
        .apply("a", config(json!({
            "metadata": {"labels": {"app": "web"}, "annotations": {}},
            "spec": {"replicas": 1, "strategy": {"rolling": {"surge": 1}}, "data": {"k": "v"}, "args": ["x"], "selector": {"a": "b"}},
        })))
        .owners(&[("a Apply", &[
            ".metadata.annotations", ".metadata.labels.app", ".spec.args", ".spec.data.k",
            ".spec.replicas", ".spec.selector", ".spec.strategy.rolling.surge",
        ])]);
}

#[test]
fn a_field_that_is_no_longer_applied_goes() {
    World::new()
        .apply("a", spec(json!({"replicas": 1, "paused": true, "strategy": {"type": "x", "rolling": {"surge": 1}}})))
        .apply("a", spec(json!({"replicas": 2, "strategy": {"type": "x"}})))
        .spec(json!({"replicas": 2, "strategy": {"type": "x"}}))
        .owners(&[("a Apply", &[".spec.replicas", ".spec.strategy.type"])]);
}

#[test]
fn a_changed_value_of_another_manager_is_a_conflict() {
    World::new()
        .apply("a", spec(json!({"replicas": 1, "name": "x"})))
        .conflict(
            "b",
            spec(json!({"replicas": 2, "name": "y", "paused": true})),
            &["a: .spec.name", "a: .spec.replicas"],
        )
        .force("b", spec(json!({"replicas": 2, "paused": true})))
        .spec(json!({"replicas": 2, "name": "x", "paused": true}))
        .owners(&[("a Apply", &[".spec.name"]), ("b Apply", &[".spec.paused", ".spec.replicas"])]);
}

#[test]
fn the_loser_of_all_its_fields_is_forgotten() {
    World::new()
        .apply("a", spec(json!({"replicas": 1})))
        .force("b", spec(json!({"replicas": 2})))
        .owners(&[("b Apply", &[".spec.replicas"])]);
}

#[test]
fn equal_values_are_shared() {
    World::new()
        .apply("a", spec(json!({"replicas": 1, "name": "x"})))
        .apply("b", spec(json!({"replicas": 1})))
        .owners(&[("a Apply", &[".spec.name", ".spec.replicas"]), ("b Apply", &[".spec.replicas"])])
        // Leaving the share keeps the value.
        .apply("a", spec(json!({"name": "x"})))
        .spec(json!({"replicas": 1, "name": "x"}))
        // The last to leave takes it along.
        .apply("b", spec(json!({})))
        .spec(json!({"name": "x"}))
        .owners(&[("a Apply", &[".spec.name"]), ("b Apply", &[".spec"])]);
}

#[test]
fn a_shared_value_changes_only_with_all_its_owners() {
    World::new()
        .apply("a", spec(json!({"replicas": 1})))
        .apply("b", spec(json!({"replicas": 1})))
        .conflict("a", spec(json!({"replicas": 2})), &["b: .spec.replicas"])
        .force("a", spec(json!({"replicas": 2})))
        .owners(&[("a Apply", &[".spec.replicas"])]);
}

#[test]
fn an_applier_may_leave_a_field_to_an_updater() {
    World::new()
        .apply("a", spec(json!({"replicas": 1, "name": "x"})))
        .update("hpa", |o| o["spec"]["replicas"] = json!(5))
        .owners(&[("a Apply", &[".spec.name"]), ("hpa Update", &[".spec.replicas"])])
        .conflict("a", spec(json!({"replicas": 1, "name": "x"})), &["hpa: .spec.replicas"])
        .apply("a", spec(json!({"name": "x"})))
        .spec(json!({"replicas": 5, "name": "x"}));
}

#[test]
fn removing_a_parent_spares_the_children_of_others() {
    World::new()
        .apply("a", spec(json!({"strategy": {"rolling": {"surge": 1}}, "data": {"a": "1"}})))
        .apply("b", spec(json!({"strategy": {"rolling": {"gone": 2}}, "data": {"b": "2"}})))
        .update("u", |o| o["spec"]["data"]["c"] = json!("3"))
        .apply("a", spec(json!({})))
        .spec(json!({"strategy": {"rolling": {"gone": 2}}, "data": {"b": "2", "c": "3"}}))
        .apply("b", spec(json!({})))
        .spec(json!({"data": {"c": "3"}}));
}

#[test]
fn what_nobody_owns_stays_in_a_map_and_goes_with_a_struct() {
    let mut world = World::new();
    world.apply("a", spec(json!({"strategy": {"type": "x"}, "data": {"a": "1"}})));
    // Fields that came without a record, as defaults do.
    let spec_ = &mut world.object.as_mut().unwrap()["spec"];
    spec_["strategy"]["rolling"] = json!({"surge": 1});
    spec_["data"]["b"] = json!("2");
    world
        .apply("a", spec(json!({"name": "n", "data": {"c": "3"}})))
        .spec(json!({"name": "n", "data": {"b": "2", "c": "3"}}));
}

#[test]
fn the_last_entry_takes_its_map_along() {
    World::new()
        .apply("a", config(json!({"metadata": {"labels": {"x": "1"}}, "spec": {"data": {"k": "v"}}})))
        .apply("a", config(json!({})))
        .body(json!({}));
}

#[test]
fn an_empty_map_is_owned_as_such() {
    World::new()
        .apply("a", spec(json!({"data": {}})))
        .owners(&[("a Apply", &[".spec.data"])])
        .apply("b", spec(json!({"data": {"k": "v"}})))
        .spec(json!({"data": {"k": "v"}}))
        .apply("b", spec(json!({"name": "n"})))
        .owners(&[("a Apply", &[".spec.data"]), ("b Apply", &[".spec.name"])]);
}

#[test]
fn an_atomic_map_has_one_owner() {
    World::new()
        .apply("a", spec(json!({"selector": {"x": "1"}})))
        .conflict("b", spec(json!({"selector": {"y": "1"}})), &["a: .spec.selector"])
        .apply("b", spec(json!({"selector": {"x": "1"}})))
        .force("b", spec(json!({"selector": {"y": "2"}})))
        .spec(json!({"selector": {"y": "2"}}))
        .owners(&[("b Apply", &[".spec.selector"])])
        .apply("b", spec(json!({"name": "n"})))
        .spec(json!({"name": "n"}));
}

#[test]
fn null_is_not_set() {
    World::new()
        .apply("a", spec(json!({"replicas": 1, "data": {"k": "v"}, "name": null})))
        .spec(json!({"replicas": 1, "data": {"k": "v"}}))
        // Over something merged part by part it says nothing; over a scalar it clears.
        .apply("b", spec(json!({"data": null, "paused": null})))
        .spec(json!({"replicas": 1, "data": {"k": "v"}}))
        .conflict("b", spec(json!({"replicas": null})), &["a: .spec.replicas"])
        .force("b", spec(json!({"replicas": null})))
        .spec(json!({"data": {"k": "v"}}));
}

#[test]
fn null_is_a_value_where_the_schema_allows_it() {
    World::new()
        .apply("a", spec(json!({"maybe": null, "free": {"x": null}})))
        .spec(json!({"maybe": null, "free": {"x": null}}))
        .conflict("b", spec(json!({"maybe": "x"})), &["a: .spec.maybe"])
        .apply("a", spec(json!({"name": "n"})))
        .spec(json!({"name": "n"}));
}

#[test]
fn many_conflicts_are_told_by_manager() {
    let mut world = World::new();
    world.apply("b", spec(json!({"replicas": 1}))).apply("a", spec(json!({"name": "x", "paused": true})));
    let error = world.try_apply("c", &spec(json!({"replicas": 2, "name": "y", "paused": false})), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 3 conflicts: conflicts with \"a\":\n- .spec.name\n- .spec.paused\nconflicts with \"b\":\n- .spec.replicas"
    );
    let status = error.to_status();
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert_eq!(
        status.details["causes"][2],
        json!({"reason": "FieldManagerConflict", "message": "conflict with \"b\"", "field": ".spec.replicas"})
    );
    world.update("kube", |o| o["spec"]["replicas"] = json!(9));
    let error = world.try_apply("b", &spec(json!({"replicas": 1})), false).unwrap_err();
    assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"kube\" using v1: .spec.replicas");
}

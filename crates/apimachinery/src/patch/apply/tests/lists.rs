//! Lists: sets, list maps with one and several keys, defaulted keys, order, duplicates.

use serde_json::json;

use super::{World, config, spec};

fn containers(items: serde_json::Value) -> serde_json::Value {
    spec(json!({"containers": items}))
}

#[test]
fn an_atomic_list_has_one_owner() {
    World::new()
        .apply("a", spec(json!({"args": ["x", "y"]})))
        .conflict("b", spec(json!({"args": ["y", "x"]})), &["a: .spec.args"])
        .apply("b", spec(json!({"args": ["x", "y"]})))
        .apply("a", spec(json!({"name": "n"})))
        .spec(json!({"args": ["x", "y"], "name": "n"}))
        .apply("b", spec(json!({})))
        .spec(json!({"name": "n"}));
}

#[test]
fn items_of_a_set_have_owners() {
    World::new()
        .apply("a", spec(json!({"set": ["x", "y"]})))
        .apply("b", spec(json!({"set": ["y", "z"]})))
        .spec(json!({"set": ["x", "y", "z"]}))
        .owners(&[
            ("a Apply", &[".spec.set[=\"x\"]", ".spec.set[=\"y\"]"]),
            ("b Apply", &[".spec.set[=\"y\"]", ".spec.set[=\"z\"]"]),
        ])
        .apply("a", spec(json!({"set": ["w"]})))
        .spec(json!({"set": ["y", "z", "w"]}))
        .apply("b", spec(json!({})))
        .spec(json!({"set": ["w"]}))
        .apply("a", spec(json!({})))
        .spec(json!({}));
}

#[test]
fn finalizers_are_a_set_and_owners_a_map_in_any_kind() {
    World::with_schema(super::schema(&json!({"preserve": true})))
        .apply("a", config(json!({"metadata": {"finalizers": ["x"], "ownerReferences": [{"uid": "1", "name": "o"}]}})))
        .apply("b", config(json!({"metadata": {"finalizers": ["y"], "ownerReferences": [{"uid": "2", "name": "o"}]}})))
        .apply("a", config(json!({})))
        .body(json!({"metadata": {"finalizers": ["y"], "ownerReferences": [{"uid": "2", "name": "o"}]}}));
}

#[test]
fn items_of_a_list_map_merge_by_key() {
    World::new()
        .apply("a", containers(json!([{"name": "x", "image": "1"}])))
        .owners(&[("a Apply", &[
            ".spec.containers[name=\"x\"]", ".spec.containers[name=\"x\"].image", ".spec.containers[name=\"x\"].name",
        ])])
        .apply("b", containers(json!([{"name": "x", "env": [{"name": "E", "value": "v"}]}, {"name": "y", "image": "2"}])))
        .spec(json!({"containers": [{"name": "x", "image": "1", "env": [{"name": "E", "value": "v"}]}, {"name": "y", "image": "2"}]}))
        .conflict("b", containers(json!([{"name": "x", "image": "9"}])), &["a: .spec.containers[name=\"x\"].image"])
        // The item stays, because another manager still owns part of it.
        .apply("a", spec(json!({})))
        .spec(json!({"containers": [{"name": "x", "env": [{"name": "E", "value": "v"}]}, {"name": "y", "image": "2"}]}))
        .apply("b", containers(json!([{"name": "y", "image": "2"}])))
        .spec(json!({"containers": [{"name": "y", "image": "2"}]}));
}

#[test]
fn a_missing_key_takes_its_default() {
    World::new()
        .apply("a", containers(json!([{"name": "x", "ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}]}])))
        .owners(&[(
            "a Apply",
            &[
                ".spec.containers[name=\"x\"]",
                ".spec.containers[name=\"x\"].name",
                ".spec.containers[name=\"x\"].ports[port=80,protocol=\"TCP\"]",
                ".spec.containers[name=\"x\"].ports[port=80,protocol=\"TCP\"].port",
                ".spec.containers[name=\"x\"].ports[port=80,protocol=\"UDP\"]",
                ".spec.containers[name=\"x\"].ports[port=80,protocol=\"UDP\"].port",
                ".spec.containers[name=\"x\"].ports[port=80,protocol=\"UDP\"].protocol",
            ],
        )])
        // The server fills the default in; it is the same port still.
        .update("defaults", |o| o["spec"]["containers"][0]["ports"][0]["protocol"] = json!("TCP"))
        .apply("a", containers(json!([{"name": "x", "ports": [{"port": 80, "name": "web"}]}])))
        .spec(json!({"containers": [{"name": "x", "ports": [{"port": 80, "protocol": "TCP", "name": "web"}]}]}));
}

#[test]
fn another_key_value_is_another_item() {
    World::new()
        .apply("a", containers(json!([{"name": "x", "ports": [{"port": 80, "protocol": "TCP", "name": "web"}]}])))
        .apply("b", containers(json!([{"name": "x", "ports": [{"port": 80, "protocol": "UDP", "name": "quic"}]}])))
        .apply("a", containers(json!([{"name": "x", "ports": [{"port": 81, "name": "web"}]}])))
        .spec(json!({"containers": [{"name": "x", "ports": [
            {"port": 80, "protocol": "UDP", "name": "quic"}, {"port": 81, "name": "web"}]}]}));
}

#[test]
fn duplicates_and_items_without_key_are_refused_with_their_path() {
    let twice = json!([{"name": "x"}, {"name": "x"}]);
    World::new()
        .refused("a", containers(twice), ".spec.containers: duplicate entries for key [name=\"x\"]")
        .refused(
            "a",
            containers(json!([{"image": "x"}])),
            ".spec.containers: element 0: it omits all key fields [\"name\"]",
        )
        .refused("a", containers(json!([{"name": {}}])), "key field \"name\" must be a scalar")
        .refused("a", containers(json!(["x"])), "items must be objects")
        .refused("a", spec(json!({"set": ["x", "y", "x"]})), ".spec.set: duplicate entries for key [=\"x\"]")
        .refused("a", spec(json!({"numbers": [1, 1.0]})), "duplicate entries for key [=1]")
        .refused("a", spec(json!({"set": [{}]})), "items of a set must be scalars")
        .refused(
            "a",
            containers(json!([{"name": "x", "ports": [{"port": 1}, {"port": 1, "protocol": "TCP"}]}])),
            ".spec.containers[name=\"x\"].ports: duplicate entries for key [port=1,protocol=\"TCP\"]",
        );
}

#[test]
fn live_duplicates_are_one_thing_that_an_applier_may_replace() {
    let mut world = World::new();
    world
        .update("u", |o| {
            o["spec"] = json!({"set": ["x", "x", "y"], "containers": [
            {"name": "c", "env": [{"name": "E", "value": "1"}, {"name": "E", "value": "2"}]}]})
        })
        .apply("a", spec(json!({"name": "n"})))
        .spec(json!({"name": "n", "set": ["x", "x", "y"], "containers": [
            {"name": "c", "env": [{"name": "E", "value": "1"}, {"name": "E", "value": "2"}]}]}));
    let env = ".spec.containers[name=\"c\"].env[name=\"E\"]";
    let replaced = containers(json!([{"name": "c", "env": [{"name": "E", "value": "3"}]}]));
    world
        .conflict("a", replaced.clone(), &[&format!("u: {env}")])
        .force("a", replaced)
        .spec(json!({"set": ["x", "x", "y"], "containers": [{"name": "c", "env": [{"name": "E", "value": "3"}]}]}));
}

#[test]
fn updates_may_bring_duplicates_and_take_them_away() {
    World::new()
        .apply("a", spec(json!({"set": ["x"]})))
        .update("u", |o| o["spec"]["set"] = json!(["x", "x"]))
        .owners(&[("u Update", &[".spec.set[=\"x\"]"])])
        .update("v", |o| o["spec"]["set"] = json!(["x", "x"]))
        .owners(&[("u Update", &[".spec.set[=\"x\"]"])])
        .update("v", |o| o["spec"]["set"] = json!(["x"]))
        .owners(&[("v Update", &[".spec.set[=\"x\"]"])]);
}

/// Live list, applied list, merged list.
#[test]
fn order_is_live_unless_the_applier_says_otherwise() {
    let table = [
        ("abc", "", "abc"),
        ("", "cab", "cab"),
        ("abc", "a", "abc"),
        ("abc", "b", "abc"),
        ("abc", "ac", "abc"),
        ("abc", "ca", "bca"),
        ("abc", "cba", "cba"),
        ("abc", "d", "abcd"),
        ("abc", "bd", "abcd"),
        ("abc", "da", "dabc"),
        ("abc", "adb", "adbc"),
        ("abcd", "dxa", "bcdxa"),
        ("xaybz", "ba", "xybza"),
    ];
    for (live, applied, expect) in table {
        let letters = |text: &str| json!({"set": text.chars().map(String::from).collect::<Vec<_>>()});
        let mut world = World::new();
        world.update("u", |o| o["spec"] = letters(live)).apply("a", spec(letters(applied)));
        assert_eq!(world.object.as_ref().unwrap()["spec"], letters(expect), "{live} + {applied}");
    }
}

#[test]
fn a_changed_order_is_a_change_that_nobody_owns() {
    World::new()
        .apply("a", spec(json!({"set": ["x", "y"]})))
        .apply("b", spec(json!({"set": ["y", "x"]})))
        .spec(json!({"set": ["y", "x"]}));
}

#[test]
fn numbers_are_equal_as_numbers() {
    World::new()
        .apply("a", spec(json!({"numbers": [1, 2], "replicas": 1})))
        .apply("b", spec(json!({"numbers": [1.0], "replicas": 1.0})))
        .owners(&[
            ("a Apply", &[".spec.numbers[=1]", ".spec.numbers[=2]", ".spec.replicas"]),
            ("b Apply", &[".spec.numbers[=1.0]", ".spec.replicas"]),
        ]);
}

#[test]
fn long_lists_do_not_cost_the_square_of_their_length() {
    let many = |from: usize| json!({"set": (from..from + 10_000).map(|i| format!("item-{i}")).collect::<Vec<_>>()});
    let mut world = World::new();
    world.apply("a", spec(many(0))).apply("b", spec(many(5_000))).apply("a", spec(json!({})));
    assert_eq!(world.object.as_ref().unwrap()["spec"]["set"].as_array().unwrap().len(), 10_000);
    // Numbers come in another order as JSON keys than as numbers.
    let numbers = json!({"numbers": (0..10_000).collect::<Vec<_>>()});
    world.apply("n", spec(numbers.clone())).apply("n", spec(numbers));
}

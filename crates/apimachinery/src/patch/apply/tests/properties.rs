//! Laws that hold for any configurations.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{World, spec};
use crate::fieldset::{FieldSet, PathElement};
use crate::managed::{Managed, Operation};

fn maybe(name: &'static str, value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<(String, Value)>> {
    proptest::option::of(value.prop_map(move |v| (name.to_owned(), v))).boxed()
}

fn object(fields: Vec<BoxedStrategy<Option<(String, Value)>>>) -> BoxedStrategy<Value> {
    fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect::<Map<_, _>>())).boxed()
}

fn text() -> BoxedStrategy<Value> {
    prop_oneof![Just(json!("a")), Just(json!("b")), Just(json!("c"))].boxed()
}

fn number() -> BoxedStrategy<Value> {
    (0..3).prop_map(|n| json!(n)).boxed()
}

/// A list of items that differ in `keys`.
fn items(item: BoxedStrategy<Value>, keys: &'static [(&'static str, Value)]) -> BoxedStrategy<Value> {
    proptest::collection::vec(item, 0..4)
        .prop_map(move |items| {
            let id = |item: &Value| -> Vec<Value> {
                if keys.is_empty() {
                    return vec![item.clone()];
                }
                keys.iter().map(|(key, default)| item.get(key).unwrap_or(default).clone()).collect()
            };
            let mut out: Vec<Value> = Vec::new();
            for item in items {
                if !out.iter().any(|other| id(other) == id(&item)) {
                    out.push(item);
                }
            }
            Value::Array(out)
        })
        .boxed()
}

fn configuration() -> BoxedStrategy<Value> {
    const NAME: &[(&str, Value)] = &[("name", Value::Null)];
    static PORT: std::sync::LazyLock<[(&str, Value); 2]> =
        std::sync::LazyLock::new(|| [("port", Value::Null), ("protocol", json!("TCP"))]);
    let named = |fields: Vec<BoxedStrategy<Option<(String, Value)>>>| {
        (object(fields), text()).prop_map(|(mut item, name)| {
            item["name"] = name;
            item
        })
    };
    let port = (
        object(vec![maybe("protocol", prop_oneof![Just(json!("TCP")), Just(json!("UDP"))]), maybe("name", text())]),
        number(),
    )
        .prop_map(|(mut item, port)| {
            item["port"] = port;
            item
        });
    let container = named(vec![
        maybe("image", text()),
        maybe("env", items(named(vec![maybe("value", text())]).boxed(), NAME)),
        maybe("ports", items(port.boxed(), &*PORT)),
    ]);
    let map = || object(vec![maybe("k", text()), maybe("l", text()), maybe("m", text())]);
    object(vec![
        maybe("replicas", number()),
        maybe("name", text()),
        maybe(
            "strategy",
            object(vec![maybe("type", text()), maybe("rolling", object(vec![maybe("surge", number())]))]),
        ),
        maybe("selector", map()),
        maybe("data", map()),
        maybe("free", object(vec![maybe("p", map()), maybe("q", number())])),
        maybe("args", proptest::collection::vec(text(), 0..3).prop_map(Value::Array)),
        maybe("set", items(text(), &[])),
        maybe("containers", items(container.boxed(), NAME)),
    ])
    .prop_map(spec)
    .boxed()
}

#[derive(Clone, Debug)]
enum Write {
    Force(&'static str, Value),
    Update(&'static str, Value),
}

fn history() -> impl Strategy<Value = Vec<Write>> {
    let manager = || prop_oneof![Just("a"), Just("b"), Just("c")];
    let write = prop_oneof![
        3 => (manager(), configuration()).prop_map(|(m, c)| Write::Force(m, c)),
        1 => (manager(), configuration()).prop_map(|(m, c)| Write::Update(m, c)),
    ];
    proptest::collection::vec(write, 0..5)
}

fn world(history: &[Write]) -> World {
    let mut world = World::new();
    for write in history {
        match write {
            Write::Force(manager, config) => world.force(manager, config.clone()),
            Write::Update(manager, config) => world.update(manager, |o| o["spec"] = config["spec"].clone()),
        };
    }
    world
}

/// Is everything that `part` says in `whole`? Items of lists are found anywhere.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| holds(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            part.iter().all(|part| whole.iter().any(|whole| holds(whole, part)))
        }
        _ => whole == part,
    }
}

fn owned(world: &World, manager: &str, operation: Operation) -> FieldSet {
    let managed = Managed::from_object(world.object.as_ref().unwrap()).unwrap();
    let entry = managed.entries.iter().find(|e| e.manager == manager && e.operation == operation);
    entry.map_or(FieldSet::new(), |entry| entry.fields().clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn applying_twice_changes_nothing(history in history(), config in configuration()) {
        let mut world = world(&history);
        world.force("a", config.clone());
        let once = world.object.clone();
        world.apply("a", config);
        prop_assert_eq!(world.object, once);
    }

    #[test]
    fn the_result_holds_what_was_applied(history in history(), config in configuration()) {
        let mut world = world(&history);
        world.force("a", config.clone());
        let object = world.object.unwrap();
        prop_assert!(holds(&object, &config), "{object} lacks something of {config}");
    }

    #[test]
    fn every_leaf_that_was_applied_has_its_owner(history in history(), config in configuration()) {
        let mut world = world(&history);
        world.force("a", config.clone());
        let object = world.object.as_ref().unwrap();
        for path in owned(&world, "a", Operation::Apply).paths() {
            let owners = crate::managed::owners_of(object, &path);
            prop_assert!(owners.iter().any(|owner| owner.manager == "a"), "{path} has {owners:?}");
        }
        // And the other way round: all that the configuration says is the applier's.
        let mut alone = World::new();
        alone.apply("a", config);
        prop_assert_eq!(owned(&alone, "a", Operation::Apply), owned(&world, "a", Operation::Apply));
    }

    /// Coming and going leaves what others own as it was.
    #[test]
    fn an_applier_that_leaves_takes_only_its_own(history in history(), config in configuration()) {
        let others: Vec<Write> = history
            .into_iter()
            .filter(|write| !matches!(write, Write::Force("a", _) | Write::Update("a", _)))
            .collect();
        let mut world = world(&others);
        prop_assume!(world.object.is_some());
        let before = world.object.clone().unwrap();
        let Ok(()) = world.try_apply("a", &config, false) else { return Ok(()) };
        world.apply("a", super::config(json!({})));
        let after = world.object.clone().unwrap();
        for manager in ["b", "c"] {
            for operation in [Operation::Apply, Operation::Update] {
                let set = owned(&world, manager, operation).leaves();
                let part = |object: &Value| sorted(crate::managed::project(object, &set, Some(&world.schema)));
                prop_assert_eq!(part(&before), part(&after));
            }
        }
    }

    #[test]
    fn two_appliers_of_different_fields_may_come_in_any_order(a in configuration(), b in configuration()) {
        let mut one = World::new();
        one.apply("a", a.clone());
        let Ok(()) = one.try_apply("b", &b, false) else { return Ok(()) };
        let mut other = World::new();
        other.apply("b", b).apply("a", a);
        prop_assert_eq!(sorted(one.object.unwrap()["spec"].clone()), sorted(other.object.unwrap()["spec"].clone()));
    }

    #[test]
    fn nobody_owns_what_is_not_there(history in history()) {
        let world = world(&history);
        let Some(object) = &world.object else { return Ok(()) };
        for entry in &Managed::from_object(object).unwrap().entries {
            for path in entry.fields().leaves().paths() {
                prop_assert!(exists(object, &path), "{} owns {path} of {object}", entry.manager);
            }
        }
    }
}

/// The value with its lists in one order.
fn sorted(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => {
            items.iter_mut().for_each(|item| *item = sorted(item.take()));
            items.sort_by_key(ToString::to_string);
        }
        Value::Object(map) => map.values_mut().for_each(|value| *value = sorted(value.take())),
        _ => {}
    }
    value
}

fn exists(value: &Value, path: &[PathElement]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    match (first, value) {
        (PathElement::Field(name), Value::Object(map)) => map.get(&**name).is_some_and(|value| exists(value, rest)),
        (PathElement::Value(scalar), Value::Array(items)) => items.iter().any(|item| scalar.is(item)),
        (PathElement::Key(keys), Value::Array(items)) => items.iter().any(|item| {
            keys.iter().all(|(key, value)| item.get(&**key).is_none_or(|own| value.is(own))) && exists(item, rest)
        }),
        _ => false,
    }
}

/// Found by `applying_twice_changes_nothing`: such a configuration owns nothing, and its second apply recorded an
/// owner.
#[test]
fn applying_an_empty_list_twice_changes_nothing() {
    let mut world = World::new();
    let config = spec(json!({"set": []}));
    world.force("a", config.clone());
    let once = world.object.clone();
    world.apply("a", config);
    assert_eq!(world.object, once);
}

//! Karmada's published cases as data (`crates/place/tests/karmada`, see docs/conformance.md): inputs and what comes out.

mod estimate;
mod rule;
mod selection;
mod share;

use api::karmada::cluster::v1alpha1::Cluster;
use api::karmada::policy::v1alpha1::Placement;
use serde_json::{Value, json};

use crate::fleet::{Facts, Fleet};
use crate::request::Request;
use crate::spread::Standing;

/// The cases of a file. Their number is in docs/conformance.md, so that none is lost.
fn cases(text: &str, count: usize) -> Vec<Value> {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), count, "docs/conformance.md says how many there are");
    cases
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{e}: {value}"))
}

/// A request from what a case gives of a binding.
fn request(case: &Value) -> Request {
    let optional = |key: &str| case.get(key).cloned();
    Request {
        placement: read::<Placement>(&optional("placement").unwrap_or_else(|| json!({}))).into(),
        replicas: optional("replicas").map(|value| read(&value)).unwrap_or_default(),
        requirements: optional("replicaRequirements").map(|value| read(&value)),
        components: optional("components").map(|value| read(&value)).unwrap_or_default(),
        previous: optional("clusters").map(|value| read(&value)).unwrap_or_default(),
        uid: optional("uid").map(|value| read(&value)).unwrap_or_default(),
        ..Request::default()
    }
}

/// The members of a case as a fleet, and how they stand.
fn members(list: &Value) -> (Fleet, Vec<Standing>) {
    let list = list.as_array().unwrap();
    let text = |member: &Value, key: &str| member[key].as_str().unwrap_or_default().to_owned();
    let facts = |member: &Value| Facts {
        provider: text(member, "provider"),
        region: text(member, "region"),
        zones: member["zone"].as_str().map(str::to_owned).into_iter().collect(),
        ..Facts::named(text(member, "name").parse().unwrap())
    };
    let fleet = Fleet::of(list.iter().map(facts));
    let number = |member: &Value, key: &str| member[key].as_i64().unwrap_or_default();
    let standing = |member: &Value| Standing {
        place: fleet.place(member["name"].as_str().unwrap()).unwrap(),
        tier: number(member, "tier") as u32,
        score: number(member, "score"),
        free: number(member, "free"),
        available: number(member, "available"),
    };
    let standings = list.iter().map(standing).collect();
    (fleet, standings)
}

/// The record of a case's cluster as facts.
fn cluster(value: &Value) -> Facts {
    let mut value = value.clone();
    let conditions = value.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        for key in ["reason", "message", "lastTransitionTime"] {
            condition[key] = json!("");
        }
    }
    let cluster: Cluster = read(&value);
    Facts::of(&cluster).unwrap().0
}

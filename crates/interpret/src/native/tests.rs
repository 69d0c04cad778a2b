//! Karmada's published cases, and answers of its code for random objects: `tests/README.md`.

mod property;
mod table;
mod unreachable;

use serde_json::{Map, Value, json};

use super::Native;
use crate::{Aggregated, Chain, Interpreter, Reported, prune};

/// What the chain of native rules says of a case.
fn answer(case: &Value) -> Result<Value, crate::Fault> {
    let chain = Chain::new(vec![&Native]);
    let object = &case["object"];
    let mut copy = object.clone();
    Ok(match case["op"].as_str().unwrap() {
        "aggregate" => {
            let members = case["members"].as_array().unwrap();
            let status =
                aggregate(object, members.iter().map(|member| (member[0].as_str().unwrap(), &member[1]))).status;
            status.or_else(|| object.get("status").cloned()).unwrap_or_else(|| json!({}))
        }
        "replicas" => {
            let demand = chain.replicas(object)?.unwrap();
            json!({"replicas": demand.replicas, "requirements": demand.requirements.to_value(false)})
        }
        "revise" => {
            chain.revise(&mut copy, case["replicas"].as_i64().unwrap())?;
            copy
        }
        "retain" => {
            chain.retain(&mut copy, &case["live"])?;
            copy
        }
        "health" => json!(Native.is_healthy(object)?),
        "reflect" => chain.reflect(object)?.unwrap_or(Value::Null),
        "dependencies" => chain.dependencies(object)?.iter().map(crate::Dependency::to_value).collect(),
        "prune" => {
            prune(&mut copy);
            copy
        }
        other => panic!("{other}"),
    })
}

/// The aggregation over members that all answer. A null stands for no status.
fn aggregate<'a>(template: &Value, members: impl Iterator<Item = (&'a str, &'a Value)>) -> Aggregated {
    let mut fold = Native.aggregate(template).unwrap();
    for (member, status) in members {
        fold.add(member, if status.is_null() { Reported::Nothing } else { Reported::Status(status) });
    }
    fold.finish()
}

/// What is compared: nulls and empty lists and maps say nothing.
fn plain(value: &Value) -> Value {
    let is_empty = |value: &Value| value.is_null() || *value == json!({}) || *value == json!([]);
    match value {
        Value::Object(map) => {
            let fields = map.iter().map(|(name, value)| (name.clone(), plain(value)));
            Value::Object(fields.filter(|(_, value)| !is_empty(value)).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

/// Differences that `docs/karmada-differences.md` lists, taken out of what is compared.
fn comparable(case: &Value, value: &Value) -> Value {
    let mut value = plain(value);
    let kind = case["object"]["kind"].as_str().unwrap();
    match (case["op"].as_str().unwrap(), kind) {
        // Karmada writes the time of its own clock.
        ("aggregate", "Job") => {
            for condition in value.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
                for time in ["lastProbeTime", "lastTransitionTime"] {
                    condition.as_object_mut().unwrap().remove(time);
                }
            }
        }
        // Karmada compares generations of a StatefulSet that are never reported.
        ("reflect" | "aggregate", "StatefulSet") => {
            value.as_object_mut().into_iter().for_each(|status| drop(status.remove("observedGeneration")));
        }
        ("dependencies", _) => {
            let mut found = value.as_array().cloned().unwrap_or_default();
            found.sort_by_key(ToString::to_string);
            value = Value::Array(found);
        }
        _ => {}
    }
    value
}

fn check_all(cases: &str) {
    let mut wrong = Vec::new();
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let got = answer(&case);
        let is_right = match (&got, case.get("want")) {
            (Ok(got), Some(want)) => comparable(&case, got) == comparable(&case, want),
            (Err(_), None) => case["fails"] == true,
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{line}\n  got {}", got.map_or_else(|fault| fault.to_string(), |got| got.to_string())));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.lines().count(), wrong.join("\n"));
}

#[test]
fn published_cases_are_answered_as_karmada_answers_them() {
    check_all(include_str!("tests/published.jsonl"));
}

#[test]
fn random_objects_are_interpreted_as_karmada_interprets_them() {
    check_all(include_str!("tests/random.jsonl"));
}

//! What holds for every input.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::aggregate;
use crate::{Aggregated, Chain, Completions, Interpreter, NATIVE, Native, Operation, Reported, prune};

/// Names of fields that rules read, and some that none does.
const FIELDS: [&str; 44] = [
    "metadata",
    "spec",
    "status",
    "template",
    "replicas",
    "parallelism",
    "completions",
    "readyReplicas",
    "generation",
    "observedGeneration",
    "resourceTemplateGeneration",
    "availableReplicas",
    "currentHealthy",
    "disruptedPods",
    "phase",
    "containerStatuses",
    "containers",
    "initContainers",
    "name",
    "labels",
    "annotations",
    "selector",
    "matchLabels",
    "loadBalancer",
    "ingress",
    "ip",
    "hostname",
    "ports",
    "port",
    "active",
    "conditions",
    "type",
    "startTime",
    "completionTime",
    "volumes",
    "secret",
    "secretName",
    "resources",
    "requests",
    "cpu",
    "secrets",
    "data",
    "clusterIP",
    "healthCheckNodePort",
];

const TEXTS: [&str; 10] =
    ["", "Bound", "Lost", "Failed", "Running", "True", "LoadBalancer", "500m", "2026-01-02T03:04:05Z", "web"];

/// Any JSON, of names and values that rules look at.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![0..9_i64, any::<i64>(), Just(i64::from(i32::MAX)), Just(-1)].prop_map(Value::from),
        Just(json!(1.5)),
        (0..TEXTS.len()).prop_map(|at| json!(TEXTS[at])),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let field = (0..FIELDS.len()).prop_map(|at| FIELDS[at].to_owned());
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((field, inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// An object of a native kind, with anything in it.
fn object() -> impl Strategy<Value = Value> {
    let fields = (anything(), anything(), anything(), anything());
    (0..NATIVE.len(), fields).prop_map(|(at, (metadata, spec, status, secrets))| {
        let row = &NATIVE[at];
        let version =
            if row.group.is_empty() { row.version.to_owned() } else { format!("{}/{}", row.group, row.version) };
        json!({
            "apiVersion": version, "kind": row.kind, "metadata": metadata, "spec": spec, "status": status,
            "secrets": secrets,
        })
    })
}

/// A status of any kind, which makes sense more often than not.
fn status() -> impl Strategy<Value = Value> {
    let time = (0..60_u32).prop_map(|minute| format!("2026-01-02T03:{minute:02}:05Z"));
    let phase =
        (0..7_usize).prop_map(|at| ["Running", "Pending", "Failed", "Succeeded", "Bound", "Lost", "Released"][at]);
    let parts = (vec(0..9_i64, 8), time, phase, anything(), 0..8_u8);
    parts.prop_map(|(numbers, time, phase, nonsense, chance)| {
        let mut status = Map::new();
        let names = [
            "replicas",
            "readyReplicas",
            "availableReplicas",
            "desiredNumberScheduled",
            "currentHealthy",
            "generation",
            "observedGeneration",
            "active",
        ];
        status.extend(names.into_iter().zip(&numbers).map(|(name, number)| (name.to_owned(), json!(number))));
        let ingress =
            json!([{"ip": format!("192.0.2.{}", numbers[0]), "ports": [{"port": numbers[1], "protocol": "TCP"}]}]);
        let others = [
            ("phase", json!(phase)),
            ("startTime", json!(time)),
            ("lastScheduleTime", json!(time)),
            ("loadBalancer", json!({"ingress": ingress})),
            ("disruptedPods", json!({"web": time})),
            ("containerStatuses", json!([{"ready": true, "state": {"running": {"startedAt": time}}}])),
            ("conditions", json!([{"type": "Complete", "status": "True", "lastTransitionTime": time}])),
        ];
        status.extend(others.into_iter().map(|(name, value)| (name.to_owned(), value)));
        if numbers[7] > 4 {
            // A CronJob's are objects.
            status.insert("active".to_owned(), json!([{"name": time}]));
        }
        match chance {
            0 => nonsense,
            1 => Value::Null,
            _ => Value::Object(status),
        }
    })
}

fn aggregates() -> impl Strategy<Value = Value> {
    object().prop_filter("of a kind that is aggregated", |template| Native.aggregate(template).is_ok())
}

fn fold(template: &Value, members: &[(usize, Value)]) -> Aggregated {
    let mut fold = Native.aggregate(template).unwrap();
    for (at, status) in members {
        let reported = match at % 5 {
            0 => Reported::Unreachable(Some(status)),
            _ if status.is_null() => Reported::Nothing,
            _ => Reported::Status(status),
        };
        fold.add(&format!("member-{at:02}"), reported);
    }
    fold.finish()
}

proptest! {
    #[test]
    fn the_order_of_members_does_not_matter(
        template in aggregates(),
        (members, shuffled) in vec(status(), 0..14).prop_flat_map(|statuses| {
            let members: Vec<(usize, Value)> = statuses.into_iter().enumerate().collect();
            (Just(members.clone()), Just(members).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(fold(&template, &members), fold(&template, &shuffled));
    }

    #[test]
    fn a_second_aggregation_writes_nothing(template in aggregates(), statuses in vec(status(), 0..8)) {
        let members: Vec<(usize, Value)> = statuses.into_iter().enumerate().collect();
        if let Some(status) = fold(&template, &members).status {
            let mut settled = template.clone();
            settled["status"] = status;
            prop_assert_eq!(fold(&settled, &members).status, None);
        }
    }

    #[test]
    fn the_template_has_the_sum_over_all_members(
        numbers in vec(prop_oneof![0..1000_i64, 0..=i64::from(i32::MAX)], 0..60),
    ) {
        let template = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}});
        let statuses: Vec<Value> = numbers.iter().map(|number| json!({"readyReplicas": number})).collect();
        let status = aggregate(&template, statuses.iter().map(|status| ("m", status))).status.unwrap_or_default();
        let sum = numbers.iter().sum::<i64>().min(i64::from(i32::MAX));
        prop_assert_eq!(status["readyReplicas"].as_i64().unwrap_or(0), sum);
    }

    #[test]
    fn what_is_revised_to_a_number_wants_that_number(at in 0..NATIVE.len(), before in 0..99_i64, after in 0..=i64::from(i32::MAX)) {
        let row = &NATIVE[at];
        prop_assume!(row.operations.has(Operation::ReviseReplica));
        let mut object = json!({
            "apiVersion": format!("{}/{}", row.group, row.version), "kind": row.kind,
            "spec": {"replicas": before, "parallelism": before},
        });
        Native.revise(&mut object, after).unwrap();
        prop_assert_eq!(Native.replicas(&object).unwrap().replicas, after);
    }

    #[test]
    fn to_retain_twice_is_to_retain_once(mut desired in object(), mut live in object()) {
        live["apiVersion"] = desired["apiVersion"].clone();
        live["kind"] = desired["kind"].clone();
        let chain = Chain::new(vec![&Native]);
        let untouched = desired.clone();
        let first = chain.retain(&mut desired, &live);
        let once = desired.clone();
        let second = chain.retain(&mut desired, &live);
        prop_assert_eq!(&desired, &once);
        prop_assert_eq!(&first, &second);
        if first.is_err() {
            prop_assert_eq!(once, untouched);
        }
    }

    #[test]
    fn to_prune_twice_is_to_prune_once(mut object in object()) {
        prune(&mut object);
        let once = object.clone();
        prune(&mut object);
        prop_assert_eq!(object, once);
    }

    #[test]
    fn no_object_makes_a_rule_panic(mut one in object(), other in object()) {
        let chain = Chain::new(vec![&Native]);
        let _ = (chain.replicas(&one), chain.dependencies(&one), chain.reflect(&one), chain.resource_health(&one));
        let _ = (chain.components(&one), chain.revise(&mut one, 3));
        let _ = Completions::split(&one, &[], |_, _| Vec::new()).map(|split| split.unwrap_or_default().set(&mut one, "a"));
        if let Ok(Some(mut fold)) = chain.aggregate(&one) {
            fold.add("a", Reported::Status(&other["status"]));
            fold.add("b", Reported::Unreachable(Some(&other)));
            fold.finish();
        }
    }
}

//! Affinities, filters, and when a binding is scheduled.

use api::karmada::policy::v1alpha1::{ClusterAffinity, FieldSelector, Placement};
use api::karmada::work::v1alpha2::{BindingSpec, BindingStatus};
use serde_json::{Value, json};

use super::{cases, cluster, read, request};
use crate::affinity::{Affinity, Terms, Tiers};
use crate::filter::{Filters, Refused};
use crate::fleet::{Facts, Fleet};
use crate::request::{Gates, Request};
use crate::spread::is_by_sets;
use crate::trigger::{are_replicas_changed, is_placement_changed, is_reschedule_due};

fn matches(affinity: &ClusterAffinity, facts: Facts) -> bool {
    let fleet = Fleet::of([facts]);
    Affinity::of(affinity, &fleet).mismatch(0, &fleet.members()[0], &fleet.symbols).is_none()
}

#[test]
fn affinities_match_what_karmadas_match() {
    let known = Facts {
        labels: [("foo".to_owned(), "bar".to_owned())].into(),
        zones: ["zone1", "zone2", "zone3"].map(str::to_owned).into(),
        region: "region1".to_owned(),
        provider: "provider1".to_owned(),
        ..Facts::named("cluster1".parse().unwrap())
    };
    for case in cases(include_str!("../../../tests/karmada/affinity.json"), 50) {
        let got = match case["from"].as_str().unwrap() {
            "matches" => matches(&read(&case["affinity"]), known.clone()),
            "zones" => {
                let selector = FieldSelector { match_expressions: vec![read(&case["demand"])] };
                let affinity = ClusterAffinity { field_selector: Some(selector), ..ClusterAffinity::default() };
                matches(&affinity, Facts { zones: read(&case["zones"]), ..known.clone() })
            }
            _ => {
                let facts = cluster(&named(&case["cluster"]));
                let fields = json!({"provider": facts.provider, "region": facts.region});
                let text = |fields: &Value, key: &str| fields[key].as_str().unwrap_or_default().to_owned();
                let same = |key| text(&fields, key) == text(&case["fields"], key);
                assert!(same("provider") && same("region"), "{case}");
                continue;
            }
        };
        assert_eq!(Value::from(got), case["want"], "{case}");
    }
}

fn named(value: &Value) -> Value {
    let mut value = value.clone();
    value["metadata"]["name"] = json!("cluster1");
    value
}

#[test]
fn filters_refuse_what_karmadas_refuse() {
    for case in cases(include_str!("../../../tests/karmada/filters.json"), 32) {
        let from = case["from"].as_str().unwrap();
        let mut facts = cluster(&case["cluster"]);
        let binding = &case["binding"];
        let resource = |key: &str| binding["resource"][key].as_str().unwrap_or("x").to_owned();
        let tasks = binding["gracefulEvictionTasks"].as_array().into_iter().flatten();
        let request = Request {
            api_version: resource("apiVersion"),
            kind: resource("kind"),
            observed_affinity: case["status"]["schedulerObservingAffinityName"].as_str().unwrap_or_default().into(),
            evicting: tasks.map(|task| read(&task["fromCluster"])).collect(),
            ..request(binding)
        };
        if from != "api" && from != "enablement" {
            // Only the one filter is looked at.
            facts.served.entry(request.api_version.clone()).or_default().insert(request.kind.clone());
        }
        let fleet = Fleet::of([facts]);
        let member = &fleet.members()[0];
        let is_target = request.previous.iter().any(|target| target.name == member.name.as_str());
        if let Some(score) = case["score"].as_i64() {
            assert_eq!(score, if is_target { 100 } else { 0 }, "{case}");
            continue;
        }
        let filters = Filters::of(&request, &fleet, &Gates::karmada());
        let tiers = match Terms::of(&request.placement, &request.observed_affinity, false) {
            Terms::Single(affinity) => Tiers::single(affinity, &fleet),
            Terms::Ordered(terms, start) => Tiers::term(&terms[start], request.is_workload(), &fleet),
        };
        let got = filters.check(0, member, is_target, &tiers);
        let code = match got {
            Ok(_) => 0,
            Err(Refused::Api) if from == "enablement" && !member.is_served_complete => 2,
            Err(_) => 1,
        };
        assert_eq!(Value::from(code), case["code"], "{case}");
        if let (Err(why), Some(message)) = (got, case["message"].as_str()) {
            assert_eq!(filters.refusal(member, why).words().as_deref(), Some(message), "{case}");
        }
    }
}

#[test]
fn bindings_are_scheduled_when_karmada_schedules_them() {
    for case in cases(include_str!("../../../tests/karmada/triggers.json"), 44) {
        let gates = Gates { component_sets: case["gate"] == true, ..Gates::karmada() };
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let spec = || {
            let mut spec = json!({"resource": {"apiVersion": "v1", "kind": "X", "name": "x"}});
            for (key, value) in case["binding"].as_object().into_iter().flatten() {
                spec[key] = value.clone();
            }
            read::<BindingSpec>(&spec)
        };
        let got = match case["from"].as_str().unwrap() {
            "placement" => {
                let applied = case.get("applied").filter(|applied| !applied.is_null());
                let applied = applied.map(Value::to_string).unwrap_or_default();
                is_placement_changed(&read(&case["placement"]), &applied, text("term"))
            }
            "replicas" => are_replicas_changed(&spec(), &gates),
            "reschedule" => {
                let time = |key: &str| case[key].as_str().map(str::to_owned);
                let spec = BindingSpec { reschedule_triggered_at: time("asked"), ..BindingSpec::default() };
                let status = BindingStatus { last_scheduled_time: time("scheduled"), ..BindingStatus::default() };
                is_reschedule_due(&spec, &status)
            }
            "term" => {
                let names: Vec<String> = read(&case["terms"]);
                let terms: Vec<Value> = names.iter().map(|name| json!({"affinityName": name})).collect();
                let placement: Placement = read(&json!({"clusterAffinities": terms}));
                let Terms::Ordered(_, start) = Terms::of(&placement, text("term"), false) else { panic!("{case}") };
                assert_eq!(Value::from(start), case["index"], "{case}");
                continue;
            }
            "sets" => is_by_sets(&request(&case["binding"]), &gates),
            _ => request(&case["binding"]).is_workload(),
        };
        assert_eq!(Value::from(got), case["want"], "{case}");
    }
}

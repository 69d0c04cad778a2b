use serde_json::{Value, json};

use super::*;
use crate::fleet::{Facts, Grade, Summary, Taint};

/// A member with room for `pods` pods and 1,000 times as many thousandths of a core.
fn member(name: &str, pods: i64) -> Facts {
    let free = [("cpu", pods * 1000), ("memory", pods << 30), ("pods", pods)].map(|(k, v)| (k.to_owned(), v));
    Facts {
        served: [("apps/v1".to_owned(), ["Deployment".to_owned()].into())].into(),
        summary: Some(Summary { free: free.into(), grades: Vec::new() }),
        ..Facts::named(name.parse().unwrap())
    }
}

fn deployment(replicas: i32, placement: Value) -> Request {
    Request {
        placement: serde_json::from_value::<api::karmada::policy::v1alpha1::Placement>(placement).unwrap().into(),
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        replicas,
        requirements: Some(serde_json::from_value(json!({"resourceRequest": {"cpu": "1"}})).unwrap()),
        ..Request::default()
    }
}

fn decided(request: &Request, fleet: &Fleet) -> Result<String, String> {
    let decision = decide(request, fleet, &Reservations::default(), &Gates::default());
    let target = |target: &TargetCluster| format!("{}:{}", target.name, target.replicas);
    let text = |decision: Decision| decision.clusters.iter().map(target).collect::<Vec<_>>().join(" ");
    decision.map(text).map_err(|unfit| format!("{}: {unfit}", unfit.reason()))
}

#[track_caller]
fn check(request: &Request, fleet: &Fleet, expect: Result<&str, &str>) {
    assert_eq!(decided(request, fleet).as_deref().map_err(String::as_str), expect);
}

fn dynamic() -> Value {
    json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"dynamicWeight": "AvailableReplicas"}}})
}

#[test]
fn every_member_gets_all_replicas_unless_they_are_divided() {
    let fleet = Fleet::of([member("b", 6), member("a", 2)]);
    check(&deployment(4, json!({})), &fleet, Ok("a:4 b:4"));
    check(&deployment(4, dynamic()), &fleet, Ok("a:1 b:3"));
    check(&deployment(8, dynamic()), &fleet, Ok("a:2 b:6"));
    let short = "Unschedulable: failed to assign replicas: failed to scale up: \
                 Clusters available replicas 8 are not enough to schedule.";
    check(&deployment(9, dynamic()), &fleet, Err(short));
}

#[test]
fn scaling_moves_as_little_as_it_can() {
    let fleet = Fleet::of([member("a", 5), member("b", 5)]);
    let mut request = deployment(4, dynamic());
    request.previous = vec![TargetCluster { name: "a".into(), replicas: 4, ..TargetCluster::default() }];
    check(&request, &fleet, Ok("a:4"));
    request.replicas = 6;
    check(&request, &fleet, Ok("a:5 b:1"));
    request.mode = Mode::Fresh;
    check(&request, &fleet, Ok("a:4 b:2"));
    (request.mode, request.replicas) = (Mode::Steady, 1);
    check(&request, &fleet, Ok("a:1"));
}

#[test]
fn refusals_are_counted_in_the_message() {
    let tainted = Facts {
        taints: vec![Taint { key: "k".into(), value: "v".into(), effect: "NoSchedule".into() }],
        ..member("a", 5)
    };
    let bare = Facts { served: [].into(), ..member("b", 5) };
    let leaving = Facts { is_leaving: true, ..member("c", 5) };
    let fleet = Fleet::of([tainted, bare, leaving]);
    let message = "NoClusterFit: 0/3 clusters are available: 1 cluster(s) did not have the API resource, \
                   1 cluster(s) had untolerated taint {k=v:NoSchedule}.";
    check(&deployment(1, json!({})), &fleet, Err(message));
    check(
        &deployment(1, json!({})),
        &Fleet::default(),
        Err("NoClusterFit: 0/0 clusters are available: no cluster exists."),
    );
    let tolerating = json!({"clusterTolerations": [{"key": "k", "operator": "Exists"}]});
    check(&deployment(1, tolerating), &fleet, Ok("a:1"));
}

#[test]
fn ordered_affinities_are_tried_from_the_one_in_use() {
    let fleet = Fleet::of([member("a", 1), member("b", 9)]);
    let terms = json!([{"affinityName": "one", "clusterNames": ["a"]}, {"affinityName": "two", "clusterNames": ["b"]}]);
    let mut placement = dynamic();
    placement["clusterAffinities"] = terms;
    let mut request = deployment(3, placement);
    check(&request, &fleet, Ok("b:3"));
    request.replicas = 1;
    check(&request, &fleet, Ok("a:1"));
    request.observed_affinity = "two".into();
    check(&request, &fleet, Ok("b:1"));
    request.replicas = 20;
    check(
        &request,
        &fleet,
        Err("Unschedulable: failed to assign replicas: failed to scale up: \
             Clusters available replicas 9 are not enough to schedule."),
    );
}

#[test]
fn overflow_takes_what_the_first_tier_has_no_room_for() {
    let fleet = Fleet::of([member("a", 3), member("b", 9)]);
    let mut placement = dynamic();
    placement["clusterAffinities"] = json!([{"affinityName": "one", "clusterNames": ["a"],
        "overflowAffinities": [{"affinityName": "more", "clusterNames": ["b"]}]}]);
    check(&deployment(3, placement.clone()), &fleet, Ok("a:3"));
    check(&deployment(5, placement.clone()), &fleet, Ok("a:3 b:2"));
    check(
        &deployment(13, placement),
        &fleet,
        Err("Unschedulable: failed to assign replicas: Clusters available replicas are not enough to schedule."),
    );
}

#[test]
fn zones_providers_and_labels_spread_like_regions() {
    let at = |name: &str, provider: &str, zone: &str, rack: &str| Facts {
        provider: provider.into(),
        zones: vec![zone.into()],
        labels: [("rack".to_owned(), rack.to_owned())].into(),
        ..member(name, 9)
    };
    let fleet =
        Fleet::of([at("a", "p", "x", "1"), at("b", "p", "x", "2"), at("c", "p", "y", "1"), at("d", "q", "y", "2")]);
    let by = |constraints: Value| deployment(2, json!({"spreadConstraints": constraints}));
    let cluster = json!({"spreadByField": "cluster", "minGroups": 1, "maxGroups": 2});
    check(&by(json!([{"spreadByField": "zone", "minGroups": 2, "maxGroups": 2}, cluster])), &fleet, Ok("a:2 c:2"));
    check(&by(json!([{"spreadByField": "provider", "minGroups": 2}, cluster])), &fleet, Ok("a:2 d:2"));
    check(&by(json!([{"spreadByLabel": "rack", "minGroups": 2}, cluster])), &fleet, Ok("a:2 b:2"));
    let both =
        json!([{"spreadByField": "provider", "minGroups": 2}, {"spreadByLabel": "rack", "minGroups": 2}, cluster]);
    check(&by(both), &fleet, Ok("a:2 d:2"));
    let few = "SchedulerError: failed to select clusters: the number of feasible zone is less than spreadConstraint.MinGroups";
    check(&by(json!([{"spreadByField": "zone", "minGroups": 3}, cluster])), &fleet, Err(few));
}

#[test]
fn a_constraint_without_a_limit_is_none_unless_karmada_is_asked_for() {
    let fleet = Fleet::of([member("a", 3), member("b", 9)]);
    let request = deployment(1, json!({"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1}]}));
    check(&request, &fleet, Ok("a:1 b:1"));
    let karmada = decide(&request, &fleet, &Reservations::default(), &Gates::karmada()).unwrap_err();
    assert_eq!(karmada.to_string(), "failed to assign replicas: no clusters available to schedule");
}

#[test]
fn what_is_reserved_is_not_given_twice() {
    let fleet = Fleet::of([member("a", 5), member("b", 5)]);
    let (mut reserved, gates) = (Reservations::default(), Gates::default());
    let request = deployment(8, dynamic());
    let first = decide(&request, &fleet, &reserved, &gates).unwrap();
    reserved.reserve("first", &request, &first);
    let second = decide(&request, &fleet, &reserved, &gates).unwrap_err();
    assert!(second.to_string().ends_with("Clusters available replicas 2 are not enough to schedule."), "{second}");
    // The unit itself counts what it has, and no more than that.
    let again = Request { previous: first.clusters.clone(), replicas: 10, ..request.clone() };
    assert_eq!(decide(&again, &fleet, &reserved, &gates).unwrap().clusters.iter().map(|t| t.replicas).sum::<i32>(), 10);
    reserved.confirm("first", "a", 4);
    reserved.release("first");
    assert!(reserved.is_empty());
    assert!(decide(&request, &fleet, &reserved, &gates).is_ok());
}

#[test]
fn the_sizes_of_nodes_count_when_they_are_known() {
    let least = |cpu: i64| [("cpu".to_owned(), cpu), ("memory".to_owned(), 1 << 34)].into();
    let mut sized = member("a", 100);
    if let Some(summary) = &mut sized.summary {
        summary.grades = vec![Grade { least: least(500), count: 40 }, Grade { least: least(2500), count: 3 }];
    }
    let fleet = Fleet::of([sized]);
    check(&deployment(6, dynamic()), &fleet, Ok("a:6"));
    assert!(decided(&deployment(7, dynamic()), &fleet).is_err());
    let plain = Gates { resource_models: false, ..Gates::default() };
    assert!(decide(&deployment(7, dynamic()), &fleet, &Reservations::default(), &plain).is_ok());
}

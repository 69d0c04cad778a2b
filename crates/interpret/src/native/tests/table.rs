//! The table of native kinds, the chain of interpreters, and cases of our own.

use model::{GroupVersionKind, object};
use serde_json::{Value, json};

use crate::{
    Chain, Completions, Component, Demand, Dependency, Fault, Fold, Interpreter, NATIVE, Native, Operation, Operations,
    Reported, ResourceHealth, native_operations,
};

fn of(version: &str, kind: &str) -> Value {
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": "web", "namespace": "shop"}})
}

/// Does the native interpreter answer, rather than say that it has no rule?
fn is_answered(operation: Operation, kind: &Value) -> bool {
    let mut object = kind.clone();
    let fault = match operation {
        Operation::InterpretReplica => Native.replicas(kind).err(),
        Operation::InterpretComponent => Native.components(kind).err(),
        Operation::ReviseReplica => Native.revise(&mut object, 1).err(),
        Operation::Retain => Native.retain(&mut object, kind).err(),
        Operation::AggregateStatus => Native.aggregate(kind).err(),
        Operation::InterpretHealth => Native.is_healthy(kind).err(),
        Operation::InterpretStatus => Native.reflect(kind).err(),
        Operation::InterpretDependency => Native.dependencies(kind).err(),
    };
    !matches!(fault, Some(Fault::NoRule { .. }))
}

#[test]
fn the_table_says_what_is_answered() {
    let count = |operation| NATIVE.iter().filter(|row| row.operations.has(operation)).count();
    // As in karmada.md 3.2.
    assert_eq!(Operation::ALL.map(count), [5, 0, 4, 8, 13, 9, 9, 9]);
    assert!(NATIVE.is_sorted_by_key(|row| (row.group, row.kind)));
    for row in NATIVE {
        let version =
            if row.group.is_empty() { row.version.to_owned() } else { format!("{}/{}", row.group, row.version) };
        for operation in Operation::ALL {
            let native = row.operations.has(operation) || operation == Operation::InterpretStatus;
            assert_eq!(is_answered(operation, &of(&version, row.kind)), native, "{operation} of {}", row.kind);
        }
        assert_eq!(
            row.operations.iter().collect::<Vec<_>>().len(),
            Operation::ALL.map(|o| row.operations.has(o)).iter().filter(|has| **has).count()
        );
    }
    let others = [("v1", "ConfigMap"), ("apps/v1beta1", "Deployment"), ("batch.volcano.sh/v1alpha1", "Job")];
    for (version, kind) in others {
        assert_eq!(native_operations(&object::gvk(&of(version, kind)).unwrap()), Operations::NONE);
    }
}

/// Knows the health of Deployments, and nothing else: all are ill.
struct Script;

impl Script {
    fn no_rule<T>(operation: Operation) -> Result<T, Fault> {
        Err(Fault::NoRule { kind: GroupVersionKind::default(), operation })
    }
}

impl Interpreter for Script {
    fn covers(&self, kind: &GroupVersionKind, operation: Operation) -> bool {
        kind.kind == "Deployment" && operation == Operation::InterpretHealth
    }

    fn replicas(&self, _: &Value) -> Result<Demand, Fault> {
        Self::no_rule(Operation::InterpretReplica)
    }

    fn components(&self, _: &Value) -> Result<Vec<Component>, Fault> {
        Self::no_rule(Operation::InterpretComponent)
    }

    fn revise(&self, _: &mut Value, _: i64) -> Result<(), Fault> {
        Self::no_rule(Operation::ReviseReplica)
    }

    fn retain(&self, _: &mut Value, _: &Value) -> Result<(), Fault> {
        Self::no_rule(Operation::Retain)
    }

    fn aggregate<'a>(&self, _: &'a Value) -> Result<Box<dyn Fold + 'a>, Fault> {
        Self::no_rule(Operation::AggregateStatus)
    }

    fn is_healthy(&self, _: &Value) -> Result<bool, Fault> {
        Ok(false)
    }

    fn reflect(&self, _: &Value) -> Result<Option<Value>, Fault> {
        Self::no_rule(Operation::InterpretStatus)
    }

    fn dependencies(&self, _: &Value) -> Result<Vec<Dependency>, Fault> {
        Self::no_rule(Operation::InterpretDependency)
    }
}

#[test]
fn the_first_interpreter_that_covers_an_operation_answers_it() {
    let deployment = of("apps/v1", "Deployment");
    let (native, scripted) = (Chain::new(vec![&Native]), Chain::new(vec![&Script, &Native]));
    assert_eq!(native.resource_health(&deployment), ResourceHealth::Healthy);
    assert_eq!(scripted.resource_health(&deployment), ResourceHealth::Unhealthy);
    assert_eq!(scripted.replicas(&deployment).unwrap(), native.replicas(&deployment).unwrap());
    assert_eq!(scripted.resource_health(&of("apps/v1", "ReplicaSet")), ResourceHealth::Healthy);
}

#[test]
fn kinds_without_a_rule_have_no_replicas_are_healthy_and_stay_as_they_are() {
    let chain = Chain::new(vec![&Native]);
    let map = of("v1", "ConfigMap");
    assert_eq!(chain.replicas(&map), Ok(None));
    assert_eq!(chain.components(&of("apps/v1", "Deployment")), Ok(None));
    assert_eq!(chain.resource_health(&map), ResourceHealth::Healthy);
    assert_eq!(chain.dependencies(&map), Ok(Vec::new()));
    assert!(chain.aggregate(&map).unwrap().is_none());
    let mut same = map.clone();
    chain.revise(&mut same, 3).unwrap();
    chain.retain(&mut same, &of("v1", "Secret")).unwrap();
    assert_eq!(same, map);
    // What cannot be read is Unknown, and never green.
    let mut odd = of("apps/v1", "Deployment");
    odd["status"]["updatedReplicas"] = json!("all");
    assert_eq!(chain.resource_health(&odd), ResourceHealth::Unknown);
    assert_eq!(chain.resource_health(&json!({})), ResourceHealth::Unknown);
    assert_eq!(chain.replicas(&json!([])), Err(Fault::NotAnObject));
}

/// The requests of a Pod with this spec, as text.
fn requests(spec: &Value) -> Result<String, String> {
    let mut pod = of("v1", "Pod");
    pod["spec"] = spec.clone();
    let demand = Native.replicas(&pod).map_err(|fault| fault.to_string())?;
    assert_eq!((demand.replicas, demand.requirements.namespace.as_str()), (1, "shop"));
    let one = |(name, amount): (&String, &model::Quantity)| format!("{name}={amount}");
    Ok(demand.requirements.requests.iter().map(one).collect::<Vec<_>>().join(" "))
}

#[test]
fn requests_are_exact() {
    let container = |requests: Value| json!({"resources": {"requests": requests}});
    for (spec, expected) in [
        (json!({}), ""),
        (
            json!({"containers": [container(json!({"cpu": "100m", "memory": "1Gi"})), container(json!({"cpu": 1.5, "memory": "512Mi"}))]}),
            "cpu=1600m memory=1536Mi",
        ),
        // An init container alone may need more than all others together.
        (
            json!({"containers": [container(json!({"cpu": "1", "memory": "1Gi"}))], "initContainers": [container(json!({"cpu": "500m", "memory": "2Gi"}))],
            "overhead": {"cpu": "250m", "memory": "120Mi"}}),
            "cpu=1250m memory=2168Mi",
        ),
        // A limit is a request where none is written; fractions round up.
        (
            json!({"containers": [{"resources": {"limits": {"cpu": "2", "memory": "100m"}, "requests": {"cpu": "1"}}}]}),
            "cpu=1 memory=1",
        ),
        (
            json!({"containers": [container(json!({"example.com/gpu": "2", "hugepages-2Mi": "4Mi", "strange": "1", "cpu": "0"}))]}),
            "example.com/gpu=2 hugepages-2Mi=4Mi",
        ),
    ] {
        assert_eq!(requests(&spec).as_deref(), Ok(expected), "{spec}");
    }
    let odd = |amount: Value| requests(&json!({"containers": [{}, {"resources": {"limits": {"cpu": amount}}}]}));
    for amount in [json!("-1"), json!("lots"), json!([]), json!("1e999")] {
        let fault = "spec.containers[1].resources.limits[cpu] must be a quantity of at least 0";
        assert_eq!(odd(amount.clone()).unwrap_err(), fault, "{amount}");
    }
    let huge = json!({"containers": [container(json!({"memory": "8Ei"})), container(json!({"memory": "8Ei"}))]});
    assert_eq!(requests(&huge).unwrap(), "memory=16Ei");
}

#[test]
fn namespace_and_priority_class_are_written_for_quotas_only() {
    let mut pod = of("v1", "Pod");
    pod["spec"] = json!({"priorityClassName": "high", "nodeSelector": {"disk": "ssd"}});
    let requirements = Native.replicas(&pod).unwrap().requirements;
    assert_eq!(requirements.to_value(false), json!({"nodeClaim": {"nodeSelector": {"disk": "ssd"}}}));
    let with_quota =
        json!({"nodeClaim": {"nodeSelector": {"disk": "ssd"}}, "namespace": "shop", "priorityClassName": "high"});
    assert_eq!(requirements.to_value(true), with_quota);
}

#[test]
fn a_template_that_says_no_number_keeps_none() {
    let mut deployment = of("apps/v1", "Deployment");
    let before = deployment.clone();
    Native.revise(&mut deployment, 3).unwrap();
    assert_eq!(deployment, before);
    for number in [-1, i64::from(i32::MAX) + 1] {
        assert!(Native.revise(&mut deployment, number).is_err());
    }
    deployment["spec"]["replicas"] = json!(-4);
    let fault = Native.replicas(&deployment).unwrap_err().to_string();
    assert_eq!(fault, "spec.replicas must be a whole number from 0 to 2147483647");
}

#[test]
fn a_certificate_of_the_controller_needs_no_secret() {
    let mut ingress = of("networking.k8s.io/v1", "Ingress");
    ingress["spec"] = json!({"tls": [{"hosts": ["a.example"]}, {"secretName": "own"}, {"secretName": "own"}]});
    let found: Vec<Value> = Native.dependencies(&ingress).unwrap().iter().map(Dependency::to_value).collect();
    assert_eq!(found, [json!({"apiVersion": "v1", "kind": "Secret", "namespace": "shop", "name": "own"})]);
}

/// Divides as Karmada does when the template has no UID: seat by seat, each to the member with the most votes for its
/// next seat, by fewer seats, by name.
fn divide(seats: i64, members: &[(&str, i64)]) -> Vec<(String, i64)> {
    if members.iter().all(|(_, votes)| *votes == 0) {
        return Vec::new();
    }
    let mut given: Vec<(&str, i64, i64)> = members.iter().map(|(name, votes)| (*name, *votes, 0)).collect();
    for _ in 0..seats {
        let next = given.iter_mut().min_by(|one, other| {
            let (of_one, of_other) = (one.1 * (2 * other.2 + 1), other.1 * (2 * one.2 + 1));
            of_other.cmp(&of_one).then(one.2.cmp(&other.2)).then(one.0.cmp(other.0))
        });
        next.unwrap().2 += 1;
    }
    given.into_iter().map(|(name, _, seats)| (name.to_owned(), seats)).collect()
}

#[test]
fn completions_are_split_where_replicas_are_divided() {
    for (replicas, is_divided, expected) in [(0, true, false), (1, false, false), (1, true, true)] {
        assert_eq!(Completions::are_split(replicas, is_divided), expected);
    }
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"completions": 10}});
    for parts in [vec![("a", 6), ("b", 4)], vec![], vec![("a", 10)]] {
        let parts: Vec<(String, i64)> = parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect();
        let split = Completions::split(&job, &[], |_, _| parts.clone()).unwrap().unwrap();
        assert!(parts.iter().all(|(name, part)| split.of(name) == Some(*part)));
    }
}

#[test]
fn the_status_of_a_job_that_has_ended_stays() {
    for (kind, status, has_ended) in [
        ("Complete", "True", true),
        ("Failed", "True", true),
        ("Suspended", "True", false),
        ("Failed", "Unknown", false),
    ] {
        let mut job = of("batch/v1", "Job");
        job["status"] = json!({"conditions": [{"type": kind, "status": status}]});
        let mut fold = Native.aggregate(&job).unwrap();
        fold.add("m", Reported::Status(&json!({"succeeded": 1})));
        assert_eq!(fold.finish().status.is_none(), has_ended, "{kind} {status}");
    }
}

/// What is left of the fields of an object, apart from `apiVersion`, `kind` and `metadata`.
fn pruned(version: &str, kind: &str, fields: &Value) -> Value {
    let mut object = of(version, kind);
    object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    crate::prune(&mut object);
    let fields = object.as_object_mut().unwrap();
    fields.retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
    object
}

#[test]
fn a_member_does_not_get_what_the_hub_made() {
    let secrets = json!({"secrets": [{"name": "web-token-a"}, {"name": "web-token-b"}, {"name": "own"}]});
    assert_eq!(pruned("v1", "ServiceAccount", &secrets), json!({"secrets": [{"name": "own"}]}));
    for (address, is_kept) in [(json!("10.0.0.1"), false), (json!(""), false), (json!("None"), true)] {
        let spec = json!({"clusterIP": address, "clusterIPs": [address]});
        let kept = if is_kept { spec.clone() } else { json!({}) };
        assert_eq!(pruned("v1", "Service", &json!({ "spec": spec })), json!({ "spec": kept }));
    }
    // Kinds of others that are called like ours keep what they have.
    let job = json!({"spec": {"ttlSecondsAfterFinished": 5, "manualSelector": "odd"}});
    assert_eq!(pruned("batch.volcano.sh/v1alpha1", "Job", &job), job);
    assert_eq!(
        pruned("serving.example/v1", "Service", &json!({"spec": {"clusterIP": "x"}})),
        json!({"spec": {"clusterIP": "x"}})
    );
    let labels = json!({"controller-uid": "1", "job-name": "web", "app": "web"});
    let with = |manual: bool, selector: &Value, template: &Value| json!({"spec": {"manualSelector": manual, "selector": {"matchLabels": selector}, "template": {"metadata": {"labels": template}}}});
    assert_eq!(pruned("batch/v1", "Job", &with(true, &labels, &labels)), with(true, &labels, &labels));
    let (selector, template) = (json!({"job-name": "web", "app": "web"}), json!({"app": "web"}));
    assert_eq!(pruned("batch/v1", "Job", &with(false, &labels, &labels)), with(false, &selector, &template));
}

/// The table of `docs/interpretation.md`, as the table of kinds says it.
#[test]
fn the_document_has_the_table() {
    let mark = |has: bool| if has { "yes" } else { "" };
    let mut table = String::new();
    for row in NATIVE {
        let group = if row.group.is_empty() { String::new() } else { format!("{}/", row.group) };
        table.push_str(&format!("| {} | {group}{} |", row.kind, row.version));
        for operation in Operation::ALL {
            table.push_str(&format!(" {} |", mark(row.operations.has(operation))).replace("  ", " "));
        }
        table.push('\n');
    }
    let document = include_str!("../../../../../docs/interpretation.md");
    assert!(document.contains(&table), "the table should be:\n{table}");
}

#[test]
fn completions_are_split_by_the_pods_of_each_member() {
    let mut job = of("batch/v1", "Job");
    let members = [("a", 5), ("b", 5), ("c", 1)];
    assert_eq!(Completions::split(&job, &members, divide), Ok(None));
    job["spec"] = json!({"completions": 10, "parallelism": 2});
    let two = Completions::split(&job, &members[..2], divide).unwrap().unwrap();
    assert_eq!((two.of("a"), two.of("b"), two.of("c")), (Some(5), Some(5), None));
    let three = Completions::split(&job, &members, divide).unwrap().unwrap();
    assert_eq!((three.of("a"), three.of("b"), three.of("c")), (Some(5), Some(4), Some(1)));
    two.set(&mut job, "a").unwrap();
    assert_eq!(job["spec"]["completions"], 5);
    assert_eq!(two.set(&mut job, "c").unwrap_err().to_string(), "nothing was split to member c");
    let of_nobody = Completions::split(&job, &[("a", 0)], divide).unwrap().unwrap();
    assert_eq!(of_nobody.of("a"), None);
    job["spec"] = json!("invalid");
    assert!(Completions::split(&job, &members, divide).is_err());
    assert!(two.set(&mut job, "a").is_err());
    // Who says no number keeps none.
    job["spec"] = json!({});
    two.set(&mut job, "a").unwrap();
    assert_eq!(job["spec"], json!({}));
}

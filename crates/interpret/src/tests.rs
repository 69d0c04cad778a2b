use serde_json::{Value, json};

use crate::{Replicas, State, health, replicas};

fn object(kind: &str, body: &str) -> Value {
    let mut object = model::yaml::parse(body).unwrap();
    let (api_version, kind) = kind.rsplit_once('/').unwrap();
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    object
}

/// The state and the reason of an object.
fn check(kind: &str, body: &str, state: State, reason: &str) {
    let health = health(&object(kind, body));
    assert_eq!((health.state, health.reason.as_str()), (state, reason), "{kind} {body}: {}", health.message);
}

const DEPLOYMENT: &str = "apps/v1/Deployment";
const POD: &str = "v1/Pod";

#[test]
fn deployments() {
    let done = "observedGeneration: 2, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3";
    let with = |spec: &str, status: &str| {
        format!("{{metadata: {{generation: 2}}, spec: {{replicas: 3{spec}}}, status: {{{status}}}}}")
    };
    check(DEPLOYMENT, &with("", done), State::Healthy, "");
    check(DEPLOYMENT, &with("", ""), State::Progressing, "GenerationNotObserved");
    check(DEPLOYMENT, &with("", &done.replace(": 2,", ": 1,")), State::Progressing, "GenerationNotObserved");
    check(
        DEPLOYMENT,
        &with("", &done.replace("updatedReplicas: 3", "updatedReplicas: 1")),
        State::Progressing,
        "UpdatedShort",
    );
    check(DEPLOYMENT, &with("", &done.replace(" replicas: 3", " replicas: 4")), State::Progressing, "OldReplicas");
    check(DEPLOYMENT, &with("", &done.replace("availableReplicas: 3", "")), State::Progressing, "AvailableShort");
    check(DEPLOYMENT, &with(", paused: true", done), State::Suspended, "Suspended");
    let failed = "conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: late}]";
    check(DEPLOYMENT, &with("", &format!("{done}, {failed}")), State::Degraded, "ProgressDeadlineExceeded");
    let failed = "conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate}]";
    check(DEPLOYMENT, &with("", &format!("{done}, {failed}")), State::Degraded, "FailedCreate");
    check(DEPLOYMENT, "{spec: {replicas: 0}, status: {}}", State::Healthy, "");
}

#[test]
fn behind_a_pause_a_deployment_is_what_its_pods_are() {
    let check = |status: &str, state: State, reason: &str, message: &str| {
        let body =
            format!("{{metadata: {{generation: 2}}, spec: {{replicas: 2, paused: true}}, status: {{{status}}}}}");
        check(DEPLOYMENT, &body, state, reason);
        assert_eq!(health(&object(DEPLOYMENT, &body)).message, message, "{status}");
    };
    let done = "observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2";
    let paused = "the rollout is paused";
    check(done, State::Suspended, "Suspended", paused);
    let no_pods = "the rollout is paused; 0 of 2 created";
    check("observedGeneration: 2", State::Progressing, "CreatedShort", no_pods);
    // A template that was changed since.
    let old = done.replace("updatedReplicas: 2, ", "");
    check(&old, State::Progressing, "UpdatedShort", "the rollout is paused; 0 of 2 updated");
    let gone = done.replace("availableReplicas: 2", "availableReplicas: 0");
    check(&gone, State::Progressing, "AvailableShort", "the rollout is paused; 0 of 2 available");
    let failed = |ty: &str, status: &str, reason: &str| {
        format!("{done}, conditions: [{{type: {ty}, status: '{status}', reason: {reason}, message: no quota}}]")
    };
    let quota = "the rollout is paused; no quota";
    check(&failed("ReplicaFailure", "True", "FailedCreate"), State::Degraded, "FailedCreate", quota);
    check(&failed("Available", "False", "MinimumReplicas"), State::Progressing, "MinimumReplicas", quota);
    // What the controller says of the pause itself.
    check(&failed("Progressing", "Unknown", "DeploymentPaused"), State::Suspended, "Suspended", paused);
}

#[test]
fn what_its_own_spec_stops_is_judged_first_in_all_kinds() {
    let of = |conditions: &str| format!("{{spec: {{suspend: true}}, status: {{conditions: [{conditions}]}}}}");
    let kind = "example.com/v1/Thing";
    check(kind, &of("{type: Ready, status: 'True'}"), State::Suspended, "Suspended");
    check(kind, &of("{type: Ready, status: 'False', reason: Waiting}"), State::Progressing, "Waiting");
    check(kind, &of("{type: Stalled, status: 'True', reason: BadSpec}"), State::Degraded, "BadSpec");
    assert_eq!(
        health(&object(kind, &of("{type: Ready, status: 'False'}"))).message,
        "suspended by its own spec",
        "a condition without words"
    );
    check("batch/v1/Job", &of("{type: Failed, status: 'True', reason: Late}"), State::Degraded, "Late");
    check("batch/v1/Job", &of("{type: Complete, status: 'True'}"), State::Healthy, "");
    // Words of the kind itself: a job that is stopped has no pods, and a schedule makes none.
    check("batch/v1/Job", &of("{type: Suspended, status: 'True'}"), State::Suspended, "Suspended");
    check("batch/v1/CronJob", &of(""), State::Suspended, "Suspended");
    let scaler = |able: &str| {
        format!(
            "{{status: {{conditions: [{{type: AbleToScale, status: '{able}', reason: Able}}, {{type: ScalingActive, status: 'False', \
             reason: ScalingDisabled}}]}}}}"
        )
    };
    check("autoscaling/v2/HorizontalPodAutoscaler", &scaler("True"), State::Suspended, "Suspended");
    check("autoscaling/v2/HorizontalPodAutoscaler", &scaler("False"), State::Degraded, "Able");
}

#[test]
fn other_workloads() {
    let set = "spec: {replicas: 2}, metadata: {generation: 1}";
    check(
        "apps/v1/ReplicaSet",
        &format!("{{{set}, status: {{observedGeneration: 1, replicas: 2, readyReplicas: 2, availableReplicas: 2}}}}"),
        State::Healthy,
        "",
    );
    check(
        "apps/v1/ReplicaSet",
        &format!("{{{set}, status: {{observedGeneration: 1, replicas: 3, readyReplicas: 3, availableReplicas: 3}}}}"),
        State::Progressing,
        "ExtraReplicas",
    );
    let ready = "observedGeneration: 1, replicas: 2, readyReplicas: 2, currentRevision: a, updateRevision: b";
    check(
        "apps/v1/StatefulSet",
        &format!("{{{set}, status: {{{ready}, updatedReplicas: 1}}}}"),
        State::Progressing,
        "UpdatedShort",
    );
    check("apps/v1/StatefulSet", &format!("{{{set}, status: {{{ready}, updatedReplicas: 2}}}}"), State::Healthy, "");
    let partition = "metadata: {generation: 1}, spec: {replicas: 2, updateStrategy: {rollingUpdate: {partition: 1}}}";
    check(
        "apps/v1/StatefulSet",
        &format!("{{{partition}, status: {{{ready}, updatedReplicas: 1}}}}"),
        State::Healthy,
        "",
    );
    let daemons = "observedGeneration: 1, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2";
    check(
        "apps/v1/DaemonSet",
        &format!("{{metadata: {{generation: 1}}, status: {{{daemons}, numberReady: 1}}}}"),
        State::Progressing,
        "ReadyShort",
    );
    check(
        "apps/v1/DaemonSet",
        &format!("{{metadata: {{generation: 1}}, status: {{{daemons}, numberReady: 2}}}}"),
        State::Healthy,
        "",
    );
    check("apps/v1/DaemonSet", "{}", State::Progressing, "NoStatus");
}

#[test]
fn jobs_and_steering() {
    check("batch/v1/Job", "{}", State::Progressing, "NotStarted");
    check("batch/v1/Job", "{status: {startTime: x, active: 1}}", State::Progressing, "Running");
    check("batch/v1/Job", "{status: {conditions: [{type: Complete, status: 'True'}]}}", State::Healthy, "");
    check(
        "batch/v1/Job",
        "{status: {conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded}]}}",
        State::Degraded,
        "BackoffLimitExceeded",
    );
    check("batch/v1/Job", "{spec: {suspend: true}}", State::Suspended, "Suspended");
    check("batch/v1/CronJob", "{}", State::Healthy, "");
    check(
        "policy/v1/PodDisruptionBudget",
        "{status: {currentHealthy: 1, desiredHealthy: 2}}",
        State::Progressing,
        "BudgetNotMet",
    );
    check("autoscaling/v2/HorizontalPodAutoscaler", "{}", State::Progressing, "NoStatus");
    check(
        "autoscaling/v2/HorizontalPodAutoscaler",
        "{status: {conditions: [{type: AbleToScale, status: 'True'}, {type: ScalingActive, status: 'False', reason: FailedGetResourceMetric}]}}",
        State::Degraded,
        "FailedGetResourceMetric",
    );
}

#[test]
fn pods() {
    check(POD, "{status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}}", State::Healthy, "");
    check(POD, "{status: {phase: Running, containerStatuses: [{ready: false}]}}", State::Progressing, "NotReady");
    check(
        POD,
        "{status: {phase: Running, containerStatuses: [{name: a, restartCount: 4, state: {waiting: {reason: CrashLoopBackOff}}}]}}",
        State::Degraded,
        "CrashLoopBackOff",
    );
    check(
        POD,
        "{status: {phase: Pending, initContainerStatuses: [{name: a, state: {waiting: {reason: ImagePullBackOff}}}]}}",
        State::Degraded,
        "ImagePullBackOff",
    );
    check(
        POD,
        "{status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable}]}}",
        State::Progressing,
        "Unschedulable",
    );
    check(POD, "{status: {phase: Pending}}", State::Progressing, "Pending");
    check(POD, "{}", State::Progressing, "Pending");
    check(POD, "{status: {phase: Succeeded}}", State::Healthy, "");
    check(POD, "{status: {phase: Failed, reason: Evicted}}", State::Degraded, "Evicted");
    check(POD, "{metadata: {deletionTimestamp: x}, status: {phase: Running}}", State::Progressing, "Terminating");
}

#[test]
fn traffic_and_storage() {
    check("v1/Service", "{spec: {type: ClusterIP}}", State::Healthy, "");
    check("v1/Service", "{spec: {type: LoadBalancer}}", State::Progressing, "LoadBalancerPending");
    check(
        "v1/Service",
        "{spec: {type: LoadBalancer}, status: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}}",
        State::Healthy,
        "",
    );
    check("networking.k8s.io/v1/Ingress", "{}", State::Healthy, "");
    check("v1/PersistentVolumeClaim", "{status: {phase: Pending}}", State::Progressing, "Pending");
    check("v1/PersistentVolumeClaim", "{status: {phase: Bound}}", State::Healthy, "");
    check("v1/PersistentVolumeClaim", "{status: {phase: Lost}}", State::Degraded, "Lost");
    check("v1/PersistentVolume", "{status: {phase: Failed}}", State::Degraded, "Failed");
}

#[test]
fn clusters() {
    check("v1/Namespace", "{}", State::Healthy, "");
    check("v1/Namespace", "{status: {phase: Terminating}}", State::Progressing, "Terminating");
    check("v1/Node", "{status: {conditions: [{type: Ready, status: 'True'}]}}", State::Healthy, "");
    check(
        "v1/Node",
        "{spec: {unschedulable: true}, status: {conditions: [{type: Ready, status: 'True'}]}}",
        State::Suspended,
        "Unschedulable",
    );
    check(
        "v1/Node",
        "{status: {conditions: [{type: Ready, status: 'False', reason: KubeletNotReady}]}}",
        State::Degraded,
        "KubeletNotReady",
    );
    check("v1/Node", "{status: {conditions: [{type: Ready, status: Unknown}]}}", State::Unknown, "NodeStatusUnknown");
    let crd = "apiextensions.k8s.io/v1/CustomResourceDefinition";
    check(crd, "{}", State::Progressing, "NotEstablished");
    check(crd, "{status: {conditions: [{type: Established, status: 'True'}]}}", State::Healthy, "");
    check(
        crd,
        "{status: {conditions: [{type: NamesAccepted, status: 'False', reason: KindConflict}]}}",
        State::Degraded,
        "KindConflict",
    );
    check("v1/ConfigMap", "{}", State::Healthy, "");
    check("rbac.authorization.k8s.io/v1/Role", "{}", State::Healthy, "");
}

#[test]
fn other_kinds_by_convention() {
    let kind = "example.com/v1/Thing";
    let with = |conditions: &str| format!("{{status: {{conditions: [{conditions}]}}}}");
    check(kind, "{}", State::Healthy, "");
    check(kind, &with("{type: Ready, status: 'True'}"), State::Healthy, "");
    check(kind, &with("{type: Ready, status: 'False', reason: Waiting}"), State::Progressing, "Waiting");
    check(kind, &with("{type: Ready, status: Unknown}"), State::Progressing, "NotReady");
    check(
        kind,
        &with("{type: Ready, status: 'False'}, {type: Stalled, status: 'True', reason: BadSpec}"),
        State::Degraded,
        "BadSpec",
    );
    check(
        kind,
        &with("{type: Ready, status: 'True'}, {type: Reconciling, status: 'True'}"),
        State::Progressing,
        "Reconciling",
    );
    check(kind, &with("{type: Available, status: 'False'}"), State::Progressing, "NotAvailable");
    check(
        kind,
        "{metadata: {generation: 3}, status: {observedGeneration: 2, conditions: [{type: Ready, status: 'True'}]}}",
        State::Progressing,
        "GenerationNotObserved",
    );
    check(kind, "{spec: {suspend: true}}", State::Suspended, "Suspended");
}

#[test]
fn anything_is_taken() {
    for value in [json!(null), json!([]), json!({"apiVersion": 1}), json!("x")] {
        assert_eq!(health(&value).state, State::Unknown);
        assert_eq!(replicas(&value), None);
    }
    for kind in [DEPLOYMENT, POD, "v1/Service", "batch/v1/Job", "v1/Node", "apps/v1/StatefulSet", "a.b/v1/C"] {
        health(&object(kind, "{metadata: [], spec: 3, status: [x]}"));
        replicas(&object(kind, "{metadata: [], spec: 3, status: [x]}"));
    }
}

#[test]
fn replica_counts() {
    let check = |kind: &str, body: &str, expect: Option<[i64; 5]>| {
        let expect = expect.map(|[desired, current, updated, ready, available]| Replicas {
            desired,
            current,
            updated,
            ready,
            available,
        });
        assert_eq!(replicas(&object(kind, body)), expect, "{kind} {body}");
    };
    let status = "status: {replicas: 4, updatedReplicas: 3, readyReplicas: 2, availableReplicas: 1}";
    check(DEPLOYMENT, &format!("{{spec: {{replicas: 5}}, {status}}}"), Some([5, 4, 3, 2, 1]));
    check(DEPLOYMENT, "{}", Some([1, 0, 0, 0, 0]));
    check("apps/v1/ReplicaSet", &format!("{{spec: {{replicas: 5}}, {status}}}"), Some([5, 4, 4, 2, 1]));
    check("apps/v1/DaemonSet", "{status: {desiredNumberScheduled: 2, numberReady: 1}}", Some([2, 0, 0, 1, 0]));
    check("batch/v1/Job", "{spec: {parallelism: 2}, status: {active: 2, ready: 1}}", Some([2, 2, 2, 1, 1]));
    // What has completed, or waits to be resumed, asks for no pods; what runs asks for no more than are left to do.
    let job = "batch/v1/Job";
    let done = "succeeded: 1, conditions: [{type: Complete, status: 'True'}]";
    check(job, &format!("{{spec: {{completions: 1}}, status: {{{done}}}}}"), Some([0, 0, 0, 0, 0]));
    check(job, "{spec: {suspend: true}}", Some([0, 0, 0, 0, 0]));
    let left = "{spec: {parallelism: 3, completions: 5}, status: {succeeded: 4, active: 1, ready: 1}}";
    check(job, left, Some([1, 1, 1, 1, 1]));
    check(job, "{status: {failed: 1, conditions: [{type: Failed, status: 'True'}]}}", Some([1, 0, 0, 0, 0]));
    check(POD, "{status: {phase: Succeeded}}", Some([0, 0, 0, 0, 0]));
    check(POD, "{status: {phase: Failed}}", Some([1, 1, 1, 0, 0]));
    check(POD, "{status: {conditions: [{type: Ready, status: 'True'}]}}", Some([1, 1, 1, 1, 1]));
    check("example.com/v1/Rollout", &format!("{{spec: {{replicas: 5}}, {status}}}"), Some([5, 4, 3, 2, 1]));
    check("v1/ConfigMap", "{}", None);
}

#[test]
fn what_an_object_says_of_itself_is_cut() {
    let long = "m".repeat(2_000_000);
    for (kind, status) in [
        (
            "example.com/v1/Widget",
            json!({"conditions": [{"type": "Stalled", "status": "True", "reason": long, "message": long}]}),
        ),
        (POD, json!({"phase": "Failed", "reason": long, "message": long})),
        (
            POD,
            json!({"phase": "Pending", "containerStatuses": [{"name": long, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}),
        ),
    ] {
        let mut object = object(kind, "{}");
        object["status"] = status;
        let said = health(&object);
        assert_eq!(said.state, State::Degraded, "{kind}");
        assert!(said.reason.chars().count() <= crate::REASON_MAX && said.message.chars().count() <= crate::MESSAGE_MAX);
    }
    let condition =
        json!({"conditions": [{"type": "Stalled", "status": "True", "reason": "R", "message": "\u{1b}[2Jfine"}]});
    let mut widget = object("example.com/v1/Widget", "{}");
    widget["status"] = condition;
    assert_eq!(health(&widget).message, "\u{fffd}[2Jfine");
}

#[test]
fn what_runs_to_an_end_says_so() {
    let with = |api_version: &str, kind: &str, status: serde_json::Value| {
        crate::ended(&serde_json::json!({"apiVersion": api_version, "kind": kind, "status": status}))
    };
    let condition = |ty: &str, status: &str| serde_json::json!({"conditions": [{"type": ty, "status": status}]});
    for (ty, status, expect) in [
        ("Complete", "True", Some(false)),
        ("Failed", "True", Some(true)),
        ("Complete", "False", None),
        ("SuccessCriteriaMet", "True", None),
        ("FailureTarget", "True", None),
    ] {
        assert_eq!(with("batch/v1", "Job", condition(ty, status)), expect, "{ty} {status}");
        assert_eq!(with("example.com/v1", "Job", condition(ty, status)), None);
    }
    for (phase, expect) in [("Succeeded", Some(false)), ("Failed", None), ("Running", None)] {
        assert_eq!(with("v1", "Pod", serde_json::json!({"phase": phase})), expect, "{phase}");
    }
}

#[test]
fn what_the_end_of_an_object_waits_for_is_named() {
    let said = |metadata: Value, conditions: Value| {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata, "status": {"conditions": conditions}});
        health(&object).message
    };
    let deleted = |finalizers: Value| json!({"deletionTimestamp": "x", "finalizers": finalizers});
    assert_eq!(said(deleted(Value::Null), json!([])), "being deleted");
    assert_eq!(said(deleted(json!(["a/b"])), json!([])), "being deleted, and waits for finalizer a/b");
    assert_eq!(
        said(deleted(json!(["a", "b", "c", "d", "e"])), json!([])),
        "being deleted, and waits for finalizers a, b, c, 2 more"
    );
    let long = "x".repeat(2_000_000);
    assert!(said(deleted(json!([long])), json!([])).len() < 200);
    let left = json!([
        {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "all is well"},
        {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "a/b in 1 resource instances"},
    ]);
    assert_eq!(said(deleted(Value::Null), left), "being deleted: a/b in 1 resource instances");
}

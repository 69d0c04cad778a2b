//! Deployments and their kin, jobs, autoscalers (`pkg/apis/{apps,batch,autoscaling}/*/defaults.go`).

use serde_json::{Value, json};

use super::field::{Fields, filled, inside, items, set, text};

/// Average CPU that an autoscaler without metrics aims at, in percent of the request.
const CPU_PERCENT: i32 = 80;

pub(super) fn rule(package: &str, name: &str, map: &mut Fields) {
    match (package, name) {
        (_, "DeploymentSpec") => deployment(map),
        (_, "DaemonSetSpec") => daemon_set(map),
        (_, "StatefulSetSpec") => stateful_set(map),
        (_, "ReplicaSetSpec") => set(map, "replicas", 1),
        (_, "Job") => job(map),
        (_, "CronJobSpec") => {
            set(map, "concurrencyPolicy", "Allow");
            set(map, "suspend", false);
            set(map, "successfulJobsHistoryLimit", 3);
            set(map, "failedJobsHistoryLimit", 1);
        }
        (_, "PodFailurePolicyOnPodConditionsPattern") => set(map, "status", "True"),
        ("autoscaling.v1", "HorizontalPodAutoscalerSpec") => {
            set(map, "minReplicas", 1);
            set(map, "targetCPUUtilizationPercentage", CPU_PERCENT);
        }
        (_, "HorizontalPodAutoscalerSpec") => autoscaler(map),
        _ => {}
    }
}

/// Rules of `core/v1`: a controller without selector or labels takes its template's labels.
pub(super) fn core_rule(name: &str, map: &mut Fields) {
    if name != "ReplicationController" {
        return;
    }
    let Some(labels) = map.get("spec").and_then(|s| s.pointer("/template/metadata/labels")).cloned() else { return };
    for (parent, child) in [("spec", "selector"), ("metadata", "labels")] {
        if let Some(parent) = inside(map, parent)
            && !filled(parent, child)
        {
            parent.insert(child.to_owned(), labels.clone());
        }
    }
}

fn deployment(spec: &mut Fields) {
    set(spec, "replicas", 1);
    if let Some(strategy) = inside(spec, "strategy") {
        set(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = inside(strategy, "rollingUpdate")
        {
            set(rolling, "maxUnavailable", "25%");
            set(rolling, "maxSurge", "25%");
        }
    }
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "progressDeadlineSeconds", 600);
}

fn daemon_set(spec: &mut Fields) {
    if let Some(strategy) = inside(spec, "updateStrategy") {
        set(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = inside(strategy, "rollingUpdate")
        {
            set(rolling, "maxUnavailable", 1);
            set(rolling, "maxSurge", 0);
        }
    }
    set(spec, "revisionHistoryLimit", 10);
}

fn stateful_set(spec: &mut Fields) {
    for claim in items(spec, "volumeClaimTemplates") {
        set(claim, "apiVersion", "v1");
        set(claim, "kind", "PersistentVolumeClaim");
    }
    set(spec, "podManagementPolicy", "OrderedReady");
    if let Some(strategy) = inside(spec, "updateStrategy") {
        if !filled(strategy, "type") {
            set(strategy, "type", "RollingUpdate");
            set(strategy, "rollingUpdate", json!({}));
        }
        // A strategy that was named without its details stays without them.
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = strategy.get_mut("rollingUpdate").and_then(Value::as_object_mut)
        {
            set(rolling, "partition", 0);
            set(rolling, "maxUnavailable", 1);
        }
    }
    if let Some(retention) = inside(spec, "persistentVolumeClaimRetentionPolicy") {
        set(retention, "whenDeleted", "Retain");
        set(retention, "whenScaled", "Retain");
    }
    set(spec, "replicas", 1);
    set(spec, "revisionHistoryLimit", 10);
}

fn job(map: &mut Fields) {
    let template_labels = map.get("spec").and_then(|s| s.pointer("/template/metadata/labels")).cloned();
    if let (Some(labels), Some(metadata)) = (template_labels, inside(map, "metadata"))
        && !filled(metadata, "labels")
    {
        metadata.insert("labels".to_owned(), labels);
    }
    let Some(spec) = inside(map, "spec") else { return };
    if !filled(spec, "parallelism") {
        // A job that leaves both open runs one pod to its end.
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    let per_index = filled(spec, "backoffLimitPerIndex");
    set(spec, "backoffLimit", if per_index { i32::MAX } else { 6 });
    set(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    let policy = if filled(spec, "podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    set(spec, "podReplacementPolicy", policy);
    set(spec, "manualSelector", false);
}

fn autoscaler(spec: &mut Fields) {
    set(spec, "minReplicas", 1);
    if !filled(spec, "metrics") {
        let target = json!({"type": "Utilization", "averageUtilization": CPU_PERCENT});
        let metrics = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
        spec.insert("metrics".to_owned(), metrics);
    }
    if let Some(behavior) = spec.get_mut("behavior").and_then(Value::as_object_mut) {
        let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
        if let Some(up) = inside(behavior, "scaleUp") {
            set(up, "stabilizationWindowSeconds", 0);
            set(up, "selectPolicy", "Max");
            set(up, "policies", json!([{"type": "Pods", "value": 4, "periodSeconds": 15}, percent]));
        }
        if let Some(down) = inside(behavior, "scaleDown") {
            set(down, "selectPolicy", "Max");
            set(down, "policies", json!([percent]));
        }
    }
}

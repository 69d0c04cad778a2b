//! Units and objects that tests deliver.

use api::delivery::{UnitId, WaitingCause};
use api::feed::UnitReport;
use serde_json::{Value, json};

pub(crate) fn unit(name: &str) -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", "default", name, Some("base"))
}

pub(crate) fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"a": value}})
}

pub(crate) fn config_maps(count: usize) -> Vec<Value> {
    (0..count).map(|i| config_map(&format!("c{i:03}"), "1")).collect()
}

pub(crate) fn config_map_path(name: &str) -> String {
    format!("/api/v1/namespaces/shop/configmaps/{name}")
}

pub(crate) fn deployment(name: &str, replicas: i64, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [
            {"name": "web", "image": image, "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "500m"}}}]}}}})
}

pub(crate) fn deployment_path(name: &str) -> String {
    format!("/apis/apps/v1/namespaces/shop/deployments/{name}")
}

/// Why objects of a unit are not as wanted: cause, how many, the first of them, detail.
pub(crate) fn waiting(report: &UnitReport) -> Vec<(WaitingCause, u32, &str, &str)> {
    report.waiting.iter().map(|w| (w.cause, w.count, w.first.as_str(), w.detail.as_str())).collect()
}

//! Units and objects that tests deliver.

use std::io::Write as _;

use api::delivery::{UnitId, WaitingCause};
use api::feed::{ObjectReport, UnitReport};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use plan::authenticator::HubKey;
use serde_json::{Value, json};

pub(crate) fn hub_key() -> HubKey {
    HubKey::from_random([9; 32])
}

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

/// A shard as a Secret holds it.
pub(crate) fn pack(json: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

pub(crate) fn detail<'a>(report: &'a UnitReport, name: &str) -> &'a ObjectReport {
    report.details.iter().find(|d| d.key.name == name).unwrap_or_else(|| panic!("no {name} in {report:#?}"))
}

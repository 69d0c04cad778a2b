//! What a server-side apply of a Deployment costs: `cargo run --release -p kurator-apimachinery --example apply_cost`.

#![allow(clippy::disallowed_methods, reason = "measures time, and decides nothing by it")]

use std::error::Error;
use std::time::Instant;

use apimachinery::patch::{Change, apply, keep_times, reset_fields, update};
use apimachinery::{defaults, normal};
use model::{GroupVersionKind, Timestamp};
use serde_json::{Value, json};

const BATCHES: u32 = 50;
const BATCH: u32 = 100;

fn deployment(image: &str) -> Value {
    let container = |name: &str| {
        json!({
            "name": name, "image": image, "args": ["--config", "/etc/app/config.yaml", "--v=2"],
            "env": (0..6).map(|i| json!({"name": format!("SETTING_{i}"), "value": format!("value-{i}")})).collect::<Vec<_>>(),
            "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}, {"name": "tmp", "mountPath": "/tmp"}],
        })
    };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web", "tier": "front"}, "annotations": {"team": "a"}},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web", "tier": "front"}},
                "spec": {
                    "serviceAccountName": "web", "containers": [container("web"), container("sidecar")],
                    "volumes": [{"name": "config", "configMap": {"name": "web"}}, {"name": "tmp", "emptyDir": {}}],
                },
            },
        },
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let kind = kinds::find(&GroupVersionKind::new("apps", "v1", "Deployment")).ok_or("no Deployment")?;
    let reset = reset_fields("", true);
    let now: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let change = |live| Change {
        live,
        schema: kind.schema(),
        manager: "kurator",
        api_version: "apps/v1",
        subresource: "",
        reset: Some(&reset),
        now,
    };
    let serve = |mut object: Value| {
        // The caller's steps, so that what is stored is what a server stores.
        normal::normalize(kind, &mut object).map_err(|errors| format!("{errors:?}"))?;
        defaults::builtin(kind, &mut object);
        Ok::<Value, String>(object)
    };
    let one = deployment("registry.example/web:1");
    let other = deployment("registry.example/web:2");
    let mut live = serve(apply(change(None), &one, false)?)?;
    live["status"] = json!({"replicas": 3, "readyReplicas": 3, "observedGeneration": 1});
    println!("applied {} bytes, stored {} bytes", one.to_string().len(), live.to_string().len());

    let time = |name: &str, run: &dyn Fn() -> Value| {
        let batch = || {
            let start = Instant::now();
            let fields: usize = (0..BATCH).map(|_| run().as_object().map_or(0, serde_json::Map::len)).sum();
            (start.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH), fields)
        };
        // The best batch: others share the machine.
        let best = (0..BATCHES).map(|_| batch().0).fold(f64::INFINITY, f64::min);
        println!("{name:32} {best:8.1} µs");
    };
    let must =
        |result: Result<Value, _>| result.unwrap_or_else(|e: apimachinery::patch::ApplyError| json!(e.to_string()));
    time("first apply", &|| must(apply(change(None), &one, false)));
    time("apply, nothing changes", &|| must(apply(change(Some(&live)), &one, false)));
    time("apply, images change", &|| must(apply(change(Some(&live)), &other, false)));
    time("apply, a container goes", &|| {
        let mut less = one.clone();
        less.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut).and_then(Vec::pop);
        must(apply(change(Some(&live)), &less, false))
    });
    time("update, nothing changes", &|| update(change(Some(&live)), live.clone()));
    time("update, replicas change", &|| {
        let mut new = live.clone();
        new["spec"]["replicas"] = json!(5);
        update(change(Some(&live)), new)
    });
    time("  of which: a clone", &|| live.clone());
    time("normalize, default, keep times", &|| {
        let mut object = serve(live.clone()).unwrap_or_default();
        keep_times(&live, &mut object);
        object
    });
    Ok(())
}

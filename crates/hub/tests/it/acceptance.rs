//! Manifests as Kurator publishes them, for the kinds in scope: applied unchanged, or refused with the field path.

use std::path::Path;

use serde_json::{Value, json};

use crate::stage::{Stage, apply, until};

/// All documents of a file, or of the files below a folder, in order.
fn documents(path: &Path) -> Vec<Value> {
    if path.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        return entries.iter().flat_map(|p| documents(p)).collect();
    }
    model::yaml::manifests(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn in_scope(object: &Value) -> bool {
    matches!(object["kind"].as_str(), Some("Application" | "Fleet" | "AttachedCluster"))
}

async fn namespace(stage: &Stage, object: &Value) {
    let name = model::object::namespace(object).unwrap_or("default");
    stage.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await.unwrap();
}

/// Waits until an object's `Ready` says something.
async fn ready_of(stage: &Stage, object: &Value) -> (String, String, String) {
    until(&format!("what {} {} says of itself", object["kind"], object["metadata"]["name"]), async || {
        let read = apply(&stage.client(), object.clone()).await.unwrap();
        let conditions = read.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.iter().find(|c| c["type"] == "Ready");
        let text = |c: &Value, field: &str| c[field].as_str().unwrap_or_default().to_owned();
        ready
            .map(|c| (text(c, "status"), text(c, "reason"), text(c, "message")))
            .ok_or_else(|| read.data["status"].to_string())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kurators_examples_apply_unchanged_and_say_how_they_are() {
    let Some(folder) = component::acceptance("hub::acceptance: examples apply unchanged") else { return };
    let stage = Stage::new(&[]).await;
    let mut objects = documents(&folder.join("kurator/examples"));
    objects.extend(documents(&folder.join("kurator/accepted")));
    // One example has capitals in its name, which no Kubernetes takes.
    objects.retain(|object| in_scope(object) && object["metadata"]["name"] != "CustomMetric-demo");
    assert!(objects.len() >= 8, "{} objects", objects.len());
    for object in objects {
        namespace(&stage, &object).await;
        stage.apply(object.clone()).await.unwrap_or_else(|e| panic!("{object}: {e}"));
        let (status, reason, message) = ready_of(&stage, &object).await;
        assert_ne!(status, "True", "nothing of {object} can be ready: {reason}: {message}");
        assert!(!message.is_empty(), "{object}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kurator_refuses_is_refused_with_the_field_path() {
    let Some(folder) = component::acceptance("hub::acceptance: refused with the field path") else { return };
    let stage = Stage::new(&[]).await;
    let rejected =
        ["application", "attachedcluster"].map(|kind| documents(&folder.join("kurator/rejected").join(kind)));
    let rejected: Vec<Value> = rejected.into_iter().flatten().filter(in_scope).collect();
    assert_eq!(rejected.len(), 4);
    for object in rejected {
        match stage.apply(object.clone()).await {
            Err(kube::Error::Api(status)) => {
                assert_eq!(status.code, 422, "{}", status.message);
                let causes = status.details.as_ref().map(|d| d.causes.clone()).unwrap_or_default();
                assert!(causes.iter().any(|c| c.field.starts_with("spec.")), "{status:?}");
            }
            other => panic!("{object} was not refused: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crds_as_published_can_be_applied_and_take_nothing_from_the_hub() {
    let Some(folder) = component::acceptance("hub::acceptance: CRDs as published") else { return };
    let stage = Stage::new(&[]).await;
    let definitions: Vec<Value> =
        ["kurator/crds", "karmada/crds"].iter().flat_map(|crds| documents(&folder.join(crds))).collect();
    assert!(definitions.len() >= 25, "{} definitions", definitions.len());
    for definition in &definitions {
        stage.apply(definition.clone()).await.unwrap_or_else(|e| panic!("{}: {e}", definition["metadata"]["name"]));
    }
    let before = stage.hub.counters().mutations();
    stage.apply(stage.application()).await.unwrap();
    let (_, reason, _) = ready_of(&stage, &stage.application()).await;
    assert!(!reason.is_empty(), "the conditions are not pruned");
    assert!(stage.hub.counters().mutations() > before);
    let sample = documents(&folder.join("karmada/samples/nginx"));
    for object in sample {
        let mut object = object;
        object["metadata"]["namespace"] = json!("default");
        stage.apply(object.clone()).await.unwrap_or_else(|e| panic!("{object}: {e}"));
    }
}

//! What an object in a member keeps, though the template says otherwise or nothing.

use model::GroupVersionKind;
use model::object::{self, slot};
use serde_json::{Value, json};

use super::count;
use crate::fault::Fault;
use crate::label;
use crate::read::{get, list, text};

/// Copies into `desired` what `live` is to keep (Karmada's `native/retain.go`). Doing so twice changes nothing more.
///
/// # Errors
/// A field that would be kept is not what its kind allows; then `desired` is as it was.
pub(super) fn retain(kind: &GroupVersionKind, desired: &mut Value, live: &Value) -> Result<(), Fault> {
    match kind.kind.as_str() {
        "Deployment" => replicas(desired, live),
        "Pod" => {
            pod(desired, live);
            Ok(())
        }
        "Service" => service(desired, live),
        "ServiceAccount" => {
            for field in ["secrets", "imagePullSecrets"] {
                references(desired, live, field);
            }
            Ok(())
        }
        "PersistentVolumeClaim" => claim(desired, live),
        "PersistentVolume" => {
            copy(desired, live, &["spec", "claimRef"]);
            Ok(())
        }
        "Job" => selector(desired, live),
        // What is left is a Secret.
        _ => token(desired, live),
    }
}

/// Copies a field that `live` has.
fn copy(desired: &mut Value, live: &Value, path: &[&str]) {
    if let Some(found) = object::get(live, path).filter(|found| !found.is_null()) {
        *slot(desired, path) = found.clone();
    }
}

/// The number of replicas, where a label says that an autoscaler of the member sets it.
fn replicas(desired: &mut Value, live: &Value) -> Result<(), Fault> {
    if object::label(desired, label::RETAIN_REPLICAS) != Some("true") {
        return Ok(());
    }
    let replicas = count(live, "spec.replicas")?.ok_or_else(|| Fault::missing("spec.replicas"))?;
    *slot(desired, &["spec", "replicas"]) = json!(replicas);
    Ok(())
}

/// Node, service account, volumes and mounts of a pod: the member's API server adds the token to them.
fn pod(desired: &mut Value, live: &Value) {
    for field in ["nodeName", "serviceAccountName", "volumes"] {
        match object::get(live, &["spec", field]).filter(|found| !found.is_null()) {
            Some(found) => *slot(desired, &["spec", field]) = found.clone(),
            None => drop(object::remove(desired, &["spec", field])),
        }
    }
    for containers in ["containers", "initContainers"] {
        let kept = list(live, &format!("spec.{containers}"));
        let wanted = desired.get_mut("spec").and_then(|spec| spec.get_mut(containers)).and_then(Value::as_array_mut);
        for container in wanted.into_iter().flatten() {
            // Names of containers are unique in a pod.
            let Some(of_member) = kept.iter().find(|kept| text(kept, "name") == text(container, "name")) else {
                continue;
            };
            let Value::Object(fields) = container else { continue };
            match get(of_member, "volumeMounts") {
                Some(mounts) => drop(fields.insert("volumeMounts".to_owned(), mounts.clone())),
                None => drop(fields.remove("volumeMounts")),
            }
        }
    }
}

/// Address and health check port, which the member gave the Service.
fn service(desired: &mut Value, live: &Value) -> Result<(), Fault> {
    let port = count(live, "spec.healthCheckNodePort")?.filter(|port| *port > 0);
    let address = string(live, "spec.clusterIP")?;
    if let Some(port) = port {
        *slot(desired, &["spec", "healthCheckNodePort"]) = json!(port);
    }
    if let Some(address) = address {
        *slot(desired, &["spec", "clusterIP"]) = json!(address);
    }
    Ok(())
}

/// Names of Secrets: those of the template, then those that the member added.
fn references(desired: &mut Value, live: &Value, field: &str) {
    let mut merged = list(desired, field).to_vec();
    for reference in list(live, field) {
        let name = text(reference, "name");
        let is_there = |known: &Value| if name.is_empty() { known == reference } else { text(known, "name") == name };
        if !merged.iter().any(is_there) {
            merged.push(reference.clone());
        }
    }
    if merged.is_empty() {
        object::remove(desired, &[field]);
    } else {
        *slot(desired, &[field]) = Value::Array(merged);
    }
}

/// The volume that the member bound the claim to.
fn claim(desired: &mut Value, live: &Value) -> Result<(), Fault> {
    if let Some(volume) = string(live, "spec.volumeName")? {
        *slot(desired, &["spec", "volumeName"]) = json!(volume);
    }
    Ok(())
}

/// The selector that the member's Job controller made, and its labels on pods.
fn selector(desired: &mut Value, live: &Value) -> Result<(), Fault> {
    let paths: [&[&str]; 2] = [&["spec", "selector", "matchLabels"], &["spec", "template", "metadata", "labels"]];
    for path in paths {
        strings(live, path)?;
    }
    for path in paths {
        copy(desired, live, path);
    }
    Ok(())
}

/// The token that the member's controller put into a Secret of that type.
fn token(desired: &mut Value, live: &Value) -> Result<(), Fault> {
    if text(desired, "type") == label::SERVICE_ACCOUNT_TOKEN {
        strings(live, &["data"])?;
        copy(desired, live, &["data"]);
    }
    Ok(())
}

/// A string that is not empty; an error when it is something else.
fn string<'a>(object: &'a Value, path: &str) -> Result<Option<&'a str>, Fault> {
    match get(object, path) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(Fault::field(path, "a string")),
    }
}

/// Is it a map of strings, or missing?
fn strings(object: &Value, path: &[&str]) -> Result<(), Fault> {
    match object::get(object, path) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(map)) if map.values().all(Value::is_string) => Ok(()),
        Some(_) => Err(Fault::field(&path.join("."), "a map of strings")),
    }
}

//! Volumes.

use model::object;
use serde_json::Value;

use super::cell::{Row, UNSET, plain};

/// `RWO,ROX` for a list of access modes, in upstream's order.
fn access_modes(row: &Row<'_>, path: &str) -> String {
    const MODES: [(&str, &str); 4] =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let given = row.list(path);
    let has = |mode: &str| given.iter().any(|m| m.as_str() == Some(mode));
    MODES.iter().filter(|(long, _)| has(long)).map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

/// The storage class, which long ago was an annotation.
fn class<'a>(row: &Row<'a>) -> &'a str {
    match object::annotation(row.object, "volume.beta.kubernetes.io/storage-class") {
        Some(old) => old,
        None => row.text("spec.storageClassName"),
    }
}

fn phase<'a>(row: &Row<'a>) -> &'a str {
    if row.is_deleting() { "Terminating" } else { row.text("status.phase") }
}

pub(super) fn persistent_volume(row: &Row<'_>) -> Vec<Value> {
    let claim = match row.get("spec.claimRef") {
        Some(_) => format!("{}/{}", row.text("spec.claimRef.namespace"), row.text("spec.claimRef.name")),
        None => String::new(),
    };
    vec![
        row.name().into(),
        row.get("spec.capacity.storage").map_or_else(|| "0".to_owned(), plain).into(),
        access_modes(row, "spec.accessModes").into(),
        row.text("spec.persistentVolumeReclaimPolicy").into(),
        phase(row).into(),
        claim.into(),
        class(row).into(),
        row.text_or("spec.volumeAttributesClassName", UNSET).into(),
        row.text("status.reason").into(),
        row.age().into(),
        row.text_or("spec.volumeMode", UNSET).into(),
    ]
}

pub(super) fn persistent_volume_claim(row: &Row<'_>) -> Vec<Value> {
    let volume = row.text("spec.volumeName");
    let (capacity, modes) = if volume.is_empty() {
        (String::new(), String::new())
    } else {
        let capacity = row.get("status.capacity.storage").map_or_else(|| "0".to_owned(), plain);
        (capacity, access_modes(row, "status.accessModes"))
    };
    vec![
        row.name().into(),
        phase(row).into(),
        volume.into(),
        capacity.into(),
        modes.into(),
        class(row).into(),
        row.text_or("spec.volumeAttributesClassName", UNSET).into(),
        row.age().into(),
        row.text_or("spec.volumeMode", UNSET).into(),
    ]
}

pub(super) fn storage_class(row: &Row<'_>) -> Vec<Value> {
    let is_default =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
            .iter()
            .any(|key| object::annotation(row.object, key) == Some("true"));
    let name = if is_default { format!("{} (default)", row.name()) } else { row.name().to_owned() };
    vec![
        name.into(),
        row.text("provisioner").into(),
        row.text_or("reclaimPolicy", "Delete").into(),
        row.text_or("volumeBindingMode", "Immediate").into(),
        row.flag("allowVolumeExpansion").into(),
        row.age().into(),
    ]
}

pub(super) fn volume_attachment(row: &Row<'_>) -> Vec<Value> {
    vec![
        row.name().into(),
        row.text("spec.attacher").into(),
        row.text("spec.source.persistentVolumeName").into(),
        row.text("spec.nodeName").into(),
        row.flag("status.attached").into(),
        row.age().into(),
    ]
}

pub(super) fn csi_node(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), row.list("spec.drivers").len().into(), row.age().into()]
}

pub(super) fn csi_driver(row: &Row<'_>) -> Vec<Value> {
    let join = |path: &str, field: Option<&str>| {
        let text = |v: &Value| field.map_or_else(|| plain(v), |f| v.get(f).map(plain).unwrap_or_default());
        row.list(path).iter().map(text).collect::<Vec<_>>().join(",")
    };
    let tokens = match row.get("spec.tokenRequests") {
        None => UNSET.to_owned(),
        Some(_) => join("spec.tokenRequests", Some("audience")),
    };
    let modes = super::cell::or(join("spec.volumeLifecycleModes", None), super::cell::NONE);
    vec![
        row.name().into(),
        row.get("spec.attachRequired").and_then(Value::as_bool).unwrap_or(true).into(),
        row.flag("spec.podInfoOnMount").into(),
        row.flag("spec.storageCapacity").into(),
        tokens.into(),
        row.flag("spec.requiresRepublish").into(),
        modes.into(),
        row.age().into(),
    ]
}

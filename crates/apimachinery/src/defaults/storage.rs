//! Secrets, claims, volumes, limits (`pkg/apis/core/v1/defaults.go`), storage classes and CSI drivers
//! (`pkg/apis/storage/v1/defaults.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::field::{Fields, filled, inside, set};

pub(super) fn rule(name: &str, map: &mut Fields) {
    match name {
        "Secret" => {
            string_data(map);
            set(map, "type", "Opaque");
        }
        "PersistentVolume" => {
            if let Some(status) = inside(map, "status") {
                set(status, "phase", "Pending");
            }
            if let Some(spec) = inside(map, "spec") {
                set(spec, "persistentVolumeReclaimPolicy", "Retain");
                set(spec, "volumeMode", "Filesystem");
            }
        }
        "PersistentVolumeClaim" => {
            if let Some(status) = inside(map, "status") {
                set(status, "phase", "Pending");
            }
        }
        "PersistentVolumeClaimSpec" => set(map, "volumeMode", "Filesystem"),
        "NodeStatus" => {
            if let Some(capacity) = map.get("capacity").cloned() {
                set(map, "allocatable", capacity);
            }
        }
        "LimitRangeItem" if map.get("type") == Some(&"Container".into()) => limits(map),
        _ => {}
    }
}

/// The readable form of a secret's data is written only: it moves into `data`, over what is there.
fn string_data(map: &mut Fields) {
    let Some(Value::Object(strings)) = map.remove("stringData") else { return };
    if let Some(data) = inside(map, "data") {
        for (key, value) in strings {
            data.insert(key, STANDARD.encode(value.as_str().unwrap_or_default()).into());
        }
    }
}

/// Limits default to the maximum; requests to the limits, then to the minimum.
fn limits(map: &mut Fields) {
    for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
        let Some(Value::Object(given)) = map.get(from).cloned() else { continue };
        if let Some(open) = inside(map, to) {
            for (key, value) in given {
                open.entry(key).or_insert(value);
            }
        }
    }
}

/// Rules of `storage.k8s.io/v1`.
pub(super) fn class_rule(name: &str, map: &mut Fields) {
    match name {
        "StorageClass" => {
            set(map, "reclaimPolicy", "Delete");
            set(map, "volumeBindingMode", "Immediate");
        }
        "CSIDriverSpec" => {
            set(map, "attachRequired", true);
            for name in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
                set(map, name, false);
            }
            set(map, "preventPodSchedulingIfMissing", false);
            set(map, "fsGroupPolicy", "ReadWriteOnceWithFSType");
            if !filled(map, "volumeLifecycleModes") {
                map.insert("volumeLifecycleModes".to_owned(), json!(["Persistent"]));
            }
        }
        _ => {}
    }
}

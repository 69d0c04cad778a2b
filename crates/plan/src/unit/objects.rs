//! Hub objects as inputs of a revision: their bodies without what a server adds, compressed, Secrets apart.
//!
//! Absent on purpose: which objects belong together, and what a member changes in them.

use std::io::{Read, Write};

use api::delivery::{ObjectInputs, ShortId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use model::{Digest, object};
use serde_json::Value;

use crate::authenticator::HubKey;

/// Characters of the digest in the name of a Secret with sealed bodies: 64 bits of a keyed digest, within one unit.
const NAME_DIGEST_LENGTH: usize = 16;

/// Why bodies are not inputs of a revision.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// There are too many bytes of bodies.
    #[error("its objects have {bytes} bytes without what the server adds; a revision holds {max}: divide them")]
    TooLarge {
        /// Bytes; counted up to the object that is too much.
        bytes: usize,
        /// Most bytes.
        max: usize,
    },
    /// Bodies of Secrets are kept apart, and were not given: without them the unit would seem to have lost its Secrets.
    #[error("Secret {0} with the bodies of Secrets is missing")]
    SealedMissing(String),
    /// What is stored cannot be read: not base64, not gzip, or not a list of objects.
    #[error("the stored objects cannot be read: {0}")]
    Malformed(String),
}

/// Bodies of Secrets, for a Secret beside the Revision of type [`ObjectInputs::SEALED_TYPE`].
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Name of that Secret.
    pub name: String,
    /// Content under [`ObjectInputs::SEALED_KEY`].
    pub data: Vec<u8>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({}, {} bytes)", self.name, self.data.len())
    }
}

/// Makes inputs of hub objects, in any order. Same objects, same digest. Without the hub's key the digest says nothing of a
/// Secret's values.
///
/// # Errors
/// [`ObjectsError::TooLarge`].
pub fn pack(objects: &[Value], unit: &ShortId, key: &HubKey) -> Result<(ObjectInputs, Option<Sealed>), ObjectsError> {
    let mut bodies: Vec<Value> = objects.iter().map(pruned).collect();
    bodies.sort_by_cached_key(identity);
    let mut bytes = 0;
    for body in &bodies {
        bytes += body.to_string().len();
        if bytes > ObjectInputs::BYTES_MAX {
            return Err(ObjectsError::TooLarge { bytes, max: ObjectInputs::BYTES_MAX });
        }
    }
    let all = Value::Array(bodies.clone());
    let (secret, open): (Vec<Value>, Vec<Value>) = bodies.into_iter().partition(is_secret);
    let digest = Digest::of_json(&all);
    let digest = if secret.is_empty() { digest } else { key.digest_of_objects(digest.as_bytes()) };
    let sealed = (!secret.is_empty()).then(|| Sealed {
        name: format!("{unit}-{}", &digest.hex()[..NAME_DIGEST_LENGTH]),
        data: compress(&Value::Array(secret)),
    });
    let data = STANDARD.encode(compress(&Value::Array(open)));
    Ok((ObjectInputs { digest, data, sealed: sealed.as_ref().map(|s| s.name.clone()) }, sealed))
}

/// The bodies again, in the order of their kinds and names. `sealed` is the content of the Secret that the inputs name.
///
/// # Errors
/// [`ObjectsError`]; what is larger than allowed is not unpacked further than the limit.
pub fn unpack(inputs: &ObjectInputs, sealed: Option<&[u8]>) -> Result<Vec<Value>, ObjectsError> {
    if let (Some(name), None) = (&inputs.sealed, sealed) {
        return Err(ObjectsError::SealedMissing(name.clone()));
    }
    let packed = STANDARD.decode(&inputs.data).map_err(|e| ObjectsError::Malformed(e.to_string()))?;
    let mut room = ObjectInputs::BYTES_MAX + FRAME_BYTES_MAX;
    let mut bodies = decompress(&packed, &mut room)?;
    if let Some(sealed) = sealed {
        bodies.extend(decompress(sealed, &mut room)?);
    }
    bodies.sort_by_cached_key(identity);
    Ok(bodies)
}

/// Brackets and commas around bodies: one byte each, and an object has at least ten bytes.
const FRAME_BYTES_MAX: usize = ObjectInputs::BYTES_MAX / 10;

fn compress(bodies: &Value) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    let text = bodies.to_string();
    // Writing to memory does not fail.
    out.write_all(text.as_bytes()).and_then(|()| out.finish()).unwrap_or_default()
}

/// Unpacks a list of objects. `room`: how many bytes may still come, over all lists.
fn decompress(packed: &[u8], room: &mut usize) -> Result<Vec<Value>, ObjectsError> {
    let mut text = Vec::new();
    let limit = u64::try_from(*room).unwrap_or(u64::MAX).saturating_add(1);
    let read = GzDecoder::new(packed).take(limit).read_to_end(&mut text);
    let bytes = read.map_err(|e| ObjectsError::Malformed(e.to_string()))?;
    if bytes > *room {
        return Err(ObjectsError::TooLarge { bytes, max: ObjectInputs::BYTES_MAX });
    }
    *room -= bytes;
    serde_json::from_slice(&text).map_err(|e| ObjectsError::Malformed(e.to_string()))
}

fn is_secret(body: &Value) -> bool {
    body["kind"] == "Secret" && body["apiVersion"] == "v1"
}

fn identity(body: &Value) -> (String, String, String, String) {
    let text = |path: &[&str]| object::get_str(body, path).unwrap_or_default().to_owned();
    (text(&["apiVersion"]), text(&["kind"]), text(&["metadata", "namespace"]), text(&["metadata", "name"]))
}

/// Fields of metadata that a server sets, or that mean something on the hub only.
const METADATA_OF_SERVERS: [&str; 10] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Labels that a Job's controller sets on its template.
const LABELS_OF_JOBS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

/// An object without what a server or a controller of the hub adds (Karmada prunes the same: reference/karmada.md 3.2).
pub fn pruned(object: &Value) -> Value {
    let mut body = object.clone();
    if let Some(map) = body.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        METADATA_OF_SERVERS.iter().for_each(|field| drop(metadata.remove(*field)));
    }
    match (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default()) {
        ("apps/v1", "Deployment") => {
            remove(&mut body, &["metadata", "annotations"], "deployment.kubernetes.io/revision");
        }
        // `None` is a wish: the Service is headless.
        ("v1", "Service") if object["spec"]["clusterIP"] != "None" => {
            remove(&mut body, &["spec"], "clusterIP");
            remove(&mut body, &["spec"], "clusterIPs");
        }
        ("v1", "ServiceAccount") => {
            if let Some(map) = body.as_object_mut() {
                map.remove("secrets");
            }
        }
        ("v1", "Secret") if object["type"] == "kubernetes.io/service-account-token" => {
            if let Some(map) = body.as_object_mut() {
                map.remove("data");
            }
        }
        ("v1", "PersistentVolumeClaim") => {
            remove(&mut body, &["metadata", "annotations"], "volume.kubernetes.io/selected-node");
        }
        ("batch/v1", "Job") => {
            remove(&mut body, &["spec"], "ttlSecondsAfterFinished");
            for label in LABELS_OF_JOBS {
                remove(&mut body, &["metadata", "labels"], label);
                remove(&mut body, &["spec", "template", "metadata", "labels"], label);
                remove(&mut body, &["spec", "selector", "matchLabels"], label);
            }
        }
        _ => {}
    }
    body
}

fn remove(body: &mut Value, path: &[&str], field: &str) {
    let mut at = Some(body);
    for step in path {
        at = at.and_then(|value| value.get_mut(*step));
    }
    if let Some(map) = at.and_then(Value::as_object_mut) {
        map.remove(field);
    }
}

#[cfg(test)]
mod tests;

//! What behaviours decide: pure functions from what was observed to what is to be written.
//!
//! No I/O, no clock, no randomness: time and seeds come in. Each follows the controller of kube-controller-manager,
//! kube-scheduler or kubelet that its documentation names.

pub mod claim;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod endpoint;
pub mod event;
pub mod history;
pub mod job;
pub mod kubelet;
pub mod node;
pub mod replica_set;
pub mod revision;
pub mod rollout;
pub mod schedule;
pub mod stateful_set;

use serde_json::Value;

/// A number made of bytes: FNV-1a, 64 bits. Stable over versions, which template hashes and delays rely on.
pub(crate) fn hash(parts: &[&[u8]]) -> u64 {
    let mut out: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in *part {
            out = (out ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        out = (out ^ 0xff).wrapping_mul(0x0100_0000_01b3);
    }
    // FNV leaves the high bits of short inputs poor; one round of mixing spreads them.
    out ^= out >> 32;
    out = out.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    out ^ (out >> 29)
}

/// Letters and digits that cannot form words, as Kubernetes' generated names use (`k8s.io/apimachinery/pkg/util/rand`).
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A suffix for a name, of a length, from a number.
pub(crate) fn suffix(mut number: u64, length: usize) -> String {
    let base = SAFE.len() as u64;
    (0..length)
        .map(|_| {
            let letter = SAFE[usize::try_from(number % base).unwrap_or_default()];
            number /= base;
            char::from(letter)
        })
        .collect()
}

/// The hash of a pod template, as a label value.
pub(crate) fn template_hash(template: &Value, collisions: i64) -> String {
    suffix(hash(&[template.to_string().as_bytes(), &collisions.to_be_bytes()]), 10)
}

/// A count as JSON, `null` for zero: the form that a merge patch needs for fields that Kubernetes omits when empty.
pub(crate) fn count(n: i64) -> Value {
    if n == 0 { Value::Null } else { Value::from(n) }
}

/// A pod made from a template by its controller.
pub(crate) fn pod_from(template: &Value, namespace: &str, name: &str, owner: Value) -> Value {
    let mut meta = template.get("metadata").filter(|m| m.is_object()).cloned().unwrap_or_else(|| serde_json::json!({}));
    if let Some(map) = meta.as_object_mut() {
        map.retain(|field, _| matches!(field.as_str(), "labels" | "annotations" | "finalizers"));
    }
    meta["name"] = name.into();
    meta["namespace"] = namespace.into();
    meta["ownerReferences"] = Value::Array(vec![owner]);
    serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template.get("spec").cloned().unwrap_or_default()})
}

/// Names for a number of new pods that no pod has.
pub(crate) fn pod_names(
    owner: &crate::object::Meta,
    taken: &std::collections::BTreeSet<&str>,
    wanted: usize,
    now: model::Timestamp,
) -> Vec<String> {
    let moment = now.as_nanosecond().to_be_bytes();
    let names = (0_u64..).map(|i| {
        // 58 characters of the owner's name, a dash and 5 of ours: kube-apiserver cuts generated names there too.
        let stem: String = owner.name.chars().take(57).collect();
        format!("{stem}-{}", suffix(hash(&[owner.uid.as_bytes(), &moment, &i.to_be_bytes()]), 5))
    });
    let mut out: Vec<String> = Vec::with_capacity(wanted);
    for name in names {
        if out.len() == wanted {
            break;
        }
        if !taken.contains(name.as_str()) && !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

//! What a member holds: its nodes, and what pods ask of them.

use std::collections::BTreeMap;
use std::fmt::Display;

use api::karmada::cluster::v1alpha1::{NodeSummary, ResourceSummary};
use client::Transport;
use model::{Quantity, object};
use serde_json::Value;

use super::{Silent, answer, get};

/// Items per page of nodes and pods.
const PAGE: u32 = 500;
/// Most pages that are counted: 10,000 pods. A larger member reports its nodes' capacity and no allocation.
const PAGES_MAX: usize = 20;
/// Largest page, in bytes. A node with all its images listed has 40 kB, a pod with its managed fields 20 kB.
const PAGE_BYTES_MAX: usize = 32 << 20;

/// One count.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Count {
    pub(super) nodes: NodeSummary,
    pub(super) resources: ResourceSummary,
    /// The region that all nodes share.
    pub(super) region: Option<String>,
}

/// Sums of resources by name.
#[derive(Default)]
struct Sums(BTreeMap<String, Quantity>);

impl Sums {
    fn add(&mut self, resources: Option<&Value>) {
        for (name, amount) in object::string_map(resources) {
            if let Ok(amount) = amount.parse::<Quantity>() {
                let sum = self.0.entry(name).or_default();
                *sum = *sum + amount;
            }
        }
    }

    fn text(self) -> BTreeMap<String, String> {
        self.0.into_iter().map(|(name, sum)| (name, sum.to_string())).collect()
    }
}

/// Counts nodes and the pods that have not ended.
pub(super) async fn count(transport: &Transport) -> Result<Count, Silent> {
    let (mut total, mut ready, mut allocatable) = (0, 0, Sums::default());
    let mut regions: Vec<Option<String>> = Vec::new();
    for_each(transport, "/api/v1/nodes?", |node| {
        total += 1;
        let conditions = object::get(node, &["status", "conditions"]).and_then(Value::as_array);
        let is_ready = |c: &Value| c["type"] == "Ready" && c["status"] == "True";
        ready += i32::from(conditions.is_some_and(|all| all.iter().any(is_ready)));
        allocatable.add(object::get(node, &["status", "allocatable"]));
        regions.push(object::label(node, "topology.kubernetes.io/region").map(str::to_owned));
    })
    .await?;
    let (mut allocated, mut allocating) = (Sums::default(), Sums::default());
    let all = for_each(transport, "/api/v1/pods?fieldSelector=status.phase!=Succeeded,status.phase!=Failed&", |pod| {
        let sums = match object::get_str(pod, &["spec", "nodeName"]) {
            Some(node) if !node.is_empty() => &mut allocated,
            _ => &mut allocating,
        };
        for container in object::get(pod, &["spec", "containers"]).and_then(Value::as_array).into_iter().flatten() {
            sums.add(object::get(container, &["resources", "requests"]));
        }
    })
    .await?;
    if !all {
        // The sum of a part would look like room.
        (allocated, allocating) = (Sums::default(), Sums::default());
    }
    regions.sort();
    regions.dedup();
    let region = match regions.as_slice() {
        [Some(one)] => Some(one.clone()),
        _ => None,
    };
    let resources =
        ResourceSummary { allocatable: allocatable.text(), allocating: allocating.text(), allocated: allocated.text() };
    Ok(Count { nodes: NodeSummary { total_num: total, ready_num: ready }, resources, region })
}

/// Shows every item of a list; says whether those were all.
async fn for_each(transport: &Transport, path: &str, mut see: impl FnMut(&Value)) -> Result<bool, Silent> {
    let mut next = String::new();
    for _ in 0..PAGES_MAX {
        let token = if next.is_empty() { String::new() } else { format!("&continue={}", encode(&next)) };
        let page = answer(get(transport, &format!("{path}limit={PAGE}{token}"), PAGE_BYTES_MAX)).await?;
        page["items"].as_array().into_iter().flatten().for_each(&mut see);
        next = object::get_str(&page, &["metadata", "continue"]).unwrap_or_default().to_owned();
        if next.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Percent-encodes a query value.
fn encode(text: impl Display) -> String {
    let mut out = String::new();
    for byte in text.to_string().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

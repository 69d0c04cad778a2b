//! What a member holds: its nodes, and what pods ask of them.

use std::collections::BTreeMap;

use api::karmada::cluster::v1alpha1::{NodeSummary, ResourceSummary};
use client::{Api, Error, Resource, Selection};
use model::{Quantity, object};
use serde_json::Value;

use super::Silent;

/// Items per page of nodes and pods.
pub(super) const PAGE: usize = 500;
/// Most pages that are counted: 10,000 pods. A larger member reports its nodes' capacity and no allocation.
pub(super) const PAGES_MAX: usize = 20;
/// Largest page, in bytes. A node with all its images listed has 40 kB, a pod with its managed fields 20 kB.
pub(super) const PAGE_BYTES_MAX: usize = 32 << 20;

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
pub(super) async fn count(api: &Api) -> Result<Count, Silent> {
    let (mut total, mut ready, mut allocatable) = (0, 0, Sums::default());
    let mut regions: Vec<Option<String>> = Vec::new();
    let nodes = Resource::core("Node", "nodes", false);
    for_each(api, &nodes, &Selection::default(), |node| {
        total += 1;
        let conditions = object::get(node, &["status", "conditions"]).and_then(Value::as_array);
        let is_ready = |c: &Value| c["type"] == "Ready" && c["status"] == "True";
        ready += i32::from(conditions.is_some_and(|all| all.iter().any(is_ready)));
        allocatable.add(object::get(node, &["status", "allocatable"]));
        regions.push(object::label(node, "topology.kubernetes.io/region").map(str::to_owned));
    })
    .await?;
    let (mut allocated, mut allocating) = (Sums::default(), Sums::default());
    let pods = Resource::core("Pod", "pods", true);
    let running = "status.phase!=Succeeded,status.phase!=Failed";
    let running = Selection { fields: running.to_owned(), ..Selection::default() };
    let all = for_each(api, &pods, &running, |pod| {
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

/// Shows every object of a kind; says whether those were all.
async fn for_each(
    api: &Api,
    resource: &Resource,
    selection: &Selection,
    mut see: impl FnMut(&Value),
) -> Result<bool, Silent> {
    let seen = api.list_as(resource, "", selection, |object| {
        see(&object);
        None::<()>
    });
    match seen.await {
        Ok(_) => Ok(true),
        Err(Error::Endless { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

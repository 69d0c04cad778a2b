//! What a member says of itself, as much of it as the hub keeps.
//!
//! A member is not trusted: it may name a million resources, or one whose name has a megabyte. Only what Kubernetes itself
//! would take as a name is kept, and only so much of it; the rest is counted, and the member's record says so.

use std::collections::BTreeMap;

use api::karmada::cluster::v1alpha1::{NodeSummary, ResourceSummary};
use model::{Quantity, name, object};
use serde_json::Value;

/// Most resources that are added up, by name. A node has some six of Kubernetes' own and one for each kind of device; the
/// largest real fleets have some dozens. With the longest names (317 bytes), three sums and their amounts, a member takes
/// 300 kB of its record at most, a tenth of the largest object.
pub const RESOURCES_MAX: usize = 256;
/// Longest UID that is an identity. Kubernetes makes them of 36 characters; other API servers may have others.
pub const UID_MAX: usize = 128;
/// Longest version that is shown. Real ones (`v1.33.1-eks-595af52`) have up to 30 characters.
pub const VERSION_MAX: usize = 64;

/// What a member says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// UID of the kube-system namespace.
    pub uid: Option<String>,
    /// Version of the API server.
    pub version: Option<String>,
    /// Nodes.
    pub nodes: Option<NodeSummary>,
    /// Capacity.
    pub resources: Option<ResourceSummary>,
    /// The region that all its nodes share, by their `topology.kubernetes.io/region` label.
    pub region: Option<String>,
    /// Amounts of resources that are in no sum: their names are not well-formed, or one too many.
    pub left_out: u64,
}

/// The identity that a kube-system namespace has; `None` when it has none that can be compared and shown.
pub fn uid_of(system: &Value) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let uid = object::uid(system).filter(|uid| !uid.is_empty() && uid.len() <= UID_MAX && uid.chars().all(is_plain));
    uid.map(str::to_owned)
}

/// The version that an answer of `/version` has, as far as it is one; `None` when it does not begin as one.
pub fn version_of(answer: &Value) -> Option<String> {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '~');
    let version = object::get_str(answer, &["gitVersion"])?;
    let version: String = version.chars().take_while(is_plain).take(VERSION_MAX).collect();
    (!version.is_empty()).then_some(version)
}

/// Sums of resources by name.
#[derive(Debug, Default)]
struct Sums {
    by_name: BTreeMap<String, Quantity>,
    left_out: u64,
}

impl Sums {
    fn add(&mut self, resources: Option<&Value>) {
        for (name, amount) in resources.and_then(Value::as_object).into_iter().flatten() {
            let Some(Ok(amount)) = amount.as_str().map(str::parse::<Quantity>) else { continue };
            if let Some(sum) = self.by_name.get_mut(name) {
                *sum = *sum + amount;
            } else if self.by_name.len() < RESOURCES_MAX && name::check_qualified_name(name).is_ok() {
                self.by_name.insert(name.clone(), amount);
            } else {
                self.left_out += 1;
            }
        }
    }

    fn text(self) -> BTreeMap<String, String> {
        self.by_name.into_iter().map(|(name, sum)| (name, sum.to_string())).collect()
    }
}

/// The region of the nodes that were seen so far.
#[derive(Debug, Default)]
enum Region {
    #[default]
    NotSeen,
    One(String),
    Several,
}

impl Region {
    /// A node without the label, or with one that no label can have, shares its region with no other.
    fn add_node(&mut self, label: Option<&str>) {
        let label = label.filter(|label| !label.is_empty() && name::check_label_value(label).is_ok());
        *self = match (std::mem::take(self), label) {
            (Self::NotSeen, Some(label)) => Self::One(label.to_owned()),
            (Self::One(seen), Some(label)) if seen == label => Self::One(seen),
            _ => Self::Several,
        };
    }
}

/// What a member holds, added up node by node and pod by pod. What it keeps does not grow with what the member says.
#[derive(Debug, Default)]
pub struct Census {
    total: i32,
    ready: i32,
    region: Region,
    allocatable: Sums,
    allocating: Sums,
    allocated: Sums,
}

impl Census {
    /// Adds a node.
    pub fn node(&mut self, node: &Value) {
        self.total = self.total.saturating_add(1);
        let conditions = object::get(node, &["status", "conditions"]).and_then(Value::as_array);
        let is_ready = |c: &Value| c["type"] == "Ready" && c["status"] == "True";
        self.ready = self.ready.saturating_add(i32::from(conditions.is_some_and(|all| all.iter().any(is_ready))));
        self.allocatable.add(object::get(node, &["status", "allocatable"]));
        self.region.add_node(object::label(node, "topology.kubernetes.io/region"));
    }

    /// Adds a pod that has not ended.
    pub fn pod(&mut self, pod: &Value) {
        let sums = match object::get_str(pod, &["spec", "nodeName"]) {
            Some(node) if !node.is_empty() => &mut self.allocated,
            _ => &mut self.allocating,
        };
        for container in object::get(pod, &["spec", "containers"]).and_then(Value::as_array).into_iter().flatten() {
            sums.add(object::get(container, &["resources", "requests"]));
        }
    }

    /// Forgets the pods: the sum of a part of them would look like room.
    pub fn forget_pods(&mut self) {
        (self.allocated, self.allocating) = (Sums::default(), Sums::default());
    }

    /// Puts what was counted into facts.
    pub fn into_facts(self, facts: &mut Facts) {
        let Self { total, ready, region, allocatable, allocating, allocated } = self;
        facts.nodes = Some(NodeSummary { total_num: total, ready_num: ready });
        facts.region = match region {
            Region::One(region) => Some(region),
            Region::NotSeen | Region::Several => None,
        };
        facts.left_out = allocatable.left_out + allocating.left_out + allocated.left_out;
        facts.resources = Some(ResourceSummary {
            allocatable: allocatable.text(),
            allocating: allocating.text(),
            allocated: allocated.text(),
            allocatable_modelings: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests;

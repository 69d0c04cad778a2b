//! What one replica needs: resources and nodes.

use std::collections::BTreeMap;

use model::quantity::Format;
use model::{FieldPath, Quantity, name, object};
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::interpreter::{NodeClaim, ReplicaRequirements};
use crate::read::{get, list, text};

/// What a pod of this spec needs (Karmada's `GenerateReplicaRequirements`). `path` leads to the spec.
pub(super) fn of_pod(object: &Value, path: &str) -> Result<ReplicaRequirements, Fault> {
    let Some(spec) = get(object, path) else { return Ok(ReplicaRequirements::default()) };
    let at = FieldPath::of(path);
    Ok(ReplicaRequirements {
        node_claim: node_claim(spec),
        requests: requests(spec, &at)?,
        namespace: String::new(),
        priority_class: text(spec, "priorityClassName").to_owned(),
    })
}

fn node_claim(spec: &Value) -> Option<NodeClaim> {
    let required = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution";
    let claim = NodeClaim {
        hard_node_affinity: get(spec, required).cloned(),
        node_selector: get(spec, "nodeSelector").map(|selector| object::string_map(Some(selector))),
        tolerations: list(spec, "tolerations").to_vec(),
    };
    let any_will_do =
        claim.hard_node_affinity.is_none() && claim.node_selector.is_none() && claim.tolerations.is_empty();
    (!any_will_do).then_some(claim)
}

/// Sums of whole units, or of thousandths of CPU, by resource.
type Amounts = BTreeMap<String, i128>;

/// What the scheduler sets aside for a pod: the larger of what its containers need together and what any init container
/// needs alone, and the overhead on top. A limit without a request is the request.
///
/// As in Karmada, an init container that keeps running (a sidecar) counts like the others, and resources of a pod as a
/// whole (`spec.resources`) do not count.
fn requests(spec: &Value, at: &FieldPath) -> Result<BTreeMap<String, Quantity>, Fault> {
    let mut sums = Amounts::new();
    for (index, container) in list(spec, "containers").iter().enumerate() {
        for (name, amount) in of_container(container, &at.field("containers").index(index))? {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(amount);
        }
    }
    for (index, container) in list(spec, "initContainers").iter().enumerate() {
        for (name, amount) in of_container(container, &at.field("initContainers").index(index))? {
            let sum = sums.entry(name).or_default();
            *sum = (*sum).max(amount);
        }
    }
    if let Some(Value::Object(overhead)) = get(spec, "overhead") {
        for (name, amount) in amounts(overhead, &at.field("overhead"))? {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(amount);
        }
    }
    Ok(sums
        .into_iter()
        .filter(|(_, sum)| *sum > 0)
        .map(|(name, sum)| {
            let quantity = quantity(&name, sum);
            (name, quantity)
        })
        .collect())
}

fn of_container(container: &Value, at: &FieldPath) -> Result<Amounts, Fault> {
    let at = at.field("resources");
    let part = |name: &str| match get(container, "resources").and_then(|resources| resources.get(name)) {
        Some(Value::Object(found)) => amounts(found, &at.field(name)),
        _ => Ok(Amounts::new()),
    };
    let mut wanted = part("limits")?;
    wanted.extend(part("requests")?);
    Ok(wanted)
}

fn amounts(resources: &Map<String, Value>, at: &FieldPath) -> Result<Amounts, Fault> {
    let mut amounts = Amounts::new();
    for (name, value) in resources.iter().filter(|(name, value)| is_counted(name) && !value.is_null()) {
        let wrong = || Fault::Field { path: at.key(name), wanted: "a quantity of at least 0" };
        let written = match value {
            Value::String(text) => text.parse::<Quantity>(),
            Value::Number(number) => number.to_string().parse(),
            _ => return Err(wrong()),
        };
        let quantity = written.ok().filter(|quantity| quantity.milli() >= 0).ok_or_else(wrong)?;
        amounts.insert(name.clone(), if name == "cpu" { quantity.milli() } else { quantity.units() });
    }
    Ok(amounts)
}

/// Is it a resource that nodes are asked for? CPU, memory, pods, ephemeral storage, huge pages, attachable volumes,
/// what is called `….kubernetes.io/…`, and extended resources; not the `requests.` of quotas, nor names that no
/// resource may have (Karmada's `IsScalarResourceName`).
fn is_counted(resource: &str) -> bool {
    if matches!(resource, "cpu" | "memory" | "pods" | "ephemeral-storage") {
        return true;
    }
    let is_prefixed = resource.contains("kubernetes.io/");
    let is_extended = resource.contains('/') && !resource.starts_with("requests.") && is_quota_name(resource);
    is_prefixed || is_extended || resource.starts_with("hugepages-") || resource.starts_with("attachable-volumes-")
}

/// Would it be a valid name with `requests.` before it?
fn is_quota_name(resource: &str) -> bool {
    name::check_qualified_name(&format!("requests.{resource}")).is_ok()
}

fn quantity(resource: &str, amount: i128) -> Quantity {
    let is_binary = matches!(resource, "memory" | "ephemeral-storage") || resource.starts_with("hugepages-");
    let format = if is_binary { Format::BinarySi } else { Format::DecimalSi };
    let milli = if resource == "cpu" { amount } else { amount.saturating_mul(1000) };
    Quantity::from_milli(milli, format)
}

//! The scheduler: which node each waiting pod gets, or why none.
//!
//! One pass places all waiting pods, the highest priority first, then the oldest; what one takes the next one does not
//! get. Filters as kube-scheduler's NodeUnschedulable, NodeName, TaintToleration, NodeAffinity and NodeResourcesFit, and
//! with their sentences; the score is LeastAllocated with a preference for nodes that run fewer pods of the same owner.
//! Not here: preemption, pod affinity, topology spread, volumes, soft taints.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::object::{Node, Pod, Resources, TaintEffect};

/// What a pass decided for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// It goes there.
    Bind(String),
    /// It fits nowhere: kube-scheduler's sentence.
    Unschedulable(String),
}

/// What is taken on a node.
#[derive(Clone, Debug, Default)]
struct Usage {
    taken: Resources,
    pods: i64,
    by_owner: HashMap<Arc<str>, i64>,
}

impl Usage {
    fn add_pod(&mut self, pod: &Pod) {
        self.taken.add(&pod.requests);
        self.pods += 1;
        if let Some(owner) = &pod.meta.controller {
            *self.by_owner.entry(owner.clone()).or_default() += 1;
        }
    }
}

/// Places all pods that wait. `pods` are all pods of the cluster. Results come in the order of placing.
pub fn plan(nodes: &[Arc<Node>], pods: &[Arc<Pod>]) -> Vec<(Arc<Pod>, Scheduling)> {
    let mut usage: HashMap<&str, Usage> = HashMap::new();
    for pod in pods.iter().filter(|pod| !pod.node.is_empty() && !pod.finished()) {
        usage.entry(pod.node.as_str()).or_default().add_pod(pod);
    }
    let mut waiting: Vec<&Arc<Pod>> = pods.iter().filter(|pod| pod.unscheduled()).collect();
    waiting.sort_by_key(|pod| (-pod.priority, pod.meta.created, pod.meta.key()));
    let mut sorted: Vec<&Arc<Node>> = nodes.iter().collect();
    sorted.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    let mut out = Vec::with_capacity(waiting.len());
    for pod in waiting {
        let result = place(pod, &sorted, &usage);
        if let Scheduling::Bind(name) = &result
            && let Some(node) = sorted.iter().find(|node| node.meta.name == *name)
        {
            usage.entry(node.meta.name.as_str()).or_default().add_pod(pod);
        }
        out.push((pod.clone(), result));
    }
    out
}

fn place(pod: &Pod, nodes: &[&Arc<Node>], usage: &HashMap<&str, Usage>) -> Scheduling {
    if nodes.is_empty() {
        return Scheduling::Unschedulable("no nodes available to schedule pods".to_owned());
    }
    let free = Usage::default();
    let used = |node: &Node| usage.get(node.meta.name.as_str()).unwrap_or(&free);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut best: Option<(Score, &str)> = None;
    let mut full = 0;
    for node in nodes {
        let refusals = refuse(pod, node, used(node));
        if refusals.is_empty() {
            let score = score(pod, node, used(node));
            if best.is_none_or(|(least, _)| score < least) {
                best = Some((score, &node.meta.name));
            }
        }
        full += usize::from(refusals.iter().any(|(_, fits_elsewhen)| *fits_elsewhen));
        refusals.into_iter().for_each(|(reason, _)| *reasons.entry(reason).or_default() += 1);
    }
    if let Some((_, name)) = best {
        return Scheduling::Bind(name.to_owned());
    }
    Scheduling::Unschedulable(sentence(nodes.len(), full, &reasons))
}

/// As kube-scheduler 1.34 and later words it; nothing here can be preempted.
fn sentence(nodes: usize, full: usize, reasons: &BTreeMap<String, usize>) -> String {
    let list = |reasons: Vec<(usize, &str)>| {
        let mut texts: Vec<String> = reasons.into_iter().map(|(n, why)| format!("{n} {why}")).collect();
        texts.sort();
        texts.join(", ")
    };
    let why = list(reasons.iter().map(|(why, n)| (*n, why.as_str())).collect());
    let mut preemption = Vec::new();
    if full > 0 {
        preemption.push((full, "No preemption victims found for incoming pod"));
    }
    if full < nodes {
        preemption.push((nodes - full, "Preemption is not helpful for scheduling"));
    }
    let head = format!("0/{nodes} nodes are available");
    format!("{head}: {why}. no new claims to deallocate, preemption: {head}: {}.", list(preemption))
}

/// Why a pod cannot go to a node; with each reason, whether it could if other pods went. The first filter that refuses
/// speaks, as in kube-scheduler; lacking resources are named all.
fn refuse(pod: &Pod, node: &Node, usage: &Usage) -> Vec<(String, bool)> {
    let one = |why: &str| vec![(why.to_owned(), false)];
    let cordon = |t: &crate::object::Toleration| t.key.is_empty() || t.key == "node.kubernetes.io/unschedulable";
    if node.unschedulable && !pod.tolerations.iter().any(cordon) {
        return one("node(s) were unschedulable");
    }
    let hard = |effect: TaintEffect| effect != TaintEffect::PreferNoSchedule;
    if node.taints.iter().any(|taint| hard(taint.effect) && !taint.tolerated(&pod.tolerations)) {
        return one("node(s) had untolerated taint(s)");
    }
    if !affine(pod, node) {
        return one("node(s) didn't match Pod's node affinity/selector");
    }
    let mut out = Vec::new();
    if usage.pods + 1 > node.pods {
        out.push(("Too many pods".to_owned(), true));
    }
    for (name, wanted) in pod.requests.0.iter().filter(|(_, wanted)| **wanted > 0) {
        let room = node.allocatable.amount_of(name);
        if usage.taken.amount_of(name) + wanted > room {
            out.push((format!("Insufficient {name}"), *wanted <= room));
        }
    }
    out
}

/// Would a node take a pod, room left aside?
pub fn admits(pod: &Pod, node: &Node) -> bool {
    let hard = |effect: TaintEffect| effect != TaintEffect::PreferNoSchedule;
    affine(pod, node) && node.taints.iter().all(|taint| !hard(taint.effect) || taint.tolerated(&pod.tolerations))
}

fn affine(pod: &Pod, node: &Node) -> bool {
    let labels = node.labels();
    let selected = pod.node_selector.iter().all(|(key, value)| labels.get(key) == Some(value));
    let required = pod.node_affinity.as_ref().is_none_or(|affinity| {
        let terms = affinity.get("nodeSelectorTerms").and_then(Value::as_array);
        terms.is_some_and(|terms| terms.iter().any(|term| term_matches(term, node)))
    });
    selected && required
}

/// One term: all expressions hold. A term without any selects nothing.
fn term_matches(term: &Value, node: &Node) -> bool {
    let list = |field: &str| term.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (labels, fields) = (list("matchExpressions"), list("matchFields"));
    let holds = |e: &Value, actual: Option<&str>| {
        let values: Vec<&str> = e["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let number = || Some((actual?.parse::<i64>().ok()?, values.first()?.parse::<i64>().ok()?));
        match e["operator"].as_str().unwrap_or_default() {
            "In" => actual.is_some_and(|a| values.contains(&a)),
            "NotIn" => actual.is_none_or(|a| !values.contains(&a)),
            "Exists" => actual.is_some(),
            "DoesNotExist" => actual.is_none(),
            "Gt" => number().is_some_and(|(a, b)| a > b),
            "Lt" => number().is_some_and(|(a, b)| a < b),
            _ => false,
        }
    };
    let label = |e: &Value| e["key"].as_str().and_then(|key| node.labels().get(key)).map(String::as_str);
    (!labels.is_empty() || !fields.is_empty())
        && labels.iter().all(|e| holds(e, label(e)))
        && fields.iter().all(|e| e["key"] == "metadata.name" && holds(e, Some(&node.meta.name)))
}

/// Pods of the same owner, and how full the node would be.
type Score = (i64, i128);

/// Smaller is better: pods of the same owner, then how full the node would be, in thousandths.
fn score(pod: &Pod, node: &Node, usage: &Usage) -> Score {
    let siblings =
        pod.meta.controller.as_ref().and_then(|owner| usage.by_owner.get(owner)).copied().unwrap_or_default();
    let share = |name: &str| {
        let room = node.allocatable.amount_of(name).max(1);
        (usage.taken.amount_of(name) + pod.requests.amount_of(name)) * 1000 / room
    };
    let crowd = i128::from(usage.pods) * 1000 / i128::from(node.pods.max(1));
    (siblings, share("cpu") + share("memory") + crowd)
}

#[cfg(test)]
mod tests;

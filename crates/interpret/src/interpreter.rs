//! What can be asked of an object, and who answers first.

use std::collections::BTreeMap;

use model::{GroupVersionKind, Quantity, object};
use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::operation::Operation;

/// Rules that tell what objects mean: built-in ones ([`crate::Native`]), or scripts of a user.
///
/// An interpreter is asked for an operation only when it covers it; what it does not cover it answers with
/// [`Fault::NoRule`]. A method that fails has changed nothing.
pub trait Interpreter: Send + Sync {
    /// Does it have a rule for the operation of this kind?
    fn covers(&self, kind: &GroupVersionKind, operation: Operation) -> bool;

    /// How many replicas the object wants, and what each needs.
    fn replicas(&self, object: &Value) -> Result<Demand, Fault>;

    /// The groups of replicas that the object consists of.
    fn components(&self, object: &Value) -> Result<Vec<Component>, Fault>;

    /// Sets the number of replicas.
    fn revise(&self, object: &mut Value, replicas: i64) -> Result<(), Fault>;

    /// Copies into `desired` what the object in the member is to keep.
    fn retain(&self, desired: &mut Value, live: &Value) -> Result<(), Fault>;

    /// The status that the template gets from its members. The fold is fed with each member once, in any order.
    fn aggregate<'a>(&self, template: &'a Value) -> Result<Box<dyn Fold + 'a>, Fault>;

    /// Is the object in the member healthy?
    fn is_healthy(&self, live: &Value) -> Result<bool, Fault>;

    /// The part of its status that the object in the member reports; `None` when there is none yet.
    fn reflect(&self, live: &Value) -> Result<Option<Value>, Fault>;

    /// The objects that this one needs beside it, without repetition, ordered by kind and name.
    fn dependencies(&self, object: &Value) -> Result<Vec<Dependency>, Fault>;
}

/// Interpreters in the order in which they are asked. Each operation of a kind is answered by the first that covers it.
///
/// Karmada's order is: customizations in the hub (Lua), webhooks, rules for kinds of third parties (Lua), native rules
/// (`karmada.md 3.1`).
pub struct Chain<'a>(Vec<&'a dyn Interpreter>);

impl<'a> Chain<'a> {
    /// A chain of these, the first being asked first.
    pub fn new(interpreters: Vec<&'a dyn Interpreter>) -> Self {
        Self(interpreters)
    }

    fn first(&self, object: &Value, operation: Operation) -> Result<Option<&'a dyn Interpreter>, Fault> {
        let kind = object::gvk(object).ok_or(Fault::NotAnObject)?;
        Ok(self.0.iter().copied().find(|interpreter| interpreter.covers(&kind, operation)))
    }

    /// Does any interpreter have a rule?
    pub fn covers(&self, kind: &GroupVersionKind, operation: Operation) -> bool {
        self.0.iter().any(|interpreter| interpreter.covers(kind, operation))
    }

    /// How many replicas the object wants; `None` when it is of a kind that has none.
    pub fn replicas(&self, object: &Value) -> Result<Option<Demand>, Fault> {
        let first = self.first(object, Operation::InterpretReplica)?;
        first.map(|interpreter| interpreter.replicas(object)).transpose()
    }

    /// The groups of replicas; `None` when the kind has one group, or no replicas.
    pub fn components(&self, object: &Value) -> Result<Option<Vec<Component>>, Fault> {
        let first = self.first(object, Operation::InterpretComponent)?;
        first.map(|interpreter| interpreter.components(object)).transpose()
    }

    /// Sets the number of replicas, where the kind has a rule for it.
    pub fn revise(&self, object: &mut Value, replicas: i64) -> Result<(), Fault> {
        let first = self.first(object, Operation::ReviseReplica)?;
        first.map_or(Ok(()), |interpreter| interpreter.revise(object, replicas))
    }

    /// Copies into `desired` what the object in the member is to keep; nothing when the kind has no rule.
    pub fn retain(&self, desired: &mut Value, live: &Value) -> Result<(), Fault> {
        let first = self.first(desired, Operation::Retain)?;
        first.map_or(Ok(()), |interpreter| interpreter.retain(desired, live))
    }

    /// The fold that makes the template's status; `None` when the kind has no rule, and its status stays as it is.
    pub fn aggregate<'t>(&self, template: &'t Value) -> Result<Option<Box<dyn Fold + 't>>, Fault> {
        let first = self.first(template, Operation::AggregateStatus)?;
        first.map(|interpreter| interpreter.aggregate(template)).transpose()
    }

    /// How an object in a member is: `Healthy` when the kind has no rule, `Unknown` when its rule failed
    /// (Karmada's work status controller).
    pub fn resource_health(&self, live: &Value) -> ResourceHealth {
        match self.first(live, Operation::InterpretHealth) {
            Ok(None) => ResourceHealth::Healthy,
            Ok(Some(interpreter)) => interpreter.is_healthy(live).map_or(ResourceHealth::Unknown, ResourceHealth::of),
            Err(_) => ResourceHealth::Unknown,
        }
    }

    /// The part of its status that an object in a member reports; `None` when there is none.
    pub fn reflect(&self, live: &Value) -> Result<Option<Value>, Fault> {
        let first = self.first(live, Operation::InterpretStatus)?;
        first.map_or(Ok(None), |interpreter| interpreter.reflect(live))
    }

    /// The objects that this one needs beside it; none when the kind has no rule.
    pub fn dependencies(&self, object: &Value) -> Result<Vec<Dependency>, Fault> {
        let first = self.first(object, Operation::InterpretDependency)?;
        first.map_or(Ok(Vec::new()), |interpreter| interpreter.dependencies(object))
    }
}

/// What a workload asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Number of replicas, from 0 to 2147483647.
    pub replicas: i64,
    /// What each of them needs.
    pub requirements: ReplicaRequirements,
}

/// What one replica needs (`ReplicaRequirements` of work.karmada.io/v1alpha2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaRequirements {
    /// Which nodes it can run on; `None` when any will do.
    pub node_claim: Option<NodeClaim>,
    /// Resources by name, each above zero: CPU in thousandths, everything else in whole units, rounded up.
    pub requests: BTreeMap<String, Quantity>,
    /// Namespace of the object, whose quota counts in the member; empty for a cluster-scoped object.
    pub namespace: String,
    /// Name of the priority class, whose quota counts in the member; may be empty.
    pub priority_class: String,
}

impl ReplicaRequirements {
    /// The form that a binding has. Namespace and priority class are there for quotas only: Karmada writes them with its gate
    /// `ResourceQuotaEstimate` on.
    pub fn to_value(&self, with_quota: bool) -> Value {
        let mut value = Map::new();
        if let Some(claim) = &self.node_claim {
            value.insert("nodeClaim".to_owned(), claim.to_value());
        }
        if !self.requests.is_empty() {
            let requests = self.requests.iter().map(|(name, amount)| (name.clone(), json!(amount.to_string())));
            value.insert("resourceRequest".to_owned(), Value::Object(requests.collect()));
        }
        for (name, text) in [("namespace", &self.namespace), ("priorityClassName", &self.priority_class)] {
            if with_quota && !text.is_empty() {
                value.insert(name.to_owned(), json!(text));
            }
        }
        Value::Object(value)
    }
}

/// Which nodes a replica can run on. Affinity and tolerations are as the pod has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeClaim {
    /// `requiredDuringSchedulingIgnoredDuringExecution` of the node affinity.
    pub hard_node_affinity: Option<Value>,
    /// Labels that a node must have.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints that are tolerated.
    pub tolerations: Vec<Value>,
}

impl NodeClaim {
    fn to_value(&self) -> Value {
        let mut value = Map::new();
        if let Some(affinity) = &self.hard_node_affinity {
            value.insert("hardNodeAffinity".to_owned(), affinity.clone());
        }
        if let Some(selector) = self.node_selector.as_ref().filter(|selector| !selector.is_empty()) {
            value.insert("nodeSelector".to_owned(), json!(selector));
        }
        if !self.tolerations.is_empty() {
            value.insert("tolerations".to_owned(), json!(self.tolerations));
        }
        Value::Object(value)
    }
}

/// A group of replicas of an object that has several, such as the workers of a job of machine learning. No native kind
/// has any: scripts tell them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// Name, unique in the object, of at most 32 characters.
    pub name: String,
    /// Number of replicas.
    pub replicas: i64,
    /// What each of them needs.
    pub requirements: ReplicaRequirements,
}

/// Karmada's word for how an object in a member is, as `aggregatedStatus` has it. How units are is said by
/// [`crate::health`], which tells more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResourceHealth {
    /// It does what it should.
    Healthy,
    /// It does not.
    Unhealthy,
    /// It cannot be told.
    #[default]
    Unknown,
}

impl ResourceHealth {
    fn of(is_healthy: bool) -> Self {
        if is_healthy { Self::Healthy } else { Self::Unhealthy }
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Unhealthy => "Unhealthy",
            Self::Unknown => "Unknown",
        }
    }
}

/// What is known of a template's status in one member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reported<'a> {
    /// The reflected status.
    Status(&'a Value),
    /// The member answers and has reported no status.
    Nothing,
    /// The member does not answer: its numbers are not of now. What it reported last is for what stays true without an
    /// answer, such as the address of a load balancer.
    Unreachable(Option<&'a Value>),
}

/// Makes a template's status from those of its members, one after the other.
pub trait Fold {
    /// Adds one member. Order does not matter; each member is added once.
    fn add(&mut self, member: &str, reported: Reported<'_>);

    /// The result.
    fn finish(self: Box<Self>) -> Aggregated;
}

/// The outcome of an aggregation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregated {
    /// The template's whole new status; `None` when the one that it has says the same.
    pub status: Option<Value>,
    /// What of members' reports was not counted, ordered by member: at most [`LEFT_OUT_MAX`] entries.
    pub left_out: Vec<LeftOut>,
    /// How many more there are.
    pub left_out_more: usize,
}

/// Most entries of [`Aggregated::left_out`]: as many as a condition's message has room for.
pub const LEFT_OUT_MAX: usize = 10;

/// A report that was not counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Of which member; empty when it is the sum over all members that is wrong.
    pub member: String,
    /// What was wrong with it.
    pub why: String,
}

/// An object that another one needs beside it (`DependentObjectReference` of config.karmada.io/v1alpha1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// API version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// Which objects.
    pub which: Which,
}

/// How a dependency names its objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// By name.
    Named(String),
    /// By labels that they must have.
    Labelled(BTreeMap<String, String>),
}

impl Dependency {
    /// The form that the annotation `resourcebinding.karmada.io/dependencies` has.
    pub fn to_value(&self) -> Value {
        let mut value = Map::new();
        value.insert("apiVersion".to_owned(), json!(self.api_version));
        value.insert("kind".to_owned(), json!(self.kind));
        if !self.namespace.is_empty() {
            value.insert("namespace".to_owned(), json!(self.namespace));
        }
        match &self.which {
            Which::Named(name) => value.insert("name".to_owned(), json!(name)),
            Which::Labelled(labels) => value.insert("labelSelector".to_owned(), json!({"matchLabels": labels})),
        };
        Value::Object(value)
    }
}

//! Nodes.

use std::collections::BTreeMap;

use model::Timestamp;
use serde_json::Value;

use super::pod::{Resources, Toleration};
use super::{Condition, Meta, Object, find_condition, flag, list, text, time};

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaintEffect {
    /// New pods stay away.
    NoSchedule,
    /// New pods stay away when they can.
    PreferNoSchedule,
    /// New pods stay away, running ones go.
    NoExecute,
}

impl TaintEffect {
    /// The text in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }

    /// Reads the text.
    pub fn read(text: &str) -> Option<Self> {
        [Self::NoSchedule, Self::PreferNoSchedule, Self::NoExecute].into_iter().find(|e| e.as_str() == text)
    }
}

/// A taint.
#[derive(Clone, Debug, PartialEq)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
    /// Effect.
    pub effect: TaintEffect,
    /// Since when.
    pub added: Option<Timestamp>,
}

impl Taint {
    /// Is it tolerated by one of these?
    pub fn tolerated(&self, tolerations: &[Toleration]) -> bool {
        tolerations.iter().any(|t| t.tolerates(self))
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Metadata.
    pub meta: Meta,
    /// Taints.
    pub taints: Vec<Taint>,
    /// Cordoned?
    pub unschedulable: bool,
    /// What pods can get.
    pub allocatable: Resources,
    /// How many pods fit.
    pub pods: i64,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Its address.
    pub ip: String,
}

impl Node {
    /// Is it Ready?
    pub fn ready(&self) -> bool {
        find_condition(&self.conditions, "Ready").is_some_and(|c| c.status == "True")
    }

    /// Its labels.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.meta.labels
    }
}

impl Object for Node {
    fn read(object: &Value) -> Option<Self> {
        let taint = |t: &Value| {
            Some(Taint {
                key: text(t, "/key").to_owned(),
                value: text(t, "/value").to_owned(),
                effect: TaintEffect::read(text(t, "/effect"))?,
                added: time(t, "/timeAdded"),
            })
        };
        let allocatable = object.pointer("/status/allocatable").unwrap_or(&Value::Null);
        let addresses = list(object, "/status/addresses");
        let ip = addresses.iter().find(|a| a["type"] == "InternalIP").map(|a| text(a, "/address").to_owned());
        Some(Self {
            meta: Meta::read(object)?,
            taints: list(object, "/spec/taints").iter().filter_map(taint).collect(),
            unschedulable: flag(object, "/spec/unschedulable"),
            allocatable: Resources::read(allocatable),
            pods: text(allocatable, "/pods").parse().unwrap_or_default(),
            conditions: Condition::read_all(object),
            ip: ip.unwrap_or_default(),
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

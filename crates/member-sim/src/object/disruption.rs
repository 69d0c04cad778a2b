//! PodDisruptionBudgets.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{LabelSelector, Timestamp};
use serde_json::Value;

use super::{Condition, IntOrPercent, Meta, Object};

/// What has to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// So many pods have to be healthy.
    MinAvailable(IntOrPercent),
    /// So many pods may be missing.
    MaxUnavailable(IntOrPercent),
}

/// A PodDisruptionBudget.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Metadata.
    pub meta: Meta,
    /// Which pods it guards; `None` guards none.
    pub selector: Option<LabelSelector>,
    /// What has to stay; `None` when it says nothing.
    pub bound: Option<Bound>,
    /// Pods that were evicted and may still be there, and when.
    pub disrupted: BTreeMap<String, Timestamp>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// `status`.
    pub status: Arc<Value>,
}

impl Object for Budget {
    fn read(object: &Value) -> Option<Self> {
        let amount = |field: &str| {
            let value = object.pointer(&format!("/spec/{field}")).filter(|value| !value.is_null())?;
            Some(IntOrPercent::read(Some(value), IntOrPercent::Int(0)))
        };
        let selector = object.pointer("/spec/selector").filter(|selector| selector.is_object());
        let disrupted = object.pointer("/status/disruptedPods").and_then(Value::as_object).into_iter().flatten();
        let since = |(name, at): (&String, &Value)| Some((name.clone(), at.as_str()?.parse().ok()?));
        Some(Self {
            meta: Meta::read(object)?,
            selector: selector.and_then(|selector| LabelSelector::from_object(selector).ok()),
            bound: amount("maxUnavailable")
                .map(Bound::MaxUnavailable)
                .or_else(|| amount("minAvailable").map(Bound::MinAvailable)),
            disrupted: disrupted.filter_map(since).collect(),
            conditions: Condition::read_all(object),
            status: Arc::new(object.pointer("/status").cloned().unwrap_or_default()),
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

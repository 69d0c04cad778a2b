//! Volumes and claims: the phase that matters most.

use serde_json::{Map, Value, json};

use super::changed;
use crate::fault::Fault;
use crate::interpreter::Reported;

pub(super) struct Phases {
    /// Phases in the order in which they decide (`karmada.md 3.2`).
    order: &'static [&'static str],
    /// Index into `order`.
    first: Option<usize>,
}

impl Phases {
    pub(super) fn of_volume() -> Self {
        Self { order: &["Failed", "Pending", "Available", "Bound", "Released"], first: None }
    }

    pub(super) fn of_claim() -> Self {
        Self { order: &["Lost", "Pending", "Bound"], first: None }
    }

    /// A member of which nothing is known is pending.
    pub(super) fn add(&mut self, reported: Reported<'_>) -> Result<(), Fault> {
        let said = match reported {
            Reported::Status(status) => status.get("phase").filter(|phase| !phase.is_null() && **phase != ""),
            _ => None,
        };
        let place = |wanted: &str| self.order.iter().position(|phase| *phase == wanted);
        let phase = match said {
            None => place("Pending"),
            Some(said) => said.as_str().and_then(place),
        };
        let phase = phase.ok_or_else(|| Fault::field("status.phase", "a phase of its kind"))?;
        self.first = Some(self.first.map_or(phase, |first| first.min(phase)));
        Ok(())
    }

    /// Without a member the status stays as it is.
    pub(super) fn finish(self, template: &Value) -> (Option<Value>, Vec<String>) {
        let status = self
            .first
            .and_then(|first| self.order.get(first))
            .and_then(|phase| changed(template, Map::from_iter([("phase".to_owned(), json!(phase))])));
        (status, Vec::new())
    }
}

//! Pods: the phase that matters most, and the containers of all members.

use std::collections::BTreeMap;

use model::FieldPath;
use serde_json::{Map, Value, json};

use super::{changed, entries, fit};
use crate::fault::Fault;
use crate::interpreter::Reported;
use crate::read::text;

/// Phases in the order in which they decide (`karmada.md 3.2`).
const PHASES: [&str; 4] = ["Failed", "Pending", "Running", "Succeeded"];

/// The phase of a pod of which nothing is known.
const PENDING: usize = 1;

#[derive(Default)]
pub(super) struct Pods {
    /// Index into [`PHASES`].
    first: Option<usize>,
    containers: Containers,
    init_containers: Containers,
}

/// States of containers by member and place.
type Containers = BTreeMap<(String, usize), Value>;

impl Pods {
    pub(super) fn add(&mut self, member: &str, reported: Reported<'_>) -> Result<(), Fault> {
        let phase = if let Reported::Status(status) = reported {
            let containers = states(status, "containerStatuses")?;
            let init_containers = states(status, "initContainerStatuses")?;
            let named = |(index, state)| ((member.to_owned(), index), state);
            self.containers.extend(containers.into_iter().enumerate().map(named));
            self.init_containers.extend(init_containers.into_iter().enumerate().map(named));
            PHASES.iter().position(|phase| *phase == text(status, "phase"))
        } else {
            Some(PENDING)
        };
        self.first = match (self.first, phase) {
            (Some(first), Some(phase)) => Some(first.min(phase)),
            (first, phase) => first.or(phase),
        };
        Ok(())
    }

    pub(super) fn finish(self, template: &Value, members: usize) -> (Option<Value>, Vec<String>) {
        if members == 0 {
            return (None, Vec::new());
        }
        let mut status = Map::new();
        let mut words = Vec::new();
        let lists = [("containerStatuses", self.containers), ("initContainerStatuses", self.init_containers)];
        for (field, containers) in lists {
            let (list, word) = fit(field, containers.into_values());
            words.extend(word);
            if !list.is_empty() {
                status.insert(field.to_owned(), Value::Array(list));
            }
        }
        if let Some(phase) = self.first.and_then(|first| PHASES.get(first)) {
            status.insert("phase".to_owned(), json!(phase));
        }
        (changed(template, status), words)
    }
}

/// Whether each container is ready, and its state; the other fields are there because the type requires them.
fn states(status: &Value, field: &str) -> Result<Vec<Value>, Fault> {
    let at = FieldPath::of("status").field(field);
    let wrong = |index: usize| Fault::Field { path: at.index(index), wanted: "the state of a container" };
    let mut states = Vec::new();
    for (index, container) in entries(status, field)?.iter().enumerate() {
        let is_ready = match container.get("ready") {
            None | Some(Value::Null) => false,
            Some(found) => found.as_bool().ok_or_else(|| wrong(index))?,
        };
        let state = match container.get("state") {
            None | Some(Value::Null) => json!({}),
            Some(found @ Value::Object(_)) => found.clone(),
            Some(_) => return Err(wrong(index)),
        };
        states.push(json!({
            "name": "", "image": "", "imageID": "", "ready": is_ready, "restartCount": 0, "state": state, "lastState": {},
        }));
    }
    Ok(states)
}

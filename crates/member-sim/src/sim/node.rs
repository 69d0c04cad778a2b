//! Applies [`crate::plan::node`]: the member's own nodes are registered and kept Ready while they are up.

use housekeeping::Error;
use housekeeping::queue::Turn;

use super::{Sim, again};
use crate::object::Node;
use crate::plan::node;

impl Sim {
    pub(super) async fn node(&self, name: &str) -> Result<Turn, Error> {
        let key = (String::new(), name.to_owned());
        let silent = self.local().silent.get(name).copied();
        let known = self.world().nodes.get(&key).cloned();
        let Some((index, spec)) = self.nodes.iter().enumerate().find(|(_, spec)| spec.name == name) else {
            return Ok(Turn::Done);
        };
        let Some(known) = known else {
            if silent.is_none() {
                match self.create::<Node>("", &node::object(spec, index)).await {
                    Err(error) if error.code() == Some(409) => {}
                    other => other?,
                }
            }
            return Ok(Turn::Done);
        };
        if silent.is_none()
            && let Some(patch) = node::report(spec, index, &self.version, &known, self.now())
        {
            self.patch::<Node>(&key, "/status", &patch).await?;
        }
        let Some(known) = self.world().nodes.get(&key).cloned() else { return Ok(Turn::Done) };
        let node::Lifecycle { status, taints, again: after } = node::lifecycle(&known, silent, &self.pace, self.now());
        if let Some(patch) = status {
            self.patch::<Node>(&key, "/status", &patch).await?;
        }
        if let Some(patch) = taints {
            self.patch::<Node>(&key, "", &patch).await?;
        }
        Ok(again(after))
    }
}

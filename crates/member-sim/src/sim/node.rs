//! Applies [`crate::plan::node`]: the member's own nodes are registered and kept Ready while they are up. Other nodes,
//! those of an earlier start or made by hand, have no kubelet, so they are silent.

use client::{Error, Next};

use super::{Sim, again};
use crate::object::Node;
use crate::plan::node;

impl Sim {
    pub(super) async fn node(&self, name: &str) -> Result<Next, Error> {
        let key = (String::new(), name.to_owned());
        let known = self.world().nodes.get(&key).cloned();
        let own = self.nodes.iter().enumerate().find(|(_, spec)| spec.name == name);
        let silent = {
            let mut local = self.local();
            match (&known, own) {
                (Some(_), None) => {
                    local.silent.entry(name.to_owned()).or_insert_with(|| self.now());
                }
                (None, None) => drop(local.silent.remove(name)),
                _ => {}
            }
            if known.is_some() {
                local.lost.remove(name);
            }
            local.silent.get(name).copied()
        };
        let Some(known) = known else {
            if let (Some((index, spec)), None) = (own, silent) {
                match self.create::<Node>("", &node::object(spec, index)).await {
                    Err(error) if error.code() == Some(409) => {}
                    other => other?,
                }
            }
            return Ok(Next::Wait);
        };
        if let (Some((index, spec)), None) = (own, silent)
            && let Some(patch) = node::report(spec, index, &self.version, &known, self.now())
        {
            self.patch::<Node>(&key, "status", &patch).await?;
        }
        let Some(known) = self.world().nodes.get(&key).cloned() else { return Ok(Next::Wait) };
        let node::Lifecycle { status, taints, again: after } = node::lifecycle(&known, silent, &self.pace, self.now());
        if let Some(patch) = status {
            self.patch::<Node>(&key, "status", &patch).await?;
        }
        if let Some(patch) = taints {
            self.patch::<Node>(&key, "", &patch).await?;
        }
        Ok(again(after))
    }
}

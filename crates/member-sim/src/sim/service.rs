//! Applies [`crate::plan::endpoint`].

use std::sync::Arc;

use client::{Error, Next};

use super::Sim;
use crate::object::{Pod, Slice};
use crate::plan::endpoint;
use crate::world::Name;

impl Sim {
    pub(super) async fn service(&self, name: &Name) -> Result<Next, Error> {
        let plan = {
            let world = self.world();
            let Some(service) = world.services.get(name) else { return Ok(Next::Wait) };
            let selected = |pod: &&Arc<Pod>| service.selector.iter().all(|(k, v)| pod.meta.labels.get(k) == Some(v));
            let pods: Vec<Arc<Pod>> = world.pods.within(&name.0).filter(selected).cloned().collect();
            let slices: Vec<Arc<Slice>> =
                world.slices.within(&name.0).filter(|slice| slice.service == name.1).cloned().collect();
            let nodes = |node: &str| world.nodes.get(&(String::new(), node.to_owned())).cloned();
            endpoint::plan(service, &pods, &nodes, &slices)
        };
        let endpoint::Plan { create, patch, delete } = plan;
        for slice in create {
            self.create::<Slice>(&name.0, &slice).await?;
        }
        for (slice, patch) in patch {
            self.patch::<Slice>(&(name.0.clone(), slice), "", &patch).await?;
        }
        for (slice, uid) in delete {
            self.delete::<Slice>(&(name.0.clone(), slice), &uid, None).await?;
        }
        Ok(Next::Wait)
    }
}

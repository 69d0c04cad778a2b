//! Applies [`crate::plan::kubelet`], and evictions of [`crate::plan::node`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use client::{Error, Next};

use super::{Sim, again};
use crate::object::{Node, Pod};
use crate::plan::kubelet::{self, Observed, Step};
use crate::plan::node::{self, Eviction};
use crate::world::Name;

/// How long pods may be bound to a node that is not there: it may be registered again (`quarantineTime` in
/// `pkg/controller/podgc`).
const QUARANTINE: Duration = Duration::from_secs(40);

impl Sim {
    pub(super) async fn pod(&self, name: &Name) -> Result<Next, Error> {
        let (pod, host) = {
            let world = self.world();
            let Some(pod) = world.pods.get(name).cloned() else { return Ok(Next::Wait) };
            let host = world.nodes.get(&(String::new(), pod.node.clone())).cloned();
            (pod, host)
        };
        let Some(host) = host else { return self.orphan(&pod).await };
        let evicted = match node::evict(&pod, &host, &self.pace, self.now()) {
            Eviction::Now => {
                self.delete::<Pod>(name, &pod.meta.uid, None).await?;
                return Ok(Next::Wait);
            }
            Eviction::Later(after) => Some(after),
            Eviction::Stay => None,
        };
        let silent = self.local().silent.contains_key(&pod.node);
        let Some(index) = self.nodes.iter().position(|spec| spec.name == pod.node).filter(|_| !silent) else {
            if !host.ready()
                && let Some(patch) = node::lost_pod(&pod, self.now())
            {
                self.patch::<Pod>(name, "status", &patch).await?;
            }
            return Ok(again(evicted));
        };
        let turn = self.kubelet(name, &pod, &host, index).await?;
        Ok(match (turn, evicted) {
            (Some(a), Some(b)) => Next::After(a.min(b)),
            (a, b) => again(a.or(b)),
        })
    }

    /// A pod whose node is gone goes as well, when the node has not come back for a while.
    async fn orphan(&self, pod: &Pod) -> Result<Next, Error> {
        if pod.node.is_empty() {
            return Ok(Next::Wait);
        }
        let now = self.now();
        let since = *self.local().lost.entry(pod.node.clone()).or_insert(now);
        let left = QUARANTINE.saturating_sub(Duration::try_from(now.duration_since(since)).unwrap_or_default());
        if !left.is_zero() {
            return Ok(Next::After(left));
        }
        self.delete::<Pod>(&pod.meta.key(), &pod.meta.uid, Some(0)).await?;
        Ok(Next::Wait)
    }

    /// One step; returns after which time the next one is due, if time is all it waits for.
    async fn kubelet(&self, name: &Name, pod: &Arc<Pod>, host: &Node, index: usize) -> Result<Option<Duration>, Error> {
        let now = self.now();
        let since = {
            let mut local = self.local();
            let seen = (pod.progress, pod.meta.deleting());
            let entry = local.since.entry(pod.meta.uid.clone()).or_insert((seen.0, seen.1, now));
            if (entry.0, entry.1) != seen {
                *entry = (seen.0, seen.1, now);
            }
            entry.2
        };
        let pod_ip = self.address(pod, index);
        let host_ip = if host.ip.is_empty() { node::host_ip(index) } else { host.ip.clone() };
        let observed = Observed { pod, host_ip: &host_ip, pod_ip: &pod_ip, since, seed: self.seed };
        match kubelet::plan(&observed, &self.pace, now) {
            Step::Rest => Ok(None),
            Step::Wait(time) => Ok(Some(time)),
            Step::Write(patch) => self.patch::<Pod>(name, "status", &patch).await.map(|()| None),
            Step::Remove => {
                self.delete::<Pod>(name, &pod.meta.uid, Some(0)).await?;
                Ok(None)
            }
        }
    }

    /// The pod's address: the one it has, or the lowest free one of its node.
    fn address(&self, pod: &Pod, index: usize) -> String {
        if !pod.ip.is_empty() {
            return pod.ip.clone();
        }
        let world = self.world();
        let mut local = self.local();
        if let Some((ip, _)) = local.ips.iter().find(|(_, uid)| **uid == pod.meta.uid) {
            return ip.clone();
        }
        let taken: BTreeSet<&str> = world.pods.all().filter(|p| p.node == pod.node).map(|p| p.ip.as_str()).collect();
        let net = node::pod_net(index);
        let free = (2..=254).map(|host| format!("{net}.{host}"));
        let ip = free.into_iter().find(|ip| !taken.contains(ip.as_str()) && !local.ips.contains_key(ip));
        // A node takes 110 pods; only one that is configured for more than its network holds can run out.
        let ip = ip.unwrap_or_else(|| format!("{net}.255"));
        local.ips.insert(ip.clone(), pod.meta.uid.clone());
        ip
    }
}

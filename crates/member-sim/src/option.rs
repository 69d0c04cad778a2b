//! What a member is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Clock, Timestamp};

pub use crate::plan::kubelet::Pace;

/// A simulated node.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// Name.
    pub name: String,
    /// Capacity in cores, as a quantity.
    pub cpu: String,
    /// Capacity in bytes, as a quantity.
    pub memory: String,
    /// Most pods.
    pub pods: u32,
    /// Labels, besides those that kubelet sets.
    pub labels: BTreeMap<String, String>,
    /// Region; empty for none.
    pub region: String,
    /// Zone; empty for none.
    pub zone: String,
}

impl NodeSpec {
    /// A node with 4 cores, 8 GiB and room for 110 pods (kubelet's default).
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            cpu: "4".to_owned(),
            memory: "8Gi".to_owned(),
            pods: 110,
            labels: BTreeMap::new(),
            region: String::new(),
            zone: String::new(),
        }
    }
}

/// How to start a member.
#[derive(Clone)]
pub struct Options {
    /// Name: in certificates, in the kubeconfig and in logs.
    pub name: String,
    /// Where it keeps everything: objects, certificates, its port. `None` keeps it in memory.
    pub dir: Option<PathBuf>,
    /// Its nodes. Kept nodes that are not here any more fall silent.
    pub nodes: Vec<NodeSpec>,
    /// Region of nodes that name none.
    pub region: String,
    /// TCP port on 127.0.0.1; 0 takes the one it had, or a free one.
    pub port: u16,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Decides delays and generated names: the same seed, the same ones. UIDs are random unless it is in memory.
    pub seed: u64,
    /// How long things take.
    pub pace: Pace,
    /// The version that it says it has.
    pub version: String,
    /// Whether its controllers, scheduler and kubelets write Events. Not unless it is said: of a thousand members that is much.
    pub events: bool,
}

impl Options {
    /// A member in memory with one node.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            nodes: vec![NodeSpec::new(format!("{name}-1"))],
            name,
            dir: None,
            region: String::new(),
            port: 0,
            clock: Arc::new(TokioClock::default()),
            seed: 0,
            pace: Pace::default(),
            version: "v1.37.2-sim".to_owned(),
            events: false,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("name", &self.name)
            .field("dir", &self.dir)
            .field("nodes", &self.nodes.len())
            .finish_non_exhaustive()
    }
}

/// The wall clock at the start, and tokio's clock from there: a test that pauses tokio's time pauses this one too.
#[derive(Debug)]
pub struct TokioClock {
    wall: Timestamp,
    start: tokio::time::Instant,
}

impl Default for TokioClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that comes in everywhere else")]
    fn default() -> Self {
        Self { wall: Timestamp::now(), start: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let passed = jiff::SignedDuration::try_from(self.start.elapsed()).unwrap_or_default();
        self.wall.checked_add(passed).unwrap_or(self.wall)
    }
}

//! What can go wrong between us and a member.

use plan::inventory::InventoryError;
use serde_json::Value;

/// Who acts on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nobody: it is tried again.
    Retry,
    /// Somebody has to change the object, the unit or the member.
    AwaitChange,
    /// The member cannot be reached; nothing is known of it.
    Unreachable,
    /// We do: the program is wrong.
    Bug,
}

/// An error of a request to a member, or of what it holds.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with an error.
    #[error("{message}")]
    Api {
        /// HTTP status code.
        code: u16,
        /// Kubernetes' reason, such as `Invalid`.
        reason: String,
        /// The server's sentence.
        message: String,
        /// Fields that it names.
        fields: Vec<String>,
    },
    /// The server could not be asked.
    #[error("the member cannot be reached: {0}")]
    Transport(String),
    /// The server did not answer in time.
    #[error("the member did not answer within {0} s")]
    Deadline(u64),
    /// Something behind the server did not answer: an aggregated API, a webhook, a slow part of its store.
    #[error("{0}; the rest of the member answers")]
    Unavailable(String),
    /// The server answered with something that is not JSON.
    #[error("the member answered with something that is not a Kubernetes object: {0}")]
    Answer(String),
    /// The member does not serve the kind.
    #[error(
        "the member serves no {kind} in {version}; install its CustomResourceDefinition, or correct apiVersion and kind"
    )]
    NoKind {
        /// Group and kind.
        kind: String,
        /// Group and version.
        version: String,
    },
    /// The object's namespace does not go with its kind.
    #[error("{kind} is {}; {} metadata.namespace", if *.namespaced { "namespaced" } else { "cluster-scoped" }, if *.namespaced { "set" } else { "remove" })]
    Scope {
        /// Group and kind.
        kind: String,
        /// Whether objects of the kind live in namespaces.
        namespaced: bool,
    },
    /// The inventory in the member.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// Another writer changed the inventory.
    #[error("another applier wrote the inventory at epoch {epoch}; if two hubs run from one backup, stop one")]
    Fenced {
        /// The epoch that the other wrote.
        epoch: u64,
    },
    /// A part of the applier failed in a way that it should not.
    #[error("internal error: {0}")]
    Bug(String),
    /// The cluster behind the address is not the one that is known.
    #[error(
        "this is another cluster: its kube-system namespace has UID {found}, not {expected}; approve the new one, or correct the kubeconfig"
    )]
    OtherCluster {
        /// The UID that is known.
        expected: String,
        /// The UID that it has.
        found: String,
    },
}

impl Error {
    /// An error answer, read from its body.
    pub(crate) fn api(code: u16, body: &Value) -> Self {
        let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let causes = model::object::get(body, &["details", "causes"]).and_then(Value::as_array);
        let fields = causes.into_iter().flatten().filter_map(|c| Some(c.get("field")?.as_str()?.to_owned())).collect();
        let message = match text("message") {
            empty if empty.is_empty() => format!("the server answered {code}"),
            message => message,
        };
        Self::Api { code, reason: text("reason"), message, fields }
    }

    /// HTTP status code, when the server answered.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Api { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Who acts.
    pub fn class(&self) -> Class {
        match self {
            Self::Transport(_) | Self::Deadline(_) => Class::Unreachable,
            Self::Api { code: 401 | 502 | 503 | 504, .. } => Class::Unreachable,
            Self::Api { code: 400 | 403 | 405 | 413 | 415 | 422, .. } => Class::AwaitChange,
            Self::NoKind { .. } | Self::Scope { .. } | Self::Inventory(_) | Self::OtherCluster { .. } => {
                Class::AwaitChange
            }
            Self::Api { .. } | Self::Answer(_) | Self::Unavailable(_) | Self::Fenced { .. } => Class::Retry,
            Self::Bug(_) => Class::Bug,
        }
    }

    /// One CamelCase word for conditions.
    pub fn reason(&self) -> &str {
        match self {
            Self::Api { reason, .. } if !reason.is_empty() => reason,
            Self::Api { .. } => "ServerError",
            Self::Transport(_) => "Unreachable",
            Self::Deadline(_) => "Timeout",
            Self::Answer(_) => "BadAnswer",
            Self::Unavailable(_) => "Unavailable",
            Self::NoKind { .. } => "NoKind",
            Self::Scope { .. } => "WrongScope",
            Self::Inventory(InventoryError::Unverified { .. } | InventoryError::Foreign { .. }) => {
                "InventoryUnverified"
            }
            Self::Inventory(_) => "InventoryUnreadable",
            Self::Fenced { .. } => "Fenced",
            Self::Bug(_) => "InternalError",
            Self::OtherCluster { .. } => "OtherCluster",
        }
    }

    /// May this come from one part of the member while the rest of it answers?
    pub(crate) fn is_doubtful(&self) -> bool {
        matches!(self, Self::Deadline(_) | Self::Api { code: 502..=504, .. })
    }

    /// Is it unknown whether a write was carried out?
    pub(crate) fn is_ambiguous(&self) -> bool {
        !matches!(self.code(), Some(400..=499))
    }

    /// Did the server refuse a change of a field that cannot change? Kubernetes says so in words only.
    pub fn is_immutable(&self) -> bool {
        matches!(self, Self::Api { code: 422, message, .. } if message.contains("immutable") || message.contains("updates to statefulset spec for fields other than"))
    }
}

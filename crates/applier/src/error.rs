//! What can go wrong between us and a member.

use client::Class;
use model::ObjectKey;
use plan::inventory::InventoryError;
use plan::ownership;
use plan::rights::OUTSIDE_RIGHTS;

/// An error of a request to a member, or of what it holds.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request to the member failed.
    #[error("{}", of_member(.0))]
    Member(client::Error),
    /// The object's namespace does not go with its kind.
    #[error("{kind} is {}; {} metadata.namespace", if *.namespaced { "namespaced" } else { "cluster-scoped" }, if *.namespaced { "set" } else { "remove" })]
    Scope {
        /// Group and kind.
        kind: String,
        /// Whether objects of the kind live in namespaces.
        namespaced: bool,
    },
    /// The member gives no rights to the object, so that nothing was asked.
    #[error("{0}")]
    OutsideRights(String),
    /// The inventory in the member.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// Another writer changed the inventory.
    #[error(
        "another applier wrote the inventory at epoch {epoch}; if two hubs run from one backup, stop one, and start the other one again"
    )]
    Fenced {
        /// The epoch that the other wrote.
        epoch: u64,
    },
    /// The inventory was found by its name only, after the pass had begun without it.
    #[error("the inventory had lost its labels; it was found by its name, and the unit is looked at again")]
    Reread,
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

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        Self::Member(error)
    }
}

/// A failed request in words that say who was asked.
fn of_member(error: &client::Error) -> String {
    match error {
        // The server's own sentence, which needs no subject.
        client::Error::Refused { message, .. } | client::Error::Gone { message } => message.clone(),
        client::Error::NotKubernetes { said } => {
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            format!("what is in front of the member answered 404, and not by Kubernetes{said}")
        }
        client::Error::Transport { cause, .. } => format!("the member cannot be reached: {cause}"),
        client::Error::Deadline(time) => format!("the member did not answer within {} s", time.as_secs_f32()),
        client::Error::OtherCluster { expected, found } => format!(
            "another cluster answers at the member's address since a connection was lost: its kube-system namespace has UID \
             {found}, not {expected}; nothing was written to it"
        ),
        client::Error::Unavailable(inner) => format!("{}; {REST_ANSWERS}", of_member(inner)),
        client::Error::TooLarge { max, of } => format!("the member's answer is larger than {max} {of}"),
        client::Error::Endless { max, of } => format!("the member's list does not end: it has more than {max} {of}"),
        client::Error::Flood { max } => format!("the member's watch says more than {max} lines a second"),
        client::Error::Mute => "the member, or what is before it, ends watches as soon as they are open, and they say \
                                nothing"
            .to_owned(),
        client::Error::Malformed(why) => {
            format!("the member answered with something that is not a Kubernetes object: {why}")
        }
        client::Error::Mismatch { asked, found } => {
            format!("the member was asked about {asked}, and its answer is about {found}")
        }
        client::Error::NoKind { kind, version, served: Some(served) } => format!(
            "the member serves no {kind} in {version}; the member serves it as {served}: correct apiVersion, and what differs there"
        ),
        client::Error::NoKind { kind, version, served: None } if is_built_in(kind, version) => format!(
            "the member says that it serves no {kind} in {version}, which each Kubernetes serves: see what is in front of its API \
             server, and whether that runs as it should"
        ),
        client::Error::NoKind { kind, version, served: None } => format!(
            "the member serves no {kind} in {version}; install its CustomResourceDefinition, or correct apiVersion and kind"
        ),
        client::Error::Request(why) => format!("internal error: not a request: {why}"),
    }
}

/// Is it a kind that comes with Kubernetes, and not with a definition? By group and kind, and by group and version.
fn is_built_in(kind: &str, version: &str) -> bool {
    let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
    let version = version.rsplit('/').next().unwrap_or_default();
    let key = ObjectKey { group: group.to_owned(), kind: kind.to_owned(), ..ObjectKey::default() };
    ownership::is_always_served(&key, version)
}

/// The same for a request that had a Secret in it: a server's sentence may quote it, so only fields are kept, and words of
/// ours. `not_text` are fields that have to be text and are not.
fn of_member_about_secret(error: &client::Error, not_text: &[String]) -> String {
    let refused = |why: &str| format!("the server refused the Secret ({why})");
    match error {
        client::Error::Refused { fields, .. } if !fields.is_empty() => refused(&fields.join(", ")),
        client::Error::Refused { code: 400, .. } if !not_text.is_empty() => {
            refused(&format!("{} must be text: put the value in quotes", not_text.join(", ")))
        }
        client::Error::Refused { code: 400, .. } => {
            refused("a field has a name or a type that Secrets do not have, or a value of data is not Base64")
        }
        client::Error::Refused { code: 403, .. } => {
            refused("Forbidden: a right is missing, or a policy of the member is against it")
        }
        client::Error::Refused { missing: Some(missing), .. } if missing.is_namespace() => {
            refused("NotFound: its namespace is not there; deliver the namespace too, or make it")
        }
        client::Error::Gone { .. } => refused("NotFound: it is not there"),
        // A proxy may show what was sent to it.
        client::Error::NotKubernetes { .. } => of_member(&client::Error::NotKubernetes { said: String::new() }),
        client::Error::Refused { code, .. } => refused(&format!("HTTP {code}")),
        client::Error::Unavailable(inner) => format!("{}; {REST_ANSWERS}", of_member_about_secret(inner, not_text)),
        other => of_member(other),
    }
}

const REST_ANSWERS: &str = "the rest of the member answers";

impl Error {
    /// The message, for an error of a Secret: without what a server may have quoted of it.
    pub(crate) fn about_secret(&self, not_text: &[String]) -> String {
        match self {
            Self::Member(error) => of_member_about_secret(error, not_text),
            other => other.to_string(),
        }
    }

    /// HTTP status code, when the server answered with a failure.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Member(error) => error.code(),
            _ => None,
        }
    }

    /// Who acts.
    pub fn class(&self) -> Class {
        match self {
            Self::Member(error) => error.class(),
            Self::Scope { .. } | Self::OutsideRights(_) | Self::Inventory(_) | Self::OtherCluster { .. } => {
                Class::AwaitChange
            }
            Self::Fenced { .. } => Class::Retry,
            Self::Reread => Class::Reread,
            Self::Bug(_) => Class::Bug,
        }
    }

    /// One CamelCase word for conditions.
    pub fn reason(&self) -> &str {
        match self {
            Self::Member(error) => error.reason(),
            Self::Scope { .. } => "WrongScope",
            Self::OutsideRights(_) => OUTSIDE_RIGHTS,
            Self::Inventory(InventoryError::Unverified { .. } | InventoryError::Foreign { .. }) => {
                "InventoryUnverified"
            }
            Self::Inventory(_) => "InventoryUnreadable",
            Self::Fenced { .. } => "Fenced",
            Self::Reread => "Conflict",
            Self::Bug(_) => "InternalError",
            Self::OtherCluster { .. } => "OtherCluster",
        }
    }

    /// Is it unknown whether a write was carried out?
    pub(crate) fn is_ambiguous(&self) -> bool {
        match self {
            Self::Member(error) => error.is_ambiguous(),
            Self::Bug(_) => true,
            Self::Scope { .. }
            | Self::OutsideRights(_)
            | Self::Inventory(_)
            | Self::Fenced { .. }
            | Self::Reread
            | Self::OtherCluster { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;

//! Credentials that `kurator attach` made in members, and that the hub renews.

use model::{Digest, Timestamp, object};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::HubId;

/// Namespace of what Kurator has in a member, its service account among it.
pub const NAMESPACE: &str = "kurator-system";

/// Name of the service account in a member that the hub works as.
pub const SERVICE_ACCOUNT: &str = "kurator";

/// Key of the kubeconfig in a Secret that `kurator attach` writes.
pub const KUBECONFIG_KEY: &str = "kubeconfig";

/// Label of token Secrets that Kurator makes in a member, with the service account's name as its value.
pub const TOKEN_SECRET_LABEL: &str = "kurator.dev/token-of";

/// The role and its binding, in [`NAMESPACE`], for the account's own credential.
pub const CREDENTIAL_ROLE: &str = "kurator-credential";

/// The role and its binding, in [`NAMESPACE`], for the Secrets in which the hub keeps what it delivered, where it has no rights
/// in the whole cluster.
pub const INVENTORY_ROLE: &str = "kurator-inventory";

/// The role and its binding, in the namespace kube-system, to read who the cluster is, where the hub has no rights in the whole
/// cluster.
pub const IDENTITY_ROLE: &str = "kurator-identity";

/// The label of everything that `kurator attach` makes in a member, and its value. What does not have it is somebody else's.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGER: &str = "kurator";

/// Begin of annotations on the service account, one for each attached cluster of each hub that works as it. What follows is a
/// digest; the value says which hub. An account without any such annotation has no hub that is known to use it.
pub const USED_BY_PREFIX: &str = "used-by.kurator.dev/";

/// How many hexadecimal digits follow: 64 bits.
const USED_BY_DIGITS: usize = 16;

/// The annotation that says that a hub works as the account. `whose`: the hub and the attached cluster, in words.
pub fn used_by(whose: &str) -> String {
    format!("{USED_BY_PREFIX}{}", &Digest::of(whose.as_bytes()).hex()[..USED_BY_DIGITS])
}

/// Whose mark that is: an attached cluster of the hub with this id. The same for each attach of it, and for no other hub's.
pub fn whose(hub: &HubId, namespace: &str, name: &str) -> String {
    format!("hub {hub} {namespace}/{name}")
}

/// The same in words that people read: the value of the mark, after the hub's address where that is known.
pub fn whose_words(hub: &HubId, namespace: &str, name: &str) -> String {
    format!("{namespace}/{name} (hub {hub})")
}

/// Annotation on the ClusterRole of the account. `kurator attach` writes it where a detach began to remove the account and did
/// not end: with it the object is another version than the one that the detach would delete. The value is that version.
pub const TAKEN_BACK: &str = "kurator.dev/taken-back";

/// The marks on an account: the annotation, and whose it is, in words.
pub fn marks(account: &Value) -> impl Iterator<Item = (&String, &str)> {
    let annotations = object::get(account, &["metadata", "annotations"]).and_then(Value::as_object);
    let marks = annotations.into_iter().flatten().filter(|(name, _)| name.starts_with(USED_BY_PREFIX));
    marks.map(|(name, whose)| (name, whose.as_str().unwrap_or_default()))
}

/// Most characters of an object's name at the beginning of an event's: a name has 253, a dot and a UID take 37, and what
/// follows 8.
const EVENT_PREFIX_MAX: usize = 200;

/// The Event that says what became of the account when an AttachedCluster, which has this name and UID, was detached.
pub fn account_event(name: &str, uid: &str) -> String {
    let prefix: String = name.chars().take(EVENT_PREFIX_MAX).collect();
    format!("{prefix}.{uid}.account")
}

/// Reason of that Event: the account and all its rights are gone.
pub const ACCOUNT_REMOVED: &str = "AccountRemoved";
/// Reason of that Event: it could not be removed. The note says why.
pub const ACCOUNT_STAYS: &str = "AccountStays";
/// Reason of that Event: another hub works as it. The note says which.
pub const ACCOUNT_SHARED: &str = "AccountShared";

/// How a credential was made: the value of [`super::annotation::MINTED`], as JSON. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Minted {
    /// The context of the user's kubeconfig that was used, for the command that makes another one. Its name only.
    pub context: String,
    /// When it was made.
    pub issued: Timestamp,
    /// When it ends; absent for a token Secret, which has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Digest of the token. A Secret keeps this annotation when a person puts another kubeconfig into it: what has another
    /// token is that person's. Without it nothing is known to be Kurator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_digest: Option<Digest>,
    /// The token Secret in the member, where the server grants requested tokens for a short time only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret: Option<String>,
    /// The annotation on the service account that says that this hub works as it ([`used_by`]). Without it the hub does not
    /// know whether the account is there for it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<String>,
    /// Why the last try to renew it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Minted {
    /// Reads the annotation's value; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The annotation's value.
    pub fn to_text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

//! Credentials that `kurator attach` made in members, and that the hub renews.

use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// Namespace of what Kurator has in a member, its service account among it.
pub const NAMESPACE: &str = "kurator-system";

/// Name of the service account in a member that the hub works as.
pub const SERVICE_ACCOUNT: &str = "kurator";

/// Key of the kubeconfig in a Secret that `kurator attach` writes.
pub const KUBECONFIG_KEY: &str = "kubeconfig";

/// Label of token Secrets that Kurator makes in a member, with the service account's name as its value.
pub const TOKEN_SECRET_LABEL: &str = "kurator.dev/token-of";

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
    /// The token Secret that it replaces: it goes when the new one is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
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

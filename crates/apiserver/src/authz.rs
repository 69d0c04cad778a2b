//! What a user may do.

use std::sync::Arc;

use model::{GroupResource, Reason, Status};
use serde_json::{Value, json};

use crate::user::{MASTERS, UserInfo};

pub(crate) mod escalation;
mod rbac;
pub(crate) mod signer;

pub use rbac::Rbac;

/// What a request wants, as authorization sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// `get`, `list`, …, for paths the lower-case HTTP method.
    pub verb: &'a str,
    /// API group.
    pub group: &'a str,
    /// API version.
    pub version: &'a str,
    /// Plural resource name; empty for a path.
    pub resource: &'a str,
    /// Subresource, empty for none.
    pub subresource: &'a str,
    /// Namespace, empty for cluster-scoped requests and all namespaces.
    pub namespace: &'a str,
    /// Name, empty for collections.
    pub name: &'a str,
    /// The URL path when no resource is asked for.
    pub path: &'a str,
}

/// The RBAC objects that the server holds, read on demand.
pub trait Policies: Send + Sync {
    /// Changes whenever an RBAC object changes; what was compiled for an epoch stays true for it.
    fn epoch(&self) -> u64;
    /// All objects of an RBAC resource: `roles`, `rolebindings`, `clusterroles`, `clusterrolebindings`.
    fn objects(&self, resource: &str) -> Vec<Value>;
}

/// Decides what a user may do. Called for every request: it must not scan.
pub trait Authorizer: Send + Sync + 'static {
    /// Is it allowed? `Err` holds a reason to show, or nothing.
    ///
    /// # Errors
    /// The refusal.
    fn authorize(&self, user: &UserInfo, what: &Attributes<'_>, policies: &dyn Policies) -> Result<(), String>;

    /// What a user may do in a namespace, as the rules of roles; `None` when this authorizer cannot tell.
    fn rules(&self, user: &UserInfo, namespace: &str, policies: &dyn Policies) -> Option<Vec<Value>> {
        let _ = (user, namespace, policies);
        None
    }
}

/// Allows everything to everybody: for servers that are reached in process only.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {
    fn authorize(&self, _: &UserInfo, _: &Attributes<'_>, _: &dyn Policies) -> Result<(), String> {
        Ok(())
    }
}

/// Paths that need no credentials.
pub(crate) fn is_public(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(first, "healthz" | "readyz" | "livez" | "version")
}

/// Checks a request.
pub(crate) fn check(
    authorizer: &Arc<dyn Authorizer>,
    user: &UserInfo,
    what: &Attributes<'_>,
    policies: &dyn Policies,
) -> Result<(), Status> {
    if user.is_in(MASTERS) || (what.resource.is_empty() && is_public(what.path)) {
        return Ok(());
    }
    authorizer.authorize(user, what, policies).map_err(|reason| refusal(user, what, &reason))
}

/// The 403 that kube-apiserver gives (`endpoints/handlers/responsewriters/errors.go`).
fn refusal(user: &UserInfo, what: &Attributes<'_>, reason: &str) -> Status {
    let suffix = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    if what.resource.is_empty() {
        let message = format!("forbidden: User {:?} cannot {} path {:?}{suffix}", user.name, what.verb, what.path);
        return Status { details: json!({}), ..Status::new(Reason::Forbidden, message) };
    }
    let resource = if what.subresource.is_empty() {
        what.resource.to_owned()
    } else {
        format!("{}/{}", what.resource, what.subresource)
    };
    let scope = if what.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", what.namespace)
    };
    let why = format!(
        "User {:?} cannot {} resource {resource:?} in API group {:?} {scope}{suffix}",
        user.name, what.verb, what.group
    );
    let gr = GroupResource { group: what.group.to_owned(), resource: what.resource.to_owned() };
    Status::forbidden(&gr, what.name, &why)
}

//! The extension point for what a kind means: defaults, validation, refusal.

use model::{FieldError, GroupResource, GroupVersionKind, Status, Timestamp};
use serde_json::Value;

use crate::user::UserInfo;

/// What a request does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It makes the object.
    Create,
    /// It changes the object: update, patch or apply, or one of a subresource.
    Update,
    /// It deletes the object.
    Delete,
}

/// One request as admission sees it.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionRequest<'a> {
    /// What happens.
    pub operation: Operation,
    /// Kind of the object, in the version of the request.
    pub kind: &'a GroupVersionKind,
    /// Resource of the object.
    pub resource: &'a GroupResource,
    /// `status`, `scale`, …; empty for the object itself.
    pub subresource: &'a str,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// Who asks.
    pub user: &'a UserInfo,
    /// The object as it is stored; `None` when it is made.
    pub old: Option<&'a Value>,
    /// Nothing will be stored.
    pub dry_run: bool,
    /// When.
    pub now: Timestamp,
}

/// Why admission refused a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Denied {
    /// Fields are wrong: 422 with a cause each.
    Invalid(Vec<FieldError>),
    /// The request is not allowed: 403 with this sentence.
    Forbidden(String),
    /// Anything else.
    Status(Status),
}

/// Decides about objects of some kinds, in process and without I/O.
///
/// Guarantees of the caller: `mutate` of all admissions run before any `validate`, in the order of
/// [`Config::admissions`](crate::Config::admissions); both run after pruning and defaulting by schema and see the object
/// in the version of the request. When a write meets a newer version of the object, everything runs again. What
/// `mutate` changes is pruned, validated by schema and owned by the field manager of the request.
///
/// Both must be deterministic: the same request and object give the same result.
pub trait Admission: Send + Sync + 'static {
    /// Does this admission care about such objects? Called for each request; keep it a comparison.
    fn handles(&self, resource: &GroupResource, operation: Operation) -> bool;

    /// Fills in defaults or refuses. Not called for deletes.
    ///
    /// # Errors
    /// The refusal.
    fn mutate(&self, request: &AdmissionRequest<'_>, object: &mut Value) -> Result<(), Denied> {
        let _ = (request, object);
        Ok(())
    }

    /// Writes into an object what its deletion means, in the same write as the deletion. `orphans`: what depends on the object is
    /// to stay (`--cascade=orphan`). Called for deletes alone, before any `validate`; the object is in the version that is
    /// stored. Returns warnings for the client.
    fn mutate_deleted(&self, request: &AdmissionRequest<'_>, orphans: bool, object: &mut Value) -> Vec<String> {
        let _ = (request, orphans, object);
        Vec::new()
    }

    /// Checks the final object (`None` for a delete, where [`AdmissionRequest::old`] is what goes). Returns warnings for
    /// the client.
    ///
    /// # Errors
    /// The refusal.
    fn validate(&self, request: &AdmissionRequest<'_>, object: Option<&Value>) -> Result<Vec<String>, Denied> {
        let _ = (request, object);
        Ok(Vec::new())
    }
}

impl Denied {
    /// The answer for the client.
    pub(crate) fn into_status(self, request: &AdmissionRequest<'_>) -> Status {
        match self {
            Self::Invalid(errors) => Status::invalid(&request.kind.group_kind(), request.name, &errors),
            Self::Forbidden(why) => Status::forbidden(request.resource, request.name, &why),
            Self::Status(status) => status,
        }
    }
}

//! What a kind does that other kinds do not: one row per kind.
//!
//! The generic handler asks the row and compares no kind by name. A row holds facts and pure functions; what
//! they need besides the object comes in as [`Surroundings`]. Kinds without a row of their own are plain: they are
//! stored, and nothing else. Upstream has the same in `pkg/registry/*/strategy.go` and `pkg/registry/*/storage`.
//!
//! Not here: how a kind is served (names, verbs, subresources), which the crate `kinds` says; defaults, validation and
//! columns, which are functions of `apimachinery`.

pub(crate) mod certificate;
mod job;
mod namespace;
mod pod;
mod row;
mod volume;

use model::{FieldError, Timestamp};
use serde_json::Value;

use crate::surroundings::Surroundings;

/// Finds something about an object, given what it was before and what surrounds it.
pub(crate) type Look<T> = fn(&Value, Option<&Value>, &dyn Surroundings) -> Vec<T>;

/// The rules of one kind.
#[derive(Debug)]
pub(crate) struct Strategy {
    /// API group; empty for core.
    group: &'static str,
    /// Kind.
    kind: &'static str,
    /// Version of the kind; empty for all of them.
    version: &'static str,

    // Where and how it is stored.
    /// Group and version in which objects are stored, when they are not those that are served.
    pub(crate) stored_as: Option<(&'static str, &'static str)>,
    /// Changes the shape of an object that goes from one `apiVersion` to another.
    pub(crate) convert: Option<fn(&mut Value, &str, &str)>,
    /// The name of a selectable field in the form that is stored.
    pub(crate) stored_field: Option<fn(&str) -> String>,

    // Create.
    /// An update of an object that is not there makes it (`AllowCreateOnUpdate`).
    pub(crate) create_on_update: bool,
    /// Defaults beyond those of the type.
    pub(crate) default: Option<fn(&mut Value)>,
    /// What a client should know about the object that it sends.
    pub(crate) warn: Option<Look<String>>,
    /// Finds what is wrong with an object by what surrounds it.
    pub(crate) check: Option<Look<FieldError>>,
    /// A new object keeps the status that the client sent.
    pub(crate) create_with_status: bool,
    /// Sets what a new object starts with, after defaulting.
    pub(crate) prepare_create: Option<fn(&mut Value, &dyn Surroundings)>,
    /// Addresses and ports are given out by the server.
    pub(crate) allocates_addresses: bool,

    // Update.
    /// An update needs no resourceVersion (`AllowUnconditionalUpdate`).
    pub(crate) unconditional_update: bool,
    /// What a write of the whole object leaves as it was, besides the status.
    pub(crate) kept: &'static [&'static [&'static str]],
    /// Adjusts an object after a change of the whole, by what it was before.
    pub(crate) prepare_update: Option<fn(&mut Value, &Value, &dyn Surroundings)>,
    /// A change of annotations counts as a new generation.
    pub(crate) annotations_count: bool,
    /// A write of the status takes metadata along, but for these fields; `None`: metadata stays as it was
    /// (`ResetObjectMetaForStatus`).
    pub(crate) status_metadata: Option<&'static [&'static str]>,

    // Delete.
    /// Names of objects that cannot be deleted.
    pub(crate) permanent: &'static [&'static str],
    /// `spec.finalizers` hold an object as `metadata.finalizers` do.
    pub(crate) spec_finalizers: bool,
    /// Seconds until the object may go, of those that the client asks for.
    pub(crate) grace: Option<fn(&Value, Option<i64>) -> i64>,
    /// Adjusts an object that is marked for deletion.
    pub(crate) mark_deleted: Option<fn(&mut Value, Timestamp)>,
    /// The server cleans up before the object goes: it waits even without finalizers, and being marked is no new
    /// generation.
    pub(crate) cleaned_up: bool,
    /// A delete answers with the object (`ReturnDeletedObject`).
    pub(crate) returns_deleted: bool,

    // Who may, and what else the path answers.
    /// Writing it grants permissions to others.
    pub(crate) grants: Option<Grants>,
    /// Approval and signing need rights on the signer that the object names.
    pub(crate) names_signer: bool,
    /// The question that a create answers; the object is not stored.
    pub(crate) review: Option<Review>,
    /// Subresources that kube-apiserver passes on to a kubelet.
    pub(crate) kubelet: &'static [&'static str],
}

/// How an object grants permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grants {
    /// It holds rules.
    Rules,
    /// It refers to a role.
    Reference,
}

/// A question to the server, as a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Review {
    /// Who am I?
    WhoAmI,
    /// May I?
    OwnAccess,
    /// May this user?
    Access,
    /// May this user, in this namespace?
    NamespacedAccess,
    /// What may I do in a namespace?
    OwnRules,
    /// Is this token good?
    Token,
}

/// A kind without rules of its own: built-in, or from code.
static PLAIN: Strategy = Strategy::plain("", "");
/// A kind of a CRD.
static CUSTOM: Strategy = Strategy { unconditional_update: false, ..Strategy::plain("", "") };

/// The rules of a built-in kind.
pub(crate) fn of_builtin(group: &str, version: &str, kind: &str) -> &'static Strategy {
    let fits =
        |row: &&Strategy| row.kind == kind && row.group == group && (row.version.is_empty() || row.version == version);
    row::ROWS.iter().find(fits).unwrap_or(&PLAIN)
}

/// The rules of kinds that come from code.
pub(crate) fn of_code() -> &'static Strategy {
    &PLAIN
}

/// The rules of kinds that CRDs define.
pub(crate) fn of_custom() -> &'static Strategy {
    &CUSTOM
}

#[cfg(test)]
mod tests;

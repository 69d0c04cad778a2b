//! `metav1.Status`: how an API server says what went wrong.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kind::GroupResource;
use crate::path::FieldPath;

/// Why a request failed, with the HTTP code that goes with it (`apimachinery/pkg/apis/meta/v1/types.go`, StatusReason).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the documentation: each is Kubernetes' reason of that name")]
pub enum Reason {
    Unauthorized,
    Forbidden,
    NotFound,
    AlreadyExists,
    Conflict,
    Gone,
    Expired,
    Invalid,
    BadRequest,
    MethodNotAllowed,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    InternalError,
    ServiceUnavailable,
    Timeout,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Conflict,
        Self::Gone,
        Self::Expired,
        Self::Invalid,
        Self::BadRequest,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::RequestEntityTooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::InternalError,
        Self::ServiceUnavailable,
        Self::Timeout,
    ];

    /// HTTP status code.
    pub const fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::Gone | Self::Expired => 410,
            Self::RequestEntityTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::TooManyRequests => 429,
            Self::InternalError => 500,
            Self::ServiceUnavailable => 503,
            Self::Timeout => 504,
        }
    }

    /// The text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::Conflict => "Conflict",
            Self::Gone => "Gone",
            Self::Expired => "Expired",
            Self::Invalid => "Invalid",
            Self::BadRequest => "BadRequest",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::NotAcceptable => "NotAcceptable",
            Self::RequestEntityTooLarge => "RequestEntityTooLarge",
            Self::UnsupportedMediaType => "UnsupportedMediaType",
            Self::TooManyRequests => "TooManyRequests",
            Self::InternalError => "InternalError",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::Timeout => "Timeout",
        }
    }
}

/// What is wrong with one field (`apimachinery/pkg/util/validation/field/errors.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorKind {
    /// A required value is missing.
    Required,
    /// The value is wrong.
    Invalid,
    /// The value is not among those supported.
    NotSupported,
    /// The value repeats one that must be unique.
    Duplicate,
    /// The value is not allowed here.
    Forbidden,
    /// The text or list is too long.
    TooLong,
    /// The list has too many items.
    TooMany,
    /// The value has the wrong JSON type.
    TypeInvalid,
    /// Something that the value refers to does not exist.
    NotFound,
}

impl FieldErrorKind {
    /// The cause's `reason` on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotFound => "FieldValueNotFound",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::NotFound => "Not found",
        }
    }
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// Where.
    pub path: FieldPath,
    /// What kind of wrong.
    pub kind: FieldErrorKind,
    /// The value, when showing it helps and it is no secret.
    pub value: Option<Value>,
    /// What should be there instead.
    pub detail: String,
}

impl FieldError {
    /// A value that is wrong.
    pub fn invalid(path: FieldPath, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self { path, kind: FieldErrorKind::Invalid, value: Some(value.into()), detail: detail.into() }
    }

    /// A value that is missing.
    pub fn required(path: FieldPath, detail: impl Into<String>) -> Self {
        Self { path, kind: FieldErrorKind::Required, value: None, detail: detail.into() }
    }

    /// A value that may not be set here.
    pub fn forbidden(path: FieldPath, detail: impl Into<String>) -> Self {
        Self { path, kind: FieldErrorKind::Forbidden, value: None, detail: detail.into() }
    }

    /// A value that repeats another.
    pub fn duplicate(path: FieldPath, value: impl Into<Value>) -> Self {
        Self { path, kind: FieldErrorKind::Duplicate, value: Some(value.into()), detail: String::new() }
    }

    /// A value that is not one of those supported.
    pub fn not_supported(path: FieldPath, value: impl Into<Value>, supported: &[&str]) -> Self {
        let list: Vec<String> = supported.iter().map(|s| format!("{s:?}")).collect();
        let detail = format!("supported values: {}", list.join(", "));
        Self { path, kind: FieldErrorKind::NotSupported, value: Some(value.into()), detail }
    }

    /// The sentence without the path.
    pub fn message(&self) -> String {
        let mut out = self.kind.words().to_owned();
        if let Some(value) = &self.value {
            out.push_str(": ");
            out.push_str(&value.to_string());
        }
        if !self.detail.is_empty() {
            out.push_str(": ");
            out.push_str(&self.detail);
        }
        out
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message())
    }
}

/// A failed request, as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// HTTP code.
    pub code: u16,
    /// Machine-readable reason.
    #[serde(default)]
    pub reason: String,
    /// Sentence for people.
    #[serde(default)]
    pub message: String,
    /// `details`: name, group, kind, causes, retryAfterSeconds.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
    /// `metadata.continue`: how a list whose revision is gone can go on at the newest one.
    #[serde(skip)]
    pub continue_token: Option<String>,
}

impl Status {
    /// A failure with a reason and a sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code: reason.code(),
            reason: reason.as_str().to_owned(),
            message: message.into(),
            details: Value::Null,
            continue_token: None,
        }
    }

    fn about(reason: Reason, resource: &GroupResource, name: &str, message: String) -> Self {
        let details = json!({"name": name, "group": resource.group, "kind": resource.resource});
        Self { details: strip_empty(details), ..Self::new(reason, message) }
    }

    /// 404 for an object.
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        Self::about(Reason::NotFound, resource, name, format!("{resource} {name:?} not found"))
    }

    /// 404 for a path that nothing serves.
    ///
    /// With `details`, though empty: kubectl looks into them without asking whether they are there.
    pub fn no_such_path() -> Self {
        Self { details: json!({}), ..Self::new(Reason::NotFound, "the server could not find the requested resource") }
    }

    /// 409 for a create of something that is there.
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        Self::about(Reason::AlreadyExists, resource, name, format!("{resource} {name:?} already exists"))
    }

    /// 409 for a write that is based on an older version.
    pub fn conflict(resource: &GroupResource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::about(Reason::Conflict, resource, name, message)
    }

    /// 403.
    pub fn forbidden(resource: &GroupResource, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{resource} is forbidden: {why}")
        } else {
            format!("{resource} {name:?} is forbidden: {why}")
        };
        Self::about(Reason::Forbidden, resource, name, message)
    }

    /// 422 with a cause for each field. `kind` is the kind with its group, such as `Deployment.apps`.
    pub fn invalid(kind: &crate::kind::GroupKind, name: &str, errors: &[FieldError]) -> Self {
        let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let text = match list.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let causes: Vec<Value> = errors
            .iter()
            .map(|e| json!({"reason": e.kind.as_str(), "message": e.message(), "field": e.path.to_string()}))
            .collect();
        let details = json!({"name": name, "group": kind.group, "kind": kind.kind, "causes": causes});
        Self {
            details: strip_empty(details),
            ..Self::new(Reason::Invalid, format!("{kind} {name:?} is invalid: {text}"))
        }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }

    /// 500.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(Reason::InternalError, format!("Internal error occurred: {message}"))
    }

    /// 410 for a revision that is no longer kept.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(Reason::Expired, message)
    }

    /// Adds a delay after which the client may try again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, secs: u32) -> Self {
        if self.details.is_null() {
            self.details = json!({});
        }
        self.details["retryAfterSeconds"] = json!(secs);
        self
    }

    /// Does it have this reason?
    pub fn is(&self, reason: Reason) -> bool {
        self.reason == reason.as_str()
    }

    /// The object on the wire.
    pub fn to_value(&self) -> Value {
        let mut out = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            out["details"] = self.details.clone();
        }
        if let Some(token) = &self.continue_token {
            out["metadata"]["continue"] = json!(token);
        }
        out
    }
}

fn strip_empty(mut details: Value) -> Value {
    if let Value::Object(map) = &mut details {
        map.retain(|_, v| v.as_str() != Some(""));
    }
    details
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.message, self.code, self.reason)
    }
}

impl std::error::Error for Status {}

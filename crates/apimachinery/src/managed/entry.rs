//! One entry of `managedFields`.

use std::cmp::Ordering;
use std::fmt;

use model::Timestamp;
use serde_json::{Map, Value};

use crate::fieldset::{FieldSet, FieldSetError};

/// How a manager came to own fields. Ordered as upstream orders entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// By server-side apply: what it leaves out next time goes.
    Apply,
    /// By create, update or patch.
    Update,
}

impl Operation {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metadata.managedFields[{index}]: {why}")]
pub struct ManagedFieldsError {
    /// Which entry.
    pub index: usize,
    /// What is wrong with it.
    pub why: String,
}

/// One manager's fields.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who.
    pub manager: String,
    /// How.
    pub operation: Operation,
    /// The version that the fields are named in.
    pub api_version: String,
    /// The subresource that was written; empty for the object itself.
    pub subresource: String,
    /// When the fields were last written, as the API writes it.
    pub time: Option<String>,
    fields: FieldSet,
    /// What the fields were read from, as long as they are the same.
    fields_v1: Option<Value>,
}

impl Entry {
    /// An entry without fields.
    pub(crate) fn new(manager: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        Self {
            manager: if manager.is_empty() { "unknown".to_owned() } else { manager.to_owned() },
            operation,
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
            time: None,
            fields: FieldSet::new(),
            fields_v1: None,
        }
    }

    /// Its fields.
    pub fn fields(&self) -> &FieldSet {
        &self.fields
    }

    pub(crate) fn set_fields(&mut self, fields: FieldSet) {
        self.fields = fields;
        self.fields_v1 = None;
    }

    /// Changes the fields in place; `change` says whether it did.
    pub(crate) fn change_fields(&mut self, change: impl FnOnce(&mut FieldSet) -> bool) {
        if change(&mut self.fields) {
            self.fields_v1 = None;
        }
    }

    /// Do both stand for the same manager? An applier is the same whatever version it applies in; an updater is another
    /// one in each version.
    pub fn is_same(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// Reads an entry.
    pub(super) fn read(index: usize, value: &Value) -> Result<Self, ManagedFieldsError> {
        let bad = |why: &str| ManagedFieldsError { index, why: why.to_owned() };
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let operation = match text("operation") {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err(bad("operation must be `Apply` or `Update`")),
        };
        if text("apiVersion").is_empty() {
            return Err(bad("apiVersion must not be empty"));
        }
        if text("fieldsType") != "FieldsV1" {
            return Err(bad("fieldsType must be `FieldsV1`"));
        }
        let fields_v1 = value.get("fieldsV1").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        let fields = FieldSet::from_fields_v1(&fields_v1).map_err(|e: FieldSetError| bad(&e.to_string()))?;
        Ok(Self {
            manager: text("manager").to_owned(),
            operation,
            api_version: text("apiVersion").to_owned(),
            subresource: text("subresource").to_owned(),
            time: value.get("time").and_then(Value::as_str).map(str::to_owned),
            fields,
            fields_v1: Some(fields_v1),
        })
    }

    pub(super) fn into_value(self) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: String| {
            if !value.is_empty() {
                out.insert(name.to_owned(), Value::String(value));
            }
        };
        put("manager", self.manager);
        put("operation", self.operation.as_str().to_owned());
        put("apiVersion", self.api_version);
        put("subresource", self.subresource);
        put("time", self.time.unwrap_or_default());
        put("fieldsType", "FieldsV1".to_owned());
        out.insert("fieldsV1".to_owned(), self.fields_v1.unwrap_or_else(|| self.fields.to_fields_v1()));
        Value::Object(out)
    }

    /// The order on an object.
    pub(super) fn by_order(a: &Self, b: &Self) -> Ordering {
        (a.operation.cmp(&b.operation)).then_with(|| compare_times(a.time.as_deref(), b.time.as_deref())).then_with(
            || (&a.manager, &a.api_version, &a.subresource).cmp(&(&b.manager, &b.api_version, &b.subresource)),
        )
    }

    /// Oldest first.
    pub(super) fn by_age(a: &Self, b: &Self) -> Ordering {
        compare_times(a.time.as_deref(), b.time.as_deref()).then_with(|| {
            (&a.manager, &a.api_version, &a.subresource).cmp(&(&b.manager, &b.api_version, &b.subresource))
        })
    }

    /// The manager as conflicts name it: `"name"`, and for updates the version, since each has entries of its own.
    pub(crate) fn describe(&self) -> String {
        let mut out = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            out.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            out.push_str(&format!(" using {}", self.api_version));
        }
        out
    }
}

/// The seconds of a time as the API writes it; 0 when there is none.
fn seconds(time: Option<&str>) -> i64 {
    time.and_then(|time| time.parse::<Timestamp>().ok()).map_or(0, Timestamp::as_second)
}

/// Compares times, oldest first.
fn compare_times(a: Option<&str>, b: Option<&str>) -> Ordering {
    if a == b { Ordering::Equal } else { seconds(a).cmp(&seconds(b)) }
}

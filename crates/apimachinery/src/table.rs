//! `meta.k8s.io/v1 Table`: what the server sends so that `kubectl get` has something to print.
//!
//! Built-in kinds have the columns and cells of kube-apiserver (`pkg/printers/internalversion/printers.go`, 1.37),
//! custom kinds those of their CRD, everything else a name and a time. As there, the server always sends all columns;
//! those with a priority above 0 are for wide output, and kubectl leaves them out.
//!
//! Absent on purpose: descriptions of columns (prose that kubectl does not show).

mod apps;
mod builtin;
mod cell;
mod cluster;
mod duration;
mod jsonpath;
mod network;
mod pod;
mod storage;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::str::FromStr;

use model::{GroupKind, Timestamp, object};
use serde_json::{Value, json};

use crate::structural::CustomVersion;

pub use duration::human;
pub use jsonpath::{JsonPath, JsonPathError};

use cell::Row;

/// Heading of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: Cow<'static, str>,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub ty: Cow<'static, str>,
    /// `name` marks the object's name; otherwise a hint, mostly empty.
    pub format: Cow<'static, str>,
    /// Documentation, mostly empty.
    pub description: Cow<'static, str>,
    /// Columns above 0 are shown in wide output only.
    pub priority: i64,
}

/// The columns of a kind, and how its cells are computed.
#[derive(Clone, Debug)]
pub struct Columns {
    heads: Vec<Column>,
    cells: Cells,
}

#[derive(Clone, Debug)]
enum Cells {
    Code(fn(&Row<'_>) -> Vec<Value>),
    /// After the name, one cell for each path, of that type. A path that cannot be read has empty cells.
    Paths(Vec<(Option<JsonPath>, String)>),
}

/// What of the object a row carries (`includeObject`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// A `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl FromStr for IncludeObject {
    type Err = IncludeObjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "None" => Ok(Self::None),
            "" | "Metadata" => Ok(Self::Metadata),
            "Object" => Ok(Self::Object),
            other => Err(IncludeObjectError(other.to_owned())),
        }
    }
}

/// An `includeObject` that there is not.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unrecognized includeObject value: {0:?}: it must be None, Metadata or Object")]
pub struct IncludeObjectError(String);

/// The columns of a built-in kind; a name and a creation time for kinds that have no columns of their own.
pub fn builtin(kind: &GroupKind) -> Columns {
    builtin::columns(&kind.group, &kind.kind).unwrap_or_else(plain)
}

/// A name and a creation time, for kinds about which nothing else is known.
pub fn plain() -> Columns {
    let mut columns = builtin::plain();
    columns.heads[1].ty = Cow::Borrowed("date");
    columns
}

/// The columns of one version of a custom kind: its name, then its `additionalPrinterColumns`, or else its age.
pub fn custom(version: &CustomVersion) -> Columns {
    let mut heads = vec![builtin::NAME.column()];
    let mut paths = Vec::with_capacity(version.columns.len().max(1));
    if version.columns.is_empty() {
        heads.push(Column { ty: Cow::Borrowed("date"), ..builtin::AGE.column() });
        paths.push((".metadata.creationTimestamp".parse().ok(), "date".to_owned()));
    }
    for column in &version.columns {
        heads.push(Column {
            name: Cow::Owned(column.name.clone()),
            ty: Cow::Owned(column.ty.clone()),
            format: Cow::Owned(column.format.clone()),
            description: Cow::Owned(column.description.clone()),
            priority: column.priority,
        });
        paths.push((column.json_path.parse().ok(), column.ty.clone()));
    }
    Columns { heads, cells: Cells::Paths(paths) }
}

impl Columns {
    /// The headings.
    pub fn heads(&self) -> &[Column] {
        &self.heads
    }

    /// `columnDefinitions`.
    pub fn definitions(&self) -> Value {
        let define = |c: &Column| {
            json!({
                "name": c.name, "type": c.ty, "format": c.format, "description": c.description, "priority": c.priority,
            })
        };
        self.heads.iter().map(define).collect()
    }

    /// The cells of one object, one for each heading.
    pub fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        let row = Row { object, now };
        match &self.cells {
            Cells::Code(code) => code(&row),
            Cells::Paths(paths) => {
                let name = Value::from(row.name());
                let rest = paths.iter().map(|(path, ty)| jsonpath::cell(path.as_ref(), ty, object, now));
                std::iter::once(name).chain(rest).collect()
            }
        }
    }

    /// One row.
    pub fn row(&self, object: &Value, include: IncludeObject, now: Timestamp) -> Value {
        let mut row = json!({"cells": self.cells(object, now)});
        match include {
            IncludeObject::None => row["object"] = Value::Null,
            IncludeObject::Metadata => row["object"] = partial(object),
            IncludeObject::Object => row["object"] = object.clone(),
        }
        if object::gvk(object).is_some_and(|gvk| gvk.group.is_empty() && gvk.kind == "Pod")
            && let Some(conditions) = pod::row_conditions(object)
        {
            row["conditions"] = conditions;
        }
        row
    }

    /// The whole table. `metadata` is the list's (`resourceVersion`, `continue`, `remainingItemCount`); without headers
    /// (`noHeaders`, and all but the first event of a watch) there are no column definitions.
    pub fn table<'a>(
        &self,
        objects: impl IntoIterator<Item = &'a Value>,
        metadata: Value,
        include: IncludeObject,
        headers: bool,
        now: Timestamp,
    ) -> Value {
        let rows: Vec<Value> = objects.into_iter().map(|object| self.row(object, include, now)).collect();
        json!({
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": if headers { self.definitions() } else { Value::Array(Vec::new()) },
            "rows": rows,
        })
    }
}

fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

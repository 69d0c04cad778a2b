//! Label and field selectors of lists, watches and collection deletes.

use std::borrow::Cow;
use std::sync::Arc;

use kinds::schema::{Schema, Type};
use model::{FieldSelector, LabelSelector, Status};
use store::Entry;

use crate::call::Call;
use crate::meta::{Meta, scalar};
use crate::registry::Served;
use crate::state::State;

/// Selects objects by what the index knows; reads a value only for a selectable field that is not indexed.
#[derive(Clone)]
pub(crate) struct Filter {
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
    /// The terms of `fields` for stored objects.
    terms: Vec<Term>,
    /// Some field of the selector is not in the index.
    reads: bool,
}

/// One term of a field selector.
#[derive(Clone, Debug)]
struct Term {
    /// The field's name in the storage version.
    path: String,
    wanted: String,
    equal: bool,
    /// How a field reads that is not there: upstream selects by the fields of its types, where a boolean or a number that
    /// was not set is `false` or `0` (`ToSelectableFields` of each kind).
    absent: &'static str,
}

impl Term {
    fn matches(&self, value: Option<&str>) -> bool {
        (value.unwrap_or(self.absent) == self.wanted) == self.equal
    }
}

impl Filter {
    /// Reads `labelSelector` and `fieldSelector`, and the name of the path (a watch of one object).
    pub(crate) fn from_call(call: &Call) -> Result<Self, Status> {
        let labels: LabelSelector = match call.query.get("labelSelector") {
            Some(text) => text.parse().map_err(|e| Status::bad_request(format!("{e}")))?,
            None => LabelSelector::everything(),
        };
        let mut fields: FieldSelector = match call.query.get("fieldSelector") {
            Some(text) => text.parse().map_err(|e| Status::bad_request(format!("{e}")))?,
            None => FieldSelector::default(),
        };
        for (path, ..) in &fields.terms {
            if !is_selectable(&call.served, path) {
                return Err(Status::bad_request(if call.served.selectable.is_empty() && !call.served.is_custom() {
                    format!("{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
                } else {
                    format!("field label not supported: {path}")
                }));
            }
        }
        if !call.name().is_empty() {
            fields.terms.push(("metadata.name".to_owned(), call.name().to_owned(), true));
        }
        let indexed = |path: &str| path.starts_with("metadata.") || call.served.builtin().is_some();
        let reads = fields.terms.iter().any(|(path, ..)| !indexed(path));
        let stored_name = |path: &String| match call.served.strategy.stored_field {
            Some(stored_field) => stored_field(path),
            None => path.clone(),
        };
        let term = |(path, wanted, equal): &(String, String, bool)| Term {
            path: stored_name(path),
            wanted: wanted.clone(),
            equal: *equal,
            absent: absent(&call.served, path),
        };
        let terms = fields.terms.iter().map(term).collect();
        Ok(Self { labels, fields, terms, reads })
    }

    /// Does it select everything?
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// Does it select this object?
    pub(crate) fn matches(&self, state: &State, entry: &Arc<Entry<Meta>>) -> bool {
        if !entry.meta.matches(&self.labels) {
            return false;
        }
        if !self.reads {
            return self.terms.iter().all(|term| term.matches(entry.meta.field(&term.path)));
        }
        let Ok(bytes) = state.read(entry) else { return false };
        let Ok(text) = std::str::from_utf8(&bytes) else { return false };
        self.terms.iter().all(|term| {
            let value = match entry.meta.field(&term.path) {
                Some(value) => Some(Cow::Borrowed(value)),
                None => scalar(text, &term.path),
            };
            term.matches(value.as_deref())
        })
    }
}

/// How a selectable field reads that an object does not have. Objects of CRDs have no types: there it is empty.
fn absent(served: &Served, path: &str) -> &'static str {
    if served.builtin().is_none() {
        return "";
    }
    let field = path.split('.').try_fold(served.schema(), |at, name| at.field(name));
    match field.map(Schema::kind) {
        Some(Type::Boolean) => "false",
        Some(Type::Integer) => "0",
        _ => "",
    }
}

fn is_selectable(served: &Served, path: &str) -> bool {
    path == "metadata.name"
        || (path == "metadata.namespace" && served.namespaced)
        || served.selectable.iter().any(|p| p.trim_start_matches('.') == path)
}

//! Label and field selectors of lists, watches and collection deletes.

use std::borrow::Cow;
use std::sync::Arc;

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
    /// Some field of the selector is not in the index.
    reads: bool,
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
        Ok(Self { labels, fields, reads })
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
            return self.fields.is_everything() || self.fields.matches_with(|path| entry.meta.field(path));
        }
        let Ok(bytes) = state.read(entry) else { return false };
        let Ok(text) = std::str::from_utf8(&bytes) else { return false };
        self.fields.terms.iter().all(|(path, wanted, equal)| {
            let value = match entry.meta.field(path) {
                Some(value) => Some(Cow::Borrowed(value)),
                None => scalar(text, path),
            };
            (value.unwrap_or_default() == wanted.as_str()) == *equal
        })
    }
}

fn is_selectable(served: &Served, path: &str) -> bool {
    path == "metadata.name"
        || (path == "metadata.namespace" && served.namespaced)
        || served.selectable.iter().any(|p| p.trim_start_matches('.') == path)
}

//! `metadata.managedFields`: who owns which fields of an object, since when.

mod entry;
mod view;

use serde_json::{Map, Value};

pub use entry::{Entry, ManagedFieldsError, Operation};
pub use view::{Owner, owned_by, owners_of, project};

use crate::fieldset::{FieldSet, Path};

/// How many entries of updates an object keeps; older ones are merged into `ancient-changes`, one for each API version.
/// As upstream: entries of controllers that only ever update would grow without bound, and each costs about its object.
pub const UPDATERS_MAX: usize = 10;

/// The manager that old entries of updates are merged into.
const ANCIENT: &str = "ancient-changes";

/// All entries of an object. At most one for each [`Entry::is_same`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Managed {
    pub(crate) entries: Vec<Entry>,
}

impl Managed {
    /// Reads the entries of an object; none when it has none.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub(crate) fn from_object(object: &Value) -> Result<Self, ManagedFieldsError> {
        let Some(list) = list(object) else { return Ok(Self::default()) };
        let mut managed = Self { entries: Vec::with_capacity(list.len()) };
        for (index, entry) in list.iter().enumerate() {
            let entry = Entry::read(index, entry)?;
            match managed.entries.iter_mut().find(|other| other.is_same(&entry)) {
                Some(other) => *other = entry,
                None => managed.entries.push(entry),
            }
        }
        Ok(managed)
    }

    /// Removes fields from the entries of all managers but one.
    pub(crate) fn disown(&mut self, fields: &FieldSet, except: Option<usize>) {
        if fields.is_empty() {
            return;
        }
        for (_, entry) in self.entries.iter_mut().enumerate().filter(|(at, _)| Some(*at) != except) {
            if entry.fields().intersects(fields) {
                entry.change_fields(|own| {
                    own.subtract(fields);
                    true
                });
            }
        }
    }

    /// Drops entries that own nothing.
    pub(crate) fn drop_empty(&mut self) {
        self.entries.retain(|entry| !entry.fields().is_empty());
    }

    /// Merges the oldest entries of updates until there are no more than [`UPDATERS_MAX`].
    pub(crate) fn cap(&mut self) {
        let mut updaters = self.entries.iter().filter(|entry| entry.operation == Operation::Update).count();
        if updaters <= UPDATERS_MAX {
            return;
        }
        self.entries.sort_by(Entry::by_age);
        // The oldest entry of each version becomes the bucket as soon as a second one is found; a bucket that is there
        // already takes in the others where it stands.
        let mut at = 0;
        let mut firsts: Vec<usize> = Vec::new();
        while at < self.entries.len() && updaters > UPDATERS_MAX {
            let version = self.entries[at].api_version.as_str();
            let first = firsts.iter().copied().find(|first| self.entries[*first].api_version == version);
            match first {
                _ if self.entries[at].operation != Operation::Update => at += 1,
                None => {
                    firsts.push(at);
                    at += 1;
                }
                Some(first) => {
                    let merged = self.entries.remove(at);
                    let bucket = &mut self.entries[first];
                    bucket.manager = ANCIENT.to_owned();
                    bucket.subresource = String::new();
                    bucket.set_fields(bucket.fields().union(merged.fields()));
                    bucket.time = merged.time;
                    updaters -= 1;
                }
            }
        }
    }

    /// Writes the entries into an object, in upstream's order: applies before updates, then by time, manager, version
    /// and subresource.
    pub(crate) fn write(mut self, object: &mut Value) {
        self.entries.sort_by(Entry::by_order);
        let list: Vec<Value> = self.entries.into_iter().map(Entry::into_value).collect();
        if list.is_empty() {
            clear(object);
            return;
        }
        if let Value::Object(map) = object {
            let metadata = map.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(metadata) = metadata {
                metadata.insert("managedFields".to_owned(), Value::Array(list));
            }
        }
    }
}

/// The list on an object, if it has one.
pub(crate) fn list(object: &Value) -> Option<&Vec<Value>> {
    object.get("metadata")?.get("managedFields")?.as_array()
}

/// Removes the list from an object.
pub(crate) fn clear(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
}

/// Does a writer ask to forget all owners? It does so by an empty list, or one empty entry.
pub(crate) fn is_reset(object: &Value) -> bool {
    match list(object).map(Vec::as_slice) {
        Some([]) => true,
        Some([Value::Object(entry)]) => entry.values().all(|value| value.is_null() || value == ""),
        _ => false,
    }
}

/// The fields that identify an object or that the server writes: they have no owner.
pub(crate) fn unowned() -> &'static FieldSet {
    static SET: std::sync::LazyLock<FieldSet> = std::sync::LazyLock::new(|| {
        let paths: &[&[&str]] = &[
            &["apiVersion"],
            &["kind"],
            &["metadata"],
            &["metadata", "name"],
            &["metadata", "namespace"],
            &["metadata", "creationTimestamp"],
            &["metadata", "selfLink"],
            &["metadata", "uid"],
            &["metadata", "clusterName"],
            &["metadata", "generation"],
            &["metadata", "managedFields"],
            &["metadata", "resourceVersion"],
        ];
        paths.iter().map(|path| Path::fields(path.iter().copied())).collect::<Vec<_>>().iter().collect()
    });
    &SET
}

#[cfg(test)]
mod tests;

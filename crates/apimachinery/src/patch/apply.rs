//! Server-side apply, and ownership of fields by all other writes.
//!
//! Semantics of `sigs.k8s.io/structured-merge-diff` v6 and of `apimachinery/pkg/util/managedfields` (Kubernetes 1.37),
//! over JSON values:
//!
//! - [`apply`] lays a configuration over the live object, takes away what the same manager applied before and leaves
//!   out now (unless another manager owns it), and refuses to change what others own.
//! - [`update`] compares the live object with the one to be written: the writer owns what it changed, and what is gone
//!   has no owner.
//!
//! One version: entries of other API versions are read as if their fields had the same names in this one, and are kept
//! when that version is no longer served. That is right for CRDs whose versions share a schema, and harmless where
//! field names differ: such an entry then owns names that no object has.
//!
//! Absent, because they are the caller's: defaulting (after either function), restoring what the endpoint may not
//! write, and skipping the write when the result equals the live object.

mod collect;
mod compare;
mod conflict;
mod last_applied;
mod merge;
mod remove;
pub(crate) mod shape;
mod validate;
mod zero;

use model::{Timestamp, clock};
use serde_json::{Map, Value};

pub use conflict::{ApplyError, Conflict, Invalid};

use self::collect::{Paths, follow_schema, paths, with_named_parents};
use self::compare::{Comparison, compare};
use self::merge::merge;
use self::remove::{drop_nulls, has_null, remove, tidy_emptied};
use self::shape::TypeRef;
use crate::fieldset::{FieldSet, Path};
use crate::managed::{self, Entry, Managed, ManagedFieldsError, Operation};
use kinds::schema::Schema;

/// The manager that owns, after the first apply, what an object without records had before.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// The manager name for which client-side apply's annotation is honoured and kept up to date.
const KUBECTL: &str = "kubectl";

/// One write.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The stored object in the version of the request; `None` when the write creates it.
    pub live: Option<&'a Value>,
    /// The type of the whole object. [`Schema::default`] for objects without a schema.
    pub schema: &'a Schema,
    /// The field manager; empty counts as `unknown`.
    pub manager: &'a str,
    /// The version of the request, such as `apps/v1`.
    pub api_version: &'a str,
    /// `status`, `scale`, …; empty for the object itself. A `scale` write is given as the change of its object.
    pub subresource: &'a str,
    /// Fields that this endpoint does not write, with all below them: a write does not become their owner.
    /// [`reset_fields`] has the usual ones.
    pub reset: Option<&'a FieldSet>,
    /// The time of the write; kept to the second.
    pub now: Timestamp,
}

impl<'a> Change<'a> {
    fn ty(&self) -> TypeRef<'a> {
        TypeRef::root(self.schema)
    }

    fn entry(&self, manager: &str, operation: Operation) -> Entry {
        Entry::new(manager, operation, self.api_version, self.subresource)
    }

    fn now(&self) -> Option<String> {
        Some(clock::format_seconds(self.now))
    }

    /// Leaves out what this endpoint does not write.
    fn writable(&self, mut set: FieldSet) -> FieldSet {
        if let Some(reset) = self.reset {
            set.subtract_recursive(reset);
        }
        set
    }

    fn compare(&self, old: &Value, new: &Value) -> Comparison {
        let comparison = compare(old, new, self.ty());
        match self.reset {
            Some(reset) if !comparison.is_empty() => comparison.without(reset),
            _ => comparison,
        }
    }

    /// Reads recorded owners and adapts them to the schema.
    fn managed(&self, object: &Value) -> Result<Managed, ManagedFieldsError> {
        let mut managed = Managed::from_object(object)?;
        for entry in &mut managed.entries {
            entry.change_fields(|fields| follow_schema(fields, self.ty()));
        }
        Ok(managed)
    }
}

/// What an endpoint usually does not write: the main resource of a kind with a `status` subresource leaves `status`
/// alone; `status` leaves `spec` and `metadata` alone.
pub fn reset_fields(subresource: &str, has_status: bool) -> FieldSet {
    let paths: &[&str] = match subresource {
        "status" => &["metadata", "spec"],
        "" if has_status => &["status"],
        _ => &[],
    };
    paths.iter().map(|name| Path::fields([*name])).collect::<Vec<_>>().iter().collect()
}

/// Applies a configuration. Returns the new object with its `metadata.managedFields`; it equals the live object when
/// nothing changed. `force` takes fields from others instead of refusing.
///
/// # Errors
/// [`ApplyError::Conflicts`] when others own what would change and `force` is not set; [`ApplyError::Invalid`] when the
/// configuration does not fit the schema; [`ApplyError::Request`] for one that may not be applied at all;
/// [`ApplyError::ManagedFields`] when the live object's records cannot be read.
pub fn apply(change: Change<'_>, applied: &Value, force: bool) -> Result<Value, ApplyError> {
    check_request(&change, applied)?;
    let errors = validate::validate(applied, change.ty());
    if !errors.is_empty() {
        return Err(ApplyError::Invalid(errors));
    }
    let result = match apply_checked(&change, applied, force) {
        Err(ApplyError::Conflicts(conflicts)) if change.manager == KUBECTL => {
            let allowed = last_applied::owned(&change).unwrap_or_default();
            let left: Vec<Conflict> = conflicts.into_iter().filter(|c| !allowed.contains(&c.path)).collect();
            if !left.is_empty() {
                return Err(ApplyError::Conflicts(left));
            }
            apply_checked(&change, applied, true)
        }
        result => result,
    };
    let mut object = result?;
    if change.manager == KUBECTL {
        last_applied::refresh(&mut object, applied);
    }
    Ok(object)
}

fn check_request(change: &Change<'_>, applied: &Value) -> Result<(), ApplyError> {
    let Value::Object(_) = applied else {
        return Err(ApplyError::Request("the applied configuration must be an object".to_owned()));
    };
    if let Some(version) = applied.get("apiVersion").and_then(Value::as_str)
        && version != change.api_version
    {
        return Err(ApplyError::Request(format!(
            "Incorrect version specified in apply patch. Specified patch version: {version}, expected: {}",
            change.api_version
        )));
    }
    match applied.get("metadata").and_then(|metadata| metadata.get("managedFields")) {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(ApplyError::Request("metadata.managedFields must be nil".to_owned())),
    }
}

fn apply_checked(change: &Change<'_>, applied: &Value, force: bool) -> Result<Value, ApplyError> {
    let nothing = Value::Object(Map::new());
    let live = change.live.unwrap_or(&nothing);
    let ty = change.ty();
    let mut managed = change.managed(live).map_err(ApplyError::ManagedFields)?;
    let mut own = change.entry(change.manager, Operation::Apply);
    own.set_fields(change.writable(paths(applied, ty, Paths::Owned)));
    // A configuration that owns nothing takes nothing over, so nothing has to be remembered of before it; recording it
    // would make the second of two equal applies a change.
    if managed.entries.is_empty() && change.live.is_some() && !own.fields().is_subset(managed::unowned()) {
        let mut before = change.entry(BEFORE_FIRST_APPLY, Operation::Update);
        let written = change.compare(&zero::empty(live), live).written();
        before.set_fields(written.difference(managed::unowned()));
        before.time = change.now();
        managed.entries.push(before);
        managed.drop_empty();
    }

    let (at, last) = match managed.entries.iter().position(|entry| entry.is_same(&own)) {
        Some(at) => (at, Some(std::mem::replace(&mut managed.entries[at], own))),
        None => {
            managed.entries.push(own);
            (managed.entries.len() - 1, None)
        }
    };

    let mut object = merge(live, applied, ty).map_err(|e| ApplyError::Invalid(vec![e]))?;
    let gone = match &last {
        Some(last) => pruned(&object, last.fields(), &managed, at, ty),
        None => FieldSet::new(),
    };
    remove(&mut object, &gone, ty);
    let comparison = change.compare(live, &object);
    settle(&mut managed, at, &comparison, force)?;
    // Until here `null` took part as a value, so that clearing what others own is a conflict.
    if !gone.is_empty() {
        tidy_emptied(&mut object, &gone, ty);
        // An empty list has no owner, so one that is applied was removed with its last item. Upstream brings it back
        // with the next apply of the same; here the second apply changes nothing.
        object = merge(&object, applied, ty).map_err(|e| ApplyError::Invalid(vec![e]))?;
    }
    if has_null(applied) {
        drop_nulls(&mut object, ty);
    }

    let own = &mut managed.entries[at];
    own.change_fields(|fields| {
        fields.subtract(managed::unowned());
        true
    });
    own.time = change.now();
    if let Some(mut last) = last.filter(|last| last.fields() == own.fields() && last.api_version == own.api_version) {
        if !change.live.is_some_and(|live| same_but_managed(live, &object)) {
            last.time = own.time.take();
        }
        *own = last;
    }
    managed.drop_empty();
    managed.write(&mut object);
    Ok(object)
}

/// What to take away: what the manager applied last time and does not apply now, unless another manager owns it. Entry
/// `own` of `managed` has the manager's new fields already.
fn pruned(object: &Value, last: &FieldSet, managed: &Managed, own: usize, ty: TypeRef<'_>) -> FieldSet {
    // The settled case: what was applied is applied.
    if last.is_subset(managed.entries[own].fields()) {
        return FieldSet::new();
    }
    let fields = |object: &Value| with_named_parents(&paths(object, ty, Paths::Owned), Some(ty));
    let without = |set: &FieldSet| {
        let mut rest = object.clone();
        remove(&mut rest, set, ty);
        fields(&rest)
    };
    let last = with_named_parents(last, Some(ty));
    let all = fields(object);
    // What stays without everything of last time, and with what other managers own …
    let owned = managed.entries.iter().fold(FieldSet::new(), |all, entry| all.union(entry.fields()));
    let kept = without(&last).union(&with_named_parents(&owned, Some(ty)));
    // … decides what goes, but only of what was the manager's: a parent must not take unowned children along.
    let kept = without(&all.difference(&kept));
    all.difference(&kept).intersection(&last)
}

/// Finds who owns what changed: conflicts when not forced, else they lose it. What is gone has no owner.
fn settle(managed: &mut Managed, own: usize, comparison: &Comparison, force: bool) -> Result<(), ApplyError> {
    if comparison.is_empty() {
        return Ok(());
    }
    let written = comparison.written();
    if !force {
        let mut conflicts = Vec::new();
        for (_, entry) in managed.entries.iter().enumerate().filter(|(at, _)| *at != own) {
            let paths = entry.fields().intersection(&written).paths();
            conflicts.extend(paths.into_iter().map(|path| Conflict::new(entry, path)));
        }
        if !conflicts.is_empty() {
            conflicts.sort();
            return Err(ApplyError::Conflicts(conflicts));
        }
    }
    managed.disown(&written.union(&comparison.removed), Some(own));
    Ok(())
}

/// Records who owns what after a create, update or patch. Returns the new object with its `metadata.managedFields`; it
/// equals the live object when nothing changed.
///
/// The writer may set `managedFields` itself: entries it sends are taken as the current ones (not on subresources), an
/// empty list or one empty entry forgets all owners, and anything else that cannot be read is as if not sent. An object
/// that exists without records gets none until it is first applied.
pub fn update(change: Change<'_>, new: Value) -> Value {
    let mut object = new;
    let nothing = if change.live.is_none() { zero::empty(&object) } else { Value::Null };
    let live = change.live.unwrap_or(&nothing);
    let mut managed = current(&change, live, &object);
    managed::clear(&mut object);
    if managed.entries.is_empty() && change.live.is_some() {
        return object;
    }

    let comparison = change.compare(live, &object);
    if !comparison.is_empty() {
        let mut won = comparison.written();
        managed.disown(&won.union(&comparison.removed), None);
        won.subtract(managed::unowned());
        if !won.is_empty() {
            let own = change.entry(change.manager, Operation::Update);
            let at = managed.entries.iter().position(|entry| entry.is_same(&own)).unwrap_or_else(|| {
                managed.entries.push(own);
                managed.entries.len() - 1
            });
            let own = &mut managed.entries[at];
            own.set_fields(own.fields().union(&won));
            own.time = change.now();
        }
    }
    managed.drop_empty();
    managed.cap();
    managed.write(&mut object);
    object
}

/// The records that an update starts from.
fn current(change: &Change<'_>, live: &Value, new: &Value) -> Managed {
    if change.subresource.is_empty() {
        if managed::is_reset(new) {
            return Managed::default();
        }
        match change.managed(new) {
            Ok(sent) if !sent.entries.is_empty() => return sent,
            _ => {}
        }
    }
    change.managed(live).unwrap_or_default()
}

/// Puts back the recorded times of the live object when nothing but times differs. For callers that bring an applied
/// object to its canonical form after [`apply`]: an applier that writes `1000m` where `1` is stored changes nothing.
pub fn keep_times(live: &Value, object: &mut Value) {
    let (Some(old), Some(new)) = (managed::list(live), managed::list(object)) else { return };
    let same_entry = |(old, new): (&Value, &Value)| match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let count = |entry: &Map<String, Value>| entry.len() - usize::from(entry.contains_key("time"));
            count(old) == count(new) && old.iter().all(|(name, value)| name == "time" || new.get(name) == Some(value))
        }
        _ => false,
    };
    let is_same = old.len() == new.len() && old.iter().zip(new).all(same_entry) && same_but_managed(live, object);
    if is_same {
        *object = live.clone();
    }
}

/// Are two objects the same apart from the records?
fn same_but_managed(a: &Value, b: &Value) -> bool {
    let (Value::Object(a), Value::Object(b)) = (a, b) else { return a == b };
    let metadata = |object: &Map<String, Value>| match object.get("metadata") {
        Some(Value::Object(metadata)) => metadata.iter().filter(|(name, _)| *name != "managedFields").count(),
        _ => 0,
    };
    let rest = |object: &Map<String, Value>| object.len() - usize::from(object.contains_key("metadata"));
    metadata(a) == metadata(b)
        && rest(a) == rest(b)
        && a.iter().all(|(name, value)| match (name.as_str(), value) {
            ("metadata", Value::Object(fields)) => fields.iter().all(|(name, value)| {
                name == "managedFields" || b.get("metadata").and_then(|metadata| metadata.get(name)) == Some(value)
            }),
            _ => b.get(name) == Some(value),
        })
}

#[cfg(test)]
pub(crate) mod tests;

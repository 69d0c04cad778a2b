//! Which override set which field, and what it replaced.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::conceal::{self, HIDDEN};

/// A policy that overrides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyRef {
    /// Namespace of an OverridePolicy; `None` of a ClusterOverridePolicy.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "OverridePolicy {namespace}/{}", self.name),
            None => write!(f, "ClusterOverridePolicy {}", self.name),
        }
    }
}

/// The lists of overriders of a rule, in the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overrider {
    /// `imageOverrider`.
    Image,
    /// `commandOverrider`.
    Command,
    /// `argsOverrider`.
    Args,
    /// `labelsOverrider`.
    Labels,
    /// `annotationsOverrider`.
    Annotations,
    /// `fieldOverrider`.
    Field,
    /// `plaintext`.
    Plaintext,
}

impl Overrider {
    /// The field of a rule.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Image => "imageOverrider",
            Self::Command => "commandOverrider",
            Self::Args => "argsOverrider",
            Self::Labels => "labelsOverrider",
            Self::Annotations => "annotationsOverrider",
            Self::Field => "fieldOverrider",
            Self::Plaintext => "plaintext",
        }
    }
}

/// One overrider of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct By {
    /// The policy.
    pub policy: Arc<PolicyRef>,
    /// Place of the rule in `overrideRules`; `None`: the deprecated `overriders` of the policy.
    pub rule: Option<usize>,
    /// In which list of the rule it is.
    pub overrider: Overrider,
    /// Its place in that list.
    pub index: usize,
}

impl fmt::Display for By {
    /// `ClusterOverridePolicy eu, spec.overrideRules[1].overriders.imageOverrider[0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, spec.", self.policy)?;
        if let Some(rule) = self.rule {
            write!(f, "overrideRules[{rule}].")?;
        }
        write!(f, "overriders.{}[{}]", self.overrider.field(), self.index)
    }
}

/// What one overrider did at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// JSON pointer into the object as it was then. Items of lists may have moved since.
    pub path: String,
    /// What stood there. `None` too for a part of something that was written as a whole.
    pub before: Option<Value>,
    /// What it wrote; `None`: it removed what stood there.
    pub after: Option<Value>,
    /// The overrider.
    pub by: By,
}

/// How a field of the result differs from the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It has another value, or is new.
    Set,
    /// It is an item that a list has more.
    Inserted,
    /// It is gone.
    Removed,
}

/// A field of the result that an override set.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// JSON pointer into the result; of an item that was taken out, into the original.
    pub path: String,
    /// How the field differs.
    pub kind: ChangeKind,
    /// What stood there when it was written: the value of the original or, when `lost` is not empty, of an override.
    pub before: Option<Value>,
    /// What was written. A later change of a part of it is a change of its own, which follows.
    pub after: Option<Value>,
    /// The overrider.
    pub by: By,
    /// What earlier overriders had written here, the oldest first.
    pub lost: Vec<Write>,
    /// Of a text that holds JSON or YAML: the fields inside it, with paths into the document.
    pub inside: Vec<Change>,
}

/// Who set which field of an object.
///
/// The changes in their order are a patch that makes the result out of the original: a whole comes before its parts, and
/// of a list what goes, then what comes, then changes of items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    /// The fields that were changed.
    pub changes: Vec<Change>,
    /// Writes of which nothing is left, since a later one took away what they had made, and those later ones.
    pub undone: Vec<Write>,
}

impl Provenance {
    /// The changes at a field, of parts of it, and of what it is a part of.
    pub fn of_field(&self, pointer: &str) -> impl Iterator<Item = &Change> {
        let is_part = |part: &str, whole: &str| {
            part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.changes.iter().filter(move |change| is_part(&change.path, pointer) || is_part(pointer, &change.path))
    }

    /// Takes values of a Secret out; paths and overriders stay.
    pub(super) fn hide_values(&mut self) {
        self.undone.iter_mut().for_each(Write::hide_values);
        self.changes.iter_mut().for_each(Change::hide_values);
    }
}

impl Write {
    fn hide_values(&mut self) {
        hide(&self.path, &mut self.before, &mut self.after);
    }
}

impl Change {
    fn hide_values(&mut self) {
        hide(&self.path, &mut self.before, &mut self.after);
        self.lost.iter_mut().for_each(Write::hide_values);
        for change in &mut self.inside {
            change.hide_all();
        }
    }

    /// What a text of a Secret holds is secret, whatever the path in it.
    fn hide_all(&mut self) {
        let lost = self.lost.iter_mut().flat_map(|write| [&mut write.before, &mut write.after]);
        for value in [&mut self.before, &mut self.after].into_iter().chain(lost).flatten() {
            *value = Value::from(HIDDEN);
        }
        self.inside.iter_mut().for_each(Self::hide_all);
    }
}

fn hide(path: &str, before: &mut Option<Value>, after: &mut Option<Value>) {
    for value in [before, after].into_iter().flatten() {
        if conceal::is_secret(path, value) {
            *value = Value::from(HIDDEN);
        }
    }
}

//! Which objects a policy selects, and how closely (Karmada: `pkg/util/selector.go`).

use api::karmada::policy::v1alpha1::ResourceSelector;
use model::{LabelSelector, object};
use serde_json::Value;

/// How a selector fits an object. Policies that name an object go after those that select it by its labels, and those
/// after policies that select everything: what is written later wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closeness {
    /// Every object, or every one of its kind.
    All,
    /// By labels.
    Labels,
    /// By name.
    Name,
}

/// Selectors of a policy, read once.
#[derive(Clone, Debug)]
pub(super) struct Selectors(Vec<Selector>);

#[derive(Clone, Debug)]
struct Selector {
    api_version: String,
    kind: String,
    namespace: String,
    by: Criterion,
}

#[derive(Clone, Debug)]
enum Criterion {
    Every,
    Name(String),
    Labels(LabelSelector),
    /// A label selector that nothing can be compared with.
    Nothing,
}

impl Selectors {
    pub(super) fn of(selectors: &[ResourceSelector]) -> Self {
        Self(selectors.iter().map(Selector::of).collect())
    }

    /// How closely the selectors fit an object; `None`: they do not. No selectors fit every object.
    ///
    /// `home`: the hub namespace of an OverridePolicy and of the units whose objects it may change. A selector of that
    /// namespace, which the API server fills in where a policy has none, fits all of them; another one fits those that
    /// land in the namespace that it names.
    pub(super) fn closeness(&self, object: &Value, home: Option<&str>) -> Option<Closeness> {
        if self.0.is_empty() {
            return Some(Closeness::All);
        }
        self.0.iter().filter_map(|selector| selector.closeness(object, home)).max()
    }

    /// Could the object fit with other labels?
    pub(super) fn may_fit(&self, object: &Value, home: Option<&str>) -> bool {
        self.0.is_empty() || self.0.iter().any(|selector| selector.may_fit(object, home))
    }
}

impl Selector {
    fn of(selector: &ResourceSelector) -> Self {
        let by = match &selector.label_selector {
            // A name is enough: labels are not read.
            _ if !selector.name.is_empty() => Criterion::Name(selector.name.clone()),
            None => Criterion::Every,
            Some(labels) => labels.compile().map_or(Criterion::Nothing, Criterion::Labels),
        };
        Self {
            api_version: selector.api_version.clone(),
            kind: selector.kind.clone(),
            namespace: selector.namespace.clone(),
            by,
        }
    }

    fn is_of(&self, object: &Value, home: Option<&str>) -> bool {
        object::get_str(object, &["apiVersion"]) == Some(&self.api_version)
            && object::get_str(object, &["kind"]) == Some(&self.kind)
            && (self.namespace.is_empty()
                || home == Some(&self.namespace)
                || object::namespace(object) == Some(&self.namespace))
    }

    fn may_fit(&self, object: &Value, home: Option<&str>) -> bool {
        self.is_of(object, home)
            && match &self.by {
                Criterion::Name(name) => object::name(object) == Some(name),
                Criterion::Every | Criterion::Labels(_) => true,
                Criterion::Nothing => false,
            }
    }

    fn closeness(&self, object: &Value, home: Option<&str>) -> Option<Closeness> {
        if !self.may_fit(object, home) {
            return None;
        }
        match &self.by {
            Criterion::Every => Some(Closeness::All),
            Criterion::Name(_) => Some(Closeness::Name),
            Criterion::Labels(labels) => {
                let fits = labels.matches_with(|key| object::label(object, key));
                fits.then_some(Closeness::Labels)
            }
            Criterion::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests;

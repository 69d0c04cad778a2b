//! What annotations ask of the applier about one object: those of Flux, and ours.
//!
//! As with Flux, a label counts as well, upper and lower case are the same, and what asks that an object is left alone
//! counts on the object in the source and on the one in the member. Which objects ask not to be deleted is in
//! [`keep`], which version of an object is forced in [`send`](crate::send).

use api::kurator::annotation::{self, ADOPT, ON_DELETE, RECONCILE};
use model::object;
use serde_json::Value;

use crate::keep;

/// How an object asks to be treated. Ordered from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Handling {
    /// It is made when it is not there, and then left alone.
    CreateOnly,
    /// Nothing is done to it.
    LeaveAlone,
}

/// A request, and which annotation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked {
    /// What it asks.
    pub handling: Handling,
    /// The annotation, as `NAME: VALUE`.
    pub by: &'static str,
}

/// Flux' annotation that selects how an object is applied.
const SSA: &str = "kustomize.toolkit.fluxcd.io/ssa";
/// Flux' annotation that ends reconciliation.
const FLUX_RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// Flux' annotation that has an object made again when a field cannot change.
const FLUX_FORCE: &str = "kustomize.toolkit.fluxcd.io/force";

/// Requests that are honoured: name, value, what it asks, and how it is said.
const REQUESTS: [(&str, &str, Asked); 4] = [
    (RECONCILE, "disabled", Asked { handling: Handling::LeaveAlone, by: "kurator.dev/reconcile: disabled" }),
    (
        FLUX_RECONCILE,
        "disabled",
        Asked { handling: Handling::LeaveAlone, by: "kustomize.toolkit.fluxcd.io/reconcile: disabled" },
    ),
    (SSA, "Ignore", Asked { handling: Handling::LeaveAlone, by: "kustomize.toolkit.fluxcd.io/ssa: Ignore" }),
    (
        SSA,
        "IfNotPresent",
        Asked { handling: Handling::CreateOnly, by: "kustomize.toolkit.fluxcd.io/ssa: IfNotPresent" },
    ),
];

/// Annotations whose values are known, with those that do something and those that ask for what is done anyway. Fields that
/// the source does not name are never taken from others, which is Flux' `Merge`.
const KNOWN: [(&str, &[&str]); 8] = [
    (RECONCILE, &["disabled", "enabled"]),
    (FLUX_RECONCILE, &["disabled", "enabled"]),
    (SSA, &["Merge", "IfNotPresent", "Ignore"]),
    (FLUX_FORCE, &["enabled", "disabled"]),
    (ADOPT, &[OVERWRITE]),
    (ON_DELETE, &[keep::ORPHAN, "prune"]),
    (keep::HELM.0, &[keep::HELM.1]),
    (keep::FLUX.0, &[keep::FLUX.1, "enabled"]),
];

/// Annotations of other tools that change how they apply an object, and do nothing here.
const OTHERS: [&str; 5] = [
    "helm.sh/hook",
    "argocd.argoproj.io/hook",
    "argocd.argoproj.io/sync-wave",
    "argocd.argoproj.io/compare-options",
    "kapp.k14s.io/update-strategy",
];

/// Argo CD's options, a list with commas.
const ARGO_OPTIONS: &str = "argocd.argoproj.io/sync-options";

/// Its options that are honoured ([`keep`]), or ask for what is done anyway.
const ARGO_USUAL: [&str; 5] = ["Prune=false", "Delete=false", "Prune=true", "Delete=true", "ServerSideApply=true"];

/// The value of our annotation [`ADOPT`] that takes an object over whatever it restarts.
pub const OVERWRITE: &str = "overwrite";

/// The value of an annotation, or of a label of that name.
fn value<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object::annotation(object, name).or_else(|| object::label(object, name)).map(str::trim)
}

fn has_value(object: &Value, name: &str, expect: &str) -> bool {
    value(object, name).is_some_and(|value| value.eq_ignore_ascii_case(expect))
}

/// How an object asks to be treated, if it does; of several requests the one that asks most.
pub fn asked(object: &Value) -> Option<Asked> {
    let said = REQUESTS.iter().filter(|(name, value, _)| has_value(object, name, value)).map(|(.., asked)| *asked);
    said.reduce(|first, next| if next.handling > first.handling { next } else { first })
}

/// Of a request of the source and one on the live object, the one that asks more.
pub fn stronger(source: Option<Asked>, live: Option<Asked>) -> Option<Asked> {
    match (source, live) {
        (Some(source), Some(live)) if live.handling > source.handling => Some(live),
        (source, live) => source.or(live),
    }
}

/// Does an object of the source ask to be made again when a field cannot change?
pub fn is_forced(object: &Value) -> bool {
    has_value(object, FLUX_FORCE, "enabled")
}

/// Does an object of the source ask to be taken over, whatever that restarts?
pub fn overwrites(object: &Value) -> bool {
    has_value(object, ADOPT, OVERWRITE)
}

/// What an annotation of known values says otherwise: with what it could say. A value that says nothing asks for nothing.
fn unknown(name: &str, known: &[&str], value: &str) -> Option<String> {
    let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(value));
    let are = if known.len() == 1 { "is" } else { "are" };
    let known: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
    let said = || format!("{name} is {:?}: known {are} {}", model::words::cut(value), known.join(", "));
    (!value.is_empty() && !is_known).then(said)
}

/// Annotations and labels under our prefix that mean nothing, such as `kurator.dev/on-delte`: with what an object can ask for.
fn mistaken(object: &Value) -> impl Iterator<Item = String> {
    let names = ["annotations", "labels"]
        .into_iter()
        .filter_map(|field| object::get(object, &["metadata", field])?.as_object());
    let mistaken = names.flat_map(|all| all.keys()).filter(|name| annotation::is_mistaken(name));
    mistaken
        .map(|name| format!("{} means nothing: known are {ADOPT}, {ON_DELETE}, {RECONCILE}", model::words::cut(name)))
}

/// What a person means to ask by annotations that the applier reads, and that ask for nothing as they are written: an unknown value with
/// those that are known, or a name that means nothing.
pub fn misspelt(object: &Value) -> Vec<String> {
    let unknown = KNOWN.iter().filter_map(|(name, known)| unknown(name, known, value(object, name)?));
    unknown.chain(mistaken(object)).collect()
}

/// The annotations that ask for something that is not done: those that are [`misspelt`], and those of other tools as `NAME: VALUE`.
pub fn unhonoured(object: &Value) -> Vec<String> {
    let others = OTHERS.into_iter().filter_map(|name| Some((name, object::annotation(object, name)?)));
    let options = object::annotation(object, ARGO_OPTIONS).unwrap_or_default().split(',').map(str::trim);
    let options = options.filter(|option| !option.is_empty() && !ARGO_USUAL.contains(option));
    let others = others.chain(options.map(|option| (ARGO_OPTIONS, option)));
    misspelt(object).into_iter().chain(others.map(|(name, value)| format!("{name}: {value}"))).collect()
}

#[cfg(test)]
mod tests;

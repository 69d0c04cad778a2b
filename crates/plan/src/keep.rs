//! Objects that ask not to be deleted: by our annotation, or by those of tools that people come from. A label of that name counts as well,
//! as with Flux.
//!
//! One that asks to be left alone is not deleted either.
//!
//! Such an object is given back when its unit lets go of it, whatever the reason is, as if it had been there before us. Argo
//! CD tells pruning and deleting apart; here either of its options keeps the object in both cases.

use api::kurator::annotation::ON_DELETE;
use model::object;
use serde_json::Value;

use crate::instruction::{self, Handling};

/// Helm's annotation, and the value that keeps.
pub(crate) const HELM: (&str, &str) = ("helm.sh/resource-policy", "keep");
/// Flux', of its kustomize-controller.
pub(crate) const FLUX: (&str, &str) = ("kustomize.toolkit.fluxcd.io/prune", "disabled");
/// Argo CD's, a list with commas.
const ARGO: &str = "argocd.argoproj.io/sync-options";
/// Its options that keep.
const ARGO_OPTIONS: [&str; 2] = ["Prune=false", "Delete=false"];
/// The value of ours that keeps.
pub(crate) const ORPHAN: &str = "orphan";

/// Does an object ask to stay?
pub fn asks_to_stay(object: &Value) -> bool {
    // Upper and lower case are the same, as for the tools that these come from.
    let of = |text: Option<&str>, value: &str| text.is_some_and(|text| text.trim().eq_ignore_ascii_case(value));
    let says =
        |name: &str, value: &str| of(object::annotation(object, name), value) || of(object::label(object, name), value);
    let options = object::annotation(object, ARGO).unwrap_or_default();
    says(ON_DELETE, ORPHAN)
        || says(HELM.0, HELM.1)
        || says(FLUX.0, FLUX.1)
        || instruction::asked(object).is_some_and(|asked| asked.handling == Handling::LeaveAlone)
        || options.split(',').any(|option| ARGO_OPTIONS.contains(&option.trim()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotations_that_people_have_keep_objects() {
        for (name, value, stays) in [
            ("kurator.dev/on-delete", "orphan", true),
            ("kurator.dev/on-delete", "prune", false),
            ("helm.sh/resource-policy", "keep", true),
            ("helm.sh/resource-policy", "Keep", true),
            ("helm.sh/resource-policy", "", false),
            ("kustomize.toolkit.fluxcd.io/prune", "disabled", true),
            ("kustomize.toolkit.fluxcd.io/prune", "enabled", false),
            ("argocd.argoproj.io/sync-options", "Prune=false", true),
            ("argocd.argoproj.io/sync-options", "Replace=true, Delete=false", true),
            ("argocd.argoproj.io/sync-options", "Replace=true", false),
            ("kurator.dev/reconcile", "disabled", true),
            ("kustomize.toolkit.fluxcd.io/reconcile", "disabled", true),
            ("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent", false),
            ("example.com/keep", "keep", false),
        ] {
            let object = json!({"metadata": {"annotations": {name: value}}});
            assert_eq!(asks_to_stay(&object), stays, "{name}: {value}");
            // A list with commas is no value of a label.
            let labelled = json!({"metadata": {"labels": {name: value}}});
            assert_eq!(asks_to_stay(&labelled), stays && name != ARGO, "label {name}: {value}");
        }
        assert!(!asks_to_stay(&json!({})));
    }
}

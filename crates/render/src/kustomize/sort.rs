//! `sortOptions`: the order of the objects. Without it they come in the order of the resources.

use std::cmp::Ordering;
use std::collections::HashMap;

use model::{GroupVersionKind, object};

use super::entry::{LegacySortOptions, SortOptions};
use super::place::Place;
use super::resource::{Resource, Resources};
use crate::error::RenderError;

/// Kinds that others need come first.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that refuse others come last.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts the objects.
///
/// # Errors
/// Options that kustomize does not have.
pub(crate) fn apply(options: &SortOptions, place: Place<'_>, all: &mut Resources) -> Result<(), RenderError> {
    match (options.order.as_str(), &options.legacy_sort_options) {
        ("fifo", None) => Ok(()),
        ("fifo", Some(_)) => Err(place.fail(".legacySortOptions", "it is for order: legacy only")),
        ("legacy", legacy) => {
            let first = FIRST.map(str::to_owned).to_vec();
            let last = LAST.map(str::to_owned).to_vec();
            let default = LegacySortOptions { order_first: first, order_last: last };
            legacy_order(legacy.as_ref().unwrap_or(&default), all);
            Ok(())
        }
        (order, _) => Err(place.fail(".order", format!("{order:?} is neither fifo nor legacy"))),
    }
}

/// What an object is compared by.
struct Rank {
    place: i64,
    gvk: GroupVersionKind,
    /// Group, version and kind as one text, which is compared as such.
    kind: String,
    /// The same with namespace and name.
    id: String,
}

fn legacy_order(options: &LegacySortOptions, all: &mut Resources) {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let LegacySortOptions { order_first, order_last } = options;
    let mut places: HashMap<&str, i64> = HashMap::new();
    for (at, kind) in order_first.iter().enumerate() {
        places.insert(kind, count(at) - count(order_first.len()));
    }
    for (at, kind) in order_last.iter().enumerate() {
        places.insert(kind, 1 + count(at));
    }
    let mut ranked: Vec<(Rank, Resource)> =
        std::mem::take(&mut all.0).into_iter().map(|resource| (rank(&resource, &places), resource)).collect();
    ranked.sort_by(|(a, _), (b, _)| compare(a, b));
    all.0 = ranked.into_iter().map(|(_, resource)| resource).collect();
}

fn rank(resource: &Resource, places: &HashMap<&str, i64>) -> Rank {
    let gvk = object::gvk(&resource.object).unwrap_or_default();
    let key = resource.key();
    let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
    let kind = format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"));
    let id = format!(
        "{}.{}.{}|{}|{}",
        or(&gvk.kind, "[noKind]"),
        or(&gvk.version, "[noVer]"),
        or(&gvk.group, "[noGrp]"),
        or(&key.namespace, "~X"),
        or(&key.name, "~N")
    );
    Rank { place: places.get(gvk.kind.as_str()).copied().unwrap_or_default(), gvk, kind, id }
}

fn compare(a: &Rank, b: &Rank) -> Ordering {
    if a.gvk == b.gvk {
        return a.id.cmp(&b.id);
    }
    let namespaces = a.gvk.kind == "Namespace" && b.gvk.kind == "Namespace";
    a.place.cmp(&b.place).then_with(|| match namespaces && (a.gvk.group.is_empty() || b.gvk.group.is_empty()) {
        // Kubernetes' own namespaces come before those of other groups.
        true => b.kind.cmp(&a.kind),
        false => a.kind.cmp(&b.kind),
    })
}

#[cfg(test)]
mod tests;

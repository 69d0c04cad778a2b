//! What a later revision of a unit has no longer: what members that ran the earlier one delete.

use std::collections::HashSet;
use std::sync::Arc;

use api::delivery::RevisionSpec;
use api::feed::Payload;
use model::{HashedKey, ObjectKey};

use crate::rendering::Renderings;

/// The objects that only the earlier of two revisions has. `None` when one of them cannot be rendered now.
pub(crate) async fn between(
    renderings: &Renderings,
    earlier: &RevisionSpec,
    later: &RevisionSpec,
) -> Option<Vec<Arc<HashedKey>>> {
    let pair = Renderings::pair(earlier, later)?;
    if renderings.is_nothing_lost(&pair) {
        return Some(Vec::new());
    }
    let before = renderings.render(earlier, true).await.ok()?;
    let after = renderings.render(later, true).await.ok()?;
    let lost = without(&before.payload, &after.payload);
    if lost.is_empty() {
        renderings.note_nothing_lost(pair);
    }
    Some(lost)
}

/// The objects of a revision; none when it cannot be rendered now.
pub(crate) async fn keys_of(renderings: &Renderings, revision: &RevisionSpec) -> HashSet<ObjectKey> {
    let rendering = renderings.render(revision, true).await;
    rendering.iter().flat_map(|rendering| rendering.payload.objects()).map(|object| ObjectKey::of(object)).collect()
}

/// The objects of a payload that another has not. Those that ask to stay are given back, and not among them.
fn without(before: &Payload, after: &Payload) -> Vec<Arc<HashedKey>> {
    let kept: HashSet<ObjectKey> = after.objects().map(|object| ObjectKey::of(object)).collect();
    let lost = before.objects().filter(|object| !plan::keep::asks_to_stay(object)).map(|object| ObjectKey::of(object));
    lost.filter(|key| !kept.contains(key)).map(Arc::from).collect()
}

#[cfg(test)]
mod tests {
    use api::feed::Phase;
    use serde_json::{Value, json};

    use super::*;

    fn payload(objects: &[Value]) -> Payload {
        let objects = objects.iter().map(|object| Arc::new(object.clone())).collect();
        Payload { phases: vec![Phase { objects, ..Phase::default() }] }
    }

    fn map(name: &str, annotations: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "shop", "annotations": annotations}})
    }

    #[test]
    fn what_is_lost_is_what_the_later_one_has_not_and_does_not_ask_to_stay() {
        let before = payload(&[
            map("a", &json!({})),
            map("b", &json!({})),
            map("c", &json!({"kurator.dev/on-delete": "orphan"})),
        ]);
        let lost = without(&before, &payload(&[map("a", &json!({"changed": "yes"}))]));
        assert_eq!(lost.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ConfigMap shop/b"]);
        assert!(without(&before, &before).is_empty());
    }
}

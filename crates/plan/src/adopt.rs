//! Whose an object is that was there before we first applied it.

use api::delivery::{HubId, label};
use serde_json::Value;

/// What to do with an object that is there before our first apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// It is not there, or it is one that this hub made and recorded: it will be ours.
    Ours,
    /// It was there before us: it is taken over, and released instead of deleted later.
    Adopt,
    /// Another hub delivers it. Two hubs would take it from each other for ever, so neither force nor time helps.
    Foreign(String),
    /// It is being deleted: wait until it is gone.
    Leaving,
}

/// Decides from the live object. `recorded` says how another of this hub's inventories in the member has it, as
/// `Some(adopted)`: a handover keeps what was recorded. `begun` is the id of the unit's ApplySet when its own inventory
/// names the object and does not know whether the first apply arrived: then its labels tell. Any other object with our
/// label counts as somebody else's, since nothing is deleted that was not recorded.
pub fn plan(live: Option<&Value>, hub: &HubId, recorded: Option<bool>, begun: Option<&str>) -> Adoption {
    let Some(live) = live else { return Adoption::Ours };
    if model::object::is_deleting(live) {
        return Adoption::Leaving;
    }
    let hub_label = model::object::label(live, label::HUB);
    let arrived =
        hub_label.is_some() && begun.is_some() && model::object::label(live, label::APPLYSET_PART_OF) == begun;
    match hub_label {
        Some(other) if other != hub.as_str() => Adoption::Foreign(other.to_owned()),
        _ if recorded == Some(false) || arrived => Adoption::Ours,
        _ => Adoption::Adopt,
    }
}

/// The merge patch that gives an adopted object back: without our marks and our ownership of fields, its values as
/// they are. `None` when there is nothing of ours. Bound to the object's resourceVersion, since `managedFields` is
/// replaced as a whole.
pub fn release(live: &Value) -> Option<Value> {
    let labels = model::object::labels(live);
    let ours = [label::HUB, label::APPLYSET_PART_OF];
    let marked = model::object::annotation(live, label::APPLIED).is_some();
    let managed = model::object::get(live, &["metadata", "managedFields"]).and_then(Value::as_array);
    let is_ours = |entry: &Value| entry.get("manager").and_then(Value::as_str) == Some(label::FIELD_MANAGER);
    let owned = managed.is_some_and(|entries| entries.iter().any(is_ours));
    if !owned && !marked && !ours.iter().any(|key| labels.contains_key(*key)) {
        return None;
    }
    let mut others: Vec<Value> = managed.into_iter().flatten().filter(|entry| !is_ours(entry)).cloned().collect();
    if others.is_empty() {
        // One empty entry is how Kubernetes is told to forget all owners; an empty list means "unchanged".
        others.push(serde_json::json!({}));
    }
    let removed: serde_json::Map<String, Value> =
        ours.iter().filter(|k| labels.contains_key(**k)).map(|k| ((*k).to_owned(), Value::Null)).collect();
    let mut metadata = serde_json::json!({
        "resourceVersion": model::object::resource_version(live),
        "labels": removed,
        "managedFields": others,
    });
    if marked {
        metadata["annotations"] = serde_json::json!({label::APPLIED: null});
    }
    Some(serde_json::json!({"metadata": metadata}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hub() -> HubId {
        HubId::from_random([1; 10])
    }

    #[test]
    fn what_was_there_is_adopted_unless_recorded_as_ours() {
        let plain = json!({"metadata": {"name": "a"}});
        assert_eq!(plan(None, &hub(), None, None), Adoption::Ours);
        assert_eq!(plan(Some(&plain), &hub(), None, None), Adoption::Adopt);
        assert_eq!(plan(Some(&plain), &hub(), Some(true), None), Adoption::Adopt);
        assert_eq!(plan(Some(&plain), &hub(), Some(false), None), Adoption::Ours);
        let labelled = json!({"metadata": {"labels": {"kurator.dev/hub": hub().as_str()}}});
        assert_eq!(plan(Some(&labelled), &hub(), None, None), Adoption::Adopt);
        let foreign = json!({"metadata": {"labels": {"kurator.dev/hub": "other"}}});
        assert_eq!(plan(Some(&foreign), &hub(), Some(false), None), Adoption::Foreign("other".into()));
    }

    #[test]
    fn what_was_begun_is_ours_only_if_it_arrived() {
        let labelled = |part_of: &str| json!({"metadata": {"labels": {"kurator.dev/hub": hub().as_str(), "applyset.kubernetes.io/part-of": part_of}}});
        assert_eq!(plan(Some(&labelled("mine")), &hub(), None, Some("mine")), Adoption::Ours);
        assert_eq!(plan(Some(&labelled("mine")), &hub(), None, None), Adoption::Adopt);
        assert_eq!(plan(Some(&labelled("another")), &hub(), None, Some("mine")), Adoption::Adopt);
        assert_eq!(plan(Some(&json!({"metadata": {"name": "a"}})), &hub(), None, Some("mine")), Adoption::Adopt);
    }

    #[test]
    fn a_release_keeps_values_and_other_owners() {
        let live = json!({"metadata": {"resourceVersion": "7", "labels": {"kurator.dev/hub": "h", "app": "x"}, "managedFields": [
            {"manager": "kurator", "operation": "Apply"}, {"manager": "kubectl", "operation": "Update"}]}});
        assert_eq!(
            release(&live).unwrap(),
            json!({"metadata": {"resourceVersion": "7", "labels": {"kurator.dev/hub": null},
                "managedFields": [{"manager": "kubectl", "operation": "Update"}]}})
        );
        assert_eq!(release(&json!({"metadata": {"labels": {"app": "x"}}})), None);
        let marked = json!({"metadata": {"annotations": {"kurator.dev/applied": "sha256:x", "app": "x"}}});
        assert_eq!(release(&marked).unwrap()["metadata"]["annotations"], json!({"kurator.dev/applied": null}));
    }
}

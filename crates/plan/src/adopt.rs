//! Whose an object is that was there before we first applied it, and whether it may be taken over.
//!
//! What would restart pods, or change their number, is left as it is until somebody says so: two people may call their
//! Deployment by the same name. See `docs/adr/0041-what-becomes-of-objects.md`.

use api::delivery::{HubId, label};
use api::feed::ObjectReport;
use model::name::LABEL_MAX;
use model::{MemberName, words};
use serde_json::Value;

use crate::apply::{Report, WaitingOn};
use crate::drift;
use crate::field;
use crate::ownership;
use crate::prepare::Prepared;

/// What to do with an object that is there before our first apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It is not there, or it is one that this hub made and recorded: it will be ours.
    Ours,
    /// It was there before us: it is taken over, and released instead of deleted later.
    Adopt {
        /// It carries our label, and no inventory names it: what was recorded of it seems to be lost.
        unrecorded: bool,
    },
    /// It is not touched; the report says why.
    Leave,
}

impl Plan {
    /// Does the object count as somebody else's?
    pub fn is_adopted(&self) -> bool {
        matches!(self, Self::Adopt { .. })
    }

    /// Does it so though it carries our label?
    pub fn is_unrecorded(&self) -> bool {
        matches!(self, Self::Adopt { unrecorded: true })
    }
}

/// What is known of an object that is there, besides itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// How another of this hub's inventories in the member has it, as `Some(adopted)`.
    pub recorded: Option<bool>,
    /// The id of the unit's ApplySet when its own inventory names the object and does not know whether the first apply
    /// arrived.
    pub begun: Option<&'a str>,
    /// An autoscaler has its replicas.
    pub scaled: bool,
    /// Objects are taken over, whatever that restarts.
    pub overwrites: bool,
}

/// What taking over an object that is there changes in it: all fields, and those by which pods start, stop or restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// All, as paths.
    pub all: Vec<String>,
    /// Those that pods feel.
    pub restarts: Vec<String>,
}

/// What taking over an object would change. Our labels are not told: they are on everything.
pub fn changes(object: &Prepared, live: &Value, scaled: bool) -> Changes {
    let mut paths = drift::diff(&object.object, live);
    paths.retain(|path| !(is_mark(&path.words()) || scaled && *path == drift::replicas()));
    let restarts = drift::restarts(&object.key, &paths, scaled);
    let mut all: Vec<String> = paths.iter().map(field::Path::words).collect();
    drift::bound(&mut all);
    Changes { all, restarts }
}

/// Is a field, in words, one of our labels?
pub(crate) fn is_mark(path: &str) -> bool {
    path == "metadata.labels"
        || [label::HUB, label::APPLYSET_PART_OF].iter().any(|name| path == format!("metadata.labels[{name}]"))
}

/// Does a live object have another number of replicas? Then it counts whether an autoscaler has them.
pub fn has_other_replicas(object: &Prepared, live: &Value) -> bool {
    let replicas = |object| model::object::get(object, &["spec", "replicas"]);
    replicas(&object.object).is_some() && replicas(live) != replicas(&object.object)
}

/// Why an object is not taken over that was there, and what to do. `restarts`: what pods would feel.
pub fn refusal_words(restarts: &[String]) -> String {
    format!(
        "it was there before, and taking it over would restart its pods or change their number ({}); set the annotation \
         kurator.dev/adopt: overwrite on it in the source, or have the source say the same",
        restarts.join(", "),
    )
}

/// Decides from the live object. One that another hub delivers is left alone: two hubs would take it from each other for
/// ever, so neither force nor time helps. A handover keeps what was recorded. Where the unit's own inventory names the object
/// and does not know whether the first apply arrived, its labels tell. Any other object with our label counts as somebody
/// else's, since nothing is deleted that was not recorded; it bears our marks, so taking it over is no surprise.
pub fn plan(object: &Prepared, live: Option<&Value>, hub: &HubId, known: Known<'_>) -> (Plan, Report) {
    let Known { recorded, begun, scaled, overwrites } = known;
    let Some(live) = live else { return (Plan::Ours, Report::default()) };
    if model::object::is_deleting(live) {
        return (Plan::Leave, WaitingOn::BeingDeleted.into());
    }
    let hub_label = model::object::label(live, label::HUB);
    let arrived =
        hub_label.is_some() && begun.is_some() && model::object::label(live, label::APPLYSET_PART_OF) == begun;
    if let Some(other) = ownership::other_hub(live, hub) {
        return (Plan::Leave, WaitingOn::OtherHub(other).into());
    }
    match hub_label {
        _ if recorded == Some(false) || arrived => (Plan::Ours, Report::default()),
        None if recorded.is_none()
            && !(overwrites || object.overwrites)
            && !changes(object, live, scaled).restarts.is_empty() =>
        {
            (Plan::Leave, WaitingOn::Adoption.into())
        }
        _ => (Plan::Adopt { unrecorded: hub_label.is_some() && recorded.is_none() }, Report::default()),
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

/// The other hub that has an object by what a member reported of it in [`foreign_words`].
pub fn other_hub(row: &ObjectReport) -> Option<String> {
    let is_theirs = row.reason == WaitingOn::OtherHub(String::new()).reason();
    let hub = row.message.strip_prefix("hub ").and_then(|said| said.split_whitespace().next());
    is_theirs.then(|| words::bounded(hub.unwrap_or_default(), LABEL_MAX))
}

/// What to say of an object that another hub delivers, as far as it is known: that hub's id, and when one wrote it last. `does`:
/// what that hub does.
pub fn foreign_words(hub: &str, does: &str, member: &MemberName, live: Option<&Value>) -> String {
    let entries = live.and_then(|live| live["metadata"]["managedFields"].as_array()).into_iter().flatten();
    let written = entries.filter(|entry| entry["manager"] == label::FIELD_MANAGER);
    let last = written.filter_map(|entry| entry["time"].as_str()).max();
    let last = last.map(|time| format!(" (written last at {time})")).unwrap_or_default();
    format!(
        "hub {hub} {does}{last}: take over what it has in {member} with `kurator hub adopt {member} --from {hub}`, or have it let go: \
         take it out of that hub's source, or detach this cluster there with --release; of a hub that is lost and recorded nothing, \
         take its label {} off here",
        label::HUB
    )
}

#[cfg(test)]
mod tests {
    use api::delivery::UnitId;
    use serde_json::json;

    use super::*;
    use crate::authenticator::HubKey;
    use crate::pool::Pools;
    use crate::prepare::Bundle;

    fn hub() -> HubId {
        HubId::from_random([1; 10])
    }

    fn prepared(mut object: Value) -> Prepared {
        object["apiVersion"] = json!(if object["kind"] == "ConfigMap" { "v1" } else { "apps/v1" });
        object["metadata"] = json!({"name": "a", "namespace": "shop"});
        let short = UnitId::new("g", "K", "n", "u", None).short(&hub());
        let (payload, _) = crate::phase::plan(vec![object]);
        let key = HubKey::from_random([1; 32]);
        let bundle = Bundle::new(payload.digest(), &payload, &hub(), &short, &key, &Pools::default());
        Prepared::clone(bundle.objects().next().unwrap())
    }

    #[test]
    fn what_would_restart_pods_is_not_taken_over_unless_somebody_says_so() {
        let deployment = |replicas: Value, image: &str, paused: bool| {
            json!({"kind": "Deployment", "spec": {"replicas": replicas, "paused": paused, "template": {"spec": {
                "containers": [{"name": "web", "image": image}]}}}})
        };
        let live = |object: Value| {
            let mut live = Value::clone(&prepared(object).object);
            live["metadata"]["labels"] = json!({"app": "x"});
            live["spec"]["template"]["spec"]["dnsPolicy"] = json!("ClusterFirst");
            live
        };
        let ours = prepared(deployment(json!(2), "nginx", false));
        let nothing = Known::default();
        let overwrites = Known { overwrites: true, ..nothing };
        let scaled = Known { scaled: true, ..nothing };
        let handed_over = Known { recorded: Some(true), ..nothing };
        let adopted = Plan::Adopt { unrecorded: false };
        for (live, known, expect) in [
            (live(deployment(json!(2), "nginx", false)), nothing, adopted.clone()),
            // What pods do not feel is taken over and said.
            (live(deployment(json!(2), "nginx", true)), nothing, adopted.clone()),
            (live(deployment(json!(2), "httpd", false)), nothing, Plan::Leave),
            (live(deployment(json!(2), "httpd", false)), overwrites, adopted.clone()),
            (live(deployment(json!(2), "httpd", false)), handed_over, adopted.clone()),
            (live(deployment(json!(5), "nginx", false)), nothing, Plan::Leave),
            (live(deployment(json!(5), "nginx", false)), scaled, adopted.clone()),
        ] {
            let waiting = (expect == Plan::Leave).then_some(WaitingOn::Adoption);
            assert_eq!(plan(&ours, Some(&live), &hub(), known), (expect, Report { waiting }), "{live} {known:?}");
        }
        let changed = changes(&ours, &live(deployment(json!(5), "httpd", true)), false);
        let image = "spec.template.spec.containers";
        assert_eq!(changed.all, ["spec.paused", "spec.replicas", image]);
        assert_eq!(changed.restarts, ["spec.replicas", image]);
        let mut with_flag = deployment(json!(2), "nginx", false);
        with_flag["metadata"] = json!({});
        let flagged = Prepared { overwrites: true, ..prepared(with_flag) };
        assert_eq!(plan(&flagged, Some(&live(deployment(json!(2), "httpd", false))), &hub(), nothing).0, adopted);
    }

    #[test]
    fn of_another_hub_is_said_what_is_known_and_what_to_do() {
        let fields = |manager: &str, time: &str| json!({"manager": manager, "time": time});
        let live = json!({"metadata": {"managedFields": [
            fields("kurator", "2026-11-26T10:00:00Z"), fields("kubectl", "2026-11-28T10:00:00Z"),
            fields("kurator", "2026-11-27T10:00:00Z"),
        ]}});
        let member = "paris".parse().unwrap();
        let said = foreign_words("other", "delivers it", &member, Some(&live));
        let known = "hub other delivers it (written last at 2026-11-27T10:00:00Z): take over what it has in paris with \
                     `kurator hub adopt paris --from other`, or have it let go: ";
        assert!(said.starts_with(known) && said.contains("--release"), "{said}");
        let unknown = foreign_words("other", "took it over", &member, None);
        assert!(unknown.starts_with("hub other took it over: take over what it has"), "{unknown}");
    }

    #[test]
    fn what_was_there_is_adopted_unless_it_is_recorded_as_ours_and_left_if_it_is_not_for_us() {
        let labels = |labels: Value| Some(json!({"metadata": {"name": "a", "labels": labels}}));
        let plain = || labels(json!({"app": "x"}));
        let ours = |part_of: &str| labels(json!({label::HUB: hub().as_str(), label::APPLYSET_PART_OF: part_of}));
        let foreign = || labels(json!({label::HUB: "other"}));
        let leaving = Some(json!({"metadata": {"name": "a", "deletionTimestamp": "2026-11-26T10:00:00Z"}}));
        let theirs = || Plan::Adopt { unrecorded: false };
        let unrecorded = || Plan::Adopt { unrecorded: true };
        let other_hub = || Some(WaitingOn::OtherHub("other".into()));
        // live, recorded by another unit as adopted, begun by -> plan, what is waited for
        for (live, recorded, begun, expect, waiting) in [
            (None, None, None, Plan::Ours, None),
            (plain(), None, None, theirs(), None),
            (plain(), Some(true), None, theirs(), None),
            (plain(), Some(false), None, Plan::Ours, None),
            (plain(), None, Some("mine"), theirs(), None),
            // Our label alone proves nothing: nothing is deleted that was not recorded.
            (ours("mine"), None, None, unrecorded(), None),
            (ours("mine"), Some(true), None, theirs(), None),
            (ours("mine"), None, Some("mine"), Plan::Ours, None),
            (ours("another"), None, Some("mine"), unrecorded(), None),
            (foreign(), None, None, Plan::Leave, other_hub()),
            (foreign(), Some(false), None, Plan::Leave, other_hub()),
            (foreign(), None, Some("mine"), Plan::Leave, other_hub()),
            (leaving.clone(), None, None, Plan::Leave, Some(WaitingOn::BeingDeleted)),
            (leaving, Some(false), Some("mine"), Plan::Leave, Some(WaitingOn::BeingDeleted)),
        ] {
            let known = Known { recorded, begun, ..Known::default() };
            let decided = plan(&prepared(json!({"kind": "ConfigMap"})), live.as_ref(), &hub(), known);
            assert_eq!(decided, (expect, Report { waiting }), "{live:?} {recorded:?} {begun:?}");
        }
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

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use api::delivery::{Health, PodCounts, UnitCounts, UnitPhase};
use api::feed::UnitReport;
use plan::authenticator::HubKey;
use plan::reach::{MemberFacts, Reach};

use super::compare::{last_report, objects};
use super::edit::{merged, named};

fn fleet(name: &str, namespace: Option<&str>) -> Value {
    json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet", "metadata": {"name": name, "namespace": namespace}})
}

#[test]
fn what_cannot_be_previewed_is_refused_with_its_path() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    let other = json!({"apiVersion": "fleet.kurator.dev/v2", "kind": "Fleet", "metadata": {"name": "a"}});
    for (objects, expect) in [
        (vec![fleet("a", None), secret], "spec.objects[1].kind: is \"Secret\": only an Application, a Fleet or"),
        (vec![other], "spec.objects[0].kind: is \"Fleet\": only"),
        (vec![fleet("", None)], "spec.objects[0].metadata.name: is no name"),
        (vec![fleet("a/b", None)], "spec.objects[0].metadata.name: is no name"),
        (vec![fleet("a", Some("west"))], "spec.objects[0].metadata.namespace: is \"west\"; one namespace"),
        (vec![fleet("a", None); 21], "spec.objects: has 21 objects; at most 20"),
    ] {
        let refused = named("east", &objects).unwrap_err().to_string();
        assert!(refused.starts_with(expect), "{refused}");
    }
    let found = named("east", &[fleet("a", Some("east"))]).unwrap();
    assert_eq!((found[0].plural, found[0].name.as_str()), ("fleets", "a"));
}

fn metadata(value: Value) -> ObjectMeta {
    serde_json::from_value(value).unwrap()
}

#[test]
fn an_edit_takes_away_what_an_apply_had_set_and_leaves_what_others_set() {
    let noted = json!({"metadata": {"labels": {"size": "small", "tier": "a"}}}).to_string();
    let by_kubectl = json!({"labels": {"size": "small", "tier": "a", "fleet": "all"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": noted}});
    let owned = |manager: &str, operation: &str| {
        json!({"labels": {"size": "small", "tier": "a", "fleet": "all"}, "managedFields": [
            {"manager": manager, "operation": operation, "fieldsV1": {"f:metadata": {"f:labels": {"f:size": {}, "f:tier": {}}}}},
        ]})
    };
    for (stored, expect) in [
        (Some(by_kubectl), json!({"size": "big", "fleet": "all"})),
        (Some(owned("kubectl", "Apply")), json!({"size": "big", "fleet": "all"})),
        // Nothing says that an apply had set it.
        (Some(owned("kubectl-label", "Update")), json!({"size": "big", "tier": "a", "fleet": "all"})),
        (Some(owned("kurator-fleet", "Apply")), json!({"size": "big", "tier": "a", "fleet": "all"})),
        (None, json!({"size": "big"})),
    ] {
        let after = merged(metadata(json!({"labels": {"size": "big"}})), stored.clone().map(metadata));
        assert_eq!(json!(after.labels), expect, "{stored:?}");
    }
}

fn report() -> UnitReport {
    UnitReport {
        member: "a".parse().unwrap(),
        unit: "apps.kurator.dev/Application/default/app/p".parse().unwrap(),
        revision: "r".into(),
        epoch: 1,
        payload: model::Digest::of(b"payload"),
        phase: UnitPhase::Applied,
        health: Health::Healthy,
        objects: UnitCounts::default(),
        pods: PodCounts::default(),
        reason: String::new(),
        message: String::new(),
        waiting: Vec::new(),
        deletions: None,
        reverts: None,
        last_drift: None,
        details: Vec::new(),
        unreadable: false,
        uids: Vec::new(),
        going: None,
    }
}

/// After a restart the hub knows of no report until the applier has looked.
#[test]
fn a_member_that_has_not_reported_is_not_compared() {
    let member: model::MemberName = "a".parse().unwrap();
    let report = report();
    let blocked = "nothing is delivered to it now; see `kurator status member/a`";
    for (reach, has_report, expect) in [
        (Some(Reach::Reachable), true, None),
        (Some(Reach::NotReady), true, None),
        (Some(Reach::Reachable), false, Some("its applier has not reported yet")),
        (Some(Reach::NotReady), false, Some("its applier has not reported yet")),
        (Some(Reach::Unknown), true, Some("it does not answer")),
        (Some(Reach::Blocked), true, Some(blocked)),
        (None, true, Some("its record is gone")),
    ] {
        let facts = reach.map(MemberFacts::new);
        let found = last_report(&member, facts.as_ref(), Some(&report).filter(|_| has_report));
        assert_eq!(found.err().as_deref(), expect, "{reach:?} {has_report}");
    }
    // What it has there and should not have would be missing.
    let unreadable = UnitReport { unreadable: true, ..report };
    let found = last_report(&member, Some(&MemberFacts::new(Reach::Reachable)), Some(&unreadable));
    assert_eq!(found.unwrap_err(), "its record of what was delivered there cannot be read");
}

#[test]
fn what_is_not_pruned_is_no_difference() {
    use api::feed::{ObjectReport, SyncState};
    let hub = api::delivery::HubId::from_random([1; 10]);
    let unit: api::delivery::UnitId = "apps.kurator.dev/Application/default/app/p".parse().unwrap();
    let key = HubKey::from_random([3; 32]);
    let hider = plan::difference::hidden::Hider { key: &key, owner: &unit.owner() };
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}});
    let live = std::collections::BTreeMap::from([(model::ObjectKey::of(&object), object.clone())]);
    for (sync, count) in [(SyncState::NotPruned, 0), (SyncState::PrunePending, 1)] {
        let row: ObjectReport = serde_json::from_value(json!({"key": model::ObjectKey::of(&object), "version": "v1",
            "sync": sync, "health": "Healthy"}))
        .unwrap();
        let report = UnitReport { details: vec![std::sync::Arc::new(row)], ..report() };
        let found = objects(None, &report, &live, &Default::default(), &hub, &hider);
        assert_eq!(found.len(), count, "{sync:?}: {found:?}");
    }
}

#[test]
fn what_is_left_alone_differs_from_nothing() {
    use api::feed::{ObjectReport, SyncState};
    let hub = api::delivery::HubId::from_random([1; 10]);
    let unit: api::delivery::UnitId = "apps.kurator.dev/Application/default/app/p".parse().unwrap();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}});
    let (payload, _) = plan::phase::plan(vec![object]);
    let (key, short, pools) = (HubKey::from_random([3; 32]), unit.short(&hub), plan::pool::Pools::default());
    let bundle = plan::prepare::Bundle::new(payload.digest(), &payload, &hub, &short, &key, &pools);
    let hider = plan::difference::hidden::Hider { key: &key, owner: &unit.owner() };
    for (sync, count) in [(SyncState::LeftAlone, 0), (SyncState::Synced, 1)] {
        let row: ObjectReport =
            serde_json::from_value(json!({"key": &bundle.objects().next().unwrap().key, "version": "v1",
            "sync": sync, "health": "Healthy"}))
            .unwrap();
        let report = UnitReport { details: vec![std::sync::Arc::new(row)], ..report() };
        let found = objects(Some(&bundle), &report, &Default::default(), &Default::default(), &hub, &hider);
        assert_eq!(found.len(), count, "{sync:?}: {found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_answered_also_while_previews_wait_for_other_machines() {
    let (_cache, controllers) = crate::deps::tests::idle();
    let inspector = &controllers.inspector;
    let _all = inspector.turns.acquire_many(u32::try_from(super::AT_ONCE).unwrap()).await.unwrap();
    let key = client::NamespacedName::new("default", "app");
    let held = inspector.held(&key, false).await.unwrap_err();
    assert!(matches!(held, super::InspectError::NotFound(_)), "{held}");
    let member = "a".parse().unwrap();
    assert_eq!(inspector.rendering(&key, &member).await.unwrap_err(), super::InspectError::Busy);
}

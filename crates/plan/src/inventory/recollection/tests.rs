use api::delivery::{HubId, UnitId};
use model::ObjectKey;
use serde_json::json;

use super::*;
use crate::authenticator::HubKey;
use crate::inventory;
use crate::mark::Mark;
use crate::pool::Pools;
use crate::prepare::Bundle;

fn status(change: impl FnOnce(&mut UnitStatus)) -> UnitStatus {
    let mut status: UnitStatus = serde_json::from_value(json!({
        "revision": "r-1", "epoch": 1, "applied": Digest::of(b"p"), "phase": "Applied", "health": "Healthy",
        "since": "2026-01-01T00:00:00Z",
    }))
    .unwrap();
    (status.objects.inventory, status.objects.adopted) = (3, 1);
    status.adopted = ObjectSet::new([&ObjectKey { name: "theirs".into(), ..ObjectKey::default() }]);
    change(&mut status);
    status
}

#[test]
fn a_report_tells_what_was_the_units_own_only_when_it_tells_all_that_was_not() {
    let payload =
        |leaves: bool, status: UnitStatus| Recollection::of(&status).and_then(|known| known.payload_of(leaves));
    for leaves in [false, true] {
        assert!(payload(leaves, status(|_| {})).is_some());
        assert!(payload(leaves, status(|s| s.phase = UnitPhase::Unknown)).is_some());
        // As an earlier version stored it, or with more adopted objects than are kept.
        assert_eq!(payload(leaves, status(|s| s.adopted = ObjectSet::default())), None);
        assert_eq!(payload(leaves, status(|s| s.objects.adopted = 2)), None);
        assert_eq!(payload(leaves, status(|s| s.applied = None)), None);
        let left = payload(leaves, status(|s| s.phase = UnitPhase::Removing));
        assert_eq!(left.is_some(), leaves, "what was on its way out goes, and does not stay");
    }
    assert_eq!(Recollection::of(&status(|s| s.objects = api::delivery::UnitCounts::default())), None);
    assert_eq!(Recollection::of(&status(|s| s.phase = UnitPhase::Removed)), None);
    assert_eq!(
        Recollection::of(&status(|s| s.objects.adopted = 2)).unwrap().objects,
        3,
        "that something is there is known"
    );
}

#[test]
fn an_object_is_the_units_when_it_bears_its_marks_under_our_name() {
    let hub = HubId::from_random([1; 10]);
    let unit = UnitId::new("g", "K", "n", "u", None);
    let short = unit.short(&hub);
    let part_of = inventory::applyset_id(&short);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}});
    let (payload, _) = crate::phase::plan(vec![object]);
    let key = HubKey::from_random([1; 32]);
    let bundle = Bundle::new(payload.digest(), &payload, &hub, &short, &key, &Pools::default());
    let prepared = bundle.objects().next().unwrap();
    let mut live = Value::clone(&prepared.object);
    live["metadata"]["uid"] = json!("u-1");
    let fields = json!({"f:metadata": {"f:annotations": {format!("f:{}", label::APPLIED): {}}}});
    live["metadata"]["managedFields"] = json!([{"manager": label::FIELD_MANAGER, "operation": "Apply",
        "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields}]);
    let claimant = Claimant { hub: &hub, part_of: &part_of };
    let entries = |adopted, live: &Value| {
        let known =
            Recollection { payload: Some(bundle.digest), placed: None, objects: 1, adopted, was_leaving: false };
        let found = [(prepared.clone(), Some(live.clone()))];
        known.entries(&found, &claimant).map(|mut entries| entries.pop().map(|(_, entry)| entry))
    };
    let entry = entries(ObjectSet::default(), &live).unwrap().unwrap();
    assert_eq!((entry.uid, entry.adopted), (Some("u-1".into()), false));
    assert!(entries(ObjectSet::new([&**prepared.key]), &live).unwrap().unwrap().adopted);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut other = live.clone();
        change(&mut other);
        entries(ObjectSet::default(), &other)
    };
    // A copy has the labels, and not our name in managedFields.
    assert_eq!(changed(&|live| live["metadata"]["managedFields"][0]["manager"] = json!("kubectl")), Some(None));
    assert_eq!(changed(&|live| live["metadata"]["managedFields"][0]["operation"] = json!("Update")), Some(None));
    assert_eq!(changed(&|live| live["metadata"]["labels"][label::HUB] = json!("another")), Some(None));
    assert_eq!(changed(&|live| live["metadata"]["labels"][label::APPLYSET_PART_OF] = json!("another")), Some(None));
    // The hub knows less than the member was told.
    let later = Mark { digest: Digest::of(b"later"), ..prepared.mark(false) };
    assert_eq!(changed(&|live| later.write(live)), None);
}

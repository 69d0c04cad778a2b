use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use api::delivery::{Health, PodCounts, UnitCounts, UnitPhase};
use api::feed::UnitReport;
use model::ObjectKey;
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
        asked: api::delivery::Question::default(),
        payload: model::Digest::of(b"payload"),
        phase: UnitPhase::Applied,
        health: Health::Healthy,
        objects: UnitCounts::default(),
        pods: PodCounts::default(),
        reason: String::new(),
        message: String::new(),
        waiting: Vec::new(),
        deletions: None,
        unweighed: false,
        unlisted: false,
        heirs: Vec::new(),
        uncounted: false,
        reverts: None,
        deleted: None,
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

/// A list of a member that is away may render two revisions.
#[tokio::test(start_paused = true)]
async fn what_members_were_sent_is_asked_in_turns_and_does_not_wait_for_previews() {
    let (_cache, controllers) = crate::deps::tests::idle();
    let inspector = &controllers.inspector;
    let (key, member) = (client::NamespacedName::new("default", "app"), "a".parse().unwrap());
    let at_once = u32::try_from(super::AT_ONCE).unwrap();
    let previews = inspector.turns.acquire_many(at_once).await.unwrap();
    assert_eq!(inspector.sent(&key, None).await, Ok(Vec::new()));
    drop(previews);
    // The last that is free is enough: who has a turn asks for no other one.
    let but_one = inspector.list_turns.acquire_many(at_once - 1).await.unwrap();
    assert_eq!(inspector.sent_to_member(&member).await, Ok(Vec::new()));
    assert_eq!(inspector.sent_of_each(&[key.clone(), key.clone()], None).await, Ok(vec![Vec::new(); 2]));
    let _last = inspector.list_turns.acquire().await.unwrap();
    assert_eq!(inspector.sent(&key, None).await, Err(super::InspectError::Busy));
    assert_eq!(inspector.sent_of_each(&[key], None).await, Err(super::InspectError::Busy));
    assert_eq!(inspector.sent_to_member(&member).await, Err(super::InspectError::Busy));
    drop(but_one);
    assert_eq!(inspector.sent_to_member(&member).await, Ok(Vec::new()));
}

/// An Application `app` with a member `b` that does not answer, which had other objects than its policies have now.
struct Away {
    _cache: tempfile::TempDir,
    controllers: std::sync::Arc<crate::deps::Controllers>,
    hub: api::delivery::HubId,
}

impl Away {
    fn new() -> Self {
        let (cache, controllers) = crate::deps::tests::idle();
        let application: api::kurator::apps::v1alpha1::Application = serde_json::from_value(json!({
            "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application", "spec": {"source": {}, "syncPolicies": []},
            "metadata": {"name": "app", "namespace": "default", "resourceVersion": "1"}}))
        .unwrap();
        controllers.stores.applications.learn(application);
        let mut record = api::karmada::cluster::v1alpha1::Cluster::new("b", Default::default());
        record.metadata.resource_version = Some("2".into());
        controllers.stores.clusters.learn(record);
        Self { _cache: cache, controllers, hub: api::delivery::HubId::from_random([7; 10]) }
    }

    fn unit(policy: &str) -> api::delivery::UnitId {
        plan::application::owner("default", "app").unit(Some(policy))
    }

    /// Stores a revision of a policy: ConfigMaps of these names.
    fn revision(&self, policy: &str, epoch: u64, names: &[&str]) -> String {
        let object = |name: &&str| {
            let asks = match *name {
                "if-not-present" => json!({"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}),
                "left-alone" => json!({"kurator.dev/reconcile": "disabled"}),
                _ => Value::Null,
            };
            match name.strip_prefix("namespace/") {
                Some(name) => json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
                None => {
                    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "annotations": asks}})
                }
            }
        };
        let (objects, unit): (Vec<Value>, _) = (names.iter().map(object).collect(), Self::unit(policy));
        let short = unit.short(&self.hub);
        let (inputs, _) = plan::unit::objects::pack(&objects, &short, &HubKey::from_random([1; 32])).unwrap();
        let name = api::delivery::RevisionSpec::object_name(&short, epoch);
        let spec = api::delivery::RevisionSpec {
            unit,
            epoch,
            inputs: api::delivery::Inputs::Objects(inputs),
            overrides: BTreeMap::new(),
            answers: BTreeMap::new(),
            renderer: render::VERSION.into(),
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let mut revision = api::delivery::Revision::new(&name, spec);
        revision.metadata.namespace = Some("default".into());
        revision.metadata.resource_version = Some((10 + epoch).to_string());
        self.controllers.stores.revisions.learn(revision);
        name
    }

    /// Decides that the member gets this revision of a policy.
    fn decide(&self, policy: &str, entry: &Value) {
        self.decide_more(policy, entry, &json!({"prune": true}));
    }

    /// The same with more of the Decision.
    fn decide_more(&self, policy: &str, entry: &Value, more: &Value) {
        let mut spec = json!({"unit": Self::unit(policy), "slice": 0, "members": {"b": entry}});
        spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let spec: api::delivery::DecisionSpec = serde_json::from_value(spec).unwrap();
        let mut decision = api::delivery::Decision::new(&format!("d-{policy}"), spec);
        decision.metadata.namespace = Some("default".into());
        decision.metadata.resource_version = Some("20".into());
        self.controllers.stores.decisions.learn(decision);
    }

    /// Stores what the member said last of policy `p`.
    fn report(&self, status: &Value) {
        let status = serde_json::from_value(status.clone()).unwrap();
        let spec = api::delivery::MemberStatusSpec { member: "b".parse().unwrap(), slice: 0 };
        let mut stored = api::delivery::MemberStatus::new("b-0", spec);
        stored.metadata.resource_version = Some("30".into());
        let units = BTreeMap::from([(Self::unit("p"), status)]);
        stored.status =
            Some(api::delivery::MemberStatusStatus { units, ..api::delivery::MemberStatusStatus::default() });
        self.controllers.stores.statuses.learn(stored);
    }

    /// The member answers after all, and its applier says this of policy `p`.
    fn answers(&self, phase: UnitPhase, epoch: u64) {
        let ready = json!({"type": "Ready", "status": "True", "reason": "ClusterReady", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let conditions = vec![serde_json::from_value(ready).unwrap()];
        let mut record = api::karmada::cluster::v1alpha1::Cluster::new("b", Default::default());
        record.metadata.resource_version = Some("40".into());
        record.status = Some(api::karmada::cluster::v1alpha1::ClusterStatus { conditions, ..Default::default() });
        self.controllers.stores.clusters.learn(record);
        let member: model::MemberName = "b".parse().unwrap();
        let said = UnitReport { member: member.clone(), unit: Self::unit("p"), epoch, phase, ..report() };
        drop(self.controllers.feed.member(&member).report(applier::FeedReport::Unit(said.into())));
    }

    /// Everything that waits: what goes, what stays and why, and how many members have no names.
    async fn held(&self) -> (String, Vec<String>, usize) {
        self.held_away(true).await.unwrap()
    }

    /// The same of a member that is away or not. `None`: no list is whole at this moment.
    async fn held_away(&self, away: bool) -> Option<(String, Vec<String>, usize)> {
        let key = client::NamespacedName::new("default", "app");
        let held = self.controllers.inspector.held(&key, false).await.unwrap();
        let [list] = &held.lists[..] else { return None };
        let objects: Vec<_> = list.groups.iter().flat_map(|group| &group.objects).collect();
        assert!(list.groups.iter().all(|group| group.away == away), "{list:?}");
        let goes: Vec<&str> = objects.iter().filter(|o| o.stays.is_empty()).map(|o| o.name.as_str()).collect();
        let stays = objects.iter().filter(|o| !o.stays.is_empty()).map(|o| format!("{}: {}", o.name, o.stays));
        Some((goes.join(" "), stays.collect(), list.unnamed.len()))
    }
}

/// A list of these ConfigMaps, as the hub or a member makes it.
fn list(names: &[&str]) -> (api::delivery::Deletions, api::delivery::ObjectSet) {
    let keys: Vec<model::ObjectKey> = names
        .iter()
        .map(|name| serde_json::from_value(json!({"kind": "ConfigMap", "namespace": "shop", "name": name})).unwrap())
        .collect();
    let hashed: Vec<_> = keys.iter().cloned().map(std::sync::Arc::<model::HashedKey>::from).collect();
    (plan::prune::deletions(&hashed, 0, false), api::delivery::ObjectSet::new(&keys))
}

#[tokio::test]
async fn the_list_of_a_member_that_is_away_is_named_without_what_stays_there() {
    let had = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "moved", "theirs", "asks", "kept"];
    let (goes, by_hub) = (&had[..12], &had[..13]);
    let counts = json!({"desired": 1, "applied": 1, "healthy": 1, "failed": 0, "inventory": 16});
    let status = |revision: &str, epoch: u64, more: Value| {
        let mut status = json!({"revision": revision, "epoch": epoch, "phase": "Applied", "health": "Healthy", "objects": counts,
            "since": "2026-01-01T00:00:00Z", "adopted": list(&["theirs"]).1, "kept": list(&["asks"]).1});
        status.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        status
    };
    // By its key.
    let stays = vec![
        "asks: an annotation on it asks that it stays".to_owned(),
        "moved: policy q takes it over".to_owned(),
        "theirs: it was there before Kurator".to_owned(),
    ];
    // The member said itself what it would delete, and the hub has started since; or the hub says what it expects, which it did
    // before the policy came that takes an object over.
    for is_own in [true, false] {
        let away = Away::new();
        let (one, two) = (away.revision("p", 1, &had), away.revision("p", 2, &["kept"]));
        let of_q = away.revision("q", 1, &["moved"]);
        away.decide("q", &json!({"revision": of_q, "epoch": 1, "reason": ""}));
        let mut entry = json!({"revision": two, "epoch": 2, "reason": ""});
        if is_own {
            away.report(&status(&two, 2, json!({"phase": "DeletionsHeld", "held": list(goes).0})));
        } else {
            let (expected, objects) = list(by_hub);
            away.report(&status(&one, 1, json!({})));
            entry["expected"] = json!({"digest": expected.digest, "count": 13, "desired": 1, "objects": objects});
        }
        away.decide("p", &entry);
        assert_eq!(away.held().await, (goes.join(" "), stays.clone(), 0), "its own: {is_own}");
    }
}

/// A definition is waited for again, and the hub has started since: the list that is stored is not said again.
#[tokio::test]
async fn a_list_is_named_while_its_member_waits_for_what_comes_before() {
    let had: Vec<String> = (0..12).map(|n| format!("c{n:02}")).collect();
    let had: Vec<&str> = had.iter().map(String::as_str).collect();
    for (phase, is_named) in [
        (UnitPhase::Pending, true),
        (UnitPhase::Applying, true),
        (UnitPhase::Waiting, true),
        // It came to the list, and there is another one, or none.
        (UnitPhase::Applied, false),
        (UnitPhase::DeletionsHeld, false),
    ] {
        let away = Away::new();
        let (_one, two) = (away.revision("p", 1, &had), away.revision("p", 2, &[]));
        away.decide("p", &json!({"revision": two, "epoch": 2, "reason": ""}));
        let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 12});
        away.report(
            &json!({"revision": two, "epoch": 2, "phase": "DeletionsHeld", "health": "Healthy", "objects": counts,
            "since": "2026-01-01T00:00:00Z", "held": list(&had).0}),
        );
        away.answers(phase, 2);
        let named = away.held_away(false).await;
        assert_eq!(named, is_named.then(|| (had.join(" "), Vec::new(), 0)), "{phase}");
    }
}

/// It is away since before the hub started: what it ran last has an object that the source has lost meanwhile, and that goes too.
#[tokio::test]
async fn an_edit_that_takes_a_silent_member_out_names_what_it_was_sent_last_or_that_this_is_not_known() {
    let leaving =
        json!({"cause": "SelectorDiffers", "message": "label size is \"small\", the selector wants \"smal\""});
    let (one, two) = (["a", "lost"].as_slice(), ["a"].as_slice());
    for (one, two, desired, inventory, applied, phase, expect) in [
        (one, two, 2, 2, 2, "Applied", ("a lost", 0)),
        // It has more than it was sent, or has not taken all of it.
        (one, two, 2, 3, 2, "Applied", ("", 1)),
        (one, two, 2, 2, 1, "Applied", ("", 1)),
        // What it never got does not stand for what it has besides.
        (one, &["a", "new"], 2, 3, 2, "Applied", ("", 1)),
        (one, &["a", "new"], 2, 2, 2, "Applied", ("a lost new", 0)),
        // Of an object that is left alone the member says whether it has recorded it, which the next test has.
        (&["a", "if-not-present"], two, 2, 1, 2, "Applied", ("", 1)),
        // The numbers are not of this revision: a pass that came to no end has those of an earlier one, or none.
        (one, two, 1, 2, 1, "Applied", ("", 1)),
        (one, two, 2, 2, 2, "Failed", ("", 1)),
        (one, two, 0, 2, 0, "Failed", ("", 1)),
        // It was never there.
        (one, two, 0, 0, 0, "Unknown", ("a lost", 0)),
    ] {
        let about = format!("{one:?} {two:?} {desired} {inventory} {applied} {phase}");
        let away = Away::new();
        let (one, two) = (away.revision("p", 1, one), away.revision("p", 2, two));
        let entry = json!({"revision": two, "epoch": 2, "reason": "", "leaving": leaving});
        away.decide_more("p", &entry, &json!({"prune": true, "held": format!("sha256:{}", "1".repeat(64))}));
        let counts = json!({"desired": desired, "applied": applied, "healthy": 1, "failed": 0, "inventory": inventory});
        away.report(&json!({"revision": one, "epoch": 1, "phase": phase, "health": "Healthy", "objects": counts,
            "since": "2026-01-01T00:00:00Z"}));
        let (goes, stays, unnamed) = away.held().await;
        assert_eq!(((&*goes, unnamed), stays.len()), (expect, 0), "{about}");
    }
}

/// It is away since before the hub started, and something there is left alone or kept, as annotations in the source or in the member ask.
#[tokio::test]
async fn one_object_that_is_left_alone_does_not_keep_the_list_of_a_silent_member_from_being_named() {
    let leaving = json!({"cause": "SelectorDiffers", "message": "m"});
    let asks = |name: &str| vec![format!("{name}: an annotation on it asks that it stays")];
    for (objects, inventory, applied, kept, unmade, expect) in [
        // It was never made, and is there or not.
        (&["a", "left-alone"][..], 1, 1, &["left-alone"][..], &["left-alone"][..], ("a", vec![], 0)),
        (&["a", "left-alone"], 1, 2, &["left-alone"], &["left-alone"], ("a", vec![], 0)),
        (&["a", "if-not-present"], 1, 2, &[], &["if-not-present"], ("a", vec![], 0)),
        // It was made before it was to be left alone, or once.
        (&["a", "left-alone"], 2, 2, &["left-alone"], &[], ("a", asks("left-alone"), 0)),
        (&["a", "if-not-present"], 2, 2, &[], &[], ("a if-not-present", vec![], 0)),
        // By an annotation in the member alone.
        (&["a", "b"], 2, 2, &["b"], &[], ("a", asks("b"), 0)),
        // It has more than that, or not all of it.
        (&["a", "left-alone"], 2, 2, &["left-alone"], &["left-alone"], ("", vec![], 1)),
        (&["a", "b", "left-alone"], 1, 1, &["left-alone"], &["left-alone"], ("", vec![], 1)),
    ] {
        let about = format!("{objects:?} {inventory} {applied} {kept:?} {unmade:?}");
        let away = Away::new();
        let one = away.revision("p", 1, objects);
        let entry = json!({"revision": one, "epoch": 1, "reason": "", "leaving": leaving});
        away.decide_more("p", &entry, &json!({"prune": true, "held": format!("sha256:{}", "1".repeat(64))}));
        let counts =
            json!({"desired": objects.len(), "applied": applied, "healthy": 1, "failed": 0, "inventory": inventory});
        away.report(&json!({"revision": one, "epoch": 1, "phase": "Applied", "health": "Healthy", "objects": counts,
            "since": "2026-01-01T00:00:00Z", "kept": list(kept).1, "unmade": list(unmade).1}));
        let (goes, stays, unnamed) = away.held().await;
        assert_eq!((&*goes, stays, unnamed), expect, "{about}");
    }
}

/// The member is away, and both Applications were deleted meanwhile.
#[tokio::test]
async fn who_leaves_a_member_too_takes_nothing_over_and_keeps_nothing_there() {
    let owner = |app: &str| plan::application::owner("default", app).unit(Some("p"));
    let row = |kind: &str, namespace: &str, name: &str, more: Value| {
        let mut row = json!({"key": {"kind": kind, "namespace": namespace, "name": name}, "version": "v1", "sync": "Synced",
            "health": "Unknown"});
        row.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        std::sync::Arc::new(serde_json::from_value(row).unwrap())
    };
    let conflict = || json!({"sync": "Failed", "reason": "Conflict"});
    let said = |app: &str, details| UnitReport { unit: owner(app), phase: UnitPhase::Unknown, details, ..report() };
    let a = said("a", vec![row("Namespace", "", "shop", json!({})), row("ConfigMap", "shop", "x", json!({}))]);
    let b = said("b", vec![row("ConfigMap", "shop", "x", conflict()), row("ConfigMap", "shop", "y", json!({}))]);
    let others = [std::sync::Arc::new(a.clone()), std::sync::Arc::new(b.clone())];
    for (of_a, of_b, expect) in [
        (Some("None"), Some("None"), (1, 1, 0)),
        (Some("None"), Some("Prune"), (0, 0, 0)),
        (Some("None"), Some("Release"), (0, 0, 0)),
        // In no snapshot.
        (Some("None"), None, (0, 0, 0)),
        // What was said to be taken over goes with the one that leaves first.
        (Some("Prune"), Some("None"), (1, 1, 2)),
        (Some("Prune"), Some("Prune"), (0, 0, 2)),
        (Some("Release"), Some("None"), (1, 1, 0)),
    ] {
        let (_cache, controllers) = crate::deps::tests::idle();
        for (app, removal) in [("a", of_a), ("b", of_b)] {
            let Some(removal) = removal else { continue };
            let entry = json!({"revision": "r", "epoch": 1, "reason": "", "removal": removal});
            let spec = json!({"unit": owner(app), "slice": 0, "prune": true, "members": {"a": entry}});
            let mut decision = api::delivery::Decision::new(app, serde_json::from_value(spec).unwrap());
            decision.metadata.namespace = Some("default".into());
            decision.metadata.resource_version = Some("20".into());
            controllers.stores.decisions.learn(decision);
        }
        let inspector = &controllers.inspector;
        let found = (
            inspector.heirs_of(&a, &others).len(),
            inspector.occupants_of(&a, &others).len(),
            inspector.goes_along_with(&b, &others).len(),
        );
        assert_eq!(found, expect, "{of_a:?} {of_b:?}");
    }
    // What was shown when it was approved that it leaves: all else it asks about. And a deletion that is not decided yet.
    let map =
        ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name: "x".into(), ..ObjectKey::default() };
    let leaving = json!({"cause": "NotListed", "message": "m", "shown": api::delivery::ObjectSet::new([&map])});
    for (entry, is_deleted, expect) in [
        (
            json!({"revision": "r", "epoch": 1, "reason": "", "removal": "Prune", "leaving": leaving}),
            false,
            "ConfigMap shop/x",
        ),
        (json!({"revision": "r", "epoch": 1, "reason": ""}), false, ""),
        (json!({"revision": "r", "epoch": 1, "reason": ""}), true, "Namespace shop ConfigMap shop/x"),
    ] {
        let (_cache, controllers) = crate::deps::tests::idle();
        let spec = json!({"unit": owner("a"), "slice": 0, "prune": true, "members": {"a": entry}});
        let mut decision = api::delivery::Decision::new("a", serde_json::from_value(spec).unwrap());
        decision.metadata.namespace = Some("default".into());
        decision.metadata.resource_version = Some("20".into());
        controllers.stores.decisions.learn(decision);
        let at = is_deleted.then_some("2026-01-01T00:00:00Z");
        let application = json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
            "spec": {"source": {}, "syncPolicies": []},
            "metadata": {"name": "a", "namespace": "default", "resourceVersion": "1", "deletionTimestamp": at}});
        controllers.stores.applications.learn(serde_json::from_value(application).unwrap());
        let found = controllers.inspector.goes_along_with(&b, &others);
        let found: Vec<String> = found.keys().map(ToString::to_string).collect();
        let mut expect: Vec<&str> = if is_deleted { vec!["Namespace shop", "ConfigMap shop/x"] } else { vec![expect] };
        expect.retain(|one| !one.is_empty());
        let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, expect.into_iter().collect(), "{is_deleted}");
    }
}

/// The hub was started again while the member is away, and neither has said anything since. One leaves, and has a Namespace with what
/// the other one has in it.
#[tokio::test]
async fn what_a_silent_member_takes_along_with_a_unit_that_it_was_sent_is_in_its_list() {
    let leaving = json!({"cause": "NotListed", "message": "fleet f does not list it"});
    let held = json!({"prune": true, "held": format!("sha256:{}", "1".repeat(64))});
    for (removal, shown, expect) in [
        ("Prune", None, ("b shop", 0)),
        ("Prune", Some(api::delivery::ObjectSet::default()), ("b", 0)),
        ("Release", None, ("b", 0)),
        ("None", None, ("b", 0)),
    ] {
        let away = Away::new();
        let of_p = away.revision("p", 1, &["b"]);
        let of_q = away.revision("q", 1, &["namespace/shop"]);
        away.decide_more("p", &json!({"revision": of_p, "epoch": 1, "reason": "", "leaving": leaving}), &held);
        let why = json!({"cause": "UnitRemoved", "message": "m", "shown": shown});
        away.decide("q", &json!({"revision": of_q, "epoch": 1, "reason": "", "removal": removal, "leaving": why}));
        let (goes, _, unnamed) = away.held().await;
        let mut goes: Vec<&str> = goes.split(' ').collect();
        goes.sort_unstable();
        assert_eq!((goes.join(" ").as_str(), unnamed), expect, "{removal} {shown:?}");
    }
}

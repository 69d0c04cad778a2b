use std::collections::BTreeMap;
use std::sync::Arc;

use api::delivery::{HubId, Leaving, LeavingCause, MemberDecision, Owner, Removal, UnitId};
use api::view::{FieldDifference, ObjectChange, Placing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{MemberName, ObjectKey};
use serde_json::{Value, json};

use super::group::{Found, MemberDifference};
use super::hidden::Hider;
use super::*;
use crate::authenticator::HubKey;
use crate::pool::Pools;

fn key() -> HubKey {
    HubKey::from_random([3; 32])
}

fn owner() -> Owner {
    Owner::new("apps.kurator.dev", "Application", "default", "shop")
}

/// Runs with a hider of the Application `shop`.
fn with_hider<T>(run: impl FnOnce(&Hider<'_>) -> T) -> T {
    run(&Hider { key: &key(), owner: &owner() })
}

fn bundle(objects: Vec<Value>) -> Bundle {
    let hub = HubId::from_random([1; 10]);
    let short = UnitId::new("g", "K", "n", "u", None).short(&hub);
    let (payload, report) = crate::phase::plan(objects);
    assert!(report.refused.is_empty(), "{report:?}");
    Bundle::new(payload.digest(), &payload, &hub, &short, &key(), &Pools::default())
}

fn secret(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "data": data})
}

/// `path: from → to`, for each field.
fn words(fields: &[FieldDifference]) -> Vec<String> {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    fields.iter().map(|f| format!("{}: {} > {}", f.path, value(&f.from), value(&f.to))).collect()
}

#[test]
fn fields_of_what_is_sent_are_compared_one_by_one() {
    let container = |name: &str, image: &str| json!({"name": name, "image": image});
    for (old, new, expect) in [
        (json!({"a": 1}), json!({"a": 1}), vec![]),
        (
            json!({"a": 1, "b": {"c": "x"}}),
            json!({"b": {"c": "y"}, "d": []}),
            vec!["a: 1 > -", "b.c: \"x\" > \"y\"", "d: - > []"],
        ),
        // Items are known by their names, wherever they stand.
        (
            json!({"c": [container("a", "1"), container("b", "1")]}),
            json!({"c": [container("b", "2"), container("a", "1")]}),
            vec!["c[name=\"b\"].image: \"1\" > \"2\""],
        ),
        (
            json!({"c": [container("a", "1")]}),
            json!({"c": [container("a", "1"), container("b", "1")]}),
            vec!["c[name=\"b\"]: - > {\"image\":\"1\",\"name\":\"b\"}"],
        ),
        (
            json!({"c": [container("a", "1"), container("b", "1")]}),
            json!({"c": [container("b", "1"), container("a", "1")]}),
            vec![
                "c: [{\"image\":\"1\",\"name\":\"a\"},{\"image\":\"1\",\"name\":\"b\"}] > \
                  [{\"image\":\"1\",\"name\":\"b\"},{\"image\":\"1\",\"name\":\"a\"}]",
            ],
        ),
        // A list without names is compared by place, and one of texts as a whole.
        (
            json!({"r": [{"verbs": ["get"]}]}),
            json!({"r": [{"verbs": ["get", "list"]}]}),
            vec!["r[0].verbs: [\"get\"] > [\"get\",\"list\"]"],
        ),
        // Two items with one name have no names of their own.
        (
            json!({"e": [{"name": "a", "v": 1}, {"name": "a", "v": 2}]}),
            json!({"e": [{"name": "a", "v": 1}, {"name": "a", "v": 3}]}),
            vec!["e[1].v: 2 > 3"],
        ),
        // Our own note of what was sent says nothing.
        (
            json!({"metadata": {"annotations": {"kurator.dev/applied": "a"}}}),
            json!({"metadata": {"annotations": {"kurator.dev/applied": "b"}}}),
            vec![],
        ),
    ] {
        assert_eq!(words(&with_hider(|hider| field::between(&old, &new, hider))), expect, "{old} {new}");
    }
    let long = json!({"a": "x".repeat(field::VALUE_MAX * 2)});
    let shown = with_hider(|hider| field::between(&json!({}), &long, hider));
    assert_eq!(shown[0].to.as_ref().unwrap().chars().count(), field::VALUE_MAX);
}

#[test]
fn no_value_of_a_secret_is_shown_and_a_change_of_it_is() {
    let encoded = |text: &str| json!(STANDARD.encode(text));
    let before = secret(json!({"password": encoded("hunter2"), "user": encoded("admin")}));
    let after = secret(json!({"password": encoded("hunter3!"), "user": encoded("admin")}));
    let fields = with_hider(|hider| field::between(&before, &after, hider));
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].path, "data.password");
    let (from, to) = (fields[0].from.clone().unwrap(), fields[0].to.clone().unwrap());
    assert!(from.starts_with("\"(hidden: 7 bytes, ") && to.starts_with("\"(hidden: 8 bytes, "), "{from} {to}");
    // Whatever holds values of it, also as tools note them.
    let noted = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "s", "namespace": "n", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"stringData\":{\"password\":\"hunter2\"}}",
            "tool/packed": "hunter2".repeat(20),
            "team": "shop",
        }},
        "data": {"password": encoded("hunter2"), "broken": "hunter2"},
        "stringData": {"port": 5432, "token": "hunter2", "none": null},
        "immutable": true,
    });
    let shown = with_hider(|hider| hider.hide(&noted));
    let text = shown.to_string();
    assert!(
        !text.contains("hunter") && !text.contains("5432") && !text.contains(STANDARD.encode("hunter2").as_str()),
        "{text}"
    );
    assert_eq!(shown["metadata"]["annotations"]["team"], "shop");
    assert_eq!(
        (&shown["type"], &shown["immutable"], &shown["stringData"]["none"]),
        (&json!("Opaque"), &json!(true), &Value::Null)
    );
    // The same value in the same place looks the same, however it is written; in another place it does not.
    assert_eq!(shown["data"]["password"], with_hider(|hider| hider.hide(&before))["data"]["password"]);
    let written = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "stringData": {"password": "hunter2"}});
    assert_eq!(with_hider(|hider| hider.hide(&written))["stringData"]["password"], shown["data"]["password"]);
    assert_ne!(shown["stringData"]["token"], shown["data"]["password"]);
    let other = Owner::new("apps.kurator.dev", "Application", "default", "other");
    let elsewhere = Hider { key: &key(), owner: &other }.hide(&before);
    assert_ne!(elsewhere["data"]["password"], shown["data"]["password"]);
    // A ConfigMap is no secret.
    let open = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"a": "b"}});
    assert_eq!(with_hider(|hider| hider.hide(&open)), open);
}

#[test]
fn a_live_object_is_compared_by_what_is_sent_and_what_we_own() {
    let sent = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "labels": {"a": "1"}},
        "data": {"greeting": "hello", "colour": "red"}});
    let owned = |data: Value| json!({"f:metadata": {"f:labels": {"f:a": {}, "f:old": {}}}, "f:data": data});
    let live = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "c", "uid": "1", "labels": {"a": "1", "old": "x", "theirs": "y"}, "managedFields": [
            {"manager": "kurator", "operation": "Apply", "fieldsV1": owned(json!({"f:colour": {}}))},
            {"manager": "kubectl", "operation": "Update", "time": "2026-11-23T10:05:00Z", "fieldsV1": {"f:data": {"f:greeting": {}}}},
        ]},
        "data": {"greeting": "bye", "colour": "blue", "extra": "theirs"},
    });
    let fields = |known: &[String]| with_hider(|hider| field::live(&sent, &live, known, false, hider));
    assert_eq!(
        words(&fields(&[])),
        ["data.colour: \"blue\" > \"red\"", "data.greeting: \"bye\" > \"hello\"", "metadata.labels.old: \"x\" > -",]
    );
    assert_eq!(fields(&[])[1].by.as_deref(), Some("kubectl"));
    assert_eq!(fields(&["data.colour".to_owned()]).len(), 2);
    let scaled = json!({"spec": {"replicas": 2}});
    let three = json!({"spec": {"replicas": 3}});
    let count = |by_hpa| with_hider(|hider| field::live(&scaled, &three, &[], by_hpa, hider)).len();
    assert_eq!((count(false), count(true)), (1, 0));
}

#[test]
fn a_secret_in_a_member_is_compared_without_its_values() {
    let sent = secret(json!({"password": STANDARD.encode("hunter2")}));
    let live = secret(json!({"password": STANDARD.encode("changed")}));
    let fields = with_hider(|hider| field::live(&sent, &live, &[], false, hider));
    assert_eq!(fields[0].path, "data.password");
    assert!(fields[0].from.as_ref().unwrap().contains("hidden: 7 bytes"), "{fields:?}");
    assert!(!format!("{fields:?}").contains(STANDARD.encode("changed").as_str()));
}

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "n"}, "data": {"a": value}})
}

#[test]
fn a_payload_is_compared_with_the_one_before_it() {
    let keeps = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keeps", "namespace": "n",
        "annotations": {"helm.sh/resource-policy": "keep"}}});
    let old = bundle(vec![map("same", "1"), map("changed", "1"), map("gone", "1"), keeps]);
    let new = bundle(vec![map("same", "1"), map("changed", "2"), map("new", "1")]);
    let found = |prune: bool| -> BTreeMap<String, ObjectChange> {
        let objects = with_hider(|hider| bundles(&old, &new, prune, hider));
        objects.into_iter().map(|object| (object.object, object.change)).collect()
    };
    let (added, changed) =
        (("ConfigMap n/new".to_owned(), ObjectChange::Add), ("ConfigMap n/changed".to_owned(), ObjectChange::Change));
    let gone = ("ConfigMap n/gone".to_owned(), ObjectChange::Delete);
    let kept = ("ConfigMap n/keeps".to_owned(), ObjectChange::Release);
    assert_eq!(found(true), BTreeMap::from([added.clone(), changed.clone(), gone, kept]));
    assert_eq!(found(false), BTreeMap::from([added, changed]));
}

#[test]
fn what_was_not_applied_while_a_unit_was_suspended_is_when_it_is_resumed() {
    let map =
        |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "n"}});
    let names = ["new", "changed", "edited", "deleted", "same", "left"];
    let bundle = bundle(names.map(map).to_vec());
    let row = |(name, sync, health, unmade): (&str, &str, &str, bool)| {
        json!({"key": {"kind": "ConfigMap", "namespace": "n", "name": name}, "version": "v1", "sync": sync, "health": health,
            "unmade": unmade})
    };
    let rows = [
        ("new", "Pending", "Progressing", true),
        ("changed", "Pending", "Healthy", false),
        ("edited", "Drifted", "Healthy", false),
        ("deleted", "Drifted", "Missing", false),
        ("same", "Synced", "Healthy", false),
        ("left", "LeftAlone", "Healthy", false),
        ("lost", "PrunePending", "Healthy", false),
    ];
    let report: UnitReport =
        serde_json::from_value(json!({"member": "a", "unit": "apps.kurator.dev/Application/default/shop/p",
        "revision": "r", "epoch": 1, "payload": Digest::of(b""), "phase": "Suspended", "health": "Healthy",
        "objects": {"desired": 6, "applied": 2, "healthy": 2, "failed": 0, "inventory": 6},
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(),
        "details": rows.map(row)}))
        .unwrap();
    let found: Vec<_> =
        resumed(&report, &bundle).into_iter().map(|o| (o.object, o.change, !o.note.is_empty())).collect();
    let is = |name: &str, change, noted| (format!("ConfigMap n/{name}"), change, noted);
    use ObjectChange::{Add, Change};
    assert_eq!(
        found,
        [is("new", Add, false), is("changed", Change, true), is("edited", Change, true), is("deleted", Add, false)]
    );
}

#[test]
fn deletions_are_held_as_the_guard_says() {
    let member: MemberName = "beijing".parse().unwrap();
    let named = |kind: &str, n: usize| {
        HashedKey::new(ObjectKey {
            group: String::new(),
            kind: kind.to_owned(),
            namespace: "n".into(),
            name: format!("o{n}"),
        })
    };
    let held = |kind: &str, gone: usize, inventory: u64, desired: u64| {
        let deleted = (0..gone).map(|n| Arc::new(named(kind, n))).collect();
        super::held(&[Loss { member: &member, inventory, desired, deleted, epoch: 2, withheld: None }])
    };
    assert_eq!(held("ConfigMap", 0, 10, 10), None);
    assert_eq!(held("ConfigMap", 2, 20, 18), None);
    assert_eq!(held("ConfigMap", 3, 3, 0).as_deref(), Some("nothing would be left of it"));
    assert!(held("ConfigMap", 11, 20, 9).unwrap().contains("more than a quarter"));
    // What is held already stays so, however little it is by itself.
    let before = Withheld { epoch: 1, count: 2, digest: None, replaced: false, untaken: false };
    let loss = |count, withheld| {
        let deleted = (0..count).map(|n| Arc::new(named("ConfigMap", n))).collect();
        super::held(&[Loss { member: &member, inventory: 20, desired: 18, deleted, epoch: 2, withheld }])
    };
    assert_eq!((loss(1, Some(before)), loss(2, None)), (None, None));
    assert!(loss(2, Some(before)).unwrap().starts_with("it was held when more was to go"));
    assert!(held("PersistentVolumeClaim", 1, 20, 19).unwrap().contains("PersistentVolumeClaim"));
}

fn entry(removal: Removal, leaving: Option<&str>) -> MemberDecision {
    MemberDecision {
        revision: "r-1".into(),
        epoch: 1,
        placed: None,
        cluster: None,
        known_since: None,
        given_back: None,
        digest: None,
        reason: "member of the fleet".into(),
        replicas: None,
        granted: None,
        granted_shown: None,
        claimed: None,
        carried_out: 0,
        consent: None,
        withheld: None,
        removal,
        leaving: leaving.map(|why| Box::new(Leaving::new(LeavingCause::NotListed, why))),
        expected: None,
    }
}

#[test]
fn what_happens_to_a_member_is_read_from_its_entries() {
    let there = || entry(Removal::None, None);
    let held = |why| entry(Removal::None, Some(why));
    let leaves = || entry(Removal::Prune, Some("fleet all does not list it"));
    for (before, after, expect) in [
        (None, None, None),
        (None, Some(there()), Some((Placing::Comes, "member of the fleet"))),
        (Some(leaves()), Some(there()), Some((Placing::Comes, "member of the fleet"))),
        (Some(there()), Some(there()), None),
        (Some(there()), Some(held("a typo")), Some((Placing::Held, "a typo"))),
        (Some(held("a typo")), Some(held("a typo")), None),
        (Some(held("a typo")), Some(held("another")), Some((Placing::Held, "another"))),
        (Some(held("a typo")), Some(there()), Some((Placing::Stays, "member of the fleet"))),
        (Some(there()), Some(leaves()), Some((Placing::Leaves, "fleet all does not list it"))),
        (Some(there()), None, Some((Placing::Leaves, "it is not selected any more"))),
        (Some(leaves()), Some(leaves()), None),
    ] {
        let found = placing::placing(before.as_ref(), after.as_ref());
        assert_eq!(found.as_ref().map(|(what, why)| (*what, why.as_str())), expect, "{before:?} {after:?}");
    }
}

#[test]
fn equal_differences_are_one_and_their_numbers_are_of_all_members() {
    let difference = |member: &str, objects: Vec<api::view::ObjectDifference>, held: &str| MemberDifference {
        member: member.parse().unwrap(),
        application: "shop".into(),
        policy: "small".into(),
        from: String::new(),
        to: "main".into(),
        held: held.into(),
        objects: Arc::new(objects),
    };
    let object = |name: &str, change| {
        whole(
            &HashedKey::new(ObjectKey {
                group: String::new(),
                kind: "ConfigMap".into(),
                namespace: "n".into(),
                name: name.into(),
            }),
            change,
        )
    };
    let both = || vec![object("a", ObjectChange::Add), object("z", ObjectChange::Delete)];
    let members = ["beijing", "paris", "tokyo", "virginia"].map(|name| name.parse::<MemberName>().unwrap());
    let mut found = Found::default();
    found.members.extend(members);
    found.add(difference("paris", both(), "why"));
    found.add(difference("beijing", both(), "why"));
    found.add(difference("tokyo", vec![object("a", ObjectChange::Add)], ""));
    found.add(difference("virginia", Vec::new(), ""));
    // What may not be asked for is listed, and does not make a member one that differs.
    found.add(difference("virginia", vec![object("outside", ObjectChange::NotAsked)], ""));
    let all = found.into_differences();
    let summary = &all.summary;
    assert_eq!(summary.not_asked, 1);
    assert_eq!((summary.members, summary.differing, summary.added, summary.deleted, summary.held), (4, 3, 3, 2, 2));
    let groups: Vec<Vec<&str>> =
        all.groups.iter().map(|g| g.members.iter().map(MemberName::as_str).collect()).collect();
    assert_eq!(groups, [vec!["beijing", "paris"], vec!["tokyo"], vec!["virginia"]]);
    // What goes is listed first.
    assert_eq!(all.groups[0].objects[0].change, ObjectChange::Delete);
    assert!(summary.differs());
}

#[test]
fn an_answer_stays_within_its_limits_and_counts_what_it_leaves_out() {
    let name = |n: usize| {
        HashedKey::new(ObjectKey {
            group: String::new(),
            kind: "ConfigMap".into(),
            namespace: "n".into(),
            name: format!("o{n}"),
        })
    };
    let wide = |path: usize| FieldDifference {
        path: format!("data.f{path}"),
        from: Some("x".repeat(300)),
        to: Some("y".repeat(300)),
        by: None,
    };
    let object = |n| changed(&name(n), (0..60).map(wide).collect());
    assert_eq!((object(0).fields.len(), object(0).left_out), (field::FIELDS_MAX, 10));
    let objects = Arc::new((0..250).map(object).collect::<Vec<_>>());
    let mut found = Found::default();
    for n in 0..60 {
        found.add(MemberDifference {
            member: format!("m{n:03}").parse().unwrap(),
            application: "shop".into(),
            policy: format!("p{n}"),
            from: String::new(),
            to: String::new(),
            held: String::new(),
            objects: objects.clone(),
        });
    }
    let all = found.into_differences();
    assert_eq!((all.groups.len(), all.left_out), (group::GROUPS_MAX, 10));
    let listed: usize = all.groups.iter().map(|g| g.objects.len()).sum();
    let left_out: u32 = all.groups.iter().map(|g| g.left_out).sum();
    assert_eq!(listed + left_out as usize, 50 * 250);
    assert!(listed > 0 && all.groups[0].objects.len() <= group::OBJECTS_MAX);
    assert!(serde_json::to_string(&all).unwrap().len() < 3 * 1024 * 1024);
    assert_eq!(all.summary.changed, 60 * 250);
}

/// What becomes of an object that may be there: each row is what is known, and the change, fields and note.
#[test]
fn what_is_there_already_is_judged_as_the_applier_does() {
    use super::arrival::{Holder, There, judge};
    use api::delivery::label;
    let deployment = |image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "n"},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
    };
    let hub = HubId::from_random([1; 10]);
    let sent = |object: Value| Arc::clone(bundle(vec![object]).objects().next().unwrap());
    let found = |object: Value, there: There<'_>| {
        let found = with_hider(|hider| judge(&sent(object), &there, &hub, hider))?;
        let paths: Vec<String> = found.fields.iter().map(|field| field.path.clone()).collect();
        Some((found.change, paths.join(" "), found.note))
    };
    let with = |mut object: Value, part: &str, name: &str, value: &str| {
        object["metadata"][part] = json!({name: value});
        object
    };
    // Without managedFields a list is one field.
    let image = "spec.template.spec.containers";
    let adopted = "it is there already: it is taken over, and given back later instead of deleted";
    let is = |change, paths: &str, note: &str| Some((change, paths.to_owned(), note.to_owned()));
    let live = |live| There { live: Some(live), ..There::default() };

    assert_eq!(found(map("a", "1"), There::default()), is(ObjectChange::Add, "", ""));
    let (same, other) = (map("a", "1"), map("a", "2"));
    assert_eq!(found(map("a", "1"), live(&other)), is(ObjectChange::Adopt, "data.a", adopted));
    assert_eq!(found(map("a", "1"), live(&same)), is(ObjectChange::Adopt, "", adopted));
    let httpd = deployment("httpd");
    let refused = found(deployment("nginx"), live(&httpd)).unwrap();
    assert_eq!((refused.0, refused.1.as_str()), (ObjectChange::LeaveAlone, image));
    let said = format!(
        "AdoptionRefused: it was there before, and taking it over would restart its pods or change their number ({image}); "
    );
    assert!(refused.2.starts_with(&said) && refused.2.contains("kurator.dev/adopt: overwrite"), "{}", refused.2);
    let overwrites = There { overwrites: true, ..live(&httpd) };
    assert_eq!(found(deployment("nginx"), overwrites), is(ObjectChange::Adopt, image, adopted));
    let theirs = with(map("a", "1"), "labels", label::HUB, "other");
    let foreign = is(ObjectChange::LeaveAlone, "", "ForeignHub: hub other delivers it");
    assert_eq!(found(map("a", "1"), live(&theirs)), foreign);
    let asks = with(map("a", "2"), "annotations", "kurator.dev/reconcile", "disabled");
    let left = is(ObjectChange::LeaveAlone, "", "left alone, as the annotation kurator.dev/reconcile: disabled asks");
    assert_eq!(found(map("a", "1"), live(&asks)), left);
    let going = with(map("a", "2"), "deletionTimestamp", "x", "y");
    assert_eq!(found(map("a", "1"), live(&going)).unwrap().0, ObjectChange::Add);

    // What this hub has of it.
    let unit: UnitId = "apps.kurator.dev/Application/n/other/p".parse().unwrap();
    let holder = |wants, adopted| Holder { unit: unit.clone(), wants, adopted };
    let (conflict, hands_over) = (holder(true, false), holder(false, false));
    let by = |holder| There { holder: Some(holder), ..live(&httpd) };
    let said = format!("Conflict: unit {unit} delivers it already");
    assert_eq!(found(deployment("nginx"), by(&conflict)), is(ObjectChange::LeaveAlone, "", &said));
    let said = format!("unit {unit} hands it over");
    assert_eq!(found(deployment("nginx"), by(&hands_over)), is(ObjectChange::Change, image, &said));
    assert_eq!(found(deployment("nginx"), by(&holder(false, true))), is(ObjectChange::Adopt, image, adopted));
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
    let shared = There { holder: Some(&conflict), ..live(&namespace) };
    let said = format!("unit {unit} delivers it, for this one too");
    assert_eq!(found(namespace.clone(), shared), is(ObjectChange::LeaveAlone, "", &said));
    // Its own deletion waited.
    let own = There { is_own: true, ..live(&httpd) };
    assert_eq!(found(deployment("nginx"), own), is(ObjectChange::Change, image, ""));
    assert_eq!(found(deployment("httpd"), own), None);
}

#[test]
fn an_object_that_asks_to_be_left_alone_is_not_said_to_be_made_or_changed() {
    let with = |annotation: (&str, &str), value: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": value},
            "metadata": {"name": "c", "namespace": "shop", "annotations": {annotation.0: annotation.1}}})
    };
    let (disabled, once) = (("kurator.dev/reconcile", "disabled"), ("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent"));
    for (annotation, new, changed) in [
        (disabled, ObjectChange::LeaveAlone, ObjectChange::LeaveAlone),
        (once, ObjectChange::Add, ObjectChange::LeaveAlone),
        (("x", "y"), ObjectChange::Add, ObjectChange::Change),
    ] {
        let (before, after) = (bundle(vec![with(annotation, "1")]), bundle(vec![with(annotation, "2")]));
        let of = |old: &Bundle, new: &Bundle| with_hider(|hider| bundles(old, new, true, hider)).remove(0);
        let added = of(&bundle(vec![]), &after);
        assert_eq!(added.change, new, "{annotation:?}");
        assert_eq!(all(&after, ObjectChange::Add), std::slice::from_ref(&added));
        assert_eq!(of(&before, &after).change, changed, "{annotation:?}");
        assert_eq!(added.note.is_empty(), new == ObjectChange::Add, "{}", added.note);
    }
}

#[test]
fn what_a_member_says_of_a_change_is_said_of_the_object() {
    use super::trial::{Trial, judge};
    use crate::send::Keeps;
    let key = HashedKey::from(ObjectKey {
        kind: "Job".into(),
        namespace: "n".into(),
        name: "j".into(),
        ..ObjectKey::default()
    });
    let fields = || vec!["spec.template".to_owned()];
    let changed = ObjectDifference { note: "before".into(), ..whole(&key, ObjectChange::Change) };
    let replaced = ObjectDifference { note: "before".into(), ..whole(&key, ObjectChange::Replace) };
    for (difference, trial, change, note) in [
        (&changed, Trial::Taken, ObjectChange::Change, "before"),
        (&replaced, Trial::Taken, ObjectChange::Change, ""),
        (
            &changed,
            Trial::Renewed(fields()),
            ObjectChange::Replace,
            "spec.template cannot change, and `force` asks for it",
        ),
        (&changed, Trial::Renewed(vec![]), ObjectChange::Replace, "a field cannot change, and `force` asks for it"),
        (
            &changed,
            Trial::Immutable(fields(), Keeps::NotForced),
            ObjectChange::LeaveAlone,
            "refused: spec.template cannot change; it is not applied; set `force: true` to have it deleted and made again",
        ),
        // What comes before it may have it taken.
        (&changed, Trial::Refused("no".into()), ObjectChange::Change, "before; refused as things are there now: no"),
        (&replaced, Trial::Refused("no".into()), ObjectChange::Change, "refused as things are there now: no"),
    ] {
        let judged = judge(difference, &trial);
        assert_eq!((judged.change, judged.note.as_str()), (change, note), "{trial:?}");
    }
}

#[test]
fn force_makes_again_what_is_refused_now_and_is_ours() {
    let kind = |name: &str| if name == "claim" { "PersistentVolumeClaim" } else { "ConfigMap" };
    let object =
        |name: &str| json!({"apiVersion": "v1", "kind": kind(name), "metadata": {"name": name, "namespace": "n"}});
    let names = ["fixed", "invalid", "adopted", "kept", "other", "claim"];
    let new = bundle(names.into_iter().filter(|name| *name != "other").map(object).collect());
    let row = |name: &str| {
        let reason = if name == "invalid" { "Invalid" } else { trial::IMMUTABLE };
        json!({"key": {"kind": kind(name), "namespace": "n", "name": name}, "version": "v1", "sync": "Failed",
            "health": "Healthy", "reason": reason, "adopted": name == "adopted", "kept": name == "kept"})
    };
    let report: UnitReport =
        serde_json::from_value(json!({"member": "a", "unit": "apps.kurator.dev/Application/default/shop/p",
        "revision": "r", "epoch": 1, "payload": Digest::of(b""), "phase": "Failed", "health": "Healthy",
        "objects": {"desired": 5, "applied": 0, "healthy": 0, "failed": 6, "inventory": 6},
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(),
        "details": names.map(row)}))
        .unwrap();
    let said: Vec<_> = trial::forced(&report, &new).into_iter().map(|o| (o.object, o.change)).collect();
    assert_eq!(said, [("ConfigMap n/fixed".to_owned(), ObjectChange::Replace)]);
}

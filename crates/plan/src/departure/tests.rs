//! What a person is shown before something goes.

use model::Digest;
use serde_json::{Value, json};

use super::*;

fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey { kind: kind.into(), namespace: namespace.into(), name: name.into(), ..ObjectKey::default() }
}

fn objects(rows: &[(&str, &str, &str, bool, bool)], removal: Removal) -> Objects {
    let row = |(kind, namespace, name, adopted, kept): &(&str, &str, &str, bool, bool)| Row {
        key: key(kind, namespace, name).into(),
        lack: None,
        stays: match (adopted, kept) {
            (true, _) if name.ends_with("-unrecorded") => Some(Stays::Unrecorded),
            (true, _) => Some(Stays::Adopted),
            (false, true) => Some(Stays::Asks),
            (false, false) => None,
        },
    };
    Objects::of(rows.iter().map(row), removal)
}

fn words(objects: &Objects) -> Vec<String> {
    let goes = objects.goes.iter().map(|key| format!("- {key}"));
    goes.chain(objects.stays.iter().map(|(key, why)| format!("= {key}: {}", why.in_words()))).collect()
}

#[test]
fn a_namespace_stays_with_what_stays_in_it() {
    let rows = [
        ("Namespace", "", "shop", false, false),
        ("Namespace", "", "other", false, false),
        ("ConfigMap", "shop", "a", false, false),
        ("ConfigMap", "shop", "theirs", true, false),
        ("ConfigMap", "shop", "x-unrecorded", true, false),
    ];
    let all = objects(&rows, Removal::Prune);
    let expect = [
        "- ConfigMap shop/a",
        "- Namespace other",
        "= ConfigMap shop/theirs: it was there before Kurator",
        "= ConfigMap shop/x-unrecorded: no inventory named it when it was applied, so who made it is not known; delete it by hand if Kurator did",
        "= Namespace shop: something in it stays",
    ];
    assert_eq!(words(&all), expect);
    assert!(all.has_containers());
    let released = objects(&rows, Removal::Release);
    assert_eq!((released.goes.len(), released.stays.len()), (0, 5));
}

#[test]
fn what_another_policy_has_too_is_handed_over() {
    let mut all = objects(
        &[
            ("Namespace", "", "shop", false, false),
            ("ConfigMap", "shop", "a", false, false),
            ("ConfigMap", "x", "b", false, false),
        ],
        Removal::Prune,
    );
    let theirs = key("ConfigMap", "shop", "a");
    all.hand_over(|key| *key == theirs, "policy web");
    let expect =
        ["- ConfigMap x/b", "= ConfigMap shop/a: policy web takes it over", "= Namespace shop: something in it stays"];
    assert_eq!(words(&all), expect);
}

#[test]
fn what_somebody_made_in_the_place_of_an_object_stays_with_its_namespace_as_what_the_member_found_there_does() {
    let row = |kind: &str, namespace: &str, name: &str, extra: Value| {
        let mut row = json!({"key": {"kind": kind, "namespace": namespace, "name": name}, "version": "v1",
            "sync": "PrunePending", "health": "Healthy"});
        row.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
        row
    };
    let rows = [
        row("ConfigMap", "shop", "a", json!({})),
        row("ConfigMap", "shop", "theirs", json!({"replaced": true})),
        row("Namespace", "", "shop", json!({})),
        row("Namespace", "", "busy", json!({"reason": "Inhabited", "message": "it has ConfigMap busy/x in it"})),
        // A member may call anything so.
        row("ConfigMap", "shop", "so-called", json!({"reason": "Inhabited", "message": "it has y in it"})),
    ];
    let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 5});
    let report: UnitReport = serde_json::from_value(json!({"member": "beijing",
        "unit": "apps.kurator.dev/Application/default/shop/p", "revision": "r", "epoch": 1,
        "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Applied", "health": "Healthy", "objects": counts,
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": rows}))
    .unwrap();
    let expect = [
        "- ConfigMap shop/a",
        "- ConfigMap shop/so-called",
        "= ConfigMap shop/theirs: another object has its name",
        "= Namespace busy: it has ConfigMap busy/x in it",
        "= Namespace shop: something in it stays",
    ];
    assert_eq!(words(&Objects::of_report(&report, Removal::Prune).unwrap()), expect);
    // A list that the member made has no container that stays.
    let listed = report.details.iter().map(|row| &row.key).filter(|key| key.name != "busy");
    assert_eq!(words(&Objects::of_list(listed).with_report(Some(&report))), expect);
    // What another unit has in it may leave by the same act: who stays keeps it. A list of a unit that stays has the words.
    let used = row(
        "Namespace",
        "",
        "used",
        json!({"reason": "InUse", "message": "it has ConfigMap used/d, which app/nm has, in it"}),
    );
    let one = api::delivery::UnitCounts { inventory: 1, ..Default::default() };
    let in_use = UnitReport { details: vec![serde_json::from_value(used).unwrap()], objects: one, ..report.clone() };
    let mut leaves = Objects::of_report(&in_use, Removal::Prune).unwrap();
    assert_eq!(words(&leaves), ["- Namespace used"]);
    assert_eq!(going_keys(&in_use).count(), 1, "another unit's list may have it");
    leaves.spare_occupied(&key("Namespace", "", "used"), "policy q");
    assert_eq!(words(&leaves), ["= Namespace used: policy q has something in it"]);
    let lost = Objects::of_list([]).with_report(Some(&in_use));
    assert_eq!(words(&lost), ["= Namespace used: it has ConfigMap used/d, which app/nm has, in it"]);
    // What is in it goes along with a unit that leaves.
    let needed =
        row("Namespace", "", "needed", json!({"reason": "Needed", "message": "it has ConfigMap needed/x in it"}));
    let objects = api::delivery::UnitCounts { inventory: 1, ..Default::default() };
    let report = UnitReport { details: vec![serde_json::from_value(needed).unwrap()], objects, ..report };
    assert_eq!(words(&Objects::of_report(&report, Removal::Prune).unwrap()), ["- Namespace needed"]);
}

#[test]
fn members_with_the_same_objects_are_one_group_and_those_away_another() {
    let known = |member: &str, away: bool, names: &[&str]| {
        let goes = names.iter().map(|name| key("ConfigMap", "shop", name)).collect();
        let uids =
            names.iter().map(|name| (key("ConfigMap", "shop", name), Uid::from(format!("{member}-{name}")))).collect();
        Known { member: member.parse().unwrap(), away, objects: Ok(Objects { goes, ..Objects::default() }), uids }
    };
    let lost = Known { objects: Err("it has said nothing yet".into()), ..known("z", true, &[]) };
    let all = vec![
        known("x", true, &["a", "b"]),
        known("d", false, &["a"]),
        known("a", false, &["a", "b"]),
        known("b", false, &["a", "b"]),
        lost,
    ];
    let (groups, unnamed) = grouped(all.clone(), false);
    let members: Vec<(String, bool, usize)> = groups
        .iter()
        .map(|g| (g.members.iter().map(MemberName::as_str).collect::<Vec<_>>().join(" "), g.away, g.objects.len()))
        .collect();
    assert_eq!(members, [("a b".into(), false, 2), ("d".into(), false, 1), ("x".into(), true, 2)]);
    assert!(groups.iter().all(|group| group.uids.is_empty()), "they are as many as there are objects in all members");
    assert_eq!((unnamed.len(), unnamed[0].why.as_str()), (1, "it has said nothing yet"));
    let (groups, _) = grouped(all, true);
    assert_eq!(groups[0].uids[&"b".parse::<MemberName>().unwrap()], ["b-a", "b-b"]);
}

#[test]
fn what_the_member_gives_no_rights_to_stays_and_what_was_never_sent_is_not_there() {
    let row = |namespace: &str, name: &str, extra: serde_json::Value| {
        let mut row = serde_json::json!({"key": {"kind": "ConfigMap", "namespace": namespace, "name": name}, "version": "v1",
            "sync": "Synced", "health": "Healthy"});
        row.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
        row
    };
    let outside = |sync: &str, recorded: bool| serde_json::json!({"sync": sync, "health": "Unknown", "reason": "OutsideRights", "outside": recorded});
    let rows = vec![
        row("shop", "a", serde_json::json!({})),
        row("other", "was-sent", outside("Failed", true)),
        row("other", "lost", outside("PrunePending", true)),
        row("", "never-sent", outside("Failed", false)),
    ];
    let counts = serde_json::json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0});
    let report: UnitReport = serde_json::from_value(serde_json::json!({"member": "beijing",
        "unit": "apps.kurator.dev/Application/default/shop/p", "revision": "r", "epoch": 1,
        "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Failed", "health": "Unknown", "objects": counts,
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": rows}))
    .unwrap();
    let stays = |name: &str| format!("= ConfigMap other/{name}: the member gives no rights in namespace other");
    let leaves = [String::from("- ConfigMap shop/a"), stays("lost"), stays("was-sent")];
    assert_eq!(words(&Objects::of_report(&report, Removal::Prune).unwrap()), leaves);
    // Of a list of a unit that stays, what it has lost besides is named.
    let listed = Objects::of_list(&[Arc::<HashedKey>::from(key("ConfigMap", "shop", "a"))]).with_report(Some(&report));
    assert_eq!(words(&listed), [String::from("- ConfigMap shop/a"), stays("lost")]);
}

#[test]
fn an_object_that_asks_to_stay_in_the_member_stays_and_one_that_was_never_made_is_not_there() {
    let row = |kind: &str, namespace: &str, name: &str, extra: serde_json::Value| {
        let mut row = serde_json::json!({"key": {"kind": kind, "namespace": namespace, "name": name}, "version": "v1",
            "sync": "Synced", "health": "Healthy"});
        row.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
        row
    };
    let rows = vec![
        row("Namespace", "", "shop", serde_json::json!({})),
        row("ConfigMap", "shop", "a", serde_json::json!({})),
        row("ConfigMap", "shop", "settings", serde_json::json!({"kept": true})),
        row("ConfigMap", "shop", "disabled", serde_json::json!({"sync": "LeftAlone", "unmade": true})),
    ];
    let counts = serde_json::json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0});
    let report: UnitReport = serde_json::from_value(serde_json::json!({"member": "beijing",
        "unit": "apps.kurator.dev/Application/default/shop/p", "revision": "r", "epoch": 1,
        "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Applied", "health": "Healthy", "objects": counts,
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": rows}))
    .unwrap();
    let expect = [
        "- ConfigMap shop/a",
        "= ConfigMap shop/settings: an annotation on it asks that it stays",
        "= Namespace shop: something in it stays",
    ];
    assert_eq!(words(&Objects::of_report(&report, Removal::Prune).unwrap()), expect);
    // The same of a list that the member made, whose digest says nothing of what the objects ask.
    let going = report.details.iter().take(3).map(|row| &row.key);
    assert_eq!(words(&Objects::of_list(going).with_report(Some(&report))), expect);
}

#[test]
fn what_was_adopted_is_in_no_list_as_something_that_goes_also_where_only_its_key_is_known() {
    let row = |name: &str, extra: serde_json::Value| {
        let mut row = serde_json::json!({"key": {"kind": "ConfigMap", "namespace": "shop", "name": name}, "version": "v1",
            "sync": "Synced", "health": "Healthy"});
        row.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
        row
    };
    let rows = vec![row("a", serde_json::json!({})), row("theirs", serde_json::json!({"adopted": true}))];
    let counts = serde_json::json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 2});
    let report: UnitReport = serde_json::from_value(serde_json::json!({"member": "beijing",
        "unit": "apps.kurator.dev/Application/default/shop/p", "revision": "r", "epoch": 1,
        "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Unknown", "health": "Unknown", "objects": counts,
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": rows}))
    .unwrap();
    let expect = ["- ConfigMap shop/a", "= ConfigMap shop/theirs: it was there before Kurator"];
    let reported = Objects::of_report(&report, Removal::Prune).unwrap();
    assert_eq!(words(&reported), expect);
    let keys = report.details.iter().map(|row| &row.key);
    assert_eq!(words(&Objects::of_list(keys).with_report(Some(&report))), expect, "a list that is made of revisions");
    let differences: Vec<_> = reported.differences().into_iter().map(|d| (d.object, d.change, d.note)).collect();
    let stays = "it was there before Kurator".to_owned();
    assert_eq!(
        differences,
        [
            ("ConfigMap shop/a".to_owned(), ObjectChange::Delete, String::new()),
            ("ConfigMap shop/theirs".to_owned(), ObjectChange::Release, stays),
        ]
    );
}

/// Its member is asked who else has something in it when it is to go.
#[test]
fn a_container_that_goes_says_that_it_stays_if_others_have_something_in_it() {
    let of = |objects: &[ObjectKey]| -> Vec<(ObjectChange, String)> {
        let objects = Objects { goes: objects.iter().cloned().collect(), ..Objects::default() };
        objects.differences().into_iter().map(|difference| (difference.change, difference.note)).collect()
    };
    let definition =
        ObjectKey { group: "apiextensions.k8s.io".into(), ..key("CustomResourceDefinition", "", "things.example.com") };
    for (object, note) in [
        (key("Namespace", "", "shop"), "stays if others have something in it"),
        (definition, "stays if others have something of it"),
        (key("ConfigMap", "shop", "a"), ""),
    ] {
        assert_eq!(of(&[object]), [(ObjectChange::Delete, note.to_owned())]);
    }
}

/// A list that is not whole would be agreed to as if it were.
#[test]
fn a_report_with_fewer_rows_than_recorded_objects_or_of_an_inventory_that_cannot_be_read_says_nothing_of_what_is_there()
{
    let row = serde_json::json!({"key": {"kind": "ConfigMap", "namespace": "shop", "name": "a"}, "version": "v1",
        "sync": "Synced", "health": "Healthy"});
    let counts = serde_json::json!({"desired": 1, "applied": 1, "healthy": 1, "failed": 0, "inventory": 1});
    let report: UnitReport = serde_json::from_value(serde_json::json!({"member": "beijing",
        "unit": "apps.kurator.dev/Application/default/shop/p", "revision": "r", "epoch": 1,
        "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Applied", "health": "Healthy", "objects": counts,
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": [row]}))
    .unwrap();
    let of = |report: &UnitReport| Objects::of_report(report, Removal::Prune);
    assert_eq!(words(&of(&report).unwrap()), ["- ConfigMap shop/a"]);
    let mut cut = report.clone();
    cut.objects.inventory = 2;
    assert_eq!(of(&cut), None);
    for details in [report.details.clone(), Vec::new()] {
        assert_eq!(of(&UnitReport { unreadable: true, details, ..report.clone() }), None);
    }
}

#[test]
fn what_two_units_want_is_in_the_list_of_the_one_that_has_it_and_goes_to_the_other() {
    let report = |unit: &str, extra: &[serde_json::Value]| -> UnitReport {
        let row = |(name, extra): (&str, &serde_json::Value)| {
            let mut row = serde_json::json!({"key": {"kind": "ConfigMap", "namespace": "shop", "name": name}, "version": "v1",
                "sync": "Synced", "health": "Healthy"});
            row.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
            row
        };
        let counts = serde_json::json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 2});
        let rows: Vec<_> = ["a", "b", "c"].into_iter().zip(extra).map(row).collect();
        serde_json::from_value(serde_json::json!({"member": "beijing", "unit": unit, "revision": "r", "epoch": 1,
            "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Applied", "health": "Healthy", "objects": counts,
            "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": rows}))
        .unwrap()
    };
    let (shop, bad) = ("apps.kurator.dev/Application/default/shop/p", "apps.kurator.dev/Application/default/bad8/p");
    let plain = serde_json::json!({});
    let conflict = serde_json::json!({"sync": "Failed", "reason": "Conflict"});
    let both = serde_json::json!({"notes": [format!("unit {shop} delivers it, for this one too")]});
    let (second, zoo) = (conflict.clone(), "apps.kurator.dev/Application/default/zoo/p");
    let all = [
        // What waits besides is named too, whichever was heard first.
        report(zoo, &[second]),
        report(shop, &[plain.clone(), plain.clone(), plain.clone()]),
        report(bad, &[conflict, both, plain]),
    ];
    let [third, shop, bad] = &all;
    let heirs: Vec<(String, Vec<UnitId>)> = super::heirs(&shop.unit, &all)
        .into_iter()
        .map(|(key, units)| (key.to_string(), units.into_iter().collect()))
        .collect();
    let expect = [("ConfigMap shop/a", vec![&bad.unit, &third.unit]), ("ConfigMap shop/b", vec![&bad.unit])];
    let expect = expect.map(|(key, units)| (key.to_owned(), units.into_iter().cloned().collect::<Vec<_>>()));
    assert_eq!(heirs, expect);
    assert_eq!(super::heirs(&bad.unit, &all).len(), 1, "both wait for it");
    let along = |report: &UnitReport, all: &[UnitReport]| -> Vec<String> {
        let found = super::goes_along(report, all);
        found.into_iter().map(|(key, units)| format!("{key} {}", units.len())).collect()
    };
    assert_eq!(along(bad, &all), ["ConfigMap shop/a 1", "ConfigMap shop/b 1"]);
    assert_eq!(along(shop, &all), [""; 0]);
    // What stays when its unit leaves goes with nobody.
    let adopted = serde_json::json!({"adopted": true});
    let kept = report("apps.kurator.dev/Application/default/shop/p", &[adopted, serde_json::json!({})]);
    assert_eq!(along(bad, &[kept]), ["ConfigMap shop/b 1"]);
    assert_eq!(words(&Objects::of_report(bad, Removal::Prune).unwrap()), ["- ConfigMap shop/c"]);
}

#[test]
fn what_an_application_keeps_is_not_called_a_matter_of_its_policies() {
    let rows = [("ConfigMap", "shop", "a", false, false), ("ConfigMap", "shop", "theirs", true, false)];
    let mut all = objects(&rows, Removal::Release);
    all.kept_by_owner();
    let expect = [
        "= ConfigMap shop/a: kurator.dev/on-delete of its Application asks that it stays",
        "= ConfigMap shop/theirs: it was there before Kurator",
    ];
    assert_eq!(words(&all), expect);
}

#[test]
fn others_that_stay_in_a_namespace_keep_it() {
    let row = |kind: &str, namespace: &str, sync: &str| json!({"key": {"kind": kind, "namespace": namespace, "name": "shop"}, "version": "v1", "sync": sync, "health": "Healthy"});
    let unit_with = |app: &str, phase: &str, rows: &[Value], wanted: usize| -> UnitReport {
        let counts = json!({"desired": wanted, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0});
        serde_json::from_value(json!({"member": "a", "unit": format!("apps.kurator.dev/Application/default/{app}/p"),
            "revision": "r", "epoch": 1, "payload": Digest::of(b""), "phase": phase, "health": "Healthy", "objects": counts,
            "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": rows}))
        .unwrap()
    };
    let unit = |app: &str, phase: &str, rows: &[Value]| unit_with(app, phase, rows, 0);
    let maker = unit("maker", "Applied", &[row("Namespace", "", "Synced"), row("ConfigMap", "shop", "Synced")]);
    for (other, keeps) in [
        (unit("other", "Applied", &[row("ConfigMap", "shop", "Synced")]), true),
        (unit("other", "Applied", &[row("ConfigMap", "elsewhere", "Synced")]), false),
        (unit("other", "Applied", &[row("ConfigMap", "shop", "Deleting")]), false),
        // It wants it, and makes it again when somebody has deleted it.
        (unit_with("other", "Applied", &[row("ConfigMap", "shop", "Deleting")], 1), true),
        // Nothing says that these go: the Namespace is given back.
        (unit("other", "Applied", &[row("ConfigMap", "shop", "PrunePending")]), true),
        (unit("other", "DeletionsHeld", &[row("ConfigMap", "shop", "DeletionHeld")]), true),
        (unit("other", "Applied", &[row("ConfigMap", "shop", "NotPruned")]), true),
        (unit("other", "Removing", &[row("ConfigMap", "shop", "Synced")]), false),
    ] {
        let found = occupants(&maker, [&maker, &other]);
        let expect = BTreeSet::from([other.unit.clone()]);
        let namespace = ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() };
        assert_eq!(found, keeps.then_some((namespace, expect)).into_iter().collect(), "{other:?}");
    }
    let of_group = |group: &str, kind: &str, namespace: &str, name: &str| {
        json!({"key": {"group": group, "kind": kind, "namespace": namespace, "name": name}, "version": "v1",
            "sync": "Synced", "health": "Healthy"})
    };
    let definition = of_group("apiextensions.k8s.io", "CustomResourceDefinition", "", "gadgets.example.com");
    let maker = unit("maker", "Applied", &[definition]);
    for (group, count) in [("example.com", 1), ("example.org", 0)] {
        let other = unit("other", "Applied", &[of_group(group, "Gadget", "shop", "g")]);
        assert_eq!(occupants(&maker, [&maker, &other]).len(), count, "{group}");
    }
}

/// A policy that begins to prune, or is resumed: what waits with its member goes by the rules for everything that goes.
#[test]
fn what_a_unit_that_stays_does_not_want_any_more_goes_but_for_what_stays() {
    let row = |kind: &str, namespace: &str, name: &str, more: Value| {
        let mut row = json!({"key": {"kind": kind, "namespace": namespace, "name": name}, "version": "v1",
            "sync": "NotPruned", "health": "Healthy"});
        row.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        row
    };
    let plain = || json!({});
    let rows = [
        row("ConfigMap", "shop", "wanted", plain()),
        row("ConfigMap", "shop", "gone", plain()),
        row("ConfigMap", "shop", "theirs", json!({"adopted": true})),
        row("ConfigMap", "shop", "asks", json!({"kept": true})),
        row("ConfigMap", "old", "outside", json!({"reason": OUTSIDE_RIGHTS, "outside": true})),
        row("ConfigMap", "shop", "never-made", json!({"unmade": true})),
        row("Namespace", "", "shop", plain()),
        row("Namespace", "", "old", plain()),
        row("Namespace", "", "empty", plain()),
    ];
    let report: UnitReport =
        serde_json::from_value(json!({"member": "a", "unit": "apps.kurator.dev/Application/default/shop/p",
        "revision": "r", "epoch": 1, "payload": Digest::of(b""), "phase": "Applied", "health": "Healthy",
        "objects": {"desired": 1, "applied": 1, "healthy": 1, "failed": 0, "inventory": 8},
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": rows}))
        .unwrap();
    let wanted: KeySet = [Arc::new(HashedKey::new(key("ConfigMap", "shop", "wanted")))].into_iter().collect();
    let expect = [
        "- ConfigMap shop/gone",
        "- Namespace empty",
        "= ConfigMap old/outside: the member gives no rights in namespace old",
        "= ConfigMap shop/asks: an annotation on it asks that it stays",
        "= ConfigMap shop/theirs: it was there before Kurator",
        "= Namespace old: something in it stays",
        "= Namespace shop: something in it stays",
    ];
    assert_eq!(words(&Objects::of_unwanted(&report, &wanted).unwrap()), expect);
    assert_eq!(Objects::of_unwanted(&report, &KeySet::default()).unwrap().goes.len(), 3, "what is wanted kept it");
    // Fewer rows than it has objects say nothing of what it has.
    let mut partly = report.clone();
    partly.objects.inventory = 10;
    assert_eq!(Objects::of_unwanted(&partly, &wanted), None);
}

/// It was said to stay as long as this one has something in it.
#[test]
fn a_container_of_an_application_that_leaves_goes_with_what_is_in_it() {
    let crd = ("apiextensions.k8s.io", "CustomResourceDefinition", "", "things.example.com");
    let (namespace, thing) = (("", "Namespace", "", "n1"), ("example.com", "Thing", "other", "t"));
    let (map, elsewhere) = (("", "ConfigMap", "n1", "b"), ("", "ConfigMap", "n2", "b"));
    let unit = |app: &str, rows: &[(&str, &str, &str, &str)], extra: &Value| -> UnitReport {
        let row = |(group, kind, namespace, name): &(&str, &str, &str, &str)| {
            let mut row = json!({"key": {"group": group, "kind": kind, "namespace": namespace, "name": name}, "version": "v1",
                "sync": "Synced", "health": "Healthy"});
            row.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
            row
        };
        let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0});
        serde_json::from_value(json!({"member": "a", "unit": format!("apps.kurator.dev/Application/default/{app}/p"),
            "revision": "r", "epoch": 1, "payload": Digest::of(b""), "phase": "Applied", "health": "Healthy", "objects": counts,
            "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(),
            "details": rows.iter().map(row).collect::<Vec<_>>()}))
        .unwrap()
    };
    let plain = json!({});
    let a = unit("a", &[namespace, crd], &plain);
    let named = |report: &UnitReport| {
        let mut objects = Objects::of_report(report, Removal::Prune).unwrap();
        for (key, units) in goes_along(report, [&a, report]) {
            objects.go_along(key, &called(units.first().unwrap(), &report.unit));
        }
        objects.listed().into_iter().map(|object| (object.kind, object.of)).collect::<Vec<_>>()
    };
    let (own, along) =
        (|kind: &str| (kind.to_owned(), String::new()), |kind: &str| (kind.to_owned(), "app/a".to_owned()));
    let definition = along("CustomResourceDefinition");
    assert_eq!(named(&unit("b", &[map], &plain)), [own("ConfigMap"), along("Namespace")]);
    assert_eq!(named(&unit("b", &[thing], &plain)), [definition, own("Thing")]);
    assert_eq!(named(&unit("b", &[elsewhere], &plain)), [own("ConfigMap")]);
    // What a leaving unit gives back goes with nobody.
    let b = unit("b", &[map], &plain);
    let kept = unit("a", &[namespace], &json!({"adopted": true}));
    assert_eq!(goes_along(&b, [&kept]), BTreeMap::new());
    // All that it has stays there, so the Namespace does.
    let key = ObjectKey { kind: "Namespace".into(), name: "n1".into(), ..ObjectKey::default() };
    let mut objects = Objects::of_report(&b, Removal::Release).unwrap();
    objects.go_along(key.clone(), "app/a");
    assert_eq!(objects.goes, BTreeSet::new());
    // Of what it has lost, as long as the rest stays there.
    let two = unit("b", &[map, ("", "ConfigMap", "n1", "c")], &plain);
    let found = goes_along(&two, [&a]);
    for (lost, is_emptied) in [(&two.details[..1], false), (&two.details[..], true)] {
        let mut objects = Objects::of_list(lost.iter().map(|row| &row.key));
        objects.empty_along(&two, &found);
        assert_eq!(objects.goes.contains(&key), is_emptied);
    }
}

/// The digest of a list of these.
fn digest_of(keys: &[ObjectKey]) -> Digest {
    let keys: Vec<Arc<HashedKey>> = keys.iter().cloned().map(Arc::from).collect();
    prune::deletions(&keys, 0, false).digest
}

#[test]
fn what_is_not_reported_by_name_is_named_as_the_list_was_made() {
    let map = |name: &str| key("ConfigMap", "shop", name);
    let namespace = key("Namespace", "", "shop");
    let all = [namespace.clone(), map("a"), map("b"), map("taken"), map("theirs")];
    let lost: Vec<Arc<HashedKey>> = all.iter().cloned().map(Arc::from).collect();
    let set = |keys: &[ObjectKey]| ObjectSet::new(keys);
    let rights = Rights::default();
    let adopted = set(&[map("theirs")]);
    let nothing = ObjectSet::default();
    let expected = |objects: &[ObjectKey], approved: &[ObjectKey]| ExpectedDeletions {
        digest: digest_of(objects),
        count: 1,
        sample: Vec::new(),
        guarded: 0,
        desired: 1,
        objects: set(objects),
        approval: None,
        going: None,
        approved: set(approved),
    };
    let named = |list: &[ObjectKey], expected: Option<&ExpectedDeletions>| {
        let asked = Question::default();
        let stored =
            Stored { adopted: &adopted, kept: &nothing, expected, asked: &asked, shown: None, rights: &rights };
        let heir = |key: &ObjectKey| (*key == map("taken")).then(|| "policy q".to_owned());
        Objects::of_lost(&lost, digest_of(list), &stored, heir).map(|objects| words(&objects))
    };
    let stays =
        ["= ConfigMap shop/taken: policy q takes it over", "= ConfigMap shop/theirs: it was there before Kurator"];
    let with = |goes: &[&str], also: &[&str]| -> Option<Vec<String>> {
        Some(goes.iter().chain(&stays).chain(also).map(ToString::to_string).collect())
    };
    let (a, b) = ("- ConfigMap shop/a", "- ConfigMap shop/b");
    let holds = "= Namespace shop: something in it stays";
    // The member's own list: it has looked into the Namespace, or has not.
    let own = [map("a"), map("b")];
    assert_eq!(named(&own, None), with(&[a, b], &[]));
    assert_eq!(named(&[map("a"), map("b"), namespace.clone()], None), with(&[a, b], &[holds]));
    // What was approved before is in no list; the Namespace in which something else is is asked about again.
    let approved = expected(&[map("zzz")], &[map("a"), namespace.clone()]);
    assert_eq!(named(&[map("b"), namespace.clone()], Some(&approved)), with(&[b], &[holds]));
    // The hub's list, made when less was known of what stays.
    assert_eq!(named(&all, Some(&expected(&all, &[]))), with(&[a, b], &[holds]));
    assert_eq!(named(&[map("b")], Some(&expected(&[map("b")], &[map("a")]))), with(&[b], &[]));
    // Another list.
    assert_eq!(named(&[map("a")], None), None);
    assert_eq!(named(&all, Some(&expected(&[map("a")], &[]))), None);
    // An annotation on one asks that it stays, as the member said.
    let kept = set(&[map("b")]);
    let asked = Question::default();
    let stored = Stored { adopted: &adopted, kept: &kept, expected: None, asked: &asked, shown: None, rights: &rights };
    let spared = Objects::of_lost(&lost[1..3], digest_of(&[map("a")]), &stored, |_| None).unwrap();
    assert_eq!(words(&spared), [a, "= ConfigMap shop/b: an annotation on it asks that it stays"]);
    // The rights were narrowed since the hub made its list.
    let rights = Rights::in_namespaces(["else".to_owned()], String::new());
    let list = expected(&own, &[]);
    let stored = Stored {
        adopted: &nothing,
        kept: &nothing,
        expected: Some(&list),
        asked: &asked,
        shown: None,
        rights: &rights,
    };
    let narrowed = Objects::of_lost(&lost[1..3], list.digest, &stored, |_| None).unwrap();
    let stays = |name: &str| format!("= ConfigMap shop/{name}: the member gives no rights in namespace shop");
    assert_eq!(words(&narrowed), [stays("a"), stays("b")]);
}

#[test]
fn what_another_hub_has_taken_over_stays() {
    let row = |kind: &str, namespace: &str, name: &str, message: &str| {
        let reason = if message.is_empty() { "" } else { "ForeignHub" };
        serde_json::json!({"key": {"kind": kind, "namespace": namespace, "name": name}, "version": "v1", "sync": "Failed",
            "health": "Missing", "reason": reason, "message": message})
    };
    let member: MemberName = "paris".parse().unwrap();
    let taken = adopt::foreign_words("mxqz", "took it over", &member, None);
    let rows = [
        row("ConfigMap", "shop", "a", &taken),
        row("ConfigMap", "other", "b", ""),
        row("Namespace", "", "other", ""),
        row("Namespace", "", "shop", &taken),
    ];
    let counts = serde_json::json!({"desired": 4, "applied": 0, "healthy": 0, "failed": 4, "inventory": 4});
    let report: UnitReport = serde_json::from_value(serde_json::json!({"member": member, "unit": "g/K/n/u", "revision": "r",
        "epoch": 1, "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Failed", "health": "Missing", "objects": counts,
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": rows}))
    .unwrap();
    for (removal, expect) in [(Removal::Prune, 2), (Removal::Release, 0)] {
        let all = Objects::of_report(&report, removal).unwrap();
        assert_eq!(all.goes.len(), expect);
        let said = words(&all);
        for stays in ["= ConfigMap shop/a: hub mxqz delivers it", "= Namespace shop: hub mxqz delivers it"] {
            assert!(said.contains(&stays.to_owned()), "{said:?}");
        }
    }
    // Also of a list that was made before that.
    let keys: Vec<Arc<HashedKey>> = report.details.iter().map(|row| Arc::clone(&row.key)).collect();
    let listed = Objects::of_list(&keys).with_report(Some(&report));
    assert_eq!((listed.goes.len(), listed.stays.len()), (2, 2));
}

/// They are in no list of deletions, and wait for it.
#[test]
fn a_list_of_a_commit_names_what_is_given_back_with_it() {
    let row = |name: &str, sync: &str, extra: serde_json::Value| {
        let mut row = serde_json::json!({"key": {"kind": "ConfigMap", "namespace": "shop", "name": name}, "version": "v1",
            "sync": sync, "health": "Healthy"});
        row.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
        row
    };
    let rows = vec![
        row("stays-wanted", "Synced", serde_json::json!({"adopted": true})),
        row("a", "DeletionHeld", serde_json::json!({})),
        row("theirs", "PrunePending", serde_json::json!({"adopted": true})),
        row("unrecorded", "PrunePending", serde_json::json!({"adopted": true, "reason": "RecordLost"})),
        row("asks", "PrunePending", serde_json::json!({"kept": true})),
        row("handed-over", "PrunePending", serde_json::json!({})),
    ];
    let counts = serde_json::json!({"desired": 1, "applied": 1, "healthy": 1, "failed": 0, "inventory": 6});
    let report: UnitReport = serde_json::from_value(serde_json::json!({"member": "beijing",
        "unit": "apps.kurator.dev/Application/default/shop/p", "revision": "r", "epoch": 1,
        "payload": format!("sha256:{}", "0".repeat(64)), "phase": "DeletionsHeld", "health": "Healthy", "objects": counts,
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": rows}))
    .unwrap();
    let listed = Objects::of_list(&[Arc::<HashedKey>::from(key("ConfigMap", "shop", "a"))]).with_report(Some(&report));
    let expect = [
        "- ConfigMap shop/a".to_owned(),
        format!("= ConfigMap shop/asks: {}", Stays::Asks.in_words()),
        format!("= ConfigMap shop/theirs: {}", Stays::Adopted.in_words()),
        format!("= ConfigMap shop/unrecorded: {}", Stays::Unrecorded.in_words()),
    ];
    assert_eq!(words(&listed), expect);
}

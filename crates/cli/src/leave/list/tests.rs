//! What goes and what stays, as people and programs read it.

use super::*;

/// A slice of a decision about one policy.
fn decision(policy: &str, prune: bool, members: &[&str]) -> DecisionSpec {
    let entry = json!({"revision": "r", "epoch": 1, "reason": "", "placed": "2026-01-01T00:00:00Z"});
    let members: serde_json::Map<String, Value> = members.iter().map(|m| ((*m).to_owned(), entry.clone())).collect();
    let unit = format!("apps.kurator.dev/Application/default/shop/{policy}");
    serde_json::from_value(json!({"unit": unit, "slice": 0, "prune": prune, "members": members})).unwrap()
}

/// What a member reports of a policy's objects.
fn report(policy: &str, member: &str, rows: &[Value]) -> UnitReport {
    let unit = format!("apps.kurator.dev/Application/default/shop/{policy}");
    let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0});
    let pods = serde_json::to_value(api::delivery::PodCounts::default()).unwrap();
    let digest = format!("sha256:{}", "0".repeat(64));
    super::report(json!({"member": member, "unit": unit, "revision": "r", "epoch": 1, "payload": digest,
        "phase": "Applied", "health": "Healthy", "objects": counts, "pods": pods, "details": rows}))
    .unwrap()
}

fn row(kind: &str, namespace: &str, name: &str, extra: &Value) -> Value {
    let mut row = json!({"key": {"kind": kind, "namespace": namespace, "name": name}, "version": "v1",
        "sync": "Synced", "health": "Healthy"});
    row.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
    row
}

fn rows() -> Vec<Value> {
    vec![
        row("Namespace", "", "shop", &json!({"uid": "5"})),
        row("ConfigMap", "shop", "settings", &json!({})),
        row("ConfigMap", "shop", "theirs", &json!({"adopted": true})),
        row("PersistentVolumeClaim", "shop", "data", &json!({"kept": true})),
        row("ConfigMap", "shop", "not-there", &json!({"sync": "Pending", "health": "Progressing", "unmade": true})),
        row("ConfigMap", "shop", "of-another", &json!({"sync": "Failed", "reason": "Conflict"})),
        row("ConfigMap", "shop", "refused", &json!({"sync": "Failed", "reason": "Invalid"})),
        row("ConfigMap", "other", "outside", &json!({"sync": "Failed", "reason": "OutsideRights", "outside": true})),
        row("ClusterRole", "", "never-sent", &json!({"sync": "Failed", "reason": "OutsideRights"})),
    ]
}

fn known(units: &[UnitReport]) -> Known {
    Known { units: units.to_vec(), ..Known::default() }
}

fn by_prune(decision: &DecisionSpec) -> Removal {
    if decision.prune { Removal::Prune } else { Removal::Release }
}

fn shown() -> Vec<Part> {
    let decisions =
        [decision("web", true, &["beijing", "hangzhou", "lost", "shanghai"]), decision("docs", false, &["beijing"])];
    let mut reports: Vec<UnitReport> =
        ["beijing", "hangzhou", "shanghai"].iter().map(|member| report("web", member, &rows())).collect();
    reports[2].details.truncate(2);
    reports.push(report("docs", "beijing", &rows()[..2]));
    parts(&decisions, &known(&reports), |_| true, by_prune)
}

#[test]
fn a_list_names_what_goes_what_stays_and_why_and_members_with_the_same_are_one_block() {
    insta::assert_snapshot!("list", lines(&shown(), &Away::new(), false).join("\n"));
}

#[test]
fn a_list_for_programs_has_every_object() {
    insta::assert_snapshot!("facts", format!("{:#}", facts(&shown(), &Away::new())));
}

#[test]
fn only_members_that_are_meant_are_in_it_and_a_long_list_is_cut() {
    let decisions = [decision("web", true, &["beijing", "shanghai"])];
    let many: Vec<Value> = (0..150).map(|n| row("ConfigMap", "shop", &format!("c{n:03}"), &json!({}))).collect();
    let reports = [report("web", "beijing", &many)];
    let parts = parts(&decisions, &known(&reports), |member| member.as_str() == "beijing", by_prune);
    assert_eq!(
        (parts.len(), numbers(&parts).in_words().as_str(), unknown(&parts).len()),
        (1, "150 objects deleted", 0)
    );
    let whole = lines(&parts, &Away::new(), true);
    let lines = lines(&parts, &Away::new(), false);
    assert_eq!((lines.len(), lines.last().unwrap().as_str()), (102, "  and 50 more: -v shows them"));
    assert_eq!(whole.len(), 151);
}

#[test]
fn what_leaves_already_is_as_it_was_agreed_to() {
    let mut decision = decision("web", true, &["beijing"]);
    decision.members.get_mut(&"beijing".parse::<MemberName>().unwrap()).unwrap().removal = Removal::Release;
    let parts = parts(&[decision], &known(&[report("web", "beijing", &rows()[..2])]), |_| true, by_prune);
    assert_eq!(numbers(&parts).in_words(), "2 objects left there");
}

/// Every reason that a member's record can have, and both of its link.
#[test]
fn what_a_member_that_is_away_has_is_listed_or_not_known_whatever_the_reason_is() {
    use api::delivery::{LinkState, MemberLink, UnitPhase};
    let record = |reason: &str| -> api::karmada::cluster::v1alpha1::Cluster {
        let status = if reason == api::reason::CLUSTER_READY { "True" } else { "False" };
        serde_json::from_value(json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": "beijing"},
            "spec": {"syncMode": "Push"}, "status": {"conditions": [{"type": "Ready", "status": status, "reason": reason,
            "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}))
        .unwrap()
    };
    let link = |state| MemberLink { state, message: String::new(), since: "2026-01-01T00:00:00Z".parse().unwrap() };
    let mut seen: Vec<Option<String>> =
        api::reason::ALL.iter().map(|reason| reach::away(Some(&record(reason)), None)).collect();
    let states = [LinkState::Connected, LinkState::Unreachable, LinkState::Blocked];
    seen.extend(states.map(|state| reach::away(Some(&record(api::reason::CLUSTER_READY)), Some(&link(state)))));
    seen.push(reach::away(None, None));
    let decisions = [decision("web", true, &["beijing"])];
    let member: MemberName = "beijing".parse().unwrap();
    let blank = || UnitReport { phase: UnitPhase::Unknown, ..report("web", "beijing", &[]) };
    let failed = || UnitReport { phase: UnitPhase::Failed, ..report("web", "beijing", &[]) };
    for why in seen.into_iter().flatten() {
        let away = Away::from([(member.clone(), why.clone())]);
        for reports in [vec![], vec![blank()], vec![failed()]] {
            let parts = parts(&decisions, &known(&reports), |_| true, by_prune);
            assert_eq!(unknown(&parts).len(), 1, "{why}");
            let expect =
                format!("app/shop, policy web, in member beijing: what it has there is not known; away ({why})");
            assert_eq!(lines(&parts, &away, false), [expect]);
            assert_eq!(facts(&parts, &away)[0]["objects"], Value::Null);
        }
        let last = UnitReport { phase: UnitPhase::Unknown, ..report("web", "beijing", &rows()[..2]) };
        let parts = parts(&decisions, &known(&[last]), |_| true, by_prune);
        let shown = lines(&parts, &away, false);
        assert!(shown[0].contains(&format!("2 objects deleted; away ({why}): done when it")), "{shown:?}");
        assert_eq!(facts(&parts, &away)[0]["objects"][0]["away"], true);
    }
    let nothing = [report("web", "beijing", &[])];
    let parts = parts(&decisions, &known(&nothing), |_| true, by_prune);
    assert_eq!(lines(&parts, &Away::new(), false), ["app/shop, policy web, in member beijing: nothing"], "it said so");
}

#[test]
fn a_namespace_in_which_another_application_has_something_stays_unless_that_leaves_too() {
    let decisions = [decision("web", true, &["beijing"])];
    let namespace = rows().into_iter().find(|row| row["key"]["kind"] == "Namespace").unwrap();
    let reports = [report("web", "beijing", std::slice::from_ref(&namespace))];
    let tree = |occupants: &[&str]| {
        let mut row = namespace.clone();
        let units = occupants.iter().map(|unit| format!("apps.kurator.dev/Application/{unit}"));
        row["occupiedBy"] = units.collect();
        json!({"units": [{"unit": "apps.kurator.dev/Application/default/shop/web", "member": "beijing", "details": [row]}]})
    };
    for (occupants, expect) in [
        (&["default/bad8/web"][..], "= Namespace shop stays: app/bad8 has something in it"),
        (&["default/shop/web", "default/bad8/web"], "= Namespace shop stays: app/bad8 has something in it"),
        (&["default/shop/web"], "- Namespace shop (stays if others have something in it)"),
    ] {
        let known = Known { heirs: heirs(&tree(occupants)), ..known(&reports) };
        let parts = parts(&decisions, &known, |_| true, by_prune);
        let lines = lines(&parts, &Away::new(), false);
        assert!(lines.iter().any(|line| line.trim() == expect), "{lines:?}");
        assert_eq!(numbers(&parts).goes, usize::from(expect.starts_with('-')));
    }
}

/// The policy has lost its Namespace, and the member says that it stays for another policy.
#[test]
fn a_namespace_that_the_member_keeps_for_another_policy_goes_if_that_leaves_by_the_same_act() {
    let said = json!({"sync": "PrunePending", "reason": "InUse", "message": "it has ConfigMap shop/d, which app/shop has, in it", "uid": "5"});
    let namespace = row("Namespace", "", "shop", &said);
    let reports = [report("p", "beijing", std::slice::from_ref(&namespace)), report("q", "beijing", &rows()[1..2])];
    let mut occupied = namespace;
    occupied["occupiedBy"] = json!(["apps.kurator.dev/Application/default/shop/q"]);
    let tree = json!({"units": [
        {"unit": "apps.kurator.dev/Application/default/shop/p", "member": "beijing", "details": [occupied]}]});
    let (p, q) = (decision("p", true, &["beijing"]), decision("q", true, &["beijing"]));
    for (leaving, expect) in [
        (vec![p.clone()], "= Namespace shop stays: policy q has something in it"),
        (vec![p, q], "- Namespace shop (stays if others have something in it)"),
    ] {
        let known = Known { heirs: heirs(&tree), ..known(&reports) };
        let parts = parts(&leaving, &known, |_| true, by_prune);
        let lines = lines(&parts, &Away::new(), false);
        assert!(lines.iter().any(|line| line.trim() == expect), "{lines:?}");
    }
}

#[test]
fn what_another_application_takes_over_is_not_deleted_unless_it_leaves_too() {
    let decisions = [decision("web", true, &["beijing"])];
    let reports = [report("web", "beijing", &rows()[..2])];
    let tree = |heirs: &[&str]| {
        let mut row = rows()[1].clone();
        row["wantedBy"] = heirs.iter().map(|heir| format!("apps.kurator.dev/Application/{heir}")).collect();
        json!({"units": [{"unit": "apps.kurator.dev/Application/default/shop/web", "member": "beijing", "details": [row]}]})
    };
    let bad8 = "  = ConfigMap shop/settings stays: app/bad8 takes it over";
    for (waiting, expect) in [
        (&["default/bad8/web"][..], bad8),
        (&["other/bad8/web"], "  = ConfigMap shop/settings stays: app/bad8 in namespace other takes it over"),
        (&["default/shop/docs"], "  = ConfigMap shop/settings stays: policy docs takes it over"),
        (&["default/shop/web"], "  - ConfigMap shop/settings"),
        (&["default/shop/web", "default/bad8/web"], bad8),
        (&["default/bad8/web", "default/shop/web", "default/zoo/web"], bad8),
    ] {
        let known = Known { heirs: heirs(&tree(waiting)), ..known(&reports) };
        let parts = parts(&decisions, &known, |_| true, by_prune);
        let lines = lines(&parts, &Away::new(), false);
        assert!(lines.iter().any(|line| line == expect), "{lines:?}");
        let is_taken = expect.contains("takes");
        let sum = if is_taken { "1 object taken over by others, 1 object left there" } else { "2 objects deleted" };
        assert_eq!(numbers(&parts).in_words(), sum);
    }
}

#[test]
fn what_an_application_that_leaves_already_takes_along_is_in_the_list() {
    let decisions = [decision("web", true, &["beijing"])];
    let reports = [report("web", "beijing", &rows()[5..6])];
    let tree = |row: &Value| json!({"units": [{"unit": "apps.kurator.dev/Application/default/shop/web", "member": "beijing", "details": [row]}]});
    let (shop, bad8, zoo) = ("default/shop/web", "default/bad8/web", "default/zoo/web");
    let goes = ["  - ConfigMap shop/of-another (of app/bad8, which waits for this)"];
    let stays = ["  = ConfigMap shop/of-another stays: app/zoo takes it over"];
    for (along, heirs, expect) in [
        (&[bad8][..], &[][..], &goes[..]),
        (&[bad8], &[shop], &goes),
        (&[bad8], &[shop, zoo], &stays),
        // Its own list has it.
        (&[shop], &[], &[]),
        (&[], &[zoo], &[]),
    ] {
        let units = |names: &[&str]| -> Value {
            names.iter().map(|name| format!("apps.kurator.dev/Application/{name}")).collect()
        };
        let row = row("ConfigMap", "shop", "of-another", &json!({"goesWith": units(along), "wantedBy": units(heirs)}));
        let known = Known { heirs: super::heirs(&tree(&row)), ..known(&reports) };
        let parts = parts(&decisions, &known, |_| true, by_prune);
        let lines = lines(&parts, &Away::new(), false);
        assert_eq!(lines[1..], *expect, "{along:?} {heirs:?}");
    }
}

/// A unit that leaves waits for what this one has in its Namespace, which this one does not have itself.
#[test]
fn what_an_application_that_leaves_already_has_this_one_in_is_in_the_list() {
    let decisions = [decision("web", true, &["beijing"])];
    let key = json!({"kind": "Namespace", "name": "n1", "namespace": ""});
    let web = "apps.kurator.dev/Application/default/shop/web";
    let goes = [
        "  - Namespace n1 (of app/a, which waits for this; stays if others have something in it)",
        "  - ConfigMap shop/settings",
    ];
    for (along, expect) in [("default/a/p", &goes[..]), ("default/shop/web", &goes[1..])] {
        let along = json!([{"key": key, "units": [format!("apps.kurator.dev/Application/{along}")]}]);
        let reports = [report("web", "beijing", &rows()[1..2])];
        let tree = json!({"units": [{"unit": web, "member": "beijing", "details": [], "goesWith": along}]});
        let said = Known { heirs: super::heirs(&tree), ..known(&reports) };
        let sent = json!({"sent": [{"unit": web, "member": "beijing", "goesWith": along,
            "objects": [{"key": {"kind": "ConfigMap", "namespace": "shop", "name": "settings"}}]}]});
        for known in [said, Known::of(&sent, Sight::All).unwrap()] {
            let parts = parts(&decisions, &known, |_| true, by_prune);
            let mut found = lines(&parts, &Away::new(), false).split_off(1);
            found.sort_by_key(|line| line.contains("ConfigMap"));
            assert_eq!(found, *expect);
        }
    }
}

/// A member that is away and does not know yet that the unit left it without its objects. What it has of a later placement is deleted.
#[test]
fn what_a_member_that_is_away_is_to_keep_stays_by_the_list() {
    let mut decision = decision("web", true, &["beijing", "hangzhou", "shanghai"]);
    for entry in decision.members.values_mut() {
        entry.placed = Some("2026-01-03T00:00:00Z".parse().unwrap());
        entry.given_back = Some("2026-01-01T00:00:00Z".parse().unwrap());
    }
    let mut reports = ["beijing", "hangzhou"].map(|member| report("web", member, &rows()[..3]));
    for (report, placed) in reports.iter_mut().zip(["2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"]) {
        report.asked.placed = Some(placed.parse().unwrap());
    }
    let mut known = known(&reports);
    known.sent = serde_json::from_value(json!([
        {"unit": "apps.kurator.dev/Application/default/shop/web", "member": "shanghai", "objects": [
            {"key": {"kind": "ConfigMap", "namespace": "shop", "name": "settings"}, "givenBack": true}]}]))
    .unwrap();
    let parts = parts(&[decision], &known, |_| true, by_prune);
    let of = |member: &str| parts.iter().filter(|part| part.member.as_str() == member).cloned().collect::<Vec<_>>();
    assert_eq!(numbers(&of("beijing")).in_words(), "3 objects left there");
    assert_eq!(numbers(&of("shanghai")).in_words(), "1 object left there");
    // The Namespace stays for what was there before.
    assert_eq!(numbers(&of("hangzhou")).in_words(), "1 object deleted, 2 objects left there");
    let shown = lines(&of("beijing"), &Away::new(), false);
    let expect = "  = ConfigMap shop/settings stays: it was to stay when its policy left the member before";
    assert!(shown.iter().any(|line| line == expect), "{shown:?}");
}

/// After a restart of the hub a member that is away has said nothing; one of a cluster that is a member already was never sent
/// anything.
#[test]
fn what_a_member_was_sent_stands_for_what_it_has_not_said() {
    let decisions = [decision("web", true, &["beijing", "twin"])];
    let key = |kind: &str, namespace: &str, name: &str| json!({"kind": kind, "namespace": namespace, "name": name});
    let tree = json!({"sent": [
        {"unit": "apps.kurator.dev/Application/default/shop/web", "member": "beijing", "objects": [
            {"key": key("Namespace", "", "shop")}, {"key": key("ConfigMap", "shop", "a")},
            {"key": key("ConfigMap", "shop", "theirs"), "adopted": true},
            {"key": key("ConfigMap", "other", "b"), "outside": true}]},
        {"unit": "apps.kurator.dev/Application/default/shop/web", "member": "twin", "objects": []}]});
    let parts = parts(&decisions, &Known::of(&tree, Sight::All).unwrap(), |_| true, by_prune);
    assert!(unknown(&parts).is_empty());
    let away = Away::from(
        [("beijing", "ClusterNotReachable"), ("twin", "SameCluster")]
            .map(|(m, why)| (m.parse().unwrap(), why.to_owned())),
    );
    let shown = lines(&parts, &away, false);
    let expect = [
        "app/shop, policy web, in member twin: nothing; away (SameCluster)",
        "app/shop, policy web, in member beijing: 1 object deleted, 3 objects left there; away (ClusterNotReachable): done when it answers",
        "  - ConfigMap shop/a",
    ];
    for line in expect {
        assert!(shown.iter().any(|one| one == line), "{line:?} is not in {shown:?}");
    }
}

#[tokio::test]
async fn who_may_read_one_namespace_sees_what_its_applications_have_and_nothing_else() {
    let forbidden = || {
        (403, json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden"}))
    };
    let unit = |member: &str| serde_json::to_value(report("web", member, &rows()[..2])).unwrap();
    let list = json!({"items": [{"units": [unit("beijing"), unit("paris")]}, {"units": []}]});
    let member: MemberName = "beijing".parse().unwrap();
    let hub = crate::approve::tests::Hub::new([forbidden(), (200, list)]);
    let seen = super::member(&hub.client(), "team", &member).await.unwrap();
    assert_eq!((seen.sight, seen.units.len(), seen.units[0].member.as_str()), (Sight::Namespace, 1, "beijing"));
    let asked: Vec<String> = hub.asked.lock().unwrap().iter().map(|(what, _)| what.clone()).collect();
    assert_eq!(asked[1], "GET /apis/view.kurator.dev/v1alpha1/namespaces/team/trees");
    let hub = crate::approve::tests::Hub::new([forbidden(), forbidden()]);
    let seen = super::member(&hub.client(), "team", &member).await.unwrap();
    assert_eq!((seen.sight, seen.units.len()), (Sight::Nothing, 0));
}

/// A hub that was just started, what its member says look by look, and whether the member answers its prober.
fn starting(looks: &[Value], ready: &str, more: usize) -> crate::approve::tests::Hub {
    let item = json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": "shop-0"},
        "spec": decision("web", true, &["beijing"])});
    let list = |kind: &str, items: Value| json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": kind, "metadata": {}, "items": items});
    let record = json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": "beijing"},
        "spec": {"syncMode": "Push"}, "status": {"conditions": [{"type": "Ready", "status": ready, "reason": "R", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    let mut answers = Vec::new();
    for look in 0..more {
        answers.push((200, looks[look.min(looks.len() - 1)].clone()));
        answers.push((200, list("DecisionList", json!([item]))));
        answers.push((200, list("PartialObjectMetadataList", json!([]))));
        answers.push((200, record.clone()));
    }
    crate::approve::tests::Hub::new(answers)
}

#[tokio::test(start_paused = true)]
async fn a_member_that_answers_and_has_not_reported_yet_is_waited_for() {
    let said = serde_json::to_value(report("web", "beijing", &rows())).unwrap();
    let member = "beijing".parse().unwrap();
    let connecting = json!({"link": "Connecting", "units": []});
    let connected = json!({"link": "Connected", "units": []});
    let whole = json!({"link": "Connected", "units": [said]});
    // It says what it has at the third look.
    let hub = starting(&[connecting.clone(), connected.clone(), whole], "True", 3);
    let known = reported(&hub.client(), "default", &member).await.unwrap();
    assert_eq!((known.units.len(), known.unsaid, known.is_connecting), (1, 0, false));
    // It never does, and that is said.
    let hub = starting(&[connecting.clone(), connected], "True", 1_000);
    let known = reported(&hub.client(), "default", &member).await.unwrap();
    assert_eq!((known.units.len(), known.unsaid, known.is_connecting), (0, 1, false));
    // One that is away is not waited for.
    let hub = starting(&[connecting], "False", 1);
    let known = reported(&hub.client(), "default", &member).await.unwrap();
    assert_eq!(known.units.len(), 0);
    assert_eq!(hub.asked.lock().unwrap().len(), 4);
}

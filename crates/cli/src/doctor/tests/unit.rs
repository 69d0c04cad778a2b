//! Units in members.

use super::*;

/// What an edit would take out of a member, or not.
pub(super) fn decided_in(member: &str, policy: &str, leaving: Option<&str>) -> api::delivery::Decision {
    let mut entry = serde_json::json!({"revision": "r-1", "epoch": 1, "reason": ""});
    if let Some(why) = leaving {
        entry["leaving"] = serde_json::json!({"cause": "SelectorDiffers", "message": why});
    }
    serde_json::from_value(serde_json::json!({
        "apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": "d", "namespace": "default"},
        "spec": {"unit": format!("apps.kurator.dev/Application/default/shop/{policy}"), "slice": 0, "suspended": false,
            "explanation": {"revision": "r-1"}, "members": {member: entry}},
    }))
    .unwrap()
}

/// A report of units that say this of themselves.
pub(super) fn with(health: Health, mut slice: MemberStatus) -> MemberStatus {
    slice.status.as_mut().unwrap().units.values_mut().for_each(|unit| unit.health = health);
    slice
}

#[test]
fn what_was_agreed_to_for_a_member_that_is_away_is_said() {
    let old = "2026-01-01T00:00:00Z";
    let leaves = |removal: &str| {
        let mut decision = decided_in("e", "base", None);
        let entry = decision.spec.members.values_mut().next().unwrap();
        entry.removal = serde_json::from_value(serde_json::json!(removal)).unwrap();
        decision
    };
    // Whether it answers, what becomes of the unit there, and what is said.
    for (ready, removal, expect) in [
        ("False", "Prune", Some("when e answers: policy base leaves it: 0 objects there will be deleted")),
        ("False", "None", None),
        ("True", "Prune", None),
    ] {
        let reason = if ready == "True" { reason::CLUSTER_READY } else { reason::CLUSTER_NOT_REACHABLE };
        let facts = Facts {
            members: vec![member("e", condition("Ready", ready, reason, "", old))],
            statuses: vec![reported("e", UnitPhase::Applied, "", "", old)],
            decisions: vec![leaves(removal)],
            ..Facts::of_process(process(), None)
        };
        let findings = diagnose(&facts, now());
        let said = findings.iter().find(|finding| finding.reason == fault::WAITS_FOR_MEMBER);
        assert_eq!(said.map(|said| said.message.as_str()), expect, "{ready} {removal}");
        assert!(said.is_none_or(|said| said.severity == Severity::Warning && said.remedy.contains("before e answers")));
    }
}

#[test]
fn units_that_nothing_asks_for_are_named_with_what_to_do() {
    let old = "2026-01-01T00:00:00Z";
    let unit = UnitId::new("apps.kurator.dev", "Application", "default", "web", Some("p"));
    let mut slice = reported("e", UnitPhase::Applied, "", "", old);
    let moving = &mut slice.status.as_mut().unwrap().moving;
    *moving = std::mem::take(moving).with_unasked(&[unit]);
    let facts = Facts {
        members: vec![member("e", condition("Ready", "True", reason::CLUSTER_READY, "", old))],
        statuses: vec![slice],
        ..Facts::of_process(process(), None)
    };
    let findings = diagnose(&facts, now());
    let said = findings.iter().find(|finding| finding.reason == fault::UNASKED_UNITS).unwrap();
    assert_eq!((said.place, said.object.as_str(), said.severity), (Place::Member, "e", Severity::Warning));
    assert!(said.message.ends_with("app/web in namespace default, policy p"), "{}", said.message);
    assert!(said.remedy.contains("`kurator detach e --release`"), "{}", said.remedy);
    assert!(said.remedy.starts_with("apply these Applications"), "{}", said.remedy);

    // It is there, and does not place the unit in this member.
    let application = serde_json::json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": "web", "namespace": "default"}, "spec": {"source": {}, "syncPolicies": []}});
    let facts = Facts { applications: vec![serde_json::from_value(application).unwrap()], ..facts };
    let findings = diagnose(&facts, now());
    let all: Vec<_> = findings.iter().filter(|finding| finding.reason == fault::UNASKED_UNITS).collect();
    let [said] = &all[..] else { panic!("{all:?}") };
    assert!(
        said.message.contains("its Application here does not place it there: app/web in namespace default"),
        "{said:?}"
    );
    assert!(said.remedy.starts_with("have the policy place it there again"), "{}", said.remedy);
    assert!(said.remedy.contains("`kurator detach e --release`"), "{}", said.remedy);
}

#[test]
fn an_object_of_a_unit_that_nothing_asks_for_is_not_to_be_taken_out_of_that_unit() {
    let old = "2026-01-01T00:55:00Z";
    let other = UnitId::new("apps.kurator.dev", "Application", "default", "old", None);
    let mut slice = reported("e", UnitPhase::Failed, "Conflict", "ConfigMap shop/c: unit old has it here", old);
    let status = slice.status.as_mut().unwrap();
    let waiting = serde_json::json!([{"cause": "OtherUnit", "count": 1, "detail": other.to_string()}]);
    status.units.values_mut().for_each(|unit| unit.waiting = serde_json::from_value(waiting.clone()).unwrap());
    status.moving = std::mem::take(&mut status.moving).with_unasked(&[other]);
    let facts = Facts {
        members: vec![member("e", condition("Ready", "True", reason::CLUSTER_READY, "", old))],
        statuses: vec![slice],
        decisions: vec![decided_in("e", "base", None)],
        ..Facts::of_process(process(), None)
    };
    let findings = diagnose(&facts, now());
    let unit = findings.iter().find(|finding| finding.place == Place::Unit).unwrap();
    assert!(unit.remedy.starts_with("apply the Application of the unit that is named again"), "{}", unit.remedy);
}

#[test]
fn units_that_wait_for_an_approval_or_cannot_leave_are_not_called_fine() {
    let old = "2026-01-01T00:55:00Z";
    let stays = |cause: &str, detail: &str| {
        let mut slice =
            reported("e", UnitPhase::Removing, "Removing", "4 objects are left; ConfigMap app1/cm1 stays", old);
        let waiting = serde_json::json!([{"cause": cause, "count": 4, "detail": detail}]);
        slice.status.as_mut().unwrap().units.values_mut().for_each(|unit| {
            unit.waiting = serde_json::from_value(waiting.clone()).unwrap();
        });
        slice
    };
    let conflict = || reported("e", UnitPhase::Failed, "Conflict", "unit small delivers it already", old);
    let applied = || with(Health::Healthy, reported("e", UnitPhase::Applied, "", "", old));
    let mut leaving = reported("e", UnitPhase::Removing, "Removing", "1 object is held", old);
    leaving.status.as_mut().unwrap().units.values_mut().for_each(|unit| {
        let held = serde_json::json!({"state": "Waiting", "count": 1, "digest": model::Digest::of(b"list")});
        unit.held = serde_json::from_value(held).unwrap();
    });
    let release = Some(("DeletionsHeld", "revert the change, or release them: `kurator approve app/shop -n default`"));
    let approve =
        "let it be handed over with `kurator approve app/shop -n default`, or take the edit back that moves it";
    let give = "take the object out of what e gets, or give rights there with the `kurator attach` that is named";
    for (status, decision, expect) in [
        (applied(), decided_in("e", "base", None), Some(("", ""))),
        (applied(), decided_in("e", "base", Some("labels differ")), release),
        (reported("e", UnitPhase::DeletionsHeld, "DeletionsHeld", "", old), decided_in("e", "base", None), release),
        (leaving, decided_in("e", "base", None), release),
        (stays("Handover", ""), decided_in("e", "base", None), Some(("", ""))),
        (stays("OutsideRights", "namespace app1"), decided_in("e", "base", None), Some(("OutsideRights", give))),
        (
            stays("Refused", "Forbidden"),
            decided_in("e", "base", None),
            Some(("Forbidden", "give the member's credential that right")),
        ),
        (conflict(), decided_in("e", "base", None), Some(("Conflict", "name the object in one unit only"))),
        (conflict(), decided_in("e", "small", Some("labels differ")), Some(("Conflict", approve))),
    ] {
        let said = format!("{status:?} {decision:?}");
        let facts = Facts {
            members: vec![member("e", condition("Ready", "True", reason::CLUSTER_READY, "", old))],
            statuses: vec![status],
            decisions: vec![decision],
            ..Facts::of_process(process(), None)
        };
        let findings = diagnose(&facts, now());
        let unit = findings.iter().find(|finding| finding.place == Place::Unit);
        assert_eq!(unit.map(|unit| (unit.reason.as_str(), unit.remedy.as_str())), expect, "{said}");
    }
}

#[test]
fn units_are_as_they_should_be_only_when_their_state_is_ready() {
    let old = "2026-01-01T00:55:00Z";
    let decided = |leaving: Option<&str>, missing: &str| {
        let mut decision = decided_in("e", "base", leaving);
        if !missing.is_empty() {
            let waiting_on = serde_json::json!({"revision": "r-2", "waitingOn": [{"what": missing}]});
            decision.spec.explanation = serde_json::from_value(waiting_on).unwrap();
        }
        decision
    };
    let report = |phase, health| with(health, reported("e", phase, "", "", old));
    let applied = || report(UnitPhase::Applied, Health::Healthy);
    for (decision, status, alone, said) in [
        (decided(None, ""), applied(), "", "default/shop/base in e is as it should be"),
        (
            decided(None, ""),
            report(UnitPhase::Applying, Health::Progressing),
            "",
            "default/shop/base in e is on its way",
        ),
        (decided(None, "Source"), applied(), "", "default/shop/base in e is on its way"),
        (
            decided(None, ""),
            with(Health::Healthy, reported("e", UnitPhase::Removing, "", "", &now().to_string())),
            "",
            "default/shop/base in e is on its way",
        ),
        (decided(None, "Render"), applied(), reason::BUILD_FAILED, ""),
        (decided(None, "Rights"), applied(), reason::RESTRICTED_NAMESPACE, ""),
        (decided(None, ""), report(UnitPhase::Applied, Health::Degraded), reason::HEALTH_CHECK_FAILED, ""),
        (decided(Some("labels differ"), ""), applied(), reason::DELETIONS_HELD, ""),
        (decided(None, ""), report(UnitPhase::Suspended, Health::Healthy), reason::SUSPENDED, ""),
    ] {
        let ready = condition("Ready", "False", reason::BUILD_FAILED, "words", old);
        let facts = |applications: Vec<Application>| Facts {
            members: vec![member("e", condition("Ready", "True", reason::CLUSTER_READY, "", old))],
            statuses: vec![status.clone()],
            decisions: vec![decision.clone()],
            applications,
            ..Facts::of_process(process(), None)
        };
        let findings = diagnose(&facts(Vec::new()), now());
        let unit = findings.iter().find(|finding| finding.place == Place::Unit).unwrap();
        assert_eq!(unit.reason, alone, "{status:?}");
        assert_eq!(unit.severity == Severity::Fine, alone.is_empty(), "{status:?}");
        // What is said of its application is not said once more of each unit, and nothing calls it fine.
        let findings = diagnose(&facts(vec![application("shop", vec![ready])]), now());
        let lines = output::text(&lines(&findings, SHOWN_MAX, false, usize::MAX));
        let of_units: Vec<_> = lines.lines().filter_map(|line| line.strip_prefix("ok  unit ")).map(str::trim).collect();
        let expect: Vec<&str> = (!said.is_empty()).then_some(said).into_iter().collect();
        assert_eq!(of_units, expect, "{status:?}");
    }
}

#[test]
fn what_is_on_its_way_is_counted_by_itself() {
    let since = "2026-01-01T00:59:50Z";
    let app =
        |name: &str, status: &str, reason: &str| application(name, vec![condition("Ready", status, reason, "", since)]);
    let mut edited = app("d", "True", reason::RECONCILIATION_SUCCEEDED);
    edited.metadata.generation = Some(2);
    edited.status.as_mut().unwrap().conditions[0].observed_generation = Some(1);
    let applications = vec![
        app("a", "True", reason::RECONCILIATION_SUCCEEDED),
        app("b", "False", reason::PROGRESSING),
        application("c", Vec::new()),
        edited,
    ];
    let facts = Facts { applications, ..Facts::of_process(process(), None) };
    let text = output::text(&lines(&diagnose(&facts, now()), SHOWN_MAX, false, usize::MAX));
    assert!(text.contains("ok  application  1 is as it should be, 3 are on their way\n"), "{text}");
}

#[tokio::test]
async fn rights_in_one_namespace_are_enough_to_look_there_and_what_is_not_seen_is_named() {
    let limited = hub(|path| match path {
        "/version" => Some((200, format!(r#"{{"gitVersion":"v1.37.0+kurator-{}"}}"#, env!("CARGO_PKG_VERSION")))),
        "/readyz" => Some((200, "ok".to_owned())),
        path if path.contains("/namespaces/team-a/") => Some((200, r#"{"metadata":{},"items":[]}"#.to_owned())),
        _ => Some(refusal(403, "Forbidden", "may not list")),
    });
    let facts = observe::facts(&limited, "https://hub:6443".to_owned(), None, "team-a").await;
    insta::assert_snapshot!(output::text(&lines(&diagnose(&facts, now()), SHOWN_MAX, false, usize::MAX)), @r"
    warning  process https://hub:6443: NotSeen
         this credential may not list everything: looked at are attached clusters,
         fleets, applications in namespace team-a; not seen: members, what members report
      →  use a credential that may list more to have the rest looked at; -n names another
         namespace
    0 faults, 1 warning
    ");
    let facts = observe::facts(&limited, "https://hub:6443".to_owned(), None, "team-b").await;
    let findings = diagnose(&facts, now());
    assert_eq!(findings.iter().filter(|finding| finding.reason == fault::FORBIDDEN).count(), 6, "{findings:?}");
}

#[test]
fn what_hangs_on_its_way_out_of_a_member_is_named_with_who_ends_it() {
    let (old, young) = ("2026-01-01T00:55:00Z", now().to_string());
    let held = "2 objects are left; ConfigMap n1/x is being deleted, and waits for finalizer example.com/hold";
    for (status, expect) in [
        (
            reported("e", UnitPhase::Removing, "BeingDeleted", held, old),
            Some(("BeingDeleted", "end in e what the finalizer that is named waits for")),
        ),
        (
            reported("e", UnitPhase::Removing, "Removing", "2 objects are left", old),
            Some(("Removing", "see what is left with `kurator tree member/e`")),
        ),
        (reported("e", UnitPhase::Removing, "Removing", "2 objects are left", &young), None),
        // Volumes and load balancers have finalizers that take a moment.
        (reported("e", UnitPhase::Removing, "BeingDeleted", held, &young), None),
    ] {
        let facts = Facts {
            members: vec![member("e", condition("Ready", "True", reason::CLUSTER_READY, "", old))],
            statuses: vec![status],
            ..Facts::of_process(process(), None)
        };
        let findings = diagnose(&facts, now());
        let said = findings.iter().find(|finding| finding.place == Place::Unit && finding.severity != Severity::Fine);
        assert_eq!(said.is_some(), expect.is_some(), "{said:?}");
        let (Some(said), Some((reason, remedy))) = (said, expect) else { continue };
        assert_eq!((said.reason.as_str(), said.severity), (reason, Severity::Warning));
        assert!(said.remedy.starts_with(remedy), "{}", said.remedy);
    }
}

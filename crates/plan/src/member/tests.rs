use api::karmada::cluster::v1alpha1::NodeSummary;

use super::*;

fn now() -> Timestamp {
    "2026-01-01T00:00:10Z".parse().unwrap()
}

fn origin(namespace: &str) -> Origin {
    Origin::new("g", "Kind", namespace, "beijing")
}

fn observed() -> Observed {
    Observed {
        origin: origin("default"),
        labels: BTreeMap::from([("size".to_owned(), "large".to_owned())]),
        member: "beijing".parse(),
        namespaces: Vec::new(),
        credential: CredentialRef { namespace: "default".into(), secret: "kc".into(), key: "value".into() },
        conditions: Vec::new(),
        server: Ok("https://10.0.0.1:6443".into()),
        secret_version: Some("7".into()),
        standing: Standing::default(),
        record: None,
        twin: None,
        probe: None,
        is_probed: true,
        link: None,
        alive_before: None,
        going: None,
        emptying: None,
        take_over: None,
    }
}

fn probe(outcome: Outcome, uid: &str) -> Option<Probe> {
    let facts = Facts { uid: Some(uid.into()), version: Some("v1.37.2".into()), ..Facts::default() };
    Some(Probe { outcome, last_seen: "2026-01-01T00:00:05Z".parse().ok(), facts })
}

fn ready(status: &ClusterStatus) -> Condition {
    condition::find(&status.conditions, condition::READY).unwrap().clone()
}

fn mine(id: Option<&str>) -> Option<Record> {
    Some(Record { origin: Some(origin("default")), id: id.map(str::to_owned), ..Record::default() })
}

fn check(observed: &Observed, expect: (&str, &str), deliver: bool) -> Plan {
    let (plan, report) = plan(observed, Some(1), now());
    let condition = &plan.origin_status.conditions[0];
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), expect, "{}", condition.message);
    assert_eq!(report.deliverable.status, Some(deliver), "{:?}", report.deliverable);
    if let Some(status) = &plan.cluster_status {
        let stored = condition::find(&status.conditions, condition::DELIVERABLE).unwrap();
        assert_eq!(stored.status, if deliver { "True" } else { "False" });
    }
    plan
}

#[test]
fn a_new_member_gets_a_record_before_it_answers() {
    // Delivery waits until it is known which cluster it is.
    let plan = check(&observed(), ("Unknown", reason::PROBING), false);
    let record = plan.record.unwrap();
    assert_eq!(record["spec"]["secretRef"], json!({"namespace": "default", "name": "kc"}));
    assert_eq!(record["metadata"]["annotations"][ORIGIN], "g/Kind/default/beijing");
    assert_eq!(record["metadata"]["annotations"][CREDENTIAL_KEY], "value");
    assert_eq!(record["spec"].get("id"), None);
    assert_eq!(record["metadata"]["annotations"].get(NAMESPACES), None);
}

#[test]
fn the_record_says_in_which_namespaces_the_hub_has_rights() {
    let limited = Observed { namespaces: vec!["a".into(), "b".into()], ..observed() };
    let record = check(&limited, ("Unknown", reason::PROBING), false).record.unwrap();
    assert_eq!(record["metadata"]["annotations"][NAMESPACES], "a,b");
    // What renews the credential gives no more than there was, and what was counted before is not said any more.
    let mut known = mine(Some("u1")).unwrap();
    known.status.node_summary = Some(NodeSummary { total_num: 3, ready_num: 3 });
    let probe = probe(Outcome::Denied("401".into()), "u1");
    let status =
        check(&Observed { record: Some(known), probe, ..limited }, ("Unknown", reason::CREDENTIAL_REFUSED), true)
            .cluster_status
            .unwrap();
    assert_eq!(status.node_summary, None);
    let said = ready(&status).message;
    assert!(said.contains("`kurator attach CONTEXT --name beijing -n default --namespaces a,b`"), "{said}");
}

#[test]
fn the_first_answer_records_the_identity() {
    let o = Observed { record: mine(None), probe: probe(Outcome::Ready, "u1"), ..observed() };
    let plan = check(&o, ("True", reason::CLUSTER_READY), true);
    assert_eq!(plan.record.unwrap()["spec"]["id"], "u1");
    assert!(plan.origin_status.ready);
    assert_eq!(plan.cluster_status.unwrap().last_seen, None, "heartbeats are not written");
}

#[test]
fn a_member_that_refuses_the_credential_is_unknown_and_still_tried() {
    let denied = Outcome::Denied("401: token has expired".into());
    let o = Observed { record: mine(Some("u1")), probe: probe(denied, "u1"), ..observed() };
    let plan = check(&o, ("Unknown", reason::CREDENTIAL_REFUSED), true);
    let ready = ready(&plan.cluster_status.unwrap());
    assert!(ready.message.starts_with(
        "the member refuses the credential: 401: token has expired; make another one with `kurator attach "
    ));
    assert!(!plan.origin_status.ready);
    assert_eq!(crate::reach::reach(std::slice::from_ref(&ready)), crate::reach::Reach::Unknown);
}

#[test]
fn a_silent_member_is_unknown_since_it_was_last_seen() {
    let o = Observed {
        record: mine(Some("u1")),
        probe: probe(Outcome::Unreachable("connection refused".into()), "u1"),
        ..observed()
    };
    let plan = check(&o, ("Unknown", reason::CLUSTER_NOT_REACHABLE), true);
    let status = plan.cluster_status.unwrap();
    assert_eq!(ready(&status).message, "last seen 2026-01-01T00:00:05Z: connection refused");
    assert_eq!(status.last_seen.as_deref(), Some("2026-01-01T00:00:05Z"));
    assert_eq!(status.kubernetes_version.as_deref(), Some("v1.37.2"), "what was known stays");
}

#[test]
fn a_member_that_is_silent_after_a_restart_of_the_hub_was_seen_before_it() {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let stored = |status: &str, reason: &str, message: &str, last_seen: Option<&str>| Record {
        status: ClusterStatus {
            conditions: vec![Condition {
                type_: condition::READY.into(),
                status: status.into(),
                reason: reason.into(),
                message: message.into(),
                observed_generation: None,
                last_transition_time: "2025-12-31T10:00:00Z".into(),
            }],
            last_seen: last_seen.map(str::to_owned),
            ..ClusterStatus::default()
        },
        ..mine(Some("u1")).unwrap()
    };
    let until = "last seen before the hub's restart, at 2025-12-31T23:58:00Z or later";
    let since = "last seen before the hub's restart, at 2025-12-31T10:00:00Z or later";
    let alive = Some("2025-12-31T23:58:00Z");
    for (record, alive, words, last_seen) in [
        (stored("True", "ClusterReady", "", None), alive, until, alive),
        (stored("False", "ClusterNotReady", "", None), alive, until, alive),
        (stored("Unknown", "CredentialRefused", "", None), alive, until, alive),
        (stored("Unknown", "ApplierNotAnswered", "", None), alive, until, alive),
        // Of a hub whose directory was restored, or that does not say how long it lived.
        (stored("True", "ClusterReady", "", None), None, since, Some("2025-12-31T10:00:00Z")),
        // A clock that was set back.
        (stored("True", "ClusterReady", "", None), Some("2025-12-31T09:00:00Z"), since, Some("2025-12-31T10:00:00Z")),
        // It was lost before: what was known then stays.
        (
            stored(
                "Unknown",
                "ClusterNotReachable",
                "last seen 2025-12-30T01:00:00Z: no route: x",
                Some("2025-12-30T01:00:00Z"),
            ),
            alive,
            "last seen 2025-12-30T01:00:00Z",
            Some("2025-12-30T01:00:00Z"),
        ),
        (
            stored("Unknown", "ClusterNotReachable", &format!("{until}: no"), alive),
            Some("2025-12-31T23:59:30Z"),
            until,
            alive,
        ),
        (stored("Unknown", "ClusterNotReachable", "last seen never: no", None), alive, "last seen never", None),
        (stored("Unknown", "Probing", "waiting for the first answer", None), alive, "last seen never", None),
    ] {
        let silent = Probe {
            outcome: Outcome::Unreachable("connection refused".into()),
            last_seen: None,
            facts: Facts::default(),
        };
        let mut o = Observed { record: Some(record), probe: Some(silent), alive_before: alive.map(time), ..observed() };
        for look in ["first", "second"] {
            let plan = check(&o, ("Unknown", reason::CLUSTER_NOT_REACHABLE), true);
            let status = plan.cluster_status.unwrap();
            assert_eq!(ready(&status).message, format!("{words}: connection refused"), "{look}");
            assert_eq!(status.last_seen.as_deref(), last_seen, "{look}");
            // What was written is the same at the next look.
            assert!(look == "first" || o.record.as_ref().unwrap().status == status);
            o.record.as_mut().unwrap().status = status;
        }
    }
}

#[test]
fn a_member_whose_applier_is_kept_out_is_not_ready_and_delivered_to() {
    let link = |state| Some(MemberLink { state, message: "secrets is forbidden".into(), since: now() });
    use api::delivery::LinkState::*;
    let answers = || probe(Outcome::Ready, "u1");
    for (state, probe, expect) in [
        (Connected, answers(), ("True", reason::CLUSTER_READY)),
        (Blocked, answers(), ("False", reason::APPLIER_REFUSED)),
        (Unreachable, answers(), ("Unknown", reason::APPLIER_NOT_ANSWERED)),
        // The prober has the first word.
        (Blocked, self::probe(Outcome::NotReady("etcd".into()), "u1"), ("False", reason::CLUSTER_NOT_READY)),
        (Unreachable, self::probe(Outcome::Unreachable("no".into()), "u1"), ("Unknown", reason::CLUSTER_NOT_REACHABLE)),
    ] {
        let o = Observed { record: mine(Some("u1")), probe, link: link(state), ..observed() };
        let plan = check(&o, expect, true);
        assert_eq!(plan.origin_status.ready, expect.0 == "True");
        let status = plan.cluster_status.unwrap();
        let stored = (ready(&status).status.clone(), ready(&status).reason.clone());
        assert_eq!((stored.0.as_str(), stored.1.as_str()), expect);
        // What decisions read of the record is what its prober saw; a hub that starts again says the same.
        let record = Record { status: status.clone(), ..o.record.clone().unwrap() };
        let again = Observed { record: Some(record), probe: None, ..o.clone() };
        check(&again, expect, true);
        if answers() == o.probe {
            assert_eq!(crate::reach::reach(&status.conditions), crate::reach::Reach::Reachable, "{state:?}");
            check(&Observed { link: None, ..again }, ("True", reason::CLUSTER_READY), true);
        }
    }
}

#[test]
fn an_edit_is_ready_for_its_generation_once_the_member_has_answered_to_it() {
    let o = Observed { record: mine(Some("u1")), probe: probe(Outcome::Ready, "u1"), ..observed() };
    let (first, _) = plan(&o, Some(1), now());
    for (is_probed, server, generation) in [
        (true, observed().server, Some(2)),
        (false, observed().server, Some(1)),
        // It was looked at: there is no credential.
        (false, Err(Problem { reason: reason::SECRET_NOT_FOUND, message: String::new() }), Some(2)),
    ] {
        let conditions = first.origin_status.conditions.clone();
        let (second, _) = plan(&Observed { conditions, is_probed, server, ..o.clone() }, Some(2), now());
        assert_eq!(second.origin_status.observed_generation, generation);
        let ready = condition::find(&second.origin_status.conditions, condition::READY).unwrap();
        assert_eq!(ready.observed_generation, generation);
    }
    // One that is new has no earlier generation to speak of.
    let (new, _) = plan(&Observed { is_probed: false, ..o }, Some(1), now());
    assert_eq!(new.origin_status.observed_generation, Some(1));
}

#[test]
fn another_cluster_at_the_address_holds_delivery_until_approved() {
    let mut o = Observed { record: mine(Some("u1")), probe: probe(Outcome::Ready, "u2"), ..observed() };
    let plan = check(&o, ("False", reason::IDENTITY_CHANGED), false);
    assert_eq!(plan.record.unwrap()["spec"]["id"], "u1", "the old identity stays recorded");
    o.record.as_mut().unwrap().approved_id = Some("u2".into());
    let plan = check(&o, ("True", reason::CLUSTER_READY), true);
    assert_eq!(plan.record.unwrap()["spec"]["id"], "u2");
}

#[test]
fn a_cluster_that_does_not_say_which_one_it_is_is_neither_ready_nor_delivered_to() {
    let silent = Some(Probe { facts: Facts::default(), ..probe(Outcome::Ready, "").unwrap() });
    for record in [mine(None), mine(Some("u1"))] {
        let recorded = record.as_ref().and_then(|r| r.id.clone());
        let o = Observed { record: record.clone(), probe: silent.clone(), ..observed() };
        let plan = check(&o, ("False", reason::IDENTITY_UNKNOWN), false);
        let id = plan.record.as_ref().unwrap()["spec"].get("id").and_then(Value::as_str).map(str::to_owned);
        assert_eq!(id, recorded, "what is recorded stays");
        // A hub that starts again delivers nothing there before the member has said it.
        let record = Record { status: plan.cluster_status.unwrap(), ..record.unwrap() };
        let o = Observed { record: Some(record), conditions: plan.origin_status.conditions, ..observed() };
        check(&o, ("False", reason::IDENTITY_UNKNOWN), false);
    }
    // One that is silent is silent, whatever it said before.
    let outcome = Outcome::Unreachable("connection refused".into());
    let o = Observed { record: mine(Some("u1")), probe: silent.map(|p| Probe { outcome, ..p }), ..observed() };
    check(&o, ("Unknown", reason::CLUSTER_NOT_REACHABLE), true);
}

#[test]
fn facts_that_are_left_out_are_said_until_they_are_not() {
    let said = |plan: &Plan| {
        let conditions = &plan.cluster_status.as_ref().unwrap().conditions;
        condition::find(conditions, condition::FACTS_CUT).map(|c| c.message.clone())
    };
    let mut o = Observed { record: mine(Some("u1")), probe: probe(Outcome::Ready, "u1"), ..observed() };
    assert_eq!(said(&plan(&o, Some(1), now()).0), None);
    o.probe.as_mut().unwrap().facts.left_out = 39_744;
    let cut = plan(&o, Some(1), now()).0;
    assert!(said(&cut).unwrap().starts_with("39744 amounts"), "{:?}", said(&cut));
    // A restart says what was said, until the member has been asked.
    let record = Record { status: cut.cluster_status.clone().unwrap(), ..o.record.clone().unwrap() };
    o.record = Some(record);
    assert_eq!(said(&plan(&Observed { probe: None, ..o.clone() }, Some(1), now()).0), said(&cut));
    o.probe.as_mut().unwrap().facts.left_out = 0;
    assert_eq!(said(&plan(&o, Some(1), now()).0), None);
}

#[test]
fn the_same_cluster_is_not_a_member_twice() {
    let o = Observed { twin: Some("b2".parse().unwrap()), probe: probe(Outcome::Ready, "u1"), ..observed() };
    let plan = check(&o, ("False", reason::SAME_CLUSTER), false);
    assert_eq!(plan.record.unwrap()["spec"].get("id"), None);
    let said = &plan.origin_status.conditions[0].message;
    assert!(said.ends_with("of one of the two"), "{said}");
}

/// Also when that was approved: both would be the same cluster, and neither would be delivered to.
#[test]
fn a_kubeconfig_that_leads_to_another_members_cluster_has_to_be_put_right() {
    for approved in [None, Some("u2".to_owned())] {
        let record = mine(Some("u1")).map(|record| Record { approved_id: approved.clone(), ..record });
        let twin = Some("b2".parse().unwrap());
        let o = Observed { record, twin, probe: probe(Outcome::Ready, "u2"), ..observed() };
        let plan = check(&o, ("False", reason::SAME_CLUSTER), false);
        assert_eq!(plan.record.unwrap()["spec"]["id"], "u1", "{approved:?}");
        let said = &plan.origin_status.conditions[0].message;
        assert!(said.contains("put the kubeconfig of that one back") && !said.contains("delete"), "{said}");
        // Once the other one has gone, it is what was approved.
        let alone = Observed { twin: None, ..o };
        let id = super::plan(&alone, Some(1), now()).0.record.unwrap()["spec"]["id"].clone();
        assert_eq!(id, if approved.is_some() { "u2" } else { "u1" });
    }
}

#[test]
fn a_second_claimant_of_a_name_is_told_who_has_it() {
    let record = Some(Record { origin: Some(origin("other")), ..Record::default() });
    let plan = check(&Observed { record, ..observed() }, ("False", reason::NAME_TAKEN), false);
    assert!(plan.record.is_none() && plan.cluster_status.is_none());
    assert!(plan.origin_status.conditions[0].message.contains("other/beijing"));
}

#[test]
fn names_that_no_member_can_have_are_refused() {
    let o = Observed { member: "m".repeat(49).parse(), ..observed() };
    check(&o, ("False", reason::NAME_INVALID), false);
}

#[test]
fn a_missing_secret_leaves_the_record_as_it_is() {
    let problem = Problem { reason: "SecretNotFound", message: "Secret default/kc does not exist".into() };
    let o = Observed { server: Err(problem), record: mine(Some("u1")), ..observed() };
    let plan = check(&o, ("False", "SecretNotFound"), false);
    assert!(plan.record.is_none());
    assert_eq!(ready(&plan.cluster_status.unwrap()).reason, "SecretNotFound");
}

#[test]
fn a_second_look_changes_nothing() {
    let o = Observed { record: mine(Some("u1")), probe: probe(Outcome::Ready, "u1"), ..observed() };
    let (first, _) = plan(&o, Some(1), now());
    let record = Record { status: first.cluster_status.clone().unwrap(), ..o.record.clone().unwrap() };
    let again = Observed { record: Some(record), conditions: first.origin_status.conditions.clone(), ..o };
    let later = "2026-02-01T00:00:00Z".parse().unwrap();
    assert_eq!(plan(&again, Some(1), later).0, first);
}

#[test]
fn a_restart_changes_nothing_before_the_first_answer() {
    for outcome in [Outcome::Ready, Outcome::Unreachable("connection refused".into())] {
        let o = Observed { record: mine(Some("u1")), probe: probe(outcome, "u1"), ..observed() };
        let (before, _) = plan(&o, Some(1), now());
        let record = Record { status: before.cluster_status.clone().unwrap(), ..o.record.clone().unwrap() };
        let restarted = Observed {
            record: Some(record),
            conditions: before.origin_status.conditions.clone(),
            probe: None,
            ..observed()
        };
        let (after, _) = plan(&restarted, Some(1), "2026-02-01T00:00:00Z".parse().unwrap());
        assert_eq!(after.cluster_status, before.cluster_status);
        assert_eq!(after.origin_status, before.origin_status);
    }
}

/// Each wish adds its own condition, and takes none away.
#[test]
fn a_take_over_and_a_detach_keep_what_is_said_of_the_credential() {
    let unused = Problem { reason: reason::CREDENTIAL_REFUSED, message: "the new one is refused".into() };
    let take_over = || Some(TakeOverWish { hub: "other".into(), approved: None, progress: None });
    let release = || Some(Going::Release(None));
    for (take_over, going, expect) in [
        (None, None, vec!["CredentialCurrent", "Ready"]),
        (take_over(), None, vec!["CredentialCurrent", "Ready", "TakeOver"]),
        (None, release(), vec!["CredentialCurrent", "Detaching", "Ready"]),
        (take_over(), release(), vec!["CredentialCurrent", "Detaching", "Ready", "TakeOver"]),
        (take_over(), Some(Going::Keep), vec!["CredentialCurrent", "Ready", "TakeOver"]),
    ] {
        let standing = Standing { unused: Some(unused.clone()), ..Standing::default() };
        let o = Observed {
            record: mine(Some("u1")),
            probe: probe(Outcome::Ready, "u1"),
            standing,
            take_over,
            going,
            ..observed()
        };
        let plan = plan(&o, Some(1), now()).0;
        let types: Vec<&str> = plan.origin_status.conditions.iter().map(|c| c.type_.as_str()).collect();
        assert_eq!(types, expect);
    }
}

/// The record says `release` until it is gone: otherwise what was given back would be delivered again in its last moment.
#[test]
fn a_release_that_is_done_lets_the_origin_go_and_stays_said() {
    for (progress, expect) in [
        (None, (false, "the member was not asked yet")),
        (Some(MemberRelease::new(2, false, "forbidden")), (false, "2 units have something there; forbidden")),
        (Some(MemberRelease::new(0, true, "")), (true, "last goes the account")),
    ] {
        let (going, value) = match progress {
            Some(progress) if progress.done => (Going::Remove(Some(progress)), REMOVE),
            progress => (Going::Release(progress), RELEASE),
        };
        let going = Some(going);
        let o = Observed { record: mine(Some("u1")), probe: probe(Outcome::Ready, "u1"), going, ..observed() };
        let (plan, _) = plan(&o, Some(1), now());
        let said = condition::find(&plan.origin_status.conditions, condition::DETACHING).unwrap().message.clone();
        assert_eq!((plan.let_go, said.contains(expect.1)), (expect.0, true), "{said}");
        assert_eq!(plan.record.unwrap()["metadata"]["annotations"][ON_DETACH], value);
    }
    let kept = Observed { record: mine(Some("u1")), going: Some(Going::Keep), ..observed() };
    let (plan, _) = plan(&kept, Some(1), now());
    assert!(plan.let_go && plan.record.unwrap()["metadata"]["annotations"].get(ON_DETACH).is_none());
}

#[test]
fn a_wish_to_take_over_that_is_done_is_taken_away_and_stays_said() {
    let wish = |state| {
        let hub = HubId::from_random([1; 10]);
        let progress = MemberTakeOver {
            from: hub.clone(),
            state,
            digest: model::Digest::of(b"list"),
            units: 1,
            objects: 3,
            list: Vec::new(),
            message: String::new(),
        };
        Some(TakeOverWish { hub: hub.to_string(), approved: None, progress: Some(progress) })
    };
    let all = [TakeOverState::Held, TakeOverState::Going, TakeOverState::Stuck, TakeOverState::Done];
    let with = |take_over| Observed { record: mine(Some("u1")), take_over, ..observed() };
    for state in all {
        let (plan, _) = plan(&with(wish(state)), Some(1), now());
        assert_eq!(plan.is_taken_over, state == TakeOverState::Done, "{state:?}");
    }
    let (done, _) = plan(&with(wish(TakeOverState::Done)), Some(1), now());
    let conditions = done.origin_status.conditions;
    let (after, _) = plan(&Observed { conditions: conditions.clone(), ..with(None) }, Some(2), now());
    let said = |conditions: &[Condition]| condition::find(conditions, condition::TAKE_OVER).map(|c| c.message.clone());
    assert_eq!(said(&after.origin_status.conditions), said(&conditions));
    assert!(said(&conditions).unwrap().contains("is this hub's") && !after.is_taken_over);
    let (held, _) = plan(&with(wish(TakeOverState::Held)), Some(1), now());
    let (after, _) = plan(&Observed { conditions: held.origin_status.conditions, ..with(None) }, Some(2), now());
    assert_eq!(said(&after.origin_status.conditions), None, "what was not done is not said any more");
}

#[test]
fn a_member_that_goes_with_what_was_delivered_says_so_until_that_has_left() {
    for (fleets, units, expect) in [
        (vec!["demo", "eu"], 2, "it leaves fleet demo, eu first"),
        (vec![], 2, "2 units are still there"),
        (vec![], 1, "1 unit is still there"),
        (vec![], 0, "the rest is given back next"),
    ] {
        let emptying = Some(Emptying { fleets: fleets.into_iter().map(str::to_owned).collect(), units });
        let o = Observed { record: mine(Some("u1")), probe: probe(Outcome::Ready, "u1"), emptying, ..observed() };
        let (plan, _) = plan(&o, Some(1), now());
        let said = condition::find(&plan.origin_status.conditions, condition::DETACHING).unwrap();
        assert!(said.message.contains(expect) && said.reason == reason::RELEASING, "{}", said.message);
        assert!(!plan.let_go && plan.record.unwrap()["metadata"]["annotations"].get(ON_DETACH).is_none());
    }
}

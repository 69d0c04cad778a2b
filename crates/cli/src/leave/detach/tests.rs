//! Which of the three, and what is said before anything is done.

use super::*;
use api::kurator::cluster::v1alpha1::AttachedClusterStatus;

use crate::approve::tests::{Hub, refusal};

#[test]
fn a_flag_or_a_whole_word_says_how() {
    let flags = |keep, release, remove| How::of(DetachHow { keep, release, remove });
    assert_eq!(flags(true, false, false), Some(How::Keep));
    assert_eq!(flags(false, true, false), Some(How::Release));
    assert_eq!(flags(false, false, true), Some(How::Remove));
    assert_eq!(flags(false, false, false), None);
    for (answer, expect) in [
        ("keep\n", Some(How::Keep)),
        (" release \n", Some(How::Release)),
        ("remove", Some(How::Remove)),
        ("y\n", None),
        ("\n", None),
        ("", None),
        ("k", None),
    ] {
        assert_eq!(How::read(answer), expect, "{answer:?}");
    }
}

fn attached() -> AttachedCluster {
    serde_json::from_value(json!({"metadata": {"name": "beijing", "namespace": "default"},
        "spec": {"kubeconfig": {"name": "beijing-kubeconfig", "key": "value"}}}))
    .unwrap()
}

fn parting(client: Client, fleets: &[&str]) -> Parting {
    Parting {
        client,
        member: "beijing".parse().unwrap(),
        origin: Origin::new("cluster.kurator.dev", "AttachedCluster", "default", "beijing"),
        attached: attached(),
        fleets: fleets.iter().map(|name| (*name).to_owned()).collect(),
        units: Vec::new(),
        unsaid: 0,
        is_connecting: false,
        orphans: Vec::new(),
        is_minted: true,
        mark: Some("used-by.kurator.dev/0123456789abcdef".to_owned()),
        sight: Sight::All,
        is_member: true,
    }
}

#[tokio::test]
async fn what_becomes_of_the_account_is_said_before_and_after() {
    let event = |reason: &str, note: &str| {
        let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "beijing.u.account"},
            "eventTime": "2026-01-01T00:00:00.000000Z", "reason": reason, "note": note});
        (200, event)
    };
    let not_found =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"});
    let mut said = String::new();
    let (everywhere, limited) = (vec![], vec!["a".to_owned(), "b".to_owned()]);
    let stays = "in member beijing, the hub's account stays, with its rights: they are in namespaces, where it may not delete all \
                 of them by itself";
    for (what, how, answers, namespaces) in [
        ("keep", How::Keep, vec![], &everywhere),
        ("keep, with rights in namespaces", How::Keep, vec![], &limited),
        ("rights in namespaces", How::Release, vec![event("AccountStays", stays)], &limited),
        (
            "it is gone",
            How::Release,
            vec![event("AccountRemoved", "in member beijing, the hub's account is gone")],
            &everywhere,
        ),
        (
            "it stays",
            How::Remove,
            vec![event("AccountStays", "in member beijing, the hub's account stays: forbidden")],
            &everywhere,
        ),
        (
            "others use it",
            How::Release,
            vec![event("AccountShared", "in member beijing, the account stays: https://b")],
            &limited,
        ),
        ("nothing was noted", How::Release, vec![(404, not_found)], &everywhere),
    ] {
        let mut parting = parting(crate::approve::tests::Hub::new(answers).client(), &[]);
        parting.attached.spec.namespaces = namespaces.clone();
        let after = parting.account(how).await;
        let commands = if after.is_left { commands(namespaces) } else { Vec::new() };
        let after = after.note.into_iter().map(|note| format!("  {note}")).chain(commands);
        let before = parting.rests(how).join("\n");
        said.push_str(&format!("== {what}\n{before}\n--\n{}\n", after.collect::<Vec<_>>().join("\n")));
    }
    insta::assert_snapshot!("account", said);
    let mut by_hand = parting(crate::approve::tests::Hub::new([]).client(), &[]);
    by_hand.is_minted = false;
    assert!(by_hand.rests(How::Release).is_empty(), "its account was made by hand");
    assert_eq!(by_hand.account(How::Keep).await, Account::default());
}

/// Nothing waits here: this is what `--no-wait` does, and what is done when the wait is cut off.
#[tokio::test]
async fn the_fleets_entry_goes_at_once() {
    let entry = |name: &str| json!({"kind": "AttachedCluster", "name": name});
    let fleet = json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
        "metadata": {"name": "production", "namespace": "default", "resourceVersion": "7"},
        "spec": {"clusters": [entry("paris"), entry("beijing")]}});
    let one = serde_json::to_value(attached()).unwrap();
    let not_found =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"});
    let hub = crate::approve::tests::Hub::new([
        (
            200,
            json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedClusterList", "metadata": {}, "items": [one]}),
        ),
        (404, not_found),
        (200, one.clone()),
        (200, one),
        (200, fleet.clone()),
        (200, fleet),
    ]);
    parting(hub.client(), &["production"]).begin(How::Keep).await.unwrap();
    let asked = hub.asked.lock().unwrap();
    let (what, body) = asked.last().unwrap();
    assert_eq!(what, "PATCH /apis/fleet.kurator.dev/v1alpha1/namespaces/default/fleets/production");
    assert_eq!(body["metadata"]["resourceVersion"], "7");
    let rest: Vec<&serde_json::Value> = body["spec"]["clusters"].as_array().unwrap().iter().collect();
    assert_eq!(rest.iter().map(|entry| &entry["name"]).collect::<Vec<_>>(), ["paris"]);
    assert!(asked[3].0.starts_with("DELETE ") && asked[3].0.ends_with("/attachedclusters/beijing"), "{}", asked[3].0);
}

#[tokio::test]
async fn what_will_be_done_is_said_before() {
    let report = |policy: &str| -> UnitReport {
        let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0});
        let row = |name: &str| {
            json!({"key": {"kind": "ConfigMap", "namespace": "shop", "name": name}, "version": "v1",
            "sync": "Synced", "health": "Healthy"})
        };
        serde_json::from_value(json!({"member": "beijing", "unit": format!("apps.kurator.dev/Application/default/shop/{policy}"),
            "revision": "r", "epoch": 1, "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Applied",
            "health": "Healthy", "objects": counts, "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(),
            "details": [row("a"), row("b")]}))
        .unwrap()
    };
    // Delivered before the rights were narrowed; and never sent, so that it is not there.
    let narrowed = || {
        let mut report = report("p");
        for (row, recorded) in report.details.iter_mut().zip([true, false]) {
            let row = std::sync::Arc::make_mut(row);
            (row.sync, row.reason, row.outside) = (api::feed::SyncState::Failed, "OutsideRights".into(), recorded);
        }
        report
    };
    let mut parting = parting(crate::approve::tests::Hub::new([]).client(), &["production", "canary"]);
    parting.units = vec![report("p"), report("q")];
    let said = |parting: &Parting, how, shared| {
        let fleets = if how == How::Remove { &[][..] } else { &parting.fleets };
        parting.lines(how, fleets, shared, false).join("\n")
    };
    let mut all: Vec<String> =
        [How::Keep, How::Release, How::Remove].map(|how| said(&parting, how, how == How::Release)).to_vec();
    parting.units.clear();
    all.push(said(&parting, How::Keep, false));
    parting.units = vec![narrowed(), report("q")];
    all.extend([How::Keep, How::Release].map(|how| said(&parting, how, false)));
    // Another hub took over what one unit has, and one object of the other one.
    let taken = |count: usize| {
        let mut report = report("p");
        for row in report.details.iter_mut().take(count) {
            let row = std::sync::Arc::make_mut(row);
            (row.sync, row.reason) = (api::feed::SyncState::Failed, "ForeignHub".into());
            row.message = "hub other took it over: take over what it has".to_owned();
        }
        report.uids = vec![Some("u".into()); report.details.len()];
        report
    };
    for units in [vec![taken(1), report("q")], vec![taken(2), report("q")], vec![taken(2)]] {
        parting.units = units;
        all.extend([How::Keep, How::Release].map(|how| said(&parting, how, false)));
        assert!(parting.object_facts(How::Keep).unwrap().len() <= 3);
    }
    insta::assert_snapshot!("lines", all.join("\n\n"));
    let mut many = report("p");
    let row = many.details[0].clone();
    many.details = (0..23)
        .map(|n| {
            let mut row = row.clone();
            std::sync::Arc::make_mut(&mut row).key =
                ObjectKey { name: format!("c{n:02}"), ..ObjectKey::clone(&row.key) }.into();
            row
        })
        .collect();
    parting.units = vec![many];
    let named = parting.named(false);
    assert_eq!((named.len(), named[0].as_str()), (NAMED_MAX + 1, "    = ConfigMap shop/c00"));
    assert_eq!(named[NAMED_MAX], "    and 3 more: -v shows them");
    assert_eq!(parting.named(true).len(), 23);
    assert_eq!(parting.object_facts(How::Keep).unwrap().len(), 23);
    assert_eq!(parting.object_facts(How::Remove), Some(Vec::new()));
    // Its applier has not seen the member: nothing is counted.
    let unseen = UnitReport { phase: api::delivery::UnitPhase::Unknown, details: Vec::new(), ..report("q") };
    parting.units = vec![report("p"), unseen];
    let lines = said(&parting, How::Keep, false);
    assert!(lines.contains("nothing is touched: the objects of 2 units, not all of which are known, stay"), "{lines}");
    assert_eq!(parting.object_facts(How::Keep), None);
}

#[tokio::test]
async fn a_record_that_stays_is_not_waited_for_without_end_and_anothers_is_not_waited_for() {
    let not_found =
        || (404, json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"}));
    let record = |namespace: &str| {
        let origin = Origin::new("cluster.kurator.dev", "AttachedCluster", namespace, "beijing").to_string();
        (
            200,
            json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": "beijing",
            "annotations": {ORIGIN: origin}}, "spec": {"syncMode": "Push"}}),
        )
    };
    let look = async |record| {
        let hub = crate::approve::tests::Hub::new([not_found(), record, not_found()]);
        let gone = parting(hub.client(), &[]);
        tokio::time::timeout(Duration::from_secs(10), gone.until_gone(How::Release, Duration::ZERO)).await.unwrap()
    };
    let late = look(record("default")).await.unwrap_err().to_string();
    assert!(late.contains("the member's record is still there after 0 s"), "{late}");
    assert_eq!(look(record("west")).await.unwrap(), None, "another AttachedCluster's");
}

#[tokio::test]
async fn units_that_no_application_delivers_are_named() {
    let hub = crate::approve::tests::Hub::new([]);
    let mut parting = parting(hub.client(), &[]);
    parting.orphans = vec!["apps.kurator.dev/Application/default/shop/web".parse().unwrap()];
    for (how, expect) in [
        (How::Keep, "stays as it is, with its inventory"),
        (How::Release, "stays and is nobody's"),
        (How::Remove, "stays and is nobody's"),
    ] {
        let said = parting.lines(how, &[], false, false).join("\n");
        let line = format!(
            "  what 1 unit of no application here has there {expect}: apps.kurator.dev/Application/default/shop/web"
        );
        assert!(said.contains(&line) && !said.contains("is not known"), "{said}");
    }
}

#[tokio::test]
async fn what_a_member_has_not_reported_is_not_given_back_unseen() {
    let app = json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application", "metadata": {"name": "shop", "namespace": "default"},
        "spec": {"source": {}, "syncPolicies": [{"destination": {"fleet": "all"}}]}});
    let decision = json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": "shop-0"},
        "spec": {"unit": "apps.kurator.dev/Application/default/shop/p", "slice": 0,
            "members": {"beijing": {"revision": "r", "epoch": 1, "reason": "", "removal": "None"}}}});
    let list = |item: serde_json::Value| json!({"apiVersion": item["apiVersion"], "kind": "List", "metadata": {}, "items": [item]});
    let no = || (403, refusal(403, "no"));
    let hub = Hub::new([(200, list(app)), (200, list(decision)), (404, refusal(404, "no tree")), no(), no()]);
    let error = parting(hub.client(), &["all"]).show(How::Release, false).await.err().unwrap().to_string();
    assert_eq!(
        error,
        "member/beijing has not reported what app/shop has there, so that it cannot be listed, and nothing was changed; try again \
         in a moment"
    );
}

/// Whatever is interrupted after it, the hub goes on: the fleet and the deletion are its own.
#[tokio::test]
async fn a_removal_is_one_write() {
    let one = serde_json::to_value(attached()).unwrap();
    let all = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedClusterList", "metadata": {}, "items": [one]});
    // Also when no fleet lists it, as after `kurator fleet remove --no-wait`: what leaves may still be there.
    for fleets in [&["production"][..], &[]] {
        let hub = Hub::new([(200, all.clone()), (404, refusal(404, "no Secret")), (200, one.clone())]);
        parting(hub.client(), fleets).begin(How::Remove).await.unwrap();
        let asked = hub.asked.lock().unwrap();
        let writes: Vec<_> = asked.iter().filter(|(what, _)| !what.starts_with("GET ")).collect();
        assert_eq!(writes.len(), 1, "{writes:?}");
        let metadata = &writes[0].1["metadata"];
        assert_eq!(metadata["annotations"][ON_DETACH], REMOVE);
        assert_eq!(metadata["finalizers"], json!([DETACH_FINALIZER]));
    }
}

#[tokio::test]
async fn finalizers_of_others_are_those_of_the_version_that_is_written() {
    let version = |version: &str, finalizers: &[&str]| {
        let mut one = attached();
        one.metadata.resource_version = Some(version.to_owned());
        one.metadata.uid = Some("u".to_owned());
        one.metadata.finalizers = Some(finalizers.iter().map(ToString::to_string).collect());
        one
    };
    let answer = |one: &AttachedCluster| (200, serde_json::to_value(one).unwrap());
    let all = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedClusterList", "metadata": {}, "items": []});
    let begin = async |now: AttachedCluster| {
        let conflict = (409, refusal(409, "the object has been modified"));
        let hub =
            Hub::new([(200, all.clone()), (404, refusal(404, "no Secret")), conflict, answer(&now), answer(&now)]);
        let mut parting = parting(hub.client(), &[]);
        parting.attached = version("1", &["a", "b"]);
        let done = parting.begin(How::Remove).await;
        let asked = hub.asked.lock().unwrap().clone();
        let patches = asked.into_iter().filter(|(what, _)| what.starts_with("PATCH")).map(|(_, body)| body);
        (done, patches.collect::<Vec<_>>())
    };
    // One was taken off and another one put on while the question was open.
    let (done, patches) = begin(version("2", &["b", "c"])).await;
    done.unwrap();
    let said: Vec<_> =
        patches.iter().map(|body| (&body["metadata"]["resourceVersion"], &body["metadata"]["finalizers"])).collect();
    let (first, second) = (json!(["a", "b", DETACH_FINALIZER]), json!(["b", "c", DETACH_FINALIZER]));
    assert_eq!(said, [(&json!("1"), &first), (&json!("2"), &second)]);
    let mut other = version("2", &[]);
    other.metadata.uid = Some("v".to_owned());
    let (done, patches) = begin(other).await;
    assert!(done.unwrap_err().to_string().contains("another one than was shown"));
    assert_eq!(patches.len(), 1);
}

#[tokio::test]
async fn a_removal_that_is_said_again_shows_what_still_leaves_and_waits() {
    let app = json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application", "metadata": {"name": "shop", "namespace": "default"},
        "spec": {"source": {}, "syncPolicies": [{"destination": {"fleet": "all"}}]}});
    let decision = json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": "shop-0"},
        "spec": {"unit": "apps.kurator.dev/Application/default/shop/p", "slice": 0,
            "members": {"beijing": {"revision": "r", "epoch": 1, "reason": "", "removal": "Prune"}}}});
    let fleet = |name: &str| {
        json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
        "metadata": {"name": name, "namespace": "default"}, "spec": {"clusters": []}})
    };
    let list =
        |items: &[Value]| json!({"apiVersion": items[0]["apiVersion"], "kind": "List", "metadata": {}, "items": items});
    let hub = Hub::new([
        (200, list(&[decision])),
        (200, list(&[fleet("all"), fleet("canary")])),
        (200, list(&[app])),
        (404, refusal(404, "no tree")),
        (403, refusal(403, "no")),
        (200, list(&[serde_json::to_value(attached()).unwrap()])),
        (200, list(&[serde_json::to_value(attached()).unwrap()])),
    ]);
    let mut told = parting(hub.client(), &[]);
    told.attached.annotations_mut().insert(ON_DETACH.to_owned(), REMOVE.to_owned());
    assert!(told.is_told(How::Remove) && !told.is_told(How::Release) && !told.is_told(How::Keep));
    let exits = told.show(How::Remove, false).await.unwrap();
    let lines: Vec<String> = exits.iter().flat_map(|exit| exit.lines(false)).collect();
    let expect = [
        "member/beijing is out of fleet/all already, and of what it delivered there is still:",
        "  app/shop, policy p, in member beijing: what it has there is not known",
    ];
    assert_eq!(lines, expect, "{:?}", hub.asked.lock().unwrap());
    assert!(told.lines(How::Remove, &[], false, false)[0].ends_with("already (remove), and this command waits:"));
    told.fleets = vec!["production".to_owned()];
    assert!(!told.is_told(How::Remove), "somebody listed it again");
}

#[tokio::test]
async fn one_that_makes_no_member_just_goes() {
    let mut parting = parting(Hub::new([]).client(), &[]);
    parting.is_member = false;
    let said = parting.lines(How::Keep, &["all".to_owned()], false, false);
    assert_eq!(
        said,
        [
            "AttachedCluster default/beijing would be detached (keep):",
            "  out of the hub go: AttachedCluster default/beijing; and the credential, Secret default/beijing-kubeconfig",
            "  it leaves fleet all",
            "  it makes no member, and nothing is touched in a cluster",
        ]
    );
    parting.is_minted = true;
    assert!(parting.account(How::Keep).await.is_left);
}

/// The account is that of a member that works: nobody is told how to delete it.
#[tokio::test]
async fn the_account_of_a_cluster_that_is_another_member_is_nobodys_to_remove() {
    use plan::member::{CredentialRef, Facts, Observed, Outcome, Probe, Record};
    let origin = |name: &str| Origin::new("cluster.kurator.dev", "AttachedCluster", "default", name);
    let facts = Facts { uid: Some("u1".into()), ..Facts::default() };
    let observed = Observed {
        origin: origin("beijing"),
        labels: std::collections::BTreeMap::new(),
        member: "beijing".parse(),
        namespaces: Vec::new(),
        credential: CredentialRef { namespace: "default".into(), secret: "kc".into(), key: "value".into() },
        conditions: Vec::new(),
        server: Ok("https://10.0.0.1:6443".into()),
        secret_version: Some("7".into()),
        standing: plan::credential::Standing::default(),
        record: None,
        twin: None,
        probe: Some(Probe { outcome: Outcome::Ready, last_seen: None, facts }),
        is_probed: true,
        link: None,
        alive_before: None,
        going: None,
        emptying: None,
        take_over: None,
    };
    let theirs = Record { origin: Some(origin("other")), ..Record::default() };
    for (reason, observed) in [
        ("SameCluster", Observed { twin: "shanghai".parse().ok(), ..observed.clone() }),
        ("NameTaken", Observed { record: Some(theirs), ..observed }),
    ] {
        let (plan, _) = plan::member::plan(&observed, Some(1), "2026-01-01T00:00:00Z".parse().unwrap());
        let said = plan.origin_status;
        let mut parting = parting(Hub::new([]).client(), &[]);
        parting.is_member = said.member.is_some();
        parting.attached.status = Some(AttachedClusterStatus {
            member: said.member.map(|member| member.to_string()),
            conditions: said.conditions,
            ..AttachedClusterStatus::default()
        });
        let account = parting.account(How::Keep).await;
        assert!(!account.is_left, "{reason}: it is not ours to remove: {account:?}");
        let note = account.note.unwrap();
        assert!(note.contains("stays: ") && note.contains("another member"), "{reason}: {note}");
        // What is this attached cluster's own.
        let own = "`kubectl annotate -n kurator-system serviceaccount/kurator used-by.kurator.dev/0123456789abcdef-`";
        assert!(note.contains(own), "{reason}: {note}");
    }
}

/// Right after a start of the hub a member that answers has said nothing yet.
#[tokio::test]
async fn what_a_member_has_not_said_yet_is_not_counted_as_nothing() {
    let mut parting = parting(Hub::new([]).client(), &[]);
    parting.unsaid = 2;
    for how in [How::Keep, How::Release] {
        let said = parting.lines(how, &[], false, false).join("\n");
        assert!(said.contains("the objects of 2 units, not all of which are known, stay"), "{said}");
        assert_eq!(parting.object_facts(how), None);
    }
    (parting.unsaid, parting.is_connecting) = (0, true);
    let said = parting.lines(How::Release, &[], false, false).join("\n");
    assert!(
        said.contains("in the member the objects there, which are not known yet, stay") && !said.contains("0 objects"),
        "{said}"
    );
    assert_eq!(parting.object_facts(How::Release), None);
}

#[tokio::test]
async fn what_may_not_be_seen_is_only_let_go_as_it_is() {
    let mut parting = parting(Hub::new([]).client(), &[]);
    assert!(parting.refuse_unseen().is_ok());
    parting.sight = Sight::Nothing;
    let refused = parting.refuse_unseen().unwrap_err().to_string();
    assert!(
        refused.contains("nothing was changed") && refused.contains("`kurator detach beijing --keep`"),
        "{refused}"
    );
}

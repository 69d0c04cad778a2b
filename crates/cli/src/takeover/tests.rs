//! What is said of other hubs.

use api::delivery::TakenUnit;

use super::*;

fn hub(text: &str) -> HubId {
    text.parse().unwrap()
}

fn name(text: &str) -> MemberName {
    text.parse().unwrap()
}

#[test]
fn the_other_hub_need_not_be_named_when_there_is_one() {
    let found = |all: &[(&str, &[(&str, u32)])]| -> BTreeMap<MemberName, BTreeMap<HubId, u32>> {
        let hubs = |hubs: &[(&str, u32)]| hubs.iter().map(|(id, units)| (hub(id), *units)).collect();
        all.iter().map(|(member, theirs)| (name(member), hubs(theirs))).collect()
    };
    let one = found(&[("a", &[("lost", 2)]), ("b", &[("lost", 1)]), ("c", &[])]);
    assert_eq!(only_hub(&one).unwrap(), hub("lost"));
    let none = only_hub(&found(&[("a", &[])])).unwrap_err().to_string();
    assert_eq!(none, "no other hub was found where this one delivers; one that is known is named with --from");
    let two = only_hub(&found(&[("a", &[("lost", 2), ("other", 1)]), ("b", &[("lost", 1)])])).unwrap_err().to_string();
    assert_eq!(
        two,
        "there is more than one other hub: say which with --from; hub lost has 3 units in a, b; hub other has 1 unit in a"
    );
}

#[test]
fn the_list_names_units_and_the_first_of_their_objects() {
    let unit = |policy: &str, objects, adopted, first: &[&str]| TakenUnit {
        unit: format!("apps.kurator.dev/Application/default/shop/{policy}").parse().unwrap(),
        objects,
        adopted,
        first: first.iter().map(ToString::to_string).collect(),
    };
    let list = |state, units, list: Vec<TakenUnit>, message: &str| MemberTakeOver {
        from: hub("lost"),
        state,
        digest: model::Digest::of(b"x"),
        units,
        objects: list.iter().map(|unit| unit.objects).sum(),
        list,
        message: message.to_owned(),
    };
    let taken = |member: &str, list| Taken {
        member: name(member),
        origin: Origin::new("cluster.kurator.dev", "AttachedCluster", "default", member),
        list,
    };
    let all = [
        taken(
            "beijing",
            list(
                TakeOverState::Held,
                3,
                vec![unit("web", 7, 1, &["Namespace shop", "ConfigMap shop/settings"]), unit("empty", 0, 0, &[])],
                "1 of its inventories cannot be taken over, and stay: of app/shop: shard 0 is not readable",
            ),
        ),
        taken("shanghai", list(TakeOverState::Done, 0, vec![], "")),
        taken("virginia", list(TakeOverState::Stuck, 0, vec![], "shard 0 is not readable")),
    ];
    let namesakes = namesake_words(&BTreeSet::from(["default/shop".to_owned()]));
    insta::assert_snapshot!("lines", lines(&hub("lost"), &all, namesakes).join("\n"));
    assert_eq!(namesake_words(&BTreeSet::new()), None);
    let many: BTreeSet<String> = (10..22).map(|n| format!("default/a{n}")).collect();
    insta::assert_snapshot!("namesakes", namesake_words(&many).unwrap());
}

#[test]
fn it_is_done_when_the_wish_is_gone_and_this_hub_said_so_of_that_one() {
    let attached = |wish: Option<&str>, reason: &str| -> AttachedCluster {
        let spec =
            json!({"kubeconfig": {"name": "k", "key": "value"}, "takeOver": wish.map(|hub| json!({"hub": hub}))});
        let condition = json!({"type": "TakeOver", "status": "True", "reason": reason, "lastTransitionTime": "2026-01-01T00:00:00Z",
            "message": "what hub lost had in the member is this hub's"});
        serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": spec, "status": {"conditions": [condition]}}))
            .unwrap()
    };
    for (wish, reason, from, expect) in [
        (None, "TakenOver", "lost", true),
        (None, "TakenOver", "other", false),
        (Some("lost"), "TakenOver", "lost", false),
        (None, "TakeOverHeld", "lost", false),
    ] {
        assert_eq!(has_taken(&attached(wish, reason), &hub(from)), expect, "{wish:?} {reason} {from}");
    }
}

#[test]
fn a_hub_that_came_later_is_known_by_what_it_delivers() {
    let slice = |number: u32, hubs: serde_json::Value, units: &[(&str, &str)]| -> MemberStatus {
        let unit = |(name, hub): &(&str, &str)| {
            let status = json!({"revision": "r", "epoch": 1, "phase": "Failed", "health": "Healthy",
                "since": "2026-01-01T00:00:00Z", "waiting": [
                    {"cause": "OtherHub", "count": 2, "first": "ConfigMap app/a", "detail": hub},
                    {"cause": "OtherUnit", "count": 1, "detail": "other"}]});
            (format!("apps.kurator.dev/Application/default/{name}/p"), status)
        };
        let units: serde_json::Map<_, _> = units.iter().map(unit).collect();
        serde_json::from_value(json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "MemberStatus",
            "metadata": {"name": format!("a-{number}")}, "spec": {"member": "a", "slice": number},
            "status": {"moving": {"otherHubs": hubs}, "units": units}}))
        .unwrap()
    };
    let came = [slice(0, json!([]), &[("shop", "late"), ("web", "late")]), slice(1, json!([]), &[("dns", "late")])];
    assert_eq!(hubs_of(&came)[&name("a")], BTreeMap::from([(hub("late"), 3)]));
    // One of which it is known how much it has.
    let known = [slice(0, json!([{"hub": "lost", "units": 5}]), &[("shop", "lost"), ("web", "late")])];
    assert_eq!(hubs_of(&known)[&name("a")], BTreeMap::from([(hub("lost"), 5), (hub("late"), 1)]));
}

#[test]
fn what_has_only_the_label_of_a_hub_is_named_with_what_takes_it_off() {
    let row = |group: &str, kind: &str, namespace: &str, name: &str, message: &str| {
        json!({"key": {"group": group, "kind": kind, "namespace": namespace, "name": name}, "version": "v1", "sync": "Failed",
            "health": "Healthy", "reason": "ForeignHub", "message": message})
    };
    let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 0});
    let theirs = "hub lost delivers it; remove it there, or its label kurator.dev/hub here";
    let report: UnitReport = serde_json::from_value(json!({"member": "m1",
        "unit": "apps.kurator.dev/Application/default/plain/p", "revision": "r", "epoch": 1,
        "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Failed", "health": "Healthy", "objects": counts,
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": [
            row("", "ConfigMap", "app1", "cm1", theirs), row("", "Namespace", "", "app1", theirs),
            row("apps", "Deployment", "app1", "web", theirs),
            row("", "ConfigMap", "app1", "cm2", "hub another delivers it")]}))
    .unwrap();
    let left = labelled(&hub("lost"), &[report]);
    insta::assert_snapshot!("unlabel", unlabel_words(&name("m1"), &hub("lost"), &left).join("\n"));
}

#[tokio::test]
async fn nothing_is_taken_over_into_a_member_that_is_being_detached() {
    let attached = |metadata: serde_json::Value| {
        let mut attached = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": "paris", "namespace": "default"}, "spec": {"kubeconfig": {"name": "k", "key": "value"}}});
        metadata.as_object().unwrap().iter().for_each(|(field, value)| attached["metadata"][field] = value.clone());
        attached
    };
    let members = ["oslo", "paris"]
        .map(|member| (name(member), Origin::new("cluster.kurator.dev", "AttachedCluster", "default", member)));
    let how = Asking { yes: true, wait: crate::args::Waiting { no_wait: true, timeout: Duration::from_secs(1) } };
    for going in [
        json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        json!({"annotations": {"kurator.dev/on-detach": "remove"}}),
    ] {
        let hub = crate::approve::tests::Hub::new([(200, attached(json!({"name": "oslo"}))), (200, attached(going))]);
        let done =
            take_over(&hub.client(), members.to_vec(), &self::hub("lost"), None, &how, "kurator hub adopt").await;
        let said = done.err().map(|why| why.to_string()).unwrap_or_default();
        assert!(
            said.starts_with(
                "AttachedCluster default/paris is on its way out, as after `kurator detach`, and nothing was changed"
            ),
            "{said}"
        );
        let asked: Vec<String> = hub.asked.lock().unwrap().iter().map(|(what, _)| what.clone()).collect();
        assert!(asked.iter().all(|what| what.starts_with("GET ")), "nothing is written: {asked:?}");
    }
}

/// The detach began while the list was being read.
#[tokio::test]
async fn a_detach_that_begins_before_the_answer_ends_a_take_over_that_is_not_approved() {
    let attached = |annotations: serde_json::Value| {
        json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": "paris", "namespace": "default", "annotations": annotations},
            "spec": {"kubeconfig": {"name": "k", "key": "value"}}})
    };
    let status = json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "MemberStatus", "metadata": {"name": "paris-0"},
        "spec": {"member": "paris", "slice": 0}, "status": {"units": {}, "moving": {"takeOver": {"from": "lost", "state": "Held",
            "digest": model::Digest::of(b"x"), "units": 1, "objects": 2, "list": [], "message": ""}}}});
    let still = || (200, attached(json!({})));
    let hub = crate::approve::tests::Hub::new([
        still(),
        still(),
        still(),
        (200, status),
        (200, attached(json!({"kurator.dev/on-detach": "remove"}))),
        still(),
    ]);
    let members = vec![(name("paris"), Origin::new("cluster.kurator.dev", "AttachedCluster", "default", "paris"))];
    let how = Asking { yes: true, wait: crate::args::Waiting { no_wait: true, timeout: Duration::from_secs(1) } };
    let done = take_over(&hub.client(), members, &self::hub("lost"), None, &how, "kurator hub adopt").await;
    let said = done.err().map(|why| why.to_string()).unwrap_or_default();
    assert!(said.contains("is on its way out"), "{said}");
    let asked = hub.asked.lock().unwrap();
    let written: Vec<_> = asked.iter().filter(|(what, _)| !what.starts_with("GET ")).map(|(_, body)| body).collect();
    assert_eq!(written, [&json!({"spec": {"takeOver": {"hub": "lost"}}}), &json!({"spec": {"takeOver": null}})]);
}

/// What kept it back may be over: the member is asked once more, and the answer of before is no answer.
#[tokio::test]
async fn a_take_over_that_is_stuck_is_begun_again_when_it_is_said_again() {
    let attached = |wish: serde_json::Value| {
        json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": "paris", "namespace": "default"},
            "spec": {"kubeconfig": {"name": "k", "key": "value"}, "takeOver": wish}})
    };
    let status = |moving: serde_json::Value| {
        json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "MemberStatus", "metadata": {"name": "paris-0"},
            "spec": {"member": "paris", "slice": 0}, "status": {"units": {}, "moving": moving}})
    };
    let from = self::hub("lost");
    let says = |state: &str| {
        status(
            json!({"takeOver": {"from": from, "state": state, "digest": model::Digest::of(b"x"), "units": 1, "objects": 2,
            "list": [], "message": "refused"}}),
        )
    };
    let wish = json!({"hub": from});
    let hub = crate::approve::tests::Hub::new([
        // It is not on its way out.
        (200, attached(wish.clone())),
        (200, attached(wish.clone())),
        (200, says("Stuck")),
        (200, attached(serde_json::Value::Null)),
        (200, says("Stuck")),
        (200, status(json!({}))),
        (200, attached(wish)),
        (200, says("Done")),
        (200, attached(serde_json::Value::Null)),
    ]);
    let members = vec![(name("paris"), Origin::new("cluster.kurator.dev", "AttachedCluster", "default", "paris"))];
    let how = Asking { yes: true, wait: crate::args::Waiting { no_wait: true, timeout: Duration::from_secs(5) } };
    let done = take_over(&hub.client(), members, &from, None, &how, "kurator hub adopt").await.unwrap();
    assert_eq!(done[0].1.state, TakeOverState::Done);
    let asked = hub.asked.lock().unwrap();
    let wishes: Vec<_> = asked
        .iter()
        .filter(|(what, _)| what.starts_with("PATCH "))
        .map(|(_, body)| &body["spec"]["takeOver"])
        .collect();
    assert_eq!(wishes, [&serde_json::Value::Null, &json!({"hub": from})]);
}

//! Which of the three, and what is said before anything is done.

use super::*;

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
        is_minted: true,
    }
}

#[tokio::test]
async fn what_attach_made_is_named_with_the_commands_that_remove_it() {
    let commands = "    kubectl delete clusterrolebinding/kurator clusterrole/kurator\n    kubectl delete -n kurator-system \
                    rolebinding/kurator-credential role/kurator-credential serviceaccount/kurator";
    let mut parting = parting(crate::approve::tests::Hub::new([]).client(), &[]);
    for how in [How::Release, How::Remove] {
        assert!(parting.rests(how).join("\n").ends_with(commands), "{how:?}");
    }
    assert!(parting.rests(How::Keep).is_empty(), "it is used again");
    parting.attached.spec.namespaces = vec!["a".to_owned(), "b".to_owned()];
    let limited = [
        "    kubectl delete -n a rolebinding/kurator role/kurator",
        "    kubectl delete -n b rolebinding/kurator role/kurator",
        "    kubectl delete -n kube-system rolebinding/kurator-identity role/kurator-identity",
        "    kubectl delete -n kurator-system rolebinding/kurator-credential role/kurator-credential \
             rolebinding/kurator-inventory role/kurator-inventory serviceaccount/kurator",
    ];
    assert!(parting.rests(How::Release).join("\n").ends_with(&limited.join("\n")), "{:?}", parting.rests(How::Release));
    parting.is_minted = false;
    assert!(parting.rests(How::Release).is_empty(), "its account was made by hand");
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
        let row = json!({"key": {"kind": "ConfigMap", "namespace": "shop", "name": "a"}, "version": "v1",
            "sync": "Synced", "health": "Healthy"});
        serde_json::from_value(json!({"member": "beijing", "unit": format!("apps.kurator.dev/Application/default/shop/{policy}"),
            "revision": "r", "epoch": 1, "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Applied",
            "health": "Healthy", "objects": counts, "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(),
            "details": [row, row]}))
        .unwrap()
    };
    let mut parting = parting(crate::approve::tests::Hub::new([]).client(), &["production", "canary"]);
    parting.units = vec![report("p"), report("q")];
    let said = |parting: &Parting, how, shared| {
        let fleets = if how == How::Remove { &[][..] } else { &parting.fleets };
        parting.lines(how, fleets, shared).join("\n")
    };
    let mut all: Vec<String> =
        [How::Keep, How::Release, How::Remove].map(|how| said(&parting, how, how == How::Release)).to_vec();
    parting.units.clear();
    all.push(said(&parting, How::Keep, false));
    insta::assert_snapshot!("lines", all.join("\n\n"));
}

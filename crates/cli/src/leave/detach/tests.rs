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

#[tokio::test]
async fn what_will_be_done_is_said_before() {
    let attached = serde_json::from_value(json!({"metadata": {"name": "beijing", "namespace": "default"},
        "spec": {"kubeconfig": {"name": "beijing-kubeconfig", "key": "value"}}}))
    .unwrap();
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
    let mut parting = Parting {
        client: crate::approve::tests::Hub::new([]).client(),
        member: "beijing".parse().unwrap(),
        origin: Origin::new("cluster.kurator.dev", "AttachedCluster", "default", "beijing"),
        attached,
        fleets: vec!["production".into(), "canary".into()],
        units: vec![report("p"), report("q")],
    };
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

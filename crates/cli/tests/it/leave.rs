//! Members that leave a fleet and the hub, and what is deleted: shown first, asked about, done.

use crate::process::{Place, until};

fn members(place: &Place) -> Vec<String> {
    let status = place.json("status");
    let all = status["members"].as_array().cloned().unwrap_or_default();
    all.iter().filter_map(|member| Some(member["name"].as_str()?.to_owned())).collect()
}

#[test]
fn each_command_that_takes_something_away_lists_it_asks_and_waits_until_it_is_done() {
    let mut place = Place::new();
    place.up("--demo", "converged");

    let unasked = place.fails("fleet remove virginia");
    for part in [
        "member/virginia would leave fleet/demo:",
        "  app/shop, policy small, in member virginia: 4 objects deleted",
        "    - Deployment.apps shop/web",
        "    - Namespace shop (stays if others have something in it)",
        "nothing was changed: there is no terminal to ask at",
        "`kurator fleet remove virginia --fleet demo --yes`",
    ] {
        assert!(unasked.contains(part), "{part:?} is not in {unasked}");
    }
    let listed = place.run("fleet remove virginia -o json");
    let document: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!((listed.code, &document["agreed"], &document["done"]), (Some(1), &false.into(), &false.into()));
    assert_eq!(document["units"][0]["objects"].as_array().map(Vec::len), Some(4), "{document}");
    assert!(place.ok("tree member/virginia").contains("shop/web"), "nothing happened");
    assert!(place.fails("fleet remove virginia --fleet other --yes").contains("it is in demo"));

    let left = place.json("fleet remove virginia --yes");
    assert_eq!((&left["done"], &left["fleet"]), (&true.into(), &"demo".into()), "{left}");
    let gone = left["units"][0]["objects"].as_array().into_iter().flatten().filter(|object| object["deleted"] == true);
    assert_eq!(gone.count(), 4, "{left}");
    assert!(!place.ok("tree member/virginia").contains("shop/web"), "it ends when all is gone");
    assert_eq!(place.json("status app/shop")["status"]["summary"]["held"], 0, "nothing is asked twice");
    assert!(place.fails("fleet remove virginia --yes").contains("no fleet in namespace default lists member/virginia"));

    let which = place.fails("detach shanghai");
    assert!(which.contains("release  objects stay and are nobody's"), "{which}");
    assert!(which.contains("say --keep, --release or --remove"), "{which}");
    let unasked = place.fails("detach shanghai --release");
    assert!(unasked.contains("4 objects of 1 unit stay and are nobody's"), "{unasked}");
    assert!(unasked.contains("`kurator detach shanghai --release --yes`"), "{unasked}");
    let released = place.json("detach shanghai --release --yes");
    assert_eq!((&released["done"], &released["how"]), (&true.into(), &"release".into()), "{released}");
    assert_eq!(members(&place), ["beijing", "virginia"]);

    place.ok("demo unplug virginia");
    until("the hub to miss it", || {
        let said = place.run("detach virginia --release --yes");
        let refused =
            said.err.contains(" is away (ClusterNotReachable), so that nothing can be given back or removed there");
        (said.code == Some(1) && refused).then_some(()).ok_or(said.err)
    });
    let kept = place.run("detach virginia --keep --yes");
    assert_eq!(kept.code, Some(0), "{}", kept.err);
    assert!(kept.err.contains("in the member nothing is touched"), "{}", kept.err);
    assert_eq!(members(&place), ["beijing"]);

    let unasked = place.fails("delete app/shop");
    assert!(unasked.contains("app/shop, policy large, in member beijing: 4 objects deleted"), "{unasked}");
    assert!(unasked.contains("nothing was deleted: there is no terminal to ask at"), "{unasked}");
    let fleet = place.fails("delete fleet/demo");
    assert!(fleet.contains("nothing is deleted in any member") && fleet.contains("app/shop keep what"), "{fleet}");
    let deleted = place.json("delete app/shop --yes");
    assert_eq!(deleted["done"], true, "{deleted}");
    assert!(place.fails("delete app/shop --yes").contains("there is no app/shop in namespace default"));
    assert_eq!(place.json("delete fleet/demo --yes")["done"], true);
    assert!(place.fails("delete fleet/demo --yes").contains("there is no fleet/demo"));
    let gone = place.json("detach beijing --remove --yes");
    assert_eq!(gone["done"], true, "{gone}");
    assert_eq!(members(&place), [""; 0]);
    place.ok("demo stop");
}

/// A hub that was started again has heard nothing from a member that is away, and knows what it was sent.
#[test]
fn what_members_were_sent_that_are_away_since_before_a_restart_is_listed() {
    let mut place = Place::new();
    place.up("--demo", "converged");
    place.signal("KILL");
    place.ended();
    // Without its demo: no member answers.
    place.up("--anyway --allow-loopback-members", "hub ready");
    for (words, expect) in [
        (
            "delete app/shop",
            "  app/shop, policy large, in member beijing: 4 objects deleted; away (ClusterNotReachable)",
        ),
        (
            "fleet remove beijing",
            "  app/shop, policy large, in member beijing: 4 objects deleted; away (ClusterNotReachable)",
        ),
    ] {
        let said = until("the members to be missed", || {
            let said = place.fails(words);
            if said.contains("ClusterNotReachable") { Ok(said) } else { Err(said) }
        });
        assert!(said.contains(expect) && said.contains("    - Namespace shop"), "{said}");
        assert!(said.contains("there is no terminal to ask at"), "{said}");
    }
}

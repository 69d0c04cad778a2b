//! `kurator up --demo` and its scenes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use api::kurator::apps::v1alpha1::Application;
use component::{Repository, git};
use kube::Api;
use kube::api::PostParams;
use serde_json::Value;

use crate::process::{Place, until};

/// What is said at once is said in this time, also on a machine that does much else: half of what scenes wait.
const AT_ONCE: Duration = Duration::from_secs(30);

/// The words of a table's lines: columns are as wide as what is in them.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

fn application(value: &Value) -> &Value {
    &value["applications"][0]
}

#[test]
fn the_demo_converges_and_its_scenes_do_what_they_say() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();

    let first = place.ok(&format!("up --demo --dir {dir} --exit-when-ready"));
    let lines = words(&first);
    assert_eq!(lines[1][..3], ["MEMBER", "REGION", "NODES"], "{first}");
    for (line, expected) in lines[2..5].iter().zip([
        ["beijing", "cn-north", "3", "6/6", "Ready"],
        ["shanghai", "cn-east", "2", "2/2", "Ready"],
        ["virginia", "us-east", "2", "2/2", "Ready"],
    ]) {
        assert_eq!(line[..5], expected, "{first}");
    }
    assert!(lines[5][0] == "converged" && lines.len() == 6, "{first}");
    assert!(place.fails("status").contains("kurator up --demo"), "nothing runs, and that is said");

    let seen = place.up("--demo", "converged");
    assert!(seen[0].contains("(contexts hub, beijing, shanghai, virginia)"), "{seen:?}");
    let busy = place.fails(&format!("up --demo --dir {dir}"));
    assert!(
        busy.contains("is in use by process") && busy.contains("stop that process, or use another directory"),
        "{busy}"
    );

    let status = place.json("status");
    let names: Vec<_> = status["members"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["beijing", "shanghai", "virginia"]);
    assert_eq!(application(&status)["status"]["summary"]["ready"], 3);
    assert!(place.ok("status app/shop -o yaml").contains("name: shop"));
    let tree = place.ok("tree app/shop");
    let below: Vec<&str> = tree.lines().filter(|l| l.contains("(policy")).collect();
    assert!(below[0].starts_with("  beijing (policy large)  Ready"), "{tree}");
    assert_eq!(tree.lines().filter(|l| l.contains("shop/web") && l.contains("Synced")).count(), 6, "{tree}");

    until("requests to be counted", || {
        let allocated = place.json("status member/beijing")["status"]["resourceSummary"]["allocated"].clone();
        (allocated["cpu"] == "600m").then_some(()).ok_or(allocated.to_string())
    });

    for command in
        ["tree app/nobody", "sync app/nobody", "suspend app/nobody", "approve app/nobody", "delete app/nobody"]
    {
        let said = place.fails(command);
        assert!(said.contains("there is no app/nobody in namespace default (there is: app/shop)"), "{command}: {said}");
    }
    let said = place.fails("tree member/beijng");
    assert!(said.contains("there is no member/beijng (there is: member/beijing, member/shanghai"), "{said}");
    assert!(place.fails("status app/nobody").contains("app/shop"));
    assert!(place.fails("status member/nobody").contains("member/beijing, member/shanghai, member/virginia"));
    assert!(place.fails("approve app/shop --yes").contains("no deletion waits"));
    assert!(place.fails("approve member/beijing").contains("nothing waits"));
    for words in ["suspend member/beijing", "approve member/beijing --digest sha256:aa"] {
        let refused = place.run(words);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "kurator {words}: {}", refused.err);
    }
    assert!(place.fails("status --context beijing").contains("is no hub of Kurator"));
    let member = place.run("doctor --context beijing");
    assert!(member.code == Some(1) && member.out.contains("NoHub"), "{}{}", member.out, member.err);
    assert!(place.fails("demo unplug paris").contains("beijing, shanghai, virginia"));

    assert!(place.fails("demo restore").contains("nothing to restore"));
    place.ok("demo wipe");
    let held = place.ok("status app/shop");
    assert!(held.contains("approve exactly these with: `kurator approve app/shop`"), "{held}");
    assert!(held.contains("beijing   large   ") && held.contains(" 4/4 "), "what runs is shown: {held}");
    assert!(place.ok("status").contains("; next: `kurator approve app/shop`, or revert the commit"));
    let other = format!("approve app/shop --yes --digest sha256:{}", "0".repeat(64));
    assert!(place.fails(&other).contains("has changed since you looked"));
    let unasked = place.fails("approve app/shop");
    assert!(unasked.contains("held in policy large: 4 deletions (sha256:"), "the list comes first: {unasked}");
    let command = unasked.split("do it with `").nth(1).unwrap_or_default();
    assert!(
        unasked.contains("no terminal to ask at")
            && command.starts_with("kurator approve app/shop --digest ")
            && command.matches(" --digest sha256:").count() == 2
            && command.trim_end().ends_with(" --yes`"),
        "{unasked}"
    );
    assert!(place.fails("demo commit").contains("first `kurator demo restore`"));
    assert!(place.fails("demo wipe").contains("`kurator demo restore` brings it back"));
    let approved = place.json("approve app/shop --yes");
    assert_eq!(approved["approved"].as_array().map(Vec::len), Some(2), "{approved}");
    assert_eq!(approved["done"], true, "{approved}");
    let tree = place.ok("tree app/shop");
    assert!(!tree.contains("shop/web"), "it ends when the deletions are done: {tree}");
    until("the members to be ready", || {
        let summary = application(&place.json("status"))["status"]["summary"].clone();
        (summary["held"] == 0 && summary["ready"] == 3).then_some(()).ok_or(summary.to_string())
    });
    let restored = place.json("demo restore");
    let said = |scene: &serde_json::Value| -> Vec<String> {
        scene["said"].as_array().into_iter().flatten().filter_map(|line| Some(line.as_str()?.to_owned())).collect()
    };
    assert!(said(&restored).last().is_some_and(|last| last.starts_with("all members run ")), "{restored}");
    assert!(place.fails("demo restore").contains("nothing to restore"), "it would wipe again");

    place.ok("demo unplug beijing");
    let others = said(&place.json("demo commit"));
    assert!(others.iter().any(|line| line.ends_with("beijing: does not answer, so nobody knows")), "{others:?}");
    assert!(others.last().is_some_and(|last| last.starts_with("all members that answer run ")), "{others:?}");
    place.ok("demo plug beijing");

    assert_eq!(place.json("suspend app/shop")["suspended"], true);
    assert!(place.fails("sync app/shop").contains("kurator resume app/shop"));
    for scene in ["commit", "wipe"] {
        assert!(place.fails(&format!("demo {scene}")).contains("first `kurator resume app/shop`"), "{scene}");
    }
    assert_eq!(place.json("resume app/shop")["suspended"], false);
    let synced = place.json("sync app/shop");
    assert_eq!((&synced["name"], &synced["message"]), (&"shop".into(), &"3 of 3 ready".into()));

    place.ok("demo stop");
    assert_eq!(place.ended(), Some(0));
}

#[test]
fn a_scene_says_at_once_what_keeps_it_from_working() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    place.up("--demo", "converged");

    place.ok("demo unplug beijing");
    let begun = Instant::now();
    assert!(place.fails("demo edit").contains("beijing is unplugged: first `kurator demo plug beijing`"));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    place.ok("demo plug beijing");

    place.ok("demo wipe");
    let begun = Instant::now();
    assert!(place.fails("demo edit").contains("first `kurator demo restore`"));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let restarted = place.ok("demo restart");
    assert!(restarted.contains("beijing: 4 deletions are held as before, and nothing was deleted"), "{restarted}");
    place.ok("demo restore");

    place.signal("KILL");
    place.ended();
    let head = git(&place.dir().join("demo/repo"), &["rev-parse", "HEAD"]);
    let begun = Instant::now();
    let member = ["unplug", "plug"].map(|scene| format!("{scene} beijing"));
    let scenes = ["commit", "edit", "wipe", "restore", "restart", "counters", "stop"].map(str::to_owned);
    for scene in scenes.into_iter().chain(member) {
        let said = place.fails(&format!("demo {scene} --dir {dir}"));
        assert!(said.contains(&format!("no hub runs in {dir}: start one with `kurator up --demo")), "{scene}: {said}");
    }
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!(git(&place.dir().join("demo/repo"), &["rev-parse", "HEAD"]), head, "nothing is committed");
}

#[test]
fn what_up_shows_stays_true_after_everything_has_converged() {
    let mut place = Place::new();
    let mut lines = place.up_lines("--demo -o json", Stdio::inherit());
    let mut next = |is_wanted: &dyn Fn(&Value) -> bool| -> Value {
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended")).unwrap();
            // Each event is one line.
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            if is_wanted(&event) {
                return event;
            }
        }
    };
    let started = next(&|_| true);
    assert_eq!((&started["event"], started["contexts"][0].as_str()), (&"started".into(), Some("hub")));
    let converged = next(&|event| event["event"] == "converged");
    assert_eq!((&converged["converged"], &converged["members"][0]["state"]), (&true.into(), &"Ready".into()));
    // The member and the application change in any order.
    let mut both = |state: &str| {
        let mut left = vec!["member/beijing", "app/shop"];
        while !left.is_empty() {
            let event = next(&|event| event["event"] == "changed" && event["state"] == state);
            left.retain(|object| event["object"] != *object);
        }
    };
    place.ok("demo unplug beijing");
    both("Unknown");
    place.ok("demo plug beijing");
    both("Ready");
    place.ok("suspend app/shop");
    next(&|event| event["object"] == "app/shop" && event["state"] == "Suspended");
    let problems = place.json("status --problems");
    assert_eq!(problems["problems"][0]["object"], "app/shop", "{problems}");
    assert!(place.ok("tree app/shop").starts_with("app/shop  main@"), "the tree says the revision and the state");
    assert!(place.ok("status fleet/demo").contains("beijing"));
    assert!(place.fails("status fleet/nobody").contains("fleet/demo"));
    place.ok("demo stop");
}

#[test]
fn edits_are_in_the_status_at_once_and_too_many_are_left_alone() {
    let mut place = Place::new();
    place.up("--demo", "converged");
    for round in 1..=3 {
        let said = place.ok("demo edit");
        assert!(said.contains("; reverted\n") && said.contains("; made again"), "{round}: {said}");
        let status = place.ok("status app/shop");
        for line in said.lines().filter_map(|line| Some(line.split_once("the hub reports: ")?.1)) {
            assert!(status.contains(line), "round {round}: {line:?} is not in {status}");
        }
    }
    let begun = Instant::now();
    let said = place.ok("demo edit");
    assert!(said.contains("not reverted, after too many edits in a short time: Deployment.apps shop/web"), "{said}");
    assert!(said.contains("by demo-hand; it is left alone until 20"), "{said}");
    let again = place.fails("demo edit");
    assert!(again.contains("beijing: Deployment.apps shop/web is changed again and again by demo-hand"), "{again}");
    // A new version waits for no pause.
    place.ok("demo commit");
    assert!(begun.elapsed() < AT_ONCE * 2, "{:?}", begun.elapsed());
}

#[test]
fn what_cannot_converge_ends_with_the_reason() {
    let place = Place::new();
    let repository = Repository::new(place.dir().join("demo/repo"));
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: default}\nspec:\n  replicas: 1\n  \
               selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: \
               web, image: 'x/fail:1'}]}\n";
    repository.write("shop/web.yaml", web);
    repository.commit();
    let said = place.run(&format!("up --demo --dir {} --exit-when-ready --timeout 25s", place.dir().display()));
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.err.starts_with("error: not converged after 25."), "{}", said.err);
    assert!(said.err.contains("Deployment.apps default/web"), "{}", said.err);
    assert!(!said.out.contains("converged"), "{}", said.out);
}

#[test]
fn what_only_a_person_can_mend_is_not_waited_for() {
    let place = Place::new();
    let repository = Repository::new(place.dir().join("demo/repo"));
    repository.write("shop/web.yaml", "kind: Deployment\nmetadata: {name: web}\n");
    repository.commit();
    // Far beyond what a test may take.
    let said = place.run(&format!("up --demo --dir {} --exit-when-ready --timeout 1h", place.dir().display()));
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.err.contains("BuildFailed") && said.err.contains("shop/web.yaml"), "{}", said.err);
}

#[test]
fn what_cannot_be_fetched_ends_with_the_reason() {
    let place = Place::new();
    let repo = place.dir().join("demo/repo");
    std::fs::create_dir_all(&repo).unwrap();
    git(&repo, &["init", "--quiet", "--initial-branch=other"]);
    git(&repo, &["commit", "--quiet", "--allow-empty", "--message", "on another branch"]);
    // Only the author can mend it: a machine that needs long to start is no reason to give up before.
    let said = place.run(&format!("up --demo --dir {} --exit-when-ready --timeout 1h", place.dir().display()));
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.err.contains("app/shop: ") && said.err.contains("\"main\" does not exist"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scene_that_the_fleet_cannot_follow_ends_with_the_reason() {
    // A second call only finds it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut place = Place::new();
    place.up("--demo", "converged");
    let apps: Api<Application> = Api::namespaced(crate::guide::client(&place).await, "default");
    let mut app = apps.get("shop").await.unwrap();
    let mut nowhere = app.spec.sync_policies[0].clone();
    nowhere.name = Some("nowhere".to_owned());
    let destination = nowhere.destination.as_mut().unwrap();
    destination.cluster_selector = serde_json::from_str(r#"{"matchLabels": {"size": "none"}}"#).unwrap();
    app.spec.sync_policies.push(nowhere);
    apps.replace("shop", &PostParams::default(), &app).await.unwrap();

    let begun = Instant::now();
    let late = place.run("demo commit");
    assert_eq!(late.code, Some(1), "{}{}", late.out, late.err);
    assert!(late.err.contains("for the fleet to follow: app/shop is not ready, NoMemberSelected: "), "{}", late.err);
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let begun = Instant::now();
    let held = place.ok("demo wipe");
    assert!(held.contains("nothing was deleted; held after") && held.contains("policy large: 4 deletions"), "{held}");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    place.signal("TERM");
    assert_eq!(place.ended(), Some(0));

    let dir = place.dir().display().to_string();
    let plain = place.fails(&format!("up --dir {dir}"));
    assert!(plain.contains("is the directory of a demo") && plain.contains("add --demo"), "{plain}");
    place.up("--anyway", "hub ready");
    for scene in ["commit", "wipe", "edit", "restart"] {
        let said = place.fails(&format!("demo {scene}"));
        assert!(said.contains("this hub runs without its demo"), "{scene}: {said}");
    }
}

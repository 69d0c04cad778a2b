//! A member that answers what it was not asked, or without end: it delays only itself, and its status says so.

use api::delivery::{Removal, UnitPhase};
use api::feed::UnitReport;
use applier::Link;
use http::Method;
use serde_json::{Value, json};

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, config_maps, deployment, deployment_path, detail};

const WATCH: &str = "/api/v1/configmaps?watch=true";
const LIST: &str = "/api/v1/configmaps?limit=";
const INVENTORIES: &str = "/api/v1/namespaces/kurator-system/secrets?limit=";

/// What is said of a list whose pages bring nothing.
const LEADS_NOWHERE: &str = "a page of the list brings nothing, and the list goes on";

/// A member of whose answers less is read, so that these tests are quick.
async fn liar() -> World {
    let mut world = World::new().await;
    world.stop();
    let small = client::Limits { object_bytes: 1 << 16, page_bytes: 1 << 18, ..world.limits.api };
    let api = client::Limits { list_pages: 50, watch_lines: 10, ..small };
    world.limits.api = api;
    world.restart();
    world
}

/// Another member of the same process gets what it should.
async fn others_go_on() {
    let mut honest = World::new().await;
    let unit = honest.set("a", 1, config_maps(3));
    honest.applied(&unit).await;
}

fn link(world: &World) -> Link {
    world.push.link(&world.member).unwrap().link
}

/// The member refuses to show ConfigMaps: they are applied and not watched, and it is seen again when it does.
async fn is_not_visible_until_it_is_honest(mut world: World, why: &str) {
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    let hidden =
        world.until(&unit, "applied unseen", |r| r.objects.applied == 1 && detail(r, "c").reason == "NotVisible").await;
    let message = &detail(&hidden, "c").message;
    assert!(message.contains(why), "{message}");
    assert_eq!(link(&world), Link::Connected);
    others_go_on().await;
    world.faults.clear();
    world.until(&unit, "seen again", |r| r.objects.applied == 1 && detail(r, "c").reason.is_empty()).await;
    // And watched again.
    world.edit(&config_map_path("c"), "kubectl", json!({"data": {"a": "2"}})).await;
    world.until(&unit, "reverted", |r| r.reverted() == 1 && r.objects.applied == 1).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_an_apply_about_something_else_is_no_apply() {
    let mut secret = config_map("c", "1");
    secret["kind"] = json!("Secret");
    let mut elsewhere = config_map("c", "1");
    elsewhere["metadata"]["namespace"] = json!("kube-system");
    for answer in [Value::Null, json!([]), json!({}), config_map("d", "1"), secret, elsewhere] {
        let mut world = liar().await;
        world.faults.add(Method::PATCH, "configmaps/c?", usize::MAX, Act::Say(answer.to_string()));
        let unit = world.set("a", 1, vec![config_map("c", "1"), config_map("rest", "1")]);
        let report = world.until(&unit, "refused", |r| r.objects.failed == 1 && r.objects.applied == 1).await;
        assert_eq!((report.phase, report.reason.as_str()), (UnitPhase::Failed, "BadAnswer"), "{answer}");
        assert!(report.message.contains("its answer is about"), "{}", report.message);
        assert_eq!(link(&world), Link::Connected, "{answer}");
        let other = world.set("b", 1, vec![config_map("other", "1")]);
        world.applied(&other).await;
        assert!(world.config_map("c").await.is_none());
        world.faults.clear();
        let report = world.applied(&unit).await;
        assert!(!detail(&report, "c").adopted, "{answer}");
    }
    others_go_on().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_costs_only_its_object() {
    let mut world = liar().await;
    world.faults.add(Method::PATCH, "configmaps/c?", usize::MAX, Act::Endless("{\"a\":\"", "xxxx"));
    let unit = world.set("a", 1, vec![config_map("c", "1"), config_map("rest", "1")]);
    let report = world.until(&unit, "refused", |r| r.objects.failed == 1 && r.objects.applied == 1).await;
    assert_eq!((report.phase, report.reason.as_str()), (UnitPhase::Failed, "BadAnswer"));
    assert!(report.message.contains("the member's answer is larger than 65536 bytes"), "{}", report.message);
    assert_eq!(link(&world), Link::Connected);
    others_go_on().await;
    world.faults.clear();
    world.applied(&unit).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_whose_line_does_not_end_hides_only_its_kind() {
    let world = liar().await;
    world.faults.add(Method::GET, WATCH, usize::MAX, Act::Endless("{\"type\":\"", "xxxx"));
    is_not_visible_until_it_is_honest(world, "the member's answer is larger than 65536 bytes").await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_only_talks_hides_only_its_kind() {
    const DELETED: &str = concat!(
        r#"{"type":"DELETED","object":{"apiVersion":"v1","kind":"ConfigMap","#,
        r#""metadata":{"name":"x","namespace":"shop","resourceVersion":"7"}}}"#,
        "\n"
    );
    for line in ["\n", DELETED] {
        let world = liar().await;
        world.faults.add(Method::GET, WATCH, usize::MAX, Act::Endless("", line));
        is_not_visible_until_it_is_honest(world, "the member's watch says more than 10 lines a second").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_refused_hides_only_its_kind() {
    let world = liar().await;
    world.faults.add(Method::GET, WATCH, usize::MAX, Act::Refuse(403));
    is_not_visible_until_it_is_honest(world, "it is broken").await;
}

#[tokio::test(start_paused = true)]
async fn a_list_without_end_hides_only_its_kind() {
    // A page that does not end, pages that do not, and what is longer than it can be.
    let page = json!({"kind": "ConfigMapList", "metadata": {"continue": "more", "resourceVersion": "1"}, "items": []});
    let mut long = config_map(&"x".repeat(100_000), "1");
    long["metadata"]["uid"] = json!("1");
    let long = json!({"kind": "ConfigMapList", "metadata": {"resourceVersion": "1"}, "items": [long]});
    let endless = [
        (Act::Endless("{\"kind\":\"", "xxxx"), "the member's answer is larger than 262144 bytes"),
        (Act::Say(page.to_string()), LEADS_NOWHERE),
        (Act::Say(long.to_string()), "metadata.name is longer than 1024 bytes"),
    ];
    for (act, why) in endless {
        let world = liar().await;
        world.faults.add(Method::GET, LIST, usize::MAX, act);
        is_not_visible_until_it_is_honest(world, why).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_inventories_without_end_stops_only_this_member() {
    let mut world = liar().await;
    world.stop();
    let page = json!({"kind": "SecretList", "metadata": {"continue": "more", "resourceVersion": "1"}, "items": []});
    world.faults.add(Method::GET, INVENTORIES, usize::MAX, Act::Say(page.to_string()));
    let unit = world.set("a", 1, config_maps(1));
    world.start();
    let report = world.until(&unit, "unknown", |r| r.phase == UnitPhase::Unknown).await;
    assert_eq!(report.reason, "BadAnswer");
    assert!(report.message.contains(LEADS_NOWHERE), "{}", report.message);
    assert!(matches!(link(&world), Link::Unreachable(_)));
    others_go_on().await;
    world.faults.clear();
    world.applied(&unit).await;
}

/// As when the APIService of a group is taken out and made again.
#[tokio::test(start_paused = true)]
async fn a_group_that_is_hidden_for_a_moment_takes_no_object_along() {
    for is_leaving in [true, false] {
        let mut world = World::new().await;
        let unit = world.set("a", 1, vec![config_map("settings", "1"), deployment("web", 1, "nginx:1")]);
        world.applied(&unit).await;
        world.faults.add(Method::GET, "/apis/apps", usize::MAX, Act::Hide);
        match is_leaving {
            true => world.change(&unit, |entry| entry.removal = Removal::Prune),
            false => drop(world.set("a", 2, vec![config_map("settings", "1")])),
        }
        if !is_leaving {
            world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.count == 1)).await;
            world.guard(&unit, None);
        }
        let is_named = |report: &UnitReport| report.message.contains("serves no Deployment.apps");
        world.until(&unit, "said", |r| is_named(r)).await;
        world.faults.clear();
        world.eventually("gone", async || world.get(&deployment_path("web")).await.is_none()).await;
    }
}

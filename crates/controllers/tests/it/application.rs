//! A commit becomes a Revision and a Decision, once; what is wrong with it is said; an Application that goes takes its
//! objects along. The source is a git server in this process.

use controllers::Controller;
use serde_json::{Value, json};

use crate::member_api::Answers;
use crate::repository::Repository;
use crate::world::{APPLICATIONS, ATTACHED, DECISIONS, FLEETS, REVISIONS, World, condition, fleet, is, ready};

const MAP: &str = "/api/v1/namespaces/default/configmaps/settings";
const FILE: &str = "app/settings.yaml";
const OTHER_FILE: &str = "app/other.yaml";

fn app() -> String {
    format!("{APPLICATIONS}/app")
}

fn map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{value: \"{value}\"}}\n"
    )
}

fn value(map: &Value) -> Value {
    map["data"]["value"].clone()
}

/// Commits, and says so to the controller, as a push hook does.
async fn push(world: &World, files: &[(&str, &str)]) -> String {
    let commit = world.repository.as_ref().unwrap().commit(files);
    request_sync(world, &commit).await;
    commit
}

/// Asks for a look at the source, by a text that was not used before.
async fn request_sync(world: &World, text: &str) {
    world.api.merge(&app(), &json!({"metadata": {"annotations": {"kurator.dev/sync": text}}})).await.unwrap();
}

/// An Application over a Fleet of these members, whose repository has one ConfigMap.
async fn applied(which: &[Controller], members: &[&str]) -> (World, String) {
    let mut world = World::of(which, members).await;
    world.repository = Some(Repository::serve().await);
    let repository = world.repository.as_ref().unwrap();
    let commit = repository.commit(&[(FILE, &map("settings", "1"))]);
    let application = json!({
        "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application", "metadata": {"name": "app"},
        "spec": {
            "source": {"gitRepository": {"url": repository.url(), "interval": "1h", "ref": {"branch": "main"}}},
            "destination": {"fleet": "f"},
            "syncPolicies": [{"name": "p", "kustomization": {"interval": "5m", "path": "./app", "prune": true}}],
        },
    });
    world.create(FLEETS, fleet("f", members)).await;
    world.create(APPLICATIONS, application).await;
    (world, commit)
}

/// The members of all decisions, with epoch and removal, each as `MEMBER EPOCH [REMOVAL]`.
fn decided(list: &Value) -> Vec<String> {
    let decisions = list["items"].as_array().into_iter().flatten();
    let members = decisions.flat_map(|decision| decision["spec"]["members"].as_object().into_iter().flatten());
    let line = |(member, entry): (&String, &Value)| {
        let removal = entry["removal"].as_str().map(|removal| format!(" {removal}")).unwrap_or_default();
        format!("{member} {}{removal}", entry["epoch"])
    };
    members.map(line).collect()
}

/// Epoch and commit of all revisions, by epoch.
fn revisions(list: &Value) -> Vec<(u64, String)> {
    let items = list["items"].as_array().into_iter().flatten();
    let one = |revision: &Value| {
        let spec = &revision["spec"];
        let name = spec["inputs"]["artifact"]["artifact"]["revision"].as_str().unwrap_or_default();
        (spec["epoch"].as_u64().unwrap_or_default(), name.trim_start_matches("main@sha1:").to_owned())
    };
    let mut all: Vec<_> = items.map(one).collect();
    all.sort();
    all
}

/// The members of all decisions that an edit would take the unit out of, each as `MEMBER CAUSE`.
fn held(list: &Value) -> Vec<String> {
    let decisions = list["items"].as_array().into_iter().flatten();
    let members = decisions.flat_map(|decision| decision["spec"]["members"].as_object().into_iter().flatten());
    let is_held = members.filter(|(_, entry)| entry["removal"].is_null() && !entry["leaving"].is_null());
    is_held.map(|(member, entry)| format!("{member} {}", entry["leaving"]["cause"].as_str().unwrap())).collect()
}

/// Waits until an edit is held for these members, sees that nothing leaves, and approves it.
async fn approve(world: &mut World, members: &[&str]) {
    world.until(DECISIONS, held, texts(members)).await;
    world.settles().await;
    assert!(decided(&world.get(DECISIONS).await.unwrap()).iter().all(|line| !line.contains("Prune")));
    let digest = world.get(DECISIONS).await.unwrap()["items"][0]["spec"]["held"].clone();
    world.api.merge(&app(), &json!({"metadata": {"annotations": {"kurator.dev/approve": digest}}})).await.unwrap();
}

fn texts(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_commit_becomes_a_revision_and_a_decision_and_a_second_pass_writes_nothing() {
    let (mut world, first) = applied(&[Controller::Application], &["a", "b"]).await;
    world.until(DECISIONS, decided, texts(&["a 1", "b 1"])).await;
    assert_eq!(revisions(&world.get(REVISIONS).await.unwrap()), [(1, first.clone())]);
    world.until(&app(), |app| condition(app, "SourceReady").0, "True".to_owned()).await;
    // Decisions name a revision that is stored, and what it renders to.
    let (decision, revision) = (world.get(DECISIONS).await.unwrap(), world.get(REVISIONS).await.unwrap());
    let entry = &decision["items"][0]["spec"]["members"]["a"];
    assert_eq!(entry["revision"], revision["items"][0]["metadata"]["name"]);
    assert!(entry["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{entry}");
    world.settles().await;
    world.settles_after_touch(&app()).await;

    let second = push(&world, &[(FILE, &map("settings", "2"))]).await;
    world.until(DECISIONS, decided, texts(&["a 2", "b 2"])).await;
    let newest = |list: &Value| revisions(list).pop();
    world.until(REVISIONS, newest, Some((2, second.clone()))).await;
    let handled = |app: &Value| app["status"]["lastHandledSync"].clone();
    world.until(&app(), handled, json!(second)).await;
    world.settles().await;

    // Asked without a new commit.
    request_sync(&world, "once more").await;
    world.until(&app(), handled, json!("once more")).await;
    world.settles().await;
    world.until(DECISIONS, decided, texts(&["a 2", "b 2"])).await;
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_grows_and_shrinks_changes_the_decision_and_no_revision() {
    let (mut world, first) = applied(&[Controller::Application], &["a", "b", "c"]).await;
    world.until(DECISIONS, decided, texts(&["a 1", "b 1", "c 1"])).await;
    let without_c = json!({"spec": fleet("f", &["a", "b"])["spec"]});
    world.api.merge(&format!("{FLEETS}/f"), &without_c).await.unwrap();
    approve(&mut world, &["c NotListed"]).await;
    world.until(DECISIONS, decided, texts(&["a 1", "b 1", "c 1 Prune"])).await;
    world.settles().await;
    let with_c = json!({"spec": fleet("f", &["a", "b", "c"])["spec"]});
    world.api.merge(&format!("{FLEETS}/f"), &with_c).await.unwrap();
    world.until(DECISIONS, decided, texts(&["a 1", "b 1", "c 1"])).await;
    world.settles().await;
    assert_eq!(revisions(&world.get(REVISIONS).await.unwrap()), [(1, first)]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_manifest_is_a_condition_with_its_path_and_leaves_what_runs() {
    let which = [Controller::Application, Controller::Delivery, Controller::Status];
    let (mut world, _) = applied(&which, &["a"]).await;
    world.until_in("a", MAP, value, json!("1")).await;
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;

    // One manifest is wrong, and the other is changed with the same commit: neither arrives.
    push(&world, &[(FILE, &map("settings", "2")), (OTHER_FILE, "kind: ConfigMap\nmetadata: [1\n")]).await;
    world.until(&app(), ready, is("False", "BuildFailed")).await;
    let stored = world.get(&app()).await.unwrap();
    let all = stored["status"]["conditions"].as_array().unwrap();
    let message = all.iter().find(|c| c["type"] == "Ready").and_then(|c| c["message"].as_str()).unwrap_or_default();
    assert!(message.contains(OTHER_FILE), "{message}");
    world.settles().await;
    world.until_in("a", MAP, value, json!("1")).await;

    // The author helps.
    let fixed = world.repository.as_ref().unwrap().remove(OTHER_FILE);
    request_sync(&world, &fixed).await;
    world.until_in("a", MAP, value, json!("2")).await;
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_not_there_is_a_condition_and_leaves_what_is_decided() {
    let (mut world, first) = applied(&[Controller::Application], &["a"]).await;
    world.until(DECISIONS, decided, texts(&["a 1"])).await;
    world.until(&app(), |app| condition(app, "SourceReady").0, "True".to_owned()).await;
    let reference = |branch: &str| json!({"spec": {"source": {"gitRepository": {"ref": {"branch": branch}}}}});
    world.api.merge(&app(), &reference("gone")).await.unwrap();
    world.until(&app(), |app| condition(app, "SourceReady"), is("False", "FetchFailed")).await;
    world.settles().await;
    assert_eq!(decided(&world.get(DECISIONS).await.unwrap()), ["a 1"]);
    world.api.merge(&app(), &reference("main")).await.unwrap();
    world.until(&app(), |app| condition(app, "SourceReady").0, "True".to_owned()).await;
    world.settles().await;
    assert_eq!(revisions(&world.get(REVISIONS).await.unwrap()), [(1, first)]);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_is_deleted_leaves_its_members() {
    let (mut world, _) = applied(&[Controller::Application, Controller::Delivery], &["a", "b"]).await;
    for member in ["a", "b"] {
        world.until_in(member, MAP, value, json!("1")).await;
    }
    world.settles().await;
    let revisions = world.get(REVISIONS).await.unwrap();
    assert_eq!(revisions["items"][0]["metadata"]["ownerReferences"][0]["name"], "app");
    world.delete(&app()).await;
    for member in ["a", "b"] {
        world.until_gone_in(member, MAP).await;
    }
    world.until_gone(&app()).await;
    world.until(DECISIONS, decided, Vec::new()).await;
    world.settles().await;
    assert_eq!(world.get(DECISIONS).await.unwrap()["items"], json!([]));
    // Garbage collection does not run here: it leaves them when it was told to.
    assert_eq!(world.get(REVISIONS).await.unwrap()["items"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn an_application_that_is_deleted_waits_for_a_member_that_may_come_back() {
    let (mut world, _) = applied(&[Controller::Application, Controller::Delivery], &["a", "b"]).await;
    for member in ["a", "b"] {
        world.until_in(member, MAP, value, json!("1")).await;
    }
    world.answers("b", Answers::Never);
    world.delete(&app()).await;
    world.until_gone_in("a", MAP).await;
    world.until(DECISIONS, decided, texts(&["b 1 Prune"])).await;
    world.settles().await;
    world.until_in("b", MAP, value, json!("1")).await;
    world.answers("b", Answers::Well);
    world.until_gone_in("b", MAP).await;
    world.until_gone(&app()).await;
    world.until(DECISIONS, decided, Vec::new()).await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn an_application_that_goes_with_its_definition_leaves_everything_where_it_is() {
    const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/applications.apps.kurator.dev";
    let (mut world, _) = applied(&[Controller::Application, Controller::Delivery], &["a"]).await;
    world.until_in("a", MAP, value, json!("1")).await;
    world.settles().await;
    world.delete(DEFINITION).await;
    world.until(&app(), |app| app["metadata"]["deletionTimestamp"].is_string(), true).await;
    world.settles().await;
    world.until_in("a", MAP, value, json!("1")).await;
    assert_eq!(decided(&world.get(DECISIONS).await.unwrap()), ["a 1"], "nothing is decided");
    // A user who means it removes the finalizer: what was delivered is released.
    world.api.merge(&app(), &json!({"metadata": {"finalizers": null}})).await.unwrap();
    world.until_gone(DEFINITION).await;
    world.until(DECISIONS, decided, Vec::new()).await;
    world.until_in("a", MAP, value, json!("1")).await;
}

/// On an API server that does not protect them, definitions can be lost. That there is no object of a kind is then no wish.
#[tokio::test(start_paused = true)]
async fn a_hub_that_has_lost_a_definition_removes_nothing_also_after_a_restart() {
    for kind in [
        "fleets.fleet.kurator.dev",
        "attachedclusters.cluster.kurator.dev",
        "clusters.cluster.karmada.io",
        "revisions.delivery.kurator.dev",
        "decisions.delivery.kurator.dev",
    ] {
        let definition = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}");
        let (mut world, _) = applied(&[Controller::Application, Controller::Delivery], &["a"]).await;
        world.until_in("a", MAP, value, json!("1")).await;
        world.settles().await;
        world.delete(&definition).await;
        world.until_gone(&definition).await;
        // time: longer than any pause of a controller, so that whatever it would do is done.
        tokio::time::sleep(std::time::Duration::from_secs(120)).await;
        world.kill().await;
        // time: the same of a process that starts without it.
        tokio::time::sleep(std::time::Duration::from_secs(120)).await;
        let map = world.member("a").api.get(MAP).await.unwrap().unwrap_or_default();
        assert_eq!(value(&map), json!("1"), "{kind}");
        assert!(model::object::label(&map, "kurator.dev/hub").is_some(), "{kind}: nor is it given back");
    }
}

/// The label of an AttachedCluster is what a destination's selector reads.
#[tokio::test(start_paused = true)]
async fn a_label_of_a_member_moves_it_in_and_out_of_a_policy() {
    let (mut world, _) = applied(&[Controller::Application], &["a", "b"]).await;
    let selector = json!({"spec": {"syncPolicies": [{
        "name": "p", "destination": {"fleet": "f", "clusterSelector": {"matchLabels": {"env": "prod"}}},
        "kustomization": {"interval": "5m", "path": "./app", "prune": true},
    }]}});
    world.api.merge(&app(), &selector).await.unwrap();
    let label = |text: Value| json!({"metadata": {"labels": {"env": text}}});
    let a = format!("{ATTACHED}/a");
    world.api.merge(&a, &label(json!("prod"))).await.unwrap();
    world.until(DECISIONS, decided, texts(&["a 1"])).await;
    world.settles().await;
    world.api.merge(&a, &label(Value::Null)).await.unwrap();
    approve(&mut world, &["a SelectorDiffers"]).await;
    world.until(DECISIONS, decided, texts(&["a 1 Prune"])).await;
    world.settles().await;
}

/// The number may stand on the Fleet; its change is looked at, though the list stays.
#[tokio::test(start_paused = true)]
async fn a_fleet_may_allow_that_members_leave_without_approval() {
    let (mut world, _) = applied(&[Controller::Application], &["a", "b"]).await;
    world.until(DECISIONS, decided, texts(&["a 1", "b 1"])).await;
    let f = format!("{FLEETS}/f");
    world.api.merge(&f, &json!({"spec": fleet("f", &["a"])["spec"]})).await.unwrap();
    world.until(DECISIONS, held, texts(&["b NotListed"])).await;
    world.settles().await;
    world.api.merge(&f, &json!({"metadata": {"annotations": {"kurator.dev/removals": "1"}}})).await.unwrap();
    world.until(DECISIONS, decided, texts(&["a 1", "b 1 Prune"])).await;
    world.settles().await;
}

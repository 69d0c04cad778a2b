//! Remote bases: fetched beside the source, pinned in the Revision, moved by the next one alone; what cannot be fetched is
//! said with its URL and its file. Both repositories are served in this process.

use std::sync::{Arc, Mutex};

use controllers::Controller;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::repository::Repository;
use crate::world::{APPLICATIONS, FLEETS, REVISIONS, World, condition, fleet, is, ready};

const MAP: &str = "/api/v1/namespaces/default/configmaps/settings";
const FILE: &str = "base/settings.yaml";

fn app() -> String {
    format!("{APPLICATIONS}/app")
}

fn map(value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: default}}\ndata: {{value: \"{value}\"}}\n"
    )
}

fn value(map: &Value) -> Value {
    map["data"]["value"].clone()
}

/// Epoch of the newest revision, and what it was rendered from on other machines: by URL, the commit.
fn newest(list: &Value) -> Option<(u64, Vec<(String, String)>)> {
    let items = list["items"].as_array()?;
    let spec = &items.iter().max_by_key(|revision| revision["spec"]["epoch"].as_u64())?["spec"];
    let remotes = spec["inputs"]["artifact"]["remotes"].as_object().into_iter().flatten();
    let commit = |fetched: &Value| fetched["revision"].as_str().unwrap_or_default().to_owned();
    Some((spec["epoch"].as_u64()?, remotes.map(|(url, fetched)| (url.clone(), commit(fetched))).collect()))
}

fn message(object: &Value, type_: &str) -> String {
    let all = object["status"]["conditions"].as_array().into_iter().flatten();
    all.filter(|c| c["type"] == type_).filter_map(|c| c["message"].as_str()).collect()
}

async fn request_sync(world: &World, text: &str) {
    world.api.merge(&app(), &json!({"metadata": {"annotations": {"kurator.dev/sync": text}}})).await.unwrap();
}

/// Commits to the source, and says so to the controller.
async fn push(world: &World, kustomization: &str) {
    let commit = world.repository.as_ref().unwrap().commit(&[("app/kustomization.yaml", kustomization)]);
    request_sync(world, &commit).await;
}

/// An Application whose kustomization names a directory of another repository; the URL of that, and its repository.
async fn applied(which: &[Controller]) -> (World, Repository, String) {
    let mut world = World::of(which, &["a"]).await;
    let base = Repository::serve().await;
    let url = base.url();
    world.repository = Some(Repository::serve().await);
    let repository = world.repository.as_ref().unwrap();
    repository.commit(&[("app/kustomization.yaml", &format!("resources: [\"{url}//base?ref=main\"]\n"))]);
    let application = json!({
        "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application", "metadata": {"name": "app"},
        "spec": {
            "source": {"gitRepository": {"url": repository.url(), "interval": "1h", "ref": {"branch": "main"}}},
            "destination": {"fleet": "f"},
            "syncPolicies": [{"name": "p", "kustomization": {"interval": "5m", "path": "./app", "prune": true}}],
        },
    });
    world.create(FLEETS, fleet("f", &["a"])).await;
    base.commit(&[("base/kustomization.yaml", "resources: [settings.yaml]\n"), (FILE, &map("1"))]);
    world.create(APPLICATIONS, application).await;
    (world, base, url)
}

#[tokio::test(start_paused = true)]
async fn a_base_is_pinned_in_the_revision_and_moves_with_the_next_one() {
    let which = [Controller::Application, Controller::Delivery, Controller::Status];
    let (mut world, base, url) = applied(&which).await;
    let id = format!("{url}?ref=main");
    world.until_in("a", MAP, value, json!("1")).await;
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;
    let pinned = |list: &Value| newest(list).map(|(epoch, remotes)| (epoch, remotes.len()));
    world.until(REVISIONS, pinned, Some((1, 1))).await;
    let (_, remotes) = newest(&world.get(REVISIONS).await.unwrap()).unwrap();
    assert_eq!(remotes[0].0, id);
    assert!(remotes[0].1.starts_with("main@sha1:"), "{remotes:?}");
    world.settles().await;

    // The base moves; nothing else does.
    let second = base.commit(&[(FILE, &map("2"))]);
    request_sync(&world, "the base has moved").await;
    world.until_in("a", MAP, value, json!("2")).await;
    let expect = Some((2, vec![(id.clone(), format!("main@sha1:{second}"))]));
    world.until(REVISIONS, newest, expect.clone()).await;
    let handled = |app: &Value| app["status"]["lastHandledSync"].clone();
    world.until(&app(), handled, json!("the base has moved")).await;
    world.settles().await;

    // A hub that has lost its cache makes the same of it.
    world.lose_cache();
    world.settles().await;
    assert_eq!(newest(&world.get(REVISIONS).await.unwrap()), expect);
}

#[tokio::test(start_paused = true)]
async fn a_base_that_cannot_be_fetched_is_a_condition_and_leaves_what_runs() {
    let which = [Controller::Application, Controller::Delivery, Controller::Status];
    let (mut world, base, url) = applied(&which).await;
    world.until_in("a", MAP, value, json!("1")).await;
    push(&world, &format!("resources: [\"{url}//base?ref=gone\"]\n")).await;
    world.until(&app(), |app| condition(app, "SourceReady"), is("False", "FetchFailed")).await;
    world.until(&app(), ready, is("False", "BuildFailed")).await;
    let stored = world.get(&app()).await.unwrap();
    let why = format!(
        "remote base of app/kustomization.yaml: resources[0]: {url}: branch or tag \"gone\" does not exist; there is main"
    );
    assert_eq!(message(&stored, "SourceReady"), why);
    assert!(message(&stored, "Ready").contains(&why), "{}", message(&stored, "Ready"));
    world.settles().await;
    world.until_in("a", MAP, value, json!("1")).await;

    // The author of the base helps, and nothing of the source changes.
    base.git(&["branch", "gone"]);
    request_sync(&world, "there is such a branch now").await;
    world.until(&app(), ready, is("True", "ReconciliationSucceeded")).await;
    world.until(&app(), |app| condition(app, "SourceReady").0, "True".to_owned()).await;
    let epoch = |list: &Value| newest(list).map(|(epoch, _)| epoch);
    world.until(REVISIONS, epoch, Some(2)).await;
    world.settles().await;

    // What is named no more is not asked for, and nothing more is said of it.
    push(&world, &format!("resources: [\"{url}//base?ref=lost\"]\n")).await;
    world.until(&app(), |app| condition(app, "SourceReady"), is("False", "FetchFailed")).await;
    push(&world, &format!("resources: [\"{url}//base?ref=main\"]\nnamePrefix: my-\n")).await;
    world.until(&app(), |app| condition(app, "SourceReady").0, "True".to_owned()).await;
    world.until(REVISIONS, epoch, Some(3)).await;
    world.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_base_that_names_a_base_is_fetched_when_it_turns_up() {
    let (mut world, base, url) = applied(&[Controller::Application, Controller::Delivery]).await;
    world.until_in("a", MAP, value, json!("1")).await;
    base.commit(&[("outer/kustomization.yaml", &format!("resources: [\"{url}//base?ref=inner\"]\n"))]);
    base.git(&["checkout", "--quiet", "-b", "inner"]);
    base.commit(&[(FILE, &map("inner"))]);
    base.git(&["checkout", "--quiet", "main"]);
    push(&world, &format!("resources: [\"{url}//outer?ref=main\"]\n")).await;
    world.until_in("a", MAP, value, json!("inner")).await;
    let ids = |list: &Value| newest(list).map(|(_, remotes)| remotes.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
    world.until(REVISIONS, ids, Some(vec![format!("{url}?ref=inner"), format!("{url}?ref=main")])).await;
    world.settles().await;
}

/// A server of one file, whose content may be changed.
async fn serve_file() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/maps/settings.yaml", listener.local_addr().unwrap());
    let content: Arc<Mutex<String>> = Arc::default();
    let served = content.clone();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await.unwrap();
            let body = served.lock().unwrap().clone();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    (url, content)
}

#[tokio::test(start_paused = true)]
async fn a_file_by_its_url_is_pinned_and_moves_with_the_next_revision() {
    let (mut world, _base, _) = applied(&[Controller::Application, Controller::Delivery]).await;
    world.until_in("a", MAP, value, json!("1")).await;
    let (url, content) = serve_file().await;
    content.lock().unwrap().push_str(&map("file"));
    push(&world, &format!("resources: [\"{url}?token=secret\"]\n")).await;
    world.until_in("a", MAP, value, json!("file")).await;
    let revisions = world.get(REVISIONS).await.unwrap();
    let (epoch, remotes) = newest(&revisions).unwrap();
    assert_eq!((epoch, remotes.len()), (2, 1));
    assert!(remotes[0].0.starts_with(&url) && remotes[0].1.is_empty(), "{remotes:?}");
    assert!(!revisions.to_string().contains("secret"), "what may be a token is in a record: {revisions}");
    world.settles().await;

    *content.lock().unwrap() = map("other");
    request_sync(&world, "the file has changed").await;
    world.until_in("a", MAP, value, json!("other")).await;
    world.settles().await;
}

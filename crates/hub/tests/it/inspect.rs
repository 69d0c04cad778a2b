//! What members get, have and would get, asked through the hub's API.

use api::kurator::fleet::v1alpha1::Fleet;
use api::view::{Differences, ObjectChange, Placing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{Stage, settings, start_hub, until};

const VIEWS: &str = "/apis/view.kurator.dev/v1alpha1/namespaces/default";
const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: token, namespace: app}\nstringData: {password: hunter2}\n";

async fn get(stage: &Stage, path: &str) -> Result<Value, kube::Error> {
    stage.client().request(Request::get(format!("{VIEWS}/{path}")).body(Vec::new()).unwrap()).await
}

async fn ask(stage: &Stage, request: http::request::Builder, spec: &Value) -> Result<Differences, kube::Error> {
    let body = json!({"apiVersion": "view.kurator.dev/v1alpha1", "kind": "Preview", "spec": spec}).to_string();
    let request = request.uri(format!("{VIEWS}/previews")).method("POST").header("content-type", "application/json");
    let answer: Value = stage.client().request(request.body(body.into_bytes()).unwrap()).await?;
    Ok(serde_json::from_value(answer["status"].clone()).unwrap())
}

async fn preview(stage: &Stage, spec: Value) -> Result<Differences, kube::Error> {
    ask(stage, Request::builder(), &spec).await
}

async fn comparison(stage: &Stage, path: &str) -> Differences {
    serde_json::from_value(get(stage, path).await.unwrap()).unwrap()
}

/// `± object`, for each group with its members.
fn words(differences: &Differences) -> Vec<String> {
    let sign = |change| match change {
        ObjectChange::Add => "+",
        ObjectChange::Change => "~",
        ObjectChange::Delete => "-",
        ObjectChange::Replace => "±",
        ObjectChange::Release => "o",
        ObjectChange::Adopt => "a",
        ObjectChange::LeaveAlone => "!",
        ObjectChange::NotAsked => "?",
    };
    let one = |group: &api::view::DifferenceGroup| {
        let members: Vec<&str> = group.members.iter().map(model::MemberName::as_str).collect();
        let objects = group.objects.iter().map(|o| format!("{} {}", sign(o.change), o.object)).collect::<Vec<_>>();
        format!("{}: {}", members.join(" "), objects.join(", "))
    };
    differences.groups.iter().map(one).collect()
}

fn status(answer: Result<impl std::fmt::Debug, kube::Error>) -> (u16, String) {
    match answer {
        Err(kube::Error::Api(status)) => (status.code, status.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_member_gets_and_has_is_shown_without_values_of_secrets() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.commit(&[("app/secret.yaml", Some(SECRET))]);
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;

    let rendering = get(&stage, "renderings/app.a").await.unwrap();
    let objects = rendering["units"][0]["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 4, "{rendering}");
    let text = rendering.to_string();
    assert!(!text.contains("hunter2") && !text.contains(STANDARD.encode("hunter2").as_str()), "{text}");
    assert!(text.contains("(hidden: 7 bytes, "), "{text}");
    assert!(objects.iter().all(|object| model::object::label(object, "kurator.dev/hub").is_some()));
    assert!(rendering["units"][0]["revision"].as_str().unwrap().starts_with("main@sha1:"));
    for (name, code) in [("app.nope", 404), ("app", 404), ("none.a", 404)] {
        assert_eq!(status(get(&stage, &format!("renderings/{name}")).await).0, code, "{name}");
    }

    let same = comparison(&stage, "comparisons/app").await;
    assert_eq!((same.summary.members, same.summary.differing, same.summary.unknown), (2, 0, 0), "{same:?}");

    // What is only observed stays as people leave it.
    let mut observed = stage.application();
    observed["spec"]["syncPolicies"][0]["kustomization"]["suspend"] = json!(true);
    stage.apply(observed).await.unwrap();
    until("members to be only observed", async || {
        let reports = ["a", "b"].map(|m| stage.hub.controllers().feed.reports_in(&m.parse().unwrap()));
        let is_observed = |r: &std::sync::Arc<api::feed::UnitReport>| r.phase == api::delivery::UnitPhase::Suspended;
        match reports.iter().all(|reports| reports.iter().any(is_observed)) {
            true => Ok(()),
            false => Err(format!("{reports:?}")),
        }
    })
    .await;
    let by_hand = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("b").client(), "app");
    maps.patch("settings", &by_hand, &Patch::Merge(json!({"data": {"value": "by hand"}}))).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(stage.member("a").client(), "app");
    deployments.delete("web", &DeleteParams::background()).await.unwrap();
    until("the Deployment to be gone", async || match deployments.get_opt("web").await.unwrap() {
        None => Ok(()),
        Some(still) => Err(format!("{:?}", still.metadata)),
    })
    .await;
    let differs = comparison(&stage, "comparisons/app").await;
    assert_eq!(words(&differs), ["a: + Deployment.apps app/web", "b: ~ ConfigMap app/settings"]);
    assert_eq!((differs.summary.differing, differs.summary.added, differs.summary.changed), (2, 1, 1));
    let field = &differs.groups[1].objects[0].fields[0];
    assert_eq!((field.path.as_str(), field.by.as_deref()), ("data.value", Some("somebody")));
    assert_eq!((field.from.as_deref(), field.to.as_deref()), (Some("\"by hand\""), Some("\"one\"")));
    let one = comparison(&stage, "comparisons/app?member=b").await;
    assert_eq!((one.summary.members, words(&one)), (1, vec!["b: ~ ConfigMap app/settings".to_owned()]));

    // A member that does not answer is not the same.
    stage.member("b").unplug().await;
    until("b to be unknown", async || {
        let seen = comparison(&stage, "comparisons/app").await;
        match seen.unknown.iter().any(|unknown| unknown.members == ["b".parse().unwrap()]) {
            true => Ok(()),
            false => Err(format!("{seen:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_says_what_a_commit_or_an_edit_would_do_and_writes_nothing() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let fleets: Api<Fleet> = Api::namespaced(stage.client(), "default");
    let before = fleets.get("f").await.unwrap();

    let commit = stage.commit_on(
        "next",
        &[
            ("app/settings.yaml", Some(&settings("two"))),
            ("app/web.yaml", None),
            ("app/more.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: app}\n")),
        ],
    );
    let expect = ["a b: - Deployment.apps app/web, ~ ConfigMap app/settings, + ConfigMap app/more"];
    for name in ["next", commit.as_str(), "refs/heads/next"] {
        let next = preview(&stage, json!({"application": "app", "commit": name})).await.unwrap();
        assert_eq!(words(&next), expect, "{name}");
        let summary = &next.summary;
        let counts = (summary.members, summary.added, summary.changed, summary.deleted, summary.held);
        assert_eq!(counts, (2, 2, 2, 2, 0), "{name}");
        assert!(next.groups[0].to.ends_with(&commit), "{next:?}");
    }
    let only = preview(&stage, json!({"application": "app", "commit": "next", "member": "a"})).await.unwrap();
    assert_eq!((only.summary.members, only.summary.deleted), (1, 1));
    stage.commit_on(
        "empty",
        &[
            ("app/settings.yaml", None),
            ("app/web.yaml", None),
            ("app/namespace.yaml", None),
            ("app/kustomization.yaml", Some("resources: []\n")),
        ],
    );
    let empty = preview(&stage, json!({"application": "app", "commit": "empty"})).await.unwrap();
    assert_eq!((empty.summary.deleted, empty.summary.held), (6, 6), "{empty:?}");
    assert!(empty.groups[0].held.contains("nothing would be left of it"), "{empty:?}");

    // A typo in a selector, as in issue 8: held, and said with the label.
    let mut typo = stage.application();
    typo["spec"]["destination"]["clusterSelector"] = json!({"matchLabels": {"name": "bb"}});
    let edit = preview(&stage, json!({"objects": [typo]})).await.unwrap();
    let held: Vec<_> = edit.placements.iter().map(|p| (p.change, p.members.len(), p.reason.as_str())).collect();
    assert_eq!(
        held,
        [
            (Placing::Held, 1, "label name is \"a\", the selector wants \"bb\""),
            (Placing::Held, 1, "label name is \"b\", the selector wants \"bb\""),
        ]
    );
    assert_eq!(edit.summary.held, edit.summary.deleted);
    // A Fleet without a member; the Applications that name it are found.
    let shorter = json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet", "metadata": {"name": "f"},
        "spec": {"clusters": [{"kind": "AttachedCluster", "name": "a"}]}});
    let edit = preview(&stage, json!({"objects": [shorter]})).await.unwrap();
    assert_eq!(
        (edit.placements[0].change, edit.placements[0].reason.as_str()),
        (Placing::Held, "fleet f does not list it")
    );
    // One more directory is one more policy: what comes is listed.
    let mut second = stage.application();
    let policy = json!({"name": "q", "kustomization": {"interval": "5m", "path": "./app", "prune": true, "targetNamespace": "other"}});
    second["spec"]["syncPolicies"].as_array_mut().unwrap().push(policy);
    let edit = preview(&stage, json!({"objects": [second]})).await.unwrap();
    assert_eq!((edit.placements[0].change, edit.placements[0].policy.as_str()), (Placing::Comes, "q"));
    assert!(edit.summary.added > 0 && edit.summary.deleted == 0, "{edit:?}");

    for (spec, code, said) in [
        (json!({"application": "app", "commit": "nope"}), 422, "nope"),
        (json!({"application": "none", "commit": "next"}), 404, "there is no Application none"),
        (
            json!({"application": "app", "commit": "next", "member": "nope"}),
            404,
            "app/app is not placed in member nope",
        ),
        (
            json!({"objects": [stage.application()], "member": "nope"}),
            404,
            "no Application that the edit concerns is placed in member nope, or would be",
        ),
        (json!({}), 422, "nothing to preview"),
        (json!({"application": "app"}), 422, "spec.commit"),
        (json!({"comit": "x"}), 422, "unknown field `comit`"),
        (
            json!({"objects": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}]}),
            422,
            "spec.objects[0].kind",
        ),
        (
            json!({"objects": [{"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet", "metadata": {"name": "f"},
                "spec": {"clusters": "all"}}]}),
            422,
            "spec.clusters",
        ),
    ] {
        let (found, message) = status(preview(&stage, spec.clone()).await);
        assert!(found == code && message.contains(said), "{spec}: {found} {message}");
    }
    assert_eq!(fleets.get("f").await.unwrap().metadata.resource_version, before.metadata.resource_version);
    stage.synced().await;
}

/// Waits until what members say of an object, by name, is this.
async fn said_of(stage: &Stage, name: &str, sync: api::feed::SyncState) {
    until(&format!("{name} to be {sync:?}"), async || {
        let members = stage.members.iter().map(|member| member.name().parse().unwrap());
        let reports: Vec<_> = members.flat_map(|m| stage.hub.controllers().feed.reports_in(&m)).collect();
        let rows = reports.iter().flat_map(|report| &report.details).filter(|row| row.key.name == name);
        let all: Vec<_> = rows.map(|row| row.sync).collect();
        match all.len() == stage.members.len() && all.iter().all(|is| *is == sync) {
            true => Ok(()),
            false => Err(format!("{all:?}")),
        }
    })
    .await;
}

fn map(name: &str, annotations: &Value) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "app", "annotations": annotations}})
    .to_string()
}

/// The application with other settings of its policy.
fn with_policy(stage: &Stage, settings: &Value) -> Value {
    let mut application = stage.application();
    let policy = application["spec"]["syncPolicies"][0]["kustomization"].as_object_mut().unwrap();
    policy.extend(settings.as_object().unwrap().clone());
    application
}

/// What was put off is done by the edit, and not by a commit: the payload stays the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_says_what_goes_when_a_policy_begins_to_prune() {
    use api::feed::SyncState;
    let stage = Stage::new(&["a", "b"]).await;
    let (plain, keeps) = (json!({}), json!({"kurator.dev/on-delete": "orphan"}));
    let names: Vec<String> = (1..=7).map(|n| format!("app/c{n}.yaml")).collect();
    let texts: Vec<String> = (1..=7).map(|n| map(&format!("c{n}"), &plain)).collect();
    let mut files: Vec<_> = names.iter().zip(&texts).map(|(name, text)| (name.as_str(), Some(text.as_str()))).collect();
    let stays = map("stays", &keeps);
    files.push(("app/stays.yaml", Some(&stays)));
    stage.commit(&files);
    stage.apply(with_policy(&stage, &json!({"prune": false}))).await.unwrap();
    stage.synced().await;
    let files = ["app/c1.yaml", "app/c2.yaml", "app/stays.yaml", "app/namespace.yaml"];
    stage.commit(&files.map(|file| (file, None)));
    for name in ["c1", "c2", "stays"] {
        said_of(&stage, name, SyncState::NotPruned).await;
    }
    let prunes = json!({"objects": [with_policy(&stage, &json!({"prune": true}))]});
    let edit = preview(&stage, prunes.clone()).await.unwrap();
    let expect = "a b: - ConfigMap app/c1, - ConfigMap app/c2, o ConfigMap app/stays, o Namespace app";
    assert_eq!(words(&edit), [expect], "{edit:?}");
    assert_eq!((edit.summary.deleted, edit.summary.released, edit.summary.held), (4, 4, 0), "{edit:?}");
    let notes: Vec<&str> = edit.groups[0].objects.iter().map(|object| object.note.as_str()).collect();
    assert_eq!(notes, ["", "", "an annotation on it asks that it stays", "something in it stays"]);

    // The guard weighs what all members lose, whichever of them were asked for.
    stage.commit(&["app/c3.yaml", "app/c4.yaml", "app/c5.yaml", "app/c6.yaml"].map(|file| (file, None)));
    said_of(&stage, "c6", SyncState::NotPruned).await;
    let only = json!({"objects": prunes["objects"], "member": "a"});
    for (spec, deleted) in [(prunes.clone(), 12), (only, 6)] {
        let edit = preview(&stage, spec).await.unwrap();
        assert_eq!((edit.summary.deleted, edit.summary.held), (deleted, deleted), "{edit:?}");
        assert!(edit.groups[0].held.contains("more than a quarter"), "{edit:?}");
    }
    // One that does not answer has what it said last.
    stage.member("b").unplug().await;
    until("b to be lost", async || {
        let cluster: Api<api::karmada::cluster::v1alpha1::Cluster> = Api::all(stage.client());
        let conditions = cluster.get("b").await.unwrap().status.unwrap_or_default().conditions;
        match api::condition::find(&conditions, "Ready") {
            Some(ready) if ready.status == "Unknown" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let edit = preview(&stage, prunes).await.unwrap();
    assert_eq!((edit.summary.deleted, edit.summary.held, edit.summary.unknown), (12, 12, 0), "{edit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_says_what_is_done_when_a_policy_is_resumed_and_of_whom_that_is_not_known() {
    use api::feed::SyncState;
    let mut stage = Stage::new(&["a", "b"]).await;
    let (one, gone) = (map("c1", &json!({})), map("gone", &json!({})));
    stage.commit(&[("app/c1.yaml", Some(&one)), ("app/gone.yaml", Some(&gone))]);
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.apply(with_policy(&stage, &json!({"suspend": true}))).await.unwrap();
    until("members to be only observed", async || {
        let reports = ["a", "b"].map(|m| stage.hub.controllers().feed.reports_in(&m.parse().unwrap()));
        let is_observed = |r: &std::sync::Arc<api::feed::UnitReport>| r.phase == api::delivery::UnitPhase::Suspended;
        match reports.iter().all(|reports| reports.iter().any(is_observed)) {
            true => Ok(()),
            false => Err(format!("{reports:?}")),
        }
    })
    .await;
    let new = map("new", &json!({}));
    let settings = settings("two");
    stage.commit(&[("app/gone.yaml", None), ("app/new.yaml", Some(&new)), ("app/settings.yaml", Some(&settings))]);
    said_of(&stage, "gone", SyncState::PrunePending).await;
    for member in ["a", "b"] {
        let maps: Api<ConfigMap> = Api::namespaced(stage.member(member).client(), "app");
        maps.delete("c1", &DeleteParams::default()).await.unwrap();
    }
    said_of(&stage, "c1", SyncState::Drifted).await;
    let resumed = json!({"objects": [with_policy(&stage, &json!({"suspend": false}))]});
    let edit = preview(&stage, resumed.clone()).await.unwrap();
    let expect = "a b: - ConfigMap app/gone, ~ ConfigMap app/settings, + ConfigMap app/c1, + ConfigMap app/new";
    assert_eq!(words(&edit), [expect], "{edit:?}");
    assert!(
        edit.groups[0].objects[1].note.starts_with("it was not applied while its policy was suspended"),
        "{edit:?}"
    );
    // As it is, nothing would change.
    let same = preview(&stage, json!({"objects": [with_policy(&stage, &json!({"suspend": true}))]})).await.unwrap();
    assert!(words(&same).is_empty() && same.summary.unknown == 0, "{same:?}");

    // A hub that starts does not know what a member has that is silent.
    stage.member("b").unplug().await;
    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    until("a to have said what it has, and b not", async || {
        let edit = preview(&stage, resumed.clone()).await.map_err(|error| error.to_string())?;
        let unknown: Vec<_> = edit.unknown.iter().map(|u| (u.members.len(), u.message.as_str())).collect();
        match (&words(&edit)[..], &unknown[..]) {
            ([a], [(1, why)]) if *a == expect.replace("a b:", "a:") && why.contains("has not said so") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

/// Issue 8: adoption is said before and after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_says_which_objects_are_there_already_and_what_becomes_of_them() {
    let stage = Stage::new(&["a", "b", "c"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let map = |data: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "app"}, "data": {"a": data}});
    let deployment = |image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "namespace": "app"}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "api"}}, "template": {"metadata": {"labels": {"app": "api"}},
                "spec": {"containers": [{"name": "api", "image": image}]}}}})
    };
    for member in ["a", "b"] {
        let client = stage.member(member).client();
        crate::stage::apply(&client, map("old")).await.unwrap();
        crate::stage::apply(&client, deployment("httpd")).await.unwrap();
    }
    let (map, api) = (map("new").to_string(), deployment("nginx").to_string());
    stage.commit_on("next", &[("app/theirs.yaml", Some(map.as_str())), ("app/api.yaml", Some(api.as_str()))]);
    let next = preview(&stage, json!({"application": "app", "commit": "next"})).await.unwrap();
    let expect = [
        "a b: ! Deployment.apps app/api, a ConfigMap app/theirs",
        "c: + ConfigMap app/theirs, + Deployment.apps app/api",
    ];
    assert_eq!(words(&next), expect, "{next:?}");
    let summary = &next.summary;
    assert_eq!((summary.added, summary.adopted, summary.left_alone, summary.changed), (2, 2, 2, 0));
    let [refused, adopted] = &next.groups[0].objects[..] else { panic!("{next:?}") };
    assert!(refused.note.starts_with("AdoptionRefused: it was there before"), "{refused:?}");
    assert!(refused.note.contains("kurator.dev/adopt: overwrite"), "{refused:?}");
    assert_eq!(adopted.fields.iter().map(|field| field.path.as_str()).collect::<Vec<_>>(), ["data.a"]);
    assert!(adopted.note.contains("given back later instead of deleted"), "{adopted:?}");

    // A member that does not answer is not the same as one that has nothing.
    stage.member("c").unplug().await;
    until("it to be said that c was not asked", async || {
        let next = preview(&stage, json!({"application": "app", "commit": "next"})).await.unwrap();
        let notes: Vec<_> = next.groups.iter().flat_map(|group| &group.objects).map(|object| &object.note).collect();
        match notes.iter().any(|note| note.starts_with("not known whether it is there already: ")) {
            true => Ok(()),
            false => Err(format!("{notes:?}")),
        }
    })
    .await;
}

/// The Deployment of the stage with another selector, which cannot change.
fn web_of(selector: &str) -> String {
    let labels = json!({"app": selector});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "app"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "web", "image": "example/web:1"}]}}}})
    .to_string()
}

/// Which objects differ in all members, and what is said of the first one.
fn only_group(differences: &Differences) -> (String, &str) {
    let [group] = &differences.groups[..] else { panic!("{differences:?}") };
    (words(differences).remove(0), &group.objects[0].note)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_says_what_is_refused_and_what_force_deletes_and_makes_again() {
    const FIXED: &str = "spec.selector cannot change";
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let (web, settings) = (web_of("web2"), settings("two"));
    stage.commit_on("next", &[("app/web.yaml", Some(&web)), ("app/settings.yaml", Some(&settings))]);
    let commit = json!({"application": "app", "commit": "next"});
    let next = preview(&stage, commit.clone()).await.unwrap();
    let (said, note) = only_group(&next);
    assert_eq!(said, "a b: ! Deployment.apps app/web, ~ ConfigMap app/settings", "{next:?}");
    let advice = "set `force: true` to have it deleted and made again";
    assert_eq!(note, format!("refused: {FIXED}; it is not applied; {advice}"));
    assert!(!next.groups[0].objects[0].fields.is_empty(), "{next:?}");
    assert_eq!((next.summary.left_alone, next.summary.changed, next.summary.replaced), (2, 2, 0), "{next:?}");

    // Forced by the policy, and by an annotation on the object.
    let forced = with_policy(&stage, &json!({"force": true}));
    let both = json!({"application": "app", "commit": "next", "objects": [forced]});
    let both = preview(&stage, both).await.unwrap();
    let is_replaced = |differences: &Differences| {
        let (said, note) = only_group(differences);
        assert_eq!(said, "a b: ± Deployment.apps app/web, ~ ConfigMap app/settings", "{differences:?}");
        assert_eq!(note, format!("{FIXED}, and `force` asks for it"));
        assert_eq!((differences.summary.replaced, differences.summary.changed), (2, 2), "{differences:?}");
    };
    is_replaced(&both);
    let mut annotated: Value = serde_json::from_str(&web).unwrap();
    annotated["metadata"]["annotations"] = json!({"kustomize.toolkit.fluxcd.io/force": "enabled"});
    let annotated = annotated.to_string();
    stage.commit_on("flux", &[("app/web.yaml", Some(&annotated)), ("app/settings.yaml", Some(&settings))]);
    is_replaced(&preview(&stage, json!({"application": "app", "commit": "flux"})).await.unwrap());
    // Nothing was written, and nothing is refused yet.
    let edit = json!({"objects": [forced]});
    assert!(words(&preview(&stage, edit.clone()).await.unwrap()).is_empty());

    // What is refused now, the edit has deleted and made again.
    stage.commit(&[("app/web.yaml", Some(&web))]);
    said_of(&stage, "web", api::feed::SyncState::Failed).await;
    let edited = preview(&stage, edit.clone()).await.unwrap();
    let (said, note) = only_group(&edited);
    assert_eq!(
        (said.as_str(), note),
        ("a b: ± Deployment.apps app/web", &*format!("{FIXED}, and `force` asks for it"))
    );
    assert!(edited.summary.differs() && edited.notes.is_empty(), "{edited:?}");
    let uid = async |member: &str| {
        let deployments: Api<Deployment> = Api::namespaced(stage.member(member).client(), "app");
        deployments.get("web").await.unwrap().metadata.uid
    };
    let before = uid("a").await;
    stage.apply(forced).await.unwrap();
    stage.synced().await;
    assert_ne!(before, uid("a").await);
    // Who looks later is told: an Event for each member.
    until("the Events", async || {
        let found = crate::event::events(&stage).await.get("Application app Renewed").copied();
        if found == Some(2) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_says_what_a_member_refuses_of_what_was_there_before_and_what_is_refused_in_a_silent_member() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let secret = |type_: &str, value: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "namespace": "app"},
            "type": type_, "stringData": {"password": value}})
    };
    for member in ["a", "b"] {
        crate::stage::apply(&stage.member(member).client(), secret("example.com/old", "hunter1")).await.unwrap();
    }
    let (theirs, web) = (secret("example.com/new", "hunter2").to_string(), web_of("web2"));
    stage.commit_on("next", &[("app/theirs.yaml", Some(&theirs))]);
    let forced = with_policy(&stage, &json!({"force": true}));
    let next = json!({"application": "app", "commit": "next", "objects": [forced]});
    let next = preview(&stage, next).await.unwrap();
    let (said, note) = only_group(&next);
    assert_eq!(said, "a b: ! Secret app/theirs", "{next:?}");
    let expect =
        "refused: type cannot change; it is not applied; it existed before us, so it is not deleted; delete it by hand";
    assert_eq!(note, expect);
    assert!(!format!("{next:?}").contains("hunter"), "{next:?}");

    // One that does not answer has what it said last.
    stage.commit(&[("app/web.yaml", Some(&web))]);
    said_of(&stage, "web", api::feed::SyncState::Failed).await;
    stage.member("b").unplug().await;
    until("b to be lost", async || {
        let edit = preview(&stage, json!({"objects": [forced]})).await.unwrap();
        let notes: Vec<_> = edit.groups.iter().map(|group| group.objects[0].note.clone()).collect();
        match words(&edit) == ["a: ± Deployment.apps app/web", "b: ± Deployment.apps app/web"] {
            true if notes[1] == "a field cannot change, and `force` asks for it" && edit.notes.is_empty() => Ok(()),
            _ => Err(format!("{edit:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_must_be_allowed_to_read_and_to_edit_what_is_asked_about() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let rule = |group: &str, resource: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
    let role = |name: &str, rules: Vec<Value>| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": name, "namespace": "default"}, "rules": rules})
    };
    let binding = |name: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": "default"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]})
    };
    let views = || {
        vec![
            rule("view.kurator.dev", "renderings", &["get"]),
            rule("view.kurator.dev", "comparisons", &["get"]),
            rule("view.kurator.dev", "heldlists", &["get"]),
            rule("view.kurator.dev", "previews", &["create"]),
        ]
    };
    let applications = |verbs: &[&str]| rule("apps.kurator.dev", "applications", verbs);
    let may_read = [views(), vec![applications(&["get", "list"])]].concat();
    let may_edit = [may_read.clone(), vec![applications(&["update"])]].concat();
    for (name, rules) in [("blind", views()), ("reader", may_read), ("editor", may_edit)] {
        stage.apply(role(name, rules)).await.unwrap();
        stage.apply(binding(name)).await.unwrap();
    }
    let code = |answer: Result<Value, kube::Error>| match answer {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(other) => panic!("{other}"),
    };
    for (user, reads, edits) in [("blind", 403, 403), ("reader", 200, 403), ("editor", 200, 200)] {
        for path in ["renderings/app.a", "comparisons/app", "heldlists/app"] {
            let request = Request::get(format!("{VIEWS}/{path}")).header("impersonate-user", user);
            let answer = stage.client().request::<Value>(request.body(Vec::new()).unwrap()).await;
            assert_eq!(code(answer), reads, "{user} {path}");
        }
        for spec in [json!({"application": "app", "commit": "main"}), json!({"objects": [stage.application()]})] {
            let request = Request::builder().header("impersonate-user", user);
            let answer = ask(&stage, request, &spec).await.map(|_| json!({}));
            assert_eq!(code(answer), edits, "{user} {spec}");
        }
    }
}

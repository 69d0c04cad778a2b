//! From a commit to members, and back.

use api::kurator::apps::v1alpha1::{Application, HeldDeletions};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::stage::{Stage, settings, until};

fn settings_of(stage: &Stage, member: &str) -> Api<ConfigMap> {
    Api::namespaced(stage.member(member).client(), "app")
}

async fn value(stage: &Stage, member: &str) -> Option<String> {
    let map = settings_of(stage, member).get_opt("settings").await.unwrap()?;
    map.data?.get("value").cloned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_reaches_every_member_and_a_hand_edit_is_reverted_and_reported() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    assert_eq!(value(&stage, "a").await.as_deref(), Some("one"));
    stage.commit(&[("app/settings.yaml", Some(&settings("two")))]);
    stage.synced().await;
    for member in ["a", "b"] {
        assert_eq!(value(&stage, member).await.as_deref(), Some("two"));
    }

    let params = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"data": {"value": "by hand"}}));
    settings_of(&stage, "b").patch("settings", &params, &patch).await.unwrap();
    until("the edit to be reverted", async || match value(&stage, "b").await.as_deref() {
        Some("two") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let drift = until("the report", async || {
        let reports = stage.hub.controllers().feed.reports_in(&"b".parse().unwrap());
        reports.iter().find_map(|r| r.last_drift.clone()).ok_or(format!("{reports:?}"))
    })
    .await;
    assert!(drift.reverted && drift.object.contains("settings"));
    assert_eq!(drift.fields[0].manager.as_deref(), Some("somebody"));
    assert!(drift.fields[0].path.contains("value"), "{drift:?}");
}

/// Approves a list of the Application.
async fn approve(stage: &Stage, digest: &str) {
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    let patch = json!({"metadata": {"annotations": {api::kurator::annotation::APPROVE: digest}}});
    app.patch("app", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

/// Waits until an edit is held, and says with which list.
async fn held_by_edit(stage: &Stage) -> HeldDeletions {
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    until("the edit to be held", async || {
        let status = app.get("app").await.unwrap().status.unwrap_or_default();
        let held = status.held.into_iter().find(|list| list.reason == api::reason::EDIT_REMOVES_MEMBERS);
        held.ok_or(format!("{:?}", status.conditions))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_directory_deletes_nothing_until_exactly_that_list_is_approved() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.commit(&[("app/settings.yaml", None), ("app/web.yaml", None), ("app/namespace.yaml", None)]);
    stage.ready("False", "DeletionsHeld").await;
    let held = until("both members' lists", async || {
        let app: Api<Application> = Api::namespaced(stage.client(), "default");
        let held = app.get("app").await.unwrap().status.unwrap().held;
        match held.as_slice() {
            [one] if one.count == 6 => Ok(one.clone()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(value(&stage, "a").await.is_some() && value(&stage, "b").await.is_some(), "nothing is deleted");

    approve(&stage, "sha256:0000000000000000000000000000000000000000000000000000000000000000").await;
    stage.polled(2).await;
    assert!(value(&stage, "a").await.is_some(), "an approval of another list releases nothing");
    approve(&stage, &held.digest).await;
    until("the deletions", async || match (value(&stage, "a").await, value(&stage, "b").await) {
        (None, None) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    stage.synced().await;
}

/// Its manifest is removed by mistake, and what is in it stays in the source.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_whose_manifest_alone_is_removed_stays_the_applications_own() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let report = || stage.hub.controllers().feed.reports_in(&"a".parse().unwrap()).remove(0);
    stage.commit(&[("app/namespace.yaml", None)]);
    stage.synced().await;
    until("it to be said", async || match report().message.clone() {
        said if said.starts_with("Namespace app stays, since it has ") => Ok(()),
        other => Err(other),
    })
    .await;
    let objects = report().objects;
    assert_eq!((objects.desired, objects.inventory, objects.adopted), (2, 3, 0));
    stage.commit(&[("app/namespace.yaml", Some("apiVersion: v1\nkind: Namespace\nmetadata: {name: app}\n"))]);
    stage.synced().await;
    let objects = report().objects;
    assert_eq!((objects.desired, objects.inventory, objects.adopted), (3, 3, 0), "it was never given back");
    // It goes with what is in it, and not without a word.
    stage.commit(&[("app/namespace.yaml", None)]);
    stage.synced().await;
    let apps: Api<Application> = Api::namespaced(stage.client(), "default");
    apps.delete("app", &DeleteParams::default()).await.unwrap();
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(stage.member("a").client());
    until("the Namespace to go", async || match namespaces.get_opt("app").await.unwrap() {
        None => Ok(()),
        Some(namespace) => Err(format!("{:?}", namespace.metadata)),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_stays_when_a_commit_cannot_be_rendered() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.commit(&[("app/settings.yaml", Some("kind: ConfigMap\nmetadata: {name: settings}\n"))]);
    let ready = stage.ready("False", "BuildFailed").await;
    assert!(ready.message.contains("app/settings.yaml"), "{}", ready.message);
    assert_eq!(value(&stage, "a").await.as_deref(), Some("one"));
    stage.commit(&[("app/settings.yaml", Some(&settings("three")))]);
    stage.synced().await;
    assert_eq!(value(&stage, "a").await.as_deref(), Some("three"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typo_in_a_selector_a_fleet_that_is_emptied_and_policies_that_are_removed_delete_nothing() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let mut typo = stage.application();
    typo["spec"]["destination"]["clusterSelector"] = json!({"matchLabels": {"kubernetes.io/arch": "arm"}});
    let mut no_policies = stage.application();
    no_policies["spec"]["syncPolicies"] = json!([]);
    for (edit, message) in [
        (Some(typo), "label kubernetes.io/arch is missing, the selector wants \"arm\""),
        (Some(no_policies), "policy p was removed or renamed"),
        (None, "fleet f is empty"),
    ] {
        match edit {
            Some(application) => drop(stage.apply(application).await.unwrap()),
            None => stage.fleet(&[]).await,
        }
        let held = held_by_edit(&stage).await;
        assert_eq!((held.causes[0].message.as_str(), held.causes[0].members, held.count), (message, 2, 6));
        assert_eq!(held.members, ["a: 3 objects", "b: 3 objects"]);
        let tree = crate::green::tree(&stage, "namespaces/default/trees/app").await;
        let units: Vec<&str> = tree["units"].as_array().unwrap().iter().filter_map(|u| u["member"].as_str()).collect();
        assert_eq!(units, ["a", "b"], "{message}: what is held is shown: {tree}");
        stage.polled(2).await;
        for member in ["a", "b"] {
            assert_eq!(value(&stage, member).await.as_deref(), Some("one"), "{message}: {member} keeps what it has");
        }
        // Taken back, all is as it was.
        stage.apply(stage.application()).await.unwrap();
        stage.fleet(&["a", "b"]).await;
        stage.synced().await;
        assert!(stage.condition("DeletionsHeld").await.is_none(), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_leaves_the_fleet_loses_what_was_put_there_once_approved_and_a_detached_one_keeps_it() {
    let stage = Stage::new(&["a", "b", "c"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.fleet(&["a", "c"]).await;
    let held = held_by_edit(&stage).await;
    assert_eq!(held.members, ["b: 3 objects"]);
    assert!(value(&stage, "b").await.is_some());
    approve(&stage, &held.digest).await;
    until("b to be emptied", async || match value(&stage, "b").await {
        None => Ok(()),
        some => Err(format!("{some:?}")),
    })
    .await;
    assert!(value(&stage, "a").await.is_some());

    let attached: Api<api::kurator::cluster::v1alpha1::AttachedCluster> = Api::namespaced(stage.client(), "default");
    attached.delete("c", &DeleteParams::default()).await.unwrap();
    let clusters: Api<api::karmada::cluster::v1alpha1::Cluster> = Api::all(stage.client());
    until("the record of c to go", async || match clusters.get_opt("c").await.unwrap() {
        None => Ok(()),
        Some(c) => Err(c.name_any()),
    })
    .await;
    stage.polled(2).await;
    assert!(value(&stage, "c").await.is_some(), "nothing is deleted in a detached member");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_application_takes_its_objects_along_and_an_unplugged_member_follows_later() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.member("b").unplug().await;
    stage.ready("Unknown", "MemberUnknown").await;
    let apps: Api<api::kurator::apps::v1alpha1::Application> = Api::namespaced(stage.client(), "default");
    apps.delete("app", &DeleteParams::default()).await.unwrap();
    until("the Application to go", async || match apps.get_opt("app").await.unwrap() {
        None => Ok(()),
        Some(app) => Err(format!("{:?}", app.metadata.finalizers)),
    })
    .await;
    assert_eq!(value(&stage, "a").await, None);
    assert!(value(&stage, "b").await.is_some(), "it cannot be asked");
    stage.member("b").plug().await.unwrap();
    until("b to follow", async || match value(&stage, "b").await {
        None => Ok(()),
        some => Err(format!("{some:?}")),
    })
    .await;
    let decisions: Api<api::delivery::Decision> = Api::namespaced(stage.client(), "default");
    until("the tombstone to go", async || {
        match decisions.list(&kube::api::ListParams::default()).await.unwrap().items {
            items if items.is_empty() => Ok(()),
            items => Err(format!("{items:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_that_are_not_honoured_are_named() {
    let stage = Stage::new(&["a"]).await;
    let mut application = stage.application();
    application["spec"]["syncPolicies"][0]["kustomization"]["dependsOn"] = json!([{"name": "x"}]);
    stage.apply(application).await.unwrap();
    stage.synced().await;
    let condition = stage.condition("NotImplemented").await.unwrap();
    assert!(condition.message.contains("spec.syncPolicies[0].kustomization.dependsOn"), "{}", condition.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_goes_away_is_not_waited_for_before_the_others_delete() {
    let stage = Stage::new(&["a", "b"]).await;
    let extra = settings("one").replace("name: settings", "name: extra");
    stage.commit(&[("app/extra.yaml", Some(&extra))]);
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    // It still counts as reachable when the commit comes, and never says what it would delete.
    stage.member("b").unplug().await;
    stage.commit(&[("app/extra.yaml", None)]);
    until("a to delete it", async || match settings_of(&stage, "a").get_opt("extra").await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is still there".to_owned()),
    })
    .await;
    assert!(settings_of(&stage, "b").get_opt("extra").await.unwrap().is_some());
}

/// Everything that waits, as the hub names it: `members: objects`, one for each group, and how many members have no names.
async fn named(stage: &Stage) -> (Vec<String>, usize) {
    let path = "/apis/view.kurator.dev/v1alpha1/namespaces/default/heldlists/app?uids=true";
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    let answer: serde_json::Value = stage.client().request(request).await.unwrap();
    let all: api::view::HeldList = serde_json::from_value(answer).unwrap();
    let mut out = Vec::new();
    for group in all.lists.iter().flat_map(|list| &list.groups) {
        let members: Vec<&str> = group.members.iter().map(model::MemberName::as_str).collect();
        let objects: Vec<String> = group.objects.iter().map(|o| format!("{} {}", o.kind, o.name)).collect();
        let away = if group.away { " (away)" } else { "" };
        out.push(format!("{}{away}: {}", members.join(" "), objects.join(", ")));
        assert!(group.uids.values().all(|uids| uids.len() == objects.len()), "{group:?}");
    }
    (out, all.lists.iter().flat_map(|list| &list.unnamed).map(|unnamed| unnamed.members.len()).sum())
}

/// Waits until so many deletions are held, and says with which list.
async fn held(stage: &Stage, count: u32) -> HeldDeletions {
    let app: Api<Application> = Api::namespaced(stage.client(), "default");
    until("the whole list", async || {
        let held = app.get("app").await.unwrap().status.unwrap_or_default().held;
        match held.as_slice() {
            [one] if one.count == count => Ok(one.clone()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_away_is_in_the_list_and_one_approval_is_enough() {
    let stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    stage.member("b").unplug().await;
    stage.ready("Unknown", "MemberUnknown").await;
    stage.commit(&[("app/settings.yaml", None), ("app/web.yaml", None), ("app/namespace.yaml", None)]);
    let list = held(&stage, 6).await;
    assert_eq!((list.away.as_slice(), list.away_count), (&["b".to_owned()][..], 1), "{list:?}");
    assert!(
        list.members[1].starts_with("b: ") && list.members[1].ends_with("(away: done when it answers)"),
        "{list:?}"
    );
    let objects = "Namespace app, ConfigMap settings, Deployment web";
    let mut all = named(&stage).await;
    all.0.iter_mut().for_each(|line| *line = sorted(line));
    assert_eq!(all, (vec![sorted(&format!("a: {objects}")), sorted(&format!("b (away): {objects}"))], 0));

    approve(&stage, &list.digest).await;
    until("a to be emptied", async || match value(&stage, "a").await {
        None => Ok(()),
        some => Err(format!("{some:?}")),
    })
    .await;
    until("nothing to be held", async || match stage.condition("DeletionsHeld").await {
        None => Ok(()),
        Some(condition) => Err(condition.message),
    })
    .await;
    assert!(value(&stage, "b").await.is_some(), "it cannot be asked");
    // It has one object less by then, and goes on without another word.
    stage.member("b").plug().await.unwrap();
    until("b to follow", async || match value(&stage, "b").await {
        None => Ok(()),
        some => Err(format!("{some:?}")),
    })
    .await;
    stage.synced().await;
    assert!(stage.condition("DeletionsHeld").await.is_none());
}

/// A line of [`named`], its objects in order.
fn sorted(line: &str) -> String {
    let (head, objects) = line.split_once(": ").unwrap();
    let mut objects: Vec<&str> = objects.split(", ").collect();
    objects.sort_unstable();
    format!("{head}: {}", objects.join(", "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_policy_hands_over_and_nothing_is_held() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let before = settings_of(&stage, "a").get("settings").await.unwrap().metadata.uid;
    let mut renamed = stage.application();
    renamed["spec"]["syncPolicies"][0]["name"] = json!("q");
    stage.apply(renamed).await.unwrap();
    until("q to have taken over", async || {
        let reports = stage.hub.controllers().feed.reports_in(&"a".parse().unwrap());
        match reports.as_slice() {
            [one] if one.unit.policy.as_deref() == Some("q") && one.objects.applied == 3 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    until("q to be healthy", async || {
        let reports = stage.hub.controllers().feed.reports_in(&"a".parse().unwrap());
        match reports.as_slice() {
            [one] if one.health == api::delivery::Health::Healthy => Ok(()),
            other => Err(format!("{other:#?}")),
        }
    })
    .await;
    stage.synced().await;
    assert!(stage.condition("DeletionsHeld").await.is_none());
    assert_eq!(settings_of(&stage, "a").get("settings").await.unwrap().metadata.uid, before, "it is the same object");
}

/// They are named by their places, so that the second one gets the name of the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_of_two_policies_without_names_that_is_taken_out_deletes_nothing_without_a_word() {
    let stage = Stage::new(&["a"]).await;
    stage.commit(&[("other/one.yaml", Some(&settings("one").replace("settings", "other")))]);
    let policy = |path: &str| json!({"kustomization": {"interval": "5m", "path": path, "prune": true}});
    let with = |policies: serde_json::Value| {
        let mut application = stage.application();
        application["spec"]["syncPolicies"] = policies;
        application
    };
    stage.apply(with(json!([policy("./app"), policy("./other")]))).await.unwrap();
    stage.synced().await;
    stage.apply(with(json!([policy("./other")]))).await.unwrap();
    let held = until("the deletions to be held", async || {
        let condition = stage.condition("DeletionsHeld").await;
        condition
            .filter(|condition| condition.message.contains("its name is that of a place"))
            .ok_or_else(|| "nothing is held".to_owned())
    })
    .await;
    assert!(held.message.contains("ConfigMap app/settings"), "{}", held.message);
    stage.polled(2).await;
    assert_eq!(value(&stage, "a").await.as_deref(), Some("one"), "what the first one had is there");
    assert!(settings_of(&stage, "a").get_opt("other").await.unwrap().is_some(), "and what the second one has");
    // Taken back, nothing is left to approve.
    stage.apply(with(json!([policy("./app"), policy("./other")]))).await.unwrap();
    stage.synced().await;
    assert!(stage.condition("DeletionsHeld").await.is_none());
    assert_eq!(value(&stage, "a").await.as_deref(), Some("one"));
}

//! Nothing broken is green: every fault that a member, a source, an object or a person can cause, against every place that
//! shows a state.
//!
//! Members and the git server have their faults as enums: a new one does not build before it has a row here.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use api::condition;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::fleet::v1alpha1::Fleet;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use member_sim::{Member, Options, Pace};
use model::{Clock, Timestamp};
use plan::state::{Said, State};
use serde_json::{Value, json};

use crate::member::limited;
use crate::stage::{Stage, settings, until};

/// How soon nothing may be green any more: what DESIGN promises of members, and what a busy machine with two cores adds.
const WITHIN: Duration = Duration::from_secs(15 + 10);

/// A place that shows a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    // Of the member
    ColumnOfCluster,
    ColumnOfAttachedCluster,
    StatusOfMember,
    TreeOfMember,
    /// Its row in the table of `kurator up`, which has the worst of its units as well. The line of the application below it is
    /// [`StatusOfApplication`].
    RowOfUp,
    // Of its fleet
    ColumnOfFleet,
    PhaseOfFleet,
    CountOfFleet,
    // Of the application
    ColumnOfApplication,
    ReasonColumnOfApplication,
    StatusOfApplication,
    TreeOfApplication,
    // Of the application in the member
    CountOfApplication,
    SyncStatus,
    StatusOfUnit,
    TreeOfUnit,
}

use Place::*;

const OF_MEMBER: &[Place] = &[ColumnOfCluster, ColumnOfAttachedCluster, StatusOfMember, TreeOfMember, RowOfUp];
const OF_FLEET: &[Place] = &[ColumnOfFleet, PhaseOfFleet, CountOfFleet];
const OF_APPLICATION: &[Place] =
    &[ColumnOfApplication, ReasonColumnOfApplication, StatusOfApplication, TreeOfApplication];
const OF_UNIT: &[Place] = &[CountOfApplication, SyncStatus, StatusOfUnit, TreeOfUnit, RowOfUp];

/// Every place of these groups.
fn places(groups: &[&[Place]]) -> Vec<Place> {
    groups.concat()
}

/// Where a fault of a member shows.
fn shown(fault: member_sim::Fault) -> Vec<Place> {
    use member_sim::Fault::*;
    match fault {
        Unplugged | NoAnswer | Slow | FailedCalls => places(&[OF_MEMBER, OF_FLEET, OF_APPLICATION, OF_UNIT]),
        // One lost call is tried again, and nothing is broken.
        FailedCall => Vec::new(),
        // The API server is well; what runs on the nodes is not.
        NodesDown => places(&[OF_APPLICATION, OF_UNIT]),
    }
}

/// Where a fault of a source shows. What runs in members stays as it is.
fn shown_of_source(fault: git_server::Fault) -> Vec<Place> {
    use git_server::Fault::*;
    match fault {
        NotFound | Refused | Failing | NoAnswer => places(&[OF_APPLICATION]),
    }
}

/// A row of kubectl's table.
async fn column(stage: &Stage, path: &str, name: &str, column: &str) -> String {
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let request = http::Request::get(format!("{path}/{name}")).header("accept", accept).body(Vec::new()).unwrap();
    let table: Value = match stage.client().request(request).await {
        Ok(table) => table,
        Err(error) => return error.to_string(),
    };
    let headings = table["columnDefinitions"].as_array().unwrap();
    let index = headings.iter().position(|heading| heading["name"] == column);
    let index = index.unwrap_or_else(|| panic!("no column {column} in {headings:?}"));
    table["rows"][0]["cells"][index].as_str().unwrap_or_default().to_owned()
}

pub(crate) async fn tree(stage: &Stage, path: &str) -> Value {
    let request = http::Request::get(format!("/apis/view.kurator.dev/v1alpha1/{path}")).body(Vec::new()).unwrap();
    stage.client().request(request).await.unwrap_or_default()
}

/// What a place shows.
async fn look(stage: &Stage, place: Place) -> String {
    let apps: Api<Application> = Api::namespaced(stage.client(), "default");
    let app = apps.get_opt("app").await.unwrap();
    let generation = app.as_ref().and_then(|app| app.metadata.generation);
    let status = app.and_then(|app| app.status).unwrap_or_default();
    let fleets: Api<Fleet> = Api::namespaced(stage.client(), "default");
    let fleet = fleets.get_opt("f").await.unwrap().and_then(|fleet| fleet.status).unwrap_or_default();
    let name = "a".parse().unwrap();
    let unit = "apps.kurator.dev/Application/default/app/p".parse().unwrap();
    let group = |group: &str, plural: &str| format!("/apis/{group}/v1alpha1/namespaces/default/{plural}");
    match place {
        ColumnOfCluster => column(stage, "/apis/cluster.karmada.io/v1alpha1/clusters", "a", "Ready").await,
        ColumnOfAttachedCluster => column(stage, &group("cluster.kurator.dev", "attachedclusters"), "a", "Ready").await,
        StatusOfMember => {
            let clusters: Api<Cluster> = Api::all(stage.client());
            let record = clusters.get_opt("a").await.unwrap().and_then(|c| c.status).unwrap_or_default();
            let link = stage.hub.controllers().member_link(&name);
            Said::of_member(&record.conditions, link.as_ref()).state.to_string()
        }
        TreeOfMember => text(&tree(stage, "membertrees/a").await["state"]),
        RowOfUp => {
            let row = stage.hub.controllers().member_state(&name);
            let is_on_its_way = row.state == State::Ready && !row.is_settled;
            if is_on_its_way { "joining".to_owned() } else { row.state.to_string() }
        }
        ColumnOfFleet => column(stage, &group("fleet.kurator.dev", "fleets"), "f", "Phase").await,
        PhaseOfFleet => fleet.phase.unwrap_or_default(),
        CountOfFleet => counted(fleet.ready_clusters, fleet.ready_clusters + fleet.un_ready_clusters),
        ColumnOfApplication => column(stage, &group("apps.kurator.dev", "applications"), "app", "Ready").await,
        ReasonColumnOfApplication => column(stage, &group("apps.kurator.dev", "applications"), "app", "Reason").await,
        StatusOfApplication => State::of_object(&status.conditions, generation).to_string(),
        TreeOfApplication => text(&tree(stage, "namespaces/default/trees/app").await["state"]),
        CountOfApplication => {
            let summary = status.summary.unwrap_or_default();
            counted(summary.ready, summary.placed)
        }
        SyncStatus => {
            let entries = status.sync_status.into_iter().filter_map(|entry| entry.kustomization_status);
            let mut states: Vec<State> = entries.map(|entry| State::of_conditions(&entry.conditions)).collect();
            states.sort();
            states.last().map(State::to_string).unwrap_or_default()
        }
        StatusOfUnit => State::of_reason(stage.hub.controllers().unit_ready(&unit, &name).reason).to_string(),
        TreeOfUnit => text(&tree(stage, "namespaces/default/trees/app").await["units"][0]["state"]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A count is green when nothing is missing of it.
fn counted<N: PartialEq + std::fmt::Display>(some: N, all: N) -> String {
    if some == all { "True".to_owned() } else { format!("{some}/{all}") }
}

fn is_green(shown: &str) -> bool {
    ["True", "true", "Ready", "ReconciliationSucceeded", "Healthy", "Applied"].contains(&shown)
}

/// Waits until none of the places is green.
async fn nothing_is_green(stage: &Stage, fault: &str, places: &[Place]) {
    let deadline = tokio::time::Instant::now() + WITHIN;
    loop {
        let mut seen = Vec::new();
        for place in places {
            seen.push((*place, look(stage, *place).await));
        }
        let green: Vec<_> = seen.iter().filter(|(_, shown)| is_green(shown)).collect();
        if green.is_empty() {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{fault}: still green: {green:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a place shows this word.
async fn shows(stage: &Stage, place: Place, word: &str) {
    until(&format!("{place:?} to show {word}"), async || match look(stage, place).await {
        shown if shown == word => Ok(()),
        other => Err(other),
    })
    .await;
}

/// Waits until every place is green: what is checked for not being green must be able to be.
async fn all_is_green(stage: &Stage) {
    let all = places(&[OF_MEMBER, OF_FLEET, OF_APPLICATION, OF_UNIT]);
    until("everything to be green", async || {
        let mut dark = Vec::new();
        for place in &all {
            let shown = look(stage, *place).await;
            if !is_green(&shown) {
                dark.push((*place, shown));
            }
        }
        if dark.is_empty() { Ok(()) } else { Err(format!("{dark:?}")) }
    })
    .await;
}

/// A hub with one member and one application, all green.
async fn green_stage() -> Stage {
    let stage = Stage::new(&["a"]).await;
    start_application(&stage).await;
    stage
}

async fn start_application(stage: &Stage) {
    let mut application = stage.application();
    application["spec"]["source"]["gitRepository"]["timeout"] = json!("2s");
    stage.apply(application).await.unwrap();
    all_is_green(stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_with_any_fault_is_green_nowhere() {
    for fault in member_sim::Fault::ALL {
        let mut stage = Stage::new(&[]).await;
        let pace = Pace { node_grace: Duration::from_secs(1), ..Pace::default() };
        stage.members.push(Member::start(Options { pace, ..Options::new("a") }).await.unwrap());
        stage.attach("a").await;
        stage.fleet(&["a"]).await;
        start_application(&stage).await;
        stage.member("a").set_fault(fault).await;
        let places = shown(fault);
        if places.is_empty() {
            stage.commit(&[("app/settings.yaml", Some(&settings("two")))]);
            stage.synced().await;
            all_is_green(&stage).await;
        }
        nothing_is_green(&stage, &format!("{fault:?}"), &places).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_with_any_fault_shows_wherever_the_application_does() {
    let stage = green_stage().await;
    for fault in git_server::Fault::ALL {
        stage.git.set_fault(Some(fault));
        let places = shown_of_source(fault);
        nothing_is_green(&stage, &format!("{fault:?}"), &places).await;
        shows(&stage, ReasonColumnOfApplication, "FetchFailed").await;
        stage.git.set_fault(None);
        all_is_green(&stage).await;
    }
    let url = |host: &str| {
        let mut application = stage.application();
        application["spec"]["source"]["gitRepository"]["url"] = json!(format!("http://{host}/app.git"));
        application["spec"]["source"]["gitRepository"]["timeout"] = json!("2s");
        application
    };
    // Names below .invalid are never known (RFC 6761); port 1 is nobody's, and no program is given it by chance.
    for host in ["git.invalid", "127.0.0.1:1"] {
        stage.apply(url(host)).await.unwrap();
        nothing_is_green(&stage, host, OF_APPLICATION).await;
        stage.apply(stage.application()).await.unwrap();
        all_is_green(&stage).await;
    }
}

/// A clock that a test can move.
#[derive(Debug, Default)]
struct Moved(AtomicI64);

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        let now = hub::SystemClock.now();
        Timestamp::from_second(now.as_second() + self.0.load(Ordering::Relaxed)).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_credential_does_not_count_any_more_is_unknown_everywhere() {
    let all =
        json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}]);
    let everywhere = places(&[OF_MEMBER, OF_FLEET, OF_APPLICATION, OF_UNIT]);
    for fault in ["the account is deleted", "the token is another one", "the token has expired"] {
        let clock = Arc::new(Moved::default());
        let mut stage = Stage::new(&[]).await;
        let member = Options { clock: clock.clone(), ..Options::new("a") };
        stage.members.push(Member::start(member).await.unwrap());
        let kubeconfig = limited(&stage, "a", all.clone()).await;
        stage.attach_with("a", &kubeconfig, json!({})).await;
        stage.fleet(&["a"]).await;
        start_application(&stage).await;
        match fault {
            "the account is deleted" => {
                let accounts: Api<ServiceAccount> = Api::namespaced(stage.member("a").client(), "default");
                accounts.delete("limited", &DeleteParams::default()).await.unwrap();
            }
            // A credential that does not count does not put away one that does: the old one goes as well.
            "the token is another one" => {
                let accounts: Api<ServiceAccount> = Api::namespaced(stage.member("a").client(), "default");
                accounts.delete("limited", &DeleteParams::default()).await.unwrap();
                let mut config: Value = serde_json::from_str(&kubeconfig).unwrap();
                config["users"][0]["user"]["token"] = json!("revoked");
                stage.attach_with("a", &config.to_string(), json!({})).await;
            }
            _ => {
                // Longer than any token is good for.
                clock.0.store(400 * 24 * 3600, Ordering::Relaxed);
            }
        }
        nothing_is_green(&stage, fault, &everywhere).await;
        for (place, word) in [
            (ColumnOfCluster, "Unknown"),
            (ColumnOfAttachedCluster, "Unknown"),
            (StatusOfMember, "Unknown"),
            (PhaseOfFleet, "Unknown"),
            (ColumnOfApplication, "Unknown"),
            (StatusOfUnit, "Unknown"),
            (CountOfFleet, "0/1"),
            (CountOfApplication, "0/1"),
        ] {
            shows(&stage, place, word).await;
        }
        let clusters: Api<Cluster> = Api::all(stage.client());
        let conditions = clusters.get("a").await.unwrap().status.unwrap().conditions;
        assert_eq!(condition::find(&conditions, "Ready").unwrap().reason, "CredentialRefused", "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_applier_alone_is_kept_out_is_green_nowhere() {
    let stage = Stage::new(&["a"]).await;
    let all =
        json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}]);
    let kubeconfig = limited(&stage, "a", all.clone()).await;
    stage.attach_with("a", &kubeconfig, json!({})).await;
    start_application(&stage).await;
    // No Secrets, in which the inventory is. Rights are asked for again when the connection is made again.
    let few = json!([{"apiGroups": [""], "resources": ["namespaces", "nodes", "pods"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]}]);
    limited(&stage, "a", few).await;
    stage.member("a").unplug().await;
    shows(&stage, ColumnOfCluster, "Unknown").await;
    stage.member("a").plug().await.unwrap();
    // It answers its prober, and refuses what delivers to it.
    shows(&stage, ColumnOfCluster, "False").await;
    shows(&stage, ColumnOfAttachedCluster, "False").await;
    shows(&stage, PhaseOfFleet, "NotReady").await;
    shows(&stage, TreeOfMember, "NotReady").await;
    let everywhere = places(&[OF_MEMBER, OF_FLEET, OF_APPLICATION, OF_UNIT]);
    nothing_is_green(&stage, "the applier is kept out", &everywhere).await;
    let clusters: Api<Cluster> = Api::all(stage.client());
    let conditions = clusters.get("a").await.unwrap().status.unwrap().conditions;
    let said = condition::find(&conditions, "Ready").unwrap();
    assert_eq!(said.reason, "ApplierRefused", "{said:?}");
    assert_eq!(condition::find(&conditions, "Deliverable").unwrap().status, "True", "it is tried on");
    limited(&stage, "a", all).await;
    all_is_green(&stage).await;
}

/// Edits an object, and looks at its `Ready` from the write on: it is never true for a generation that breaks it.
async fn edit_is_never_ready(stage: &Stage, path: &str, edit: Value) {
    let request = |method: &str, body: Vec<u8>| {
        let request =
            http::Request::builder().method(method).uri(path).header("content-type", "application/merge-patch+json");
        request.body(body).unwrap()
    };
    let edited: Value = stage.client().request(request("PATCH", edit.to_string().into_bytes())).await.unwrap();
    let generation = edited["metadata"]["generation"].as_i64().unwrap();
    until(&format!("the edit of {path} to be looked at"), async || {
        let object: Value = stage.client().request(request("GET", Vec::new())).await.unwrap();
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|c| c["type"] == "Ready").unwrap();
        let observed = |value: &Value| value["observedGeneration"].as_i64().unwrap_or_default();
        assert_eq!(observed(&object["status"]), observed(&ready), "{object}");
        if observed(&ready) < generation {
            return Err(ready.to_string());
        }
        // As `kubectl wait --for=condition=Ready` reads it.
        assert_ne!(ready["status"], "True", "{path}: {object}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_breaks_something_is_never_ready_for_its_generation() {
    let stage = green_stage().await;
    let spec =
        |group: &str, plural: &str, name: &str| format!("/apis/{group}/v1alpha1/namespaces/default/{plural}/{name}");
    let app = spec("apps.kurator.dev", "applications", "app");
    for edit in [
        json!({"spec": {"source": {"gitRepository": {"url": "http://git.invalid/app.git"}}}}),
        json!({"spec": {"destination": {"fleet": "absent"}}}),
        json!({"spec": {"source": {"gitRepository": {"suspend": true}}}}),
    ] {
        edit_is_never_ready(&stage, &app, edit).await;
        // An apply takes back what others set, and not what they added.
        let resume = json!({"spec": {"source": {"gitRepository": {"suspend": null}}}});
        let request = http::Request::patch(&app).header("content-type", "application/merge-patch+json");
        let _: Value = stage.client().request(request.body(resume.to_string().into_bytes()).unwrap()).await.unwrap();
        stage.apply(stage.application()).await.unwrap();
        all_is_green(&stage).await;
    }
    let fleet = spec("fleet.kurator.dev", "fleets", "f");
    let list = json!([{"name": "a", "kind": "AttachedCluster"}, {"name": "absent", "kind": "AttachedCluster"}]);
    edit_is_never_ready(&stage, &fleet, json!({"spec": {"clusters": list}})).await;
    stage.fleet(&["a"]).await;
    all_is_green(&stage).await;
    let attached = spec("cluster.kurator.dev", "attachedclusters", "a");
    edit_is_never_ready(&stage, &attached, json!({"spec": {"kubeconfig": {"name": "absent", "key": "value"}}})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_without_a_kubeconfig_and_a_fleet_that_names_nobody_are_green_nowhere() {
    let stage = green_stage().await;
    stage.fleet(&["a", "absent"]).await;
    nothing_is_green(&stage, "a fleet names an absent member", &places(&[OF_FLEET, OF_APPLICATION])).await;
    stage.fleet(&["a"]).await;
    all_is_green(&stage).await;
    let secrets: Api<Secret> = Api::namespaced(stage.client(), "default");
    secrets.delete("a", &DeleteParams::default()).await.unwrap();
    let all = places(&[OF_MEMBER, OF_FLEET, OF_APPLICATION, OF_UNIT]);
    nothing_is_green(&stage, "the Secret is gone", &all).await;
}

/// A Deployment as the stage has it, changed.
fn web(image: &str, replicas: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: app}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
         containers: [{{name: web, image: '{image}'}}]\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_that_are_refused_crash_or_are_fought_over_are_green_nowhere() {
    let stage = green_stage().await;
    let (good, both) = (web("example/web:1", "1"), places(&[OF_APPLICATION, OF_UNIT]));
    for (fault, file, text, places) in [
        (
            "a manifest without a kind",
            "app/settings.yaml",
            "metadata: {name: settings}\n".to_owned(),
            places(&[OF_APPLICATION]),
        ),
        ("an object that the member refuses", "app/web.yaml", web("example/web:1", "-1"), both.clone()),
        ("a container that crashes", "app/web.yaml", web("x/fail:1", "1"), both.clone()),
    ] {
        stage.commit(&[(file, Some(&text))]);
        nothing_is_green(&stage, fault, &places).await;
        stage.commit(&[("app/settings.yaml", Some(&settings("one"))), ("app/web.yaml", Some(&good))]);
        all_is_green(&stage).await;
    }
    let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    let somebody = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
    until("the object to be left alone", async || {
        let edit = Patch::Merge(json!({"data": {"value": "by hand"}}));
        maps.patch("settings", &somebody, &edit).await.unwrap();
        match look(&stage, ReasonColumnOfApplication).await {
            reason if reason == "Contested" => Ok(()),
            other => Err(other),
        }
    })
    .await;
    nothing_is_green(&stage, "a fight", &both).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_somebody_deletes_and_that_is_not_gone_is_green_nowhere() {
    let stage = green_stage().await;
    let both = places(&[OF_APPLICATION, OF_UNIT]);
    let held = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let params = PatchParams::default();
    let member = stage.member("a").client();
    let maps: Api<ConfigMap> = Api::namespaced(member.clone(), "app");
    let webs: Api<Deployment> = Api::namespaced(member, "app");
    // A commit that does not touch it changes nothing of that.
    for commit in [false, true] {
        maps.patch("settings", &params, &held).await.unwrap();
        webs.patch("web", &params, &held).await.unwrap();
        all_is_green(&stage).await;
        maps.delete("settings", &DeleteParams::default()).await.unwrap();
        webs.delete("web", &DeleteParams::default()).await.unwrap();
        if commit {
            stage.commit(&[("app/more.yaml", Some(&settings("one").replace("name: settings", "name: more")))]);
        }
        nothing_is_green(&stage, "an object is being deleted", &both).await;
        shows(&stage, ReasonColumnOfApplication, "BeingDeleted").await;
        shows(&stage, StatusOfUnit, "NotReady").await;
        shows(&stage, TreeOfUnit, "NotReady").await;
        let ready = stage.condition("Ready").await.unwrap();
        assert!(ready.message.contains("waits for finalizer example.com/hold (and 1 more)"), "{ready:?}");
        maps.patch("settings", &params, &free).await.unwrap();
        webs.patch("web", &params, &free).await.unwrap();
        all_is_green(&stage).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_stopped_or_must_approve_is_green_nowhere_and_shows_what_runs() {
    let stage = green_stage().await;
    let mut suspended = stage.application();
    suspended["spec"]["source"]["gitRepository"]["suspend"] = json!(true);
    stage.apply(suspended).await.unwrap();
    nothing_is_green(&stage, "a suspended source", OF_APPLICATION).await;
    shows(&stage, StatusOfApplication, "Suspended").await;
    shows(&stage, ReasonColumnOfApplication, "Suspended").await;
    stage.apply(stage.application()).await.unwrap();
    all_is_green(&stage).await;

    let mut suspended = stage.application();
    suspended["spec"]["syncPolicies"][0]["kustomization"]["suspend"] = json!(true);
    stage.apply(suspended).await.unwrap();
    let both = places(&[OF_APPLICATION, OF_UNIT]);
    nothing_is_green(&stage, "a suspended policy", &both).await;
    shows(&stage, StatusOfUnit, "Suspended").await;
    shows(&stage, TreeOfUnit, "Suspended").await;
    // What is broken meanwhile is not as it should be, and is said with the object.
    let webs: Api<Deployment> = Api::namespaced(stage.member("a").client(), "app");
    webs.delete("web", &DeleteParams::default()).await.unwrap();
    shows(&stage, StatusOfUnit, "NotReady").await;
    shows(&stage, TreeOfUnit, "NotReady").await;
    shows(&stage, ReasonColumnOfApplication, "HealthCheckFailed").await;
    let ready = stage.condition("Ready").await.unwrap();
    assert!(ready.message.contains("Deployment.apps app/web is Missing"), "{ready:?}");
    stage.apply(stage.application()).await.unwrap();
    all_is_green(&stage).await;

    stage.commit(&[("app/settings.yaml", None), ("app/web.yaml", None), ("app/namespace.yaml", None)]);
    nothing_is_green(&stage, "held deletions", &both).await;
    shows(&stage, ReasonColumnOfApplication, "DeletionsHeld").await;
    shows(&stage, StatusOfUnit, "Held").await;
    let statuses: Api<api::delivery::MemberStatus> = Api::all(stage.client());
    until("what runs to be shown", async || {
        let status = statuses.get("a-0").await.unwrap().status.unwrap_or_default();
        let unit = status.units.into_values().next().ok_or("no report")?;
        let held = unit.held.as_ref().map_or(0, |held| held.count);
        match (held, unit.pods.desired, unit.pods.ready) {
            (3, 1, 1) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

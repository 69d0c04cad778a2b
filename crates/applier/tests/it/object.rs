//! What becomes of single objects: those that end by themselves, ask to be left alone, are shared, or were there before.

use api::delivery::{Health, Removal, UnitPhase, WaitingCause, label};
use api::feed::SyncState;
use http::Method;
use serde_json::{Value, json};

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, deployment, deployment_path, detail, waiting};

const JOBS: &str = "/apis/batch/v1/namespaces/shop/jobs";
const MAPS: &str = "/api/v1/namespaces/shop/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";

fn job(name: &str, image: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "shop"}, "spec": {
        "ttlSecondsAfterFinished": 0,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}}})
}

fn annotated(mut object: Value, name: &str, value: &str) -> Value {
    object["metadata"]["annotations"][name] = json!(value);
    object
}

impl World {
    /// A Job ends, and stays.
    async fn finish(&self, name: &str, condition: &str) {
        let now = "2026-11-27T03:00:00Z";
        let status = json!({"status": {"startTime": now, "conditions": [
            {"type": condition, "status": "True", "lastTransitionTime": now, "lastProbeTime": now}]}});
        self.edit(&format!("{JOBS}/{name}/status"), "kube-controller-manager", status).await;
    }

    /// A Job ends, and is removed at once, as the controller for finished ones does.
    async fn end(&self, name: &str, condition: &str) {
        let path = format!("{JOBS}/{name}");
        self.finish(name, condition).await;
        self.send_request("DELETE", &format!("{path}?propagationPolicy=Background"), "application/json", None).await;
        assert!(self.get(&path).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_removes_itself_runs_once_for_each_content() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![job("once", "a"), config_map("c", "1")]);
    world.applied(&unit).await;
    world.end("once", "Complete").await;
    let report = world.until(&unit, "ended", |r| detail(r, "once").message.contains("ran to its end")).await;
    assert_eq!((report.phase, report.reverted()), (UnitPhase::Applied, 0));
    assert_eq!((detail(&report, "once").sync, detail(&report, "once").health), (SyncState::Synced, Health::Healthy));
    let before = world.quiet().await;
    // Neither later nor by another process.
    world.restart();
    let report = world.applied(&unit).await;
    assert_eq!((world.quiet().await, report.reverted()), (before, 0));
    assert!(world.get(&format!("{JOBS}/once")).await.is_none());
    // Another content runs, and what fails is not green when it is gone.
    world.set("a", 2, vec![job("once", "b"), config_map("c", "1")]);
    world.until(&unit, "run again", |r| r.epoch == 2 && detail(r, "once").health == Health::Progressing).await;
    let report = world.applied(&unit).await;
    assert!(!detail(&report, "once").adopted);
    world.end("once", "Failed").await;
    let report = world.until(&unit, "failed", |r| detail(r, "once").health == Health::Degraded).await;
    assert_eq!((detail(&report, "once").reason.as_str(), report.reverted()), ("FailedAndGone", 0));
    let before = world.quiet().await;
    world.restart();
    let report = world.applied(&unit).await;
    assert_eq!((world.quiet().await, report.health), (before, Health::Degraded));
    // A Job that is deleted before its end is made again.
    world.set("a", 3, vec![job("once", "c"), config_map("c", "1")]);
    world.until(&unit, "run", |r| r.epoch == 3 && detail(r, "once").health == Health::Progressing).await;
    world.applied(&unit).await;
    world.send_request("DELETE", &format!("{JOBS}/once?propagationPolicy=Background"), "application/json", None).await;
    world.until(&unit, "made again", |r| r.reverted() == 1 && r.objects.applied == 2).await;
    assert!(world.get(&format!("{JOBS}/once")).await.is_some());
}

/// A watch shows what bears this hub's label: what it shows no longer may be there.
#[tokio::test(start_paused = true)]
async fn a_finished_job_without_our_label_was_not_removed() {
    let path = format!("{JOBS}/once");
    let labelled = |hub: Value| json!({"metadata": {"labels": {label::HUB: hub}}});
    for is_restarted in [false, true] {
        let mut world = World::new().await;
        let unit = world.set("a", 1, vec![job("once", "a"), config_map("c", "1")]);
        world.applied(&unit).await;
        world.finish("once", "Complete").await;
        world.until(&unit, "finished", |r| detail(r, "once").health == Health::Healthy).await;
        world.quiet().await;
        // Somebody takes the label off: it is put back, as on other kinds.
        if is_restarted {
            world.stop();
        }
        world.edit(&path, "kubectl", labelled(Value::Null)).await;
        if is_restarted {
            world.restart();
        }
        let ours = Some(world.hub.to_string());
        let hub = async || model::object::label(&world.get(&path).await.unwrap(), label::HUB).map(str::to_owned);
        world.eventually("label", async || hub().await == ours).await;
        let report = world.until(&unit, "put back", |r| r.objects.applied == 2).await;
        assert_eq!((report.phase, report.reverted()), (UnitPhase::Applied, 1));
        assert_eq!(report.last_drift.as_ref().unwrap().fields[0].path, "metadata.labels[kurator.dev/hub]");
        // Another hub takes it over.
        if is_restarted {
            world.stop();
        }
        world.edit(&path, "otherhub", labelled("otherhub".into())).await;
        if is_restarted {
            world.restart();
        }
        let is_theirs = |r: &api::feed::UnitReport| {
            let row = detail(r, "once");
            (row.sync, row.reason.as_str()) == (SyncState::Failed, "ForeignHub")
        };
        let report = world.until(&unit, "foreign", is_theirs).await;
        assert_eq!((report.phase, report.objects.applied), (UnitPhase::Failed, 1));
        let leaving = plan::departure::Objects::of_report(&report, Removal::Prune).unwrap();
        let said = leaving.stays.iter().map(|(key, why)| format!("{key}: {}", why.in_words()));
        assert_eq!(said.collect::<Vec<_>>(), ["Job.batch shop/once: hub otherhub delivers it"]);
        assert_eq!(leaving.goes.len(), 1, "c");
        // Also another content of it is not sent to that hub's object.
        let before = world.get(&path).await;
        let changed = annotated(job("once", "a"), "note", "2");
        world.set("a", 2, vec![changed, config_map("c", "2")]);
        world.until(&unit, "still foreign", |r| r.epoch == 2 && r.objects.applied == 1 && is_theirs(r)).await;
        world.a_while().await;
        assert_eq!(world.get(&path).await, before);
        // And it goes with nothing of ours.
        world.change(&unit, |entry| entry.removal = Removal::Prune);
        world.eventually("gone", async || world.report(&unit).is_none()).await;
        assert_eq!(world.get(&path).await, before);
    }
}

/// Also where another hub had it in between.
#[tokio::test(start_paused = true)]
async fn a_finished_job_that_is_gone_is_read_once() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![job("once", "a"), config_map("c", "1")]);
    world.applied(&unit).await;
    world.finish("once", "Complete").await;
    world.until(&unit, "finished", |r| detail(r, "once").health == Health::Healthy).await;
    let path = format!("{JOBS}/once");
    world.edit(&path, "otherhub", json!({"metadata": {"labels": {label::HUB: "otherhub"}}})).await;
    world.until(&unit, "foreign", |r| detail(r, "once").reason == "ForeignHub").await;
    world.delete(&path).await;
    let is_removed = |r: &api::feed::UnitReport| detail(r, "once").message.contains("was removed");
    let report = world.until(&unit, "removed", is_removed).await;
    assert_eq!((report.phase, report.objects.applied, report.reverted()), (UnitPhase::Applied, 2, 0));
    world.quiet().await;
    // A unit that is only observed says the same after a restart.
    world.change(&unit, |entry| entry.suspend = true);
    world.until(&unit, "suspended", |r| r.phase == UnitPhase::Suspended && is_removed(r)).await;
    world.restart();
    world.until(&unit, "suspended", |r| r.phase == UnitPhase::Suspended && is_removed(r)).await;
    // Nobody asks for it again.
    world.faults.add(Method::GET, &path, usize::MAX, Act::Refuse(500));
    world.change(&unit, |entry| entry.suspend = false);
    world.until(&unit, "resumed", |r| r.phase == UnitPhase::Applied).await;
    world.edit(&config_map_path("c"), "vandal", json!({"data": {"a": "x"}})).await;
    let report = world.until(&unit, "reverted", |r| r.reverted() == 1 && r.objects.applied == 2).await;
    assert!(is_removed(&report), "{report:#?}");
    assert!(world.get(&path).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_placeholder_that_a_controller_fills_is_left_to_it() {
    let mut world = World::new().await;
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "hook"}, "webhooks": [{"name": "check.example.com", "admissionReviewVersions": ["v1"],
            "sideEffects": "None", "failurePolicy": "Ignore", "rules": [{"apiGroups": ["example.org"], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["things"]}],
            "clientConfig": {"caBundle": "Cg==", "service": {"name": "check", "namespace": "shop"}}}]});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "csrf", "namespace": "shop"},
        "data": {"csrf": "", "own": "YQ=="}});
    let unit = world.set("a", 1, vec![webhook.clone(), secret.clone()]);
    world.applied(&unit).await;
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hook";
    let fill =
        |value: &'static str| json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": value}]);
    for value in ["Y2EgMQ==", "Y2EgMg==", "Y2EgMw==", "Y2EgNA=="] {
        let patch = format!("{path}?fieldManager=cainjector");
        let (code, answer) =
            world.send_request("PATCH", &patch, "application/json-patch+json", Some(&fill(value))).await;
        assert_eq!(code, 200, "{answer}");
        world.quiet().await;
    }
    world.edit("/api/v1/namespaces/shop/secrets/csrf", "dashboard", json!({"data": {"csrf": "eA=="}})).await;
    let report = world.until(&unit, "left", |r| r.details.iter().all(|row| !row.notes.is_empty())).await;
    assert_eq!((report.phase, report.reverted(), report.objects.applied), (UnitPhase::Applied, 0, 2));
    let note =
        "left to the manager that filled it: webhooks[name=\"check.example.com\"].clientConfig.caBundle (cainjector)";
    assert!(detail(&report, "hook").notes[0].starts_with(note), "{:?}", detail(&report, "hook").notes);
    let bundle = |live: Option<Value>| live.unwrap()["webhooks"][0]["clientConfig"]["caBundle"].clone();
    assert_eq!(bundle(world.get(path).await), "Y2EgNA==");
    let before = world.quiet().await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(world.quiet().await, before);
    // A new version of the rest comes without it, and what is not a placeholder is still ours.
    let mut changed = webhook;
    changed["webhooks"][0]["failurePolicy"] = json!("Fail");
    world.set("a", 2, vec![changed, secret]);
    world.applied(&unit).await;
    let live = world.get(path).await.unwrap();
    assert_eq!((live["webhooks"][0]["failurePolicy"].clone(), bundle(Some(live))), (json!("Fail"), json!("Y2EgNA==")));
    world.edit("/api/v1/namespaces/shop/secrets/csrf", "vandal", json!({"data": {"own": "Yg=="}})).await;
    world.until(&unit, "reverted", |r| r.reverted() == 1 && r.objects.applied == 2).await;
    let data = world.get("/api/v1/namespaces/shop/secrets/csrf").await.unwrap()["data"].clone();
    assert_eq!(data, json!({"csrf": "eA==", "own": "YQ=="}));
}

#[tokio::test(start_paused = true)]
async fn what_only_a_server_sets_is_not_sent_and_nobody_fights_for_it() {
    let mut world = World::new().await;
    let mut web = annotated(deployment("web", 2, "nginx"), "deployment.kubernetes.io/revision", "4");
    web["metadata"]["uid"] = json!("another");
    web["status"] = json!({"replicas": 2});
    let unit = world.set("a", 1, vec![web]);
    world.applied(&unit).await;
    for revision in ["1", "2", "3", "4", "5"] {
        let patch = json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": revision}}});
        world.edit(&deployment_path("web"), "kube-controller-manager", patch).await;
        world.quiet().await;
    }
    let report = world.applied(&unit).await;
    assert_eq!((report.phase, report.reverted()), (UnitPhase::Applied, 0));
    assert_eq!(
        detail(&report, "web").notes,
        [
            "not sent, since only a server sets it: metadata.uid, metadata.annotations[deployment.kubernetes.io/revision], status"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn zeros_and_other_spellings_are_what_was_sent() {
    let mut world = World::new().await;
    let mut web = deployment("web", 2, "nginx");
    web["metadata"]["annotations"] = json!({"example.com/note": null});
    web["spec"]["minReadySeconds"] = json!(0);
    web["spec"]["template"]["spec"]["hostNetwork"] = json!(false);
    web["spec"]["template"]["spec"]["volumes"] = json!([{"name": "scratch", "emptyDir": {"medium": ""}}]);
    let container = &mut web["spec"]["template"]["spec"]["containers"][0];
    container["livenessProbe"] = json!({"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 0});
    container["volumeMounts"] = json!([{"name": "scratch", "mountPath": "/scratch", "readOnly": false}]);
    let autoscaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "zeros", "namespace": "shop"}, "spec": {"maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "another"},
            "metrics": [{"type": "External", "external": {"metric": {"name": "queue"},
                "target": {"type": "Value", "value": "1000m"}}}]}});
    let unit = world.set("a", 1, vec![web, autoscaler]);
    let nothing = |report: &api::feed::UnitReport| {
        for name in ["web", "zeros"] {
            let row = detail(report, name);
            assert_eq!((&row.changed_by_admission, row.reverts, &row.notes), (&vec![], 0, &vec![]), "{name}");
        }
    };
    nothing(&*world.applied(&unit).await);
    // Another writer of another field takes nothing away.
    let patch = json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "1"}}});
    world.edit(&deployment_path("web"), "kube-controller-manager", patch).await;
    let before = world.quiet().await;
    nothing(&*world.applied(&unit).await);
    world.restart();
    nothing(&*world.applied(&unit).await);
    assert_eq!(world.quiet().await, before);
    // What somebody changes is still seen.
    let template = json!({"spec": {"template": {"spec": {"hostNetwork": true}}}});
    world.edit(&deployment_path("web"), "vandal", template).await;
    let report = world.until(&unit, "reverted", |r| r.reverted() == 1 && r.objects.applied == 2).await;
    assert_eq!(report.last_drift.as_ref().unwrap().fields[0].path, "spec.template.spec.hostNetwork");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_refused_is_told_by_whatever_words_and_forced_where_that_is_asked() {
    let mut world = World::new().await;
    let service = |headless: bool| {
        let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc", "namespace": "shop"},
            "spec": {"ports": [{"port": 80}], "selector": {"app": "web"}}});
        if headless {
            service["spec"]["clusterIP"] = json!("None");
        }
        service
    };
    let strategy = |kind: &str| {
        let mut web = deployment("web", 2, "nginx");
        web["spec"]["strategy"] = json!({"type": kind});
        web
    };
    let objects = |change: bool| vec![service(change), strategy(if change { "Recreate" } else { "RollingUpdate" })];
    let unit = world.set("a", 1, objects(false));
    world.applied(&unit).await;
    world.set("a", 2, objects(true));
    let report = world.until(&unit, "refused", |r| r.epoch == 2 && r.objects.failed == 2).await;
    for name in ["svc", "web"] {
        let row = detail(&report, name);
        assert_eq!(row.reason, "Immutable", "{row:?}");
        assert!(row.message.contains("set `force: true`"), "{}", row.message);
    }
    // Flux' annotation on one of them, then the unit's word for all.
    let forced = annotated(service(true), "kustomize.toolkit.fluxcd.io/force", "enabled");
    world.set("a", 3, vec![forced, strategy("Recreate")]);
    world.until(&unit, "one forced", |r| r.epoch == 3 && r.objects.failed == 1 && r.objects.applied == 1).await;
    assert_eq!(world.get("/api/v1/namespaces/shop/services/svc").await.unwrap()["spec"]["clusterIP"], "None");
    world.set_with("a", 4, objects(true), |entry| entry.force = true);
    let report = world.applied(&unit).await;
    assert!(!detail(&report, "web").adopted && !detail(&report, "svc").adopted);
    // Words that no table has: the object is valid, and its change is refused.
    world.set_with("a", 4, [objects(true), vec![config_map("c", "1")]].concat(), |entry| entry.force = true);
    world.applied(&unit).await;
    let before = world.config_map("c").await.unwrap();
    world.faults.add(Method::PATCH, "configmaps/c?", 1, Act::Refuse(422));
    world.set_with("a", 4, [objects(true), vec![config_map("c", "2")]].concat(), |entry| entry.force = true);
    world.applied(&unit).await;
    let after = world.config_map("c").await.unwrap();
    assert_eq!(after["data"]["a"], "2");
    assert_ne!(before["metadata"]["uid"], after["metadata"]["uid"]);
    // An object that is invalid in itself is neither, also when it is forced.
    let mut invalid = strategy("Recreate");
    invalid["spec"]["replicas"] = json!(-1);
    world.set_with("a", 5, vec![service(true), invalid], |entry| entry.force = true);
    let report = world.until(&unit, "refused", |r| r.epoch == 5 && r.objects.failed == 1).await;
    assert_eq!(detail(&report, "web").reason, "Invalid");
    assert!(world.get(&deployment_path("web")).await.is_some());
}

/// A person who annotates the object in the cluster looks at its row to see whether that is understood.
#[tokio::test(start_paused = true)]
async fn what_a_misspelt_annotation_in_the_member_asks_for_is_said_to_be_not_done() {
    let mut world = World::new().await;
    let in_source = annotated(config_map("odd", "1"), "kurator.dev/on-delete", "orphn");
    let unit = world.set("a", 1, vec![config_map("live", "1"), in_source]);
    let orphan = "kurator.dev/on-delete is \"orphn\": known are \"orphan\", \"prune\"";
    let flux = "kustomize.toolkit.fluxcd.io/prune is \"false\": known are \"disabled\", \"enabled\"";
    let said = |what: &str| vec![format!("asked for by annotation, and not done: {what}")];
    let report = world.applied(&unit).await;
    // The source's is on the object as well, and said once.
    assert_eq!((&detail(&report, "live").notes, &detail(&report, "odd").notes), (&Vec::new(), &said(orphan)));
    for (name, value, what) in [
        ("kurator.dev/on-delete", "orphn", orphan),
        (
            "kurator.dev/reconcile",
            "disable",
            "kurator.dev/reconcile is \"disable\": known are \"disabled\", \"enabled\"",
        ),
        ("kustomize.toolkit.fluxcd.io/prune", "false", flux),
        (
            "kurator.dev/on-delte",
            "orphan",
            "kurator.dev/on-delte means nothing: known are kurator.dev/adopt, kurator.dev/on-delete, kurator.dev/reconcile",
        ),
    ] {
        let annotate = |value: Value| json!({"metadata": {"annotations": {name: value}}});
        world.edit(&config_map_path("live"), "kubectl", annotate(json!(value))).await;
        world.until(&unit, what, |r| detail(r, "live").notes == said(what)).await;
        world.edit(&config_map_path("live"), "kubectl", annotate(Value::Null)).await;
        world.until(&unit, "nothing to be said", |r| detail(r, "live").notes.is_empty()).await;
    }
    // Also of one that the source has lost.
    world
        .edit(
            &config_map_path("live"),
            "kubectl",
            json!({"metadata": {"annotations": {"kurator.dev/on-delete": "orphn"}}}),
        )
        .await;
    world.set_with("a", 2, vec![config_map("odd", "1")], |entry| entry.prune = false);
    world.until(&unit, orphan, |r| r.epoch == 2 && detail(r, "live").notes == said(orphan)).await;
}

#[tokio::test(start_paused = true)]
async fn objects_that_ask_for_it_are_left_alone_made_once_or_kept() {
    let mut world = World::new().await;
    let reconcile = "kustomize.toolkit.fluxcd.io/reconcile";
    let ssa = "kustomize.toolkit.fluxcd.io/ssa";
    world.post(MAPS, config_map("theirs", "theirs")).await;
    let objects = |value: &str| {
        vec![
            config_map("live", value),
            annotated(config_map("ignored", value), "kurator.dev/reconcile", "disabled"),
            annotated(config_map("once", value), ssa, "IfNotPresent"),
            annotated(config_map("theirs", value), ssa, "IfNotPresent"),
            annotated(config_map("odd", value), ssa, "Override"),
        ]
    };
    let unit = world.set("a", 1, objects("1"));
    let report = world.applied(&unit).await;
    assert!(world.config_map("ignored").await.is_none());
    assert_eq!(world.config_map("once").await.unwrap()["data"]["a"], "1");
    let theirs = world.config_map("theirs").await.unwrap();
    assert_eq!(theirs["data"]["a"], "theirs");
    assert!(model::object::labels(&theirs).is_empty(), "{theirs}");
    for name in ["ignored", "once", "theirs"] {
        assert_eq!(detail(&report, name).sync, SyncState::LeftAlone, "{name}");
    }
    assert_eq!((report.objects.desired, report.objects.applied), (5, 4), "one of them was not made");
    assert_eq!(
        detail(&report, "ignored").message,
        "not made, and not looked for: it exists only if something else made it"
    );
    assert_eq!(
        detail(&report, "ignored").notes,
        ["left alone, as the annotation kurator.dev/reconcile: disabled asks"]
    );
    assert_eq!(
        detail(&report, "odd").notes,
        [
            "asked for by annotation, and not done: kustomize.toolkit.fluxcd.io/ssa is \"Override\": known are \"Merge\", \"IfNotPresent\", \"Ignore\""
        ]
    );
    let asked = |count, first, detail| (WaitingCause::Asked, count, first, detail);
    assert_eq!(
        waiting(&report),
        [
            asked(1, "ConfigMap shop/ignored", "kurator.dev/reconcile: disabled"),
            asked(2, "ConfigMap shop/once", "kustomize.toolkit.fluxcd.io/ssa: IfNotPresent"),
        ]
    );
    // Somebody wants one of them for himself in the member, as with Flux.
    world
        .edit(&config_map_path("live"), "kubectl", json!({"metadata": {"annotations": {reconcile: "disabled"}}}))
        .await;
    world.until(&unit, "left alone", |r| detail(r, "live").sync == SyncState::LeftAlone).await;
    for name in ["live", "once"] {
        world.edit(&config_map_path(name), "kubectl", json!({"data": {"a": "mine"}})).await;
    }
    world.set("a", 2, objects("2"));
    let report = world.applied(&unit).await;
    assert_eq!(report.reverted(), 0);
    for name in ["live", "once"] {
        assert_eq!(world.config_map(name).await.unwrap()["data"]["a"], "mine", "{name}");
    }
    assert_eq!(world.config_map("odd").await.unwrap()["data"]["a"], "2");
    // What is made once is made again when it is gone.
    world.delete(&config_map_path("once")).await;
    world.eventually("made", || async { world.config_map("once").await.is_some_and(|o| o["data"]["a"] == "2") }).await;
    // Without the annotation it is ours again.
    world.edit(&config_map_path("live"), "kubectl", json!({"metadata": {"annotations": {reconcile: null}}})).await;
    world.eventually("ours", || async { world.config_map("live").await.is_some_and(|o| o["data"]["a"] == "2") }).await;
    world
        .edit(&config_map_path("live"), "kubectl", json!({"metadata": {"annotations": {reconcile: "disabled"}}}))
        .await;
    world.until(&unit, "left alone", |r| detail(r, "live").sync == SyncState::LeftAlone).await;
    world.change(&unit, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.inventories().await.is_empty() }).await;
    let live = world.config_map("live").await.unwrap();
    assert!(model::object::label(&live, label::HUB).is_none(), "it is kept: {live}");
    assert!(world.config_map("once").await.is_none());
    assert_eq!(world.config_map("theirs").await.unwrap()["data"]["a"], "theirs");
}

#[tokio::test(start_paused = true)]
async fn adoption_changes_no_pods_unless_somebody_says_so_and_says_what_it_changes() {
    let mut world = World::new().await;
    world.post(DEPLOYMENTS, deployment("same", 2, "nginx")).await;
    world.post(DEPLOYMENTS, deployment("image", 2, "httpd")).await;
    world.post(DEPLOYMENTS, deployment("count", 7, "nginx")).await;
    world.post(DEPLOYMENTS, deployment("scaled", 7, "nginx")).await;
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "scaled", "namespace": "shop"}, "spec": {"maxReplicas": 9,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"}}});
    world.post("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers", hpa).await;
    world.post(MAPS, config_map("c", "theirs")).await;
    let names = ["same", "image", "count", "scaled"];
    let mut objects: Vec<Value> = names.iter().map(|name| deployment(name, 2, "nginx")).collect();
    objects.push(config_map("c", "1"));
    let unit = world.set("a", 1, objects.clone());
    let report = world.until(&unit, "decided", |r| r.objects.failed == 2 && r.objects.applied == 3).await;
    assert_eq!((report.objects.adopted, report.objects.inventory), (3, 3));
    for (name, path) in [("image", "spec.template.spec.containers[name=\"web\"].image"), ("count", "spec.replicas")] {
        let row = detail(&report, name);
        assert_eq!(row.reason, "AdoptionRefused", "{row:?}");
        assert!(row.message.contains(&format!("change their number ({path}); set the annotation")), "{}", row.message);
        let live = world.get(&deployment_path(name)).await.unwrap();
        assert!(model::object::labels(&live).is_empty(), "{live}");
    }
    assert_eq!(waiting(&report)[0], (WaitingCause::Adoption, 2, "Deployment.apps shop/count", ""));
    assert_eq!(detail(&report, "c").notes, ["its adoption changed data.a"]);
    assert_eq!(detail(&report, "same").notes, Vec::<String>::new());
    assert_eq!(world.get(&deployment_path("scaled")).await.unwrap()["spec"]["replicas"], 7);
    // One object, then all.
    objects[1] = annotated(deployment("image", 2, "nginx"), "kurator.dev/adopt", "overwrite");
    world.set("a", 2, objects.clone());
    let report = world.until(&unit, "one taken over", |r| r.epoch == 2 && r.objects.applied == 4).await;
    assert!(detail(&report, "image").adopted);
    assert_eq!(
        detail(&report, "image").notes,
        ["its adoption changed metadata.annotations, spec.template.spec.containers[name=\"web\"].image"]
    );
    world.set_with("a", 2, objects, |entry| entry.overwrite = true);
    let report = world.applied(&unit).await;
    assert_eq!(report.objects.adopted, 5);
    assert!(report.message.contains("; 5 objects were there before and are adopted"), "{}", report.message);
    assert_eq!(world.get(&deployment_path("count")).await.unwrap()["spec"]["replicas"], 2);
    let before = world.quiet().await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(world.quiet().await, before);
}

fn namespace(label: Option<&str>) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "both"}});
    if let Some(label) = label {
        object["metadata"]["labels"] = json!({"team": label});
    }
    object
}

fn map_in_both(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "both"}})
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_two_units_ship_serves_both_where_it_is_as_both_have_it() {
    let mut world = World::new().await;
    let a = world.set("a", 1, vec![namespace(Some("x")), map_in_both("of-a")]);
    world.applied(&a).await;
    let b = world.set("b", 1, vec![namespace(None), map_in_both("of-b")]);
    let report = world.applied(&b).await;
    assert_eq!((report.reason.as_str(), report.health, report.waiting.len()), ("Applied", Health::Healthy, 0));
    let owner = "unit apps.kurator.dev/Application/default/a/base delivers it, for this one too";
    assert_eq!(detail(&report, "both").notes, [owner]);
    // A label that the owner does not have is missing.
    world.set("b", 2, vec![namespace(Some("y")), map_in_both("of-b")]);
    let report = world.until(&b, "conflict", |r| r.epoch == 2 && r.phase == UnitPhase::Failed).await;
    assert_eq!((report.reason.as_str(), report.objects.failed), ("Conflict", 1));
    world.set("b", 3, vec![namespace(Some("x")), map_in_both("of-b")]);
    world.applied(&b).await;
    // And it is seen when that changes there.
    world.set("a", 2, vec![namespace(Some("z")), map_in_both("of-a")]);
    world.until(&b, "conflict", |r| r.phase == UnitPhase::Failed).await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_with_the_last_of_the_units_that_leave_together() {
    let mut world = World::new().await;
    let path = "/api/v1/namespaces/both";
    let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
    let a = world.set("a", 1, vec![namespace(None), map_in_both("of-a")]);
    world.applied(&a).await;
    let b = world.set("b", 1, vec![map_in_both("of-b")]);
    world.applied(&b).await;
    // The one that made it goes first, and the other one a few seconds later.
    world.change(&a, |entry| entry.removal = Removal::Prune);
    world.until(&a, "waiting", |r| waiting(r).contains(&(WaitingCause::Occupied, 1, "Namespace both", ""))).await;
    // time: it is paused; shorter than a unit that leaves waits for others.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    world.change(&b, |entry| entry.removal = Removal::Prune);
    world.eventually("going", || async { is_going(world.get(path).await) }).await;
    // One that stays for longer keeps it.
    let mut world = World::new().await;
    let a = world.set("a", 1, vec![namespace(None), map_in_both("of-a")]);
    world.applied(&a).await;
    let b = world.set("b", 1, vec![map_in_both("of-b")]);
    world.applied(&b).await;
    world.change(&a, |entry| entry.removal = Removal::Prune);
    world.eventually("gone", || async { world.report(&a).is_none_or(|r| r.phase == UnitPhase::Removed) }).await;
    let live = world.get(path).await.unwrap();
    assert!(!model::object::is_deleting(&live) && model::object::label(&live, label::HUB).is_none(), "{live}");
}

#[tokio::test(start_paused = true)]
async fn units_that_share_a_namespace_and_leave_together_both_go() {
    for round in 0..6 {
        let mut world = World::new().await;
        let a = world.set("a", 1, vec![namespace(None), map_in_both("of-a")]);
        world.applied(&a).await;
        let b = world.set("b", 1, vec![namespace(None), map_in_both("of-b")]);
        world.applied(&b).await;
        world.change(&a, |entry| entry.removal = Removal::Prune);
        // The second is told while the first is being worked on, earlier or later.
        for _ in 0..round * 3 {
            tokio::task::yield_now().await;
        }
        world.change(&b, |entry| entry.removal = Removal::Prune);
        let path = "/api/v1/namespaces/both";
        let is_going = |live: Option<Value>| live.is_none_or(|live| model::object::is_deleting(&live));
        world.eventually("going", || async { is_going(world.get(path).await) }).await;
        world.a_while().await;
        if let Some(mut live) = world.get(path).await {
            // What a namespace controller does at last.
            live["spec"]["finalizers"] = json!([]);
            let (code, answer) =
                world.send_request("PUT", &format!("{path}/finalize"), "application/json", Some(&live)).await;
            assert!(code < 300, "{answer}");
        }
        world.eventually("both gone", || async { world.inventories().await.is_empty() }).await;
    }
}

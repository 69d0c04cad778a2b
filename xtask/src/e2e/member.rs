//! A real Kubernetes beside simulated members: attach, renewal, commit, drift, wipe, unplug. Then alone in a fleet: what
//! is deleted and what stays, what is not green, and from hub to hub.

mod credential;
mod moving;
mod surprise;
mod trial;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::stage::{Stage, condition, expect, refused};
use super::{rights, scene};
use crate::real::Real;
use trial::Trial;

/// The real member's name.
pub(super) const NAME: &str = "paris";

/// Replicas that policy `small` gives it.
const REPLICAS: u64 = 2;

/// Starts a real member, puts it into the fleet in the place of a simulated one, and plays.
pub(super) fn play(stage: &mut Stage) -> Result<()> {
    stage.scene("a real Kubernetes starts");
    let real = Real::start(stage.tools, &stage.base.join("real"), 2)?;
    stage.print_lines(&real.kubectl(&["get", "nodes"])?);
    let played = join(stage, &real)
        .and_then(|()| renew(stage, &real))
        .and_then(|()| commit(stage, &real))
        .and_then(|()| drift(stage, &real))
        .and_then(|()| rights::narrow(stage, &real))
        .and_then(|()| wipe(stage, &real))
        .and_then(|()| unplug(stage, &real))
        .and_then(|()| leave(stage, &real))
        .and_then(|()| alone(stage, &real));
    if played.is_err() {
        // A frozen server cannot say why.
        real.thaw()?;
        eprintln!("{}", real.logs());
        for args in [["status", "app/trial"], ["tree", "app/trial"]] {
            eprintln!("$ kurator {}\n{}", args.join(" "), stage.kurator(&args).unwrap_or_else(|e| format!("{e:#}")));
        }
        eprintln!("{}", real.kubectl(&["get", "all,events", "-A"]).unwrap_or_else(|e| format!("{e:#}")));
    }
    played
}

/// `kurator attach` makes it a member, and a Fleet takes it instead of virginia.
fn join(stage: &Stage, real: &Real) -> Result<()> {
    stage.scene("it is attached, and joins the fleet; virginia leaves");
    let kubeconfig = real.kubeconfig().display().to_string();
    let attach = ["attach", "real", "--kubeconfig", &kubeconfig, "--name", NAME];
    let unasked = stage.kurator(&attach);
    refused(&unasked, "nothing was changed: there is no terminal to ask at", "nobody was asked")?;
    let untouched = real.kubectl(&["get", "namespace", "kurator-system"]);
    refused(&untouched, "NotFound", "nothing should be made before somebody has agreed")?;
    stage.print_lines(&stage.kurator(&[&attach[..], &["--yes"]].concat())?);
    expect(minted(stage)?["tokenSecret"].is_string(), || {
        format!("this server grants two days, so that a token Secret is wanted: {}", minted(stage).unwrap_or_default())
    })?;
    stage.print_lines(&stage.kubectl("hub", &["label", "attachedcluster", NAME, "size=small"])?);
    stage.member(NAME, "True")?;
    let cluster = stage.json("hub", &["get", "clusters.cluster.karmada.io", NAME])?;
    let status = &cluster["status"];
    stage.print_lines(&format!("{NAME} is Ready: {}, nodes {}", status["kubernetesVersion"], status["nodeSummary"]));
    let clusters: Vec<_> =
        ["beijing", "shanghai", NAME].iter().map(|n| json!({"kind": "AttachedCluster", "name": n})).collect();
    let patch = json!({"spec": {"clusters": clusters}}).to_string();
    stage.print_lines(&stage.kubectl("hub", &["patch", "fleet", "demo", "--type=merge", "-p", &patch])?);
    running(stage, real, "1.0.0")?;
    leaves(stage, "virginia")?;
    stage.until("virginia to be empty", |stage| {
        let gone = stage.kubectl("virginia", &["get", "deployment", "web", "-n", "shop"]);
        Ok(gone.is_err_and(|e| format!("{e:#}").contains("NotFound")).then_some(()))
    })?;
    stage.print_lines("virginia is out of the fleet: what was put there is removed");
    stage.converged()
}

/// How the hub's credential was made.
fn minted(stage: &Stage) -> Result<Value> {
    let secret = stage.json("hub", &["get", "secret", &format!("{NAME}-kubeconfig")])?;
    let text = secret["metadata"]["annotations"]["kurator.dev/minted"].as_str().unwrap_or_default();
    serde_json::from_str(text).with_context(|| format!("reading {text:?}"))
}

/// The hub replaces its credential by itself; what runs goes on, and the old one still works: a backup of before has it.
fn renew(stage: &Stage, real: &Real) -> Result<()> {
    stage.scene("the hub replaces its credential in the real member");
    let before = minted(stage)?;
    let old = before["tokenSecret"].as_str().unwrap_or_default().to_owned();
    let mut aged = before.clone();
    aged["issued"] = json!("2020-01-01T00:00:00Z");
    let annotation = format!("kurator.dev/minted={aged}");
    let secret = format!("{NAME}-kubeconfig");
    stage.kubectl("hub", &["annotate", "secret", &secret, "--overwrite", &annotation])?;
    let now = stage.until("another token Secret", |stage| {
        let now = minted(stage)?;
        let replaced = now["tokenSecret"].is_string() && now["tokenSecret"] != before["tokenSecret"];
        Ok(replaced.then_some(now))
    })?;
    real.kubectl(&["get", "secret", "-n", "kurator-system", &old]).context("a backup of before has nothing else")?;
    stage.print_lines(&format!("{} is replaced by {}", before["tokenSecret"], now["tokenSecret"]));
    scene::new_version(stage, "1.1.0")?;
    running(stage, real, "1.1.0")?;
    let attached = stage.json("hub", &["get", "attachedcluster", NAME])?;
    expect(condition(&attached, "Ready")["status"] == "True", || format!("it is not ready: {attached}"))?;
    stage.converged()
}

/// A member that was taken out of the fleet keeps what it has until that is approved.
fn leaves(stage: &Stage, member: &str) -> Result<()> {
    let app = scene::held(stage, 1)?;
    let list = &app["status"]["held"][0];
    expect(list["members"].as_array().is_some_and(|all| all.len() == 1), || format!("which members? {list}"))?;
    let why = condition(&app, "DeletionsHeld")["message"].as_str().unwrap_or_default().to_owned();
    expect(why.contains(member) && why.contains("fleet demo does not list it"), || format!("why? {why}"))?;
    stage.print_lines(&format!("held: {why}"));
    stage.print_lines(&stage.kurator(&["approve", "app/shop", "--yes"])?);
    Ok(())
}

/// Waits until the real member runs a version in all replicas.
pub(super) fn running(stage: &Stage, real: &Real, version: &str) -> Result<()> {
    stage.until(&format!("{NAME} to run {version}"), |_| {
        let text = real.kubectl(&["get", "deployment", "web", "-n", "shop", "-o", "json"])?;
        let web: serde_json::Value = serde_json::from_str(&text)?;
        let image = web["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
        let status = &web["status"];
        let ready = status["readyReplicas"] == REPLICAS && status["updatedReplicas"] == REPLICAS;
        Ok((ready && image.ends_with(version) && web["spec"]["replicas"] == REPLICAS).then_some(()))
    })?;
    stage.print_lines(&format!("{NAME}:\n{}", real.kubectl(&["get", "pods", "-n", "shop", "-o", "wide"])?));
    Ok(())
}

fn commit(stage: &Stage, real: &Real) -> Result<()> {
    stage.scene("a commit reaches the real member and the simulated ones");
    scene::new_version(stage, "2.0.0")?;
    stage.print_lines(&stage.kurator(&["sync", "app/shop"])?);
    running(stage, real, "2.0.0")?;
    stage.converged()
}

fn drift(stage: &Stage, real: &Real) -> Result<()> {
    stage.scene("hand edits in the real member");
    stage.print_lines(&real.kubectl(&["scale", "deployment", "web", "-n", "shop", "--replicas=5"])?);
    let drift = scene::reported(stage, NAME, |d| d["deleted"] != true)?;
    expect(drift["fields"][0]["manager"] == "kubectl", || format!("which manager? {drift}"))?;
    running(stage, real, "2.0.0")?;
    stage.print_lines(&real.kubectl(&["delete", "service", "web", "-n", "shop"])?);
    let drift = scene::reported(stage, NAME, |d| d["deleted"] == true)?;
    expect(drift["object"].as_str().is_some_and(|o| o.contains("web")), || format!("which object? {drift}"))?;
    stage.until("the service to be made again", |_| Ok(real.kubectl(&["get", "service", "web", "-n", "shop"]).ok()))?;
    stage.converged()
}

fn wipe(stage: &Stage, real: &Real) -> Result<()> {
    stage.scene("a wiped directory deletes nothing in the real member until approved");
    stage.git(&["rm", "-r", "--quiet", "shop"])?;
    stage.git(&["commit", "--quiet", "--message", "Oops"])?;
    let app = scene::held(stage, 2)?;
    stage.print_lines(&format!("held: {}", condition(&app, "DeletionsHeld")["message"].as_str().unwrap_or_default()));
    let kept = real.kubectl(&["get", "deployment,service,configmap", "-n", "shop", "-o", "name"])?;
    expect(kept.contains("deployment.apps/web") && kept.contains("service/web"), || format!("lost: {kept}"))?;
    stage.print_lines(&format!("{NAME} still has {}", kept.trim().replace('\n', ", ")));
    stage.print_lines(&stage.kurator(&["approve", "app/shop", "--yes"])?);
    stage.until("the namespace to be gone", |_| {
        let gone = real.kubectl(&["get", "namespace", "shop"]);
        Ok(gone.is_err_and(|e| format!("{e:#}").contains("NotFound")).then_some(()))
    })?;
    stage.print_lines(&format!("approved: namespace shop is gone in {NAME}"));
    stage.git(&["revert", "--no-edit", "HEAD"])?;
    running(stage, real, rights::VERSION)?;
    stage.converged()
}

fn unplug(stage: &Stage, real: &Real) -> Result<()> {
    stage.scene("the real member stops answering");
    real.freeze()?;
    stage.print_lines("kill -STOP kube-apiserver: connections are accepted and never answered");
    let ready = stage.member(NAME, "Unknown")?;
    stage.print_lines(&format!("{NAME}: {}", ready["message"].as_str().unwrap_or_default()));
    scene::new_version(stage, "2.1.0")?;
    for member in ["beijing", "shanghai"] {
        stage.until(&format!("{member} to go on"), |stage| {
            let path = "jsonpath={.spec.template.spec.containers[0].image}";
            let image = stage.kubectl(member, &["get", "deployment", "web", "-n", "shop", "-o", path])?;
            Ok(image.ends_with("2.1.0").then_some(()))
        })?;
    }
    stage.print_lines("beijing and shanghai run web:2.1.0");
    expect(condition(&stage.application()?, "Ready")["status"] != "True", || {
        format!("the application is called Ready, though {NAME} is unknown")
    })?;
    real.thaw()?;
    stage.print_lines("kill -CONT kube-apiserver");
    stage.member(NAME, "True")?;
    running(stage, real, "2.1.0")?;
    stage.converged()
}

/// Taken out of the fleet, it keeps nothing of ours.
fn leave(stage: &Stage, real: &Real) -> Result<()> {
    stage.scene("the real member leaves the fleet");
    let clusters: Vec<_> =
        ["beijing", "shanghai", "virginia"].iter().map(|n| json!({"kind": "AttachedCluster", "name": n})).collect();
    let patch = json!({"spec": {"clusters": clusters}}).to_string();
    stage.print_lines(&stage.kubectl("hub", &["patch", "fleet", "demo", "--type=merge", "-p", &patch])?);
    leaves(stage, NAME)?;
    stage.until("it to be empty", |_| {
        let gone = real.kubectl(&["get", "deployment", "web", "-n", "shop"]);
        Ok(gone.is_err_and(|e| format!("{e:#}").contains("NotFound")).then_some(()))
    })?;
    stage.converged()
}

/// With an Application of its own, in a fleet of its own.
fn alone(stage: &Stage, real: &Real) -> Result<()> {
    stage.scene("the real member gets an application of its own");
    let trial = Trial { stage, real, hub: stage.dir() };
    trial.attach()?;
    trial.commit_first()?;
    trial.deliver("real", false)?;
    trial.converged()?;
    trial.started()?;
    surprise::play(&trial)?;
    credential::play(&trial)?;
    moving::play(&trial)
}

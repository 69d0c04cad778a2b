//! The real member goes from hub to hub, through a backup, and out; what runs in it stays the same.

use std::path::PathBuf;
use std::process::Child;

use anyhow::{Context, Result};

use super::super::stage::{Stage, expect};
use super::NAME;
use super::trial::{APP, Trial};
use crate::real::Real;

/// A hub without a demo. Dropping it ends its process.
struct Hub<'a> {
    trial: Trial<'a>,
    process: Child,
}

impl<'a> Hub<'a> {
    fn start(stage: &'a Stage<'a>, real: &'a Real, dir: PathBuf) -> Result<Self> {
        let process = stage.spawn_hub(&dir, &["up", "--allow-loopback-members"])?;
        let hub = Self { trial: Trial { stage, real, hub: dir }, process };
        stage.until("the hub to be ready", |_| {
            Ok((hub.trial.kubectl(&["get", "--raw=/readyz"])? == "ok").then_some(()))
        })?;
        Ok(hub)
    }
}

impl Drop for Hub<'_> {
    fn drop(&mut self) {
        // A process that is gone already is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Plays every scene. The first hub has the real member when it begins, and no hub has it afterwards.
pub(super) fn play(first: &Trial) -> Result<()> {
    let (stage, real) = (first.stage, first.real);
    let before = first.started()?;
    let second = moved(first)?;
    unchanged(&second.trial, &before)?;
    let third = restored(second)?;
    unchanged(&third.trial, &before)?;
    released(&third.trial)?;
    unchanged(&third.trial, &before)?;
    removed(&third.trial)?;
    unchanged(&third.trial, &before)?;
    stage.print_lines(&real.kubectl(&["get", "pods", "-n", APP])?);
    Ok(())
}

/// Does everything run that ran before, and nothing else?
fn unchanged(trial: &Trial, before: &std::collections::BTreeMap<String, String>) -> Result<()> {
    let now = trial.running()?;
    expect(*before == now, || format!("what runs is not what ran:\n{before:#?}\n{now:#?}"))
}

/// A ConfigMap that the source can lose.
fn map(name: &str) -> String {
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: {APP}}}}}")
}

/// A commit that loses an object has it pruned: what is there is owned.
fn prunes(trial: &Trial, name: &str) -> Result<()> {
    trial.commit(&[(name, None)])?;
    trial.converged()?;
    trial
        .stage
        .until(&format!("{name} to be pruned"), |_| Ok(trial.is_gone(&["configmap", name, "-n", APP])?.then_some(())))
}

/// From one hub to another: nothing is anybody's but for a moment, no pod restarts, and pruning goes on.
fn moved<'a>(first: &Trial<'a>) -> Result<Hub<'a>> {
    first.stage.scene("detached with --keep, attached to another hub, taken over");
    first.commit(&[("before-move", Some(&map("before-move"))), ("before-backup", Some(&map("before-backup")))])?;
    first.converged()?;
    let web = ["deployment", "web", "-n", APP];
    let lost = first.owner(&web)?.context("nobody's before it is detached")?;
    first.kurator(&["detach", NAME, "--keep", "--yes"])?;
    expect(first.owner(&web)?.as_ref() == Some(&lost), || "--keep touched the member".to_owned())?;
    first.kurator(&["delete", &format!("app/{APP}"), "--yes"])?;

    let hub = Hub::start(first.stage, first.real, first.stage.base.join("second"))?;
    let second = &hub.trial;
    second.attach()?;
    second.deliver("real", false)?;
    let said = second.not_ready(&lost)?;
    first.stage.print_lines(&format!("before it is taken over: {said}"));
    second.kurator(&["hub", "adopt", NAME, "--yes"])?;
    second.converged()?;
    let now = second.owner(&web)?;
    expect(now.as_ref().is_some_and(|now| *now != lost), || format!("it is still {lost}'s: {now:?}"))?;
    prunes(second, "before-move")?;
    second.stage.print_lines("taken over: the same pods, and what the source loses is pruned");
    Ok(hub)
}

/// A hub that is killed goes on from its backup, in another directory.
fn restored(second: Hub<'_>) -> Result<Hub<'_>> {
    let (stage, real) = (second.trial.stage, second.trial.real);
    stage.scene("a backup, kill -9, a restore: the hub goes on");
    let backup = stage.base.join("hub.backup").display().to_string();
    stage.print_lines(&second.trial.kurator(&["hub", "backup", &backup])?);
    drop(second);
    let dir = stage.base.join("third");
    stage.print_lines(&stage.kurator_of(&dir, &["hub", "restore", &backup])?);
    let hub = Hub::start(stage, real, dir)?;
    let third = &hub.trial;
    third.converged()?;
    third.commit(&[("after-restore", Some(&map("after-restore")))])?;
    third.converged()?;
    prunes(third, "before-backup")?;
    stage.print_lines("the restored hub delivers, and prunes what was delivered before the backup");
    Ok(hub)
}

/// Given back: everything stays, and nothing says whose it was.
fn released(third: &Trial) -> Result<()> {
    third.stage.scene("detached with --release: everything stays, and is nobody's");
    let kinds = "namespaces,customresourcedefinitions,deployments,configmaps,secrets";
    let ours = || third.real.kubectl(&["get", kinds, "-A", "-l", "kurator.dev/hub", "-o", "name"]);
    expect(ours()?.contains("deployment.apps/web"), || "nothing has the hub's label before".to_owned())?;
    third.kurator(&["detach", NAME, "--release", "--yes"])?;
    let left = ours()?;
    expect(left.is_empty(), || format!("these still are the hub's: {left}"))?;
    third.stage.print_lines("no object has a label of the hub, and no inventory is left");
    Ok(())
}

/// Attached once more, what was there before is adopted, and what is new is owned. Detached with --remove, only that goes.
fn removed(third: &Trial) -> Result<()> {
    third.stage.scene("attached again and detached with --remove: only what the hub made goes");
    third.attach()?;
    third.commit(&[("fresh", Some(&map("fresh")))])?;
    third.converged()?;
    expect(!third.is_gone(&["configmap", "fresh", "-n", APP])?, || "it was not delivered".to_owned())?;
    third.kurator(&["detach", NAME, "--remove", "--yes"])?;
    expect(third.is_gone(&["configmap", "fresh", "-n", APP])?, || "what the hub made is still there".to_owned())?;
    for kept in [["deployment", "web"], ["configmap", "after-restore"]] {
        let owner = third.owner(&[&kept[..], &["-n", APP]].concat())?;
        expect(owner.is_none(), || format!("{} still is the hub's", kept.join(" ")))?;
    }
    let records = third.kubectl(&["get", "clusters.cluster.karmada.io", "-o", "name"])?;
    expect(records.is_empty(), || format!("the hub still has {records}"))?;
    third.stage.print_lines("fresh is gone, what was adopted is given back, and the hub has no member");
    Ok(())
}

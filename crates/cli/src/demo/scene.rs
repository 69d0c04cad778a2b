//! The demo's scenes: each does one thing, says what it did, and shows what the fleet did.
//!
//! Scenes are users of the demo: they commit with git, write to members with the kubeconfig, and read the hub's API. Only
//! what concerns the process itself (listeners, restart) goes through its socket.

mod member;
mod source;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use crate::connect::Api;
use anyhow::{Context, bail};
use api::feed::UnitReport;
use api::kurator::apps::v1alpha1::Application;
use api::{condition, reason};
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{APPLICATION, control, repository};
use crate::args::{Common, Format, Scene, SceneKind};
use crate::connect::asked;
use crate::sync::{LOOK_EVERY, short_revision};
use crate::{instance, output};

/// Longest wait for the fleet to do what a scene shows.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Plays one scene.
pub(crate) async fn play(common: &Common, scene: Scene) -> anyhow::Result<()> {
    let dir = instance::dir(common.dir.as_deref())?;
    if !super::repository(&dir).exists() {
        bail!("there is no demo in {}: start one with `kurator up --demo`", dir.display());
    }
    let common = Common { dir: Some(dir.clone()), ..common.clone() };
    let player = Player { dir, common, lines: RefCell::default() };
    // Before anything is committed or waited for: without a process, no scene does what it says.
    player.send_command("ping").await?;
    player.play(scene.scene).await?;
    player.finish()
}

struct Player {
    dir: PathBuf,
    common: Common,
    /// What was printed, for programs; people see it as it happens.
    lines: RefCell<Vec<String>>,
}

impl Player {
    async fn play(&self, scene: SceneKind) -> anyhow::Result<()> {
        match scene {
            SceneKind::Commit => self.commit().await,
            SceneKind::Edit => self.edit().await,
            SceneKind::Wipe => self.wipe().await,
            SceneKind::Restore => self.restore().await,
            SceneKind::Unplug { member } => self.unplug(&member).await,
            SceneKind::Plug { member } => self.plug(&member).await,
            SceneKind::Restart => self.restart().await,
            SceneKind::Counters => self.counters().await,
            SceneKind::Stop => {
                self.send_command("stop").await?;
                self.print_line("the demo is stopping; `kurator up --demo` goes on where it ended")
            }
        }
    }

    /// Prints a line: at once to people, at the end to programs.
    fn print_line(&self, line: impl Into<String>) -> anyhow::Result<()> {
        if self.common.output == Format::Text {
            output::print(&[line.into().into()])?;
        } else {
            self.lines.borrow_mut().push(line.into());
        }
        Ok(())
    }

    fn finish(&self) -> anyhow::Result<()> {
        let lines = self.lines.take();
        if !lines.is_empty() {
            let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
            output::structured(self.common.output, &json!({"said": lines}))?;
        }
        Ok(())
    }

    async fn send_command(&self, line: &str) -> anyhow::Result<String> {
        control::send_command(&self.dir, line).await
    }

    /// Ends a scene at once that writes to a member which is unplugged.
    async fn must_be_plugged(&self, member: &str) -> anyhow::Result<()> {
        if self.send_command("unplugged").await?.lines().any(|name| name == member) {
            bail!("{member} is unplugged: first `kurator demo plug {member}`");
        }
        Ok(())
    }

    fn repo(&self) -> PathBuf {
        super::repository(&self.dir)
    }

    /// The short name of the newest commit.
    fn head(&self) -> anyhow::Result<String> {
        Ok(repository::run(&self.repo(), &["rev-parse", "HEAD"])?.chars().take(6).collect())
    }

    /// Is there such a file or directory in a commit?
    fn has(&self, object: &str) -> bool {
        repository::run(&self.repo(), &["cat-file", "-e", object]).is_ok()
    }

    async fn application(&self, hub: &Client) -> anyhow::Result<Application> {
        let api: Api<Application> = Api::namespaced(hub.clone(), "default");
        api.get(APPLICATION).await.map_err(asked("cannot read app/shop"))
    }

    /// What appliers reported last.
    async fn reports(&self, hub: &Client) -> anyhow::Result<Vec<UnitReport>> {
        let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/default/trees/{APPLICATION}");
        let tree: Value =
            hub.request(Request::get(path).body(Vec::new())?).await.map_err(asked("the tree of app/shop"))?;
        let units = tree["units"].as_array().cloned().unwrap_or_default();
        units.into_iter().map(|unit| serde_json::from_value(unit).context("the tree of app/shop")).collect()
    }

    /// Waits until `look` finds something.
    async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<(T, Duration)> {
        let begun = Instant::now();
        loop {
            let last = match look().await {
                Ok(Some(found)) => return Ok((found, begun.elapsed())),
                Ok(None) => None,
                Err(error) => Some(error),
            };
            if begun.elapsed() >= WAIT_MAX {
                let error = last.unwrap_or_else(|| anyhow::anyhow!("see `kurator status app/{APPLICATION}`"));
                return Err(error.context(format!("waited {} s for {what}", WAIT_MAX.as_secs())));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until every member that can be reached runs a commit. `MemberUnknown` means that all others are ready. What is
    /// left alone after a fight is not waited for.
    async fn converged(&self, hub: &Client, commit: &str) -> anyhow::Result<Duration> {
        let (contest, took) = self
            .until("the fleet to follow", async || {
                let app = self.application(hub).await?;
                let status = app.status.unwrap_or_default();
                let at =
                    status.source_status.and_then(|s| s.git_repo_status?.artifact).map(|a| short_revision(&a.revision));
                let Some(ready) = condition::find(&status.conditions, condition::READY) else { return Ok(None) };
                let contest = (ready.reason == reason::CONTESTED).then(|| ready.message.clone());
                let ended = ready.status == "True" || ready.reason == reason::MEMBER_UNKNOWN || contest.is_some();
                Ok((ended && at.is_some_and(|at| at.ends_with(commit))).then_some(contest))
            })
            .await?;
        match contest {
            Some(contest) => bail!("the fleet runs {commit}, but for what is left alone: {contest}"),
            None => Ok(took),
        }
    }
}

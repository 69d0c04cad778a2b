//! The demo's scenes: each does one thing, says what it did, and shows what the fleet did.
//!
//! Scenes are users of the demo: they commit with git, write to members with the kubeconfig, and read the hub's API. Only
//! what concerns the process itself (listeners, restart) goes through its socket.

mod member;
mod source;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use api::feed::UnitReport;
use api::kurator::apps::v1alpha1::{Application, ApplicationStatus};
use api::{condition, reason};
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{APPLICATION, control, repository};
use crate::args::{Common, Format, Scene, SceneKind};
use crate::connect::{Api, asked};
use crate::sync::{LOOK_EVERY, SILENT_FOR, held_or, patience, revision};
use crate::up::settled::{FAILING_FOR, InTheWay, STUCK_FOR, Stuck};
use crate::{instance, output};

impl SceneKind {
    /// How long it may take; `None`: it waits for nothing.
    fn timeout(&self) -> Option<Duration> {
        match self {
            Self::Commit(within) | Self::Edit(within) | Self::Wipe(within) | Self::Restore(within) => {
                Some(within.timeout)
            }
            Self::Restart(within) | Self::Unplug { within, .. } | Self::Plug { within, .. } => Some(within.timeout),
            Self::Counters | Self::Stop => None,
        }
    }
}

/// What a look at the fleet found.
#[derive(Debug, PartialEq, Eq)]
enum Look<T> {
    /// What was waited for.
    Found(T),
    /// It is not there yet.
    NotYet {
        /// Why, in words; empty when nothing is known.
        why: String,
        /// What has to go away before it can come, if it does not by itself.
        in_the_way: Option<InTheWay>,
    },
}

impl<T> Look<T> {
    /// What was found, or why nothing was.
    fn found_or(found: Option<T>, why: impl Into<String>) -> Self {
        found.map_or_else(|| Self::NotYet { why: why.into(), in_the_way: None }, Self::Found)
    }

    /// It does not come as long as this is so.
    fn blocked(reason: &str, long: Duration, why: impl Into<String>) -> Self {
        Self::NotYet { why: why.into(), in_the_way: Some(InTheWay { reason: reason.to_owned(), long }) }
    }
}

/// Plays one scene.
pub(crate) async fn play(common: &Common, scene: Scene) -> anyhow::Result<()> {
    let dir = match &common.dir {
        Some(dir) => instance::dir(Some(dir))?,
        // Other hubs that run here play no scenes.
        None => instance::only_demo()?,
    };
    if !super::repository(&dir).exists() {
        bail!("there is no demo in {}: start one with `kurator up --demo`", dir.display());
    }
    let common = Common { dir: Some(dir.clone()), ..common.clone() };
    let timeout = scene.scene.timeout();
    let player = Player { dir, common, timeout: timeout.unwrap_or_default(), lines: RefCell::default() };
    // Before anything is committed or waited for: without a process that runs the demo, no scene does what it says.
    player.send_command(if timeout.is_some() { "members" } else { "ping" }).await?;
    player.play(scene.scene).await?;
    player.finish()
}

struct Player {
    dir: PathBuf,
    common: Common,
    /// Longest wait for the fleet to do what the scene shows.
    timeout: Duration,
    /// What was printed, for programs; people see it as it happens.
    lines: RefCell<Vec<String>>,
}

impl Player {
    async fn play(&self, scene: SceneKind) -> anyhow::Result<()> {
        match scene {
            SceneKind::Commit(_) => self.commit().await,
            SceneKind::Edit(_) => self.edit().await,
            SceneKind::Wipe(_) => self.wipe().await,
            SceneKind::Restore(_) => self.restore().await,
            SceneKind::Unplug { member, .. } => self.unplug(&member).await,
            SceneKind::Plug { member, .. } => self.plug(&member).await,
            SceneKind::Restart(_) => self.restart().await,
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

    /// The demo's Application, if it is there.
    async fn find_application(&self, hub: &Client) -> anyhow::Result<Option<Application>> {
        let api: Api<Application> = Api::namespaced(hub.clone(), "default");
        api.get_opt(APPLICATION).await.map_err(asked("cannot read app/shop"))
    }

    async fn application(&self, hub: &Client) -> anyhow::Result<Application> {
        let found = self.find_application(hub).await?;
        found.context("there is no app/shop: end the demo and start it again, which makes it")
    }

    /// Ends a scene before it commits something that the hub would not fetch.
    async fn must_be_followed(&self, hub: &Client) -> anyhow::Result<()> {
        if is_suspended(&self.application(hub).await?) {
            bail!(SUSPENDED);
        }
        Ok(())
    }

    /// The units of the Application, in each member: what its applier reported last, and how the hub sees that.
    async fn units(&self, hub: &Client) -> anyhow::Result<Vec<Value>> {
        let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/default/trees/{APPLICATION}");
        let tree: Value =
            hub.request(Request::get(path).body(Vec::new())?).await.map_err(asked("the tree of app/shop"))?;
        Ok(tree["units"].as_array().cloned().unwrap_or_default())
    }

    /// What appliers reported last.
    async fn reports(&self, hub: &Client) -> anyhow::Result<Vec<UnitReport>> {
        let units = self.units(hub).await?.into_iter();
        units.map(|unit| serde_json::from_value(unit).context("the tree of app/shop")).collect()
    }

    /// Waits until `look` finds something, and says what it waits for when that takes long.
    async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> anyhow::Result<Look<T>>,
    ) -> anyhow::Result<(T, Duration)> {
        let begun = Instant::now();
        let (mut stuck, mut said) = (Stuck::default(), String::new());
        loop {
            let (why, in_the_way) = match look().await {
                Ok(Look::Found(found)) => return Ok((found, begun.elapsed())),
                Ok(Look::NotYet { why, in_the_way }) => (why, in_the_way),
                Err(error) => (output::chain(&error), None),
            };
            let is_stuck = stuck.is_stuck(in_the_way, begun.elapsed());
            if is_stuck || begun.elapsed() >= self.timeout {
                let why = if why.is_empty() { why } else { format!(": {why}") };
                let secs = begun.elapsed().as_secs();
                bail!("waited {secs} s for {what}{why}; see `kurator status app/{APPLICATION} -n default`");
            }
            if begun.elapsed() >= SILENT_FOR && !why.is_empty() && why != said {
                output::print_stderr(format_args!("  waiting for {what}: {why}"));
                said = why;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until every member that can be reached runs a commit. What is left alone after a fight is not waited for.
    async fn converged(&self, hub: &Client, commit: &str) -> anyhow::Result<Duration> {
        let contested_since = std::cell::Cell::new(None);
        let look = async || {
            let look = follows(&self.application(hub).await?, commit);
            let is_contested = matches!(look, Look::Found(Some(_)));
            let since = contested_since.get().filter(|_| is_contested).unwrap_or_else(Instant::now);
            contested_since.set(is_contested.then_some(since));
            // What is said may be of the version before: a new one waits for no pause.
            Ok(match look {
                Look::Found(Some(contest)) if since.elapsed() < CONTEST_SAID_FOR => Look::found_or(None, contest),
                look => look,
            })
        };
        let (contest, took) = self.until("the fleet to follow", look).await?;
        match contest {
            Some(contest) => bail!("the fleet runs {commit}, but for what is left alone: {contest}"),
            None => Ok(took),
        }
    }
}

/// What is left alone after a fight is believed when it was said for so long: a new version arrives sooner.
const CONTEST_SAID_FOR: Duration = Duration::from_secs(3);

/// What is said of an Application whose source a person suspended.
const SUSPENDED: &str = "app/shop is suspended, and fetches nothing: first `kurator resume app/shop -n default`";

fn is_suspended(app: &Application) -> bool {
    app.spec.source.git_repository.as_ref().is_some_and(|git| git.suspend)
}

/// Why a commit does not arrive at the hub; `None` when it is there.
fn not_fetched<T>(app: &Application, status: &ApplicationStatus, commit: &str) -> Option<Look<T>> {
    if is_suspended(app) {
        return Some(Look::blocked(reason::SUSPENDED, STUCK_FOR, SUSPENDED));
    }
    if revision(status).ends_with(commit) {
        return None;
    }
    let source = condition::find(&status.conditions, condition::SOURCE_READY).filter(|c| c.status == "False");
    Some(match source {
        Some(c) => Look::blocked(&c.reason, FAILING_FOR, format!("{}: {}", c.reason, c.message)),
        None => Look::found_or(None, format!("the hub has not fetched {commit} yet")),
    })
}

/// Does the fleet run a commit? `MemberUnknown` means that all others are ready. Found is also what is left alone after a
/// fight, in words.
fn follows(app: &Application, commit: &str) -> Look<Option<String>> {
    let status = app.status.clone().unwrap_or_default();
    if let Some(look) = not_fetched(app, &status, commit) {
        return look;
    }
    let Some(ready) = condition::find(&status.conditions, condition::READY) else {
        return Look::found_or(None, "the hub has not looked at app/shop yet");
    };
    let contest = (ready.reason == reason::CONTESTED).then(|| ready.message.clone());
    if ready.status == "True" || ready.reason == reason::MEMBER_UNKNOWN || contest.is_some() {
        return Look::Found(contest);
    }
    let message =
        if ready.reason == reason::DELETIONS_HELD { held_or(&status, &ready.message) } else { ready.message.clone() };
    let why = format!("app/shop is not ready, {}: {message}", ready.reason);
    match patience(&ready.reason) {
        Some(long) => Look::blocked(&ready.reason, long, why),
        None => Look::found_or(None, why),
    }
}

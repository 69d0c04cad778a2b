//! `kurator up`: the hub as a process.

mod converge;
pub(crate) mod settled;
#[cfg(test)]
mod tests;

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use client::Trust;
use hub::{Hub, SystemClock};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::args::{Common, Format, Up};
use crate::demo::control::Control;
use crate::demo::{self, Demo};
use crate::duration::tenths;
use crate::instance::Made;
use crate::{ask, instance, notify, output};

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Ctrl-C, SIGTERM, `demo stop`, or ready with `--exit-when-ready`.
    Stop,
    /// Not ready in time.
    NotReady,
    /// `demo restart`: the same command again, in a new process image.
    Restart,
}

/// Longest time for an orderly end; what is left then is as safe as after a kill.
const STOP_WITHIN: Duration = Duration::from_secs(5);

pub(crate) async fn run(common: &Common, up: Up) -> anyhow::Result<ExitCode> {
    let dir = match &common.dir {
        Some(dir) => dir.clone(),
        None => instance::default_dir(up.demo)?,
    };
    // Now: if the program is replaced while this runs, the next start is that of the new one.
    let program = std::env::current_exe().context("cannot find this program")?;
    let about = |what: &str| format!("cannot {what} {}; choose another directory with --dir", dir.display());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).with_context(|| about("make"))?;
    let dir = std::fs::canonicalize(&dir).with_context(|| about("use"))?;
    if hub::backup::unfinished(&dir) {
        let dir = ask::quoted(&dir.display().to_string());
        // What a start would make here is another hub, which its members do not know.
        bail!("a restore into {dir} did not end: run `kurator hub restore FILE --dir {dir}` once more, then start");
    }
    if let Some(why) = refused(instance::made_for(&dir), &up) {
        bail!("{} {why}, or say --anyway if that is meant", dir.display());
    }
    let end = serve(&dir, &up, common.output).await?;
    match end {
        End::Stop => Ok(ExitCode::SUCCESS),
        End::NotReady => Ok(ExitCode::FAILURE),
        End::Restart => {
            use std::os::unix::process::CommandExt;
            let error = std::process::Command::new(&program).args(std::env::args_os().skip(1)).exec();
            Err(error).with_context(|| format!("cannot start {} again", program.display()))
        }
    }
}

/// Why a directory is not used: what was made in it is of the other kind, and would be changed without a word.
fn refused(made: Option<Made>, up: &Up) -> Option<&'static str> {
    if up.anyway {
        return None;
    }
    match (made?, up.demo) {
        (Made::Hub, true) => Some(
            "is the directory of a hub, and --demo would add three simulated members, a fleet and an application to it: \
             choose another one with --dir",
        ),
        (Made::Demo, false) => Some(
            "is the directory of a demo, and without --demo its simulated members and its git server do not run: add --demo, \
             choose another one with --dir",
        ),
        (Made::Hub, false) | (Made::Demo, true) => None,
    }
}

async fn serve(dir: &Path, up: &Up, format: Format) -> anyhow::Result<End> {
    let mut signals = Signals::catch()?;
    let shutdown = CancellationToken::new();
    // What the demo serves outlives the hub: else the hub would note, while it stops, that its world has gone.
    let curtain = CancellationToken::new();
    let begun = Instant::now();
    let running = tokio::select! {
        running = Running::start(dir, up, format, begun, &shutdown, &curtain) => running?,
        () = signals.any() => {
            shutdown.cancel();
            return Ok(End::Stop);
        }
    };
    let outcome = tokio::select! {
        outcome = watch(&running, up, format, begun) => outcome,
        how = running.control.ended() => Ok(how),
        () = signals.any() => Ok(End::Stop),
    };
    notify::stopping();
    shutdown.cancel();
    tokio::select! {
        stopped = tokio::time::timeout(STOP_WITHIN, running.stop(&curtain)) => if stopped.is_err() {
            tracing::warn!("did not end in time; nothing that was acknowledged is lost");
        },
        // A second signal ends the process at once, which is as safe as a kill.
        () = signals.any() => {}
    }
    outcome
}

/// Everything that runs.
struct Running {
    hub: Arc<Hub>,
    demo: Option<Arc<Demo>>,
    control: Control,
    registration: Option<instance::Registration>,
}

impl Running {
    async fn start(
        dir: &Path,
        up: &Up,
        format: Format,
        begun: Instant,
        shutdown: &CancellationToken,
        curtain: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let options = hub::Options {
            directory: dir.join("hub"),
            listen: up.listen,
            hook_listen: up.hook_listen,
            advertise: up.advertise.clone(),
            trust: Trust { loopback: up.demo || up.allow_loopback_members },
            controllers: controllers::Controller::ALL.into(),
        };
        // The demo first: a hub that starts again would find its members and its source not listening yet, and say so.
        let demo = if up.demo { Some(Arc::new(Demo::start(dir, curtain.clone()).await?)) } else { None };
        // In a worker: what this thread frees, glibc keeps for this thread, which has little to do after the start. That was 6 MiB.
        let start = tokio::spawn(Hub::start(options, Arc::new(SystemClock), shutdown.clone()));
        let hub = start.await.context("the hub did not start")?.map_err(anyhow::Error::new)?;
        let hub = Arc::new(hub);
        let mut kubeconfigs = vec![hub.kubeconfig("hub")];
        kubeconfigs.extend(demo.iter().flat_map(|demo| demo.kubeconfigs()));
        let file = dir.join(instance::KUBECONFIG);
        let kubeconfig = merge(&kubeconfigs)?;
        let before = hub::directory::read(&file)?;
        // What is there already needs no room on the disk.
        if before.as_deref() != Some(kubeconfig.as_str()) {
            hub::directory::write(&file, &kubeconfig).context("cannot write the kubeconfig")?;
        }
        let control = Control::serve(dir, hub.clone(), demo.clone(), CancellationToken::new())?;
        let registration = instance::Registration::new(dir);
        let running = Self { hub, demo, control, registration };
        running.announce(&file, begun, format)?;
        if let Some(note) = before.and_then(|before| moved(&before, &running.hub.url())) {
            output::print_stderr(note);
        }
        notify::ready();
        match &running.demo {
            None if !up.exit_when_ready => next_steps(dir, &running.hub, up),
            _ => tracing::debug!("push hooks: {}/NAMESPACE/APPLICATION", running.hub.hook_url()),
        }
        if let Some(demo) = &running.demo {
            demo.install(&running.hub.client()).await?;
        }
        Ok(running)
    }

    /// Says where the hub is.
    fn announce(&self, file: &Path, begun: Instant, format: Format) -> anyhow::Result<()> {
        let mut contexts = vec!["hub".to_owned()];
        contexts.extend(self.demo.iter().flat_map(|demo| demo.names()));
        let value = json!({
            "event": "started", "hub": self.hub.url(), "hook": self.hub.hook_url(), "kubeconfig": file.display().to_string(), "contexts": contexts,
            "simulated": self.demo.is_some(), "readySeconds": begun.elapsed().as_secs_f64(),
        });
        if format != Format::Text {
            // Others follow: of a process that goes on there is not one document.
            output::unread(output::print_event(format, &value))?;
            return Ok(());
        }
        let plural = if contexts.len() == 1 { "context" } else { "contexts" };
        let simulated = if self.demo.is_some() { "   members are simulated" } else { "" };
        output::unread(output::print(&[format!(
            "hub ready {}   kubeconfig {} ({plural} {}){simulated}",
            tenths(begun.elapsed()),
            file.display(),
            contexts.join(", ")
        )
        .into()]))?;
        Ok(())
    }

    /// Ends everything in order: those who ask first, what they ask about last.
    async fn stop(self, curtain: &CancellationToken) {
        let Self { hub, demo, control, registration } = self;
        drop(registration);
        control.close().await;
        if let Some(hub) = Arc::into_inner(hub) {
            hub.stop().await;
        }
        curtain.cancel();
        if let Some(demo) = demo.and_then(Arc::into_inner) {
            demo.stop().await;
        }
    }
}

/// What one does with a hub that is empty.
fn next_steps(dir: &Path, hub: &Hub, up: &Up) {
    let dir = ask::quoted(&dir.display().to_string());
    let mut lines = vec![
        "next, in another terminal:".to_owned(),
        // Before the export: attach looks for the cluster in the user's own kubeconfig.
        format!("  kurator attach CONTEXT --fleet FLEET --dir {dir}   (or apply an AttachedCluster and a Fleet)"),
        format!("  export KUBECONFIG={dir}/{}", instance::KUBECONFIG),
        "  kubectl apply -f application.yaml   (docs/guide.md has examples)".to_owned(),
        format!("  kurator status --dir {dir}"),
        format!(
            "push hooks: {}/NAMESPACE/APPLICATION, with the token in Secret kurator-system/kurator-push-hook",
            hub.hook_url()
        ),
    ];
    if up.listen.ip().is_unspecified() && up.advertise.is_none() {
        let only = "it listens on every address, but its kubeconfig and certificate are good for this machine only";
        lines.push(format!("{only}: say --advertise HOST for others"));
    }
    lines.push(format!("Ctrl-C ends it; everything is kept in {dir}"));
    lines.iter().for_each(output::print_stderr);
}

/// What is said when the kubeconfig names another address than after the last start: the copies that others have are wrong
/// from now on.
fn moved(before: &str, now: &str) -> Option<String> {
    let before = model::yaml::parse(before).ok()?;
    let before = before["clusters"][0]["cluster"]["server"].as_str()?;
    (before != now).then(|| {
        format!(
            "note: the hub was at {before} until now, and its kubeconfig says {now} from now on. Neither --listen nor \
             --advertise is remembered: say them at each start, or give others the new kubeconfig"
        )
    })
}

/// Shows how everything converges, and how the demo is then; for ever, unless told to exit when ready.
async fn watch(running: &Running, up: &Up, format: Format, begun: Instant) -> anyhow::Result<End> {
    let Some(demo) = &running.demo else {
        if !up.exit_when_ready {
            return std::future::pending().await;
        }
        let converged = converge::wait(&running.hub, begun, up.timeout, format).await?;
        return Ok(if converged { End::Stop } else { End::NotReady });
    };
    let limit = up.exit_when_ready.then_some(up.timeout);
    let converged = demo::progress::show(&running.hub, demo, begun, limit, format).await?;
    match (converged, up.exit_when_ready) {
        (true, true) => Ok(End::Stop),
        (false, true) => Ok(End::NotReady),
        _ => std::future::pending().await,
    }
}

/// Ctrl-C and SIGTERM, caught from the start: one that comes while the hub is starting ends it in order as well.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn catch() -> anyhow::Result<Self> {
        let catch = |kind| signal(kind).context("cannot catch signals");
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// One kubeconfig of several; the first one's context is the current one.
fn merge(all: &[String]) -> anyhow::Result<String> {
    let mut out = serde_json::Value::Null;
    for text in all {
        let config = model::yaml::parse(text)?;
        if out.is_null() {
            out = config;
            continue;
        }
        for list in ["clusters", "users", "contexts"] {
            if let (Some(into), Some(from)) = (out[list].as_array_mut(), config[list].as_array()) {
                into.extend(from.iter().cloned());
            }
        }
    }
    Ok(model::yaml::to_string(&out))
}

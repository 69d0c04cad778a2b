//! `kurator up`: the hub as a process.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use client::Trust;
use hub::{Hub, SystemClock};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::args::{Common, Up};
use crate::demo::control::Control;
use crate::demo::{self, Demo};
use crate::duration::tenths;
use crate::{instance, output};

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
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = std::fs::canonicalize(&dir).with_context(|| format!("cannot use {}", dir.display()))?;
    let end = serve(&dir, &up).await?;
    match end {
        End::Stop => Ok(ExitCode::SUCCESS),
        End::NotReady => Ok(ExitCode::FAILURE),
        End::Restart => {
            use std::os::unix::process::CommandExt;
            let error = std::process::Command::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).exec();
            Err(error).context("cannot start again")
        }
    }
}

async fn serve(dir: &Path, up: &Up) -> anyhow::Result<End> {
    let begun = Instant::now();
    let mut signals = Signals::catch()?;
    let shutdown = CancellationToken::new();
    // What the demo serves outlives the hub: else the hub would note, while it stops, that its world has gone.
    let curtain = CancellationToken::new();
    let options = hub::Options {
        directory: dir.join("hub"),
        listen: up.listen,
        trust: Trust { loopback: up.demo || up.allow_loopback_members },
    };
    // The demo first: a hub that starts again would find its members and its source not listening yet, and say so.
    let demo = if up.demo { Some(Demo::start(dir, curtain.clone()).await?) } else { None };
    let hub = Hub::start(options, Arc::new(SystemClock), shutdown.clone()).await.map_err(anyhow::Error::new)?;
    let mut kubeconfigs = vec![hub.kubeconfig("hub")];
    kubeconfigs.extend(demo.iter().flat_map(Demo::kubeconfigs));
    let file = dir.join(instance::KUBECONFIG);
    hub::directory::write(&file, &merge(&kubeconfigs)?).context("cannot write the kubeconfig")?;
    let mut contexts = vec!["hub".to_owned()];
    contexts.extend(demo.iter().flat_map(Demo::names));
    let plural = if contexts.len() == 1 { "context" } else { "contexts" };
    let simulated = if demo.is_some() { "   members are simulated" } else { "" };
    output::print(&[format!(
        "hub ready {}   kubeconfig {} ({plural} {}){simulated}",
        tenths(begun.elapsed()),
        file.display(),
        contexts.join(", ")
    )])?;
    match &demo {
        None => next_steps(dir, hub.hook_address(), up),
        Some(_) => tracing::info!("push hooks: https://{}/NAMESPACE/APPLICATION", hub.hook_address()),
    }
    let end = CancellationToken::new();
    let registration = instance::Registration::new(dir);
    let socket = dir.join(instance::SOCKET);
    let demo = demo.map(Arc::new);
    let hub = Arc::new(hub);
    let control = Control::serve(&socket, hub.clone(), demo.clone(), end)?;
    if let Some(demo) = &demo {
        demo.install(&hub.client()).await?;
    }
    let outcome = tokio::select! {
        outcome = watch(&hub, demo.as_deref(), up, begun) => outcome?,
        how = control.ended() => how,
        () = signals.any() => End::Stop,
    };
    // A file that is not there any more is what was wanted.
    let _ = std::fs::remove_file(&socket);
    drop(registration);
    shutdown.cancel();
    control.close().await;
    let stopped = tokio::time::timeout(STOP_WITHIN, async {
        if let Some(hub) = Arc::into_inner(hub) {
            hub.stop().await;
        }
        curtain.cancel();
        if let Some(demo) = demo.and_then(Arc::into_inner) {
            demo.stop().await;
        }
    });
    if stopped.await.is_err() {
        tracing::warn!("did not end in time; nothing that was acknowledged is lost");
    }
    Ok(outcome)
}

/// What one does with a hub that is empty.
fn next_steps(dir: &Path, hook: SocketAddr, up: &Up) {
    if up.exit_when_ready {
        return;
    }
    let dir = dir.display();
    eprintln!("next, in another terminal:");
    eprintln!("  export KUBECONFIG={dir}/{}", instance::KUBECONFIG);
    eprintln!(
        "  kubectl apply -f attachedcluster.yaml -f fleet.yaml -f application.yaml   (docs/guide.md has examples)"
    );
    eprintln!("  kurator status --dir {dir}");
    eprintln!(
        "push hooks: https://{hook}/NAMESPACE/APPLICATION, with the token in Secret kurator-system/kurator-push-hook"
    );
    eprintln!("Ctrl-C ends it; everything is kept in {dir}");
}

/// Shows how the demo converges; then waits for ever, unless told to exit when ready.
async fn watch(hub: &Hub, demo: Option<&Demo>, up: &Up, begun: Instant) -> anyhow::Result<End> {
    let Some(demo) = demo else {
        if up.exit_when_ready {
            return Ok(End::Stop);
        }
        return std::future::pending().await;
    };
    let limit = up.exit_when_ready.then_some(up.timeout);
    let converged = demo::progress::show(hub, demo, begun, limit).await?;
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

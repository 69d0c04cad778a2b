//! `kurator`: the command line, and the composition root of the hub and of the demo.
//!
//! stdout is data, stderr is talk. Errors say what to do next. Everything but `up` and the demo's scenes goes through
//! the hub's Kubernetes API: what this can do, kubectl can do.

mod approve;
mod args;
mod ask;
mod attach;
mod backup;
mod completion;
mod connect;
mod demo;
mod diff;
mod doctor;
mod duration;
mod events;
mod instance;
mod leave;
mod log;
mod notify;
mod objects;
mod output;
mod reach;
mod render;
mod status;
mod sync;
mod takeover;
mod tree;
mod up;

use std::process::ExitCode;

use args::{Args, Command};

/// How much is said on stderr by commands, whose errors are said by themselves, and by a demo, whose table shows it.
const QUIET: &str = "error";
/// How much a hub says, and everything with `--verbose`.
const VERBOSE: &str = "info";

fn main() -> ExitCode {
    let args = args::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    // One crypto provider for everything; a second call would only find it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let is_hub = matches!(&args.command, Command::Up(up) if !up.demo);
    if let Err(error) = log::start(if args.verbose || is_hub { VERBOSE } else { QUIET }) {
        output::print_stderr(format_args!("error: {error}"));
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::print_stderr(format_args!("error: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = match runtime.block_on(run(args)) {
        Ok(code) => code,
        // A reader that went away (`kurator status | head`) is no failure of ours.
        Err(error) if error.downcast_ref::<output::WriteError>().is_some_and(output::WriteError::is_broken_pipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::print_error(&error);
            ExitCode::FAILURE
        }
    };
    // What blocks a thread just now, such as a fetch from a disk that hangs, holds nobody up.
    runtime.shutdown_background();
    code
}

async fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    args::settle(&mut args).await;
    output::Shell::of(&args).install();
    let common = args.common;
    match args.command {
        Command::Up(up) => return up::run(&common, up).await,
        Command::Demo(scene) => demo::scene::play(&common, scene).await?,
        Command::Status(what) => status::run(&common, what).await?,
        Command::Tree(what) => tree::run(&common, what).await?,
        Command::Sync(what) => sync::sync(&common, what).await?,
        Command::Suspend(what) => sync::suspend(&common, what.name, true).await?,
        Command::Resume(what) => sync::suspend(&common, what.name, false).await?,
        Command::Approve(what) => approve::run(&common, &what, args.verbose).await?,
        Command::Attach(what) => attach::run(&common, &what).await?,
        Command::Render(what) => render::run(&common, &what).await?,
        Command::Diff(what) => return diff::run(&common, &what).await,
        Command::Events(what) => events::run(&common, &what).await?,
        Command::Fleet(args::FleetCommand::Remove(what)) => leave::fleet::remove(&common, &what, args.verbose).await?,
        Command::Detach(what) => leave::detach::run(&common, &what, args.verbose).await?,
        Command::Delete(what) => leave::delete::run(&common, &what, args.verbose).await?,
        Command::Doctor => return doctor::run(&common, args.verbose).await,
        Command::Hub(what) => match what.command {
            args::HubCommand::Archive(what) => return backup::run(&common, what).await,
            args::HubCommand::Adopt(what) => takeover::adopt(&common, &what).await?,
            args::HubCommand::AdoptFleet(what) => takeover::adopt_fleet(&common, &what).await?,
        },
        Command::Completion { shell } => completion::script(shell)?,
        Command::Names { words } => completion::names(&common, &words).await?,
        Command::Version => version(common.output)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn version(format: args::Format) -> Result<(), output::WriteError> {
    let version = env!("CARGO_PKG_VERSION");
    if !output::structured(format, &serde_json::json!({"version": version}))? {
        output::print(&[format!("kurator {version}").into()])?;
    }
    Ok(())
}

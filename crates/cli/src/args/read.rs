//! Reads the command line, and refuses what would have no effect.
//!
//! Options such as `--kubeconfig` are common to all commands. A command that has no use for one does not show it in its help,
//! and refuses it: a user who gives it expects something of it. Only what stands on the command line is refused, since
//! a variable of the environment is meant for other commands as well.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::{Approve, Args, Attach, Command, Common, Hub, HubCommand, Target};

/// Commands, and the common options of which they have no use.
const UNUSED: [(&str, &[&str]); 6] = [
    ("up", &["kubeconfig", "context", "namespace"]),
    ("demo", &["kubeconfig", "context", "namespace"]),
    ("attach", &["context"]),
    ("completion", &["kubeconfig", "context", "dir", "namespace", "output"]),
    ("names", &["output"]),
    ("version", &["kubeconfig", "context", "dir", "namespace"]),
];

/// The command line as clap knows it, built: each command shows the options that it uses.
pub(crate) fn command() -> clap::Command {
    let mut command = Args::command();
    command.build();
    command.mut_subcommands(|sub| {
        let options = unused(sub.get_name());
        let sub = without(sub, options);
        if sub.get_name() == "doctor" {
            let help = "Namespace that is looked at where this credential may not list all of them; without it that of the context which the hub is found by";
            return sub.mut_args(|arg| if arg.get_id() == "namespace" { arg.help(help) } else { arg });
        }
        if sub.get_name() != "attach" {
            return sub;
        }
        // By all of them: what changes one alone moves the others, which are found by their place from here on.
        sub.mut_args(|arg| match arg.get_id().as_str() {
            "kubeconfig" => {
                arg.help("Your kubeconfig with the cluster's context, instead of $KUBECONFIG or ~/.kube/config")
            }
            "namespace" => arg.help("Namespace of the AttachedCluster in the hub"),
            _ => arg,
        })
    })
}

/// The common options of which a command has no use.
fn unused(command: &str) -> &'static [&'static str] {
    UNUSED.iter().find(|(name, _)| *name == command).map(|(_, options)| *options).unwrap_or_default()
}

/// A command, and the ones below it, that do not show some options.
fn without(command: clap::Command, options: &[&str]) -> clap::Command {
    let is_unused = |arg: &clap::Arg| options.contains(&arg.get_id().as_str());
    let command = command.mut_args(|arg| if is_unused(&arg) { arg.hide(true) } else { arg });
    command.mut_subcommands(|sub| without(sub, options))
}

/// Reads a command line. The first word is the program.
///
/// # Errors
/// What clap says of it; it knows whether it is an error or `--help`, and exits accordingly.
pub(crate) fn read<T>(words: impl IntoIterator<Item = T>) -> Result<Args, clap::Error>
where
    T: Into<OsString> + Clone,
{
    let mut command = command();
    let matches = command.try_get_matches_from_mut(words)?;
    let mut args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    // `KURATOR_DIR= kurator …` says that no directory is meant.
    if matches.value_source("dir") == Some(ValueSource::EnvVariable) {
        args.common.dir = args.common.dir.filter(|dir| !dir.as_os_str().is_empty());
    }
    args.common.is_dir_given = matches.value_source("dir") == Some(ValueSource::CommandLine);
    args.common.is_namespace_given = matches.value_source("namespace") != Some(ValueSource::DefaultValue);
    match refused(&matches, &args) {
        None => Ok(args),
        Some(why) => Err(command.error(ErrorKind::ArgumentConflict, why)),
    }
}

/// Decides which hub is meant, for a command that asks one, and with it the namespace.
pub(crate) async fn settle(args: &mut Args) {
    let of_hub = match &args.command {
        // A demo is asked in its own directory. What it prints is for a command that finds the hub by itself.
        Command::Demo(_) => {
            let mut pasted = args.common.clone();
            crate::connect::settle(&mut pasted).await;
            args.common.context_namespace = pasted.context_namespace;
            return;
        }
        // The words to complete say which hub is meant.
        Command::Up(_) | Command::Completion { .. } | Command::Names { .. } | Command::Version => return,
        Command::Hub(Hub { command: HubCommand::Archive(_) }) => return,
        // To `attach`, `--kubeconfig` is that of the cluster.
        Command::Attach(Attach { hub_kubeconfig, hub_context, .. }) => {
            Some((hub_kubeconfig.clone(), hub_context.clone()))
        }
        _ => None,
    };
    let mut common = args.common.clone();
    if let Some((kubeconfig, context)) = of_hub {
        (common.kubeconfig, common.context) = (kubeconfig, context);
    }
    crate::connect::settle(&mut common).await;
    let Common { kubeconfig, context, .. } = std::mem::replace(&mut args.common, common);
    (args.common.kubeconfig, args.common.context) = (kubeconfig, context);
}

/// Why a command line that can be read is refused.
fn refused(matches: &ArgMatches, args: &Args) -> Option<String> {
    let is_given = |option: &str| matches.value_source(option) == Some(ValueSource::CommandLine);
    let name = matches.subcommand_name()?;
    if let Some(option) = unused(name).iter().find(|option| is_given(option)) {
        return Some(format!("`kurator {name}` has no use for --{option}: leave it out"));
    }
    if is_given("dir") && args.common.dir.as_ref().is_some_and(|dir| dir.as_os_str().is_empty()) {
        return Some("--dir is empty: name a directory, or leave it out".to_owned());
    }
    // There it is the kubeconfig of the cluster, and not of the hub.
    if name != "attach" && is_given("kubeconfig") && is_given("dir") {
        return Some("--kubeconfig and --dir both say which hub is meant: give one of them".to_owned());
    }
    match &args.command {
        Command::Hub(Hub { command: HubCommand::Archive(_) }) => {
            let option = ["kubeconfig", "context", "namespace"].into_iter().find(|option| is_given(option))?;
            Some(format!("a backup is made of the directory of a hub: leave --{option} out, and name one with --dir"))
        }
        Command::Attach(Attach { hub_kubeconfig: Some(_), .. }) if is_given("dir") => {
            Some("--hub-kubeconfig and --dir both say which hub is meant: give one of them".to_owned())
        }
        Command::Approve(Approve { object: Target::Member(name), digest, .. }) if !digest.is_empty() => Some(format!(
            "--digest is that of an application's held deletions; member/{name} has an identity to approve: leave it out, \
             and see first with `kurator status member/{name}` which cluster is there now"
        )),
        Command::Approve(Approve { digest, .. }) => {
            let wrong = digest.iter().find(|digest| digest.parse::<model::Digest>().is_err())?;
            Some(format!(
                "--digest {wrong}: not a digest: it is sha256: and 64 hexadecimal digits, as `kurator status app/NAME` shows it"
            ))
        }
        _ => None,
    }
}

//! The command line as data.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

mod read;

pub(crate) use read::{command, read};

/// One process that turns any number of Kubernetes clusters into one fleet that follows git.
#[derive(Parser, Debug)]
#[command(
    name = "kurator",
    version,
    after_help = "Examples:\n  kurator up --demo            a hub and three simulated members, from nothing\n  \
                  kurator status               the fleet\n  kurator tree app/shop        one application, object by object\n  \
                  kurator demo edit            edit a member by hand and watch it being reverted"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Say more on stderr (`KURATOR_LOG` filters in detail).
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The namespace that a command takes when `-n` does not say another.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// Which hub, and how to print.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Common {
    /// Kubeconfig of the hub, instead of the directory of a hub on this machine.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context in that kubeconfig; the current one by default.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Directory of a hub on this machine.
    #[arg(long, global = true, value_name = "DIR", env = "KURATOR_DIR", hide_env_values = true)]
    pub(crate) dir: Option<PathBuf>,
    /// Namespace of applications.
    #[arg(long, short, global = true, default_value = DEFAULT_NAMESPACE, value_parser = namespace)]
    pub(crate) namespace: String,
    /// How to print.
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// How to print.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and sentences.
    Text,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a hub on this machine.
    #[command(after_help = "Examples:\n  kurator up\n  kurator up --demo\n  \
                            kurator up --demo --dir /tmp/demo --exit-when-ready\n  \
                            kurator up --listen 0.0.0.0:6443 --advertise hub.example.com")]
    Up(Up),
    /// Play a scene with the demo that runs.
    #[command(after_help = "Examples:\n  kurator demo edit\n  kurator demo wipe && kurator approve app/shop\n  \
                            kurator demo unplug beijing && kurator status && kurator demo plug beijing\n  \
                            kurator demo restart")]
    Demo(Scene),
    /// Show the fleet, one application per member, or one member per application.
    #[command(
        after_help = "Examples:\n  kurator status\n  kurator status app/shop\n  kurator status member/beijing -o json"
    )]
    Status(What),
    /// Show the objects of an application or of a member, with their health.
    #[command(after_help = "Examples:\n  kurator tree app/shop\n  kurator tree member/beijing")]
    Tree(Object),
    /// Fetch an application's source now and wait until its members follow.
    #[command(after_help = "Examples:\n  kurator sync app/shop\n  kurator sync app/shop --no-wait")]
    Sync(Sync),
    /// Stop fetching an application's source; what runs stays and is still looked after.
    #[command(after_help = "Example:\n  kurator suspend app/shop")]
    Suspend(AppObject),
    /// Fetch an application's source again.
    #[command(after_help = "Example:\n  kurator resume app/shop")]
    Resume(AppObject),
    /// Release held deletions of an application, exactly those that are shown, after asking; or a member's new identity.
    #[command(after_help = "Examples:\n  kurator approve app/shop\n  kurator approve app/shop --yes\n  \
                            kurator approve app/shop --digest sha256:… --yes\n  \
                            kurator approve member/beijing")]
    Approve(Approve),
    /// Change which members a fleet has.
    #[command(subcommand, after_help = "Example:\n  kurator fleet remove beijing")]
    Fleet(FleetCommand),
    /// Do something with the hub as a whole.
    #[command(subcommand, after_help = "Example:\n  kurator hub adopt-fleet")]
    Hub(HubCommand),
    /// Take a member out of the hub: with everything left as it is, given back, or removed.
    #[command(after_help = "Examples:\n  kurator detach beijing\n  kurator detach beijing --keep --yes\n  \
                            kurator detach beijing --release\n  kurator detach beijing --remove --timeout 5m")]
    Detach(Detach),
    /// Delete an application or a fleet, after showing what goes with it in the members and asking.
    #[command(after_help = "Examples:\n  kurator delete app/shop\n  kurator delete app/shop --yes\n  \
                            kurator delete fleet/production")]
    Delete(Delete),
    /// Look for known faults in the hub, its members, fleets and applications, and say what to do about each. Changes nothing;
    /// exits with 1 when there is a fault.
    #[command(after_help = "Examples:\n  kurator doctor\n  kurator doctor -o json\n  \
                            kurator doctor --kubeconfig hub.kubeconfig")]
    Doctor,
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  source <(kurator completion bash)")]
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the version.
    #[command(after_help = "Example:\n  kurator version -o json")]
    Version,
}

/// How to run a hub.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Up {
    /// Add three simulated members and a git repository, and apply `examples/demo`.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Exit 0 as soon as everything has converged; 1, with the reason, when it has not within `--timeout`.
    #[arg(long)]
    pub(crate) exit_when_ready: bool,
    /// Where the API listens; port 0 takes the port of the last time, or any that is free.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS", value_parser = listener)]
    pub(crate) listen: SocketAddr,
    /// Name or address by which other machines reach it: the kubeconfig says it and the certificate covers it.
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub(crate) advertise: Option<String>,
    /// Allow members whose kubeconfig names a loopback address. The demo does.
    #[arg(long)]
    pub(crate) allow_loopback_members: bool,
    /// How long `--exit-when-ready` waits, such as `60s`.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = crate::duration::parse)]
    pub(crate) timeout: std::time::Duration,
}

/// A scene of the demo.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Scene {
    #[command(subcommand)]
    pub(crate) scene: SceneKind,
}

/// The scenes.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum SceneKind {
    /// Commit a change and watch the members follow.
    #[command(after_help = "Example:\n  kurator demo commit")]
    Commit,
    /// Edit a member by hand, delete something there, and watch both being reverted and reported.
    #[command(after_help = "Example:\n  kurator demo edit")]
    Edit,
    /// Commit an empty directory and watch that nothing is deleted.
    #[command(after_help = "Example:\n  kurator demo wipe")]
    Wipe,
    /// Revert the last commit (after `wipe`: bring everything back).
    #[command(after_help = "Example:\n  kurator demo restore")]
    Restore,
    /// Close a member's listener; the hub is told nothing.
    #[command(after_help = "Example:\n  kurator demo unplug beijing")]
    Unplug {
        /// The member.
        member: String,
    },
    /// Open a member's listener again.
    #[command(after_help = "Example:\n  kurator demo plug beijing")]
    Plug {
        /// The member.
        member: String,
    },
    /// Restart hub and members and watch that everything is as it was.
    #[command(after_help = "Example:\n  kurator demo restart")]
    Restart,
    /// Count the requests that changed something, at each API server.
    #[command(after_help = "Example:\n  kurator demo counters -o json")]
    Counters,
    /// Stop the demo.
    #[command(after_help = "Example:\n  kurator demo stop")]
    Stop,
}

/// An object: `app/NAME` or `member/NAME`.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Object {
    /// `app/NAME` or `member/NAME`.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) object: Target,
}

/// An application: `app/NAME`.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct AppObject {
    /// `app/NAME`.
    #[arg(value_name = "app/NAME", value_parser = application)]
    pub(crate) name: String,
}

/// All, or an object.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct What {
    /// `app/NAME` or `member/NAME`; the whole fleet when absent.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) object: Option<Target>,
}

/// What to sync.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Sync {
    /// `app/NAME`.
    #[arg(value_name = "app/NAME", value_parser = application)]
    pub(crate) name: String,
    /// Return as soon as the hub was told.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = crate::duration::parse)]
    pub(crate) timeout: std::time::Duration,
}

/// What to approve.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Approve {
    /// `app/NAME` or `member/NAME`.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) object: Target,
    /// Approve only if this is (still) the digest of an application's list; without it, of all lists that are shown. May be
    /// given several times.
    #[arg(long)]
    pub(crate) digest: Vec<String>,
    /// Do not ask: for scripts.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Return as soon as the approval is written.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait until it is done.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = crate::duration::parse)]
    pub(crate) timeout: std::time::Duration,
}

/// What to do with a fleet.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum FleetCommand {
    /// Take a member out of a fleet, with what the fleet's applications put there, after showing that and asking.
    #[command(
        after_help = "Examples:\n  kurator fleet remove beijing\n  kurator fleet remove beijing --fleet production --yes"
    )]
    Remove(FleetRemove),
}

/// Which member to take out.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct FleetRemove {
    /// The member.
    #[arg(value_name = "MEMBER", value_parser = named)]
    pub(crate) member: String,
    /// The fleet; needed only when several list the member.
    #[arg(long, value_name = "NAME", value_parser = named)]
    pub(crate) fleet: Option<String>,
    #[command(flatten)]
    pub(crate) ask: Asking,
}

/// What to do with the hub.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum HubCommand {
    /// Take over what another hub has in a member, after showing it and asking: it stays owned, and no pod restarts.
    #[command(
        after_help = "Examples:\n  kurator hub adopt beijing\n  kurator hub adopt beijing --from mxqz2ra7oykc4hbt --yes"
    )]
    Adopt(Adopt),
    /// Take over what a lost hub has in all members of this one, after showing it and asking.
    #[command(
        after_help = "Examples:\n  kurator hub adopt-fleet\n  kurator hub adopt-fleet --from mxqz2ra7oykc4hbt --yes --timeout 5m"
    )]
    AdoptFleet(AdoptFleet),
}

/// What to take over in one member.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Adopt {
    /// The member.
    #[arg(value_name = "MEMBER", value_parser = named)]
    pub(crate) member: String,
    /// The other hub's id, as in the label kurator.dev/hub of its objects; needed only when there are several.
    #[arg(long, value_name = "HUB")]
    pub(crate) from: Option<api::delivery::HubId>,
    #[command(flatten)]
    pub(crate) ask: Asking,
}

/// What to take over in all members.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct AdoptFleet {
    /// The lost hub's id; needed only when the members have something of several.
    #[arg(long, value_name = "HUB")]
    pub(crate) from: Option<api::delivery::HubId>,
    #[command(flatten)]
    pub(crate) ask: Asking,
}

/// Which member to detach, and how.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Detach {
    /// The member.
    #[arg(value_name = "MEMBER", value_parser = named)]
    pub(crate) member: String,
    #[command(flatten)]
    pub(crate) how: DetachHow,
    #[command(flatten)]
    pub(crate) ask: Asking,
}

/// What becomes of what the hub has in a member. Without one of these it is asked.
#[derive(ClapArgs, Debug, Clone, Copy)]
#[group(multiple = false)]
pub(crate) struct DetachHow {
    /// Touch nothing in the member: objects and inventories stay this hub's, for when it is attached again or moved.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Leave the objects and let go of them: inventories, our labels and annotations are removed.
    #[arg(long)]
    pub(crate) release: bool,
    /// Delete what was delivered, then release the rest.
    #[arg(long)]
    pub(crate) remove: bool,
}

/// What to delete.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Delete {
    /// `app/NAME` or `fleet/NAME`.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) object: Deletable,
    #[command(flatten)]
    pub(crate) ask: Asking,
}

/// How a command that takes something away asks and waits.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Asking {
    /// Do not ask: for scripts.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Return as soon as the hub was told.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait until it is done.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = crate::duration::parse)]
    pub(crate) timeout: std::time::Duration,
}

/// What `kurator delete` can delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deletable {
    /// An Application.
    App(String),
    /// A Fleet.
    Fleet(String),
}

impl std::str::FromStr for Deletable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("app" | "application" | "applications", name)) if !name.is_empty() => named(name).map(Self::App),
            Some(("fleet" | "fleets", name)) if !name.is_empty() => named(name).map(Self::Fleet),
            Some(("member" | "members" | "cluster" | "clusters", name)) if !name.is_empty() => Err(format!(
                "a member is not deleted: `kurator fleet remove {name}` takes it out of a fleet, `kurator detach {name}` \
                 out of the hub"
            )),
            _ => Err(format!("{text:?} is neither app/NAME nor fleet/NAME")),
        }
    }
}

/// An application or a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An Application.
    App(String),
    /// A member.
    Member(String),
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("app" | "application" | "applications", name)) if !name.is_empty() => named(name).map(Self::App),
            Some(("member" | "members" | "cluster" | "clusters", name)) if !name.is_empty() => {
                named(name).map(Self::Member)
            }
            _ => Err(format!("{text:?} is neither app/NAME nor member/NAME")),
        }
    }
}

/// The name in `app/NAME`, for a command that knows nothing else.
fn application(text: &str) -> Result<String, String> {
    match text.parse()? {
        Target::App(name) => Ok(name),
        Target::Member(_) => Err(format!("{text:?} is no application: say app/NAME")),
    }
}

/// A name as objects have them.
fn named(name: &str) -> Result<String, String> {
    let rule = "names have lower case letters, digits, '-' and '.', and begin and end with a letter or digit";
    model::name::check_dns_subdomain(name).map(|()| name.to_owned()).map_err(|_| format!("{name:?} is no name: {rule}"))
}

fn namespace(name: &str) -> Result<String, String> {
    let rule = "its name has lower case letters, digits and '-', and begins and ends with a letter or digit";
    let wrong = |_| format!("{name:?} is no namespace: {rule}");
    model::name::check_dns_label(name).map(|()| name.to_owned()).map_err(wrong)
}

/// An address and a port.
fn listener(text: &str) -> Result<SocketAddr, String> {
    let example =
        "such as 127.0.0.1:6443 for this machine, or 0.0.0.0:6443 for others too (its name goes to --advertise)";
    text.parse().map_err(|_| format!("{text:?} is no address with a port, {example}"))
}

/// A DNS name or an address, without a port.
fn host(text: &str) -> Result<String, String> {
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    let lower = text.to_ascii_lowercase();
    if is_address || model::name::check_dns_subdomain(&lower).is_ok() {
        return Ok(lower);
    }
    Err(format!("{text:?} is neither a DNS name nor an address (the port is that of --listen)"))
}

#[cfg(test)]
mod tests;

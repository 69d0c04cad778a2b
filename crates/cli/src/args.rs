//! The command line as data.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

mod read;

pub(crate) use read::{command, read, settle};

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
    /// Say more: every object of a list, and the log on stderr (`KURATOR_LOG` filters in detail).
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
    /// Kubeconfig of the hub. Without it: the hub of --dir or KURATOR_DIR, else that of KUBECONFIG, else the one that runs on this
    /// machine. If one runs here, KUBECONFIG counts only if a hub answers there.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context in that kubeconfig; the current one by default.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Directory of a hub on this machine.
    #[arg(long, global = true, value_name = "DIR", env = "KURATOR_DIR", hide_env_values = true, value_parser = directory())]
    pub(crate) dir: Option<PathBuf>,
    /// Namespace of applications and fleets; without it that of the context which the hub is found by, else `default`.
    #[arg(long, short, global = true, default_value = DEFAULT_NAMESPACE, hide_default_value = true, value_parser = namespace)]
    pub(crate) namespace: String,

    /// Is it the one of `-n`? Else it is that of a context, or the default one.
    #[arg(skip)]
    pub(crate) is_namespace_given: bool,
    /// Does the command line say the directory? Else it is that of `KURATOR_DIR`.
    #[arg(skip)]
    pub(crate) is_dir_given: bool,
    /// Which hub is meant, once that is decided.
    #[arg(skip)]
    pub(crate) means: Option<crate::connect::Means>,
    /// The namespace of the context that the hub was found by: that of a command without `-n`.
    #[arg(skip)]
    pub(crate) context_namespace: Option<String>,
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
    /// Show members, fleets and applications; or one of them.
    #[command(after_help = "Examples:\n  kurator status\n  kurator status --problems -A\n  \
                            kurator status app/shop --watch\n  kurator status fleet/europe\n  \
                            kurator status member/beijing -o json")]
    Status(Status),
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
    #[command(
        after_help = "Examples:\n  kurator approve app/shop\n  kurator approve app/shop -v\n  kurator approve app/shop --yes\n  \
                            kurator approve app/shop --digest sha256:… --yes\n  \
                            kurator approve member/beijing"
    )]
    Approve(Approve),
    /// Make a cluster that you can reach a member of the hub: shows what it makes there and in the hub, asks, and ends when the
    /// hub has reached the cluster. Again is harmless: it renews the hub's credential.
    #[command(
        after_help = "Whose kubeconfig is which: the cluster's is yours (--kubeconfig, $KUBECONFIG, ~/.kube/config), and is used \
                      once, on this machine; the hub is found as by the other commands, or by --hub-kubeconfig.\n\n\
                      Examples:\n  kurator attach prod\n  kurator attach prod --name paris --fleet europe\n  \
                      kurator attach prod --namespaces shop,billing\n  kurator attach prod --take-over\n  \
                      kurator attach kind-dev --server https://192.0.2.7:6443 --yes\n  \
                      kurator attach prod --kubeconfig ~/.kube/eks -n team-a"
    )]
    Attach(Attach),
    /// Print the objects that a member gets of an application, as they are sent to it. Values of Secrets are hidden.
    #[command(after_help = "Examples:\n  kurator render app/shop --member beijing\n  \
                            kurator render app/shop --member beijing -o json")]
    Render(Render),
    /// Show what members have otherwise than they should, or what a commit or an edited file would change. Changes nothing.
    ///
    /// Exits with 0 when nothing differs, with 1 when something does, and with 2 when it cannot be said: an error, or a member
    /// that does not answer while nothing else differs.
    #[command(
        after_help = "Examples:\n  kurator diff app/shop                      what members have against what they should have\n  \
                            kurator diff app/shop --member beijing\n  \
                            kurator diff app/shop --commit feature-x   what that branch, tag or commit would change\n  \
                            kurator diff -f fleet.yaml                 what applying an edited file would change"
    )]
    Diff(Diff),
    /// Show what happened to applications, fleets and clusters, the newest last.
    #[command(
        after_help = "Examples:\n  kurator events\n  kurator events app/shop --watch\n  kurator events member/beijing"
    )]
    Events(Events),
    /// Change which members a fleet has.
    #[command(subcommand, after_help = "Example:\n  kurator fleet remove beijing")]
    Fleet(FleetCommand),
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
    /// Back up, restore or verify the hub in a directory of this machine, whether it runs or not.
    #[command(after_help = "Examples:\n  kurator hub backup hub.backup\n  kurator hub verify hub.backup\n  \
                            kurator hub restore hub.backup --dir /srv/hub")]
    Hub(Hub),
    /// Print a completion script for a shell. Names of applications and members are asked of the hub as they are typed.
    #[command(after_help = "Examples:\n  source <(kurator completion bash)\n  source <(kurator completion zsh)\n  \
                            kurator completion fish")]
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print names that may complete these words: for the scripts of `kurator completion`.
    #[command(hide = true, after_help = "Example:\n  kurator names -- status app/")]
    Names {
        /// The words so far, without the program; the last one is being typed.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Print the version.
    #[command(after_help = "Example:\n  kurator version -o json")]
    Version,
}

/// What to render.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Render {
    /// `app/NAME`.
    #[arg(value_name = "app/NAME", value_parser = application)]
    pub(crate) name: String,
    /// The member.
    #[arg(long, short, value_name = "NAME", value_parser = member)]
    pub(crate) member: String,
}

/// What to compare.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Diff {
    /// `app/NAME`.
    #[arg(value_name = "app/NAME", value_parser = application, required_unless_present = "file")]
    pub(crate) name: Option<String>,
    /// Only this member.
    #[arg(long, short, value_name = "NAME", value_parser = member)]
    pub(crate) member: Option<String>,
    /// What this commit, branch, tag or full reference name would change.
    #[arg(long, value_name = "REF", conflicts_with = "file", requires = "name")]
    pub(crate) commit: Option<String>,
    /// What applying the Applications, Fleets and AttachedClusters in this file would change; `-` reads stdin. May be given
    /// several times.
    #[arg(long = "filename", short = 'f', value_name = "FILE", conflicts_with = "name")]
    pub(crate) file: Vec<PathBuf>,
}

/// Which events.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Events {
    /// `app/NAME` or `member/NAME`; everything of the namespace when absent.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) object: Option<Target>,
    /// Go on, and print what happens.
    #[arg(long, short)]
    pub(crate) watch: bool,
}

/// How to run a hub.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Up {
    /// Add three simulated members and a git repository, and apply `examples/demo`.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Exit 0 as soon as everything has converged: every member, fleet and application; 1, with the reason, when it has not
    /// within `--timeout`.
    #[arg(long)]
    pub(crate) exit_when_ready: bool,
    /// Where the API listens; port 0 takes the port of the last time, or any that is free. The address is not remembered.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS", value_parser = listener)]
    pub(crate) listen: SocketAddr,
    /// Name or address by which other machines reach it: the kubeconfig says it and the certificate covers it. Say it at each
    /// start.
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub(crate) advertise: Option<String>,
    /// Where push hooks of git servers arrive; by default on the API's address, at the port of the last time or any that is
    /// free.
    #[arg(long, value_name = "ADDRESS", value_parser = listener)]
    pub(crate) hook_listen: Option<SocketAddr>,
    /// Allow members whose kubeconfig names a loopback address. The demo does.
    #[arg(long)]
    pub(crate) allow_loopback_members: bool,
    /// How long `--exit-when-ready` waits, such as `60s`.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = crate::duration::parse)]
    pub(crate) timeout: std::time::Duration,
    /// Start also where the directory is of the other kind: a demo in the directory of a hub, or a hub without its simulated
    /// members in that of a demo.
    #[arg(long)]
    pub(crate) anyway: bool,
}

/// What is to happen to a hub's directory.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Hub {
    #[command(subcommand)]
    pub(crate) command: HubCommand,
}

/// What can happen to it.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum HubCommand {
    /// Backups.
    #[command(flatten)]
    Archive(ArchiveCommand),
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

/// Backups of a hub in a directory of this machine.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum ArchiveCommand {
    /// Write everything that the hub knows into one file, as it is at this moment: a tar.gz that only you can read, since
    /// the hub's keys and its members' credentials are in it. The hub may run.
    #[command(after_help = "Examples:\n  kurator hub backup hub.backup\n  \
                            kurator hub backup /backup/hub.backup --dir /var/lib/kurator\n  \
                            kurator hub backup hub.backup --overwrite\n  \
                            kurator hub backup -")]
    Backup {
        /// The file, which must not be there; `-` is stdout.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace a file that is there, once the new one is whole.
        #[arg(long)]
        overwrite: bool,
    },
    /// Make a hub of a backup, in the empty directory that --dir names. The whole backup is checked first.
    #[command(after_help = "Example:\n  kurator hub restore hub.backup --dir /srv/hub && kurator up --dir /srv/hub")]
    Restore {
        /// The backup.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Read everything in a backup, or in the directory of a hub: checksums, values, and what objects say of each other.
    /// Changes nothing; exits with 1 when something is wrong. The hub may run.
    #[command(after_help = "Examples:\n  kurator hub verify hub.backup\n  kurator hub verify --dir /srv/hub")]
    Verify {
        /// The backup; without it, the directory of a hub.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
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
    #[command(after_help = "Examples:\n  kurator demo commit\n  kurator demo commit --timeout 5m")]
    Commit(Within),
    /// Edit a member by hand, delete something there, and watch both being reverted and reported.
    #[command(after_help = "Example:\n  kurator demo edit")]
    Edit(Within),
    /// Commit an empty directory and watch that nothing is deleted.
    #[command(after_help = "Example:\n  kurator demo wipe")]
    Wipe(Within),
    /// Revert the last commit (after `wipe`: bring everything back).
    #[command(after_help = "Example:\n  kurator demo restore")]
    Restore(Within),
    /// Close a member's listener; the hub is told nothing.
    #[command(after_help = "Example:\n  kurator demo unplug beijing")]
    Unplug {
        /// The member.
        member: String,
        #[command(flatten)]
        within: Within,
    },
    /// Open a member's listener again.
    #[command(after_help = "Example:\n  kurator demo plug beijing")]
    Plug {
        /// The member.
        member: String,
        #[command(flatten)]
        within: Within,
    },
    /// Restart hub and members and watch that everything is as it was.
    #[command(after_help = "Example:\n  kurator demo restart")]
    Restart(Within),
    /// Count the requests that changed something, at each API server.
    #[command(after_help = "Example:\n  kurator demo counters -o json")]
    Counters,
    /// Stop the demo.
    #[command(after_help = "Example:\n  kurator demo stop")]
    Stop,
}

/// How long a scene may take.
#[derive(ClapArgs, Debug, Clone, Copy)]
pub(crate) struct Within {
    /// How long to wait for the fleet to do what the scene shows.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = crate::duration::parse)]
    pub(crate) timeout: std::time::Duration,
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

/// What to show, and how.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Status {
    /// `app/NAME`, `fleet/NAME` or `member/NAME`; everything when absent.
    #[arg(value_name = "KIND/NAME")]
    pub(crate) object: Option<Shown>,
    /// Show applications and fleets of all namespaces.
    #[arg(long, short = 'A', conflicts_with_all = ["object", "namespace"])]
    pub(crate) all_namespaces: bool,
    /// Go on: draw it again on a terminal, elsewhere print one line for each change.
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// Show only what is not ready, each with its cause.
    #[arg(long, conflicts_with = "object")]
    pub(crate) problems: bool,
}

/// An application, a fleet or a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// An Application.
    App(String),
    /// A Fleet.
    Fleet(String),
    /// A member, or a cluster that has made none, as `kurator status` names it.
    Member(String),
}

impl std::str::FromStr for Shown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("fleet" | "fleets", name)) if !name.is_empty() => named(name).map(Self::Fleet),
            // A cluster whose name is taken is shown with its namespace.
            Some(("member" | "members" | "cluster" | "clusters", name)) if name.contains('/') => {
                let (space, name) = name.split_once('/').unwrap_or_default();
                Ok(Self::Member(format!("{}/{}", namespace(space)?, named(name)?)))
            }
            Some((kind, name)) if Target::KINDS.contains(&kind) && !name.is_empty() => Ok(match text.parse()? {
                Target::App(name) => Self::App(name),
                Target::Member(name) => Self::Member(name),
            }),
            _ => Err(format!("{text:?} is none of app/NAME, fleet/NAME and member/NAME")),
        }
    }
}

/// What to sync.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Sync {
    /// `app/NAME`.
    #[arg(value_name = "app/NAME", value_parser = application)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) wait: Waiting,
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
    #[command(flatten)]
    pub(crate) ask: Asking,
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
    /// The member, or NAMESPACE/NAME of the AttachedCluster that made it.
    #[arg(value_name = "MEMBER", value_parser = attached)]
    pub(crate) member: String,
    /// The fleet; needed only when several list the member.
    #[arg(long, value_name = "NAME", value_parser = named)]
    pub(crate) fleet: Option<String>,
    #[command(flatten)]
    pub(crate) ask: Asking,
}

/// What to take over in one member.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Adopt {
    /// The member, or NAMESPACE/NAME of the AttachedCluster that made it.
    #[arg(value_name = "MEMBER", value_parser = attached)]
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
    /// The member, or NAMESPACE/NAME of an AttachedCluster, such as one that made none.
    #[arg(value_name = "MEMBER", value_parser = attached)]
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
    /// Delete an application also where it is not known what a member has of it, so that it cannot be listed: what it has there
    /// goes unseen, when the member answers.
    #[arg(long)]
    pub(crate) anyway: bool,
    #[command(flatten)]
    pub(crate) ask: Asking,
}

/// How a command that takes something away asks and waits.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Asking {
    /// Do not ask: for scripts.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) wait: Waiting,
}

/// How a command waits for what it told the hub.
#[derive(ClapArgs, Debug, Clone, Copy)]
pub(crate) struct Waiting {
    /// Return as soon as the hub was told.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait until it is done.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = crate::duration::parse)]
    pub(crate) timeout: std::time::Duration,
}

/// What to attach.
#[derive(ClapArgs, Debug, Clone)]
pub(crate) struct Attach {
    /// The cluster's context in your kubeconfig, as `kubectl config get-contexts` lists them.
    #[arg(value_name = "CONTEXT")]
    pub(crate) cluster_context: String,
    /// Name of the AttachedCluster and of its member; made of the context by default.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Fleet, in the same namespace, that lists the cluster from then on; made if it is not there.
    #[arg(long, value_name = "FLEET", value_parser = named)]
    pub(crate) fleet: Option<String>,
    /// Give the hub rights in these namespaces only, which are made if they are not there; without this, in the whole cluster.
    /// What needs more is not delivered there. Said again with others, or left out, it changes the rights.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = namespace)]
    pub(crate) namespaces: Vec<String>,
    /// Give the hub rights in these namespaces too, beside those in which it has them.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = namespace, conflicts_with = "namespaces")]
    pub(crate) add_namespaces: Vec<String>,
    /// Take over what another hub, a lost one perhaps, has in the cluster: without HUB the only one that has anything there.
    /// No pod restarts, and what that hub owned this one owns.
    #[arg(long, value_name = "HUB", num_args = 0..=1)]
    pub(crate) take_over: Option<Option<api::delivery::HubId>>,
    /// Where the hub reaches the cluster, if not where you do.
    #[arg(long, value_name = "URL", value_parser = server)]
    pub(crate) server: Option<String>,
    /// PEM file with who signs the cluster's certificate, in place of what your kubeconfig says.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// Kubeconfig of the hub, instead of the directory of a hub on this machine.
    #[arg(long, value_name = "FILE")]
    pub(crate) hub_kubeconfig: Option<PathBuf>,
    /// Context in that kubeconfig; the current one by default.
    #[arg(long, value_name = "NAME", requires = "hub_kubeconfig")]
    pub(crate) hub_context: Option<String>,
    /// Do not ask: for scripts.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// How long the hub may take to reach the cluster.
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

impl Target {
    /// What may stand before the name.
    const KINDS: [&str; 7] = ["app", "application", "applications", "member", "members", "cluster", "clusters"];
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("app" | "application" | "applications", name)) if !name.is_empty() => named(name).map(Self::App),
            Some(("member" | "members" | "cluster" | "clusters", name)) if !name.is_empty() => {
                // A cluster that was attached and made no member is shown as NAMESPACE/NAME.
                match name.split_once('/') {
                    Some((space, name)) => Ok(Self::Member(format!("{}/{}", namespace(space)?, named(name)?))),
                    None => named(name).map(Self::Member),
                }
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

/// A member's name, alone or as `member/NAME`.
fn member(text: &str) -> Result<String, String> {
    let name = if text.contains('/') {
        match text.parse()? {
            Target::Member(name) => name,
            Target::App(_) => return Err(format!("{text:?} is no member: say its name, such as beijing")),
        }
    } else {
        text.to_owned()
    };
    name.parse::<model::MemberName>().map(|_| name).map_err(|error| error.to_string())
}

/// A member's name, or `NAMESPACE/NAME` of a cluster that was attached; also behind `member/`, as both are printed.
fn attached(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        None => named(text),
        Some((kind, _)) if is_member_kind(kind) => match text.parse()? {
            Target::Member(name) => Ok(name),
            Target::App(name) => Err(format!("app/{name} is no member")),
        },
        Some((space, name)) => Ok(format!("{}/{}", namespace(space)?, named(name)?)),
    }
}

/// A member's name, or `NAMESPACE/NAME` of an attached cluster, as it is printed to be typed: [`attached`] reads it back. A namespace
/// may be called like what stands before a member's name.
pub(crate) fn typed(attached: &str) -> String {
    match attached.split_once('/') {
        Some((space, _)) if is_member_kind(space) => format!("member/{attached}"),
        _ => attached.to_owned(),
    }
}

/// May it stand before a member's name?
fn is_member_kind(word: &str) -> bool {
    ["member", "members", "cluster", "clusters"].contains(&word)
}

/// A name as objects have them.
fn named(name: &str) -> Result<String, String> {
    let rule = "names have lower case letters, digits, '-' and '.', and begin and end with a letter or digit";
    model::name::check_dns_subdomain(name).map(|()| name.to_owned()).map_err(|_| format!("{name:?} is no name: {rule}"))
}

/// URL of an API server.
fn server(text: &str) -> Result<String, String> {
    let uri = text.parse::<http::Uri>().ok().filter(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    let uri = uri.ok_or_else(|| format!("{text:?} is no address of an API server, such as https://192.0.2.7:6443"))?;
    match uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        true => Err("an address of an API server has no user or password in it".to_owned()),
        false => Ok(text.trim_end_matches('/').to_owned()),
    }
}

/// A directory. One that is empty comes from the environment, and is none (`read::read`).
fn directory() -> impl clap::builder::TypedValueParser<Value = PathBuf> {
    use clap::builder::TypedValueParser as _;
    clap::builder::OsStringValueParser::new().map(PathBuf::from)
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

//! `kurator completion`: a script for a shell that knows commands and options, and asks the hub for names.
//!
//! The script calls `kurator names`, which answers within a second or not at all: who presses the tab key waits.

use std::path::PathBuf;
use std::time::Duration;

use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::fleet::v1alpha1::Fleet;
use clap_complete::Shell;
use k8s_openapi::api::core::v1::Namespace;
use kinds::Wire;
use kube::Client;
use kube::api::ListParams;

use crate::args::{self, Common, DEFAULT_NAMESPACE, Format};
use crate::connect::Api;
use crate::{connect, output};

/// Longest wait for the hub.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// Most names of a kind that are listed: more are no choice for a person.
const NAMES_MAX: u32 = 1_000;

/// What is asked for after the static script, for each shell.
const BASH: &str = r#"
_kurator_with_names() {
    local cur="${COMP_WORDS[COMP_CWORD]}"
    _kurator "$@"
    local IFS=$'\n'
    COMPREPLY+=($(compgen -W "$(kurator names -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$cur"))
}
complete -F _kurator_with_names -o bashdefault -o default kurator
"#;
const ZSH: &str = r#"
_kurator_with_names() {
    local -a names
    names=(${(f)"$(kurator names -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    _kurator "$@"
    (( $#names )) && compadd -- $names
}
compdef _kurator_with_names kurator
"#;
const FISH: &str = r#"
complete -c kurator -f -a '(kurator names -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
"#;

/// Prints the script.
pub(crate) fn script(shell: Shell) -> Result<(), output::WriteError> {
    output::script(script_of(shell).as_bytes())
}

fn script_of(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "kurator", &mut script);
    let names = match shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
        _ => "",
    };
    String::from_utf8_lossy(&script).into_owned() + names
}

/// What may stand at a place of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `app/NAME`.
    Application,
    /// `app/NAME` or `member/NAME`.
    Object,
    /// The same or `fleet/NAME`.
    Shown,
    /// `app/NAME` or `fleet/NAME`.
    Deletable,
    /// `NAME` of a fleet.
    Fleet,
    /// `NAME` of a member.
    Member,
    /// A namespace.
    Namespace,
}

/// Commands and what their argument is.
const COMMANDS: [(&str, Place); 15] = [
    ("status", Place::Shown),
    ("tree", Place::Object),
    ("approve", Place::Object),
    ("sync", Place::Application),
    ("suspend", Place::Application),
    ("resume", Place::Application),
    ("render", Place::Application),
    ("diff", Place::Application),
    ("events", Place::Object),
    ("delete", Place::Deletable),
    ("detach", Place::Member),
    ("plug", Place::Member),
    ("unplug", Place::Member),
    ("remove", Place::Member),
    ("adopt", Place::Member),
];

/// Commands that others stand below.
const PARENTS: [&str; 3] = ["demo", "fleet", "hub"];

/// Options with a value, of which the next word is no argument.
const WITH_VALUE: [&str; 16] = [
    "-n",
    "--namespace",
    "-m",
    "--member",
    "--kubeconfig",
    "--context",
    "--dir",
    "-o",
    "--output",
    "-f",
    "--filename",
    "--commit",
    "--digest",
    "--fleet",
    "--from",
    "--timeout",
];

/// What the last of these words may be.
fn place(words: &[String]) -> Option<Place> {
    let (last, before) = words.split_last()?;
    match before.last().map(String::as_str) {
        Some("-n" | "--namespace") => return Some(Place::Namespace),
        Some("-m" | "--member") => return Some(Place::Member),
        Some("--fleet") => return Some(Place::Fleet),
        Some(option) if WITH_VALUE.contains(&option) => return None,
        _ => {}
    }
    if last.starts_with('-') {
        return None;
    }
    let mut is_value = false;
    let mut given = before.iter().filter(|word| {
        let skip = is_value || word.starts_with('-');
        is_value = !is_value && WITH_VALUE.contains(&word.as_str());
        !skip
    });
    let mut command = given.next()?.as_str();
    if PARENTS.contains(&command) {
        command = given.next()?.as_str();
    }
    let (_, place) = COMMANDS.iter().find(|(name, _)| *name == command)?;
    // Each has one argument.
    given.next().is_none().then_some(*place)
}

/// The options of a command line that is being typed which say where to ask.
fn common(words: &[String], common: &Common) -> Common {
    let mut out = Common { output: Format::Text, ..common.clone() };
    // To `attach`, the plain options say which cluster is meant.
    let prefix = if words.iter().any(|word| word == "attach") { "--hub-" } else { "--" };
    for (index, word) in words.iter().enumerate() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (word.as_str(), words.get(index + 1).cloned()),
        };
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        match option {
            "-n" | "--namespace" => (out.namespace, out.is_namespace_given) = (value, true),
            "--dir" => out.dir = Some(PathBuf::from(value)),
            _ if option.strip_prefix(prefix) == Some("kubeconfig") => out.kubeconfig = Some(PathBuf::from(value)),
            _ if option.strip_prefix(prefix) == Some("context") => out.context = Some(value),
            _ => {}
        }
    }
    if model::name::check_dns_label(&out.namespace).is_err() {
        out.namespace = DEFAULT_NAMESPACE.to_owned();
    }
    out
}

/// Prints names that may complete these words. A hub that does not answer in time has none.
pub(crate) async fn names(given: &Common, words: &[String]) -> Result<(), output::WriteError> {
    let Some(place) = place(words) else { return Ok(()) };
    let mut common = common(words, given);
    let found = tokio::time::timeout(ANSWERED_WITHIN, async {
        connect::settle(&mut common).await;
        let client = connect::hub(&common).await.ok()?;
        Some(match place {
            Place::Application => applications(&client, &common.namespace).await,
            Place::Object => {
                [applications(&client, &common.namespace).await, members(&client, "member/").await].concat()
            }
            Place::Shown => {
                let (apps, members) =
                    (applications(&client, &common.namespace).await, members(&client, "member/").await);
                [apps, fleets(&client, &common.namespace, "fleet/").await, members].concat()
            }
            Place::Deletable => {
                [applications(&client, &common.namespace).await, fleets(&client, &common.namespace, "fleet/").await]
                    .concat()
            }
            Place::Fleet => fleets(&client, &common.namespace, "").await,
            Place::Member => members(&client, "").await,
            Place::Namespace => listed::<Namespace>(Api::all(client), "").await,
        })
    });
    let found = found.await.ok().flatten().unwrap_or_default();
    output::print(&found.iter().map(output::Line::from).collect::<Vec<_>>())
}

async fn applications(client: &Client, namespace: &str) -> Vec<String> {
    listed::<Application>(Api::namespaced(client.clone(), namespace), "app/").await
}

async fn fleets(client: &Client, namespace: &str, prefix: &str) -> Vec<String> {
    listed::<Fleet>(Api::namespaced(client.clone(), namespace), prefix).await
}

async fn members(client: &Client, prefix: &str) -> Vec<String> {
    listed::<Cluster>(Api::all(client.clone()), prefix).await
}

async fn listed<K>(api: Api<K>, prefix: &str) -> Vec<String>
where
    K: Wire,
{
    let params = ListParams { limit: Some(NAMES_MAX), ..ListParams::default() };
    let found = api.list_metadata(&params).await.unwrap_or_default();
    as_words(found.into_iter().filter_map(|metadata| metadata.name), prefix)
}

/// What a shell completes. bash expands the words that it is given, so that a server must not be able to name a command: only
/// what is a name of Kubernetes is passed on.
fn as_words(names: impl Iterator<Item = String>, prefix: &str) -> Vec<String> {
    let names = names.filter(|name| model::name::check_dns_subdomain(name).is_ok());
    let mut names: Vec<String> = names.map(|name| format!("{prefix}{name}")).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn names_are_asked_for_where_they_may_stand() {
        for (line, expect) in [
            ("status ", Some(Place::Shown)),
            ("status app/s", Some(Place::Shown)),
            ("status -n east app/s", Some(Place::Shown)),
            ("-n east tree ", Some(Place::Object)),
            ("sync ", Some(Place::Application)),
            ("diff app/shop ", None),
            ("diff app/shop --member ", Some(Place::Member)),
            ("render app/shop -m b", Some(Place::Member)),
            ("diff -f ", None),
            ("status -n ", Some(Place::Namespace)),
            ("status --dir /tmp/x ", Some(Place::Shown)),
            ("demo unplug ", Some(Place::Member)),
            ("demo ", None),
            ("demo edit ", None),
            ("demo plug --timeout 5s ", Some(Place::Member)),
            ("detach ", Some(Place::Member)),
            ("detach beijing --keep ", None),
            ("delete app/", Some(Place::Deletable)),
            ("delete fleet/", Some(Place::Deletable)),
            ("fleet remove beijing --fleet ", Some(Place::Fleet)),
            ("attach paris --fleet ", Some(Place::Fleet)),
            ("fleet remove --fleet east ", Some(Place::Member)),
            ("fleet ", None),
            ("hub adopt --from x ", Some(Place::Member)),
            ("hub backup ", None),
            ("sta", None),
            ("status --wat", None),
            ("version ", None),
        ] {
            assert_eq!(place(&words(line)), expect, "{line:?}");
        }
        assert_eq!(place(&[]), None);
    }

    #[test]
    fn the_hub_that_is_meant_is_asked() {
        let given = args::read(["kurator", "version"]).unwrap().common;
        let asked = common(&words("status -n east --dir=/tmp/a --context c "), &given);
        assert_eq!(
            (asked.namespace.as_str(), asked.dir, asked.context.as_deref()),
            ("east", Some("/tmp/a".into()), Some("c"))
        );
        let plain = common(&words("status --kubeconfig /tmp/k "), &given);
        assert_eq!((plain.namespace.as_str(), plain.kubeconfig), ("default", Some("/tmp/k".into())));
        assert_eq!(common(&words("status -n A/B "), &given).namespace, "default");
        let attach = common(&words("attach paris --kubeconfig /tmp/paris --hub-kubeconfig /tmp/hub --fleet "), &given);
        assert_eq!(attach.kubeconfig, Some("/tmp/hub".into()), "the fleets are the hub's");
    }

    #[test]
    fn a_name_that_a_shell_would_run_is_no_name() {
        let names = ["web", "$(x)", "`x`", "a b", "shop.v2", "a;x", "a\nb", "${x}", ""];
        assert_eq!(as_words(names.into_iter().map(str::to_owned), "app/"), ["app/shop.v2", "app/web"]);
    }

    #[test]
    fn each_script_asks_for_names() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script_of(shell);
            assert!(script.contains("kurator names -- "), "{shell}");
            assert!(script.contains("render"), "{shell}");
        }
    }
}

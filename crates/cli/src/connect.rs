//! A client of the hub: `--kubeconfig`, else the directory of `--dir` or `KURATOR_DIR`, else `KUBECONFIG`, else the one hub that
//! runs on this machine. It is decided once in a command ([`settle`]), and the namespace comes from the same context as the hub.
//!
//! `KUBECONFIG` is often that of another cluster. When a hub runs on this machine too, it is taken only if a hub answers there.
//!
//! A hub on this machine is asked where it listens, whatever name it advertises: that name may be known to others only.

mod silence;
#[cfg(test)]
mod tests;
mod typed;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use kinds::Wire;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use model::Digest;

use crate::args::{Common, DEFAULT_NAMESPACE, Target};
use crate::demo::control;
use crate::instance;
use crate::status::there_is;

pub(crate) use silence::Silence;
pub(crate) use typed::Api;

/// The variable that names kubeconfigs for kubectl.
const KUBECONFIG: &str = "KUBECONFIG";
/// What only a hub serves.
const VIEWS: &str = "/apis/view.kurator.dev/v1alpha1";
/// The context of the hub in the kubeconfig that it writes.
const HUB: &str = "hub";
/// Longest wait for a connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait for a hub on this machine to say where it listens: it has the answer at hand.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// A hub that a command asks.
pub(crate) struct Reached {
    pub(crate) client: Client,
    /// The address where it is asked: that of its listener, for a hub on this machine.
    pub(crate) server: String,
    /// The address that its kubeconfig has, under which others know it.
    pub(crate) advertised: String,
    /// Digest of the authorities that its kubeconfig names; `None` when it names none.
    pub(crate) authority: Option<Digest>,
}

/// A client of the hub.
pub(crate) async fn hub(common: &Common) -> anyhow::Result<Client> {
    reach_hub(common).await.map(|reached| reached.client)
}

/// Which hub a command means. Hub and namespace come from the same kubeconfig, and from the same context of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// That of the kubeconfig which is named.
    File(PathBuf),
    /// That of a directory of this machine.
    Dir(PathBuf),
    /// That of `KUBECONFIG`.
    Environment,
}

impl Means {
    /// The context that is meant; `None` for the current one.
    fn context<'a>(&self, common: &'a Common) -> Option<&'a str> {
        match self {
            Self::Dir(_) => Some(common.context.as_deref().unwrap_or(HUB)),
            Self::File(_) | Self::Environment => common.context.as_deref(),
        }
    }

    /// The namespace that its context says, as for kubectl. What cannot be read says none; the command itself says why.
    fn namespace(&self, common: &Common) -> Option<String> {
        let kubeconfig = match self {
            Self::File(file) => Kubeconfig::read_from(file).ok()?,
            Self::Dir(dir) => Kubeconfig::read_from(dir.join(instance::KUBECONFIG)).ok()?,
            Self::Environment => Kubeconfig::from_env().ok()??,
        };
        namespace_in(&kubeconfig, self.context(common))
    }
}

/// Decides which hub a command means, unless that is decided.
///
/// # Errors
/// Nothing says it, or the directory that does is none of a hub.
pub(crate) async fn means(common: &Common) -> anyhow::Result<Means> {
    if let Some(means) = &common.means {
        return Ok(means.clone());
    }
    if let Some(file) = &common.kubeconfig {
        return Ok(Means::File(file.clone()));
    }
    if common.dir.is_some() {
        return instance::dir(common.dir.as_deref()).map(Means::Dir);
    }
    match (environment(), instance::only_one()) {
        (None, local) => local.map(Means::Dir),
        (Some(_), Err(_)) => Ok(Means::Environment),
        (Some(files), Ok(dir)) if is_own(&files, &dir) => Ok(Means::Dir(dir)),
        // While a hub runs here, mistakes in that file do not matter.
        (Some(files), Ok(dir)) => Ok(match by_environment(common, &files).await {
            Ok(found) if is_hub(&found.client).await => Means::Environment,
            Ok(_) | Err(_) => Means::Dir(dir),
        }),
    }
}

/// Decides once which hub a command means, and takes the namespace from where the hub comes from, unless it is given. Where nothing
/// says which hub is meant, the command itself says so.
pub(crate) async fn settle(common: &mut Common) {
    let Ok(means) = means(common).await else { return };
    let namespace = means.namespace(common).unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    if !common.is_namespace_given {
        common.namespace.clone_from(&namespace);
    }
    common.context_namespace = Some(namespace);
    common.means = Some(means);
}

/// A client of the hub, and what is known of where it is.
pub(crate) async fn reach_hub(common: &Common) -> anyhow::Result<Reached> {
    let means = means(common).await?;
    let context = means.context(common);
    match &means {
        Means::File(file) => reached(config(file, context).await?, None, file),
        Means::Environment => by_environment(common, &environment().unwrap_or_default()).await,
        Means::Dir(dir) => {
            let file = instance::kubeconfig_in(dir)?;
            let config = config(&file, context).await?;
            let listener = if context == Some(HUB) { listens(dir).await } else { None };
            reached(config, listener, &file)
        }
    }
}

/// The kubeconfigs that the environment names.
fn environment() -> Option<PathBuf> {
    std::env::var_os(KUBECONFIG).filter(|files| !files.is_empty()).map(PathBuf::from)
}

/// Is it the kubeconfig of this directory?
fn is_own(files: &Path, dir: &Path) -> bool {
    std::fs::canonicalize(files).is_ok_and(|file| file == dir.join(instance::KUBECONFIG))
}

/// A client of what `KUBECONFIG` names. `files` is how it is named.
async fn by_environment(common: &Common, files: &Path) -> anyhow::Result<Reached> {
    let kubeconfig = Kubeconfig::from_env().map_err(|error| unreadable(error, files))?.unwrap_or_default();
    reached(of_kubeconfig(kubeconfig, common.context.as_deref(), files).await?, None, files)
}

/// Does a hub answer there, within a moment?
async fn is_hub(client: &Client) -> bool {
    let asked = client.request_text(http::Request::get(VIEWS).body(Vec::new()).unwrap_or_default());
    tokio::time::timeout(TOLD_WITHIN, asked).await.is_ok_and(|answer| answer.is_ok())
}

/// A client of one context of the demo's kubeconfig.
pub(crate) async fn member(common: &Common, name: &str) -> anyhow::Result<Client> {
    let file = instance::dir(common.dir.as_deref())?.join(instance::KUBECONFIG);
    reached(config(&file, Some(name)).await?, None, &file).map(|reached| reached.client)
}

/// Where the hub of a directory listens; nothing when it does not run, or is too old to say it.
async fn listens(dir: &Path) -> Option<SocketAddr> {
    let told = tokio::time::timeout(TOLD_WITHIN, control::send_command(dir, control::ADDRESS)).await.ok()?.ok()?;
    told.trim().parse().ok()
}

/// Makes a configuration go to an address of this machine. The certificate is still checked for the name that it went to.
fn go_to(config: &mut Config, listener: SocketAddr) -> anyhow::Result<()> {
    let address = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    if config.tls_server_name.is_none() {
        let host = config.cluster_url.host().unwrap_or_default();
        config.tls_server_name = Some(host.trim_start_matches('[').trim_end_matches(']').to_owned());
    }
    config.cluster_url = format!("https://{}", SocketAddr::new(address, listener.port())).parse()?;
    // A proxy is for the name, not for this machine.
    config.proxy_url = None;
    Ok(())
}

/// The configuration of a context; of the current one by default.
async fn config(file: &Path, context: Option<&str>) -> anyhow::Result<Config> {
    let kubeconfig = Kubeconfig::read_from(file).map_err(|error| unreadable(error, file))?;
    of_kubeconfig(kubeconfig, context, file).await
}

/// Why a kubeconfig cannot be read.
fn unreadable(error: KubeconfigError, file: &Path) -> anyhow::Error {
    let shown = file.display();
    match error {
        // Its text would name the file once more.
        KubeconfigError::ReadConfig(why, _) => {
            anyhow::Error::new(why).context(format!("cannot read the kubeconfig {shown}"))
        }
        // The lines after the first show what the file holds around the place: keys.
        KubeconfigError::Parse(why) => {
            let why = why.to_string();
            let place = why.lines().next().unwrap_or_default().trim_start_matches("error: ");
            anyhow::anyhow!("the kubeconfig {shown} is no YAML of a kubeconfig: {place}")
        }
        why => anyhow::Error::new(why).context(format!("cannot read the kubeconfig {shown}")),
    }
}

/// The configuration of a context of a kubeconfig. `file` is how it is named.
async fn of_kubeconfig(kubeconfig: Kubeconfig, context: Option<&str>, file: &Path) -> anyhow::Result<Config> {
    let shown = file.display();
    let about = || format!("the kubeconfig {shown}");
    let chosen = choose_context(&kubeconfig, context).map_err(anyhow::Error::msg).with_context(about)?;
    let options = KubeConfigOptions { context: Some(chosen), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.with_context(about)?;
    client::proxy::keep_own(&mut config, &kubeconfig, options.context.as_deref())
        .map_err(anyhow::Error::msg)
        .with_context(about)?;
    make_sendable(&mut config).with_context(about)?;
    config.connect_timeout = Some(CONNECTED_WITHIN);
    config.default_retry = false;
    Ok(config)
}

/// Cuts white space around the token, and refuses what cannot be in the header of a request: the client library would panic.
fn make_sendable(config: &mut Config) -> anyhow::Result<()> {
    let mut user = serde_json::to_value(&config.auth_info)?;
    if let Some(field) = client::credential::unsendable(&user) {
        anyhow::bail!("{field} of its user cannot be used: {}", client::credential::UNSENDABLE);
    }
    let given = user["token"].clone();
    client::credential::trim_token(&mut user);
    // Not in any case: what a program is told of the cluster is lost on this way.
    if user["token"] != given {
        config.auth_info = serde_json::from_value(user)?;
    }
    Ok(())
}

/// The context that is meant, if a kubeconfig has it; else what it has.
fn choose_context(kubeconfig: &Kubeconfig, context: Option<&str>) -> Result<String, String> {
    let current = kubeconfig.current_context.as_deref().filter(|name| !name.is_empty());
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    let has = if names.is_empty() { "no context at all".to_owned() } else { names.join(", ") };
    match context.or(current) {
        Some(name) if names.contains(&name) => Ok(name.to_owned()),
        Some(name) => Err(format!("it has no context {name}; choose with --context: it has {has}")),
        None => Err(format!("it says no current context; choose with --context: it has {has}")),
    }
}

/// Digest of the authorities that a configuration names.
fn authority(config: &Config) -> Option<Digest> {
    config.root_cert.as_ref().filter(|all| !all.is_empty()).map(|all| Digest::of(&all.concat()))
}

/// Makes the client of a configuration. `listener`: where the hub listens on this machine, if it is known.
fn reached(mut config: Config, listener: Option<SocketAddr>, file: &Path) -> anyhow::Result<Reached> {
    let advertised = config.cluster_url.to_string();
    let authority = authority(&config);
    if let Some(listener) = listener {
        go_to(&mut config, listener)?;
    }
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).with_context(|| format!("the kubeconfig {}", file.display()))?;
    Ok(Reached { client, server, advertised, authority })
}

/// Refuses the name of a cluster that was attached and made no member, for a command that needs one.
pub(crate) fn made_a_member(name: &str) -> anyhow::Result<()> {
    match name.split_once('/') {
        Some((namespace, attached)) => anyhow::bail!(
            "AttachedCluster {attached} in namespace {namespace} has made no member; `kurator status member/{name}` says why"
        ),
        None => Ok(()),
    }
}

/// The namespace that a context says.
fn namespace_in(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<String> {
    let name = choose_context(kubeconfig, context).ok()?;
    let chosen = kubeconfig.contexts.iter().find(|context| context.name == name)?;
    chosen.context.as_ref()?.namespace.clone().filter(|namespace| !namespace.is_empty())
}

/// An Application that a command names.
///
/// # Errors
/// There is none of that name; what there is is said.
pub(crate) async fn application(client: &Client, common: &Common, name: &str) -> anyhow::Result<Application> {
    let api: Api<Application> = Api::namespaced(client.clone(), &common.namespace);
    match api.get(name).await {
        Ok(found) => Ok(found),
        Err(error) => Err(about(client, &Target::App(name.to_owned()), common, error).await),
    }
}

/// The record of a member that a command names.
///
/// # Errors
/// There is none of that name; what there is is said.
pub(crate) async fn record(client: &Client, common: &Common, name: &str) -> anyhow::Result<Cluster> {
    let api: Api<Cluster> = Api::all(client.clone());
    match api.get(name).await {
        Ok(found) => Ok(found),
        Err(error) => Err(about(client, &Target::Member(name.to_owned()), common, error).await),
    }
}

/// Says what is wrong with an object that a command names; of one that is not there, what there is.
pub(crate) async fn about(client: &Client, target: &Target, common: &Common, error: kube::Error) -> anyhow::Error {
    let (what, place) = match target {
        Target::App(name) => (format!("app/{name}"), format!(" in namespace {}", common.namespace)),
        Target::Member(name) => (format!("member/{name}"), String::new()),
    };
    match error {
        kube::Error::Api(status) if status.code == 404 && !is_no_hub(&status) => {}
        other => return asked(&what)(other),
    }
    let names = match target {
        Target::App(_) => names(Api::<Application>::namespaced(client.clone(), &common.namespace), "app").await,
        Target::Member(_) => names(Api::<Cluster>::all(client.clone()), "member").await,
    };
    // Who may not list them is told where to look.
    let there_is = match names {
        Ok(names) => there_is(&what, names.into_iter()),
        Err(_) => "`kurator status` lists what there is".to_owned(),
    };
    let other = if place.is_empty() { "" } else { "; choose another namespace with -n" };
    anyhow::anyhow!("there is no {what}{place} ({there_is}){other}")
}

/// The names of a list, each behind its kind.
async fn names<K: Wire>(api: Api<K>, kind: &str) -> kube::Result<Vec<String>> {
    let listed = api.list_metadata(&ListParams::default()).await?;
    Ok(listed.into_iter().filter_map(|metadata| Some(format!("{kind}/{}", metadata.name?))).collect())
}

/// Does an answer say that this object is not there? A 404 of what is in front of the hub does not.
pub(crate) fn is_gone(status: &kube::core::Status, name: &str) -> bool {
    status.code == 404 && status.details.as_ref().is_some_and(|details| details.name == name)
}

/// Does an answer of Kubernetes say that the path is not known, as by a hub of an earlier version?
pub(crate) fn is_path_unknown(status: &kube::core::Status) -> bool {
    let is_it = |message: &str| {
        message == "the server could not find the requested resource" || message == "404 page not found"
    };
    is_no_hub(status) && is_it(status.message.trim())
}

/// Does an answer say that the server does not know the kind at all? A hub knows every kind that is asked for here.
pub(crate) fn is_no_hub(status: &kube::core::Status) -> bool {
    status.code == 404 && status.details.as_ref().is_none_or(|details| details.name.is_empty())
}

/// Says what is wrong and what to do when the hub refuses or does not answer.
pub(crate) fn asked(what: &str) -> impl FnOnce(kube::Error) -> anyhow::Error {
    let what = what.to_owned();
    move |error| match error {
        kube::Error::Api(status) if is_no_hub(&status) => anyhow::anyhow!(
            "{what}: what answers is no hub of Kurator, since it does not know that kind; choose another --context or \
             --kubeconfig"
        ),
        kube::Error::Api(status) if status.code == 404 => anyhow::anyhow!("{what}: {}", status.message),
        kube::Error::Api(status) if status.code == 401 => anyhow::anyhow!(
            "{what}: the hub does not know this credential ({}); fetch the hub's kubeconfig again, or use another one",
            status.message
        ),
        kube::Error::Api(status) => anyhow::anyhow!("{what}: the hub refused: {}", status.message),
        // It answers, and not as an API server does.
        kube::Error::SerdeError(why) => {
            anyhow::anyhow!("{what}: what answers is no hub of Kurator, or one of another version: {why}")
        }
        other => {
            let hint = Silence::of(&other).of_hub();
            anyhow::anyhow!("{what}: {hint}: {}", model::cause::innermost(&other))
        }
    }
}

//! A client of the hub: `--kubeconfig`, else the directory of a hub on this machine.
//!
//! A hub on this machine is asked where it listens, whatever name it advertises: that name may be known to others only.

mod silence;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::args::{Common, Target};
use crate::demo::control;
use crate::instance;

pub(crate) use silence::Silence;

/// The context of the hub in the kubeconfig that it writes.
const HUB: &str = "hub";
/// Longest wait for a connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait for a hub on this machine to say where it listens: it has the answer at hand.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// A client of the hub.
pub(crate) async fn hub(common: &Common) -> anyhow::Result<Client> {
    hub_and_server(common).await.map(|(client, _)| client)
}

/// A client of the hub, and the address where it asks.
pub(crate) async fn hub_and_server(common: &Common) -> anyhow::Result<(Client, String)> {
    if let Some(file) = &common.kubeconfig {
        return client(config(file, common.context.as_deref()).await?, file);
    }
    let dir = instance::dir(common.dir.as_deref())?;
    let context = common.context.as_deref().unwrap_or(HUB);
    let file = dir.join(instance::KUBECONFIG);
    let mut config = config(&file, Some(context)).await?;
    if context == HUB
        && let Some(address) = listens(&dir).await
    {
        go_to(&mut config, address)?;
    }
    client(config, &file)
}

/// A client of one context of the demo's kubeconfig.
pub(crate) async fn member(common: &Common, name: &str) -> anyhow::Result<Client> {
    let file = instance::dir(common.dir.as_deref())?.join(instance::KUBECONFIG);
    client(config(&file, Some(name)).await?, &file).map(|(client, _)| client)
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
    let shown = file.display();
    let kubeconfig = match Kubeconfig::read_from(file) {
        Ok(kubeconfig) => kubeconfig,
        // Its text would name the file once more.
        Err(KubeconfigError::ReadConfig(why, _)) => {
            return Err(why).with_context(|| format!("cannot read the kubeconfig {shown}"));
        }
        // The lines after the first show what the file holds around the place: keys.
        Err(KubeconfigError::Parse(why)) => {
            let why = why.to_string();
            let place = why.lines().next().unwrap_or_default().trim_start_matches("error: ");
            anyhow::bail!("the kubeconfig {shown} is no YAML of a kubeconfig: {place}");
        }
        Err(why) => return Err(why).with_context(|| format!("cannot read the kubeconfig {shown}")),
    };
    let about = || format!("the kubeconfig {shown}");
    let chosen = choose_context(&kubeconfig, context).map_err(anyhow::Error::msg).with_context(about)?;
    let options = KubeConfigOptions { context: Some(chosen), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.with_context(about)?;
    client::proxy::keep_own(&mut config, &kubeconfig, options.context.as_deref())
        .map_err(anyhow::Error::msg)
        .with_context(about)?;
    config.connect_timeout = Some(CONNECTED_WITHIN);
    config.default_retry = false;
    Ok(config)
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

fn client(config: Config, file: &Path) -> anyhow::Result<(Client, String)> {
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).with_context(|| format!("the kubeconfig {}", file.display()))?;
    Ok((client, server))
}

/// Says what is wrong with an object that a command names.
pub(crate) fn about(target: &Target, common: &Common) -> impl FnOnce(kube::Error) -> anyhow::Error {
    let (missing, what) = match target {
        Target::App(name) => {
            let namespace = &common.namespace;
            let next = "`kurator status` lists what there is, -n chooses another namespace";
            (format!("there is no app/{name} in namespace {namespace}: {next}"), format!("app/{name}"))
        }
        Target::Member(name) => {
            (format!("there is no member/{name}: `kurator status` lists what there is"), format!("member/{name}"))
        }
    };
    move |error| match error {
        kube::Error::Api(status) if status.code == 404 && !is_no_hub(&status) => anyhow::anyhow!(missing),
        other => asked(&what)(other),
    }
}

/// Does an answer say that the server does not know the kind at all? A hub knows every kind that is asked for here.
fn is_no_hub(status: &kube::core::Status) -> bool {
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
        other => {
            let hint = Silence::of(&other).of_hub();
            anyhow::anyhow!("{what}: {hint}: {}", model::cause::innermost(&other))
        }
    }
}

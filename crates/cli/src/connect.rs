//! A client of the hub: `--kubeconfig`, else the directory of a hub on this machine.

use std::path::PathBuf;

use anyhow::Context;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::args::{Common, Target};
use crate::instance;

/// A client of the hub.
pub(crate) async fn hub(common: &Common) -> anyhow::Result<Client> {
    hub_and_server(common).await.map(|(client, _)| client)
}

/// A client of the hub, and the address where it asks.
pub(crate) async fn hub_and_server(common: &Common) -> anyhow::Result<(Client, String)> {
    let (file, context) = match &common.kubeconfig {
        Some(file) => (file.clone(), common.context.clone()),
        None => {
            let dir = instance::dir(common.dir.as_deref())?;
            (dir.join(instance::KUBECONFIG), common.context.clone().or(Some("hub".to_owned())))
        }
    };
    client(file, context).await
}

/// A client of one context of the demo's kubeconfig.
pub(crate) async fn member(common: &Common, name: &str) -> anyhow::Result<Client> {
    let dir = instance::dir(common.dir.as_deref())?;
    client(dir.join(instance::KUBECONFIG), Some(name.to_owned())).await.map(|(client, _)| client)
}

async fn client(file: PathBuf, context: Option<String>) -> anyhow::Result<(Client, String)> {
    let shown = file.display().to_string();
    let kubeconfig = Kubeconfig::read_from(&file).with_context(|| format!("cannot read the kubeconfig {shown}"))?;
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let about = || format!("the kubeconfig {shown}");
    let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.with_context(about)?;
    client::proxy::keep_own(&mut config, &kubeconfig, options.context.as_deref())
        .map_err(anyhow::Error::msg)
        .with_context(about)?;
    config.connect_timeout = Some(std::time::Duration::from_secs(5));
    config.default_retry = false;
    let server = config.cluster_url.to_string();
    Ok((Client::try_from(config).with_context(about)?, server))
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
        kube::Error::Api(status) if status.code == 404 => anyhow::anyhow!(missing),
        other => asked(&what)(other),
    }
}

/// Says what to do when the hub does not answer.
pub(crate) fn asked(what: &str) -> impl FnOnce(kube::Error) -> anyhow::Error {
    let what = what.to_owned();
    move |error| {
        let hint = match &error {
            kube::Error::Api(status) if status.code == 404 => format!("{what}: {}", status.message),
            kube::Error::Api(status) => format!("{what}: the hub refused: {}", status.message),
            _ => format!("{what}: the hub does not answer; is it running? (`kurator up`)"),
        };
        match error {
            kube::Error::Api(_) => anyhow::anyhow!(hint),
            other => anyhow::Error::new(other).context(hint),
        }
    }
}

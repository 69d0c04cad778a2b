//! The way by which the hub reaches the cluster: the address, and the proxy before it with the user that it wants.
//!
//! A proxy's user and password go into the hub's Secret, since the hub does not get there without them. They are no credential of the
//! cluster. They are said beforehand, and never shown.

use api::kurator::minted::KUBECONFIG_KEY;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

/// Where the user and password come from with which the hub logs in at the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProxyUser {
    /// There is no proxy, or it is asked without a user.
    None,
    /// The user's kubeconfig has them.
    Own,
    /// The hub's Secret has them already, and the user's kubeconfig has none for that proxy.
    Kept,
}

/// How the hub reaches the cluster. It may hold a password: it has no debug output.
pub(super) struct Way {
    /// The cluster of the kubeconfig for the hub.
    pub(super) cluster: Value,
    pub(super) proxy_user: ProxyUser,
    /// Does the hub go through a proxy by its Secret alone? The user's kubeconfig names none.
    pub(super) keeps_proxy: bool,
    /// How the hub has reached it until now, in words, if it is another way.
    pub(super) before: Option<String>,
}

impl Way {
    /// `own`: the cluster of the user's kubeconfig. `server`: another address for the hub. `secret`: what the hub has already.
    pub(super) fn choose(own: &Value, server: Option<&str>, secret: Option<&Secret>) -> Self {
        let mut cluster = own.clone();
        if let Some(server) = server {
            cluster["server"] = json!(server);
        }
        let before = secret.and_then(cluster_of);
        let own_proxy = proxy(&cluster).map(str::to_owned);
        let known = before.as_ref().and_then(proxy).filter(|known| match &own_proxy {
            Some(own) => !has_login(own) && has_login(known) && is_same_proxy(own, known),
            // To the same address: the hub may need a proxy where the user needs none, and a Secret that works is not replaced by one
            // that cannot.
            None => before.as_ref().and_then(|before| text(before, "server")) == text(&cluster, "server"),
        });
        if let Some(known) = known {
            cluster["proxy-url"] = json!(known);
        }
        let proxy_user = match (known, &own_proxy) {
            (Some(known), _) if has_login(known) => ProxyUser::Kept,
            (None, Some(own)) if has_login(own) => ProxyUser::Own,
            _ => ProxyUser::None,
        };
        let keeps_proxy = known.is_some() && own_proxy.is_none();
        let before = before.map(|before| words(&before)).filter(|before| *before != words(&cluster));
        Self { cluster, proxy_user, keeps_proxy, before }
    }

    /// The address.
    pub(super) fn server(&self) -> &str {
        text(&self.cluster, "server").unwrap_or_default()
    }

    /// The way in words. Neither a user nor a password is in them.
    pub(super) fn words(&self) -> String {
        let user = match self.proxy_user {
            ProxyUser::None => "",
            ProxyUser::Own => " with the user and password of your kubeconfig",
            ProxyUser::Kept => " with the user and password that the hub has",
        };
        words(&self.cluster) + user
    }

    /// What the Secret in the hub holds.
    pub(super) fn secret_words(&self) -> &'static str {
        match self.proxy_user {
            ProxyUser::None => "a kubeconfig with that token",
            ProxyUser::Own | ProxyUser::Kept => {
                "a kubeconfig with that token, and with the user and password for the proxy"
            }
        }
    }
}

/// The address, and the proxy without its user.
fn words(cluster: &Value) -> String {
    let through = proxy(cluster).map(|url| format!(", through proxy {}", without_login(url))).unwrap_or_default();
    text(cluster, "server").unwrap_or_default().to_owned() + &through
}

fn proxy(cluster: &Value) -> Option<&str> {
    text(cluster, "proxy-url").filter(|url| !url.is_empty())
}

fn text<'a>(cluster: &'a Value, field: &str) -> Option<&'a str> {
    cluster.get(field).and_then(Value::as_str)
}

/// The cluster of the context that a Secret's kubeconfig uses, if it can be read.
fn cluster_of(secret: &Secret) -> Option<Value> {
    let bytes = &secret.data.as_ref()?.get(KUBECONFIG_KEY)?.0;
    let config: Value = model::yaml::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    let find = |list: &str, name: &Value| {
        config.get(list)?.as_array()?.iter().find(|entry| entry.get("name") == Some(name)).cloned()
    };
    let context = find("contexts", config.get("current-context")?)?;
    Some(find("clusters", context.pointer("/context/cluster")?)?.get("cluster")?.clone())
}

fn is_same_proxy(one: &str, other: &str) -> bool {
    without_login(one).trim_end_matches('/') == without_login(other).trim_end_matches('/')
}

fn has_login(url: &str) -> bool {
    without_login(url) != url
}

/// A URL without user and password.
fn without_login(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;

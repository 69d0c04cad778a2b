//! A member's credential: a kubeconfig that came from somebody else.
//!
//! A kubeconfig can run programs and read files where it is used. From a Secret it may do neither: what would be run or
//! read is refused, with the field, before anything is used (DESIGN 10).

use std::fmt;
use std::net::IpAddr;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use crate::api::Api;
use crate::limit;

/// What the hub's operator allows of kubeconfigs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust {
    /// Members on loopback addresses: true for the demo and for tests, since on a real hub they would be the hub's own
    /// services.
    pub loopback: bool,
}

/// A kubeconfig that has been checked. Debug output shows the server only.
#[derive(Clone)]
pub struct Credential {
    server: String,
    text: String,
    kubeconfig: Kubeconfig,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why a kubeconfig is not used. Never shows its contents beyond names and the server.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Not a kubeconfig.
    #[error("not a kubeconfig: {0}")]
    Malformed(String),
    /// Something in it is refused.
    #[error("{path} is refused: {why}")]
    Refused {
        /// Field path in the kubeconfig.
        path: String,
        /// Why, and what to do instead.
        why: &'static str,
    },
    /// A client cannot be made of it.
    #[error("cannot connect with this kubeconfig: {0}")]
    Unusable(String),
}

const REFUSED_USER_FIELDS: [(&str, &str); 5] = [
    ("exec", "it would run a program on the hub; use a token or an embedded client certificate"),
    ("auth-provider", "it would run code on the hub; use a token or an embedded client certificate"),
    ("tokenFile", "it would read a file on the hub; put the token in `token`"),
    ("client-certificate", "it would read a file on the hub; embed it as `client-certificate-data`"),
    ("client-key", "it would read a file on the hub; embed it as `client-key-data`"),
];

impl Credential {
    /// Parses and checks a kubeconfig.
    ///
    /// # Errors
    /// The first thing that is malformed or refused, by field path.
    pub fn parse(text: &[u8], trust: Trust) -> Result<Self, CredentialError> {
        if text.len() > limit::KUBECONFIG_BYTES_MAX {
            let why = format!("{} bytes; at most {} are read", text.len(), limit::KUBECONFIG_BYTES_MAX);
            return Err(CredentialError::Malformed(why));
        }
        let text = std::str::from_utf8(text).map_err(|_| CredentialError::Malformed("it is not UTF-8".into()))?;
        // The parser's message may quote a line, and a line may be a key: say where, not what.
        let raw = model::yaml::parse(text).map_err(|_| CredentialError::Malformed("it is not valid YAML".into()))?;
        let server = check(&raw, trust)?;
        let kubeconfig: Kubeconfig = serde_json::from_value(raw)
            .map_err(|e| CredentialError::Malformed(format!("a field has the wrong type (line {})", e.line())))?;
        Ok(Self { server, text: text.to_owned(), kubeconfig })
    }

    /// The text that it was parsed from, to tell two credentials apart. Secret: hash it, never show it.
    pub fn identity(&self) -> &str {
        &self.text
    }

    /// URL of the API server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Makes a client that writes as a field manager.
    ///
    /// # Errors
    /// [`CredentialError::Unusable`] when certificates or keys in it cannot be read. Nothing is connected yet.
    pub async fn api(&self, manager: &str) -> Result<Api, CredentialError> {
        let unusable = |e: &dyn fmt::Display| CredentialError::Unusable(e.to_string());
        let mut config = Config::from_custom_kubeconfig(self.kubeconfig.clone(), &KubeConfigOptions::default())
            .await
            .map_err(|e| unusable(&e))?;
        crate::proxy::keep_own(&mut config, &self.kubeconfig, None).map_err(|e| unusable(&e))?;
        // Retries are decided by who asked, with the member's own back-off.
        crate::connect::connect(&config).map(|transport| Api::new(transport, manager)).map_err(|e| unusable(&e))
    }
}

fn named<'a>(raw: &'a Value, list: &str, name: &str) -> Option<(usize, &'a Value)> {
    let items = raw.get(list)?.as_array()?;
    items.iter().enumerate().find(|(_, item)| item.get("name").and_then(Value::as_str) == Some(name))
}

/// Checks everything in the file, not only what its current context uses: contexts change.
fn check(raw: &Value, trust: Trust) -> Result<String, CredentialError> {
    let malformed = |why: &str| CredentialError::Malformed(why.to_owned());
    let users = raw.get("users").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, user) in users.iter().enumerate() {
        for (field, why) in REFUSED_USER_FIELDS {
            if user.get("user").and_then(|u| u.get(field)).is_some_and(|v| !v.is_null()) {
                return Err(CredentialError::Refused { path: format!("users[{index}].user.{field}"), why });
            }
        }
    }
    let clusters = raw.get("clusters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, entry) in clusters.iter().enumerate() {
        let cluster = &entry["cluster"];
        if cluster.get("certificate-authority").is_some_and(|v| !v.is_null()) {
            let why = "it would read a file on the hub; embed it as `certificate-authority-data`";
            return Err(CredentialError::Refused {
                path: format!("clusters[{index}].cluster.certificate-authority"),
                why,
            });
        }
        if cluster.get("proxy-url").is_some_and(|v| !v.is_null() && v != "") {
            let why = "members are reached without a proxy; use an address that the hub can reach";
            return Err(CredentialError::Refused { path: format!("clusters[{index}].cluster.proxy-url"), why });
        }
        let server = cluster.get("server").and_then(Value::as_str).unwrap_or_default();
        check_server(server, trust)
            .map_err(|why| CredentialError::Refused { path: format!("clusters[{index}].cluster.server"), why })?;
    }
    let current = raw
        .get("current-context")
        .and_then(Value::as_str)
        .filter(|c| !c.is_empty())
        .ok_or_else(|| malformed("current-context is not set"))?;
    let (_, context) = named(raw, "contexts", current).ok_or_else(|| malformed("current-context names no context"))?;
    let cluster = context["context"]["cluster"].as_str().unwrap_or_default();
    let (_, cluster) =
        named(raw, "clusters", cluster).ok_or_else(|| malformed("the current context names no cluster"))?;
    Ok(cluster["cluster"]["server"].as_str().unwrap_or_default().to_owned())
}

fn check_server(server: &str, trust: Trust) -> Result<(), &'static str> {
    let uri: http::Uri = server.parse().map_err(|_| "it is not a URL")?;
    if uri.scheme_str() != Some("https") {
        return Err("members are reached by https only");
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        // The address is written to the member's record, which many may read.
        return Err("it holds a user name or password; put them into users");
    }
    let host = uri.host().ok_or("it names no host")?.trim_matches(['[', ']']);
    if is_loopback(host)? && !trust.loopback {
        return Err(
            "it is a loopback address, which would be the hub itself; start the hub with --allow-loopback-members if that is meant",
        );
    }
    Ok(())
}

/// Does a host, as written, mean the machine itself? A name of somebody's zone that resolves to it is not known here.
fn is_loopback(host: &str) -> Result<bool, &'static str> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(address) = host.parse::<IpAddr>() {
        // `::ffff:127.0.0.1` is another way to write it.
        let address = address.to_canonical();
        return Ok(address.is_loopback() || address.is_unspecified());
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.starts_with(|c: char| c.is_ascii_digit()) {
        // Resolvers read `127.1`, `0x7f.1` and `2130706433` as addresses; no name of the DNS ends like that.
        return Err("its host is neither a name nor an address; write an IPv4 address as four decimal numbers");
    }
    let names = ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"];
    Ok(names.contains(&host.as_str()) || host.ends_with(".localhost"))
}

#[cfg(test)]
mod tests;

//! A member's credential: a kubeconfig that came from somebody else.
//!
//! A kubeconfig can run programs and read files where it is used. From a Secret it may do neither: what would be run or
//! read is refused, with context, user and field, before anything is used (DESIGN 10). Only what the current context uses
//! counts, and only that is kept: a kubeconfig with ten clusters in it is one of one cluster here.

mod expiry;

use std::fmt;
use std::net::IpAddr;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use model::Timestamp;
use serde_json::{Value, json};

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
    used: String,
    kubeconfig: Kubeconfig,
    expires: Option<Timestamp>,
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
    #[error("{whose}: {path} is refused: {why}")]
    Refused {
        /// The context, and its user or cluster.
        whose: String,
        /// Field path in the kubeconfig.
        path: String,
        /// Why, and what to do instead.
        why: &'static str,
    },
    /// A value in it cannot be what it is for.
    #[error("{whose}: {path} cannot be used: {why}")]
    Unfit {
        /// The context, and its user or cluster.
        whose: String,
        /// Field path in the kubeconfig.
        path: String,
        /// Why, and what to do instead. Never the value.
        why: &'static str,
    },
    /// A client cannot be made of it.
    #[error("cannot connect with this kubeconfig: {0}")]
    Unusable(String),
}

const REFUSED_USER_FIELDS: [(&str, &str); 5] = [
    (
        "exec",
        "it would run a program on the hub; use a token or an embedded client certificate, as `kurator attach` does",
    ),
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
        let raw = model::yaml::parse(text).map_err(|error| {
            let place = error.place().map(|(line, column)| format!(" at line {line}, column {column}"));
            CredentialError::Malformed(format!("it is not valid YAML{}", place.unwrap_or_default()))
        })?;
        Self::from_value(&raw, trust)
    }

    /// The same of a kubeconfig that is parsed already.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn from_value(raw: &Value, trust: Trust) -> Result<Self, CredentialError> {
        let used = used(raw)?;
        let server = check(&used, trust)?;
        let expires = used.user.as_ref().and_then(|user| expiry::of_user(&user.value["user"]));
        let mut used = used.alone();
        used.pointer_mut("/users/0/user").into_iter().for_each(trim_token);
        let text = used.to_string();
        let kubeconfig: Kubeconfig = serde_json::from_value(used)
            .map_err(|e| CredentialError::Malformed(format!("a field has the wrong type: {}", without_values(&e))))?;
        Ok(Self { server, used: text, kubeconfig, expires })
    }

    /// What is used of the kubeconfig, to tell two credentials apart. Secret: hash it, never show it.
    pub fn identity(&self) -> &str {
        &self.used
    }

    /// URL of the API server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// When its token or certificate ends, as these say themselves; `None` when they say nothing of it.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
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

/// Cuts white space around the token of a user. No token has any, and a line break at its end is what `echo` and a block of YAML
/// leave; client-go cuts it of a token that it reads from a file, and refuses it in a kubeconfig.
pub fn trim_token(user: &mut Value) {
    if let Some(Value::String(token)) = user.get_mut("token") {
        *token = token.trim().to_owned();
    }
}

/// The field of a user whose value cannot be in the header of a request. The client library would panic for one, and name no field
/// for the others. User names and passwords are encoded before they are sent.
pub fn unsendable(user: &Value) -> Option<String> {
    let text = |field: &str| Some((field.to_owned(), user.get(field)?.as_str()?));
    let list = |field: String, list: &Value| -> Vec<(String, String)> {
        let texts = list.as_array().into_iter().flatten().enumerate();
        texts.filter_map(|(i, text)| Some((format!("{field}[{i}]"), text.as_str()?.to_owned()))).collect()
    };
    let is_unfit = |(_, value): &(String, String)| http::HeaderValue::from_str(value).is_err();
    let texts = ["as", "as-uid"].into_iter().filter_map(text).map(|(field, value)| (field, value.to_owned()));
    let token = text("token").map(|(field, token)| (field, token.trim().to_owned()));
    let groups = list("as-groups".to_owned(), &user["as-groups"]);
    let extra = user["as-user-extra"].as_object().into_iter().flatten();
    let extra = extra.flat_map(|(key, values)| list(format!("as-user-extra[{key:?}]"), values));
    let found = token.into_iter().chain(texts).chain(groups).chain(extra).find(is_unfit);
    found.map(|(field, _)| field)
}

/// Why a value cannot be sent.
pub const UNSENDABLE: &str = "it has a line break or another control character in it, which no header of a request may have; write it again without";

/// What is wrong with a type, without the value that has it: it may be a secret.
fn without_values(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let expected = said.rsplit_once("expected ").map(|(_, expected)| expected);
    expected.map_or_else(|| "of the context, its cluster or its user".to_owned(), |what| format!("expected {what}"))
}

/// An entry of a list of the kubeconfig, and its place there.
struct Entry<'a> {
    index: usize,
    name: &'a str,
    value: &'a Value,
}

/// What the current context uses.
struct Used<'a> {
    context: Entry<'a>,
    cluster: Entry<'a>,
    user: Option<Entry<'a>>,
}

impl Used<'_> {
    /// A kubeconfig of nothing else.
    fn alone(&self) -> Value {
        json!({
            "current-context": self.context.name,
            "contexts": [self.context.value],
            "clusters": [self.cluster.value],
            "users": self.user.iter().map(|user| user.value).collect::<Vec<_>>(),
        })
    }

    fn refused(&self, list: &str, entry: &Entry<'_>, field: &str, why: &'static str) -> CredentialError {
        let kind = list.trim_end_matches('s');
        let whose = format!("context {:?}, {kind} {:?}", self.context.name, entry.name);
        CredentialError::Refused { whose, path: format!("{list}[{}].{kind}.{field}", entry.index), why }
    }

    /// The same of a value that is not what it is for.
    fn unfit(&self, list: &str, entry: &Entry<'_>, field: &str, why: &'static str) -> CredentialError {
        match self.refused(list, entry, field, why) {
            CredentialError::Refused { whose, path, why } => CredentialError::Unfit { whose, path, why },
            other => other,
        }
    }
}

fn named<'a>(raw: &'a Value, list: &str, name: &'a str) -> Option<Entry<'a>> {
    let items = raw.get(list)?.as_array()?;
    let mut items = items.iter().enumerate();
    let (index, value) = items.find(|(_, item)| item.get("name").and_then(Value::as_str) == Some(name))?;
    Some(Entry { index, name, value })
}

/// Finds what the current context uses. The others may be anything: they are not read.
fn used(raw: &Value) -> Result<Used<'_>, CredentialError> {
    let malformed = |why: String| CredentialError::Malformed(why);
    let current = raw.get("current-context").and_then(Value::as_str).filter(|c| !c.is_empty());
    let current = current.ok_or_else(|| malformed("current-context is not set".to_owned()))?;
    let context = named(raw, "contexts", current)
        .ok_or_else(|| malformed(format!("current-context {current:?} is none of its contexts")))?;
    let field = |name: &str| {
        let value = model::object::get(context.value, &["context", name]);
        value.and_then(Value::as_str).filter(|value| !value.is_empty())
    };
    let cluster = field("cluster").ok_or_else(|| malformed(format!("context {current:?} names no cluster")))?;
    let cluster = named(raw, "clusters", cluster)
        .ok_or_else(|| malformed(format!("context {current:?} names cluster {cluster:?}, which is not there")))?;
    let user = field("user").map(|user| {
        named(raw, "users", user)
            .ok_or_else(|| malformed(format!("context {current:?} names user {user:?}, which is not there")))
    });
    Ok(Used { cluster, user: user.transpose()?, context })
}

/// Checks what is used, and returns the server's URL.
fn check(used: &Used<'_>, trust: Trust) -> Result<String, CredentialError> {
    if let Some(user) = &used.user {
        for (field, why) in REFUSED_USER_FIELDS {
            if user.value.get("user").and_then(|u| u.get(field)).is_some_and(|v| !v.is_null()) {
                return Err(used.refused("users", user, field, why));
            }
        }
        if let Some(field) = user.value.get("user").and_then(unsendable) {
            return Err(used.unfit("users", user, &field, UNSENDABLE));
        }
    }
    let refused = |field, why| used.refused("clusters", &used.cluster, field, why);
    let cluster = &used.cluster.value["cluster"];
    if cluster.get("certificate-authority").is_some_and(|v| !v.is_null()) {
        let why = "it would read a file on the hub; embed it as `certificate-authority-data`";
        return Err(refused("certificate-authority", why));
    }
    match cluster.get("proxy-url") {
        None | Some(Value::Null) => {}
        Some(Value::String(url)) if url.is_empty() => {}
        Some(Value::String(url)) => check_proxy(url, trust).map_err(|why| refused("proxy-url", why))?,
        Some(_) => return Err(refused("proxy-url", "it is no text")),
    }
    if let Some(name) = cluster.get("tls-server-name").and_then(Value::as_str).filter(|name| !name.is_empty())
        && rustls::pki_types::ServerName::try_from(name).is_err()
    {
        let why = "it is neither a name as certificates have it nor an address";
        return Err(used.unfit("clusters", &used.cluster, "tls-server-name", why));
    }
    let server = cluster.get("server").and_then(Value::as_str).unwrap_or_default();
    check_server(server, trust).map_err(|why| refused("server", why))?;
    Ok(server.to_owned())
}

/// A proxy may be plain: what goes through it is encrypted to the server.
fn check_proxy(proxy: &str, trust: Trust) -> Result<(), &'static str> {
    let uri: http::Uri = proxy.parse().map_err(|_| "it is not a URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("only http and https proxies are known; write it as http://HOST:PORT");
    }
    check_host(&uri, trust)
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
    check_host(&uri, trust)
}

fn check_host(uri: &http::Uri, trust: Trust) -> Result<(), &'static str> {
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

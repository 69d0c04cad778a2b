//! Kubeconfigs with everything embedded.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::authority::Pair;

/// One context of a kubeconfig: a cluster and how to log in to it.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Name of context, cluster and user.
    pub name: &'a str,
    /// `https://127.0.0.1:6443`.
    pub server: &'a str,
    /// The authority that signed the server's certificate.
    pub authority_pem: &'a str,
    /// Who logs in.
    pub credential: Credential<'a>,
}

/// How a kubeconfig logs in.
#[derive(Clone)]
pub enum Credential<'a> {
    /// With a client certificate.
    Certificate(&'a Pair),
    /// With a bearer token.
    Token(&'a str),
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate(_) => "Certificate",
            Self::Token(_) => "Token",
        })
    }
}

/// A kubeconfig as YAML with everything embedded. The first context is the current one. Holds secrets: write it with
/// mode 0600.
pub fn kubeconfig(contexts: &[Context<'_>]) -> String {
    let encode = |pem: &str| STANDARD.encode(pem);
    let cluster = |c: &Context<'_>| json!({"name": c.name, "cluster": {"server": c.server, "certificate-authority-data": encode(c.authority_pem)}});
    let user = |c: &Context<'_>| {
        let login = match &c.credential {
            Credential::Certificate(pair) => json!({
                "client-certificate-data": encode(&pair.certificate_pem), "client-key-data": encode(&pair.key_pem),
            }),
            Credential::Token(token) => json!({"token": token}),
        };
        json!({"name": c.name, "user": login})
    };
    let context = |c: &Context<'_>| json!({"name": c.name, "context": {"cluster": c.name, "user": c.name}});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "preferences": {},
        "clusters": contexts.iter().map(cluster).collect::<Vec<Value>>(),
        "users": contexts.iter().map(user).collect::<Vec<Value>>(),
        "contexts": contexts.iter().map(context).collect::<Vec<Value>>(),
        "current-context": contexts.first().map(|c| c.name).unwrap_or_default(),
    });
    model::yaml::to_string(&config)
}

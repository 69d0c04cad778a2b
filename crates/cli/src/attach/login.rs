//! The user's context as a kubeconfig with everything in it: files are read and programs run here, on the user's machine, so
//! that what asks the member is the same client as the hub's.

use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use client::{Credential, Trust};
use serde_json::{Value, json};

use super::exec;
use super::kubeconfig::Chosen;

/// Fields of a user that are passed on as they are.
const USER_FIELDS: [&str; 8] =
    ["token", "username", "password", "as", "as-uid", "as-groups", "as-user-extra", "client-certificate-data"];

/// Fields of a cluster that say how it is reached.
const CLUSTER_FIELDS: [&str; 3] = ["server", "tls-server-name", "proxy-url"];

/// How a cluster is reached, and that with which the user logs in there.
pub(super) struct Login {
    /// The user's own: used now, and never written.
    pub(super) credential: Credential,
    /// The cluster of a kubeconfig: server, authority, name, proxy. Nothing of the user's.
    pub(super) cluster: Value,
}

/// Logs in with a context. `authority`: a file with the cluster's authority, in place of the kubeconfig's.
///
/// # Errors
/// A file cannot be read, a program fails, or something in the kubeconfig cannot be used; with context, user and field.
pub(super) async fn log_in(chosen: &Chosen, authority: Option<&Path>, terminal: bool) -> anyhow::Result<Login> {
    let cluster = cluster(chosen, authority)?;
    let user = user(chosen, terminal).await?;
    let names = [&chosen.context, &chosen.cluster_name, &chosen.user_name].map(String::as_str);
    // Loopback is the user's own machine here, where it may well be meant.
    let credential = Credential::from_value(&kubeconfig(names, &cluster, &user), Trust { loopback: true })?;
    Ok(Login { credential, cluster })
}

/// The kubeconfig for the hub: one context with the hub's own user.
pub(super) fn kubeconfig_of_hub(cluster: &Value, token: &str) -> Value {
    kubeconfig(["member", "member", "kurator"], cluster, &json!({"token": token}))
}

/// A kubeconfig of one context. Names of context, cluster and user.
fn kubeconfig([context, cluster_name, user_name]: [&str; 3], cluster: &Value, user: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": cluster_name, "user": user_name}}],
        "clusters": [{"name": cluster_name, "cluster": cluster}],
        "users": [{"name": user_name, "user": user}],
    })
}

fn cluster(chosen: &Chosen, authority: Option<&Path>) -> anyhow::Result<Value> {
    let given = &chosen.cluster;
    let mut cluster = json!({});
    for field in CLUSTER_FIELDS {
        if let Some(value) = given.get(field).filter(|value| !value.is_null() && *value != "") {
            cluster[field] = value.clone();
        }
    }
    if cluster.get("server").is_none() {
        bail!("{} is not set", chosen.of_cluster("server"));
    }
    let file = |path: &Path, about: &str| -> anyhow::Result<Value> {
        Ok(json!(
            STANDARD.encode(std::fs::read(path).with_context(|| format!("{about}: cannot read {}", path.display()))?)
        ))
    };
    let text = |field: &str| given.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(path) = authority {
        cluster["certificate-authority-data"] = file(path, "--certificate-authority")?;
    } else if given.get("insecure-skip-tls-verify").is_some_and(|skip| skip == true) {
        bail!(
            "{} is set: anybody between could read the credential that the hub gets; say with --certificate-authority FILE \
             who signs the certificate of this cluster",
            chosen.of_cluster("insecure-skip-tls-verify")
        );
    } else if let Some(data) = text("certificate-authority-data") {
        cluster["certificate-authority-data"] = json!(data);
    } else if let Some(path) = text("certificate-authority") {
        cluster["certificate-authority-data"] = file(Path::new(path), &chosen.of_cluster("certificate-authority"))?;
    }
    Ok(cluster)
}

async fn user(chosen: &Chosen, terminal: bool) -> anyhow::Result<Value> {
    let given = &chosen.user;
    if let Some(provider) = given.get("auth-provider").filter(|provider| !provider.is_null()) {
        let name = provider["name"].as_str().unwrap_or_default();
        let instead = match name {
            "gcp" => "install gke-gcloud-auth-plugin and run `gcloud container clusters get-credentials` again",
            "azure" => "run `kubelogin convert-kubeconfig`",
            _ => "let the tool that wrote this kubeconfig write it again, with `exec`",
        };
        bail!("{} {name:?}: kubectl does not know it any more either; {instead}", chosen.of_user("auth-provider"));
    }
    let mut user = json!({});
    for field in USER_FIELDS {
        if let Some(value) = given.get(field).filter(|value| !value.is_null()) {
            user[field] = value.clone();
        }
    }
    let text = |field: &str| given.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let read = |field: &str, path: &str| {
        std::fs::read(path).with_context(|| format!("{}: cannot read {path}", chosen.of_user(field)))
    };
    // As kubectl: a file wins over the token beside it.
    if let Some(path) = text("tokenFile") {
        let token = String::from_utf8(read("tokenFile", path)?);
        let token = token.ok().with_context(|| format!("{}: {path} is no text", chosen.of_user("tokenFile")))?;
        user["token"] = json!(token.trim());
    }
    for (field, data) in [("client-certificate", "client-certificate-data"), ("client-key", "client-key-data")] {
        if let Some(data_value) = text(data) {
            user[data] = json!(data_value);
        } else if let Some(path) = text(field) {
            user[data] = json!(STANDARD.encode(read(field, path)?));
        }
    }
    if given.get("exec").is_some_and(|exec| !exec.is_null()) {
        let found = exec::run(chosen, terminal).await?;
        for (field, value) in found.as_object().into_iter().flatten() {
            user[field] = value.clone();
        }
    }
    Ok(user)
}

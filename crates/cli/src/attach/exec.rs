//! Programs that log a user in, as kubeconfigs of managed clusters name them (`aws`, `gke-gcloud-auth-plugin`,
//! `kubelogin`). They run on the user's machine, as kubectl runs them, and never on the hub.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::kubeconfig::Chosen;

/// Versions of the protocol that are spoken; both have the same form.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// Longest wait for a program. It may open a browser and wait for a person.
const WITHIN: Duration = Duration::from_secs(300);

/// Largest answer, in bytes: a token with a few hundred groups has 20 kB.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Runs the program of a user's `exec`, and returns what to log in with: fields of a kubeconfig's user.
///
/// `terminal`: there is a person who can answer.
///
/// # Errors
/// It cannot be run, fails, or answers with something else. What it printed is not repeated: it may be a token.
pub(super) async fn run(chosen: &Chosen, terminal: bool) -> anyhow::Result<Value> {
    let exec = &chosen.user["exec"];
    let about = |field: &str| chosen.of_user(&format!("exec{field}"));
    let text = |field: &str| exec.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let version = text("apiVersion").unwrap_or_default();
    if !VERSIONS.contains(&version) {
        bail!(
            "{}: {version:?} is not spoken any more; let the tool that wrote this kubeconfig write it again with {}",
            about(".apiVersion"),
            VERSIONS.join(" or ")
        );
    }
    let command = text("command").with_context(|| format!("{} is not set", about(".command")))?;
    let interactive = is_interactive(exec, version, terminal)
        .map_err(|why| anyhow::anyhow!("{}: {why}", about(".interactiveMode")))?;
    let mut program = Command::new(command);
    let args = exec.get("args").and_then(Value::as_array).into_iter().flatten();
    program.args(args.filter_map(Value::as_str));
    for variable in exec.get("env").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(name), Some(value)) = (variable["name"].as_str(), variable["value"].as_str()) {
            program.env(name, value);
        }
    }
    program.env("KUBERNETES_EXEC_INFO", info(chosen, version, interactive).to_string());
    program.stdin(if interactive { Stdio::inherit() } else { Stdio::null() });
    // What it says to the person goes there as it is, as with kubectl.
    program.stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let mut child = match program.spawn() {
        Ok(child) => child,
        Err(error) => {
            let hint = text("installHint").map(|hint| format!("; {hint}")).unwrap_or_default();
            let why = if error.kind() == std::io::ErrorKind::NotFound {
                "it is not installed here".into()
            } else {
                error.to_string()
            };
            bail!("{}: cannot run {command}: {why}{hint}", about(".command"));
        }
    };
    let mut answer = Vec::new();
    let answered = async {
        let stdout = child.stdout.take().context("its output cannot be read")?;
        stdout.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut answer).await?;
        // Its end is not waited for: it waits itself until the rest of what it says is read.
        anyhow::ensure!(
            answer.len() as u64 <= ANSWER_BYTES_MAX,
            "it said more than {ANSWER_BYTES_MAX} bytes, and was stopped"
        );
        anyhow::Ok(child.wait().await?)
    };
    let status = match tokio::time::timeout(WITHIN, answered).await {
        Ok(status) => status.with_context(|| format!("{}: {command}", about("")))?,
        Err(_) => bail!("{}: {command} did not end within {} s", about(""), WITHIN.as_secs()),
    };
    if !status.success() {
        bail!("{}: {command} failed ({status}); what it said stands above, and log in again as it asks", about(""));
    }
    login(&answer, version).map_err(|why| anyhow::anyhow!("{}: {command} {why}", about("")))
}

/// May the program ask the person?
fn is_interactive(exec: &Value, version: &str, terminal: bool) -> Result<bool, String> {
    match exec.get("interactiveMode").and_then(Value::as_str) {
        Some("Never") => Ok(false),
        Some("IfAvailable") => Ok(terminal),
        Some("Always") if terminal => Ok(true),
        Some("Always") => Err("it must ask a person, and there is no terminal here".to_owned()),
        Some(other) => Err(format!("{other:?} is none of Never, IfAvailable, Always")),
        None if version == VERSIONS[1] => Ok(terminal),
        None => Err(format!("it must be set in {version}: Never, IfAvailable or Always")),
    }
}

/// What the program is told.
fn info(chosen: &Chosen, version: &str, interactive: bool) -> Value {
    let mut spec = json!({"interactive": interactive});
    if chosen.user["exec"]["provideClusterInfo"] == true {
        let names =
            ["server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url"];
        let cluster = &chosen.cluster;
        let mut told: serde_json::Map<String, Value> =
            names.iter().filter_map(|name| Some(((*name).to_owned(), cluster.get(name)?.clone()))).collect();
        let extensions = cluster.get("extensions").and_then(Value::as_array).into_iter().flatten();
        let mut own = extensions.filter(|extension| extension["name"] == "client.authentication.k8s.io/exec");
        if let Some(config) = own.next() {
            told.insert("config".to_owned(), config["extension"].clone());
        }
        spec["cluster"] = told.into();
    }
    json!({"apiVersion": version, "kind": "ExecCredential", "spec": spec})
}

/// Reads the program's answer.
fn login(answer: &[u8], version: &str) -> Result<Value, String> {
    let answer: Value =
        serde_json::from_slice(answer).map_err(|_| "did not print an ExecCredential as JSON".to_owned())?;
    if answer["kind"] != "ExecCredential" || answer["apiVersion"] != version {
        return Err(format!(
            "printed {} of {}, and not an ExecCredential of {version}",
            answer["kind"], answer["apiVersion"]
        ));
    }
    let text = |field: &str| answer["status"][field].as_str().filter(|text| !text.is_empty());
    let mut user = json!({});
    if let Some(token) = text("token") {
        user["token"] = json!(token);
    }
    match (text("clientCertificateData"), text("clientKeyData")) {
        (Some(certificate), Some(key)) => {
            user["client-certificate-data"] = json!(STANDARD.encode(certificate));
            user["client-key-data"] = json!(STANDARD.encode(key));
        }
        (None, None) if user["token"].is_string() => {}
        (None, None) => return Err("printed neither a token nor a certificate".to_owned()),
        _ => return Err("printed a certificate without its key, or a key alone".to_owned()),
    }
    Ok(user)
}

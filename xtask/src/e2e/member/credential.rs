//! Nothing is green that the hub cannot know: a credential that a real API server refuses, a source that is gone.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::stage::{condition, expect};
use super::NAME;
use super::trial::{APP, FLEET, Trial};

/// How soon nothing may be green any more, counted from the server's first refusal: what DESIGN promises of members, and
/// what a busy machine with two cores adds. A kube-apiserver believes a token for up to 10 s after it was revoked.
const WITHIN: Duration = Duration::from_secs(15 + 10);

/// Words of a state that is as it should be.
const GREEN: &[&str] = &["True", "Ready", "Healthy", "Synced", "Applied", "ReconciliationSucceeded", "ClusterReady"];

/// Plays every scene. It begins and ends with everything green.
pub(super) fn play(trial: &Trial) -> Result<()> {
    account_deleted(trial)?;
    token_revoked(trial)?;
    source_gone(trial)
}

/// The hub's credential in the real member, as a kubeconfig.
fn credential(trial: &Trial) -> Result<String> {
    let path = "jsonpath={.data.kubeconfig}";
    let encoded = trial.kubectl(&["get", "secret", &format!("{NAME}-kubeconfig"), "-o", path])?;
    trial.stage.shell(&format!("base64 -d < {}", trial.stage.input(&encoded)?))
}

/// What kubectl says of a credential that is refused: of the list itself, and of discovery where it has no copy of that.
const REFUSALS: [&str; 2] = ["Unauthorized", "asked for the client to provide credentials"];

/// Waits until the server refuses a credential.
fn refused(trial: &Trial, kubeconfig: &str) -> Result<()> {
    let file = trial.stage.base.join("revoked.kubeconfig");
    fs::write(&file, kubeconfig).with_context(|| format!("writing {}", file.display()))?;
    trial.stage.until("the server to refuse the credential", |stage| {
        match stage.kubectl_of(&file, &["get", "namespaces"]) {
            Ok(_) => Ok(None),
            Err(error) if REFUSALS.iter().any(|said| format!("{error:#}").contains(said)) => Ok(Some(())),
            Err(error) => Err(error),
        }
    })
}

/// The line of a table that begins with a name, without the message at its end, which may tell what was known before.
fn row(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap_or_default();
    line.split(": ").next().unwrap_or_default().to_owned()
}

/// What `Ready` says at the top of a page: status, since when, reason.
fn ready(page: &str) -> String {
    let mut lines = page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let words = lines.find(|words| words.first() == Some(&"Ready")).unwrap_or_default();
    words.into_iter().skip(1).take(3).collect::<Vec<_>>().join(" ")
}

/// What each place shows of the Application, and of the member and its fleet where these are meant too.
fn places(trial: &Trial, with_member: bool) -> Result<Vec<(String, String)>> {
    let mut columns = vec![("applications.apps.kurator.dev", APP)];
    let (mut rows, mut pages) = (vec![APP], vec![format!("app/{APP}")]);
    if with_member {
        columns.extend([
            ("attachedclusters", NAME),
            ("clusters.cluster.karmada.io", NAME),
            ("fleets.fleet.kurator.dev", FLEET),
        ]);
        rows.extend([NAME, FLEET]);
        pages.push(format!("member/{NAME}"));
    }
    let mut places = Vec::new();
    for (kind, name) in columns {
        places.push((format!("kubectl get {kind} {name}"), trial.kubectl(&["get", kind, name, "--no-headers"])?));
    }
    let overview = trial.kurator(&["status"])?;
    places.extend(rows.into_iter().map(|name| (format!("kurator status, {name}"), row(&overview, name))));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for object in pages {
        places.push((format!("kurator status {object}"), ready(&trial.kurator(&["status", &object])?)));
        let tree: Value = serde_json::from_str(&trial.kurator(&["tree", &object, "-o", "json"])?)?;
        places.push((format!("kurator tree {object}"), text(&tree["state"])));
        if with_member {
            places.push((format!("kurator tree {object}, the unit"), text(&tree["units"][0]["state"])));
        }
    }
    Ok(places)
}

fn is_green(shown: &str) -> bool {
    shown.split_whitespace().any(|word| GREEN.contains(&word))
}

/// Every place must be able to be green, else it says nothing that it is not.
fn all_green(trial: &Trial, with_member: bool) -> Result<()> {
    trial.converged()?;
    trial.stage.until("every place to be green", |_| {
        let dark: Vec<_> = places(trial, with_member)?.into_iter().filter(|(_, shown)| !is_green(shown)).collect();
        if dark.is_empty() { Ok(Some(())) } else { Err(anyhow::anyhow!("{dark:#?}")) }
    })
}

/// Waits until no place is green, and says how long that took.
fn nothing_green(trial: &Trial, with_member: bool) -> Result<Duration> {
    let begun = Instant::now();
    loop {
        let green: Vec<_> = places(trial, with_member)?.into_iter().filter(|(_, shown)| is_green(shown)).collect();
        if green.is_empty() {
            return Ok(begun.elapsed());
        }
        expect(begun.elapsed() < WITHIN, || format!("still green after {} s: {green:#?}", WITHIN.as_secs()))?;
    }
}

/// What the member's `Ready` says.
fn said_of_member(trial: &Trial) -> Result<String> {
    let attached = trial.json(&["get", "attachedcluster", NAME])?;
    let ready = condition(&attached, "Ready");
    Ok(format!("{} {}: {}", ready["status"], ready["reason"], ready["message"]).replace('"', ""))
}

/// Somebody deletes the hub's account.
fn account_deleted(trial: &Trial) -> Result<()> {
    trial.stage.scene("the hub's service account is deleted: no green anywhere, until it is attached again");
    all_green(trial, true)?;
    let before = trial.running()?;
    let kubeconfig = credential(trial)?;
    trial.real.kubectl(&["delete", "serviceaccount", "kurator", "-n", "kurator-system"])?;
    refused(trial, &kubeconfig)?;
    let took = nothing_green(trial, true)?;
    let said = said_of_member(trial)?;
    trial.stage.print_lines(&format!("{:.1}s after the server's first refusal: {said}", took.as_secs_f64()));
    expect(said.contains("CredentialRefused") && said.contains("kurator attach"), || format!("what to do? {said}"))?;
    trial.attach()?;
    all_green(trial, true)?;
    let now = trial.running()?;
    expect(before == now, || format!("something was restarted:\n{before:#?}\n{now:#?}"))?;
    trial.stage.print_lines("kurator attach again: green, and nothing was restarted");
    Ok(())
}

/// Somebody revokes the token, and puts another credential into the Secret.
fn token_revoked(trial: &Trial) -> Result<()> {
    trial.stage.scene("the hub's token is revoked: no green anywhere, until its Secret has another one");
    let kubeconfig = credential(trial)?;
    let tokens = trial.read(&[
        "secrets",
        "-n",
        "kurator-system",
        "--field-selector=type=kubernetes.io/service-account-token",
    ])?;
    for secret in tokens["items"].as_array().into_iter().flatten() {
        let name = secret["metadata"]["name"].as_str().context("a Secret without a name")?;
        trial.real.kubectl(&["delete", "secret", name, "-n", "kurator-system"])?;
    }
    refused(trial, &kubeconfig)?;
    let took = nothing_green(trial, true)?;
    let said = said_of_member(trial)?;
    trial.stage.print_lines(&format!("{:.1}s after the server's first refusal: {said}", took.as_secs_f64()));
    let token = trial.real.kubectl(&["create", "token", "kurator", "-n", "kurator-system"])?;
    let is_token = |line: &str| line.trim_start().starts_with("token:");
    let lines = kubeconfig.lines().map(|line| match line.split_once("token:") {
        Some((before, _)) if is_token(line) => format!("{before}token: {}\n", token.trim()),
        _ => format!("{line}\n"),
    });
    let other: String = lines.collect();
    expect(other.contains(token.trim()), || "the kubeconfig has no line with a token".to_owned())?;
    // A credential that a person made is theirs to renew.
    let patch = json!({"metadata": {"annotations": {"kurator.dev/minted": null}}, "stringData": {"kubeconfig": other}});
    let secret = format!("{NAME}-kubeconfig");
    trial.kubectl(&["patch", "secret", &secret, "--type=merge", "-p", &patch.to_string()])?;
    all_green(trial, true)?;
    trial.stage.print_lines("another token in the Secret: green again");
    Ok(())
}

/// The repository is gone. What runs goes on, and the Application is not green.
fn source_gone(trial: &Trial) -> Result<()> {
    trial.stage.scene("the source is gone: the application is green nowhere, and what runs stays");
    let before = trial.running()?;
    let (there, away) = (trial.stage.repository(), trial.stage.base.join("repository-away"));
    fs::rename(&there, &away).context("moving the repository away")?;
    let asked = trial.stage.until("the hub to ask for it", |_| {
        let app = trial.application()?;
        Ok((condition(&app, "SourceReady")["status"] == "False").then_some(app))
    });
    let dark = asked.and_then(|_| nothing_green(trial, false));
    let app = trial.application();
    fs::rename(&away, &there).context("moving the repository back")?;
    dark?;
    let ready = condition(&app?, "Ready");
    expect(ready["reason"] == "FetchFailed", || format!("why? {ready}"))?;
    trial.stage.print_lines(&format!("{}: {}", ready["reason"], ready["message"]).replace('"', ""));
    all_green(trial, true)?;
    let now = trial.running()?;
    expect(before == now, || format!("something was restarted:\n{before:#?}\n{now:#?}"))?;
    trial.stage.print_lines("put back: green, and nothing was restarted");
    Ok(())
}

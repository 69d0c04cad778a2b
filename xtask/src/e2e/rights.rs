//! Rights in one namespace of a real member, and all rights again.

use anyhow::{Context, Result};
use serde_json::Value;

use super::member::{NAME, running};
use super::scene;
use super::stage::{Stage, expect, refused};
use crate::real::Real;

/// What the shop runs after this scene.
pub(super) const VERSION: &str = "2.0.1";

/// The hub's account in a member, as a user.
const ACCOUNT: &str = "--as=system:serviceaccount:kurator-system:kurator";

/// The real member gives rights in one namespace only: what is there is delivered and watched, the Namespace itself is
/// refused, and nothing is asked for that is not given.
pub(super) fn narrow(stage: &Stage, real: &Real) -> Result<()> {
    stage.scene("the real member gives rights in one namespace only");
    let kubeconfig = real.kubeconfig().display().to_string();
    let attach = ["attach", "real", "--kubeconfig", &kubeconfig, "--name", NAME, "--yes"];
    stage.print_lines(&stage.kurator(&[&attach[..], &["--namespaces", "shop"]].concat())?);
    let binding = real.kubectl(&["get", "clusterrolebinding", "kurator"]);
    refused(&binding, "NotFound", "the rights in the whole cluster should be gone")?;
    expect(!may(real, &["list", "pods", "-A"]), || "the account may list pods everywhere".to_owned())?;
    expect(may(real, &["patch", "deployments", "-n", "shop"]), || "the account may not deliver to shop".to_owned())?;
    let unit = reported_reason(stage, "OutsideRights")?;
    let why = unit["status"]["message"].as_str().unwrap_or_default().to_owned();
    expect(why.starts_with("Namespace shop: ") && unit["state"] != "Ready", || format!("what is said? {unit}"))?;
    stage.print_lines(&format!("{NAME}: {why}"));

    let before = denied(real)?;
    scene::new_version(stage, VERSION)?;
    stage.kurator(&["sync", "app/shop", "--no-wait"])?;
    running(stage, real, VERSION)?;
    stage.print_lines(&real.kubectl(&["delete", "service", "web", "-n", "shop"])?);
    stage.until("the service to be made again", |_| Ok(real.kubectl(&["get", "service", "web", "-n", "shop"]).ok()))?;
    let after = denied(real)?;
    expect(before == after, || format!("something was refused meanwhile: {before:?}, then {after:?}"))?;
    stage.print_lines("delivered and watched in shop, and no request was refused");

    stage.scene("the real member gives all rights again");
    stage.print_lines(&stage.kurator(&attach)?);
    let role = real.kubectl(&["get", "role", "kurator", "-n", "shop"]);
    refused(&role, "NotFound", "the rights in the namespace should be gone")?;
    running(stage, real, VERSION)?;
    stage.converged()
}

/// May the account do this?
fn may(real: &Real, what: &[&str]) -> bool {
    real.kubectl(&[&["auth", "can-i", ACCOUNT], what].concat()).is_ok()
}

/// Waits until the unit in the real member says so.
fn reported_reason(stage: &Stage, reason: &str) -> Result<Value> {
    stage.until(&format!("{NAME} to say {reason}"), |stage| {
        let text = stage.kurator(&["status", &format!("member/{NAME}"), "-o", "json"])?;
        let status: Value = serde_json::from_str(&text).with_context(|| format!("reading {text:?}"))?;
        let unit = status["units"].as_array().and_then(|units| units.first().cloned());
        Ok(unit.filter(|unit| unit["status"]["reason"] == reason))
    })
}

/// What the server counted of requests that were forbidden.
fn denied(real: &Real) -> Result<Vec<String>> {
    let metrics = real.kubectl(&["get", "--raw", "/metrics"])?;
    let is_denied = |line: &&str| line.starts_with("apiserver_request_total{") && line.contains("code=\"403\"");
    Ok(metrics.lines().filter(is_denied).map(str::to_owned).collect())
}

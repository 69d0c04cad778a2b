//! The real kubectl against the hub and against each member: the verbs that people use every day.

use anyhow::{Context, Result, bail};

use super::stage::{MEMBERS, Stage, expect, refused};
use crate::{kustomize, process, workspace};

/// Plays every verb in every context, then what the user guide shows of kubectl. Before that it compares what
/// `kubectl kustomize` makes of trees with what the hub would deliver.
pub(super) fn play(stage: &mut Stage) -> Result<()> {
    stage.scene("kubectl kustomize");
    kustomize::compare(stage.tools.require("kubectl")?, &[])?;
    for context in std::iter::once("hub").chain(MEMBERS.iter().map(|(name, _)| *name)) {
        verbs(stage, context)?;
    }
    guide(stage)
}

/// The guide's kubeconfig, and its place for the address of the hook.
const GUIDE_KUBECONFIG: &str = "~/.local/state/kurator/demo/kubeconfig";
const GUIDE_HOOK: &str = "https://ADDRESS";

/// The guide's blocks for kubectl and curl, as one script. Its blocks for `kurator` are played by the tests of crate `cli`.
fn guide(stage: &Stage) -> Result<()> {
    stage.scene("the user guide's kubectl examples");
    if !process::exists("curl", "--version") {
        if workspace::is_ci() {
            bail!("curl is missing, which an example of docs/guide.md calls; CI requires every component");
        }
        stage.print_lines("skipped: an example calls curl, which is missing");
        return Ok(());
    }
    let text = std::fs::read_to_string(workspace::root().join("docs/guide.md")).context("reading docs/guide.md")?;
    let mut script = String::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => script += &format!("{line}\n"),
            _ => {}
        }
    }
    let kubeconfig = stage.dir().join("kubeconfig").display().to_string();
    expect(script.contains(GUIDE_KUBECONFIG) && script.contains(GUIDE_HOOK), || format!("the guide shows:\n{script}"))?;
    let script = script.replace(GUIDE_KUBECONFIG, &kubeconfig).replace(GUIDE_HOOK, &stage.send_command("hook")?);
    let said = stage.shell(&script)?;
    stage.print_lines(&said);
    expect(said.contains("shop") && said.contains("web") && said.contains("syncing"), || format!("it said:\n{said}"))
}

const NAMESPACE: &str = "e2e";

const OBJECTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: e2e}
data: {colour: green, size: small}
---
apiVersion: v1
kind: Service
metadata: {name: probe, namespace: e2e}
spec:
  selector: {app: probe}
  ports: [{name: http, port: 80}]
"#;

/// Everything once in one context. The hub runs no workloads, so only members wait for pods.
fn verbs(stage: &Stage, context: &str) -> Result<()> {
    let runs_pods = context != "hub";
    stage.scene(&format!("kubectl, context {context}"));
    // Every command as one would type it, and one sentence of what it must say.
    let check = |args: &[&str], wanted: &str| -> Result<String> {
        let said = stage.kubectl(context, args)?;
        expect(said.contains(wanted), || format!("kubectl {}: expected {wanted:?} in:\n{said}", args.join(" ")))?;
        let first = said.lines().next().unwrap_or_default();
        stage.print_lines(&format!("kubectl {}: {first}", args.join(" ")));
        Ok(said)
    };
    let apply = |args: &[&str], input: &str, wanted: &str| -> Result<()> {
        let said = stage.kubectl_with(context, args, input)?;
        expect(said.contains(wanted), || format!("kubectl {}: expected {wanted:?} in:\n{said}", args.join(" ")))?;
        stage.print_lines(&format!("kubectl {}: {}", args.join(" "), said.replace('\n', ", ")));
        Ok(())
    };
    let n = ["-n", NAMESPACE];
    let with = |args: &[&'static str]| -> Vec<&'static str> { [args, &n].concat() };

    check(&["version"], "Server Version: v1.37")?;
    check(&["api-resources"], "deployments")?;
    check(&["api-resources", "--api-group=apps"], "StatefulSet")?;
    check(&["create", "namespace", NAMESPACE], "created")?;
    check(&with(&["create", "configmap", "made", "--from-literal=a=1"]), "configmap/made created")?;
    let deployment = ["create", "deployment", "probe", "--image=registry.example/probe:1.0", "--replicas=1"];
    check(&with(&deployment), "deployment.apps/probe created")?;
    let again = stage.kubectl(context, &with(&deployment));
    refused(&again, "already exists", "creating it again should be refused")?;
    stage.print_lines("kubectl create deployment probe, again: refused, already exists");

    apply(&["apply", "-f", "-"], OBJECTS, "service/probe created")?;
    apply(&["apply", "-f", "-"], OBJECTS, "service/probe unchanged")?;
    apply(&["apply", "-f", "-"], &OBJECTS.replace("green", "blue"), "configmap/settings configured")?;
    let server_side = OBJECTS.replace("name: settings", "name: owned");
    apply(&["apply", "--server-side", "-f", "-"], &server_side, "configmap/owned serverside-applied")?;
    let other = &["apply", "--server-side", "--field-manager=other", "-f", "-"];
    let conflict = stage.kubectl_with(context, other, &server_side.replace("green", "red"));
    refused(&conflict, ".data.colour", "a second manager should be told of its conflict")?;
    stage.print_lines("kubectl apply --server-side as another manager: refused, conflict on .data.colour");
    let forced = &["apply", "--server-side", "--force-conflicts", "--field-manager=other", "-f", "-"];
    apply(forced, &server_side.replace("green", "red"), "configmap/owned serverside-applied")?;
    let invalid = stage.kubectl_with(context, &["apply", "-f", "-"], &OBJECTS.replace("\ndata:", "\ndota:"));
    refused(&invalid, "dota", "an unknown field should be named")?;
    stage.print_lines("kubectl apply with an unknown field: refused, names it");

    check(&with(&["get", "deployments"]), "UP-TO-DATE")?;
    check(
        &with(&["get", "deployment", "probe", "-o", "jsonpath={.spec.template.spec.containers[0].image}"]),
        "probe:1.0",
    )?;
    check(&with(&["get", "configmaps", "-l", "absent=yes", "-o", "name"]), "")?;
    check(&with(&["get", "configmap", "made", "-o", "yaml"]), "a: \"1\"")?;
    check(&with(&["label", "configmap", "made", "tier=test"]), "labeled")?;
    check(&with(&["get", "configmaps", "-l", "tier=test", "-o", "name"]), "configmap/made")?;
    check(&with(&["annotate", "configmap", "made", "note=yes"]), "annotated")?;
    check(&with(&["patch", "configmap", "made", "--type=merge", "-p", r#"{"data":{"b":"2"}}"#]), "patched")?;
    let json = r#"[{"op":"replace","path":"/data/b","value":"3"}]"#;
    check(&with(&["patch", "configmap", "made", "--type=json", "-p", json]), "patched")?;
    check(&with(&["get", "configmap", "made", "-o", "jsonpath={.data.b}"]), "3")?;
    let strategic =
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"probe","env":[{"name":"A","value":"1"}]}]}}}}"#;
    check(&with(&["patch", "deployment", "probe", "-p", strategic]), "patched")?;
    check(&with(&["set", "image", "deployment/probe", "probe=registry.example/probe:1.1"]), "image updated")?;
    check(&with(&["scale", "deployment", "probe", "--replicas=2"]), "scaled")?;
    check(&with(&["wait", "deployment/probe", "--for=jsonpath={.spec.replicas}=2", "--timeout=30s"]), "condition met")?;
    if runs_pods {
        check(&with(&["wait", "deployment/probe", "--for=condition=Available", "--timeout=60s"]), "condition met")?;
        check(&with(&["rollout", "status", "deployment/probe", "--timeout=60s"]), "successfully rolled out")?;
        check(&with(&["get", "pods", "-o", "wide"]), "Running")?;
        check(&["get", "nodes"], "Ready")?;
    } else {
        check(&["get", "applications,fleets,attachedclusters", "-n", "default"], "shop")?;
        check(&["get", "clusters.cluster.karmada.io"], "beijing")?;
        check(&["explain", "application.spec.syncPolicies"], "syncPolicies")?;
    }
    check(&with(&["delete", "service", "probe"]), "deleted")?;
    check(&["delete", "namespace", NAMESPACE, "--timeout=60s"], "deleted")?;
    let gone = stage.kubectl(context, &["get", "namespace", NAMESPACE]);
    refused(&gone, "NotFound", "the namespace should be gone, with what was in it")
}

//! Nothing surprising is deleted, changed or run again, as a real API server answers.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::stage::{condition, expect};
use super::trial::{APP, Trial};

/// Plays every scene. It begins and ends with the Application as it was committed first.
pub(super) fn play(trial: &Trial) -> Result<()> {
    mistyped(trial)?;
    kept(trial)?;
    adopted(trial)?;
    immutable(trial)?;
    forged(trial)?;
    ended(trial)
}

/// What people made beside what is delivered.
const STRANGERS: &str = r"
{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: trial}}
---
{apiVersion: e2e.example/v1, kind: Gadget, metadata: {name: mine, namespace: default}}
";

/// A typing error deletes nothing. Once it is approved, strangers keep the Namespace and the definition that they use.
fn mistyped(trial: &Trial) -> Result<()> {
    trial.stage.scene("a typing error in a selector is held; approved, it takes no strangers along");
    let before = trial.uids("all,configmaps")?;
    trial.deliver("rael", false)?;
    let app = trial.stage.until("the typing error to be held", |_| {
        let app = trial.application()?;
        Ok((condition(&app, "DeletionsHeld")["status"] == "True").then_some(app))
    })?;
    let why = condition(&app, "DeletionsHeld")["message"].as_str().unwrap_or_default().to_owned();
    expect(why.contains(r#"label site is "real", the selector wants "rael""#), || format!("why? {why}"))?;
    let now = trial.uids("all,configmaps")?;
    expect(before == now, || format!("something was touched:\n{before:#?}\n{now:#?}"))?;
    trial.apply_by_hand(STRANGERS)?;
    let strangers = [["configmap", "mine", "-n", APP], ["gadget", "mine", "-n", "default"]];
    let uid = |args: &[&str; 4]| Ok::<_, anyhow::Error>(trial.read(args)?["metadata"]["uid"].clone());
    let theirs = [uid(&strangers[0])?, uid(&strangers[1])?];
    trial.kurator(&["approve", &format!("app/{APP}"), "--yes"])?;
    let containers = [&["namespace", APP][..], &["crd", "gadgets.e2e.example"]];
    trial.stage.until("what was delivered to be gone, and its containers to be given back", |_| {
        let mut is_done = trial.is_gone(&["deployment", "web", "-n", APP])?;
        for container in containers {
            is_done &= trial.owner(container)?.is_none();
        }
        Ok(is_done.then_some(()))
    })?;
    expect(theirs == [uid(&strangers[0])?, uid(&strangers[1])?], || "strangers were made anew".to_owned())?;
    trial.stage.print_lines(&format!(
        "held: {why}; approved: web is gone, what others have in {APP} stays, with the definition"
    ));
    for stranger in strangers {
        trial.real.kubectl(&[&["delete"], &stranger[..]].concat())?;
    }
    // Given back, the two count as adopted: made again, they are ours.
    for container in containers {
        trial.real.kubectl(&[&["delete"], container].concat())?;
    }
    trial.deliver("real", false)?;
    trial.converged()
}

/// One object for each annotation of other tools that keeps it, and one without.
const KEPT: &[(&str, &str)] = &[
    ("flux", "kustomize.toolkit.fluxcd.io/prune: disabled"),
    ("helm", "helm.sh/resource-policy: keep"),
    ("argo", "argocd.argoproj.io/sync-options: Prune=false"),
    ("plain", "e2e.example/any: thing"),
];

/// What Flux, Helm and Argo CD are told to keep is given back instead of deleted.
fn kept(trial: &Trial) -> Result<()> {
    trial.stage.scene("annotations of Flux, Helm and Argo CD keep what the source loses");
    let objects = KEPT.iter().map(|(name, annotation)| {
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: {APP}, annotations: {{{annotation}}}}}}}")
    });
    trial.commit(&[("kept", Some(&objects.collect::<Vec<_>>().join("\n---\n")))])?;
    trial.converged()?;
    let before = trial.uids("configmaps")?;
    trial.commit(&[("kept", None)])?;
    trial.converged()?;
    trial.stage.until("the object without an annotation to go", |_| {
        Ok(trial.is_gone(&["configmap", "plain", "-n", APP])?.then_some(()))
    })?;
    for (name, annotation) in KEPT.iter().filter(|(name, _)| *name != "plain") {
        let object = trial.read(&["configmap", name, "-n", APP])?;
        let is_ours = object["metadata"]["labels"]["kurator.dev/hub"].is_string();
        let is_same = before.get(&format!("ConfigMap {name}")).is_some_and(|uid| object["metadata"]["uid"] == **uid);
        expect(is_same && !is_ours, || format!("{annotation} was not honoured: {object}"))?;
    }
    trial.stage.print_lines("the source lost four ConfigMaps: flux, helm and argo are given back, plain is gone");
    trial.real.kubectl(&["delete", "configmap", "flux", "helm", "argo", "-n", APP]).map(drop)
}

/// A Deployment that somebody made, as the source has it.
fn hand(annotations: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: hand, namespace: {APP}, annotations: {{{annotations}}}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: hand}}}}
  template:
    metadata: {{labels: {{app: hand}}}}
    spec: {{containers: [{{name: hand, image: 'registry.example/hand:2'}}]}}
"
    )
}

/// What was there before is not restarted, unless that is asked for.
fn adopted(trial: &Trial) -> Result<()> {
    trial.stage.scene("adopting a Deployment that somebody made does not restart its pods until that is asked for");
    trial.real.kubectl(&["create", "deployment", "hand", "--image=registry.example/hand:1", "-n", APP])?;
    let hand_status = || trial.read(&["deployment", "hand", "-n", APP]);
    trial.stage.until("it to run", |_| Ok((hand_status()?["status"]["readyReplicas"] == 1).then_some(())))?;
    let before = trial.running()?;
    trial.commit(&[("hand", Some(&hand("")))])?;
    let rows = trial.rows("AdoptionRefused", 1)?;
    trial.not_ready("hand")?;
    let now = trial.running()?;
    expect(before == now, || format!("something was restarted:\n{before:#?}\n{now:#?}"))?;
    trial.stage.print_lines(&format!("refused: {}", rows[0]["message"].as_str().unwrap_or_default()));
    trial.commit(&[("hand", Some(&hand("kurator.dev/adopt: overwrite")))])?;
    trial.converged()?;
    let taken = hand_status()?;
    let image = &taken["spec"]["template"]["spec"]["containers"][0]["image"];
    let is_same = before.get("Deployment hand").is_some_and(|uid| taken["metadata"]["uid"] == **uid);
    expect(is_same && image == "registry.example/hand:2", || format!("it was not taken over: {taken}"))?;
    trial
        .stage
        .print_lines("with kurator.dev/adopt: overwrite it is the same Deployment, with the image of the source");
    // It was there before us: the source that loses it gives it back.
    trial.commit(&[("hand", None)])?;
    trial.converged()?;
    trial.stage.until("it to be given back", |_| {
        Ok(trial.owner(&["deployment", "hand", "-n", APP])?.is_none().then_some(()))
    })?;
    trial.real.kubectl(&["delete", "deployment", "hand", "-n", APP]).map(drop)
}

/// Three kinds with a field that cannot change, each refused in other words by a real server.
fn fixed(cluster_ip: &str, role: &str, image: &str) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: fixed, namespace: {APP}}}
spec: {{{cluster_ip} selector: {{app: web}}, ports: [{{port: 80}}]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: fixed, namespace: {APP}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}
subjects: [{{kind: ServiceAccount, name: default, namespace: {APP}}}]
---
apiVersion: batch/v1
kind: Job
metadata: {{name: fixed, namespace: {APP}}}
spec:
  template:
    spec: {{restartPolicy: Never, containers: [{{name: once, image: 'registry.example/once:{image}'}}]}}
"
    )
}

/// Fields that cannot change are told by whatever words, and made again only when the policy says so.
fn immutable(trial: &Trial) -> Result<()> {
    trial.stage.scene("fields that cannot change, in the words of a real server");
    let of_fixed = || {
        let all = trial.uids("services,rolebindings,jobs")?;
        Ok::<_, anyhow::Error>(all.into_iter().filter(|(name, _)| name.ends_with(" fixed")).collect::<Vec<_>>())
    };
    trial.commit(&[("fixed", Some(&fixed("", "view", "1")))])?;
    trial.converged()?;
    let before = of_fixed()?;
    trial.commit(&[("fixed", Some(&fixed("clusterIP: None,", "edit", "2")))])?;
    for row in trial.rows("Immutable", 3)? {
        let message = row["message"].as_str().unwrap_or_default();
        trial.stage.print_lines(&format!("{}: {}", row["key"]["kind"], message.chars().take(160).collect::<String>()));
    }
    let now = of_fixed()?;
    expect(before.len() == 3 && before == now, || format!("made again without a word:\n{before:#?}\n{now:#?}"))?;
    trial.deliver("real", true)?;
    trial.converged()?;
    let now = of_fixed()?;
    let is_new = now.len() == 3 && now.iter().all(|entry| !before.contains(entry));
    expect(is_new, || format!("force did not make them again:\n{before:#?}\n{now:#?}"))?;
    trial.stage.print_lines("with force: true all three are made again");
    trial.deliver("real", false)?;
    trial.commit(&[("fixed", None)])?;
    trial.converged()
}

/// A Secret where Kurator keeps its own records.
const RESERVED: &str = "
apiVersion: v1
kind: Secret
metadata: {name: kurator-mine, namespace: kurator-system}
";

/// Records in the member prove nothing unless this hub wrote them.
fn forged(trial: &Trial) -> Result<()> {
    trial.stage.scene("a forged inventory deletes nothing");
    trial.commit(&[("reserved", Some(RESERVED))])?;
    trial.stage.print_lines(&format!("delivered: {}", trial.not_ready("Kurator keeps its own records")?));
    trial.commit(&[("reserved", None)])?;
    trial.converged()?;

    trial.apply_by_hand("{apiVersion: v1, kind: ConfigMap, metadata: {name: innocent, namespace: default}}")?;
    let innocent = ["configmap", "innocent", "-n", "default"];
    let uid = trial.read(&innocent)?["metadata"]["uid"].clone();
    let list = trial.read(&["secrets", "-n", "kurator-system", "-l", "kurator.dev/group"])?;
    let is_of_trial = |secret: &&Value| {
        let group = secret["metadata"]["annotations"]["kurator.dev/group-id"].as_str();
        group.is_some_and(|group| group.contains(&format!("/{APP}/")))
    };
    let secret = list["items"].as_array().into_iter().flatten().find(is_of_trial).context("no inventory")?;
    let name = secret["metadata"]["name"].as_str().context("a Secret without a name")?;
    let patch = |inventory: &str| {
        let patch = json!({"data": {"inventory": inventory}}).to_string();
        trial.real.kubectl(&["patch", "secret", name, "-n", "kurator-system", "--type=merge", "-p", &patch])
    };
    let packed = secret["data"]["inventory"].as_str().context("an inventory without data")?;
    let text = trial.stage.shell(&format!("base64 -d < {} | gunzip", trial.stage.input(packed)?))?;
    let mut inventory: Value = serde_json::from_str(&text).context("reading the inventory")?;
    let entries = inventory["entries"].as_array_mut().context("an inventory without entries")?;
    entries.push(json!({"kind": "ConfigMap", "namespace": "default", "name": "innocent", "version": "v1", "uid": uid,
        "doomed": true, "unit": 0}));
    let forged = trial.stage.input(&inventory.to_string())?;
    patch(&trial.stage.shell(&format!("gzip < {forged} | base64 --wrap=0"))?)?;

    // What is recorded is read before the next object is recorded.
    let extra = "{apiVersion: v1, kind: ConfigMap, metadata: {name: extra, namespace: trial}}";
    trial.commit(&[("extra", Some(extra)), ("settings", None)])?;
    let report = trial.stage.until("the inventory to be refused", |_| {
        let report = trial.report()?;
        Ok((report["reason"] == "InventoryUnverified").then_some(report))
    })?;
    trial.stage.print_lines(&format!("refused: {}", report["message"].as_str().unwrap_or_default()));
    expect(trial.read(&innocent)?["metadata"]["uid"] == uid, || "what was never ours was deleted".to_owned())?;
    expect(!trial.is_gone(&["configmap", "settings", "-n", APP])?, || {
        "something was deleted without a proof".to_owned()
    })?;
    patch(packed)?;
    trial.converged()?;
    trial
        .stage
        .until("settings to be pruned", |_| Ok(trial.is_gone(&["configmap", "settings", "-n", APP])?.then_some(())))?;
    expect(!trial.is_gone(&innocent)?, || "what was never ours was deleted".to_owned())?;
    trial.stage.print_lines("put back, it is believed again: settings is pruned, and default/innocent is still there");
    trial.real.kubectl(&[&["delete"], &innocent[..]].concat())?;
    trial.commit(&[("extra", None)])?;
    trial.commit_first()?;
    trial.converged()
}

/// A Job that its cluster removes as soon as it has ended.
const ONCE: &str = "
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: trial}
spec:
  ttlSecondsAfterFinished: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: once, image: 'registry.example/once:1'}]}
";

/// A Job that removes itself runs once.
fn ended(trial: &Trial) -> Result<()> {
    trial.stage.scene("a Job that its cluster removes runs once");
    trial.commit(&[("once", Some(ONCE))])?;
    let completed = || {
        let which = "--field-selector=involvedObject.kind=Job,involvedObject.name=once,reason=Completed";
        let events = trial.read(&["events", "-n", APP, which])?;
        Ok::<_, anyhow::Error>(events["items"].as_array().map_or(0, Vec::len))
    };
    trial.stage.until("it to have ended", |_| Ok((completed()? > 0).then_some(())))?;
    trial.stage.until("it to be gone", |_| Ok(trial.is_gone(&["job", "once", "-n", APP])?.then_some(())))?;
    trial.converged()?;
    trial.commit(&[("later", Some("{apiVersion: v1, kind: ConfigMap, metadata: {name: later, namespace: trial}}"))])?;
    trial.converged()?;
    let (runs, is_gone) = (completed()?, trial.is_gone(&["job", "once", "-n", APP])?);
    expect(runs == 1 && is_gone, || format!("it ran {runs} times, and is {}there", if is_gone { "not " } else { "" }))?;
    trial.stage.print_lines("ended, removed by its ttl, Ready, and not made again by the next commit");
    trial.commit(&[("once", None), ("later", None)])?;
    trial.converged()
}

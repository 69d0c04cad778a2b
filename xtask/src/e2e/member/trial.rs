//! What the real member's scenes have in common: an Application that a fleet of this member alone gets, on any hub.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::stage::{Stage, condition};
use super::NAME;
use crate::real::Real;

/// The Application, its directory in the repository, and the namespace of its objects.
pub(super) const APP: &str = "trial";

/// The fleet of the real member alone.
pub(super) const FLEET: &str = "real";

/// The Application's first commit.
const FILES: &[(&str, &str)] = &[
    ("namespace", "{apiVersion: v1, kind: Namespace, metadata: {name: trial}}"),
    (
        "definition",
        r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.e2e.example}
spec:
  group: e2e.example
  names: {kind: Gadget, listKind: GadgetList, plural: gadgets, singular: gadget}
  scope: Namespaced
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
",
    ),
    (
        "settings",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: trial}, data: {colour: green}}",
    ),
    (
        "web",
        r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: trial}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'registry.example/web:1'}]}
",
    ),
];

/// The Application on a hub, and the real member that gets it.
pub(super) struct Trial<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) real: &'a Real,
    /// The hub's directory.
    pub(super) hub: PathBuf,
}

impl Trial<'_> {
    /// What kubectl says of the hub.
    pub(super) fn kubectl(&self, args: &[&str]) -> Result<String> {
        self.stage.kubectl_of(&self.hub.join("kubeconfig"), &[&["--context", "hub"], args].concat())
    }

    /// What kubectl reads of the hub.
    pub(super) fn json(&self, args: &[&str]) -> Result<Value> {
        let text = self.kubectl(&[args, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).context("reading kubectl's answer")
    }

    /// What the command line says about the hub.
    pub(super) fn kurator(&self, args: &[&str]) -> Result<String> {
        self.stage.kurator_of(&self.hub, args)
    }

    /// Changes something by hand in the real member.
    pub(super) fn apply_by_hand(&self, objects: &str) -> Result<()> {
        let file = self.stage.input(objects)?;
        self.real.kubectl(&["apply", "-f", &file]).map(drop)
    }

    /// `kurator attach` makes the real member one of this hub, in the fleet.
    pub(super) fn attach(&self) -> Result<()> {
        let kubeconfig = self.real.kubeconfig().display().to_string();
        self.kurator(&["attach", "real", "--kubeconfig", &kubeconfig, "--name", NAME, "--fleet", FLEET, "--yes"])?;
        self.kubectl(&["label", "attachedcluster", NAME, "--overwrite", "site=real"])?;
        Ok(())
    }

    /// Applies the Application, for members whose label `site` has this value.
    pub(super) fn deliver(&self, site: &str, force: bool) -> Result<()> {
        let shop = self.stage.application()?;
        let git =
            json!({"url": shop["spec"]["source"]["gitRepository"]["url"], "interval": "1s", "ref": {"branch": "main"}});
        let policy = json!({
            "name": "p",
            "destination": {"fleet": FLEET, "clusterSelector": {"matchLabels": {"site": site}}},
            "kustomization": {"interval": "5m", "path": format!("./{APP}"), "prune": true, "force": force},
        });
        let application = json!({
            "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
            "metadata": {"name": APP, "namespace": "default"},
            "spec": {"source": {"gitRepository": git}, "destination": {"fleet": FLEET}, "syncPolicies": [policy]},
        });
        let file = self.stage.input(&application.to_string())?;
        self.kubectl(&["apply", "-f", &file]).map(drop)
    }

    /// Commits the first files, or brings them back.
    pub(super) fn commit_first(&self) -> Result<()> {
        let files: Vec<_> = FILES.iter().map(|(name, text)| (*name, Some(*text))).collect();
        self.commit(&files)
    }

    /// Writes files of the Application's directory, or removes those without a text, and commits that.
    pub(super) fn commit(&self, files: &[(&str, Option<&str>)]) -> Result<()> {
        let folder = self.stage.repository().join(APP);
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        for (name, text) in files {
            let file = folder.join(format!("{name}.yaml"));
            let done = match text {
                Some(text) => fs::write(&file, text),
                None => fs::remove_file(&file),
            };
            done.with_context(|| format!("changing {}", file.display()))?;
        }
        self.stage.git(&["add", "--all", APP])?;
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        self.stage.git(&["commit", "--quiet", "--message", &format!("Change {}", names.join(", "))]).map(drop)
    }

    /// The Application.
    pub(super) fn application(&self) -> Result<Value> {
        self.json(&["get", "applications.apps.kurator.dev", APP])
    }

    /// Waits until it is ready at the newest commit, as it is wanted now.
    pub(super) fn converged(&self) -> Result<()> {
        let head = self.stage.git(&["rev-parse", "HEAD"])?;
        let done = self.stage.until(&format!("app/{APP} Ready at {}", &head[..6]), |_| {
            let app = self.application()?;
            let ready = condition(&app, "Ready");
            let revision = &app["status"]["sourceStatus"]["gitRepoStatus"]["artifact"]["revision"];
            let is_at_head = revision.as_str().is_some_and(|revision| revision.contains(&head));
            let is_current = ready["observedGeneration"] == app["metadata"]["generation"];
            Ok((is_at_head && is_current && ready["status"] == "True").then_some(()))
        });
        done.with_context(|| {
            self.kurator(&["tree", &format!("app/{APP}")]).unwrap_or_else(|error| format!("{error:#}"))
        })
    }

    /// Waits until the Application is not ready for a reason whose message has these words; returns the message.
    pub(super) fn not_ready(&self, words: &str) -> Result<String> {
        self.stage.until(&format!("app/{APP} not to be ready: {words}"), |_| {
            let ready = condition(&self.application()?, "Ready");
            let message = ready["message"].as_str().unwrap_or_default();
            let is_so = ready["status"] != "True" && message.contains(words);
            Ok(is_so.then(|| message.to_owned()))
        })
    }

    /// The applier's report of the Application in the real member.
    pub(super) fn report(&self) -> Result<Value> {
        let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/default/trees/{APP}");
        let tree: Value = serde_json::from_str(&self.kubectl(&["get", "--raw", &path])?)?;
        Ok(tree["units"][0].clone())
    }

    /// Waits until so many objects have this reason in the report; returns their rows.
    pub(super) fn rows(&self, reason: &str, count: usize) -> Result<Vec<Value>> {
        self.stage.until(&format!("{count} objects with reason {reason}"), |_| {
            let rows = self.report()?["details"].as_array().cloned().unwrap_or_default();
            let rows: Vec<Value> = rows.into_iter().filter(|row| row["reason"] == reason).collect();
            Ok((rows.len() == count).then_some(rows))
        })
    }

    /// What kubectl reads of objects in the real member.
    pub(super) fn read(&self, args: &[&str]) -> Result<Value> {
        let text = self.real.kubectl(&[&["get", "-o", "json"], args].concat())?;
        serde_json::from_str(&text).context("reading the real member's answer")
    }

    /// UIDs of objects of the Application's namespace in the real member, by kind and name. What the cluster makes there
    /// by itself, such as `kube-root-ca.crt`, is among them.
    pub(super) fn uids(&self, kinds: &str) -> Result<BTreeMap<String, String>> {
        let list = self.read(&[kinds, "-n", APP])?;
        let items = list["items"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(items
            .map(|item| {
                let name = format!("{} {}", text(&item["kind"]), text(&item["metadata"]["name"]));
                (name, text(&item["metadata"]["uid"]))
            })
            .collect())
    }

    /// UIDs of what runs.
    pub(super) fn running(&self) -> Result<BTreeMap<String, String>> {
        self.uids("deployments,replicasets,pods")
    }

    /// Waits until the pods of `web` run, and returns the UIDs of what runs.
    pub(super) fn started(&self) -> Result<BTreeMap<String, String>> {
        self.stage.until("web to run", |_| {
            let web = self.read(&["deployment", "web", "-n", APP])?;
            Ok((web["status"]["readyReplicas"] == 2).then_some(()))
        })?;
        self.running()
    }

    /// Is an object not there any more?
    pub(super) fn is_gone(&self, args: &[&str]) -> Result<bool> {
        match self.real.kubectl(&[&["get", "-o", "name"], args].concat()) {
            Ok(_) => Ok(false),
            Err(error) if format!("{error:#}").contains("NotFound") => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The id of the hub that an object says it belongs to.
    pub(super) fn owner(&self, args: &[&str]) -> Result<Option<String>> {
        Ok(self.read(args)?["metadata"]["labels"]["kurator.dev/hub"].as_str().map(str::to_owned))
    }
}

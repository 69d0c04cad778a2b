//! The real kubectl over TLS.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::custom::widget_crd;
use crate::front::Front;

/// No command here takes long; kubectl's own retries would hide a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);

struct Kubectl {
    binary: PathBuf,
    home: tempfile::TempDir,
    _front: Front,
}

impl Kubectl {
    async fn start(test: &str) -> Option<Self> {
        let binary = component::kubectl(test)?;
        let front = Front::start().await;
        let home = tempfile::tempdir().expect("a directory");
        let kubeconfig = front.kubeconfig("admin", &["system:masters"]);
        std::fs::write(home.path().join("config"), kubeconfig).expect("writes");
        Some(Self { binary, home, _front: front })
    }

    /// Runs a command with text on its standard input; returns whether it succeeded, and all it said.
    async fn run(&self, command: &str, input: &str) -> (bool, String) {
        let mut child = tokio::process::Command::new(&self.binary)
            .args(command.split_whitespace())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", self.home.path().join("config"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).await.expect("writes");
        drop(stdin);
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("runs");
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text)
    }

    async fn ok(&self, command: &str, input: &str, expect: &str) {
        let (success, text) = self.run(command, input).await;
        assert!(
            success && text.contains(expect),
            "kubectl {command}: success={success}, expected {expect:?} in:\n{text}"
        );
    }

    async fn fails(&self, command: &str, input: &str, expect: &str) {
        let (success, text) = self.run(command, input).await;
        assert!(
            !success && text.contains(expect),
            "kubectl {command}: success={success}, expected {expect:?} in:\n{text}"
        );
    }
}

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: 'nginx:1', ports: [{containerPort: 80}]}]}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_makes_shows_changes_and_deletes() {
    let Some(kubectl) = Kubectl::start("apiserver::kubectl: makes, shows, changes and deletes").await else { return };
    let k = &kubectl;
    k.ok("create ns shop", "", "namespace/shop created").await;
    k.ok("create cm conf -n shop --from-literal=a=b", "", "configmap/conf created").await;
    k.ok("create secret generic s -n shop --from-literal=p=q", "", "secret/s created").await;
    k.ok("create deployment d -n shop --image=nginx:1", "", "deployment.apps/d created").await;
    k.ok("create role r -n shop --verb=get --resource=pods", "", "role.rbac.authorization.k8s.io/r created").await;
    k.ok("create sa robot -n shop", "", "serviceaccount/robot created").await;
    k.ok("create -n shop service nodeport web --tcp=80:8080", "", "service/web created").await;
    k.ok("get all,cm,secret,role -n shop", "", "configmap/conf").await;
    k.ok("get cm conf -n shop -o jsonpath={.data.a}", "", "b").await;
    k.ok("get ns", "", "kube-system").await;
    k.ok("apply -n shop -f -", WEB, "deployment.apps/web created").await;
    k.ok("apply -n shop -f -", WEB, "deployment.apps/web unchanged").await;
    let three = WEB.replace("replicas: 2", "replicas: 3");
    let (differs, diff) = k.run("diff -n shop -f -", &three).await;
    assert!(!differs && diff.contains("+  replicas: 3"), "{diff}");
    k.ok("apply -n shop -f -", &three, "deployment.apps/web configured").await;
    k.ok("apply -n shop --server-side --force-conflicts -f -", &three, "deployment.apps/web serverside-applied").await;
    k.ok("scale -n shop deploy/web --replicas=5", "", "deployment.apps/web scaled").await;
    k.ok("get -n shop deploy web", "", "0/5").await;
    k.ok("patch -n shop deploy web -p {\"spec\":{\"paused\":true}}", "", "deployment.apps/web patched").await;
    k.ok("label -n shop deploy web tier=front", "", "deployment.apps/web labeled").await;
    k.ok("annotate -n shop deploy web note=x", "", "deployment.apps/web annotated").await;
    k.ok("get -n shop deploy -l tier=front -o name", "", "deployment.apps/web").await;
    k.ok("set image -n shop deploy/web c=nginx:2", "", "image updated").await;
    k.ok("wait -n shop deploy/web --for=jsonpath={.spec.replicas}=5 --timeout=20s", "", "condition met").await;
    let list = "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: listed, labels: {g: p}}}]}";
    k.ok("apply -n shop -f -", list, "configmap/listed created").await;
    k.ok("apply -n shop -f -", list, "configmap/listed unchanged").await;
    k.ok("explain deployment.spec --output=plaintext-openapiv2", "", "VERSION:  apps/v1").await;
    k.ok("replace -n shop --force -f -", WEB, "deployment.apps/web replaced").await;
    k.ok("delete -n shop deploy web", "", "deleted").await;
    k.fails("get -n shop deploy web", "", "deployments.apps \"web\" not found").await;
    k.ok("api-resources", "", "deployments").await;
    k.ok("explain deployment.spec.replicas", "", "replicas <integer>").await;
    k.ok("auth can-i create pods", "", "yes").await;
    k.ok("auth whoami", "", "admin").await;
    k.ok("version", "", "Server Version: v1.37").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_uses_custom_kinds() {
    let Some(kubectl) = Kubectl::start("apiserver::kubectl: custom kinds").await else { return };
    let k = &kubectl;
    let crd = widget_crd().to_string();
    k.ok("apply -f -", &crd, "customresourcedefinition.apiextensions.k8s.io/widgets.x.io created").await;
    k.ok("wait crd/widgets.x.io --for=condition=established --timeout=20s", "", "condition met").await;
    let widget = "{apiVersion: x.io/v1, kind: Widget, metadata: {name: a}, spec: {size: 2, replicas: 1}}";
    k.ok("apply -f -", widget, "widget.x.io/a created").await;
    k.ok("apply -f -", widget, "widget.x.io/a unchanged").await;
    k.ok("get wd", "", "SIZE").await;
    k.ok("scale wd/a --replicas=3", "", "widget.x.io/a scaled").await;
    k.ok("explain widget.spec", "", "size\t<integer> -required-").await;
    k.fails("apply -f -", &widget.replace("size: 2", "size: 0"), "spec.size").await;
    k.fails("apply -f -", &widget.replace("size: 2", "size: 2, bogus: 1"), "unknown field \"spec.bogus\"").await;
    // `scale` owns the replicas now: applying them server-side is a conflict, until it is forced.
    let four = widget.replace("size: 2", "size: 4");
    k.fails("apply --server-side -f -", &four, "conflict with \"kubectl\" with subresource \"scale\"").await;
    k.ok("apply --server-side --force-conflicts -f -", &four, "widget.x.io/a serverside-applied").await;
}

const EVENTS: &str = r#"
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: held, namespace: default}
eventTime: "2026-11-28T05:00:00.123456Z"
reportingController: kurator.dev/hub
reportingInstance: hub
action: Held
reason: DeletionsHeld
type: Warning
note: three
regarding: {apiVersion: v1, kind: ConfigMap, name: a, namespace: default}
---
apiVersion: v1
kind: Event
metadata: {name: started, namespace: default}
lastTimestamp: "2026-11-28T04:00:00Z"
reason: Started
message: one
involvedObject: {apiVersion: v1, kind: ConfigMap, name: a, namespace: default}
"#;

/// What Go writes as `null` is there: kubectl sorts by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_sorts_events_by_a_time_that_some_do_not_have() {
    let Some(k) = Kubectl::start("apiserver::kubectl: sorts events").await else { return };
    k.ok("create -f -", EVENTS, "event.events.k8s.io/held created").await;
    for by in [".lastTimestamp", ".firstTimestamp", ".eventTime"] {
        k.ok(&format!("get events --sort-by={by}"), "", "DeletionsHeld").await;
    }
    for by in [".deprecatedLastTimestamp", ".eventTime"] {
        k.ok(&format!("get events.events.k8s.io --sort-by={by}"), "", "Started").await;
    }
    let times = "-o jsonpath={.firstTimestamp}/{.lastTimestamp}/{.source}/{.eventTime}";
    k.ok(&format!("get event held {times}"), "", "null/null/{}/2026-11-28T05:00:00.123456Z").await;
    k.ok(&format!("get event started {times}"), "", "null/2026-11-28T04:00:00Z/{}/null").await;
}

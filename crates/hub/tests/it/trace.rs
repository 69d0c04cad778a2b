//! What the hub's log says: what happened, in lines for people; and where a line comes from, which controller and object, which
//! member and unit.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use api::kurator::annotation::APPROVE;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::stage::{Stage, until};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// The log of this process: there is one.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_target(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_env_filter(EnvFilter::new("off,client=info,applier=info,controllers=info,hub=info"))
        .init();
    log
});

/// The fields of each span of a name that has ended, as they stand between its braces.
fn spans(text: &str, name: &str) -> BTreeSet<String> {
    let begin = format!(" {name}{{");
    let closed = text.lines().filter(|line| line.contains(" close "));
    closed.filter_map(|line| Some(line.split_once(&begin)?.1.split_once('}')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reconcile_and_every_pass_says_whose_it_is() {
    let log = &*LOG;
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let unit = "apps.kurator.dev/Application/default/app/";
    let wanted: [(&str, &[&str]); 7] = [
        ("reconcile", &["controller=\"application\"", "object=default/app", "generation=1"]),
        ("reconcile", &["controller=\"status\"", "object=default/app", "generation=1"]),
        ("reconcile", &["controller=\"fleet\"", "object=default/", "generation=1"]),
        ("reconcile", &["controller=\"member\"", "object=default/a", "generation=1"]),
        ("reconcile", &["controller=\"delivery\"", "object=a", "generation="]),
        ("reconcile", &["controller=\"delivery-report\"", "object=a"]),
        ("pass", &["member=a", unit, "epoch=1"]),
    ];
    until("the spans", async || {
        let text = log.text();
        let missing = wanted.iter().find(|(name, fields)| {
            !spans(&text, name).iter().any(|span| fields.iter().all(|field| span.contains(field)))
        });
        missing.map_or(Ok(()), |missing| Err(format!("{missing:?} in {:#?}", spans(&text, missing.0))))
    })
    .await;
}

/// Waits until one line has all of these texts.
async fn says(texts: &[&str]) {
    until(&format!("the log to say {texts:?}"), async || {
        let log = LOG.text();
        let found = log.lines().any(|line| texts.iter().all(|text| line.contains(text)));
        let lines = log.lines().filter(|line| !line.contains(" close ")).collect::<Vec<_>>().join("\n");
        if found { Ok(()) } else { Err(lines) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_what_happened_and_who_wanted_it() {
    LazyLock::force(&LOG);
    let stage = Stage::new(&["a", "b"]).await;
    says(&["INFO member a is attached"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let app = "Application default/app (p): ";
    says(&["INFO", app, "new revision main@sha1:", "(3 objects) applied in 2 of 2 members in "]).await;

    let maps: Api<ConfigMap> = Api::namespaced(stage.member("a").client(), "app");
    let somebody = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
    maps.patch("settings", &somebody, &Patch::Merge(json!({"data": {"value": "s3cr3t"}}))).await.unwrap();
    says(&[
        "INFO",
        app,
        "reverted 1 change by others in 1 member (a); a: ConfigMap app/settings",
        "by somebody (data.value)",
    ])
    .await;

    stage.git.set_fault(Some(git_server::Fault::Refused));
    says(&["WARN Application default/app cannot fetch its source: "]).await;
    stage.git.set_fault(None);
    says(&["INFO Application default/app fetches its source again after "]).await;

    stage.commit(&[("app/settings.yaml", None), ("app/web.yaml", None), ("app/namespace.yaml", None)]);
    says(&["WARN Application default/app holds deletions (SourceRemovesObjects): "]).await;
    let apps: Api<Application> = Api::namespaced(stage.client(), "default");
    let held = until("what is held", async || {
        let status = apps.get("app").await.unwrap().status.unwrap_or_default();
        let all = status.held.first().is_some_and(|held| held.count == 6);
        if all { Ok(status.held[0].clone()) } else { Err(format!("{:?}", status.held)) }
    })
    .await;
    let patch = json!({"metadata": {"annotations": {APPROVE: held.digest}}});
    apps.patch("app", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    says(&["INFO kurator-admin approves what is held: Application default/app: ", &held.digest.to_string()]).await;
    says(&["INFO", app, "6 objects that the source has no longer were deleted in 2 members (a, b)"]).await;
    says(&["INFO Application default/app holds nothing any more: "]).await;

    stage.member("b").unplug().await;
    says(&["WARN member b is lost (", "): "]).await;
    stage.member("b").plug().await.unwrap();
    says(&["INFO member b is back after "]).await;
    let attached: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    attached.delete("b", &DeleteParams::default()).await.unwrap();
    says(&["INFO kurator-admin deletes AttachedCluster default/b"]).await;
    says(&["INFO member b is detached: its record is gone, and nothing was deleted in it"]).await;
    assert!(!LOG.text().contains("s3cr3t"), "values are not in it");
}

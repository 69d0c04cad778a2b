//! What the lines of a log say of where they come from: which controller and object, which member and unit.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

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

/// The fields of each span of a name that has ended, as they stand between its braces.
fn spans(text: &str, name: &str) -> BTreeSet<String> {
    let begin = format!(" {name}{{");
    let closed = text.lines().filter(|line| line.contains(" close "));
    closed.filter_map(|line| Some(line.split_once(&begin)?.1.split_once('}')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reconcile_and_every_pass_says_whose_it_is() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_env_filter(EnvFilter::new("off,client=info,applier=info"))
        .init();
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

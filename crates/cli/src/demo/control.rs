//! The unix socket under the instance's directory: what scenes ask of the process itself. One line in, lines out, the
//! last one `ok` or `error: …`.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use hub::Hub;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::Demo;
use crate::up::End;

/// Longest line that is read: a command and a name.
const LINE_MAX: u64 = 4096;
/// Longest time for one conversation.
const TALK_MAX: Duration = Duration::from_secs(30);

/// The listening end.
pub(crate) struct Control {
    end: Arc<Mutex<End>>,
    ended: CancellationToken,
    closed: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

struct Shared {
    hub: Arc<Hub>,
    demo: Option<Arc<Demo>>,
    end: Arc<Mutex<End>>,
    ended: CancellationToken,
    /// Tells this start of the process from every other one.
    start: String,
}

impl Control {
    /// Listens. `ended` is cancelled when somebody asks for the end.
    pub(crate) fn serve(
        socket: &Path,
        hub: Arc<Hub>,
        demo: Option<Arc<Demo>>,
        ended: CancellationToken,
    ) -> anyhow::Result<Self> {
        // The store's lock is held: a socket that is there was left by a process that is gone.
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).with_context(|| format!("cannot listen on {}", socket.display()))?;
        let end = Arc::new(Mutex::new(End::Stop));
        let start = hub::entropy::token::<8>();
        let shared = Arc::new(Shared { hub, demo, end: end.clone(), ended: ended.clone(), start });
        let closed = CancellationToken::new();
        let closing = closed.clone();
        let task = tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = closing.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = stream else { continue };
                // One at a time: scenes are few, and their order matters.
                let _ = tokio::time::timeout(TALK_MAX, shared.talk(stream)).await;
            }
        });
        Ok(Self { end, ended, closed, task: Some(task) })
    }

    /// Waits until somebody asks for the end; says which.
    pub(crate) async fn ended(&self) -> End {
        self.ended.cancelled().await;
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops listening.
    pub(crate) async fn close(mut self) {
        self.closed.cancel();
        if let Some(task) = self.task.take() {
            // It ends at its next turn; a panic in it was printed when it happened.
            let _ = task.await;
        }
    }
}

impl Shared {
    async fn talk(&self, stream: UnixStream) -> anyhow::Result<()> {
        use tokio::io::AsyncReadExt;
        let (reader, mut writer) = stream.into_split();
        let mut line = String::new();
        BufReader::new(reader.take(LINE_MAX)).read_line(&mut line).await?;
        let answer = match self.obey(line.trim()).await {
            Ok(text) if text.is_empty() => "ok\n".to_owned(),
            Ok(text) => format!("{text}\nok\n"),
            Err(error) => format!("error: {error:#}\n"),
        };
        writer.write_all(answer.as_bytes()).await?;
        writer.shutdown().await?;
        Ok(())
    }

    async fn obey(&self, line: &str) -> anyhow::Result<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let demo = || self.demo.as_deref().context("no demo runs here: start one with `kurator up --demo`");
        match words.as_slice() {
            ["ping"] => Ok(self.start.clone()),
            ["unplug", member] => {
                demo()?.member(member)?.unplug().await;
                Ok(String::new())
            }
            ["plug", member] => {
                demo()?.member(member)?.plug().await.context("cannot listen again")?;
                Ok(String::new())
            }
            ["counters"] => Ok(self.counters().to_string()),
            ["hook"] => Ok(format!("https://{}", self.hub.hook_address())),
            ["restart"] => {
                self.end(End::Restart);
                Ok(String::new())
            }
            ["stop"] => {
                self.end(End::Stop);
                Ok(String::new())
            }
            _ => bail!("{line:?} is not understood"),
        }
    }

    fn end(&self, how: End) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = how;
        self.ended.cancel();
    }

    /// Requests that mutate, by API server and client, no-op ones included.
    fn counters(&self) -> serde_json::Value {
        let of = |counters: &apiserver::Counters| json!({"mutations": counters.mutations(), "byClient": counters.mutations_by_client()});
        let mut all = serde_json::Map::new();
        all.insert("hub".to_owned(), of(self.hub.counters()));
        for member in self.demo.iter().flat_map(|d| d.members()) {
            all.insert(member.name().to_owned(), of(member.counters()));
        }
        serde_json::Value::Object(all)
    }
}

/// Asks the process that runs in a directory.
pub(crate) async fn ask(socket: &Path, line: &str) -> anyhow::Result<String> {
    let missing = || format!("no hub runs at {}: start one with `kurator up --demo`", socket.display());
    let mut stream = UnixStream::connect(socket).await.with_context(missing)?;
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let mut lines = BufReader::new(stream).lines();
    let mut out = Vec::new();
    while let Some(line) = lines.next_line().await? {
        if line == "ok" {
            return Ok(out.join("\n"));
        }
        if let Some(error) = line.strip_prefix("error: ") {
            bail!("{error}");
        }
        out.push(line);
    }
    bail!("the process ended before it answered")
}

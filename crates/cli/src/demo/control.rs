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
use crate::instance::Socket;
use crate::up::End;

/// Longest line that is read: a command and a name.
const LINE_MAX: u64 = 4096;
/// Longest time for one conversation.
const TALK_MAX: Duration = Duration::from_secs(30);
/// Longest wait for an answer: a conversation, and a little for a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(TALK_MAX.as_secs() + 5);
/// Conversations at a time. A scene has one; more are only there when somebody connects and says nothing.
const TALKS_MAX: usize = 32;
/// Pause after a connection could not be taken: a busy loop would make it worse.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long conversations may go on when the process ends: the client that asked for the end gets its answer.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The command that asks where the hub's API listens.
pub(crate) const ADDRESS: &str = "address";

/// What is said when a scene is to be played by a hub that has no members to play it with.
const WITHOUT_DEMO: &str =
    "this hub runs without its demo: end it, and start it with `kurator up --demo` in the same directory";

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
    /// Commands are obeyed one at a time: scenes are few, and their order matters.
    turn: tokio::sync::Mutex<()>,
}

impl Control {
    /// Listens. `ended` is cancelled when somebody asks for the end.
    pub(crate) fn serve(
        dir: &Path,
        hub: Arc<Hub>,
        demo: Option<Arc<Demo>>,
        ended: CancellationToken,
    ) -> anyhow::Result<Self> {
        let about = || format!("cannot listen on a socket in {}; choose another --dir", dir.display());
        let socket = Socket::of(dir).with_context(about)?;
        // The store's lock is held: a socket that is there was left by a process that is gone.
        let _ = std::fs::remove_file(socket.path());
        let listener = UnixListener::bind(socket.path()).with_context(about)?;
        let end = Arc::new(Mutex::new(End::Stop));
        let start = hub::entropy::token::<8>();
        let shared =
            Arc::new(Shared { hub, demo, end: end.clone(), ended: ended.clone(), start, turn: Default::default() });
        let closed = CancellationToken::new();
        let closing = closed.clone();
        let task = tokio::spawn(async move {
            let mut talks = tokio::task::JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    () = closing.cancelled() => break,
                    Some(_) = talks.join_next() => continue,
                    accepted = listener.accept(), if talks.len() < TALKS_MAX => accepted,
                };
                let Ok((stream, _)) = accepted else {
                    // Out of descriptors: others must close first.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let shared = shared.clone();
                talks.spawn(async move { tokio::time::timeout(TALK_MAX, shared.talk(stream)).await });
            }
            // A file that is not there any more is what was wanted.
            let _ = std::fs::remove_file(socket.path());
            let _ = tokio::time::timeout(LAST_WORDS, async { while talks.join_next().await.is_some() {} }).await;
            talks.shutdown().await;
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
        let mut line = Vec::new();
        BufReader::new(reader.take(LINE_MAX)).read_until(b'\n', &mut line).await?;
        let answer = match self.obey(&line).await {
            Ok(text) if text.is_empty() => "ok\n".to_owned(),
            Ok(text) => format!("{text}\nok\n"),
            Err(error) => format!("error: {error:#}\n"),
        };
        writer.write_all(answer.as_bytes()).await?;
        writer.shutdown().await?;
        Ok(())
    }

    async fn obey(&self, line: &[u8]) -> anyhow::Result<String> {
        let Some(line) = line.strip_suffix(b"\n") else { bail!("a command is one line of at most {LINE_MAX} bytes") };
        let line = std::str::from_utf8(line).context("a command is UTF-8 text")?;
        let _turn = self.turn.lock().await;
        let words: Vec<&str> = line.split_whitespace().collect();
        let demo = || self.demo.as_deref().context(WITHOUT_DEMO);
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
            ["members"] => Ok(demo()?.names().join("\n")),
            ["unplugged"] => Ok(self.unplugged().join("\n")),
            ["counters"] => Ok(self.counters().to_string()),
            [ADDRESS] => Ok(self.hub.address().to_string()),
            ["hook"] => Ok(self.hub.hook_url()),
            ["restart"] => {
                self.end(End::Restart);
                Ok(String::new())
            }
            ["stop"] => {
                self.end(End::Stop);
                Ok(String::new())
            }
            _ => bail!(
                "{line:?} is not understood; a command is one of ping, address, members, unplug MEMBER, plug MEMBER, unplugged, counters, hook, restart and stop"
            ),
        }
    }

    fn end(&self, how: End) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = how;
        self.ended.cancel();
    }

    /// Names of the members that are unplugged.
    fn unplugged(&self) -> Vec<&str> {
        let members = self.demo.iter().flat_map(|demo| demo.members());
        members.filter(|member| !member.is_plugged()).map(|member| member.name()).collect()
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

/// Sends a command to the process that runs in a directory; returns its answer.
pub(crate) async fn send_command(dir: &Path, line: &str) -> anyhow::Result<String> {
    let quoted = || crate::ask::quoted(&dir.display().to_string());
    let missing = || format!("no hub runs in {}: start one with `kurator up --demo --dir {}`", dir.display(), quoted());
    let socket = Socket::of(dir).with_context(missing)?;
    let stream = UnixStream::connect(socket.path()).await.with_context(missing)?;
    let silent = || {
        let (dir, secs) = (dir.display(), ANSWER_MAX.as_secs());
        format!("the process in {dir} has not answered at its socket for {secs} s; is it stopped?")
    };
    tokio::time::timeout(ANSWER_MAX, answer(stream, line)).await.with_context(silent)?
}

/// Writes one line and reads what is answered.
async fn answer(mut stream: UnixStream, line: &str) -> anyhow::Result<String> {
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

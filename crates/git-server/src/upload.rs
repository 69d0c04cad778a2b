//! `git upload-pack` as a child process.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use source::packet::Writer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use crate::State;
use crate::answer::{Body, message};
use crate::refs::Refs;

/// Time for one answer. A pack of the artifact limit leaves loopback in seconds.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes read from the process at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks between the process and a slow client.
const CHUNKS_MAX: usize = 4;

/// What would make git read another repository, or speak another protocol, than it is told here: a server that was
/// started inside a git hook inherits it.
const ENVIRONMENT: [&str; 6] = [
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PROTOCOL",
];

/// Which exchange the process is for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Call {
    /// The list of references in the form of versions 0 and 1.
    Advertise,
    /// A fetch in version 0 or 1.
    Version0,
    /// A command of version 2.
    Version2,
}

/// Runs the process with `input` and streams what it says.
pub(super) async fn run(
    state: &Arc<State>,
    refs: &Refs,
    call: Call,
    input: Bytes,
) -> Result<Response<Body>, (StatusCode, String)> {
    within(UPLOAD_TIMEOUT, state, refs, call, input).await
}

async fn within(
    longest: Duration,
    state: &Arc<State>,
    refs: &Refs,
    call: Call,
    input: Bytes,
) -> Result<Response<Body>, (StatusCode, String)> {
    let busy = || (StatusCode::SERVICE_UNAVAILABLE, "too many fetches at a time; try again\n".to_owned());
    let permit = tokio::time::timeout(longest, state.uploads.acquire()).await;
    // Kept by the count alone: the permit is given back when the stream below ends.
    permit.map_err(|_| busy())?.map_err(|_| busy())?.forget();
    let slot = Slot(state.clone());
    let failed =
        |e: std::io::Error| (StatusCode::INTERNAL_SERVER_ERROR, format!("git upload-pack: {e}; is git installed?\n"));
    let mut command = Command::new("git");
    command.arg("upload-pack").arg("--stateless-rpc");
    if call == Call::Advertise {
        command.arg("--http-backend-info-refs");
    }
    command.arg(refs.git_dir());
    for name in ENVIRONMENT {
        command.env_remove(name);
    }
    if call == Call::Version2 {
        command.env("GIT_PROTOCOL", "version=2");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let (chunks, received) = mpsc::channel(CHUNKS_MAX);
    if call == Call::Advertise {
        let mut head = Writer::default();
        head.line("# service=git-upload-pack").flush();
        // The channel is empty and has room.
        let _ = chunks.try_send(Bytes::from(head.0));
    }
    let (fail, failed) = oneshot::channel();
    tokio::spawn(async move {
        let work = pump(&mut child, input, &chunks, &slot);
        let end = tokio::time::timeout(longest, work).await;
        let end = end.unwrap_or_else(|_| Err(std::io::Error::other("git upload-pack took too long")));
        if let Err(error) = end {
            // Beside the channel, which is full when the client does not read: nothing here waits for a client that the
            // time limit is for.
            let _ = fail.send(error);
        }
    });
    let media = match call {
        Call::Advertise => "application/x-git-upload-pack-advertisement",
        Call::Version0 | Call::Version2 => "application/x-git-upload-pack-result",
    };
    Ok(message(media, BodyExt::boxed(StreamBody::new(frames(received, failed)))))
}

async fn pump(child: &mut Child, input: Bytes, chunks: &mpsc::Sender<Bytes>, slot: &Slot) -> std::io::Result<()> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(mut stdout)) = (stdin, stdout) else { return Ok(()) };
    // The request is read whole before anything is said, so writing first cannot block both sides.
    let written = stdin.write_all(&input).await;
    drop(stdin);
    // A process that found out early enough closes its input; what it says counts.
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(error);
    }
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        let read = stdout.read_buf(&mut chunk).await?;
        if read == 0 {
            break;
        }
        slot.0.sent_bytes.fetch_add(read as u64, Ordering::Relaxed);
        if chunks.send(chunk.freeze()).await.is_err() {
            return Ok(());
        }
    }
    // When it fails it has said so in the stream, in words that the client shows; a pack cut short fails its checksum.
    let status = child.wait().await?;
    if !status.success() {
        tracing::debug!(%status, "git upload-pack failed");
    }
    Ok(())
}

/// What the process says, then the error if it failed, so that the client sees that the answer is not whole.
fn frames(
    received: mpsc::Receiver<Bytes>,
    failed: oneshot::Receiver<std::io::Error>,
) -> impl Stream<Item = Result<Frame<Bytes>, std::io::Error>> {
    futures::stream::unfold((received, Some(failed)), |(mut received, failed)| async {
        if let Some(chunk) = received.recv().await {
            return Some((Ok(Frame::data(chunk)), (received, failed)));
        }
        // Dropped without a word when the process ended well.
        let error = failed?.await.ok()?;
        Some((Err(error), (received, None)))
    })
}

/// Gives a place among [`crate::UPLOADS_MAX`] back.
struct Slot(Arc<State>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.uploads.add_permits(1);
    }
}

#[cfg(test)]
mod tests;

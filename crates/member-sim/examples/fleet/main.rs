//! What `cargo xtask bench propagate|restart|idle|memory` measures a hub against, as processes of their own.
//!
//! `fleet serve DIR MEMBERS` runs members in memory, reached over TLS, and a git server. `fleet drive HUB DIR MEMBERS` is
//! the client: of the hub, and of the members without a hub, which gives the floor. Both read one command a line and
//! answer each with one line of JSON, `{"error": …}` when it cannot be done; they end when their input ends. Times are
//! microseconds since 1970, so that those of both processes can be compared.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod drive;
mod serve;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One side of the bench: carries out a command.
trait Side {
    async fn act(&mut self, command: &[&str]) -> Fallible<Value>;
}

/// Microseconds since 1970.
fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The name of a member.
fn member_name(index: usize) -> String {
    format!("member-{index:04}")
}

/// Where the kubeconfig of a member lies.
fn kubeconfig_path(dir: &Path, index: usize) -> PathBuf {
    dir.join(format!("{}.kubeconfig", member_name(index)))
}

/// Says that it is there, then answers commands until there are no more.
async fn answer(mut side: impl Side, hello: Value) -> Fallible<()> {
    println!("{hello}");
    let (send, mut lines) = tokio::sync::mpsc::unbounded_channel();
    // Reading blocks a thread of its own: the process ends when this function does, whatever that thread waits for.
    std::thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    while let Some(line) = lines.recv().await {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = side.act(&words).await.unwrap_or_else(|error| json!({"error": error.to_string()}));
        println!("{answer}");
    }
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", dir, members] => {
            let side = serve::Members::start(Path::new(dir), members.parse()?).await?;
            let hello = json!({"git": side.git_url()});
            answer(side, hello).await
        }
        ["drive", hub, dir, members] => {
            let side = drive::Driver::start(Path::new(hub), Path::new(dir), members.parse()?).await?;
            answer(side, json!({})).await
        }
        _ => Err("usage: fleet serve DIR MEMBERS | fleet drive HUB-KUBECONFIG DIR MEMBERS".into()),
    }
}

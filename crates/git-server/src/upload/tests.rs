use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use tokio::sync::Semaphore;

use super::*;

fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Bytes that no compression makes small: more than the channel and the pipe of the process hold.
fn noise() -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..4 << 20).map(next).collect()
}

#[tokio::test]
async fn a_client_that_does_not_read_gives_its_place_back_in_time() {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    std::fs::write(dir.path().join("noise"), noise()).unwrap();
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-q", "-m", "x"]);
    let want = git(dir.path(), &["rev-parse", "HEAD"]);
    let mut input = Writer::default();
    input.line("command=fetch").delimiter().line(&format!("want {want}")).line("done").flush();
    let state = Arc::new(State {
        fault: Mutex::default(),
        repositories: BTreeMap::new(),
        uploads: Semaphore::new(1),
        listed: AtomicU64::new(0),
        sent_bytes: AtomicU64::new(0),
    });
    let refs = Refs::open(dir.path()).unwrap();
    // time: git has to start and to fill pipe and channel before, on a busy machine too.
    let longest = Duration::from_secs(4);
    let answer = within(longest, &state, &refs, Call::Version2, Bytes::from(input.0)).await.unwrap();
    assert_eq!(state.uploads.available_permits(), 0);
    let place = tokio::time::timeout(Duration::from_secs(30), state.uploads.acquire()).await;
    assert!(place.is_ok(), "the place is not given back");
    let sent = state.sent_bytes.load(Ordering::Relaxed);
    assert!(sent > 0 && sent < 4 << 20, "the client is not what it waited for: {sent} bytes");
    // The client that reads after all sees that the answer is not whole.
    let body = tokio::time::timeout(Duration::from_secs(10), answer.into_body().collect()).await.unwrap();
    assert!(body.is_err(), "the answer seems whole");
}

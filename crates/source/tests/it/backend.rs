//! The real `git http-backend` behind a small HTTP server, with what stands between a client and it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request: its head and its body.
pub(crate) async fn request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        let found = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
        found.map(|line| line[name.len() + 1..].trim().to_owned())
    };
    let mut body = vec![0; header("content-length").map_or(0, |n| n.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    (head, body)
}

/// Serves the repositories below a directory.
#[derive(Clone)]
pub(crate) struct Backend {
    root: PathBuf,
    /// The `Authorization` that requests must have.
    authorization: Option<&'static str>,
    /// The front drops the header that asks for version 2, as nginx and Apache do unless told otherwise.
    drops_version: bool,
    /// Words of the server's advertisement that the front takes out, and what it puts there.
    hides: Option<(&'static str, &'static str)>,
    /// The last bytes of each pack are other ones.
    damages: bool,
    /// How many requests there were.
    pub(crate) requests: Arc<AtomicUsize>,
}

impl Backend {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, authorization: None, drops_version: false, hides: None, damages: false, requests: Arc::default() }
    }

    pub(crate) fn guarded(self, authorization: &'static str) -> Self {
        Self { authorization: Some(authorization), ..self }
    }

    pub(crate) fn without_version_2(self) -> Self {
        Self { drops_version: true, ..self }
    }

    /// As an older server, which does not know a word. What is put there has as many bytes.
    pub(crate) fn saying(self, instead_of: &'static str, word: &'static str) -> Self {
        assert_eq!(instead_of.len(), word.len());
        Self { hides: Some((instead_of, word)), ..self }
    }

    pub(crate) fn damaging(self) -> Self {
        Self { damages: true, ..self }
    }

    pub(crate) async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let backend = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let backend = backend.clone();
                tokio::spawn(async move {
                    let (head, body) = request(&mut stream).await;
                    backend.requests.fetch_add(1, Ordering::SeqCst);
                    let wanted = backend.authorization.map(|text| format!("authorization: {text}"));
                    let answer = match wanted.is_none_or(|wanted| head.lines().any(|line| line == wanted)) {
                        true => backend.cgi(&head, body),
                        false => b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"git\"\r\n\r\n".to_vec(),
                    };
                    stream.write_all(&answer).await.unwrap();
                });
            }
        });
        address
    }

    /// What the backend says to one request, to the end of the connection.
    fn cgi(&self, head: &str, body: Vec<u8>) -> Vec<u8> {
        let mut line = head.lines().next().unwrap().split(' ');
        let (method, target) = (line.next().unwrap(), line.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut command = Command::new("git");
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", method)
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", "application/x-git-upload-pack-request")
            .env("CONTENT_LENGTH", body.len().to_string());
        if !self.drops_version && head.to_lowercase().contains("git-protocol: version=2") {
            command.env("GIT_PROTOCOL", "version=2");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), &body).unwrap();
        let mut said = child.wait_with_output().unwrap().stdout;
        if let Some((word, instead)) = self.hides.filter(|_| method == "GET") {
            replace(&mut said, word.as_bytes(), instead.as_bytes());
        }
        if let Some(end) = said.len().checked_sub(5).filter(|_| self.damages && contains(&said, b"PACK")) {
            // Before the flush that ends the answer.
            said[end] ^= 1;
        }
        // A CGI program says how it went in a header of its own; without one it went well.
        let status = match std::str::from_utf8(&said).ok().and_then(|t| t.strip_prefix("Status: ")?.lines().next()) {
            Some(status) => status.to_owned(),
            None => "200 OK".to_owned(),
        };
        [format!("HTTP/1.1 {status}\r\nconnection: close\r\n").into_bytes(), said].concat()
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}

/// The repository of a world, as the backend serves it.
pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{address}/.git")
}

/// Sets something in a repository that its server reads.
pub(crate) fn configure(dir: &Path, key: &str, value: &str) {
    component::git(dir, &["config", key, value]);
}

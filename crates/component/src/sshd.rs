//! A real server of OpenSSH on loopback, with keys of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server that lets one key in: `identity` in its folder.
pub struct Sshd {
    dir: PathBuf,
    port: u16,
    user: String,
    child: Child,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a key at a path, with `.pub` beside it. `kind` are arguments of `ssh-keygen`.
///
/// # Panics
///
/// `ssh-keygen` is missing, or refuses.
pub fn keygen(path: &Path, kind: &[&str], passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    let ended = command.args(["-q", "-N", passphrase, "-f"]).arg(path).args(kind).status();
    assert!(ended.is_ok_and(|status| status.success()), "ssh-keygen {kind:?} {}", path.display());
}

impl Sshd {
    /// Starts the program, with the keys `host`, `identity` and its list `authorized` in a folder. `accepts_version`: whether it
    /// lets a client ask for version 2 of git's protocol.
    ///
    /// # Panics
    ///
    /// It does not start.
    pub fn start(program: &Path, dir: &Path, accepts_version: bool) -> Self {
        let file = |name: &str| dir.join(name);
        keygen(&file("host"), &["-t", "ed25519"], "");
        keygen(&file("identity"), &["-t", "ed25519"], "");
        let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = listener.unwrap_or_else(|error| panic!("no port is free: {error}")).port();
        let mut config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nLogLevel INFO\n",
            file("host").display(),
            file("authorized").display()
        );
        if accepts_version {
            config.push_str("AcceptEnv GIT_PROTOCOL\n");
        }
        let user =
            String::from_utf8_lossy(&Command::new("id").arg("-un").output().map(|o| o.stdout).unwrap_or_default())
                .trim()
                .to_owned();
        let written = std::fs::copy(file("identity.pub"), file("authorized")).and_then(|_| {
            // Where a server of root does what needs no rights; its package makes it at the start of the machine.
            if user == "root" {
                std::fs::create_dir_all("/run/sshd")?;
            }
            std::fs::write(file("config"), config)
        });
        written.unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let mut command = Command::new(program);
        command.args(["-D", "-e", "-f"]).arg(file("config")).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let stderr = child.stderr.take().map(BufReader::new);
        let sshd = Self { dir: dir.to_owned(), port, user, child };
        let mut lines = stderr.into_iter().flat_map(BufRead::lines).map_while(Result::ok);
        let mut said = Vec::new();
        let listens = lines.by_ref().any(|line| {
            let listens = line.contains("Server listening");
            said.push(line);
            listens
        });
        assert!(listens, "sshd does not start: {said:?}");
        // It says more than a pipe holds.
        std::thread::spawn(move || lines.for_each(drop));
        sshd
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whom it lets in: the user of this process.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// A line of `known_hosts` with one of the public keys in its folder.
    ///
    /// # Panics
    ///
    /// There is no such key.
    pub fn known_hosts(&self, key: &str) -> String {
        let key = std::fs::read_to_string(self.dir.join(key)).unwrap_or_else(|error| panic!("{key}: {error}"));
        format!("[127.0.0.1]:{} {key}", self.port)
    }

    /// The URL of a folder of this machine.
    pub fn url(&self, path: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, path.display())
    }

    /// How many connections it has.
    pub fn connections(&self) -> usize {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        std::fs::read_to_string(children).unwrap_or_default().split_whitespace().count()
    }
}

//! The cache of sources: a directory that may be deleted at any time. Everything in it is verified when read, written
//! beside its place and renamed, and fetched again when it is gone.
//!
//! ```text
//! artifacts/<64 hexadecimal digits>     one artifact, named by its digest
//! git/<32 hexadecimal digits>/          one repository: objects/pack/*, tips, commits/<key>/<sha>
//! tmp/                                  files being written; emptied on open
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use crate::artifact::{Artifact, ArtifactFile, Builder, Mode};
use crate::error::Error;
use crate::git::Commit;

/// Bytes kept when nothing else is said: four artifacts of the largest size with their objects, and thousands of the
/// usual size.
pub const CACHE_BYTES_DEFAULT: u64 = 1 << 30;
/// Commits that a repository remembers as fetched, newest last: what it tells a server that it has. Followers of one URL
/// rarely follow more than a few branches.
const TIPS_MAX: usize = 16;
/// Most packs of one repository. Each fetch adds one; a lookup tries each in turn. Beyond it the repository is emptied,
/// and one fetch brings everything again.
const PACKS_MAX: usize = 100;

/// Artifacts that are remembered as verified: the ten that each of a thousand sources keeps.
const VERIFIED_MAX: usize = 10_000;

/// A bounded cache on disk. Cheap to clone. One process uses a directory at a time.
#[derive(Clone)]
pub struct Cache(Arc<Shared>);

struct Shared {
    root: PathBuf,
    bytes_max: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Orders uses; the greater the later.
    uses: u64,
    used: HashMap<PathBuf, u64>,
    locks: HashMap<String, Weak<tokio::sync::Mutex<()>>>,
    temporary: u64,
    /// Artifacts whose content was read and compared, with the file's state then.
    verified: HashMap<String, (u64, SystemTime)>,
}

impl Cache {
    /// Opens or makes the directory and empties what was being written.
    ///
    /// # Errors
    /// The directory cannot be made or written.
    pub fn open(root: impl Into<PathBuf>, bytes_max: u64) -> Result<Self, Error> {
        let root = root.into();
        let shared = Shared { root, bytes_max, state: Mutex::default() };
        let tmp = shared.root.join("tmp");
        match fs::remove_dir_all(&tmp) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(&tmp)(e)),
            _ => {}
        }
        shared.make_directories()?;
        Ok(Self(Arc::new(shared)))
    }

    /// An artifact by its digest, such as a revision recorded it; `None` when the cache does not have it any more.
    ///
    /// # Errors
    /// It is there and damaged; it is removed, so that the next fetch brings it back.
    pub fn artifact(&self, digest: &str, revision: &str) -> Result<Option<Artifact>, Error> {
        self.0.artifact(digest, revision.to_owned())
    }

    /// Makes an artifact of one entry.
    pub(crate) fn store(&self, path: &str, mode: Mode, bytes: &[u8], url: &str) -> Result<Artifact, Error> {
        let temporary = self.0.temporary()?;
        let file = fs::File::create_new(&temporary).map_err(failed(&temporary))?;
        // Removed when it does not get its name.
        let mut written = Pack { file, path: temporary };
        let mut builder = Builder::new(io::BufWriter::new(written.file()), url);
        builder.add(path.to_owned(), mode, bytes)?;
        let digest = builder.finish().map_err(failed(&written.path))?;
        let artifact = self.0.publish(&written, &digest, String::new())?;
        self.0.evict(&[&artifact_path(&self.0.root, &digest)])?;
        Ok(artifact)
    }

    /// The place of one repository, held alone until the result is dropped. `content` is what decides which files of a
    /// commit are in its artifact.
    pub(crate) async fn repository(&self, key: &str, content: &str) -> Arc<Repository> {
        let lock = {
            let mut state = self.0.state();
            state.locks.retain(|_, lock| lock.strong_count() > 0);
            let known = state.locks.get(key).and_then(Weak::upgrade);
            let lock = known.unwrap_or_default();
            state.locks.insert(key.to_owned(), Arc::downgrade(&lock));
            lock
        };
        let guard = lock.lock_owned().await;
        let dir = self.0.root.join("git").join(key);
        self.0.touch(&dir);
        let content = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(content)[..8]);
        Arc::new(Repository { cache: self.clone(), dir, content, _guard: guard })
    }
}

/// Where the artifact of a digest is.
fn artifact_path(root: &Path, digest: &str) -> PathBuf {
    root.join("artifacts").join(digest.strip_prefix("sha256:").unwrap_or(digest))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Cache { path: path.clone(), source }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_directories(&self) -> Result<(), Error> {
        for name in ["artifacts", "git", "tmp"] {
            let path = self.root.join(name);
            fs::create_dir_all(&path).map_err(failed(&path))?;
        }
        Ok(())
    }

    fn touch(&self, path: &Path) {
        let mut state = self.state();
        state.uses += 1;
        let now = state.uses;
        state.used.insert(path.to_owned(), now);
    }

    fn temporary(&self) -> Result<PathBuf, Error> {
        self.make_directories()?;
        let mut state = self.state();
        state.temporary += 1;
        Ok(self.root.join("tmp").join(state.temporary.to_string()))
    }

    fn artifact(&self, digest: &str, revision: String) -> Result<Option<Artifact>, Error> {
        let name = digest.strip_prefix("sha256:").unwrap_or(digest);
        if name.len() != 64 || !name.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let path = self.root.join("artifacts").join(name);
        match Artifact::open(&path, digest, revision) {
            Ok(artifact) => {
                self.touch(&path);
                Ok(Some(artifact))
            }
            Err(Error::Cache { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                fs::remove_file(&path).map_err(failed(&path))?;
                Err(error)
            }
        }
    }

    /// Puts a written artifact in its place and opens it.
    fn publish(&self, written: &Pack, digest: &str, revision: String) -> Result<Artifact, Error> {
        let path = artifact_path(&self.root, digest);
        fs::rename(&written.path, &path).map_err(failed(&path))?;
        self.touch(&path);
        let artifact = Artifact::open(&path, digest, revision)?;
        self.note_verified(&artifact);
        Ok(artifact)
    }

    /// Is the content whole? It is read once, and again when the file has changed.
    fn verified(&self, artifact: &Artifact) -> bool {
        let Some(now) = artifact.state() else { return false };
        if self.state().verified.get(artifact.digest()) == Some(&now) {
            return true;
        }
        let whole = artifact.verify().is_ok();
        if whole {
            self.note_verified(artifact);
        }
        whole
    }

    fn note_verified(&self, artifact: &Artifact) {
        let Some(now) = artifact.state() else { return };
        let mut state = self.state();
        if state.verified.len() >= VERIFIED_MAX {
            state.verified.clear();
        }
        state.verified.insert(artifact.digest().to_owned(), now);
    }

    /// Removes what was used longest ago until the rest fits. `keep` stays.
    fn evict(&self, keep: &[&Path]) -> Result<(), Error> {
        let mut entries = Vec::new();
        for name in ["artifacts", "git"] {
            let dir = self.root.join(name);
            for entry in fs::read_dir(&dir).map_err(failed(&dir))?.flatten() {
                let path = entry.path();
                let (size, modified) = measure(&path);
                entries.push((path, size, modified));
            }
        }
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        if total <= self.bytes_max {
            return Ok(());
        }
        {
            let state = self.state();
            let last = |path: &Path| state.used.get(path).copied().unwrap_or(0);
            entries.sort_by(|a, b| (last(&a.0), a.2, &a.0).cmp(&(last(&b.0), b.2, &b.0)));
        }
        for (path, size, _) in entries {
            if total <= self.bytes_max {
                break;
            }
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            let busy = self.state().locks.get(&name).is_some_and(|lock| lock.strong_count() > 0);
            if busy || keep.contains(&path.as_path()) {
                continue;
            }
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                // Another fetch made room at the same time.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(failed(&path))?,
            }
            self.state().used.remove(&path);
            total -= size;
        }
        Ok(())
    }
}

fn measure(path: &Path) -> (u64, SystemTime) {
    let Ok(about) = fs::symlink_metadata(path) else { return (0, SystemTime::UNIX_EPOCH) };
    let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    if !about.is_dir() {
        return (about.len(), modified);
    }
    let inner = fs::read_dir(path).into_iter().flatten().flatten().map(|e| measure(&e.path()));
    inner.fold((0, modified), |sum, one| (sum.0 + one.0, sum.1.max(one.1)))
}

/// One repository's place in the cache. Nobody else has it at the same time.
pub(crate) struct Repository {
    cache: Cache,
    dir: PathBuf,
    content: String,
    _guard: tokio::sync::OwnedMutexGuard<()>,
}

impl Repository {
    /// Where git objects are.
    pub(crate) fn objects(&self) -> Result<PathBuf, Error> {
        let objects = self.dir.join("objects");
        let packs = objects.join("pack");
        fs::create_dir_all(&packs).map_err(failed(&packs))?;
        Ok(objects)
    }

    fn commit_file(&self, sha: &str) -> PathBuf {
        self.dir.join("commits").join(&self.content).join(sha)
    }

    /// The artifact of a commit that was fetched before, if it is still there and whole.
    pub(crate) fn artifact(&self, commit: &Commit) -> Result<Option<Artifact>, Error> {
        let Ok(text) = fs::read_to_string(self.commit_file(&commit.sha)) else { return Ok(None) };
        // For the id of a tag, the commit that it names comes second.
        let (digest, sha) = text.split_once(' ').unwrap_or((&text, &commit.sha));
        let commit = Commit { sha: sha.to_owned(), name: commit.name.clone() };
        match self.cache.0.artifact(digest, commit.revision()) {
            Ok(Some(artifact)) if self.cache.0.verified(&artifact) => Ok(Some(artifact)),
            // Damaged content is written again from the objects, or fetched.
            Ok(_) | Err(Error::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Commits whose objects are all here.
    pub(crate) fn tips(&self) -> Vec<String> {
        let packs = fs::read_dir(self.dir.join("objects/pack")).map_or(0, Iterator::count) / 2;
        let text = fs::read_to_string(self.dir.join("tips")).unwrap_or_default();
        let tips: Vec<String> = text.lines().filter(|l| l.len() == 40).map(str::to_owned).collect();
        if packs == 0 || packs > PACKS_MAX { Vec::new() } else { tips }
    }

    /// Forgets everything, so that the next fetch transfers everything.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        match fs::remove_dir_all(&self.dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(&self.dir)(e)),
            _ => Ok(()),
        }
    }

    /// A file for a pack that is being received.
    pub(crate) fn new_pack(&self) -> Result<Pack, Error> {
        if self.tips().is_empty() {
            self.clear()?;
        }
        let path = self.cache.0.temporary()?;
        let file = fs::File::create_new(&path).map_err(failed(&path))?;
        Ok(Pack { file, path })
    }

    /// A file for an artifact that is being written.
    pub(crate) fn new_artifact(&self) -> Result<Pack, Error> {
        let path = self.cache.0.temporary()?;
        let file = fs::File::create_new(&path).map_err(failed(&path))?;
        Ok(Pack { file, path })
    }

    /// Puts a written artifact in its place and opens it.
    pub(crate) fn publish(&self, written: Pack, digest: &str, commit: &Commit) -> Result<Artifact, Error> {
        self.cache.0.publish(&written, digest, commit.revision())
    }

    /// Records that a commit's objects are all here and which artifact it makes; then makes room. `asked` is the commit, or
    /// a tag that names it.
    pub(crate) fn remember(&self, asked: &str, commit: &Commit, artifact: &Artifact) -> Result<(), Error> {
        let file = self.commit_file(&commit.sha);
        let dir = file.parent().unwrap_or(&self.dir);
        fs::create_dir_all(dir).map_err(failed(dir))?;
        self.write(&file, artifact.digest())?;
        if asked != commit.sha {
            self.write(&self.commit_file(asked), &format!("{} {}", artifact.digest(), commit.sha))?;
        }
        self.remember_tip(&commit.sha)?;
        self.cache.0.evict(&[&self.dir, &artifact_path(&self.cache.0.root, artifact.digest())])
    }

    /// Records that a commit's objects are all here.
    pub(crate) fn remember_tip(&self, sha: &str) -> Result<(), Error> {
        let mut tips = self.tips();
        tips.retain(|tip| tip != sha);
        tips.push(sha.to_owned());
        let first = tips.len().saturating_sub(TIPS_MAX);
        self.write(&self.dir.join("tips"), &tips[first..].join("\n"))
    }

    /// Makes one artifact of parts that have no path in common. Nothing is published yet.
    pub(crate) fn join(&self, parts: &[Artifact], url: &str, stop: &AtomicBool) -> Result<(Pack, String), Error> {
        let mut file = self.new_artifact()?;
        let mut builder = Builder::new(io::BufWriter::new(file.file()), url);
        let files = parts.iter().flat_map(|part| part.files().iter().map(move |file| (part, file)));
        let mut files: Vec<(&Artifact, &ArtifactFile)> = files.collect();
        files.sort_by(|a, b| a.1.path.cmp(&b.1.path));
        if let Some(twice) = files.windows(2).find(|pair| pair[0].1.path == pair[1].1.path) {
            let why = format!("the path {:?} is there twice", twice[0].1.path);
            return Err(Error::BadObjects { url: url.to_owned(), why });
        }
        for (part, file) in files {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            builder.add(file.path.clone(), file.mode, &part.read(file)?)?;
        }
        for (path, why) in parts.iter().flat_map(Artifact::left_out) {
            builder.leave_out(path.clone(), why.to_string());
        }
        let digest = builder.finish().map_err(|e| self.failed(e))?;
        Ok((file, digest))
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        let temporary = self.cache.0.temporary()?;
        fs::write(&temporary, text).map_err(failed(&temporary))?;
        fs::rename(&temporary, path).map_err(failed(path))
    }

    /// An I/O error of this repository's directory.
    pub(crate) fn failed(&self, source: io::Error) -> Error {
        failed(&self.dir)(source)
    }
}

/// A temporary file that is removed when it is dropped and was not renamed.
pub(crate) struct Pack {
    file: fs::File,
    path: PathBuf,
}

impl Pack {
    /// The open file.
    pub(crate) fn file(&mut self) -> &mut fs::File {
        &mut self.file
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Pack {
    fn drop(&mut self) {
        // Renamed or already gone; what is left is emptied on the next open.
        let _ = fs::remove_file(&self.path);
    }
}

/// Digests of artifacts with their sizes, for `status` and tests.
impl Cache {
    /// Names and sizes of the artifacts in the cache.
    pub fn artifacts(&self) -> BTreeMap<String, u64> {
        let entries = fs::read_dir(self.0.root.join("artifacts")).into_iter().flatten().flatten();
        entries.filter_map(|e| Some((e.file_name().into_string().ok()?, e.metadata().ok()?.len()))).collect()
    }
}

//! An immutable tree of files, named by the digest of its content, in one file of the cache.
//!
//! Layout: the bytes of all files one after the other, the manifest, the manifest's length (8 bytes, little endian), and
//! [`MAGIC`]. The manifest has one line per entry in order of path: mode, SHA-256 of the content, its length, and the
//! path as a JSON string. Then it has one line, `left-out` and a JSON array of path and reason, per entry that ignore
//! patterns left out. The artifact's digest is the SHA-256 of the manifest, so it depends on paths, modes, bytes and what
//! was left out only, and each file can be read and verified alone.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use model::tree::{Entry, FileTree};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// Ends every artifact file; the digit is the version of the layout.
const MAGIC: &[u8; 8] = b"kuraart1";
/// Most bytes of all files of one artifact. The largest public fleet repositories hold less than a tenth of it in
/// manifests; it bounds what one tenant takes of the hub's disk.
pub const ARTIFACT_BYTES_MAX: u64 = 128 << 20;
/// Most files of one artifact: 50,000 manifests of 2.5 kB fill the byte limit.
pub const ARTIFACT_FILES_MAX: usize = 50_000;
/// Begins a line of the manifest that names what was left out.
const LEFT_OUT: &str = "left-out ";
/// What a pointer of Git LFS begins with (the specification of Git LFS).
const LFS_VERSION: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// A pointer has less bytes than this (as above).
const LFS_POINTER_BYTES: u64 = 1024;
/// Deepest path. Linux' PATH_MAX of 4,096 bytes allows more; real trees stay below 20.
pub const PATH_DEPTH_MAX: usize = 64;

/// What kind of entry a line of the manifest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; its content is the target.
    Link,
    /// A submodule; it has no content.
    Submodule,
}

impl Mode {
    fn text(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Submodule => "160000",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::File, Self::Executable, Self::Link, Self::Submodule].into_iter().find(|m| m.text() == text)
    }
}

/// One entry of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactFile {
    /// Path from the root.
    pub path: String,
    /// Kind of entry.
    pub mode: Mode,
    /// Content length in bytes.
    pub size: u64,
    sha256: [u8; 32],
    offset: u64,
}

/// An artifact. Cheap to clone. It keeps its file open, so it stays readable when the cache evicts it.
#[derive(Clone, Debug)]
pub struct Artifact {
    digest: String,
    revision: String,
    size: u64,
    files: Arc<Vec<ArtifactFile>>,
    left_out: Arc<LeftOut>,
    file: Arc<File>,
    path: Arc<Path>,
}

impl Artifact {
    /// `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What was fetched, in Flux' form: `main@sha1:3f2c…`.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Every entry, in order of path.
    pub fn files(&self) -> &[ArtifactFile] {
        &self.files
    }

    /// Paths of git submodules, whose files are not part of the artifact.
    pub fn submodules(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter(|f| f.mode == Mode::Submodule).map(|f| f.path.as_str())
    }

    /// What ignore patterns left out, with what is said of it.
    pub(crate) fn left_out(&self) -> &[(String, Arc<str>)] {
        &self.left_out
    }

    /// All paths, with the bytes of the files below one directory (empty for all). Reads the disk.
    ///
    /// # Errors
    /// A file of the cache is damaged; the artifact is then removed from the cache, so that it is fetched again.
    pub fn tree(&self, below: &str) -> Result<FileTree, Error> {
        let mut tree = self.names()?;
        self.load(&mut tree, below)?;
        Ok(tree)
    }

    /// All paths, without the bytes of any file. Reads the disk for links.
    ///
    /// # Errors
    /// As [`tree`](Self::tree).
    pub fn names(&self) -> Result<FileTree, Error> {
        let mut tree = FileTree::new();
        for file in self.files.iter() {
            let entry = match file.mode {
                Mode::Submodule => Entry::Submodule,
                Mode::Link => Entry::Link(String::from_utf8_lossy(&self.read(file)?).into_owned()),
                Mode::File | Mode::Executable => Entry::Known,
            };
            tree.insert(file.path.clone(), entry);
        }
        for (path, why) in self.left_out.iter() {
            tree.insert_left_out(path.clone(), why.clone());
        }
        Ok(tree)
    }

    /// Loads the bytes of the files below another directory, after a renderer asked for them
    /// ([`model::tree::TreeError::NotLoaded`]). Reads the disk.
    ///
    /// # Errors
    /// As [`tree`](Self::tree).
    pub fn load(&self, tree: &mut FileTree, below: &str) -> Result<(), Error> {
        let below = model::tree::normalize("", below)?;
        // The path may go through a link; what is not there is for the reader of the tree to report.
        let below = tree.node(&below).map_or(below, |(found, _)| found);
        let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
        for file in self.files.iter().filter(|f| matches!(f.mode, Mode::File | Mode::Executable)) {
            // A renderer may ask for a directory and then for one around it: each file is read once.
            if (file.path.starts_with(&prefix) || file.path == below) && !tree.is_loaded(&file.path) {
                let bytes = self.read(file)?;
                match is_lfs_pointer(&bytes) {
                    true => tree.insert(file.path.clone(), Entry::LfsPointer),
                    false => tree.insert_file(file.path.clone(), bytes),
                }
            }
        }
        Ok(())
    }

    /// The bytes of one file, compared with their digest.
    pub(crate) fn read(&self, file: &ArtifactFile) -> Result<Vec<u8>, Error> {
        let damaged = |why: String| Error::Damaged { digest: self.digest.clone(), why };
        let length = usize::try_from(file.size).map_err(|_| damaged(format!("{} is too long", file.path)))?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, file.offset).map_err(|e| damaged(format!("{}: {e}", file.path)))?;
        if Sha256::digest(&bytes)[..] != file.sha256 {
            // Taken out of the cache, so that the next lookup of the digest finds nothing and fetches it again.
            // What cannot be removed is found damaged again.
            let _ = std::fs::remove_file(&self.path);
            return Err(damaged(format!("{} has other bytes than were fetched", file.path)));
        }
        Ok(bytes)
    }

    /// Length and time of change of the artifact's file, to see whether it changed.
    pub(crate) fn state(&self) -> Option<(u64, std::time::SystemTime)> {
        let about = self.file.metadata().ok()?;
        Some((about.len(), about.modified().ok()?))
    }

    /// Reads every file once and compares its digest.
    pub(crate) fn verify(&self) -> Result<(), Error> {
        self.files.iter().try_for_each(|file| self.read(file).map(drop))
    }

    /// Opens an artifact file and verifies its manifest; contents are verified when they are read.
    pub(crate) fn open(path: &Path, digest: &str, revision: String) -> Result<Self, Error> {
        let damaged = |why: &str| Error::Damaged { digest: digest.to_owned(), why: why.to_owned() };
        let failed = |source: io::Error| Error::Cache { path: path.display().to_string(), source };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let trailer_at = length.checked_sub(16).ok_or_else(|| damaged("it is too short"))?;
        let mut trailer = [0; 16];
        file.read_exact_at(&mut trailer, trailer_at).map_err(failed)?;
        let (size, magic) = trailer.split_at(8);
        let manifest_size = u64::from_le_bytes(size.try_into().unwrap_or_default());
        let manifest_at = trailer_at.checked_sub(manifest_size).filter(|_| magic == MAGIC);
        let manifest_at = manifest_at.ok_or_else(|| damaged("it has no manifest"))?;
        let manifest_length = usize::try_from(manifest_size).map_err(|_| damaged("its manifest is too long"))?;
        let mut manifest = vec![0; manifest_length];
        file.read_exact_at(&mut manifest, manifest_at).map_err(failed)?;
        if format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&manifest))) != digest {
            return Err(damaged("its manifest has another digest"));
        }
        let parsed = parse(&manifest, manifest_at).ok_or_else(|| damaged("its manifest is malformed"))?;
        let (files, left_out) = (Arc::new(parsed.0), Arc::new(parsed.1));
        let (file, path) = (Arc::new(file), Arc::from(path));
        Ok(Self { digest: digest.to_owned(), revision, size: manifest_at, files, left_out, file, path })
    }
}

/// Is it what Git LFS leaves in a repository in place of a file?
fn is_lfs_pointer(bytes: &[u8]) -> bool {
    let (begins, small) = (bytes.starts_with(LFS_VERSION), (bytes.len() as u64) < LFS_POINTER_BYTES);
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    begins && small && text.contains("\noid sha256:") && text.contains("\nsize ")
}

type LeftOut = Vec<(String, Arc<str>)>;

fn parse(manifest: &[u8], end: u64) -> Option<(Vec<ArtifactFile>, LeftOut)> {
    let mut offset = 0_u64;
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    for line in std::str::from_utf8(manifest).ok()?.lines() {
        if let Some(line) = line.strip_prefix(LEFT_OUT) {
            let (path, why): (String, String) = serde_json::from_str(line).ok()?;
            left_out.push((path, Arc::from(why)));
            continue;
        }
        let mut parts = line.splitn(4, ' ');
        let mode = Mode::parse(parts.next()?)?;
        let sha256 = HEXLOWER.decode(parts.next()?.as_bytes()).ok()?.try_into().ok()?;
        let size = parts.next()?.parse().ok()?;
        let path = serde_json::from_str(parts.next()?).ok()?;
        files.push(ArtifactFile { path, mode, size, sha256, offset });
        offset = offset.checked_add(size)?;
    }
    (offset == end).then_some((files, left_out))
}

/// An artifact being written. Entries come in any order of path that is the same each time.
pub(crate) struct Builder<W> {
    out: W,
    lines: Vec<(String, Mode, [u8; 32], u64)>,
    left_out: Vec<(String, String)>,
    /// Bytes of all files, with those of the parts before it.
    size: u64,
    url: String,
}

impl<W: Write> Builder<W> {
    pub(crate) fn new(out: W, url: &str) -> Self {
        Self::after(0, out, url)
    }

    /// A part of an artifact, of which other parts have this many bytes already.
    pub(crate) fn after(size: u64, out: W, url: &str) -> Self {
        Self { out, lines: Vec::new(), left_out: Vec::new(), size, url: url.to_owned() }
    }

    /// Bytes of all files so far, with those of the parts before it.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds an entry; paths must come in ascending byte order, as the manifest has them.
    pub(crate) fn add(&mut self, path: String, mode: Mode, bytes: &[u8]) -> Result<(), Error> {
        let too_large = |what: &str, limit: u64| Error::TooLarge { url: self.url.clone(), what: what.into(), limit };
        self.size += bytes.len() as u64;
        if self.size > ARTIFACT_BYTES_MAX {
            return Err(too_large("the size of all files, in bytes,", ARTIFACT_BYTES_MAX));
        }
        if self.lines.len() >= ARTIFACT_FILES_MAX {
            return Err(too_large("the number of files", ARTIFACT_FILES_MAX as u64));
        }
        if path.split('/').count() > PATH_DEPTH_MAX {
            return Err(too_large(&format!("the depth of {path}"), PATH_DEPTH_MAX as u64));
        }
        if mode == Mode::Link {
            model::tree::check_link(&path, bytes.len())?;
        }
        self.out.write_all(bytes).map_err(|e| Error::Cache { path: "artifacts".into(), source: e })?;
        self.lines.push((path, mode, Sha256::digest(bytes).into(), bytes.len() as u64));
        Ok(())
    }

    /// Says that an entry was left out, and why.
    pub(crate) fn leave_out(&mut self, path: String, why: String) {
        self.left_out.push((path, why));
    }

    /// Ends the file and returns the digest.
    pub(crate) fn finish(mut self) -> io::Result<String> {
        let mut manifest = String::new();
        for (path, mode, sha256, size) in &self.lines {
            let path = serde_json::to_string(path).map_err(io::Error::other)?;
            manifest.push_str(&format!("{} {} {size} {path}\n", mode.text(), HEXLOWER.encode(sha256)));
        }
        for left_out in &self.left_out {
            let left_out = serde_json::to_string(left_out).map_err(io::Error::other)?;
            manifest.push_str(&format!("{LEFT_OUT}{left_out}\n"));
        }
        self.out.write_all(manifest.as_bytes())?;
        self.out.write_all(&(manifest.len() as u64).to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()?;
        Ok(format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(manifest.as_bytes()))))
    }
}

//! Git objects of one repository in the cache: packs are added, trees of commits become artifacts.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gix_hash::ObjectId;
use gix_object::tree::EntryKind;
use gix_object::{CommitRefIter, Find, Kind, TagRefIter, TreeRefIter};
use model::limit::{NAME_BYTES_MAX, PATH_BYTES_MAX, cut};

use super::reference::Commit;
use crate::artifact::{ARTIFACT_BYTES_MAX, ARTIFACT_FILES_MAX, Artifact, Builder, Mode, PATH_DEPTH_MAX};
use crate::cache::{Pack, Repository};
use crate::error::Error;
use crate::ignore::{self, Ignore, Work};

/// Most bytes of one pack: compressed, it is smaller than the artifact it makes, unless an artifact leaves out most of
/// the repository.
pub(super) const PACK_BYTES_MAX: u64 = 2 * ARTIFACT_BYTES_MAX;
/// Most directories of one commit. Each real one leads to a file; trees that only hold each other can name more paths than
/// there are atoms, in a few objects.
const DIRECTORIES_MAX: usize = ARTIFACT_FILES_MAX;
/// Most bytes of all paths of one artifact, which are kept in memory with it: 50,000 paths of 335 bytes.
const PATHS_BYTES_MAX: usize = 16 << 20;
/// Most bytes of all tree objects of one commit. A name takes about 50 bytes: these are the files of the largest artifact,
/// and ten times as many that are left out. The names of a directory are kept in memory while those below it are read.
const TREES_BYTES_MAX: usize = 32 << 20;
/// Longest chain of tags that name each other; git makes chains of one.
const TAGS_MAX: usize = 5;
/// Most bytes of what is said of entries that are left out: some 1,500 of them. It only makes errors clearer.
const LEFT_OUT_BYTES_MAX: usize = 256 << 10;
const HASH: gix_hash::Kind = gix_hash::Kind::Sha1;

/// The objects of one repository.
pub(super) struct Objects {
    repository: Arc<Repository>,
    path: PathBuf,
    url: String,
}

impl Objects {
    pub(super) fn open(repository: &Arc<Repository>, url: String) -> Result<Self, Error> {
        Ok(Self { path: repository.objects()?, repository: repository.clone(), url })
    }

    fn bad(&self, why: impl std::fmt::Display) -> Error {
        Error::BadObjects { url: self.url.clone(), why: why.to_string() }
    }

    fn database(&self) -> Result<gix_odb::Handle, Error> {
        gix_odb::at(&self.path, HASH).map_err(|e| self.repository.failed(e))
    }

    /// Indexes a received pack, completing it with objects that are here already.
    pub(super) fn add_pack(&self, pack: Pack, stop: &AtomicBool) -> Result<(), Error> {
        // Made again: the repository may have been cleared when the pack began.
        let directory = self.repository.objects()?.join("pack");
        let mut input = BufReader::new(File::open(pack.path()).map_err(|e| self.repository.failed(e))?);
        let options = gix_pack::bundle::write::Options {
            // The fetch is one of many on a small machine.
            thread_limit: Some(1),
            alloc_limit_bytes: usize::try_from(ARTIFACT_BYTES_MAX).ok(),
            ..Default::default()
        };
        let outcome = gix_pack::Bundle::write_to_directory(
            &mut input,
            Some(&directory),
            &mut gix_utils::progress::Discard,
            stop,
            Some(self.database()?),
            HASH,
            options,
        );
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        if let Some(keep) = outcome.map_err(|e| self.bad(e))?.keep_path {
            std::fs::remove_file(keep).map_err(|e| self.repository.failed(e))?;
        }
        Ok(())
    }

    /// The commit that an object is, or that it names as an annotated tag.
    pub(super) fn peel(&self, id: &str) -> Result<String, Error> {
        let database = self.database()?;
        let mut at = ObjectId::from_hex(id.as_bytes()).map_err(|e| self.bad(e))?;
        let mut buffer = Vec::new();
        for _ in 0..=TAGS_MAX {
            match self.read_any(&database, at, &mut buffer)? {
                Kind::Commit => return Ok(at.to_string()),
                Kind::Tag => at = TagRefIter::from_bytes(&buffer, HASH).target_id().map_err(|e| self.bad(e))?,
                kind => {
                    let (url, id, kind) = (self.url.clone(), id.to_owned(), kind.to_string());
                    return Err(Error::NotACommit { url, id, kind });
                }
            }
        }
        let kind = format!("chain of more than {TAGS_MAX} tags");
        Err(Error::NotACommit { url: self.url.clone(), id: id.to_owned(), kind })
    }

    /// Writes the tree of a commit as an artifact.
    pub(super) fn artifact(&self, commit: &Commit, ignore: &Ignore, stop: &AtomicBool) -> Result<Artifact, Error> {
        let database = self.database()?;
        let id = ObjectId::from_hex(commit.sha.as_bytes()).map_err(|e| self.bad(e))?;
        let mut buffer = Vec::new();
        self.read(&database, id, Kind::Commit, &mut buffer)?;
        let root = CommitRefIter::from_bytes(&buffer, HASH).tree_id().map_err(|e| self.bad(e))?;
        let mut file = self.repository.new_artifact()?;
        let mut builder = Builder::new(BufWriter::new(file.file()), &self.url);
        let mut walk = Walk {
            objects: self,
            database: &database,
            layers: vec![],
            ignore,
            work: Work::new(&self.url, stop),
            directories: 0,
            trees_bytes: 0,
            paths_bytes: 0,
            entries: Vec::new(),
            left_out: Vec::new(),
            left_out_bytes: 0,
        };
        walk.tree(root, "")?;
        let (mut entries, left_out) = (walk.entries, walk.left_out);
        // Git sorts a directory as if its name ended with a slash; the manifest is in plain order of paths.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for window in entries.windows(2) {
            if window[0].0 == window[1].0 {
                return Err(self.bad(format!("the path {:?} is there twice", window[0].0)));
            }
        }
        for (path, mode, id) in entries {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            buffer.clear();
            if mode != Mode::Submodule {
                self.read(&database, id, Kind::Blob, &mut buffer)?;
            }
            builder.add(path, mode, &buffer)?;
        }
        for (path, why) in left_out {
            builder.leave_out(path, why);
        }
        let digest = builder.finish().map_err(|e| self.repository.failed(e))?;
        self.repository.publish(file, &digest, commit)
    }

    /// Reads one object of a kind and compares its name with its content.
    fn read(&self, database: &gix_odb::Handle, id: ObjectId, kind: Kind, buffer: &mut Vec<u8>) -> Result<(), Error> {
        match self.read_any(database, id, buffer)? {
            found if found == kind => Ok(()),
            other => Err(self.bad(format!("object {id} is a {other}, not a {kind}"))),
        }
    }

    /// Reads one object of any kind and compares its name with its content.
    fn read_any(&self, database: &gix_odb::Handle, id: ObjectId, buffer: &mut Vec<u8>) -> Result<Kind, Error> {
        let found = database.try_find(&id, buffer).map_err(|e| self.bad(e))?;
        let found = found.ok_or_else(|| self.bad(format!("object {id} is missing")))?;
        found.verify_checksum(&id).map_err(|e| self.bad(e))?;
        let kind = found.kind;
        // The data may be a part of the buffer that does not begin at its start.
        let data = found.data.to_vec();
        *buffer = data;
        Ok(kind)
    }
}

/// A walk over the trees of one commit.
struct Walk<'a> {
    objects: &'a Objects,
    database: &'a gix_odb::Handle,
    /// `.sourceignore` files on the way, outermost first, each with its directory and a slash; the root is empty.
    layers: Vec<(String, Ignore)>,
    /// The source's own patterns.
    ignore: &'a Ignore,
    work: Work<'a>,
    directories: usize,
    trees_bytes: usize,
    paths_bytes: usize,
    entries: Vec<(String, Mode, ObjectId)>,
    /// What patterns left out, with what is said of it: the first of it, as far as there is room.
    left_out: Vec<(String, String)>,
    left_out_bytes: usize,
}

impl Walk<'_> {
    /// Collects the entries below one tree.
    fn tree(&mut self, id: ObjectId, dir: &str) -> Result<(), Error> {
        if dir.split('/').count() > PATH_DEPTH_MAX {
            return Err(self.too_large(format!("the depth of {dir}"), PATH_DEPTH_MAX));
        }
        self.directories += 1;
        if self.directories > DIRECTORIES_MAX {
            return Err(self.too_large("the number of directories".into(), DIRECTORIES_MAX));
        }
        let mut buffer = Vec::new();
        self.objects.read(self.database, id, Kind::Tree, &mut buffer)?;
        self.trees_bytes += buffer.len();
        if self.trees_bytes > TREES_BYTES_MAX {
            return Err(self.too_large("the size of all directories, in bytes,".into(), TREES_BYTES_MAX));
        }
        self.work.spend(buffer.len())?;
        let mut found = Vec::new();
        for entry in TreeRefIter::from_bytes(&buffer, HASH) {
            let entry = entry.map_err(|e| self.objects.bad(e))?;
            if entry.filename.len() > NAME_BYTES_MAX {
                let name = cut(&String::from_utf8_lossy(entry.filename));
                return Err(
                    self.too_large(format!("the length of the name {name:?} in {dir:?}, in bytes,"), NAME_BYTES_MAX)
                );
            }
            let name = String::from_utf8_lossy(entry.filename).into_owned();
            if name.is_empty() || name == "." || name == ".." || name.contains('/') {
                return Err(self.objects.bad(format!("{dir}/{name:?} is not a name that a file can have")));
            }
            found.push((name, entry.mode.kind(), entry.oid.to_owned()));
        }
        let patterns = found.iter().find(|(name, kind, _)| name == ignore::FILE && *kind == EntryKind::Blob);
        if let Some((_, _, id)) = patterns {
            self.objects.read(self.database, *id, Kind::Blob, &mut buffer)?;
            let patterns = Ignore::parse(&String::from_utf8_lossy(&buffer), &model::tree::join(dir, ignore::FILE))?;
            self.work.spend(buffer.len())?;
            let below = if dir.is_empty() { String::new() } else { format!("{dir}/") };
            self.layers.push((below, patterns));
        }
        // The directories below may be many and deep.
        drop(buffer);
        let layers = self.layers.len();
        for (name, kind, id) in found {
            let path = model::tree::join(dir, &name);
            if path.len() > PATH_BYTES_MAX {
                let what = format!("the length of the path {:?}, in bytes,", cut(&path));
                return Err(self.too_large(what, PATH_BYTES_MAX));
            }
            if let Some(why) = self.excludes(&path, kind == EntryKind::Tree)? {
                self.left_out_bytes += path.len() + why.len();
                if self.left_out_bytes <= LEFT_OUT_BYTES_MAX {
                    self.left_out.push((path, why));
                }
                continue;
            }
            let mode = match kind {
                EntryKind::Tree => {
                    self.tree(id, &path)?;
                    self.layers.truncate(layers);
                    continue;
                }
                EntryKind::Blob => Mode::File,
                EntryKind::BlobExecutable => Mode::Executable,
                EntryKind::Link => Mode::Link,
                EntryKind::Commit => Mode::Submodule,
            };
            if self.entries.len() >= ARTIFACT_FILES_MAX {
                return Err(self.too_large("the number of files".into(), ARTIFACT_FILES_MAX));
            }
            self.paths_bytes += path.len();
            if self.paths_bytes > PATHS_BYTES_MAX {
                return Err(self.too_large("the length of all paths, in bytes,".into(), PATHS_BYTES_MAX));
            }
            self.entries.push((path, mode, id));
        }
        Ok(())
    }

    /// The source's patterns decide first, then the nearest `.sourceignore`, then those above it, then the defaults. What is
    /// said of an entry that is left out; `None` for one that is not.
    fn excludes(&mut self, path: &str, directory: bool) -> Result<Option<String>, Error> {
        let work = &mut self.work;
        let field = "spec.source.gitRepository.ignore";
        if let Some(hit) = self.ignore.decide(path, directory, work)? {
            let says = || format!("by the pattern {:?} of {field}; change it there", cut(hit.pattern));
            return Ok(hit.excludes.then(says));
        }
        for (dir, ignore) in self.layers.iter().rev() {
            let Some(below) = path.strip_prefix(dir.as_str()) else { continue };
            if let Some(hit) = ignore.decide(below, directory, work)? {
                let pattern = cut(hit.pattern);
                let says = || format!("by the pattern {pattern:?} of {dir}{}; change it there", ignore::FILE);
                return Ok(hit.excludes.then(says));
            }
        }
        let hit = ignore::defaults().decide(path, directory, work)?;
        let says = |hit: ignore::Hit<'_>| {
            format!("by the default pattern {:?}; add {:?} to {field}", hit.pattern, format!("!{}", hit.pattern))
        };
        Ok(hit.filter(|hit| hit.excludes).map(says))
    }

    fn too_large(&self, what: String, limit: usize) -> Error {
        Error::TooLarge { url: self.objects.url.clone(), what, limit: limit as u64 }
    }
}

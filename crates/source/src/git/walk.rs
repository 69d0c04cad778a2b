//! A walk over the trees of one commit: what of it belongs to an artifact.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use gix_hash::ObjectId;
use gix_object::tree::EntryKind;
use gix_object::{Kind, TreeRefIter};
use model::limit::{NAME_BYTES_MAX, PATH_BYTES_MAX, cut};

use super::objects::{HASH, Objects};
use super::submodule::{self, Declared};
use crate::artifact::{ARTIFACT_FILES_MAX, Mode, PATH_DEPTH_MAX};
use crate::error::Error;
use crate::ignore::{self, Ignore, STEPS_MAX, Work};

/// Most directories of one commit. Each real one leads to a file; trees that only hold each other can name more paths than
/// there are atoms, in a few objects.
const DIRECTORIES_MAX: usize = ARTIFACT_FILES_MAX;
/// Most bytes of all paths of one artifact, which are kept in memory with it: 50,000 paths of 335 bytes.
const PATHS_BYTES_MAX: usize = 16 << 20;
/// Most bytes of all tree objects of one commit. A name takes about 50 bytes: these are the files of the largest artifact,
/// and ten times as many that are left out. The names of a directory are kept in memory while those below it are read.
const TREES_BYTES_MAX: usize = 32 << 20;
/// Most bytes of what is said of entries that are left out: some 1,500 of them. It only makes errors clearer.
const LEFT_OUT_BYTES_MAX: usize = 256 << 10;

/// `.sourceignore` files on the way, outermost first, each with its directory and a slash; the root is empty.
pub(super) type Layers = Vec<(String, Arc<Ignore>)>;

/// What is wanted of a commit.
pub(super) struct Request<'a> {
    /// Where its tree is in the artifact; empty for the root.
    pub(super) dir: &'a str,
    /// The patterns of the directories around it.
    pub(super) layers: Layers,
    /// The source's own patterns.
    pub(super) ignore: &'a Ignore,
    /// Submodules are named, to be fetched; otherwise they stay entries without content.
    pub(super) follow: bool,
    pub(super) stop: &'a AtomicBool,
}

/// What was found.
pub(super) struct Found {
    /// In order of path.
    pub(super) entries: Vec<(String, Mode, ObjectId)>,
    /// What patterns left out, with what is said of it: the first of it, as far as there is room.
    pub(super) left_out: Vec<(String, String)>,
    pub(super) submodules: Vec<Submodule>,
    pub(super) totals: Totals,
}

/// A submodule that is to be fetched.
pub(super) struct Submodule {
    /// Where its tree is in the artifact.
    pub(super) path: String,
    /// As `.gitmodules` says it.
    pub(super) url: String,
    pub(super) commit: String,
    pub(super) layers: Layers,
}

/// How much one artifact has taken so far, over all its repositories.
#[derive(Clone, Copy)]
pub(super) struct Totals {
    /// Bytes of packs.
    pub(super) pack_bytes: u64,
    /// Bytes of files: the parts are on the disk together before they are one artifact.
    pub(super) content_bytes: u64,
    directories: usize,
    trees_bytes: usize,
    paths_bytes: usize,
    files: usize,
    left_out_bytes: usize,
    steps_left: u64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            pack_bytes: 0,
            content_bytes: 0,
            directories: 0,
            trees_bytes: 0,
            paths_bytes: 0,
            files: 0,
            left_out_bytes: 0,
            steps_left: STEPS_MAX,
        }
    }
}

/// Collects what belongs to an artifact.
pub(super) fn walk(
    objects: &Objects,
    database: &gix_odb::Handle,
    root: ObjectId,
    request: &Request<'_>,
    totals: Totals,
) -> Result<Found, Error> {
    let mut walk = Walk {
        objects,
        database,
        request,
        layers: request.layers.clone(),
        work: Work::new(&objects.url, request.stop, totals.steps_left),
        totals,
        declared: Vec::new(),
        entries: Vec::new(),
        left_out: Vec::new(),
        submodules: Vec::new(),
    };
    walk.tree(root, request.dir)?;
    let Walk { mut entries, left_out, submodules, mut totals, work, .. } = walk;
    totals.steps_left = work.left();
    // Git sorts a directory as if its name ended with a slash; the manifest is in plain order of paths.
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for window in entries.windows(2) {
        if window[0].0 == window[1].0 {
            return Err(objects.bad(format!("the path {:?} is there twice", window[0].0)));
        }
    }
    Ok(Found { entries, left_out, submodules, totals })
}

struct Walk<'a> {
    objects: &'a Objects,
    database: &'a gix_odb::Handle,
    request: &'a Request<'a>,
    layers: Layers,
    work: Work<'a>,
    totals: Totals,
    /// What `.gitmodules` says, when submodules are followed.
    declared: Vec<Declared>,
    entries: Vec<(String, Mode, ObjectId)>,
    left_out: Vec<(String, String)>,
    submodules: Vec<Submodule>,
}

impl Walk<'_> {
    /// Collects the entries below one tree.
    fn tree(&mut self, id: ObjectId, dir: &str) -> Result<(), Error> {
        if dir.split('/').count() > PATH_DEPTH_MAX {
            return Err(self.too_large(format!("the depth of {dir}"), PATH_DEPTH_MAX));
        }
        self.totals.directories += 1;
        if self.totals.directories > DIRECTORIES_MAX {
            return Err(self.too_large("the number of directories".into(), DIRECTORIES_MAX));
        }
        let mut buffer = Vec::new();
        self.objects.read(self.database, id, Kind::Tree, &mut buffer)?;
        self.totals.trees_bytes += buffer.len();
        if self.totals.trees_bytes > TREES_BYTES_MAX {
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
            self.layers.push((below, Arc::new(patterns)));
        }
        if self.request.follow && dir == self.request.dir {
            let file = found.iter().find(|(name, kind, _)| name == submodule::FILE && *kind == EntryKind::Blob);
            if let Some((_, _, id)) = file {
                self.objects.read(self.database, *id, Kind::Blob, &mut buffer)?;
                self.work.spend(buffer.len())?;
                self.declared = submodule::parse(&String::from_utf8_lossy(&buffer), &self.objects.url)?;
            }
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
            if let Some(why) = self.excludes(&path, matches!(kind, EntryKind::Tree | EntryKind::Commit))? {
                self.totals.left_out_bytes += path.len() + why.len();
                if self.totals.left_out_bytes <= LEFT_OUT_BYTES_MAX {
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
                EntryKind::Commit => {
                    if let Some(url) = self.declared_url(&path) {
                        let (commit, layers) = (id.to_string(), self.layers.clone());
                        self.submodules.push(Submodule { path, url, commit, layers });
                        continue;
                    }
                    Mode::Submodule
                }
            };
            self.totals.files += 1;
            if self.totals.files > ARTIFACT_FILES_MAX {
                return Err(self.too_large("the number of files".into(), ARTIFACT_FILES_MAX));
            }
            self.totals.paths_bytes += path.len();
            if self.totals.paths_bytes > PATHS_BYTES_MAX {
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
        if let Some(hit) = self.request.ignore.decide(path, directory, work)? {
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

    /// Where a submodule is fetched from, when it is followed.
    fn declared_url(&self, path: &str) -> Option<String> {
        let dir = self.request.dir;
        let below = if dir.is_empty() { path } else { path.strip_prefix(dir)?.strip_prefix('/')? };
        self.declared.iter().find(|declared| declared.path == below).map(|declared| declared.url.clone())
    }

    fn too_large(&self, what: String, limit: usize) -> Error {
        Error::TooLarge { url: self.objects.url.clone(), what, limit: limit as u64 }
    }
}

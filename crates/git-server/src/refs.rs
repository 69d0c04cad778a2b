//! A repository's references, read from its files (`gitrepository-layout`): `HEAD`, `refs/`, `packed-refs`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gix_object::Find;

/// Deepest chain of symbolic references, as git.
const SYMREFS_MAX: usize = 5;
/// Tags whose commit is remembered, so that a poll reads no object.
const PEELED_MAX: usize = 10_000;

/// What `ls-refs` was asked.
#[derive(Default)]
pub(super) struct Query {
    /// Say what annotated tags name in the end.
    pub(super) peel: bool,
    /// Say what symbolic references name.
    pub(super) symrefs: bool,
    /// Only references that begin with one of these; empty for all.
    pub(super) prefixes: Vec<String>,
}

/// The references of one repository.
pub(super) struct Refs {
    git_dir: PathBuf,
    peeled: Mutex<HashMap<String, Option<String>>>,
}

impl Refs {
    /// Finds the repository's files.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let inner = dir.join(".git");
        let git_dir = if inner.is_dir() { inner } else { dir.to_owned() };
        if !git_dir.join("HEAD").is_file() || !git_dir.join("objects").is_dir() {
            let why = format!("{} is not a git repository; run `git init` there", dir.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        if git_dir.join("reftable").is_dir() {
            let why = format!("{} keeps its references in reftable format, which is not served", dir.display());
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        Ok(Self { git_dir, peeled: Mutex::default() })
    }

    /// Where `git` finds the repository.
    pub(super) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The lines that answer `ls-refs`, `HEAD` first, then by name.
    pub(super) fn list(&self, query: &Query) -> io::Result<Vec<String>> {
        let wanted =
            |name: &str| query.prefixes.is_empty() || query.prefixes.iter().any(|p| name.starts_with(p.as_str()));
        let packed = self.packed()?;
        let mut names: BTreeMap<String, Option<String>> =
            packed.keys().filter(|n| wanted(n)).map(|n| (n.clone(), None)).collect();
        self.loose("refs", &|dir| may_hold(dir, &query.prefixes), &mut |name| {
            if wanted(&name) {
                names.insert(name, None);
            }
        })?;
        let mut lines = Vec::new();
        let head = wanted("HEAD").then(|| "HEAD".to_owned());
        for name in head.into_iter().chain(names.into_keys()) {
            let Some((oid, target)) = self.follow(&name, &packed)? else { continue };
            let mut line = format!("{oid} {name}");
            if let Some(target) = target.filter(|_| query.symrefs) {
                line.push_str(&format!(" symref-target:{target}"));
            }
            if query.peel && name.starts_with("refs/tags/") {
                let known = packed.get(&name).filter(|p| p.oid == oid).and_then(|p| p.peeled.clone());
                if let Some(peeled) = known.or_else(|| self.peel(&oid)) {
                    line.push_str(&format!(" peeled:{peeled}"));
                }
            }
            lines.push(line);
        }
        Ok(lines)
    }

    /// The object that a reference names, and its first target when it is symbolic. `None` for an unborn branch.
    fn follow(&self, name: &str, packed: &BTreeMap<String, Packed>) -> io::Result<Option<(String, Option<String>)>> {
        let (mut at, mut first) = (name.to_owned(), None);
        for _ in 0..SYMREFS_MAX {
            let text = match fs::read_to_string(self.git_dir.join(&at)) {
                Ok(text) => text,
                // A directory stands where a packed reference once had a file.
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory
                    ) =>
                {
                    return Ok(packed.get(&at).map(|p| (p.oid.clone(), first)));
                }
                Err(e) => return Err(e),
            };
            let text = text.trim_end();
            let Some(target) = text.strip_prefix("ref: ") else {
                return Ok(is_oid(text).then(|| (text.to_owned(), first)));
            };
            let safe = target.starts_with("refs/") && !target.split('/').any(|part| part == "..");
            if !safe {
                return Ok(None);
            }
            first.get_or_insert_with(|| target.to_owned());
            target.clone_into(&mut at);
        }
        Ok(None)
    }

    fn loose(&self, dir: &str, enter: &dyn Fn(&str) -> bool, found: &mut dyn FnMut(String)) -> io::Result<()> {
        let entries = match fs::read_dir(self.git_dir.join(dir)) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{dir}/{name}");
            if entry.file_type()?.is_dir() {
                if enter(&path) {
                    self.loose(&path, enter, found)?;
                }
            } else if !name.ends_with(".lock") {
                found(path);
            }
        }
        Ok(())
    }

    fn packed(&self) -> io::Result<BTreeMap<String, Packed>> {
        let text = match fs::read_to_string(self.git_dir.join("packed-refs")) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(e) => return Err(e),
        };
        let mut refs: BTreeMap<String, Packed> = BTreeMap::new();
        let mut last = None;
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            match line.strip_prefix('^') {
                Some(peeled) => {
                    if let Some(packed) = last.as_ref().and_then(|name: &String| refs.get_mut(name)) {
                        packed.peeled = Some(peeled.to_owned());
                    }
                }
                None => {
                    let Some((oid, name)) = line.split_once(' ').filter(|(oid, _)| is_oid(oid)) else { continue };
                    refs.insert(name.to_owned(), Packed { oid: oid.to_owned(), peeled: None });
                    last = Some(name.to_owned());
                }
            }
        }
        Ok(refs)
    }

    /// What an annotated tag names in the end; `None` when the object is not a tag.
    fn peel(&self, oid: &str) -> Option<String> {
        let mut cache = self.peeled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache.get(oid) {
            return known.clone();
        }
        let peeled = self.peel_object(oid)?;
        let peeled = (peeled != oid).then_some(peeled);
        if cache.len() >= PEELED_MAX {
            cache.clear();
        }
        cache.insert(oid.to_owned(), peeled.clone());
        peeled
    }

    fn peel_object(&self, oid: &str) -> Option<String> {
        let database = gix_odb::at(self.git_dir.join("objects"), gix_hash::Kind::Sha1).ok()?;
        let mut at = gix_hash::ObjectId::from_hex(oid.as_bytes()).ok()?;
        let mut buffer = Vec::new();
        for _ in 0..SYMREFS_MAX {
            let object = database.try_find(&at, &mut buffer).ok()??;
            match object.try_into_tag_iter() {
                None => return Some(at.to_string()),
                Some(tag) => at = tag.target_id().ok()?,
            }
        }
        None
    }
}

struct Packed {
    oid: String,
    peeled: Option<String>,
}

/// May a directory hold a reference that begins with one of the prefixes?
fn may_hold(dir: &str, prefixes: &[String]) -> bool {
    let dir = format!("{dir}/");
    prefixes.is_empty() || prefixes.iter().any(|p| p.starts_with(&dir) || dir.starts_with(p.as_str()))
}

fn is_oid(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|c| c.is_ascii_hexdigit())
}

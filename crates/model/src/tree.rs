//! A tree of files as a value: what a source hands to a renderer. Some files may be known by name only; reading one of
//! those is an error that says what to load. Symbolic links are resolved inside the tree and nowhere else.
//!
//! Everything that looks at a path counts its work. One look takes at most what the limits of paths and links allow; a
//! caller that looks often takes the count from a budget of its own ([`FileTree::node_and_work`]).
//!
//! It is no vocabulary of Kubernetes. It is in this crate because `source` fills it, `render` reads it, and this crate is
//! what both have in common (ADR 15).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::limit::PATH_BYTES_MAX;
use crate::words::cut;

/// Most symbolic links followed on the way to one file; Linux allows 40.
const LINKS_MAX: usize = 40;

/// Work of going one part further on a path, beside the bytes of the path so far: two lookups in the map of entries.
const PART_BYTES: usize = 64;

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file with its bytes.
    File(Arc<[u8]>),
    /// A file whose bytes are not loaded.
    Known,
    /// A file that stands for another one: a pointer of Git LFS, whose content lies elsewhere.
    LfsPointer,
    /// A symbolic link and its target, relative to the directory that holds it.
    Link(String),
    /// A git submodule, whose files are not part of the tree.
    Submodule,
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// What a directory holds under a name. Links are not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A git submodule.
    Submodule,
}

/// Why a path of a tree cannot be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    /// Nothing has this path.
    #[error("{path}: no such file or directory in the source; check the path against the repository")]
    NotFound {
        /// Path from the root of the tree.
        path: String,
    },
    /// A directory stands where a file is wanted, or the other way round.
    #[error("{path} is not a {wanted}")]
    WrongNode {
        /// Path from the root of the tree.
        path: String,
        /// `file` or `directory`.
        wanted: &'static str,
    },
    /// The path, or a link on the way, leaves the tree.
    #[error("{path} leaves the source tree; only files of the same source can be used")]
    Escapes {
        /// The path as written.
        path: String,
    },
    /// Links that lead to each other, or too many of them.
    #[error("{path}: too many symbolic links")]
    LinkLoop {
        /// The path that was to be read.
        path: String,
    },
    /// A path that no file can have.
    #[error("{path}: the path has {length} bytes; a path has at most {PATH_BYTES_MAX}")]
    TooLong {
        /// The beginning of the path as written.
        path: String,
        /// Its length in bytes.
        length: usize,
    },
    /// A link with a target that no file can have.
    #[error("{path}: the target of this symbolic link has {length} bytes; a path has at most {PATH_BYTES_MAX}")]
    LinkTooLong {
        /// Path of the link, or its beginning.
        path: String,
        /// Length of the target in bytes.
        length: usize,
    },
    /// The path is in a submodule.
    #[error(
        "{path} is a git submodule, whose files are not fetched; set spec.source.gitRepository.recurseSubmodules, name it in \
         .gitmodules if it is not there, or use its repository as a source"
    )]
    Submodule {
        /// Path of the submodule.
        path: String,
    },
    /// The path was left out when the tree was made.
    #[error("{path} is in the repository and left out of its artifact: {why}")]
    LeftOut {
        /// The path, or a directory above it.
        path: String,
        /// What left it out, and what to do.
        why: Arc<str>,
    },
    /// The file is a pointer of Git LFS.
    #[error(
        "{path} is a Git LFS pointer: its content is not in the repository and is not fetched; commit the file itself \
         (`git lfs untrack` it first), or do not use it"
    )]
    LfsPointer {
        /// Path from the root of the tree.
        path: String,
    },
    /// The file exists and its bytes are not loaded. Load what is below this path, then read again.
    #[error("{path} is not loaded")]
    NotLoaded {
        /// Path of the directory to load; empty for the root.
        path: String,
    },
}

/// Files by path. Paths are relative to the root, separated by `/`, without `.` and `..`. Cheap to clone per file: bytes
/// are shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTree {
    entries: BTreeMap<String, Entry>,
    /// What was left out, and why. None of it is an entry: it is not listed, and makes no directory.
    left_out: BTreeMap<String, Arc<str>>,
}

impl FileTree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces an entry. The path is taken as it is: relative, without `.` and `..`.
    pub fn insert(&mut self, path: impl Into<String>, entry: Entry) {
        self.entries.insert(path.into(), entry);
    }

    /// Adds or replaces a file.
    pub fn insert_file(&mut self, path: impl Into<String>, bytes: impl Into<Arc<[u8]>>) {
        self.insert(path, Entry::File(bytes.into()));
    }

    /// Remembers that a file or directory was left out, so that who looks for it is told why.
    pub fn insert_left_out(&mut self, path: impl Into<String>, why: impl Into<Arc<str>>) {
        self.left_out.insert(path.into(), why.into());
    }

    /// Every path with its entry, sorted by path.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// Whether the bytes of the file at this path, which is taken as it is, are here, as far as there are any.
    pub fn is_loaded(&self, path: &str) -> bool {
        matches!(self.entries.get(path), Some(Entry::File(_) | Entry::LfsPointer))
    }

    /// What a path names after links are followed.
    ///
    /// # Errors
    /// The path is not there, too long, leaves the tree or is in a submodule.
    pub fn node(&self, path: &str) -> Result<(String, Node), TreeError> {
        self.node_and_work(path).0
    }

    /// [`node`](Self::node), and about how many bytes were looked at for it.
    ///
    /// # Errors
    /// As [`node`](Self::node); a path with an error is work too.
    pub fn node_and_work(&self, path: &str) -> (Result<(String, Node), TreeError>, usize) {
        let (found, work) = self.resolve(path);
        let node = |found: String| match self.entries.get(&found) {
            Some(Entry::File(_) | Entry::LfsPointer | Entry::Known) => (found, Node::File),
            _ => (found, Node::Directory),
        };
        (found.map(node), work)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// As [`node`](Self::node), and when it is a directory or not loaded.
    pub fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.read_and_work(path).0
    }

    /// [`read`](Self::read), and about how many bytes were looked at to find the file. Its own bytes are shared, so they
    /// do not count.
    ///
    /// # Errors
    /// As [`read`](Self::read); a path with an error is work too.
    pub fn read_and_work(&self, path: &str) -> (Result<Arc<[u8]>, TreeError>, usize) {
        let (found, work) = self.resolve(path);
        let bytes = found.and_then(|found| match self.entries.get(&found) {
            Some(Entry::File(bytes)) => Ok(bytes.clone()),
            Some(Entry::Known) => Err(TreeError::NotLoaded { path: parent(&found).to_owned() }),
            Some(Entry::LfsPointer) => Err(TreeError::LfsPointer { path: found }),
            _ => Err(TreeError::WrongNode { path: path.to_owned(), wanted: "file" }),
        });
        (bytes, work)
    }

    /// The names in a directory with what they are, sorted by name, and about how many bytes were looked at. Links are
    /// not followed: a directory may have very many of them, and the caller may need none.
    ///
    /// # Errors
    /// As [`node`](Self::node), and when it is a file. An error is work too.
    pub fn list_and_work(&self, path: &str) -> (Result<Vec<(String, Listed)>, TreeError>, usize) {
        let (node, mut work) = self.node_and_work(path);
        let found = match node {
            Ok((found, Node::Directory)) => found,
            Ok((_, Node::File)) => {
                return (Err(TreeError::WrongNode { path: path.to_owned(), wanted: "directory" }), work);
            }
            Err(error) => return (Err(error), work),
        };
        let prefix = if found.is_empty() { found } else { found + "/" };
        let mut names: Vec<(String, Listed)> = Vec::new();
        let mut from = Bound::Included(prefix.clone());
        while let Some((below, entry)) = self.entries.range::<String, _>((from, Bound::Unbounded)).next() {
            let Some(rest) = below.strip_prefix(&prefix) else { break };
            work += PART_BYTES + below.len();
            let (name, listed) = match (rest.split_once('/'), entry) {
                (Some((name, _)), _) => (name, Listed::Directory),
                (None, Entry::File(_) | Entry::LfsPointer | Entry::Known) => (rest, Listed::File),
                (None, Entry::Link(_)) => (rest, Listed::Link),
                (None, Entry::Submodule) => (rest, Listed::Submodule),
            };
            from = match listed {
                // On to what is after this directory: `0` comes right after `/`.
                Listed::Directory => Bound::Included(format!("{prefix}{name}0")),
                _ => Bound::Excluded(below.clone()),
            };
            names.push((name.to_owned(), listed));
        }
        // `a-b` comes before `a/b` among paths, and after `a` among names.
        names.sort_by(|a, b| a.0.cmp(&b.0));
        (Ok(names), work)
    }

    fn is_directory(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        let next = self.entries.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded)).next();
        next.is_some_and(|(path, _)| path.starts_with(&prefix))
    }

    /// Follows links on every part of a path. Also returns the work, an error being work too.
    ///
    /// What is kept are parts of the path and of at most [`LINKS_MAX`] targets, and where they are now; targets and paths
    /// are at most [`PATH_BYTES_MAX`] bytes, so this takes little memory whatever the tree holds.
    fn resolve(&self, path: &str) -> (Result<String, TreeError>, usize) {
        let mut work = 0;
        let found = self.follow(path, &mut work);
        (found, work)
    }

    fn follow(&self, path: &str, work: &mut usize) -> Result<String, TreeError> {
        *work += path.len().min(PATH_BYTES_MAX);
        // Parts still to go, the next one last; parts behind; and the path that these make.
        let mut todo = parts(Vec::new(), path)?;
        todo.reverse();
        let mut done: Vec<&str> = Vec::new();
        let mut here = String::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if !here.is_empty() {
                here.push('/');
            }
            here.push_str(part);
            *work += PART_BYTES + here.len();
            match self.entries.get(&here) {
                Some(Entry::Link(target)) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(TreeError::LinkLoop { path: path.to_owned() });
                    }
                    check_link(&here, target.len())?;
                    *work += target.len();
                    let escapes = || TreeError::Escapes { path: format!("{here} -> {target}") };
                    if target.starts_with('/') {
                        return Err(escapes());
                    }
                    let target = parts(std::mem::take(&mut done), target).map_err(|_| escapes())?;
                    todo.extend(target.into_iter().rev());
                    here.clear();
                }
                Some(Entry::Submodule) => return Err(TreeError::Submodule { path: here }),
                Some(Entry::File(_) | Entry::LfsPointer | Entry::Known) if !todo.is_empty() => {
                    return Err(TreeError::WrongNode { path: here, wanted: "directory" });
                }
                None if !self.is_directory(&here) => {
                    let left_out = self.find_left_out(here, &todo, work);
                    return Err(left_out.unwrap_or_else(|| TreeError::NotFound { path: path.to_owned() }));
                }
                Some(_) | None => done.push(part),
            }
        }
        Ok(here)
    }

    /// What was left out on the way from `here` through the parts that are still to go, the next one last. Directories of
    /// which everything was left out are not there.
    fn find_left_out(&self, mut here: String, todo: &[&str], work: &mut usize) -> Option<TreeError> {
        if self.left_out.is_empty() {
            return None;
        }
        for part in todo.iter().rev().map(Some).chain([None]) {
            *work += PART_BYTES + here.len();
            if let Some(why) = self.left_out.get(&here) {
                return Some(TreeError::LeftOut { path: here, why: why.clone() });
            }
            here.push('/');
            here.push_str(part?);
        }
        None
    }
}

/// Refuses the target of a link that no file system could hold, as Linux does.
///
/// # Errors
/// The target is longer than any path.
pub fn check_link(path: &str, length: usize) -> Result<(), TreeError> {
    if length > PATH_BYTES_MAX {
        return Err(TreeError::LinkTooLong { path: cut(path), length });
    }
    Ok(())
}

/// The directory of a path; empty for the root.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// A name below a directory.
pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// A path as written in a directory, from the root of the tree, without `.`, `..` and empty parts. A leading `/` or `./`
/// in the root directory means the root.
///
/// # Errors
/// The path leaves the tree, or is too long.
pub fn normalize(dir: &str, path: &str) -> Result<String, TreeError> {
    Ok(parts(dir.split('/').filter(|p| !p.is_empty()).collect(), path)?.join("/"))
}

/// The parts of a path as written in the directory that `parts` name.
fn parts<'a>(mut parts: Vec<&'a str>, path: &'a str) -> Result<Vec<&'a str>, TreeError> {
    if path.len() > PATH_BYTES_MAX {
        return Err(TreeError::TooLong { path: cut(path), length: path.len() });
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| TreeError::Escapes { path: path.to_owned() })?;
            }
            _ => parts.push(part),
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests;

//! A tree of files as a value: what a source hands to a renderer. Some files may be known by name only; reading one of
//! those is an error that says what to load. Symbolic links are resolved inside the tree and nowhere else.
//!
//! It is no vocabulary of Kubernetes. It is in this crate because `source` fills it, `render` reads it, and this crate is
//! what both have in common (ADR 15).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Most symbolic links followed on the way to one file; Linux allows 40.
const LINKS_MAX: usize = 40;

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file with its bytes.
    File(Arc<[u8]>),
    /// A file whose bytes are not loaded.
    Known,
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
    /// The path is in a submodule.
    #[error(
        "{path} is in a git submodule, whose files are not fetched; copy the files or use their repository as a source"
    )]
    Submodule {
        /// Path of the submodule.
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

    /// Every path with its entry, sorted by path.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// What a path names after links are followed.
    ///
    /// # Errors
    /// The path is not there, leaves the tree or is in a submodule.
    pub fn node(&self, path: &str) -> Result<(String, Node), TreeError> {
        let found = self.resolve(path)?;
        let node = if matches!(self.entries.get(&found), Some(Entry::File(_) | Entry::Known)) {
            Node::File
        } else {
            Node::Directory
        };
        Ok((found, node))
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// As [`node`](Self::node), and when it is a directory or not loaded.
    pub fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let found = self.resolve(path)?;
        match self.entries.get(&found) {
            Some(Entry::File(bytes)) => Ok(bytes.clone()),
            Some(Entry::Known) => Err(TreeError::NotLoaded { path: parent(&found).to_owned() }),
            _ => Err(TreeError::WrongNode { path: path.to_owned(), wanted: "file" }),
        }
    }

    /// The names in a directory with what they are, sorted by name. Links are followed; links that lead nowhere and
    /// submodules are left out.
    ///
    /// # Errors
    /// As [`node`](Self::node), and when it is a file.
    pub fn list(&self, path: &str) -> Result<Vec<(String, Node)>, TreeError> {
        let (found, node) = self.node(path)?;
        if node == Node::File {
            return Err(TreeError::WrongNode { path: path.to_owned(), wanted: "directory" });
        }
        let mut names: Vec<String> = Vec::new();
        for (below, _) in self.below(&found) {
            let rest = if found.is_empty() { below } else { &below[found.len() + 1..] };
            let name = rest.split('/').next().unwrap_or(rest);
            if names.last().is_none_or(|last| last != name) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        names.dedup();
        Ok(names.into_iter().filter_map(|name| Some((name.clone(), self.node(&join(&found, &name)).ok()?.1))).collect())
    }

    fn below<'a>(&'a self, dir: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let range = (Bound::Included(prefix.clone()), Bound::Unbounded);
        self.entries
            .range::<String, _>(range)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, entry)| (path.as_str(), entry))
    }

    /// Follows links on every component of a path.
    fn resolve(&self, path: &str) -> Result<String, TreeError> {
        let mut todo: Vec<String> = normalize("", path)?.split('/').rev().map(str::to_owned).collect();
        let mut done = String::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part.is_empty() {
                continue;
            }
            let here = join(&done, &part);
            match self.entries.get(&here) {
                Some(Entry::Link(target)) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(TreeError::LinkLoop { path: path.to_owned() });
                    }
                    if target.starts_with('/') {
                        return Err(TreeError::Escapes { path: format!("{here} -> {target}") });
                    }
                    let target = normalize(&done, target)
                        .map_err(|_| TreeError::Escapes { path: format!("{here} -> {target}") })?;
                    todo.extend(target.split('/').rev().map(str::to_owned));
                    done.clear();
                }
                Some(Entry::Submodule) => return Err(TreeError::Submodule { path: here }),
                Some(Entry::File(_) | Entry::Known) if todo.iter().any(|p| !p.is_empty()) => {
                    return Err(TreeError::WrongNode { path: here, wanted: "directory" });
                }
                Some(_) => done = here,
                None if self.below(&here).next().is_some() => done = here,
                None => return Err(TreeError::NotFound { path: path.to_owned() }),
            }
        }
        Ok(done)
    }
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
/// The path leaves the tree.
pub fn normalize(dir: &str, path: &str) -> Result<String, TreeError> {
    let mut parts: Vec<&str> = dir.split('/').filter(|p| !p.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| TreeError::Escapes { path: path.to_owned() })?;
            }
            _ => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests;

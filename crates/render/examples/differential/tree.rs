//! Trees of files: in a text file, or on disk.
//!
//! In a text file a line `== name ==` begins a tree, and a line `-- path --` begins a file of it; the directory `app` is
//! built. A last line `\` ends a file without a line feed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::tree::FileTree;

/// A tree, and the directory of it that is built.
pub(crate) struct Tree {
    pub(crate) name: String,
    pub(crate) files: Files,
    pub(crate) dir: String,
}

/// Where the files are.
pub(crate) enum Files {
    /// Paths and contents.
    Here(Vec<(String, String)>),
    /// Below a directory on disk, and what was read of it.
    Disk(PathBuf, Arc<FileTree>),
}

/// The trees of this crate.
pub(crate) fn own() -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut paths: Vec<PathBuf> = ["tree", "remote"]
        .iter()
        .flat_map(|dir| std::fs::read_dir(tests.join(dir)).expect("the trees lie beside the tests").flatten())
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

/// The trees at a path.
pub(crate) fn read(path: &Path) -> Vec<Tree> {
    if path.is_dir() {
        let mut dirs = Vec::new();
        kustomizations(path, String::new(), &mut dirs);
        dirs.sort();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut whole = FileTree::new();
        load(path, String::new(), &mut whole);
        let whole = Arc::new(whole);
        let files = || Files::Disk(path.to_owned(), Arc::clone(&whole));
        let tree = |dir: String| Tree { name: format!("{name}/{dir}"), files: files(), dir };
        return dirs.into_iter().map(tree).collect();
    }
    parse(&std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn parse(text: &str) -> Vec<Tree> {
    let mut trees: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in text.lines() {
        let header = |mark: &str| line.strip_prefix(mark)?.strip_suffix(mark).map(|name| name.trim().to_owned());
        if let Some(name) = header("==") {
            trees.push((name, Vec::new()));
            continue;
        }
        let Some((_, files)) = trees.last_mut() else { continue };
        if let Some(path) = line.strip_prefix("-- ").and_then(|line| line.strip_suffix(" --")) {
            files.push((path.to_owned(), String::new()));
        } else if let Some((_, content)) = files.last_mut() {
            if line == "\\" {
                content.pop();
            } else {
                content.push_str(line);
                content.push('\n');
            }
        }
    }
    let tree =
        |(name, files): (String, Vec<(String, String)>)| Tree { name, files: Files::Here(files), dir: "app".into() };
    trees.into_iter().map(tree).collect()
}

const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

fn kustomizations(root: &Path, below: String, found: &mut Vec<String>) {
    let here = root.join(&below);
    if KUSTOMIZATION_FILES.iter().any(|name| here.join(name).is_file()) {
        found.push(below.clone());
    }
    for entry in std::fs::read_dir(here).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && name != ".git" {
            let inner = if below.is_empty() { name } else { format!("{below}/{name}") };
            kustomizations(root, inner, found);
        }
    }
}

impl Tree {
    /// The tree as a value.
    pub(crate) fn value(&self) -> Arc<FileTree> {
        match &self.files {
            Files::Here(files) => {
                let mut tree = FileTree::new();
                files.iter().for_each(|(path, text)| tree.insert_file(path.clone(), text.clone().into_bytes()));
                Arc::new(tree)
            }
            Files::Disk(_, whole) => Arc::clone(whole),
        }
    }

    /// The tree on disk; what is written for it is below `scratch`.
    pub(crate) fn on_disk(&self, scratch: &Path) -> PathBuf {
        match &self.files {
            Files::Disk(root, _) => root.clone(),
            Files::Here(files) => {
                for (path, text) in files {
                    let path = scratch.join(path);
                    let dir = path.parent().expect("it is below the scratch directory");
                    std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&path, text)).expect("the disk has room");
                }
                scratch.to_owned()
            }
        }
    }
}

fn load(root: &Path, below: String, tree: &mut FileTree) {
    for entry in std::fs::read_dir(root.join(&below)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !path.ends_with(".git") => load(root, path, tree),
            Ok(kind) if kind.is_symlink() => {
                if let Ok(target) = std::fs::read_link(entry.path()) {
                    tree.insert(path, model::tree::Entry::Link(target.to_string_lossy().into_owned()));
                }
            }
            Ok(kind) if kind.is_file() => {
                if let Ok(bytes) = std::fs::read(entry.path()) {
                    tree.insert_file(path, bytes);
                }
            }
            _ => {}
        }
    }
}

//! `cargo xtask tidy`: the habits that a compiler does not see. Each rule names the document that explains it.

mod client;
mod function;
mod link;
mod manifest;
mod pure;
mod riddle;
mod source;
mod version;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A file of the clone.
struct File {
    /// Relative to the root.
    path: PathBuf,
    text: String,
}

impl File {
    /// The file's name without folders.
    fn name(&self) -> &str {
        self.path.file_name().and_then(|n| n.to_str()).unwrap_or_default()
    }

    fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|e| e == "rs")
    }

    /// Does it hold tests, by where it lies?
    fn is_test(&self) -> bool {
        self.name() == "tests.rs" || self.path.components().any(|c| c.as_os_str() == "tests")
    }

    /// Its lines, numbered from one.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.split('\n').enumerate().map(|(i, l)| (i + 1, l))
    }
}

/// A breach: a line (0 for the whole file) and what to do about it.
type Breach = (usize, String);

/// A rule: its name, the document that explains it, and the check of one file.
struct Rule {
    name: &'static str,
    why: &'static str,
    check: fn(&File) -> Vec<Breach>,
}

/// Every rule.
const RULES: &[Rule] = &[
    Rule { name: "length", why: "CONTRIBUTING.md#size", check: source::length },
    Rule { name: "words", why: "CONTRIBUTING.md#unfinished-work", check: source::words },
    Rule { name: "sleep", why: "CONTRIBUTING.md#tests", check: source::sleep },
    Rule { name: "print", why: "CONTRIBUTING.md#code", check: source::print },
    Rule { name: "header", why: "CONTRIBUTING.md#code", check: source::header },
    Rule { name: "name", why: "CONTRIBUTING.md#code", check: source::name },
    Rule { name: "whitespace", why: "CONTRIBUTING.md#size", check: source::whitespace },
    Rule { name: "manifest", why: "CONTRIBUTING.md#crates", check: manifest::check },
    Rule { name: "pure", why: "CONTRIBUTING.md#crates", check: pure::check },
    Rule { name: "client", why: "CONTRIBUTING.md#code", check: client::check },
    Rule { name: "function", why: "CONTRIBUTING.md#code", check: function::check },
    Rule { name: "link", why: "CONTRIBUTING.md#documents", check: link::check },
];

/// Files above this size are data, not something that a person wrote by line.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Checks every file that git knows and lists every breach.
pub(crate) fn run(_: &[String]) -> Result<()> {
    let mut breaches = 0;
    let mut files = 0;
    let mut riddles = Vec::new();
    for path in workspace::files()? {
        let whole = workspace::root().join(&path);
        if !is_checked(&path) || whole.metadata().is_ok_and(|m| m.len() > FILE_BYTES_MAX) {
            continue;
        }
        let text = std::fs::read_to_string(&whole).with_context(|| format!("reading {}", path.display()))?;
        let file = File { path, text };
        files += 1;
        riddles.extend(riddle::lines(&file).into_iter().map(|found| (file.path.clone(), found)));
        for rule in RULES {
            for (line, message) in (rule.check)(&file) {
                breaches += 1;
                eprintln!("{}:{line}: {message} ({}: {})", file.path.display(), rule.name, rule.why);
            }
        }
    }
    if riddles.len() > riddle::RIDDLES_MAX {
        breaches += 1;
        for (path, (line, word)) in &riddles {
            eprintln!("{}:{line}: \"{word}\"", path.display());
        }
        let (found, most) = (riddles.len(), riddle::RIDDLES_MAX);
        eprintln!("{found} riddles, at most {most}: say who does what (riddle: CONTRIBUTING.md#code)");
    }
    for (table, row) in version::rewritten()? {
        breaches += 1;
        eprintln!("{table}: {row} (version: docs/adr/0015-render-reads-inputs.md)");
    }
    if breaches > 0 {
        bail!("{breaches} breaches");
    }
    let (found, most) = (riddles.len(), riddle::RIDDLES_MAX);
    eprintln!("tidy: {files} files keep {} rules; {found} riddles are left, at most {most}", RULES.len());
    Ok(())
}

/// Only what people write: sources, manifests and documents; not goldens, nor what Go wrote.
fn is_checked(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "rs" || e == "toml" || e == "md")
}

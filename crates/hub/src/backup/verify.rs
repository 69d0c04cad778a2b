//! A look at every byte of a hub that does not run, that runs, or that is in a backup.

use std::path::Path;

use serde_json::Value;
use store::disk::copy::{LogCheck, LogCopy};

use super::census::Census;
use super::read::{Found, read_backup};
use super::{Error, FOLDER};

pub use super::census::{Counted, Sentences};

/// What was found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The hub's id; empty when it has none.
    pub hub: String,
    /// The newest revision.
    pub revision: u64,
    /// Files of the store.
    pub segments: usize,
    /// Bytes of these.
    pub bytes: u64,
    /// When a backup was made, and by which version of the program.
    pub taken: Option<(String, String)>,
    /// What the store holds.
    pub counted: Counted,
}

/// Verifies the hub in `dir`, the directory of an instance. It may run meanwhile: what is verified is its state at one
/// revision. Changes nothing.
///
/// # Errors
/// See [`Error`]: a checksum that is wrong is one. What can be read and is wrong is in [`Counted::problems`].
pub fn verify_directory(dir: &Path) -> Result<Verdict, Error> {
    let hub = dir.join(FOLDER);
    let missing = |what: &str| Error::NoHub { dir: dir.to_path_buf(), what: what.to_owned() };
    let store = hub.join("store");
    if !store.is_dir() {
        return Err(missing("it has no store"));
    }
    let copy = LogCopy::open(&store)?;
    let (mut census, mut check, mut id) = (Census::default(), LogCheck::default(), super::make::HubIdFound::default());
    for piece in copy.pieces() {
        check.read_segment(&store.join(piece.name()), piece.length(), &mut piece.reader(), &mut |record| {
            id.note_record(&record);
            census.take_record(&record);
        })?;
    }
    let mut counted = census.count();
    let keys = hub.join("keys/hub.json");
    check_keys(std::fs::read(&keys).ok().as_deref(), &mut counted);
    let bytes = copy.pieces().iter().map(store::disk::copy::Piece::length).sum();
    let hub = id.id.unwrap_or_default();
    Ok(Verdict { hub, revision: check.revision().0, segments: copy.pieces().len(), bytes, taken: None, counted })
}

/// Verifies a backup.
///
/// # Errors
/// As [`verify_directory`].
pub fn verify_backup(file: &Path) -> Result<Verdict, Error> {
    let (mut census, mut keys) = (Census::default(), None);
    let manifest = read_backup(file, &mut |found| match found {
        Found::File(name, content) if name.ends_with("keys/hub.json") => keys = Some(content.to_vec()),
        Found::File(..) => {}
        Found::Record(record) => census.take_record(&record),
    })?;
    let mut counted = census.count();
    check_keys(keys.as_deref(), &mut counted);
    let segments: Vec<u64> = manifest.parts.iter().filter(|p| p.name.contains("/store/")).map(|p| p.bytes).collect();
    Ok(Verdict {
        hub: manifest.hub,
        revision: manifest.revision,
        segments: segments.len(),
        bytes: segments.iter().sum(),
        taken: Some((manifest.taken, manifest.version)),
        counted,
    })
}

/// Certificates and keys that the hub signs with: without them nobody who knows it would know it again.
fn check_keys(content: Option<&[u8]>, counted: &mut Counted) {
    let Some(content) = content else {
        counted.problems.add(|| "hub/keys/hub.json is not there: clients and tokens would not be known".to_owned());
        return;
    };
    let pairs: Value = serde_json::from_slice(content).unwrap_or_default();
    for name in ["ca", "token"] {
        if pairs[name]["key"].as_str().is_none() || pairs[name]["certificate"].as_str().is_none() {
            counted.problems.add(|| format!("hub/keys/hub.json holds no pair {name:?}"));
        }
    }
}

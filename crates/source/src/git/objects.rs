//! Git objects of one repository in the cache: packs are added, trees of commits become artifacts or parts of one.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gix_hash::ObjectId;
use gix_object::{CommitRefIter, Find, Kind, TagRefIter};

use super::walk::{self, Request, Submodule, Totals};
use crate::artifact::{ARTIFACT_BYTES_MAX, Builder, Mode};
use crate::cache::{Pack, Repository};
use crate::error::Error;

/// Most bytes of the packs of one artifact: compressed, they are smaller than the artifact they make, unless it leaves out
/// most of its repositories.
pub(super) const PACK_BYTES_MAX: u64 = 2 * ARTIFACT_BYTES_MAX;
/// Longest chain of tags that name each other; git makes chains of one.
const TAGS_MAX: usize = 5;
pub(super) const HASH: gix_hash::Kind = gix_hash::Kind::Sha1;

/// What a repository makes of an artifact, or the whole of it.
pub(super) struct Part {
    /// In the form of an artifact.
    pub(super) file: Pack,
    pub(super) digest: String,
    /// What is missing, when submodules are followed.
    pub(super) submodules: Vec<Submodule>,
    pub(super) totals: Totals,
}

/// The objects of one repository.
pub(super) struct Objects {
    repository: Arc<Repository>,
    path: PathBuf,
    pub(super) url: String,
}

impl Objects {
    pub(super) fn open(repository: &Arc<Repository>, url: String) -> Result<Self, Error> {
        Ok(Self { path: repository.objects()?, repository: repository.clone(), url })
    }

    /// What was fetched is not what it should be.
    pub(super) fn bad(&self, why: impl std::fmt::Display) -> Error {
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

    /// Writes the tree of a commit as an artifact that is not published yet. `commit` is the commit itself.
    pub(super) fn part(&self, commit: &str, request: &Request<'_>, totals: Totals) -> Result<Part, Error> {
        let database = self.database()?;
        let id = ObjectId::from_hex(commit.as_bytes()).map_err(|e| self.bad(e))?;
        let mut buffer = Vec::new();
        self.read(&database, id, Kind::Commit, &mut buffer)?;
        let root = CommitRefIter::from_bytes(&buffer, HASH).tree_id().map_err(|e| self.bad(e))?;
        let found = walk::walk(self, &database, root, request, totals)?;
        let mut file = self.repository.new_artifact()?;
        let mut builder = Builder::after(found.totals.content_bytes, BufWriter::new(file.file()), &self.url);
        for (path, mode, id) in found.entries {
            if request.stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            buffer.clear();
            if mode != Mode::Submodule {
                self.read(&database, id, Kind::Blob, &mut buffer)?;
            }
            builder.add(path, mode, &buffer)?;
        }
        for (path, why) in found.left_out {
            builder.leave_out(path, why);
        }
        let mut totals = found.totals;
        totals.content_bytes = builder.size();
        let digest = builder.finish().map_err(|e| self.repository.failed(e))?;
        Ok(Part { file, digest, submodules: found.submodules, totals })
    }

    /// Reads one object of a kind and compares its name with its content.
    pub(super) fn read(
        &self,
        database: &gix_odb::Handle,
        id: ObjectId,
        kind: Kind,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
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

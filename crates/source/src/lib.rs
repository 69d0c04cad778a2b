//! Fetches sources into immutable artifacts: git over HTTP and ssh, verified, cached by digest; and single files over HTTP.
//!
//! [`GitSource::resolve`] asks what a reference means now and is cheap enough to be called every second;
//! [`GitSource::fetch`] brings the tree of a commit into the [`Cache`]; [`Artifact::tree`] is what a renderer reads.
//!
//! Absent: a git server. The one of the demo and of tests is the crate `git-server`, which shares [`packet`] with this one.

mod artifact;
mod cache;
mod error;
mod file;
mod git;
mod ignore;

pub use artifact::{ARTIFACT_BYTES_MAX, ARTIFACT_FILES_MAX, Artifact, ArtifactFile, Mode, PATH_DEPTH_MAX};
pub use cache::{CACHE_BYTES_DEFAULT, Cache};
pub use error::{Class, Error};
pub use file::{FILE_BYTES_MAX, FileSource};
pub use git::{
    Commit, Credentials, GitReference, GitSource, GitSpec, Http, SshCredentials, TIMEOUT_DEFAULT, TIMEOUT_MAX, packet,
};

//! Fetches sources into immutable artifacts: git over HTTP, verified, cached by digest.
//!
//! [`GitSource::resolve`] asks what a reference means now and is cheap enough to be called every second;
//! [`GitSource::fetch`] brings the tree of a commit into the [`Cache`]; [`Artifact::tree`] is what a renderer reads.
//! [`serve`] is a small read-only git server for the demo and for tests.

mod artifact;
mod cache;
mod error;
mod git;
mod ignore;
pub mod serve;

pub use artifact::{ARTIFACT_BYTES_MAX, ARTIFACT_FILES_MAX, Artifact, ArtifactFile, Mode, PATH_DEPTH_MAX};
pub use cache::{CACHE_BYTES_DEFAULT, Cache};
pub use error::{Class, Error};
pub use git::{Commit, Credentials, GitReference, GitSource, GitSpec, Http, TIMEOUT_DEFAULT, TIMEOUT_MAX};

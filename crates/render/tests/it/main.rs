//! Whole directories: against what `kubectl kustomize` makes of them, and what only we do.

mod amplify;
mod archive;
mod bomb;
mod errors;
mod oracle;
mod policy;
mod property;
mod remote;
mod version;

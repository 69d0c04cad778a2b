//! Limits that several crates share.

/// Largest request body and stored object, in bytes. Kubernetes' etcd limit is 1.5 MiB for the stored form and 3 MiB
/// for request bodies; one number serves both here.
pub const OBJECT_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Deepest nesting of a YAML or JSON document. Real manifests stay below 40 (CRD schemas below 90); serde_json itself
/// stops at 128.
pub const NESTING_MAX: usize = 120;

/// Most YAML documents in one file. A chart rendered as one file stays below 1,000.
pub const YAML_DOCUMENTS_MAX: usize = 10_000;

/// Longest path of a file and longest target of a symbolic link, in bytes: Linux' PATH_MAX. A longer one cannot be checked
/// out anywhere.
pub const PATH_BYTES_MAX: usize = 4096;

/// Longest name of a file, in bytes: NAME_MAX of Linux' file systems.
pub const NAME_BYTES_MAX: usize = 255;

/// Longest URL of a source, in bytes: what browsers and proxies pass on at the least, several times over.
pub const URL_BYTES_MAX: usize = 8192;

/// Longest name of a git reference, in bytes: it is a path below `.git`. Servers stop at 255.
pub const REFERENCE_BYTES_MAX: usize = 1024;

/// Longest version range, in bytes. Real ones have 10 to 50; this is a list of 40 versions with operators.
pub const RANGE_BYTES_MAX: usize = 512;

/// Longest duration as text, in bytes. `1000h59m59.999999999s` has 21.
pub const DURATION_BYTES_MAX: usize = 64;

/// Longest text of ignore patterns, in bytes: 1,000 patterns of 250 bytes. The longest ones in public have a few dozen
/// short lines.
pub const IGNORE_BYTES_MAX: usize = 256 << 10;

/// Most policies of one Application. Kurator's examples have one to five; a team that has more uses several Applications.
/// One reconcile looks at all of them and writes a Decision for each, and all Applications wait for it. The schema says it.
pub const SYNC_POLICIES_MAX: usize = 100;

// `source` still names it here.
pub use crate::words::cut;

//! Limits that several crates share.

/// Largest request body and stored object, in bytes. Kubernetes' etcd limit is 1.5 MiB for the stored form and 3 MiB
/// for request bodies; one number serves both here.
pub const OBJECT_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Deepest nesting of a YAML or JSON document. Real manifests stay below 40 (CRD schemas below 90); serde_json itself
/// stops at 128.
pub const NESTING_MAX: usize = 120;

/// Most YAML documents in one file. A chart rendered as one file stays below 1,000.
pub const YAML_DOCUMENTS_MAX: usize = 10_000;

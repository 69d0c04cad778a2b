//! Limits of one member's client. Each member has its own, so that a slow one delays only itself.

use std::time::Duration;

/// Longest wait for a connection. A member across the world answers a TCP and TLS handshake in under 1.5 s; one that
/// needs longer is treated as not there.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest silence on an open connection. Watches get a bookmark each minute, so 90 s without a byte is a dead peer.
pub const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// Longest time for one request that is not a watch.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Largest kubeconfig that is read from a Secret, in bytes. Real ones are below 20 kB.
pub const KUBECONFIG_BYTES_MAX: usize = 256 * 1024;

/// Largest refusal that is read, in bytes: a Status with a few hundred causes.
pub const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Most characters of a member's own words that are repeated in status and errors: a long sentence.
pub const WORDS_MAX: usize = 300;

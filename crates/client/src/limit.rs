//! Limits of one member's client. Each member has its own, so that a slow one delays only itself.

use std::time::Duration;

/// Longest wait for a connection. A member across the world answers a TCP and TLS handshake in under 1.5 s; one that
/// needs longer is treated as not there.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest silence on an open connection. Watches get a bookmark each minute, so 90 s without a byte is a dead peer.
pub const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// Longest time for one request that is not a watch.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Requests under way to one member at once. kube-apiserver admits about 600 over all clients; 16 keeps 1,000 members'
/// sockets below the usual 64k file limit while one member still applies 100 objects in some 10 round trips.
pub const IN_FLIGHT_MAX: usize = 16;

/// Largest kubeconfig that is read from a Secret, in bytes. Real ones are below 20 kB.
pub const KUBECONFIG_BYTES_MAX: usize = 256 * 1024;

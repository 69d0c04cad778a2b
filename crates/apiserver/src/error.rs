//! Why a server cannot start.

use model::Status;

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the store holds cannot be read.
    #[error("cannot read {what} from the store: {why}; restore the store from a backup")]
    Unreadable {
        /// Key of the object.
        what: String,
        /// Reason.
        why: String,
    },
    /// The objects that every cluster has could not be made.
    #[error("cannot create {what}: {status}")]
    Bootstrap {
        /// The object.
        what: String,
        /// The answer of the server's own handler.
        status: Box<Status>,
    },
}

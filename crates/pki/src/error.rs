//! Why certificates and keys could not be made or read.

/// Most groups of one certificate: rcgen keeps one value per attribute type, and there are two spellings of O.
pub(crate) const GROUPS_MAX: usize = 2;

/// Why a certificate or key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The certificate could not be made or signed.
    #[error("cannot make {what}: {source}")]
    Make {
        /// What was wanted.
        what: String,
        /// Reason.
        #[source]
        source: rcgen::Error,
    },
    /// More groups than a certificate can hold.
    #[error("a certificate for {user:?} holds at most {GROUPS_MAX} groups; give the user more by RBAC bindings")]
    Groups {
        /// The user.
        user: String,
    },
    /// A request for a certificate that cannot be granted as it is.
    #[error("the request cannot be signed: {why}")]
    Request {
        /// Reason.
        why: String,
    },
    /// A certificate that was given as an authority and cannot be one.
    #[error("{why}")]
    Authority {
        /// Reason.
        why: String,
    },
    /// Text that is not what it should be.
    #[error("cannot read {what}: {why}; restore it from a backup, or remove it to have a new one made")]
    Read {
        /// What was read.
        what: String,
        /// Reason.
        why: String,
    },
}

//! The key pair of service account tokens.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{DecodingKey, EncodingKey};

/// The key pair that signs service account tokens; made by [`TokenKey::from_pem`]. Its `Debug` shows no key.
#[derive(Clone)]
pub struct TokenKey {
    pub(crate) encoding: Arc<EncodingKey>,
    pub(crate) decoding: Arc<DecodingKey>,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

/// A key pair that is not ECDSA P-256 in PEM.
#[derive(Debug, thiserror::Error)]
#[error("not an ECDSA P-256 key pair in PEM (PKCS #8): {0}")]
pub struct TokenKeyError(String);

impl TokenKey {
    /// Reads a private key (PKCS #8) and its public key (SPKI), as the crate `pki` makes them.
    ///
    /// # Errors
    /// Text that is not such a key.
    pub fn from_pem(private: &str, public: &str) -> Result<Self, TokenKeyError> {
        let fail = |e: jsonwebtoken::errors::Error| TokenKeyError(e.to_string());
        Ok(Self {
            encoding: Arc::new(EncodingKey::from_ec_pem(private.as_bytes()).map_err(fail)?),
            decoding: Arc::new(DecodingKey::from_ec_pem(public.as_bytes()).map_err(fail)?),
        })
    }
}

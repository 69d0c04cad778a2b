//! Documents that are made on demand and kept as long as the set of kinds stays the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use data_encoding::HEXUPPER;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, VARY};
use http::{Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::body::ResponseBody;
use crate::reply::{self, Answer};

/// Most bytes of documents kept. kubectl asks for a handful of group-versions at a time; the largest (apps/v1, batch/v1,
/// core v1) are some hundred kilobytes.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A document and the hash that names its content.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) bytes: Bytes,
    /// SHA-256 in upper-case hex of the content, or of what it is made from.
    pub(crate) hash: String,
}

impl Document {
    /// A document named by its content.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let hash = HEXUPPER.encode(&Sha256::digest(&bytes));
        Self { bytes: bytes.into(), hash }
    }

    /// The answer to a GET: 304 when the client has it.
    pub(crate) fn answer(&self, media_type: &'static str, if_none_match: Option<&str>, gzip: bool) -> Answer {
        let etag = format!("\"{}\"", self.hash);
        let known =
            if_none_match.is_some_and(|tags| tags.split(',').any(|t| t.trim().trim_start_matches("W/") == etag));
        let mut answer = if known {
            let mut answer = Response::new(ResponseBody::empty());
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            answer
        } else {
            reply::compressible(vec![self.bytes.clone()], gzip)
        };
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
        if let Ok(value) = HeaderValue::from_str(&etag) {
            headers.insert(ETAG, value);
        }
        answer
    }
}

#[derive(Debug, Default)]
struct Kept {
    generation: u64,
    documents: BTreeMap<String, Document>,
    bytes: usize,
}

/// A bounded cache of documents.
#[derive(Debug, Default)]
pub(crate) struct Documents(Mutex<Kept>);

impl Documents {
    /// The document of a name, made when it is not kept.
    pub(crate) fn get(&self, generation: u64, name: &str, make: impl FnOnce() -> Document) -> Document {
        if let Some(found) = self.kept(generation).documents.get(name) {
            return found.clone();
        }
        // Made without the lock: two requests may make the same document, and both are right.
        let document = make();
        let mut kept = self.kept(generation);
        if kept.bytes + document.bytes.len() > KEPT_BYTES_MAX {
            kept.documents.clear();
            kept.bytes = 0;
        }
        if document.bytes.len() <= KEPT_BYTES_MAX {
            kept.bytes += document.bytes.len();
            kept.documents.insert(name.to_owned(), document.clone());
        }
        document
    }

    fn kept(&self, generation: u64) -> std::sync::MutexGuard<'_, Kept> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.generation != generation {
            *kept = Kept { generation, ..Kept::default() };
        }
        kept
    }
}

//! Requests on JSON objects, by path.
//!
//! `kube::Api` wants a Rust type per kind; housekeeping meets kinds that it has never heard of, and wants parsed values.

use http::{Method, Request};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Accept header for one object's metadata.
pub const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// Accept header for a list of objects' metadata.
pub const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// Accept header for whole objects.
pub const JSON: &str = "application/json";

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with a failure.
    #[error("{method} {path}: {message} ({code} {reason})")]
    Refused {
        /// HTTP verb.
        method: Method,
        /// Path, without the query.
        path: String,
        /// HTTP code.
        code: u16,
        /// Machine-readable reason, such as `Conflict`.
        reason: String,
        /// The server's sentence.
        message: String,
    },
    /// No answer, or one that could not be read.
    #[error("{method} {path}: no answer from the server")]
    Transport {
        /// HTTP verb.
        method: Method,
        /// Path, without the query.
        path: String,
        /// What went wrong below.
        #[source]
        source: Box<kube::Error>,
    },
}

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Trying again later may help.
    Retry,
    /// The world moved: read it again, nothing is wrong.
    Reread,
    /// Only a change of the objects helps.
    AwaitChange,
}

impl Error {
    /// The HTTP code, if the server answered.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Transport { .. } => None,
        }
    }

    /// Who has to act.
    pub fn class(&self) -> Class {
        match self.code() {
            Some(404 | 409 | 410) => Class::Reread,
            Some(400 | 403 | 405 | 413 | 415 | 422) => Class::AwaitChange,
            _ => Class::Retry,
        }
    }

    pub(crate) fn new(method: &Method, path: &str, error: kube::Error) -> Self {
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let method = method.clone();
        match error {
            kube::Error::Api(status) => {
                Self::Refused { method, path, code: status.code, reason: status.reason, message: status.message }
            }
            other => Self::Transport { method, path, source: Box::new(other) },
        }
    }
}

/// A client for JSON objects. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    client: kube::Client,
    manager: &'static str,
}

impl Api {
    /// A client that writes as a field manager.
    pub fn new(client: kube::Client, manager: &'static str) -> Self {
        Self { client, manager }
    }

    /// The client underneath.
    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<T, Error> {
        let mut request = Request::builder().method(method.clone()).uri(path).header(http::header::ACCEPT, accept);
        let mut bytes = Vec::new();
        if let Some((content_type, body)) = body {
            request = request.header(http::header::CONTENT_TYPE, content_type);
            bytes = body.to_string().into_bytes();
        }
        let sent = match request.body(bytes) {
            Ok(request) => self.client.request(request).await,
            Err(error) => Err(kube::Error::HttpError(error)),
        };
        sent.map_err(|error| Error::new(&method, path, error))
    }

    fn write_path(&self, path: &str) -> String {
        let join = if path.contains('?') { '&' } else { '?' };
        format!("{path}{join}fieldManager={}", self.manager)
    }

    /// Reads any document.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read(&self, path: &str, accept: &str) -> Result<Value, Error> {
        self.send(Method::GET, path, accept, None).await
    }

    /// Reads an object; `None` when it is not there.
    ///
    /// # Errors
    /// See [`Error`]; never for 404.
    pub async fn get(&self, path: &str, accept: &str) -> Result<Option<Value>, Error> {
        match self.read(path, accept).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object in a collection and returns it as stored.
    ///
    /// # Errors
    /// See [`Error`]; 409 `AlreadyExists` when the name is taken.
    pub async fn create(&self, collection: &str, object: &Value) -> Result<Value, Error> {
        self.send(Method::POST, &self.write_path(collection), JSON, Some((JSON, object))).await
    }

    /// Replaces an object or a subresource.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update(&self, path: &str, object: &Value) -> Result<Value, Error> {
        self.send(Method::PUT, &self.write_path(path), JSON, Some((JSON, object))).await
    }

    /// Applies a JSON merge patch. With `metadata.resourceVersion` in it, only to exactly that version.
    ///
    /// # Errors
    /// See [`Error`]; 409 when the version is another one.
    pub async fn merge(&self, path: &str, patch: &Value) -> Result<Value, Error> {
        self.send(Method::PATCH, &self.write_path(path), JSON, Some(("application/merge-patch+json", patch))).await
    }

    /// Deletes an object, or a whole collection. Returns what the server says: a Status, or the object that stays for
    /// now. `None` when there was nothing to delete.
    ///
    /// # Errors
    /// See [`Error`]; never for 404.
    pub async fn delete(&self, path: &str, options: &Value) -> Result<Option<Value>, Error> {
        match self.send(Method::DELETE, path, JSON, Some((JSON, options))).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

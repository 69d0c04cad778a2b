//! Requests by path, like `kubectl --raw`: for tests, tools and paths that a user gives. Deadlines and limits hold;
//! nothing is compared, since nothing is known of what should come.

use http::Method;
use serde_json::Value;

use crate::api::Api;
use crate::exchange::{JSON, MERGE_PATCH};
use crate::failure::Error;

/// An API by path. Cheap to clone.
#[derive(Clone)]
pub struct Raw {
    api: Api,
}

impl Raw {
    pub(crate) fn new(api: Api) -> Self {
        Self { api }
    }

    /// Reads a document; `None` when it is not there.
    ///
    /// # Errors
    /// See [`Error`]; never for a 404 of Kubernetes, whatever it is about.
    pub async fn get(&self, path: &str) -> Result<Option<Value>, Error> {
        match self.api.read(path).await {
            Ok(value) => Ok(Some(value)),
            Err(Error::Refused { code: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object in a collection, or a part of an object.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value, Error> {
        self.api.write(Method::POST, path, "", JSON, object.into()).await.map(|(_, answer)| answer)
    }

    /// Replaces an object or a part of it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn replace(&self, path: &str, object: &Value) -> Result<Value, Error> {
        self.api.write(Method::PUT, path, "", JSON, object.into()).await.map(|(_, answer)| answer)
    }

    /// Applies a JSON merge patch.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn merge(&self, path: &str, patch: &Value) -> Result<Value, Error> {
        self.api.write(Method::PATCH, path, "", MERGE_PATCH, patch.into()).await.map(|(_, answer)| answer)
    }

    /// Deletes an object or a collection, with DeleteOptions. `None` when there was nothing to delete.
    ///
    /// # Errors
    /// See [`Error`]; never for a 404 of Kubernetes, whatever it is about.
    pub async fn delete(&self, path: &str, options: &Value) -> Result<Option<Value>, Error> {
        match self.api.write(Method::DELETE, path, "", JSON, options.into()).await {
            Ok((_, answer)) => Ok(Some(answer)),
            Err(Error::Refused { code: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

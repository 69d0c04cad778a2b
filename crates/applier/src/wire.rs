//! Requests to a member's API, as JSON, each with a deadline.

use std::fmt::Write as _;
use std::time::Duration;

use api::delivery::label;
use bytes::Bytes;
use http::Method;
use kube::client::Body;
use model::ObjectKey;
use serde_json::{Value, json};

use crate::discovery::Resource;
use crate::error::Error;
use crate::limit;

/// How to write to and read from one member.
#[derive(Clone)]
pub(crate) struct Wire {
    client: kube::Client,
    deadline: Duration,
}

/// Percent-encodes a query value: everything but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// What became of an apply.
pub(crate) struct Applied {
    /// The object was not there before.
    pub(crate) created: bool,
    /// The server's answer.
    pub(crate) object: Value,
}

impl Wire {
    pub(crate) fn new(client: kube::Client, deadline: Duration) -> Self {
        Self { client, deadline }
    }

    pub(crate) fn client(&self) -> &kube::Client {
        &self.client
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Option<&Value>) -> Result<(u16, Value), Error> {
        let bytes = body.map(|b| Bytes::from(b.to_string())).unwrap_or_default();
        self.send_bytes(method, path, kind, bytes).await
    }

    async fn send_bytes(&self, method: Method, path: &str, kind: &str, body: Bytes) -> Result<(u16, Value), Error> {
        match self.exchange(method, path, kind, body, self.deadline).await {
            Err(e) => Err(self.judge(e).await),
            done => done,
        }
    }

    /// Tells a member that does not answer from one of which a part does not, such as an aggregated API or a webhook:
    /// that stops only what asked for it.
    pub(crate) async fn judge(&self, error: Error) -> Error {
        if !error.is_doubtful() {
            return error;
        }
        let path = Resource::core("Namespace", "namespaces", false).path("", "kube-system");
        match self.exchange(Method::GET, &path, "application/json", Bytes::new(), limit::JUDGE).await {
            Ok(_) | Err(Error::Api { code: 403 | 404, .. }) => Error::Unavailable(error.to_string()),
            Err(_) => error,
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<(u16, Value), Error> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, kind)
            .header(http::header::ACCEPT, "application/json")
            .body(Body::from(body))
            .map_err(|e| Error::Answer(format!("{path} is not a path: {e}")))?;
        let exchange = async {
            let answer = self.client.send(request).await.map_err(|e| transport(&e))?;
            let code = answer.status().as_u16();
            let bytes = answer.into_body().collect_bytes().await.map_err(|e| transport(&e))?;
            let body = serde_json::from_slice(&bytes);
            if (200..300).contains(&code) {
                return Ok((code, body.map_err(|e| Error::Answer(e.to_string()))?));
            }
            Err(Error::api(code, &body.unwrap_or(Value::Null)))
        };
        match tokio::time::timeout(deadline, exchange).await {
            Ok(result) => result,
            Err(_) => Err(Error::Deadline(deadline.as_secs())),
        }
    }

    /// Reads any path; `None` when there is nothing.
    pub(crate) async fn read(&self, path: &str) -> Result<Option<Value>, Error> {
        match self.send(Method::GET, path, "application/json", None).await {
            Ok((_, body)) => Ok(Some(body)),
            Err(e) if e.code() == Some(404) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Reads an object; `None` when it is not there.
    pub(crate) async fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Option<Value>, Error> {
        self.read(&resource.path(namespace, name)).await
    }

    /// Reads all objects of a kind, in pages.
    pub(crate) async fn list(&self, path: &str, selector: &str) -> Result<Listed, Error> {
        let mut out = Listed::default();
        let mut token = String::new();
        for _ in 0..limit::LIST_PAGES_MAX {
            let query = format!(
                "{path}?labelSelector={}&limit={}&continue={}",
                encode(selector),
                limit::LIST_PAGE,
                encode(&token)
            );
            let (_, mut page) = self.send(Method::GET, &query, "application/json", None).await?;
            if let Some(Value::Array(items)) = model::object::remove(&mut page, &["items"]) {
                out.items.extend(items);
            }
            let meta = |field: &str| model::object::get_str(&page, &["metadata", field]).unwrap_or_default().to_owned();
            out.resource_version = meta("resourceVersion");
            token = meta("continue");
            if token.is_empty() {
                return Ok(out);
            }
        }
        Err(Error::Answer(format!("the list of {path} does not end")))
    }

    /// Server-side apply in our name. Fields that others own become ours too: what was there before is recorded by the
    /// caller.
    pub(crate) async fn apply(&self, resource: &Resource, key: &ObjectKey, body: Bytes) -> Result<Applied, Error> {
        let path = resource.path(&key.namespace, &key.name);
        let path = format!("{path}?fieldManager={}&force=true", label::FIELD_MANAGER);
        let (code, object) = self.send_bytes(Method::PATCH, &path, "application/apply-patch+yaml", body).await?;
        Ok(Applied { created: code == 201, object })
    }

    /// A merge patch in our name.
    pub(crate) async fn merge(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<(), Error> {
        let path = format!("{}?fieldManager={}", resource.path(namespace, name), label::FIELD_MANAGER);
        self.send(Method::PATCH, &path, "application/merge-patch+json", Some(patch)).await.map(drop)
    }

    /// Creates an object in our name.
    pub(crate) async fn create(&self, resource: &Resource, object: &Value) -> Result<Value, Error> {
        let namespace = model::object::namespace(object).unwrap_or_default();
        let path = format!("{}?fieldManager={}", resource.path(namespace, ""), label::FIELD_MANAGER);
        Ok(self.send(Method::POST, &path, "application/json", Some(object)).await?.1)
    }

    /// Replaces an object; its resourceVersion must be the one that it has.
    pub(crate) async fn replace(&self, resource: &Resource, object: &Value) -> Result<Value, Error> {
        let namespace = model::object::namespace(object).unwrap_or_default();
        let name = model::object::name(object).unwrap_or_default();
        let path = format!("{}?fieldManager={}", resource.path(namespace, name), label::FIELD_MANAGER);
        Ok(self.send(Method::PUT, &path, "application/json", Some(object)).await?.1)
    }

    /// Deletes exactly the object that was read: another UID or a later resourceVersion is a conflict. Its dependants go
    /// in the background. Returns whether it is gone already.
    pub(crate) async fn delete(&self, resource: &Resource, live: &Value) -> Result<bool, Error> {
        let namespace = model::object::namespace(live).unwrap_or_default();
        let name = model::object::name(live).unwrap_or_default();
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": {"uid": model::object::uid(live), "resourceVersion": model::object::resource_version(live)},
        });
        let path = resource.path(namespace, name);
        match self.send(Method::DELETE, &path, "application/json", Some(&options)).await {
            Ok((_, answer)) => Ok(!model::object::is_deleting(&answer)),
            Err(e) if e.code() == Some(404) => Ok(true),
            Err(e) => Err(e),
        }
    }
}

/// A list and the moment it is of.
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Value>,
    pub(crate) resource_version: String,
}

/// The whole chain of causes: the outermost says only that a request failed.
pub(crate) fn transport(error: &kube::Error) -> Error {
    if let kube::Error::Api(status) = error {
        return Error::Api {
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
            fields: Vec::new(),
        };
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    Error::Transport(text)
}

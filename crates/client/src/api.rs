//! Requests to one API server: each has a deadline and a limit on what is read, and each answer is compared with its
//! question.
//!
//! Objects are JSON ([`Value`]); [`crate::Typed`] puts Rust types on top. Absent on purpose: retries, which belong to the
//! work queue, and any memory of what was read, which belongs to [`crate::Store`].

mod list;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use model::object;
use serde_json::{Value, json};
use tokio::time::Instant;

pub use list::{Content, Kept, List, Project, Selection};
pub(crate) use list::{Each, Keeper, keep_projected, weighed};

use crate::answer::{Name, Question, about, found};
use crate::exchange::{self, APPLY_PATCH, Ask, JSON, MERGE_PATCH, METADATA};
use crate::failure::Error;
use crate::json;
use crate::limit::{self, Limits};
use crate::proof::{self, Insist};
use crate::raw::Raw;
use crate::resource::{Resource, Target, encode};
use crate::transport::{Switch, Transport};
use crate::typed::Typed;

/// A client of one API server. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    transport: Transport,
    manager: Arc<str>,
    limits: Limits,
}

/// A body that is sent: JSON, serialized once, and the UID that it insists on.
#[derive(Clone, Debug)]
pub struct Document {
    bytes: Bytes,
    uid: Option<String>,
}

impl Document {
    /// Bytes that are JSON already. A payload that goes to many members is serialized once.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self { bytes, uid: None }
    }
}

impl From<&Value> for Document {
    fn from(value: &Value) -> Self {
        // Values print without failing.
        Self { bytes: value.to_string().into(), uid: object::uid(value).map(str::to_owned) }
    }
}

/// What becomes of what an object owns, when it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// The object goes at once, its dependents later.
    Background,
    /// Its dependents go first.
    Foreground,
    /// Its dependents stay.
    Orphan,
}

impl Propagation {
    /// The value of `propagationPolicy`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Background => "Background",
            Self::Foreground => "Foreground",
            Self::Orphan => "Orphan",
        }
    }
}

/// How to delete.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delete<'a> {
    /// Only the object with this UID.
    pub uid: Option<&'a str>,
    /// Only at this resourceVersion.
    pub resource_version: Option<&'a str>,
    /// What becomes of what it owns; the kind's own default without.
    pub propagation: Option<Propagation>,
    /// Seconds that it may take to stop; the object's own default without.
    pub grace_secs: Option<i64>,
}

impl<'a> Delete<'a> {
    /// Exactly the object that was read: another UID or a later resourceVersion is a conflict.
    pub fn exactly(live: &'a Value) -> Self {
        Self { uid: object::uid(live), resource_version: object::resource_version(live), ..Self::default() }
    }

    /// Says what becomes of what it owns.
    pub fn propagation(self, propagation: Propagation) -> Self {
        Self { propagation: Some(propagation), ..self }
    }

    fn document(&self) -> Document {
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        if let Some(policy) = self.propagation {
            options["propagationPolicy"] = policy.as_str().into();
        }
        if let Some(secs) = self.grace_secs {
            options["gracePeriodSeconds"] = secs.into();
        }
        for (field, value) in [("uid", self.uid), ("resourceVersion", self.resource_version)] {
            if let Some(value) = value {
                options["preconditions"][field] = value.into();
            }
        }
        Document { uid: None, ..Document::from(&options) }
    }
}

/// What became of a deletion.
#[derive(Clone, Debug, PartialEq)]
pub enum Deletion {
    /// There was nothing to delete.
    Absent,
    /// The object is gone.
    Gone,
    /// The object is on its way out: as it is now.
    Going(Value),
}

/// What became of an apply.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied<T = Value> {
    /// The object was not there before.
    pub created: bool,
    /// The object as the server has it.
    pub object: T,
}

impl Api {
    /// A client that writes as a field manager. Composition roots make it; others are given one.
    pub fn new(transport: impl Into<Transport>, manager: impl Into<Arc<str>>) -> Self {
        Self { transport: transport.into(), manager: manager.into(), limits: Limits::default() }
    }

    /// The same with other limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same, writing as another field manager.
    pub fn with_manager(&self, manager: impl Into<Arc<str>>) -> Self {
        Self { manager: manager.into(), ..self.clone() }
    }

    /// The same with a switch, by which it and all its clones can be turned to another way to the server.
    pub fn switched(self) -> (Self, Switch) {
        let switch = Switch::new(self.transport);
        (Self { transport: switch.transport(), ..self }, switch)
    }

    /// Asks which cluster answers, by the UID of its kube-system namespace (empty where there is none). With it comes the same
    /// client, which insists on that cluster: a new connection is asked this first, and carries nothing else if it leads elsewhere. A
    /// client that does not make its connections itself insists on nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn identified(&self) -> Result<(String, Self), Error> {
        let (asked, limits) = (proof::ask_identity(&self.transport, self.limits.object_bytes), &self.limits);
        let uid = match exchange::within(limits.request, asked).await {
            Ok(uid) => uid,
            Err(error) => return Err(self.judge(error).await),
        };
        let insisting = self.insisting_on(&uid);
        Ok((uid, insisting))
    }

    /// The same client, which insists on the cluster whose kube-system namespace has this UID; see [`Api::identified`].
    pub fn insisting_on(&self, cluster: &str) -> Self {
        let insist = Insist::new(cluster, self.limits.object_bytes);
        Self { transport: self.transport.insisting(insist), ..self.clone() }
    }

    /// Makes the next request of it and its clones open another connection: for one that found out that the connection leads
    /// elsewhere. With HTTP/1.1, where each connection is used for some requests only, and for a client that does not make its
    /// connections itself, nothing happens.
    pub fn renew_connection(&self) {
        self.transport.renew();
    }

    /// The same for one whose request, begun at `asked`, got no answer in time: the connection may be stuck, also where it answers
    /// pings. One that had not answered anything before is kept for a second try, since a slow server may have needed the time for
    /// the handshake. Watches go on over the new connection, and other requests end as they began.
    pub fn renew_late_connection(&self, asked: Instant) {
        self.transport.renew_late(asked);
    }

    /// How its requests reach the server.
    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// What it may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Requests by path.
    pub fn raw(&self) -> Raw {
        Raw::new(self.clone())
    }

    /// The objects of a Rust type.
    pub fn typed<K>(&self) -> Typed<K>
    where
        K: kube::Resource<DynamicType = ()>,
        K::Scope: 'static,
    {
        Typed::new(self.clone())
    }

    /// Tells a server that does not answer from one of which a part does not, such as an aggregated API or a webhook:
    /// that stops only what asked for it. Boxed: a request that fails is rare, and every request has room for this.
    pub(crate) fn judge(&self, error: Error) -> BoxFuture<'_, Error> {
        Box::pin(async move {
            let Some(time) = self.limits.judge.filter(|_| error.is_doubtful()) else { return error };
            let path = Resource::core("Namespace", "namespaces", false).target("", "kube-system").path();
            let ask = Ask::get(path, METADATA, limit::REFUSAL_BYTES_MAX);
            match exchange::exchange(&self.transport, ask, time).await {
                Ok(_) | Err(Error::Refused { code: 403 | 404, .. } | Error::TooLarge { .. }) => {
                    Error::Unavailable(Box::new(error))
                }
                Err(_) => error,
            }
        })
    }

    async fn send(&self, ask: Ask) -> Result<(StatusCode, Bytes), Error> {
        let (method, path) = (ask.method.clone(), ask.path.clone());
        match exchange::exchange(&self.transport, ask, self.limits.request).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let path = path.split('?').next().unwrap_or_default();
                tracing::debug!(%method, path, %error, "a request failed");
                Err(self.judge(error).await)
            }
        }
    }

    fn parse(&self, bytes: &[u8]) -> Result<Value, Error> {
        json::parse(bytes, limit::OBJECT_MEMORY_MAX)
    }

    /// Reads any document: for what is no object, such as `/version` and discovery. Nothing is compared.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read(&self, path: &str) -> Result<Value, Error> {
        let (_, bytes) = self.send(Ask::get(path.to_owned(), JSON, self.limits.object_bytes)).await?;
        self.parse(&bytes)
    }

    /// Reads any path as it is, for what is no JSON, such as `/readyz`. What fails is not judged: a `/readyz` that
    /// answers 503 is an answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read_bytes(&self, path: &str, bytes_max: usize) -> Result<Bytes, Error> {
        let ask = Ask::get(path.to_owned(), "*/*", bytes_max);
        exchange::exchange(&self.transport, ask, self.limits.request).await.map(|(_, bytes)| bytes)
    }

    /// Reads an object or a part of it; `None` when it is not there.
    ///
    /// # Errors
    /// See [`Error`]; never for a 404 that speaks of this object.
    pub async fn get(&self, target: &Target<'_>) -> Result<Option<Value>, Error> {
        self.get_as(target, JSON).await
    }

    /// Reads an object's metadata; `None` when it is not there. A server that does not know this form sends the object.
    ///
    /// # Errors
    /// See [`Error`]; never for a 404 that speaks of this object.
    pub async fn get_metadata(&self, target: &Target<'_>) -> Result<Option<Value>, Error> {
        self.get_as(target, METADATA).await
    }

    /// Reads one object in the form that `accept` names.
    async fn get_as(&self, target: &Target<'_>, accept: &'static str) -> Result<Option<Value>, Error> {
        let ask = Ask::get(target.path(), accept, self.limits.object_bytes);
        match self.send(ask).await.map_err(|error| about(target, error)) {
            Ok((_, bytes)) => {
                let value = self.parse(&bytes)?;
                Question::object(target, None).check(&value)?;
                Ok(Some(value))
            }
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        more: &str,
        content_type: &'static str,
        document: Document,
    ) -> Result<(StatusCode, Value), Error> {
        let path = format!("{path}?fieldManager={}{more}", encode(&self.manager));
        let (accept, bytes_max) = (JSON, self.limits.object_bytes);
        let ask = Ask { method, path, accept, body: Some((content_type, document.bytes)), bytes_max };
        let (status, bytes) = self.send(ask).await?;
        Ok((status, self.parse(&bytes)?))
    }

    /// Creates an object and returns it as stored.
    ///
    /// # Errors
    /// See [`Error`]; 409 `AlreadyExists` when the name is taken.
    pub async fn create(&self, resource: &Resource, namespace: &str, object: &Value) -> Result<Value, Error> {
        let path = resource.collection(namespace);
        let (_, answer) = self.write(Method::POST, &path, "", JSON, object.into()).await?;
        let name = match (object::name(object), object::get_str(object, &["metadata", "generateName"])) {
            (Some(name), _) if !name.is_empty() => Name::Exactly(name),
            (_, prefix) => Name::Generated(prefix.unwrap_or_default()),
        };
        Question { name, ..Question::any(resource, namespace, false) }.check(&answer)?;
        Ok(answer)
    }

    /// Asks what would come of creating an object, admission included. Nothing is written. The error is
    /// [`AlreadyExists`](Error::is_name_taken) when nothing is wrong with it but that its name is taken.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_dry_run(
        &self,
        resource: &Resource,
        namespace: &str,
        object: impl Into<Document>,
    ) -> Result<(), Error> {
        let path = resource.collection(namespace);
        self.write(Method::POST, &path, "&dryRun=All", JSON, object.into()).await.map(drop)
    }

    /// Creates a part of an object, such as a `binding`, an `eviction` or a `token`. The answer is what that part
    /// answers: often a Status; it is not compared.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_part(&self, target: &Target<'_>, object: &Value) -> Result<Value, Error> {
        let written = self.write(Method::POST, &target.path(), "", JSON, object.into()).await;
        written.map(|(_, answer)| answer).map_err(|error| about(target, error))
    }

    /// Replaces an object or a part of it, such as its `status`. With a resourceVersion in it, only that version.
    ///
    /// # Errors
    /// See [`Error`]; 409 when the version is another one.
    pub async fn replace(&self, target: &Target<'_>, object: impl Into<Document>) -> Result<Value, Error> {
        self.change(Method::PUT, target, "", JSON, object.into()).await.map(|(_, answer)| answer)
    }

    /// Server-side apply. Fields that others own become ours too.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn apply(&self, target: &Target<'_>, object: impl Into<Document>) -> Result<Applied, Error> {
        let (status, object) = self.change(Method::PATCH, target, "&force=true", APPLY_PATCH, object.into()).await?;
        Ok(Applied { created: status == StatusCode::CREATED, object })
    }

    /// What the server would make of an apply, admission included. Nothing is written.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn apply_dry_run(&self, target: &Target<'_>, object: impl Into<Document>) -> Result<Value, Error> {
        let more = "&force=true&dryRun=All";
        self.change(Method::PATCH, target, more, APPLY_PATCH, object.into()).await.map(|(_, answer)| answer)
    }

    /// Applies a JSON merge patch. With `metadata.resourceVersion` in it, only to exactly that version.
    ///
    /// # Errors
    /// See [`Error`]; 409 when the version is another one.
    pub async fn merge(&self, target: &Target<'_>, patch: &Value) -> Result<Value, Error> {
        self.change(Method::PATCH, target, "", MERGE_PATCH, patch.into()).await.map(|(_, answer)| answer)
    }

    async fn change(
        &self,
        method: Method,
        target: &Target<'_>,
        more: &str,
        content_type: &'static str,
        document: Document,
    ) -> Result<(StatusCode, Value), Error> {
        let uid = document.uid.clone();
        let written = self.write(method, &target.path(), more, content_type, document).await;
        let (status, answer) = written.map_err(|error| about(target, error))?;
        // A part that is another kind has a UID of its own, or none.
        let question = Question::object(target, uid.as_deref());
        Question { uid: question.uid.filter(|_| question.own_kind), ..question }.check(&answer)?;
        Ok((status, answer))
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// See [`Error`]; never for a 404 that speaks of this object; 409 when it is not the one that `options` name.
    pub async fn delete(&self, target: &Target<'_>, options: &Delete<'_>) -> Result<Deletion, Error> {
        let body = Some((JSON, options.document().bytes));
        let (accept, bytes_max) = (JSON, self.limits.object_bytes);
        let ask = Ask { method: Method::DELETE, path: target.path(), accept, body, bytes_max };
        let answer = match self.send(ask).await.map_err(|error| about(target, error)) {
            Ok((_, bytes)) => self.parse(&bytes)?,
            Err(error) if error.is_gone() => return Ok(Deletion::Absent),
            Err(error) => return Err(error),
        };
        if answer.get("kind").and_then(Value::as_str) == Some("Status") {
            let gone = object::get_str(&answer, &["details", "uid"]);
            let (Some(asked), Some(other)) = (options.uid, gone.filter(|uid| options.uid != Some(uid))) else {
                return Ok(Deletion::Gone);
            };
            let asked = format!("{} {} with UID {asked}", target.resource, target.name);
            return Err(Error::Mismatch { asked, found: format!("{} with UID {other}", found(&answer, false)) });
        }
        Question::object(target, options.uid).check(&answer)?;
        Ok(if object::is_deleting(&answer) { Deletion::Going(answer) } else { Deletion::Gone })
    }

    /// Deletes all objects of a kind, or those of one namespace, that are selected. What the server says of each of them
    /// is not read: it may be long.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_all(
        &self,
        resource: &Resource,
        namespace: &str,
        selection: &Selection,
        options: &Delete<'_>,
    ) -> Result<(), Error> {
        let path = format!("{}?{}", resource.collection(namespace), selection.query().trim_start_matches('&'));
        let body = Some((JSON, options.document().bytes));
        let ask = Ask { method: Method::DELETE, path, accept: JSON, body, bytes_max: 0 };
        let sent = exchange::within(self.limits.request, exchange::open(&self.transport, ask)).await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => Err(self.judge(error).await),
        }
    }
}

#[cfg(test)]
mod tests;

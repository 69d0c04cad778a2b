//! Requests to the hub, with what they were about in their errors. Nothing is written twice: who writes compares first.
//!
//! A status that the hub refuses for what is in it is written again in its [`brief`] form, logged and counted: what a
//! status says of an object must not depend on how much else it says.

mod brief;
mod refusal;

use api::condition;
use client::{Api, Class, Delete, NamespacedName};
use kinds::Wire;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

use crate::metrics::Metrics;
pub(crate) use brief::is_marked;
pub(crate) use refusal::{ObjectKey, Refusals, Stored};

/// A request to the hub that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {object} on the hub")]
pub struct WriteError {
    /// What was tried.
    verb: &'static str,
    /// Kind and name.
    object: Box<str>,
    #[source]
    source: client::Error,
}

impl WriteError {
    fn new<K: Resource<DynamicType = ()>>(verb: &'static str, name: &str, source: client::Error) -> Self {
        Self { verb, object: format!("{} {name}", K::kind(&())).into(), source }
    }

    /// Somebody else wrote in between: look again, it is no failure.
    pub fn is_conflict(&self) -> bool {
        self.source.is_conflict()
    }

    /// The object was deleted in between: nothing is left to write to.
    pub fn is_gone(&self) -> bool {
        self.source.is_gone()
    }
    /// Who acts.
    pub fn class(&self) -> Class {
        self.source.class()
    }
}

/// A kind of the hub that has a Rust type.
pub(crate) trait HubKind: Resource<DynamicType = (), Scope: 'static> + Wire {}

impl<K> HubKind for K where K: Resource<DynamicType = (), Scope: 'static> + Wire {}

/// Reads an object; `None` when it is not there.
pub(crate) async fn read<K: HubKind>(api: &Api, namespace: &str, name: &str) -> Result<Option<K>, WriteError> {
    api.typed::<K>().get(namespace, name).await.map_err(|e| WriteError::new::<K>("read", name, e))
}

/// Creates an object.
pub(crate) async fn create<K: HubKind>(api: &Api, object: &K) -> Result<K, WriteError> {
    api.typed::<K>().create(object).await.map_err(|e| WriteError::new::<K>("create", &object.name_any(), e))
}

/// Replaces the status of an object by the one that it holds, at the version that the decision was made from. One that the
/// hub refuses is written in brief: phases and conditions, and that it is cut.
pub(crate) async fn status<K: HubKind>(api: &Api, metrics: &Metrics, object: &K) -> Result<K, WriteError> {
    let brief = |refused: &client::Error| {
        let mut value = object.to_json()?;
        value["status"] = brief::brief(&value["status"], condition::STATUS_CUT, &refused.to_string());
        K::from_json(value)
    };
    status_or_brief(api, metrics, object, brief).await
}

/// The same with a brief form of its own, which is made when the whole is refused.
pub(crate) async fn status_or_brief<K: HubKind>(
    api: &Api,
    metrics: &Metrics,
    object: &K,
    brief: impl FnOnce(&client::Error) -> Result<K, serde_json::Error>,
) -> Result<K, WriteError> {
    let fail = |e| WriteError::new::<K>("write the status of", &object.name_any(), e);
    let status = StatusWrite { metrics, object: key_of(object) };
    let typed = api.typed::<K>();
    let refused = match typed.replace_status(object).await {
        Err(error) if is_refused(&error) => error,
        other => return status.taken(other.map_err(fail)),
    };
    let brief = brief(&refused).map_err(|e| fail(client::Error::Request(e.to_string())))?;
    status.cut(fail(refused), typed.replace_status(&brief).await.map_err(fail))
}

/// Applies a part of the status of an object, with the field manager that owns this part. An answer about another object of
/// the same name is an error, so that the object is looked at again. `mark` is the type of the condition that says that this
/// part is cut: two writers of one status must not share it.
pub(crate) async fn status_part<K: HubKind>(
    api: &Api,
    metrics: &Metrics,
    object: &K,
    part: &impl Serialize,
    mark: &str,
) -> Result<K, WriteError> {
    let fail = |e| WriteError::new::<K>("write the status of", &object.name_any(), e);
    let status = StatusWrite { metrics, object: key_of(object) };
    let typed = api.typed::<K>();
    let mut patch = serde_json::json!({
        "apiVersion": K::api_version(&()), "kind": K::kind(&()),
        "metadata": {"name": object.name_any(), "namespace": object.namespace(), "uid": object.uid()},
        "status": serde_json::to_value(part).map_err(|e| fail(client::Error::Request(e.to_string())))?,
    });
    let refused = match typed.apply_status(&patch).await {
        Err(error) if is_refused(&error) => error,
        other => return status.taken(other.map_err(fail)),
    };
    patch["status"] = brief::brief(&patch["status"], mark, &refused.to_string());
    status.cut(fail(refused), typed.apply_status(&patch).await.map_err(fail))
}

fn key_of<K: HubKind>(object: &K) -> ObjectKey {
    (K::kind(&()).into_owned(), NamespacedName::new(object.namespace().unwrap_or_default(), object.name_any()))
}

/// Does the hub refuse what is in a status? It is too large, or not valid; written again, the same is refused again.
fn is_refused(error: &client::Error) -> bool {
    matches!(error.code(), Some(400 | 413 | 422)) || matches!(error, client::Error::TooLarge { .. })
}

/// What is noted of the write of one status.
struct StatusWrite<'a> {
    metrics: &'a Metrics,
    object: ObjectKey,
}

impl StatusWrite<'_> {
    /// It was not refused.
    fn taken<K>(self, written: Result<K, WriteError>) -> Result<K, WriteError> {
        if written.is_ok() {
            self.metrics.refusals().taken(&self.object);
        }
        written
    }

    /// It was refused, and written again in its brief form.
    fn cut<K>(self, refused: WriteError, again: Result<K, WriteError>) -> Result<K, WriteError> {
        let Self { metrics, object } = self;
        metrics.status_refused();
        match &again {
            Ok(_) => metrics.refusals().refused(object, Stored::Cut, &refused),
            Err(error) if is_refused(&error.source) => metrics.refusals().refused(object, Stored::Nothing, error),
            // A lost race, or no answer: it is tried again, and then it is known.
            Err(_) => {}
        }
        again
    }
}

/// Applies an object with a controller's own field manager.
pub(crate) async fn apply<K: HubKind>(api: &Api, object: &Value) -> Result<K, WriteError> {
    let name = model::object::name(object).unwrap_or_default();
    let applied = api.typed::<K>().apply(object).await;
    applied.map(|applied| applied.object).map_err(|e| WriteError::new::<K>("apply", name, e))
}

/// Patches fields of an object; `None` when it is not there any more. `verb` says for an error what is done to it.
pub(crate) async fn patch<K: HubKind>(
    api: &Api,
    key: &NamespacedName,
    verb: &'static str,
    patch: &Value,
) -> Result<Option<K>, WriteError> {
    match api.typed::<K>().merge(&key.namespace, &key.name, "", patch).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(WriteError::new::<K>(verb, &key.name, error)),
    }
}

/// Deletes an object, if it is there. `uid`: only the object that has this one.
pub(crate) async fn delete<K: HubKind>(api: &Api, key: &NamespacedName, uid: Option<&str>) -> Result<(), WriteError> {
    let deleted = api.typed::<K>().delete(&key.namespace, &key.name, &Delete { uid, ..Delete::default() }).await;
    deleted.map(drop).map_err(|e| WriteError::new::<K>("delete", &key.name, e))
}

/// A message without its numbers: two that are equal then say the same, such as since how many seconds a certificate has
/// run out, and a status must not be written for each second.
pub(crate) fn without_numbers(message: &str) -> String {
    message.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests;

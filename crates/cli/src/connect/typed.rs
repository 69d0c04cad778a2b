//! The objects of a type on one server, as the client library's own `Api` has them.
//!
//! That one compiles all of its requests, and all of serde's code for a type, for each type that a command asks for. Here a
//! request is made and sent by code that knows no type, and [`Wire`] parses what comes back.

use std::fmt::Debug;
use std::marker::PhantomData;

use futures::future::BoxFuture;
use kinds::Wire;
use kube::api::{DeleteParams, GetParams, ListMeta, ListParams, ObjectList, Patch, PatchParams, TypeMeta};
use kube::core::{NamespaceResourceScope, ObjectMeta, Request, request};
use kube::{Client, Error, Resource, Result};
use serde::Serialize;
use serde::de::Error as _;
use serde_json::Value;

use super::is_gone;

/// The objects of one type on one server, in one namespace or in all.
pub(crate) struct Api<K> {
    server: Server,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for Api<K> {
    fn clone(&self) -> Self {
        Self { server: self.server.clone(), kind: PhantomData }
    }
}

impl<K: Resource<DynamicType = ()>> Api<K> {
    /// The objects of all namespaces, or those of a kind that has none.
    pub(crate) fn all(client: Client) -> Self {
        Self { server: Server { client, requests: Request::new(K::url_path(&(), None)) }, kind: PhantomData }
    }

    /// The objects of one namespace.
    pub(crate) fn namespaced(client: Client, namespace: &str) -> Self
    where
        K: Resource<Scope = NamespaceResourceScope>,
    {
        Self { server: Server { client, requests: Request::new(K::url_path(&(), Some(namespace))) }, kind: PhantomData }
    }
}

impl<K: Wire> Api<K> {
    /// Reads an object.
    pub(crate) async fn get(&self, name: &str) -> Result<K> {
        typed(self.server.read_answer(self.server.requests.get(name, &GetParams::default())).await?)
    }

    /// Reads an object; `None` when it is not there.
    pub(crate) async fn get_opt(&self, name: &str) -> Result<Option<K>> {
        match self.get(name).await {
            Ok(object) => Ok(Some(object)),
            Err(Error::Api(status)) if is_gone(&status, name) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads all objects that are asked for.
    pub(crate) async fn list(&self, params: &ListParams) -> Result<ObjectList<K>>
    where
        K: Clone,
    {
        let mut list = self.server.read_answer(self.server.requests.list(params)).await?;
        let items: Result<_> = items(&mut list)?.into_iter().map(typed).collect();
        Ok(listed(&list, items?))
    }

    /// Patches an object.
    pub(crate) async fn patch<P: Serialize + Debug>(
        &self,
        name: &str,
        params: &PatchParams,
        patch: &Patch<P>,
    ) -> Result<K> {
        typed(self.server.read_answer(self.server.requests.patch(name, params, patch)).await?)
    }

    /// Patches the scale of an object.
    pub(crate) async fn patch_scale(&self, name: &str, params: &PatchParams, patch: &Patch<Value>) -> Result<()> {
        self.server.read_answer(self.server.requests.patch_subresource("scale", name, params, patch)).await.map(drop)
    }

    /// Reads the metadata of an object; `None` when it is not there.
    pub(crate) async fn get_metadata_opt(&self, name: &str) -> Result<Option<ObjectMeta>> {
        match self.server.read_answer(self.server.requests.get_metadata(name, &GetParams::default())).await {
            Ok(object) => metadata(object).map(Some),
            Err(Error::Api(status)) if is_gone(&status, name) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the metadata of all objects that are asked for.
    pub(crate) async fn list_metadata(&self, params: &ListParams) -> Result<Vec<ObjectMeta>> {
        let mut list = self.server.read_answer(self.server.requests.list_metadata(params)).await?;
        items(&mut list)?.into_iter().map(metadata).collect()
    }

    /// Asks to delete an object. It may take time to go.
    pub(crate) async fn delete(&self, name: &str, params: &DeleteParams) -> Result<()> {
        self.server.read_answer(self.server.requests.delete(name, params)).await.map(drop)
    }
}

/// Where to ask, and for which objects.
#[derive(Clone)]
struct Server {
    client: Client,
    requests: Request,
}

impl Server {
    /// Sends a request, and reads the answer.
    fn read_answer(&self, request: Result<http::Request<Vec<u8>>, request::Error>) -> BoxFuture<'_, Result<Value>> {
        Box::pin(async move {
            let text = self.client.request_text(request.map_err(Error::BuildRequest)?).await?;
            serde_json::from_str(&text).map_err(Error::SerdeError)
        })
    }
}

fn typed<K: Wire>(value: Value) -> Result<K> {
    K::from_json(value).map_err(Error::SerdeError)
}

fn metadata(mut object: Value) -> Result<ObjectMeta> {
    typed(object.get_mut("metadata").map(Value::take).ok_or_else(no_object)?)
}

/// Takes the objects out of a list. Servers write `null` for none.
fn items(list: &mut Value) -> Result<Vec<Value>> {
    match list.as_object_mut().ok_or_else(no_object)?.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        Some(Value::Null) | None => Ok(Vec::new()),
        Some(_) => Err(no_object()),
    }
}

/// The error about an answer that no API server of Kubernetes gives.
fn no_object() -> Error {
    Error::SerdeError(serde_json::Error::custom(
        "its answer is no object or list; choose another --context or --kubeconfig",
    ))
}

/// The list that an answer says, with its objects.
fn listed<K: Clone>(list: &Value, items: Vec<K>) -> ObjectList<K> {
    let text = |field: &str| list["metadata"][field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    ObjectList {
        types: TypeMeta::default(),
        metadata: ListMeta {
            continue_: text("continue"),
            resource_version: text("resourceVersion"),
            remaining_item_count: list["metadata"]["remainingItemCount"].as_i64(),
            ..Default::default()
        },
        items,
    }
}

#[cfg(test)]
mod tests;

//! Rust types on top of [`Api`]: the same requests, with the same limits and comparisons.

use std::marker::PhantomData;
use std::sync::Arc;

use kinds::Wire;
use model::Weigh;
use serde_json::Value;

use crate::api::{Api, Applied, Delete, Deletion, Each, List, Selection};
use crate::failure::Error;
use crate::json::typed;
use crate::resource::{Resource, Target};

/// The objects of one Rust type on one server. Cheap to clone.
#[derive(Clone)]
pub struct Typed<K> {
    api: Api,
    resource: Arc<Resource>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Typed<K>
where
    K: kube::Resource<DynamicType = ()>,
    K::Scope: 'static,
{
    pub(crate) fn new(api: Api) -> Self {
        Self { api, resource: Arc::new(Resource::typed::<K>()), kind: PhantomData }
    }
}

impl<K> Typed<K> {
    /// The client underneath.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The kind's place in the API.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    fn read(&self, value: Value) -> Result<K, Error>
    where
        K: Wire,
    {
        typed(value, &self.resource.kind)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// See [`Api::delete`].
    pub async fn delete(&self, namespace: &str, name: &str, options: &Delete<'_>) -> Result<Deletion, Error> {
        self.api.delete(&self.resource.target(namespace, name), options).await
    }
}

impl<K> Typed<K>
where
    K: kube::Resource<DynamicType = ()> + Wire,
{
    /// Reads an object; `None` when it is not there.
    ///
    /// # Errors
    /// See [`Api::get`].
    pub async fn get(&self, namespace: &str, name: &str) -> Result<Option<K>, Error> {
        let found = self.api.get(&self.resource.target(namespace, name)).await?;
        found.map(|value| self.read(value)).transpose()
    }

    /// Reads all objects, or those of one namespace. One that does not have the type's form is an error.
    ///
    /// # Errors
    /// See [`Api::list`].
    pub async fn list(&self, namespace: &str, selection: &Selection) -> Result<List<K>, Error>
    where
        K: Send,
    {
        // As JSON it weighs about what it does as a type, or more.
        let mut each = Each(|value: Value| {
            let weight = value.weight();
            Some((self.read(value), weight))
        });
        let listed = self.api.list_kept(&self.resource, namespace, selection, &mut each).await?;
        let items = listed.items.into_iter().collect::<Result<_, _>>()?;
        Ok(List { items, resource_version: listed.resource_version })
    }

    /// Creates an object in its namespace.
    ///
    /// # Errors
    /// See [`Api::create`].
    pub async fn create(&self, object: &K) -> Result<K, Error> {
        let value = self.write(object)?;
        let namespace = model::object::namespace(&value).unwrap_or_default();
        self.read(self.api.create(&self.resource, namespace, &value).await?)
    }

    /// Replaces an object.
    ///
    /// # Errors
    /// See [`Api::replace`].
    pub async fn replace(&self, object: &K) -> Result<K, Error> {
        let value = self.write(object)?;
        self.read(self.api.replace(&self.resource.target_of(&value), &value).await?)
    }

    /// Replaces the status of an object by the one that it holds, at the version that it has.
    ///
    /// # Errors
    /// See [`Api::replace`].
    pub async fn replace_status(&self, object: &K) -> Result<K, Error> {
        let value = self.write(object)?;
        let target: Target<'_> = self.resource.target_of(&value).part("status");
        self.read(self.api.replace(&target, &value).await?)
    }

    /// Server-side apply of what `object` says, which need not be all that the type has.
    ///
    /// # Errors
    /// See [`Api::apply`].
    pub async fn apply(&self, object: &Value) -> Result<Applied<K>, Error> {
        let Applied { created, object } = self.api.apply(&self.resource.target_of(object), object).await?;
        Ok(Applied { created, object: self.read(object)? })
    }

    /// Server-side apply of a part of the status. `object` has the status' part beside its name.
    ///
    /// # Errors
    /// See [`Api::apply`].
    pub async fn apply_status(&self, object: &Value) -> Result<K, Error> {
        let target: Target<'_> = self.resource.target_of(object).part("status");
        self.read(self.api.apply(&target, object).await?.object)
    }

    /// Applies a JSON merge patch to an object, or to a part of it such as `status`.
    ///
    /// # Errors
    /// See [`Api::merge`].
    pub async fn merge(&self, namespace: &str, name: &str, part: &str, patch: &Value) -> Result<K, Error> {
        self.read(self.api.merge(&self.resource.target(namespace, name).part(part), patch).await?)
    }

    fn write(&self, object: &K) -> Result<Value, Error> {
        let mut value = object.to_json().map_err(|e| Error::Request(e.to_string()))?;
        // Derived types may leave out what the type itself says.
        value["apiVersion"] = self.resource.api_version().into();
        value["kind"] = self.resource.kind.clone().into();
        Ok(value)
    }
}

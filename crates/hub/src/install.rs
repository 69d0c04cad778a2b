//! What every hub has: its CRDs, its namespace, its id, its kinds in the usual roles. Nothing is written that is there
//! already.

mod role;

use std::collections::BTreeMap;

use api::delivery::HubId;
use api::delivery::label::SYSTEM_NAMESPACE;
use client::{Api, Selection, Typed};
use futures::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kinds::Wire;
use kube::ResourceExt;
use plan::authenticator::{HubKey, HubKeyError, KEY_BYTES};
use serde_json::Value;

use crate::{entropy, view};

const FIELD_MANAGER: &str = "kurator-hub";
/// Secret that holds the hub's id. Backup, export and import keep it.
pub const ID_SECRET: &str = "kurator-hub-id";
/// Secret that holds the hub's key, which proves to the hub what it wrote in members. Backup, export and import keep it.
pub(crate) const KEY_SECRET: &str = "kurator-hub-key";
/// Secret that push hooks must know.
const HOOK_SECRET: &str = "kurator-push-hook";
/// Objects of one kind that are applied at once; each is one durable write, and they share its sync.
const WRITES_AT_ONCE: usize = 16;

/// The hub's own objects could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A request failed.
    #[error("cannot install {what}")]
    Request {
        /// What was being installed.
        what: String,
        /// Why.
        #[source]
        source: client::Error,
    },
    /// The id was changed by hand.
    #[error("Secret {SYSTEM_NAMESPACE}/{ID_SECRET} holds no hub id: {0}; restore it from a backup")]
    Id(String),
    /// The key was changed by hand.
    #[error("Secret {SYSTEM_NAMESPACE}/{KEY_SECRET} holds no key: {0}; restore it from a backup")]
    Key(HubKeyError),
}

fn failed(what: impl Into<String>) -> impl FnOnce(client::Error) -> InstallError {
    let what = what.into();
    move |source| InstallError::Request { what, source }
}

/// What was installed, or was there.
pub(crate) struct Installed {
    pub(crate) id: HubId,
    /// What proves that the hub wrote something in a member.
    pub(crate) key: HubKey,
    /// What push hooks must know.
    pub(crate) hook: String,
}

pub(crate) async fn install(api: &Api) -> Result<Installed, InstallError> {
    let api = api.with_manager(FIELD_MANAGER);
    // CRDs, the system namespace and roles do not need each other, nor do the three Secrets: writes at once share a sync.
    // Boxed: they are large, and what starts a hub would be as large.
    let wanted = api::crd::all();
    let roles = role::roles(&wanted, &view::KINDS, &view::CREATED);
    let definitions = Box::pin(applied::<CustomResourceDefinition>(&api, wanted));
    let roles = Box::pin(applied::<ClusterRole>(&api, roles));
    let ((), (), installed) = futures::future::try_join3(definitions, roles, Box::pin(secrets(&api))).await?;
    Ok(installed)
}

/// The system namespace and what is kept in it.
async fn secrets(api: &Api) -> Result<Installed, InstallError> {
    let namespaces = api.typed::<Namespace>();
    if namespaces.get("", SYSTEM_NAMESPACE).await.map_err(failed("the system namespace"))?.is_none() {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(SYSTEM_NAMESPACE.to_owned());
        create(&namespaces, &namespace).await?;
    }
    let id = kept(api, ID_SECRET, "id", || HubId::from_random(entropy::bytes()).to_string());
    let hook = kept(api, HOOK_SECRET, "token", entropy::token::<32>);
    let key = kept(api, KEY_SECRET, "key", entropy::token::<KEY_BYTES>);
    let (id, hook, key) = futures::future::try_join3(id, hook, key).await?;
    let id = id.parse().map_err(|e: model::NameError| InstallError::Id(e.to_string()))?;
    let key = key.parse().map_err(InstallError::Key)?;
    Ok(Installed { id, key, hook })
}

/// Applies those of the cluster-scoped objects that are not stored as they are wanted.
async fn applied<K>(api: &Api, wanted: Vec<Value>) -> Result<(), InstallError>
where
    K: kube::Resource<DynamicType = (), Scope: 'static> + Wire + Clone + Send,
{
    let objects = api.typed::<K>();
    let stored = objects.list("", &Selection::default()).await.map_err(failed(K::plural(&())))?;
    let stored: BTreeMap<String, Value> =
        stored.items.iter().map(|c| (c.name_any(), c.to_json().unwrap_or_default())).collect();
    let missing: Vec<Value> = wanted
        .into_iter()
        .filter(|object| {
            let name = model::object::name(object).unwrap_or_default();
            !stored.get(name).is_some_and(|stored| model::object::holds(stored, object))
        })
        .collect();
    let mut applied = futures::stream::iter(missing)
        .map(|object| {
            let objects = objects.clone();
            async move {
                let name = model::object::name(&object).unwrap_or_default();
                let what = format!("{} {name}", K::kind(&()));
                objects.apply(&object).await.map(drop).map_err(failed(what))
            }
        })
        .buffer_unordered(WRITES_AT_ONCE);
    while let Some(result) = applied.next().await {
        result?;
    }
    Ok(())
}

/// A value in a Secret, made once.
async fn kept(api: &Api, name: &str, key: &str, make: impl FnOnce() -> String) -> Result<String, InstallError> {
    let secrets = api.typed::<Secret>();
    let stored = secrets.get(SYSTEM_NAMESPACE, name).await.map_err(failed(format!("Secret {name}")))?;
    if let Some(bytes) = stored.and_then(|s| s.data.unwrap_or_default().remove(key)) {
        return Ok(String::from_utf8_lossy(&bytes.0).into_owned());
    }
    let value = make();
    let mut secret = Secret::default();
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.namespace = Some(SYSTEM_NAMESPACE.to_owned());
    secret.data = Some(BTreeMap::from([(key.to_owned(), ByteString(value.clone().into_bytes()))]));
    create(&secrets, &secret).await?;
    Ok(value)
}

async fn create<K>(api: &Typed<K>, object: &K) -> Result<(), InstallError>
where
    K: kube::Resource<DynamicType = ()> + Wire,
{
    api.create(object).await.map(drop).map_err(failed(format!("{} {}", K::kind(&()), object.name_any())))
}

//! Which kinds a member serves, and at which paths.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{GroupKind, GroupVersion, GroupVersionKind};
use serde_json::Value;
use tokio::time::Instant;

use crate::error::Error;
use crate::limit;
use crate::wire::Wire;

/// A kind's place in the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) version: GroupVersion,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
}

impl Resource {
    /// A core kind that every cluster serves.
    pub(crate) fn core(kind: &str, plural: &str, namespaced: bool) -> Self {
        Self { version: GroupVersion::new("", "v1"), kind: kind.to_owned(), plural: plural.to_owned(), namespaced }
    }

    /// The path of an object; without a name, of the collection; without a namespace, over all of them.
    pub(crate) fn path(&self, namespace: &str, name: &str) -> String {
        let prefix = if self.version.group.is_empty() { "/api" } else { "/apis" };
        let mut out = format!("{prefix}/{}", self.version);
        if self.namespaced && !namespace.is_empty() {
            out.push_str("/namespaces/");
            out.push_str(&crate::wire::encode(namespace));
        }
        out.push('/');
        out.push_str(&self.plural);
        if !name.is_empty() {
            out.push('/');
            out.push_str(&crate::wire::encode(name));
        }
        out
    }
}

struct Known {
    resources: Arc<Vec<Resource>>,
    fetched: Instant,
}

/// Remembers discovery documents. A kind that is not in one has it fetched again, at most every half second.
#[derive(Default)]
pub(crate) struct Discovery {
    known: Mutex<HashMap<GroupVersion, Known>>,
}

impl Discovery {
    /// Finds a kind; `None` when the member does not serve it.
    pub(crate) async fn find(&self, wire: &Wire, gvk: &GroupVersionKind) -> Result<Option<Resource>, Error> {
        let version = gvk.group_version();
        let pick = |resources: &[Resource]| resources.iter().find(|r| r.kind == gvk.kind).cloned();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(document) = known.get(&version) {
                let found = pick(&document.resources);
                if found.is_some() || document.fetched.elapsed() < limit::DISCOVERY_REFRESH {
                    return Ok(found);
                }
            }
        }
        let prefix = if version.group.is_empty() { "/api" } else { "/apis" };
        let document = wire.read(&format!("{prefix}/{version}")).await?;
        let resources = Arc::new(document.map(|d| read(&version, &d)).unwrap_or_default());
        let found = pick(&resources);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(version, Known { resources, fetched: Instant::now() });
        Ok(found)
    }

    /// Finds a kind or says that it is not served.
    pub(crate) async fn resolve(&self, wire: &Wire, gvk: &GroupVersionKind) -> Result<Resource, Error> {
        let missing = || Error::NoKind { kind: gvk.group_kind().to_string(), version: gvk.api_version() };
        self.find(wire, gvk).await?.ok_or_else(missing)
    }

    /// Finds a kind at any version of its group that the member serves.
    pub(crate) async fn find_anywhere(&self, wire: &Wire, kind: &GroupKind) -> Result<Option<Resource>, Error> {
        if kind.group.is_empty() {
            // The core group has one version.
            return self.find(wire, &GroupVersionKind::new("", "v1", kind.kind.clone())).await;
        }
        let Some(group) = wire.read(&format!("/apis/{}", kind.group)).await? else { return Ok(None) };
        for version in group.get("versions").and_then(Value::as_array).into_iter().flatten() {
            let Some(version) = version.get("version").and_then(Value::as_str) else { continue };
            let gvk = GroupVersionKind::new(kind.group.clone(), version, kind.kind.clone());
            if let Some(found) = self.find(wire, &gvk).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Forgets a group, one of whose kinds turned out not to be there.
    pub(crate) fn forget(&self, group: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|version, _| version.group != group);
    }
}

fn read(version: &GroupVersion, document: &Value) -> Vec<Resource> {
    let resources = document.get("resources").and_then(Value::as_array);
    let one = |r: &Value| {
        let plural = r.get("name")?.as_str().filter(|name| !name.contains('/'))?;
        Some(Resource {
            version: version.clone(),
            kind: r.get("kind")?.as_str()?.to_owned(),
            plural: plural.to_owned(),
            namespaced: r.get("namespaced").and_then(Value::as_bool).unwrap_or(false),
        })
    };
    resources.into_iter().flatten().filter_map(one).collect()
}

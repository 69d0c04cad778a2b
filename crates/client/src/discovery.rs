//! Which kinds a server serves, and at which paths.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt, stream};
use model::{GroupKind, GroupVersion, GroupVersionKind};
use serde_json::Value;
use tokio::time::Instant;

use crate::api::Api;
use crate::failure::Error;
use crate::limit;
use crate::resource::{Resource, Verbs, root};

/// One group version's kinds.
#[derive(Default)]
struct Kinds {
    resources: Document,
    /// When it was read; never, while it has not been.
    fetched: Option<Instant>,
    /// Kinds that are not in it and were resolved since then, with the group version that has them instead.
    elsewhere: BTreeMap<String, Option<String>>,
}

/// A slot that one reader fills while the others wait for it.
type Slot = Arc<tokio::sync::Mutex<Kinds>>;

/// Remembers discovery documents. A kind that is not in one has it fetched again, at most every
/// [`limit::DISCOVERY_REFRESH`]. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Discovery {
    api: Api,
    known: Arc<Mutex<HashMap<GroupVersion, Slot>>>,
    /// Kinds that were kept since everything was forgotten.
    kept: Arc<AtomicUsize>,
    documents: Documents,
}

/// Kinds of documents that servers have alike: a thousand members serve the same core group. Cheap to clone; clones share
/// what they hold, for as long as a member uses it.
#[derive(Clone, Debug, Default)]
pub struct Documents(Arc<Mutex<HashSet<Document>>>);

/// The kinds of a document.
type Document = Arc<[Arc<Resource>]>;

impl Documents {
    /// The copy that everybody shares of a document's kinds.
    fn share(&self, kinds: Vec<Resource>) -> Document {
        let kinds: Document = kinds.into_iter().map(Arc::new).collect();
        // What is in it is complete at every moment.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&kinds) {
            return Arc::clone(known);
        }
        // A new document is rare, and there are as many as there are versions of Kubernetes and of CRDs in use.
        known.retain(|kinds| Arc::strong_count(kinds) > 1);
        known.insert(Arc::clone(&kinds));
        kinds
    }
}

impl Discovery {
    /// Of a server, of which nothing is known yet.
    pub fn new(api: Api) -> Self {
        Self::sharing(api, &Documents::default())
    }

    /// The same, and what it will know is shared with other servers that say the same.
    pub fn sharing(api: Api, documents: &Documents) -> Self {
        Self { api, known: Arc::default(), kept: Arc::default(), documents: documents.clone() }
    }

    fn lock_known(&self) -> MutexGuard<'_, HashMap<GroupVersion, Slot>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, version: &GroupVersion) -> Slot {
        let mut known = self.lock_known();
        if !known.contains_key(version) && known.len() >= limit::DISCOVERY_DOCUMENTS_MAX {
            known.clear();
        }
        known.entry(version.clone()).or_default().clone()
    }

    /// Counts kinds that are about to be kept. When they are too many together, everything is forgotten.
    fn count_kinds(&self, kinds: usize) {
        if self.kept.fetch_add(kinds, Ordering::Relaxed) + kinds > limit::DISCOVERY_KEPT_MAX {
            self.lock_known().clear();
            self.kept.store(kinds, Ordering::Relaxed);
        }
    }

    /// Finds a kind; `None` when the server does not serve it.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Endless`] when a document has more than [`limit::DISCOVERY_KINDS_MAX`] kinds.
    pub async fn find(&self, gvk: &GroupVersionKind) -> Result<Option<Arc<Resource>>, Error> {
        let version = gvk.group_version();
        if !can_be_served(&version) {
            return Ok(None);
        }
        let slot = self.slot(&version);
        let mut kinds = slot.lock().await;
        let pick = |kinds: &Kinds| kinds.resources.iter().find(|r| r.kind == gvk.kind).cloned();
        let found = pick(&kinds);
        if found.is_some() || kinds.fetched.is_some_and(|at| at.elapsed() < limit::DISCOVERY_REFRESH) {
            return Ok(found);
        }
        let resources = match self.api.read(&root(&version.group, &version.version)).await {
            Ok(document) => kinds_of(&version, &document)?,
            Err(error) if error.is_path_unknown() => Vec::new(),
            Err(error) => return Err(error),
        };
        self.count_kinds(resources.len());
        let resources = self.documents.share(resources);
        *kinds = Kinds { resources, fetched: Some(Instant::now()), elsewhere: BTreeMap::new() };
        Ok(pick(&kinds))
    }

    /// Finds a kind or says that it is not served.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NoKind`].
    pub async fn resolve(&self, gvk: &GroupVersionKind) -> Result<Arc<Resource>, Error> {
        if let Some(found) = self.find(gvk).await? {
            return Ok(found);
        }
        let served = self.find_elsewhere(gvk).await;
        Err(Error::NoKind { kind: gvk.group_kind().to_string(), version: gvk.api_version(), served })
    }

    /// The group version in which the server has a kind that it does not serve in this one, as far as it says so. Asked once for
    /// each look at the document: a thousand objects may be of a kind that is gone.
    async fn find_elsewhere(&self, gvk: &GroupVersionKind) -> Option<String> {
        let version = gvk.group_version();
        if !can_be_served(&version) {
            return None;
        }
        let slot = self.slot(&version);
        if let Some(known) = slot.lock().await.elsewhere.get(&gvk.kind) {
            return known.clone();
        }
        // Without the lock: the version itself may be among those that are looked through.
        let found = self.find_any_version(&gvk.group_kind()).await.ok()?;
        let found = found.map(|found| GroupVersion::new(found.group.clone(), found.version.clone()));
        let found = found.filter(|found| *found != version).map(|found| found.to_string());
        let mut kinds = slot.lock().await;
        if kinds.elsewhere.len() < limit::DISCOVERY_ELSEWHERE_MAX {
            kinds.elsewhere.insert(gvk.kind.clone(), found.clone());
        }
        found
    }

    /// Finds a kind at any version of its group that the server serves, the preferred one first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_any_version(&self, kind: &GroupKind) -> Result<Option<Arc<Resource>>, Error> {
        if kind.group.is_empty() {
            // The core group has one version.
            return self.find(&GroupVersionKind::new("", "v1", kind.kind.clone())).await;
        }
        let group = match self.api.read(&format!("/apis/{}", crate::resource::encode(&kind.group))).await {
            Ok(group) => group,
            Err(error) if error.is_path_unknown() => return Ok(None),
            Err(error) => return Err(error),
        };
        for version in versions_of(&group) {
            let gvk = GroupVersionKind::new(kind.group.clone(), version, kind.kind.clone());
            if let Some(found) = self.find(&gvk).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Forgets a group, one of whose kinds turned out not to be there, or to be there now.
    pub fn forget(&self, group: &str) {
        self.lock_known().retain(|version, _| version.group != group);
    }
}

/// Everything that a server serves.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// Kinds, in one version each: the one that the server prefers. In order.
    pub kinds: Vec<Arc<Resource>>,
    /// Group versions that did not answer (an aggregated API that is down), with the reason.
    pub failed: BTreeMap<String, String>,
}

impl Served {
    /// Asks a server for everything that it serves.
    ///
    /// # Errors
    /// When the list of groups cannot be read. A single group that fails is in [`Served::failed`].
    pub async fn discover(api: &Api) -> Result<Self, Error> {
        let groups = api.read("/apis").await?;
        if groups.get("kind").and_then(Value::as_str) != Some("APIGroupList") {
            return Err(mismatch("the list of API groups", &groups));
        }
        let mut wanted = vec![GroupVersion::new("", "v1")];
        for group in groups.get("groups").and_then(Value::as_array).into_iter().flatten() {
            let name = group.get("name").and_then(Value::as_str).unwrap_or_default();
            let versions = versions_of(group).into_iter().map(|version| GroupVersion::new(name, version));
            wanted.extend(versions.filter(can_be_served));
        }
        let max = limit::DISCOVERY_DOCUMENTS_MAX;
        if wanted.len() > max {
            return Err(Error::Endless { max, of: "group versions" });
        }
        let mut found = stream::iter(wanted)
            .map(|version| async move {
                let document = api.read(&root(&version.group, &version.version)).await;
                let kinds = document.and_then(|document| kinds_of(&version, &document));
                (version, kinds)
            })
            .buffered(limit::DISCOVERY_FAN_OUT);
        let mut out = Self::default();
        while let Some((version, kinds)) = found.next().await {
            match kinds {
                Ok(kinds) => out.add(kinds),
                Err(error) => drop(out.failed.insert(version.to_string(), error.to_string())),
            }
        }
        out.kinds.sort();
        Ok(out)
    }

    /// The kind that an owner reference names, whatever the version.
    pub fn kind(&self, group: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.kinds.iter().find(|served| served.group == group && served.kind == kind)
    }

    /// Kinds known from an earlier, preferred version stay.
    fn add(&mut self, kinds: Vec<Resource>) {
        for kind in kinds {
            if !self.kinds.iter().any(|known| known.group == kind.group && known.plural == kind.plural) {
                self.kinds.push(Arc::new(kind));
            }
        }
    }
}

/// Is it short enough to be a group and a version of an API? What is not asked for costs nothing.
fn can_be_served(version: &GroupVersion) -> bool {
    version.group.len() <= limit::GROUP_BYTES_MAX && version.version.len() <= limit::KIND_BYTES_MAX
}

/// Is it a plural name or a kind, as Kubernetes has them? It goes into paths as it is.
fn is_word(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.len() <= limit::KIND_BYTES_MAX && text.bytes().all(is_letter)
}

fn mismatch(asked: &str, answer: &Value) -> Error {
    Error::Mismatch { asked: asked.to_owned(), found: crate::answer::found(answer, false) }
}

/// The kinds of an APIResourceList. Subresources are not kinds, and what has no name that a kind can have is none.
fn kinds_of(version: &GroupVersion, document: &Value) -> Result<Vec<Resource>, Error> {
    let said = document.get("groupVersion").and_then(Value::as_str).unwrap_or_default();
    if said != version.to_string() {
        return Err(mismatch(&format!("the kinds of {version}"), document));
    }
    let one = |resource: &Value| {
        let text = |field: &str| resource.get(field).and_then(Value::as_str).filter(|text| is_word(text));
        let plural = text("name")?;
        let verbs = resource.get("verbs").and_then(Value::as_array).into_iter().flatten();
        Some(Resource {
            group: version.group.clone(),
            version: version.version.clone(),
            kind: text("kind")?.to_owned(),
            plural: plural.to_owned(),
            namespaced: resource.get("namespaced").and_then(Value::as_bool).unwrap_or_default(),
            verbs: verbs.filter_map(Value::as_str).collect::<Verbs>(),
        })
    };
    let max = limit::DISCOVERY_KINDS_MAX;
    let kinds = document.get("resources").and_then(Value::as_array).into_iter().flatten().filter_map(one);
    // One more tells whether there are too many, and the rest is not read.
    let kinds: Vec<Resource> = kinds.take(max + 1).collect();
    if kinds.len() > max {
        return Err(Error::Endless { max, of: "kinds in a group version" });
    }
    Ok(kinds)
}

/// The versions of an APIGroup, the preferred one first.
fn versions_of(group: &Value) -> Vec<&str> {
    let preferred = group.pointer("/preferredVersion/version").and_then(Value::as_str).unwrap_or_default();
    let versions = group.get("versions").and_then(Value::as_array).into_iter().flatten();
    let mut versions: Vec<&str> = versions.filter_map(|v| v.get("version")?.as_str()).collect();
    versions.sort_by_key(|version| *version != preferred);
    versions.truncate(limit::DISCOVERY_VERSIONS_MAX);
    versions
}

#[cfg(test)]
mod tests;

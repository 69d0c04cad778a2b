//! The kinds that are served at this moment: built-in ones, kinds from code, and those of CRDs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use apimachinery::structural::{self, CustomKind};
use kinds::schema::Schema;
use model::{GroupResource, GroupVersion, GroupVersionKind, object};
use serde_json::Value;
use store::Revision;

use crate::crd;
use crate::resource::{Resource, ResourceInfo, Source};
use crate::strategy::{self, Strategy};
use crate::surroundings::{FixedKind, NamesInUse};

/// Where a kind's definition comes from.
#[derive(Clone)]
pub(crate) enum Origin {
    /// A row of the generated table.
    Builtin(&'static kinds::Kind),
    /// A version of a CRD, by its index.
    Custom(Arc<CustomKind>, usize),
    /// Code.
    Code(Arc<dyn Resource>, Arc<ResourceInfo>),
}

/// One kind in one version.
#[derive(Clone)]
pub(crate) struct Served {
    /// Group, version and kind.
    pub(crate) gvk: GroupVersionKind,
    /// The `apiVersion` text.
    pub(crate) api_version: String,
    /// Group and plural, as error messages and authorization name it.
    pub(crate) resource: GroupResource,
    /// Singular name.
    pub(crate) singular: String,
    /// Short names.
    pub(crate) short_names: Vec<String>,
    /// Categories.
    pub(crate) categories: Vec<String>,
    /// Do objects live in namespaces?
    pub(crate) namespaced: bool,
    /// Group and plural in store keys. Differs from `resource` where two groups show the same objects (events).
    pub(crate) stored_as: GroupResource,
    /// The `apiVersion` of stored objects.
    pub(crate) storage: String,
    /// Is there a `status` subresource?
    pub(crate) status: bool,
    /// Paths of the `scale` subresource.
    pub(crate) scale: Option<ScalePaths>,
    /// Fields that selectors may name besides name and namespace.
    pub(crate) selectable: Vec<String>,
    /// Verbs served.
    pub(crate) verbs: Vec<&'static str>,
    /// Objects written before this revision are read through the defaults of the schema; zero when it has none.
    pub(crate) since: Revision,
    /// Rules of its own.
    pub(crate) strategy: &'static Strategy,
    /// Definition.
    pub(crate) origin: Origin,
}

/// Where a kind keeps what `autoscaling/v1 Scale` shows, as field names from the object inward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    /// Desired replicas.
    pub(crate) spec: Vec<String>,
    /// Observed replicas.
    pub(crate) status: Vec<String>,
    /// Label selector in text or object form.
    pub(crate) selector: Option<Vec<String>>,
}

/// Verbs of kinds that are stored.
pub(crate) const STORED_VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

impl Served {
    /// The kind's type.
    pub(crate) fn schema(&self) -> &Schema {
        match &self.origin {
            Origin::Builtin(kind) => kind.schema(),
            Origin::Custom(kind, version) => &kind.versions[*version].schema,
            Origin::Code(_, info) => &info.schema,
        }
    }

    /// The row of the built-in table.
    pub(crate) fn builtin(&self) -> Option<&'static kinds::Kind> {
        match &self.origin {
            Origin::Builtin(kind) => Some(kind),
            _ => None,
        }
    }

    /// Is the kind defined by a CRD?
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.origin, Origin::Custom(..))
    }

    /// The code behind it, when objects are not stored.
    pub(crate) fn code(&self) -> Option<(&Arc<dyn Resource>, Source)> {
        match &self.origin {
            Origin::Code(code, info) if info.source != Source::Stored => Some((code, info.source)),
            _ => None,
        }
    }

    fn of_builtin(kind: &'static kinds::Kind) -> Self {
        let gvk = GroupVersionKind::new(kind.group, kind.version, kind.kind);
        let resource = GroupResource { group: kind.group.to_owned(), resource: kind.plural.to_owned() };
        let strategy = strategy::of_builtin(kind.group, kind.version, kind.kind);
        let (group, version) = strategy.stored_as.unwrap_or((kind.group, kind.version));
        Self {
            stored_as: GroupResource { group: group.to_owned(), resource: kind.plural.to_owned() },
            storage: GroupVersion::new(group, version).to_string(),
            api_version: gvk.api_version(),
            gvk,
            resource,
            singular: kind.singular.to_owned(),
            short_names: owned(kind.short_names),
            categories: owned(kind.categories),
            namespaced: kind.namespaced,
            status: kind.status,
            scale: kind.scale.as_ref().map(|paths| ScalePaths {
                spec: fields(paths.spec),
                status: fields(paths.status),
                selector: Some(fields(paths.selector)),
            }),
            selectable: owned(kind.selectable),
            verbs: kind.verbs.to_vec(),
            since: Revision(0),
            strategy,
            origin: Origin::Builtin(kind),
        }
    }

    fn of_code(code: &Arc<dyn Resource>) -> Self {
        let info = Arc::new(code.info());
        let gvk = GroupVersionKind::new(info.group.clone(), info.version.clone(), info.kind.clone());
        let resource = GroupResource { group: info.group.clone(), resource: info.plural.clone() };
        Self {
            api_version: gvk.api_version(),
            storage: gvk.api_version(),
            gvk,
            stored_as: resource.clone(),
            resource,
            singular: info.singular.clone(),
            short_names: info.short_names.clone(),
            categories: info.categories.clone(),
            namespaced: info.namespaced,
            status: info.status,
            scale: None,
            selectable: Vec::new(),
            verbs: info.verbs.clone(),
            since: Revision(0),
            strategy: strategy::of_code(),
            origin: Origin::Code(code.clone(), info),
        }
    }

    fn of_custom(custom: &Arc<CustomKind>, since: Revision, index: usize) -> Self {
        let version = &custom.versions[index];
        let gvk = GroupVersionKind::new(custom.group.clone(), version.name.clone(), custom.names.kind.clone());
        let resource = GroupResource { group: custom.group.clone(), resource: custom.names.plural.clone() };
        let stored = custom.versions.iter().find(|v| v.storage).unwrap_or(version);
        Self {
            api_version: gvk.api_version(),
            gvk,
            stored_as: resource.clone(),
            resource,
            singular: custom.names.singular.clone(),
            short_names: custom.names.short_names.clone(),
            categories: custom.names.categories.clone(),
            namespaced: custom.namespaced,
            storage: GroupVersion::new(custom.group.clone(), stored.name.clone()).to_string(),
            status: version.status,
            scale: version.scale.as_ref().map(|paths| ScalePaths {
                spec: paths.spec_replicas.clone(),
                status: paths.status_replicas.clone(),
                selector: paths.label_selector.clone(),
            }),
            selectable: version.selectable.clone(),
            verbs: STORED_VERBS.to_vec(),
            since: if has_defaults(&version.schema) { since } else { Revision(0) },
            strategy: strategy::of_custom(),
            origin: Origin::Custom(custom.clone(), index),
        }
    }
}

fn fields(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

/// A CRD whose names are accepted.
#[derive(Clone)]
pub(crate) struct Definition {
    /// The kind.
    pub(crate) kind: Arc<CustomKind>,
    /// Revision of the CRD that this was read from.
    pub(crate) revision: Revision,
    /// `metadata.generation` of the CRD.
    pub(crate) generation: i64,
    /// Objects written before this revision may lack defaults that the CRD got since.
    pub(crate) since: Revision,
    /// Objects can be made: the CRD is not being deleted.
    pub(crate) open: bool,
}

impl Definition {
    /// The kind that a stored CRD defines, if its names were accepted. `known` is what it defined before, when that is
    /// known.
    pub(crate) fn read(name: &str, crd: &Value, revision: Revision, known: Option<&Self>) -> Option<Self> {
        if crd::condition(crd, "Established") != Some("True") {
            return None;
        }
        match structural::parse_crd(crd) {
            Ok(kind) => {
                let generation = object::get_i64(crd, &["metadata", "generation"]).unwrap_or(1);
                // Objects cannot be older than the first generation. After a restart it is not known when a later one
                // began: the CRD's last write is a safe bound.
                let since = match known {
                    Some(known) if known.generation == generation => known.since,
                    None if generation == 1 => Revision(0),
                    _ => revision,
                };
                let kind = Arc::new(kind);
                Some(Self { kind, revision, generation, since, open: !object::is_deleting(crd) })
            }
            Err(errors) => {
                // It was valid when it was written; a newer server may be stricter. The kind is not served, and says
                // so.
                tracing::warn!(crd = name, error = %errors[0], "a stored CustomResourceDefinition is not valid");
                None
            }
        }
    }
}

/// An immutable set of kinds; replaced as a whole when a CRD changes.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    fixed: Arc<Vec<Arc<Served>>>,
    customs: BTreeMap<String, Definition>,
    by_path: HashMap<(String, String), HashMap<String, Arc<Served>>>,
    /// Grows with each change; names cached documents.
    pub(crate) generation: u64,
}

impl Registry {
    /// Built-in kinds and kinds from code.
    pub(crate) fn new(resources: &[Arc<dyn Resource>]) -> Self {
        let builtins = kinds::all().iter().map(Served::of_builtin);
        let fixed: Vec<_> = builtins.chain(resources.iter().map(Served::of_code)).map(Arc::new).collect();
        let mut out = Self { fixed: Arc::new(fixed), ..Self::default() };
        out.index();
        out
    }

    /// The kind at a path.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Served>> {
        // The key is owned strings; two small allocations per request are cheaper than a borrowed-key trick is clear.
        self.by_path.get(&(group.to_owned(), version.to_owned()))?.get(plural)
    }

    /// Every kind, built-in ones first in the table's order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<Served>> + '_ {
        let customs = self.customs.values().flat_map(custom_versions);
        self.fixed.iter().cloned().chain(customs)
    }

    /// Every kind of one group and version.
    pub(crate) fn in_version(&self, group: &str, version: &str) -> Vec<Arc<Served>> {
        self.all().filter(|s| s.gvk.group == group && s.gvk.version == version).collect()
    }

    /// A CRD that is served.
    pub(crate) fn definition(&self, crd: &str) -> Option<&Definition> {
        self.customs.get(crd)
    }

    /// May objects of this kind be made? Not while its CRD is being deleted.
    pub(crate) fn is_open(&self, served: &Served) -> bool {
        !served.is_custom() || self.definition(&served.resource.to_string()).is_none_or(|definition| definition.open)
    }

    /// All definitions with the name of their CRD.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = (&String, &Definition)> {
        self.customs.iter()
    }

    /// The names in a group that belong to other kinds than that of this CRD.
    pub(crate) fn names_in_use(&self, group: &str, crd: &str) -> NamesInUse {
        let mut out = NamesInUse::default();
        for other in self.all().filter(|s| s.gvk.group == group && s.resource.to_string() != crd) {
            let names = [&other.resource.resource, &other.singular].into_iter().chain(&other.short_names);
            out.resources.extend(names.cloned());
            out.kinds.extend([other.gvk.kind.clone(), format!("{}List", other.gvk.kind)]);
        }
        out
    }

    /// The kind of a CRD's name (`PLURAL.GROUP`) that is served without a CRD.
    pub(crate) fn fixed_kind(&self, crd: &str) -> Option<FixedKind> {
        let mut found: Option<FixedKind> = None;
        for served in self.fixed.iter().filter(|s| s.resource.to_string() == crd) {
            let kind = found.get_or_insert_with(FixedKind::default);
            kind.kind.clone_from(&served.gvk.kind);
            kind.namespaced = served.namespaced;
            kind.versions.insert(served.gvk.version.clone());
        }
        found
    }

    /// A registry with a CRD added, changed (`Some`) or removed (`None`). The CRD of a kind that is served without one
    /// changes nothing, also one that is stored from a time in which it did: two owners of one name would share storage,
    /// and the end of the CRD would delete the objects of the other.
    pub(crate) fn with(&self, crd: &str, definition: Option<Definition>) -> Self {
        let mut out = self.clone();
        match definition.filter(|_| self.fixed_kind(crd).is_none()) {
            Some(definition) => out.customs.insert(crd.to_owned(), definition),
            None => out.customs.remove(crd),
        };
        out.generation += 1;
        out.index();
        out
    }

    fn index(&mut self) {
        let mut by_path: HashMap<(String, String), HashMap<String, Arc<Served>>> = HashMap::new();
        for served in self.all() {
            let gv = (served.gvk.group.clone(), served.gvk.version.clone());
            by_path.entry(gv).or_default().entry(served.resource.resource.clone()).or_insert(served);
        }
        self.by_path = by_path;
    }
}

fn custom_versions(definition: &Definition) -> Vec<Arc<Served>> {
    let Definition { kind, since, .. } = definition;
    let served = kind.versions.iter().enumerate().filter(|(_, version)| version.served);
    served.map(|(index, _)| Arc::new(Served::of_custom(kind, *since, index))).collect()
}

fn has_defaults(schema: &Schema) -> bool {
    let below = schema.fields.values().chain(&schema.item).chain(&schema.value);
    schema.default.is_some() || below.into_iter().any(|schema| has_defaults(schema))
}

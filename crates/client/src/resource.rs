//! A kind's place in an API, and the paths of its objects.

use std::any::TypeId;
use std::fmt;

use model::{GroupKind, GroupVersion, GroupVersionKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What is encoded in paths and queries: everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes one segment of a path, or a value of a query.
pub fn encode(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, RESERVED)
}

/// Adds a name to a path, as one segment. kube-apiserver decodes a path before it takes it apart, so that `a%2Fb` would be two
/// segments, and `..` the one above: what no name can be is encoded twice, and there is no such object.
fn push_segment(path: &mut String, name: &str) {
    path.push('/');
    match model::name::check_path_segment(name) {
        Ok(()) => path.extend(utf8_percent_encode(name, RESERVED)),
        Err(_) => path.push_str(&encode(name).to_string().replace('.', "%2E").replace('%', "%25")),
    }
}

/// What can be done with the objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Read one.
    Get,
    /// Read all.
    List,
    /// Be told of changes.
    Watch,
    /// Make one.
    Create,
    /// Replace one.
    Update,
    /// Change one.
    Patch,
    /// Delete one.
    Delete,
    /// Delete all.
    DeleteCollection,
}

impl Verb {
    /// Every verb, with its word in discovery.
    const ALL: [(Self, &str); 8] = [
        (Self::Get, "get"),
        (Self::List, "list"),
        (Self::Watch, "watch"),
        (Self::Create, "create"),
        (Self::Update, "update"),
        (Self::Patch, "patch"),
        (Self::Delete, "delete"),
        (Self::DeleteCollection, "deletecollection"),
    ];
}

/// A set of verbs.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Verbs(u8);

impl Verbs {
    /// All of them: what an ordinary kind has.
    pub const ALL: Self = Self(u8::MAX);

    /// Does the set have a verb?
    pub fn has(self, verb: Verb) -> bool {
        self.0 & (1 << verb as u8) != 0
    }
}

impl<'a> FromIterator<&'a str> for Verbs {
    /// Words that are no verbs of objects, such as `proxy`, are left out.
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let bit =
            |word: &str| Verb::ALL.iter().find(|(_, known)| *known == word).map_or(0, |(verb, _)| 1 << *verb as u8);
        Self(words.into_iter().fold(0, |set, word| set | bit(word)))
    }
}

impl fmt::Debug for Verbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Verb::ALL.iter().filter(|(verb, _)| self.has(*verb)).map(|(_, word)| word)).finish()
    }
}

/// A kind as a server serves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource {
    /// API group, empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind in CamelCase.
    pub kind: String,
    /// Plural name in paths.
    pub plural: String,
    /// Do its objects live in namespaces?
    pub namespaced: bool,
    /// What can be done with its objects.
    pub verbs: Verbs,
}

impl Resource {
    /// A kind that is known without asking, with all verbs.
    pub fn new(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let [group, version, kind, plural] = [group, version, kind, plural].map(str::to_owned);
        Self { group, version, kind, plural, namespaced, verbs: Verbs::ALL }
    }

    /// A kind of the core group.
    pub fn core(kind: &str, plural: &str, namespaced: bool) -> Self {
        Self::new("", "v1", kind, plural, namespaced)
    }

    /// The kind of a Rust type.
    pub fn typed<K>() -> Self
    where
        K: kube::Resource<DynamicType = ()>,
        K::Scope: 'static,
    {
        let namespaced = TypeId::of::<K::Scope>() == TypeId::of::<k8s_openapi::NamespaceResourceScope>();
        Self::new(&K::group(&()), &K::version(&()), &K::kind(&()), &K::plural(&()), namespaced)
    }

    /// Does it know a verb?
    pub fn can(&self, verb: Verb) -> bool {
        self.verbs.has(verb)
    }

    /// Its `apiVersion` in parts.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(self.group.clone(), self.version.clone())
    }

    /// The `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        self.group_version().to_string()
    }

    /// Group and kind.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(self.group.clone(), self.kind.clone())
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::new(self.group.clone(), self.version.clone(), self.kind.clone())
    }

    /// The path of all objects, or of those in one namespace. Cluster-scoped kinds take no notice of a namespace.
    pub fn collection(&self, namespace: &str) -> String {
        let mut path = root(&self.group, &self.version);
        if self.namespaced && !namespace.is_empty() {
            path.push_str("/namespaces");
            push_segment(&mut path, namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        path
    }

    /// One object.
    pub fn target<'a>(&'a self, namespace: &'a str, name: &'a str) -> Target<'a> {
        Target { resource: self, namespace, name, part: "" }
    }

    /// The place of an object, by its own words.
    pub fn target_of<'a>(&'a self, object: &'a Value) -> Target<'a> {
        let namespace = model::object::namespace(object).unwrap_or_default();
        self.target(namespace, model::object::name(object).unwrap_or_default())
    }
}

impl fmt::Display for Resource {
    /// `deployments.apps`; the core group adds nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

/// The path of a group version's discovery document, under which its kinds are.
pub(crate) fn root(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("/api/{}", encode(version))
    } else {
        format!("/apis/{}/{}", encode(group), encode(version))
    }
}

/// One object, or a part of it, as a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Its kind.
    pub resource: &'a Resource,
    /// Namespace, empty for cluster-scoped kinds.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// Subresource such as `status`; empty for the object itself.
    pub part: &'a str,
}

impl<'a> Target<'a> {
    /// A subresource of the object.
    pub fn part(self, part: &'a str) -> Self {
        Self { part, ..self }
    }

    /// Its path.
    pub fn path(&self) -> String {
        let mut path = self.resource.collection(self.namespace);
        push_segment(&mut path, self.name);
        if !self.part.is_empty() {
            path.push('/');
            path.push_str(self.part);
        }
        path
    }
}

#[cfg(test)]
mod tests;

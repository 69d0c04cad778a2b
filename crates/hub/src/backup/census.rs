//! What is in a store: every value is decoded, and what objects say of others is looked up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use apiserver::JsonProjection;
use model::GroupVersionKind;
use serde::Deserialize;
use store::Projection as _;
use store::disk::copy::{Change, Record};

use super::make::secret_key;
use crate::install::{ID_SECRET, KEY_SECRET};

/// Most sentences of one sort that are kept: a person reads a handful, and a number says how many there are.
const SENTENCES_MAX: usize = 20;

/// Objects as they are met.
#[derive(Default)]
pub(super) struct Census {
    /// What the newest revision of each key says: some 300 bytes for each object.
    newest: HashMap<Box<[u8]>, (u64, Option<Object>)>,
    problems: Sentences,
}

/// What is remembered of an object.
struct Object {
    uid: Box<str>,
    owners: Box<[(Box<str>, Box<str>)]>,
    kind: GroupVersionKind,
    /// Revisions that a Decision names.
    revisions: Box<[Box<str>]>,
}

/// Some sentences, and how many there would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentences {
    /// The first ones.
    pub first: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl Sentences {
    pub(super) fn add(&mut self, sentence: impl FnOnce() -> String) {
        if self.first.len() < SENTENCES_MAX {
            self.first.push(sentence());
        }
        self.count += 1;
    }
}

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Objects by kind, `Kind.group`.
    pub kinds: BTreeMap<String, usize>,
    /// How many objects.
    pub objects: usize,
    /// How many namespaces.
    pub namespaces: usize,
    /// What a hub cannot work with.
    pub problems: Sentences,
    /// What it works with and puts right by itself.
    pub notes: Sentences,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow)]
    api_version: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct DecisionHead {
    spec: DecisionMembers,
}

#[derive(Deserialize)]
struct DecisionMembers {
    #[serde(default)]
    members: BTreeMap<String, MemberHead>,
}

#[derive(Deserialize)]
struct MemberHead {
    revision: Box<str>,
}

impl Census {
    /// Takes one change.
    pub(super) fn take_record(&mut self, record: &Record<'_>) {
        if self.newest.get(record.key).is_some_and(|(revision, _)| *revision > record.revision.0) {
            return;
        }
        let object = match record.change {
            Change::Deleted => None,
            Change::Put(value) => match object(record.key, value) {
                Ok(object) => Some(object),
                Err(why) => {
                    self.problems.add(|| format!("{} cannot be read: {why}", String::from_utf8_lossy(record.key)));
                    None
                }
            },
        };
        self.newest.insert(record.key.into(), (record.revision.0, object));
    }

    /// Looks up what objects say of others.
    pub(super) fn count(self) -> Counted {
        let live: BTreeMap<&[u8], &Object> =
            self.newest.iter().filter_map(|(k, (_, o))| Some((&**k, o.as_ref()?))).collect();
        let uids: BTreeSet<&str> = live.values().map(|object| &*object.uid).collect();
        let has = |key: String| live.contains_key(key.as_bytes());
        let mut out = Counted { objects: live.len(), problems: self.problems, ..Counted::default() };
        for (key, object) in &live {
            let Some((_, resource, namespace, name)) = parts(key) else { continue };
            let kind = &object.kind;
            let group = &kind.group;
            let shown = || format!("{} {}", kind.kind, [namespace, name].join("/").trim_start_matches('/'));
            let counted = if group.is_empty() { kind.kind.clone() } else { format!("{}.{group}", kind.kind) };
            *out.kinds.entry(counted).or_default() += 1;
            out.namespaces += usize::from(group.is_empty() && resource == "namespaces");
            if !namespace.is_empty() && !has(format!("//namespaces//{namespace}")) {
                out.problems.add(|| format!("{} is in a namespace that is not there", shown()));
            }
            let definition = format!("/apiextensions.k8s.io/customresourcedefinitions//{resource}.{group}");
            if kinds::find(kind).is_none() && !has(definition) {
                out.problems.add(|| format!("{} is of a kind without a CustomResourceDefinition", shown()));
            }
            for (uid, owner) in object.owners.iter().filter(|(uid, _)| !uids.contains(&**uid)) {
                out.notes
                    .add(|| format!("{} is owned by {owner} ({uid}), which is gone: it will be collected", shown()));
            }
            for revision in object.revisions.iter().collect::<BTreeSet<_>>() {
                if !has(format!("/{group}/revisions/{namespace}/{revision}")) {
                    out.notes.add(|| {
                        format!("{} names Revision {revision}, which is gone: it will be decided again", shown())
                    });
                }
            }
        }
        for secret in [ID_SECRET, KEY_SECRET] {
            if !has(secret_key(secret)) {
                out.problems
                    .add(|| format!("Secret kurator-system/{secret} is not there: no member would know this hub"));
            }
        }
        out
    }
}

/// Group, resource, namespace and name of a key.
fn parts(key: &[u8]) -> Option<(&str, &str, &str, &str)> {
    let mut parts = std::str::from_utf8(key).ok()?.strip_prefix('/')?.splitn(4, '/');
    Some((parts.next()?, parts.next()?, parts.next()?, parts.next()?))
}

fn object(key: &[u8], value: &[u8]) -> Result<Object, String> {
    let meta = JsonProjection.project(key, value)?;
    let head: Head<'_> = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    let (group, resource, namespace, name) = parts(key).ok_or("its key names no object")?;
    if (&*meta.namespace, &*meta.name) != (namespace, name) {
        return Err(format!("it says that it is {}/{}", meta.namespace, meta.name));
    }
    let (of, version) = head.api_version.split_once('/').unwrap_or(("", &head.api_version));
    let kind = GroupVersionKind::new(of, version, &*head.kind);
    let is_decision = (group, resource) == ("delivery.kurator.dev", "decisions");
    let revisions = if is_decision {
        let decision: DecisionHead = serde_json::from_slice(value).map_err(|error| error.to_string())?;
        decision.spec.members.into_values().map(|member| member.revision).collect()
    } else {
        Box::default()
    };
    let owner = |owner: &apiserver::Owner| (owner.uid.clone(), format!("{} {}", owner.kind, owner.name).into());
    Ok(Object { uid: meta.uid, owners: meta.owners.iter().map(owner).collect(), kind, revisions })
}

//! What a member lets the hub do in it: everything, or everything in some of its namespaces (ADR 44).
//!
//! `kurator attach --namespaces a,b` gives Roles in these namespaces and no ClusterRole. What needs more is not asked for: it
//! is found out here, before anything is sent.
//!
//! | an object | of a member that gives namespaces a, b |
//! |---|---|
//! | in namespace a or b | is delivered |
//! | in another namespace | is not sent: the member's operator gives more, or the source has less |
//! | without a namespace | is not sent: it is cluster-scoped, also the Namespace a itself |
//!
//! Absent on purpose: what the member's RBAC says at the moment. A credential with fewer rights than are recorded is answered
//! by the member, as before.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use api::delivery::UnitStatus;
use api::kurator::annotation::RECONCILE;
use api::kurator::cluster::v1alpha1::AttachedClusterSpec;
use api::kurator::minted::NAMESPACE;
use model::{HashedKey, ObjectKey};

use crate::phase;

/// Reason of an object that needs more rights than the member gives, and of a unit that has one.
pub const OUTSIDE_RIGHTS: &str = "OutsideRights";

/// Namespaces that a sentence names as given. More would fill it: a member may give dozens.
const NAMED_MAX: usize = 5;

/// Longest list of namespaces in the command that widens the rights, in characters: people read it.
const LIST_CHARS_MAX: usize = 400;

/// Longest sentence, in characters: what is kept of a message, less the object that it is said of in its unit's message. What would
/// be longer is said in fewer words, so that no command is cut.
const SENTENCE_CHARS_MAX: usize = UnitStatus::MESSAGE_MAX - 200;

/// Namespaces in which `kurator attach` gives no rights one by one: with all rights in the first one has them in the whole cluster,
/// and the second one is the hub's own.
pub const RESERVED_NAMESPACES: [&str; 2] = ["kube-system", NAMESPACE];

/// What the hub may do in a member. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights(Option<Arc<Limited>>);

#[derive(Debug, PartialEq, Eq)]
struct Limited {
    namespaces: BTreeSet<String>,
    /// `kurator attach` with what means this member: the beginning of the command that widens its rights.
    attach: String,
}

/// What an object needs that its member does not give.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// Rights in this namespace.
    Namespace(String),
    /// Rights in the whole cluster.
    Cluster,
}

impl Lack {
    /// The part of limited rights that an object would need.
    pub fn of(key: &ObjectKey) -> Self {
        match key.namespace.as_str() {
            "" => Self::Cluster,
            namespace => Self::Namespace(namespace.to_owned()),
        }
    }
}

impl Lack {
    /// The namespace, if rights are given in it one by one.
    fn namespace(&self) -> Option<&str> {
        match self {
            Self::Namespace(namespace) => {
                Some(namespace.as_str()).filter(|namespace| !RESERVED_NAMESPACES.contains(namespace))
            }
            Self::Cluster => None,
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(namespace) => write!(f, "namespace {namespace}"),
            Self::Cluster => f.write_str("the whole cluster"),
        }
    }
}

impl Rights {
    /// Everything in these namespaces. `attach` is the command that attaches the member, without `--namespaces`.
    pub fn in_namespaces(namespaces: impl IntoIterator<Item = String>, attach: String) -> Self {
        Self(Some(Arc::new(Limited { namespaces: namespaces.into_iter().collect(), attach })))
    }

    /// Are they limited to namespaces?
    pub fn are_limited(&self) -> bool {
        self.0.is_some()
    }

    /// What an object needs beyond them; `None` when it may be asked for.
    pub fn lack(&self, key: &ObjectKey) -> Option<Lack> {
        let limited = self.0.as_ref()?;
        (key.namespace.is_empty() || !limited.namespaces.contains(&key.namespace)).then(|| Lack::of(key))
    }

    /// The objects that may be asked for, and those that may not.
    pub fn split<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a Arc<HashedKey>>,
    ) -> (Vec<Arc<HashedKey>>, Vec<Arc<HashedKey>>) {
        keys.into_iter().cloned().partition(|key| self.lack(key).is_none())
    }

    /// In which namespace the objects of a key's kind are listed and watched; empty for all of the member.
    pub fn listed_in<'a>(&self, key: &'a ObjectKey) -> &'a str {
        if self.are_limited() { &key.namespace } else { "" }
    }

    /// Why an object that a unit wants is not asked for, and what to do. `all`: what the objects of the member's units lack.
    /// One command gives all of it, if the list is not too long.
    pub fn sentence(&self, key: &ObjectKey, lack: &Lack, all: &BTreeSet<Lack>) -> String {
        // Without a limit nothing is lacking.
        let Some(limited) = self.0.as_deref() else { return String::new() };
        let said = |length| limited.sentence(key, lack, all, length);
        let fits = |said: &String| said.chars().count() <= SENTENCE_CHARS_MAX;
        let longer = [Length::Full, Length::Short].into_iter().map(said).find(fits);
        longer.unwrap_or_else(|| said(Length::Shortest))
    }

    /// Why an object stays that its unit no longer wants, and what to do. `all` as in [`Self::sentence`]; `leaves`: the unit leaves the
    /// member.
    pub fn why_it_stays(&self, lack: &Lack, all: &BTreeSet<Lack>, leaves: bool) -> String {
        if leaves {
            return format!(
                "the member gives no rights in {lack}, so it stays as it is, and is no longer recorded when the unit has left"
            );
        }
        format!(
            "the member gives no rights in {lack}, so it stays, and stays recorded: it is deleted when you widen them with `{}`, and let \
             go of when the unit leaves the member",
            self.widened(lack, all)
        )
    }

    /// The command that gives what an object lacks, beside what is given and what `all` others lack in namespaces.
    pub fn widened(&self, lack: &Lack, all: &BTreeSet<Lack>) -> String {
        let limited = self.0.as_deref();
        limited.map(|limited| limited.widened(lack, all, Length::Full)).unwrap_or_default()
    }

    /// What these objects lack together.
    pub fn lacks<'a>(&self, keys: impl IntoIterator<Item = &'a Arc<HashedKey>>) -> BTreeSet<Lack> {
        match self.are_limited() {
            true => keys.into_iter().filter_map(|key| self.lack(key)).collect(),
            false => BTreeSet::new(),
        }
    }
}

/// How much a sentence says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    /// Everything.
    Full,
    /// How many namespaces are given, instead of their names, and one command.
    Short,
    /// The same, with only its own namespace in the command.
    Shortest,
}

impl Limited {
    fn sentence(&self, key: &ObjectKey, lack: &Lack, all: &BTreeSet<Lack>, length: Length) -> String {
        let given = match length {
            Length::Full => named(&self.namespaces),
            Length::Short | Length::Shortest => format!("{} of its namespaces", self.namespaces.len()),
        };
        let widen = self.widened(lack, all, length);
        if let Lack::Namespace(namespace) = lack {
            // Also where more names are lacking than can be given one by one.
            if widen == self.attach {
                return format!(
                    "it needs rights in namespace {namespace}, and the member gives them in {given} only, so it is not asked for: \
                     take it out, or give all rights with `{widen}`"
                );
            }
            let needs_all = length == Length::Full && all.iter().any(|lack| lack.namespace().is_none());
            let whole = match needs_all {
                true => format!(
                    ", or, since other objects need rights in the whole cluster, give all rights with `{}`",
                    self.attach
                ),
                false => String::new(),
            };
            return format!(
                "it needs rights in namespace {namespace}, and the member gives them in {given} only, so it is not asked for: take \
                 it out, or widen them with `{widen}`{whole}"
            );
        }
        if phase::is_namespace(key) && self.namespaces.contains(&key.name) {
            return format!(
                "what is in it is delivered, and the Namespace itself is neither made nor changed: it is in no namespace, so it \
                 needs rights in the whole cluster, and the member gives them in {given} only. Put it into a policy that selects \
                 other members, or annotate it {RECONCILE}: disabled and make it where it is missing, or give all rights with `{widen}`"
            );
        }
        format!(
            "it is in no namespace, so it needs rights in the whole cluster, and the member gives them in {given} only; it is not \
             asked for: take it out, or give all rights with `{widen}`"
        )
    }

    fn widened(&self, lack: &Lack, all: &BTreeSet<Lack>, length: Length) -> String {
        let Self { namespaces, attach } = self;
        let lacking: BTreeSet<&str> = all.iter().chain([lack]).filter_map(Lack::namespace).collect();
        let wanted: BTreeSet<&str> = namespaces.iter().map(String::as_str).chain(lacking.iter().copied()).collect();
        if lack.namespace().is_none() || wanted.len() > AttachedClusterSpec::NAMESPACES_MAX {
            return attach.clone();
        }
        // Commands that add do not undo each other, so that a list which is too long for a sentence may be given in parts.
        let joined = lacking.iter().copied().collect::<Vec<_>>().join(",");
        let fits = length != Length::Shortest && joined.len() <= LIST_CHARS_MAX;
        let list = if fits { joined.as_str() } else { lack.namespace().unwrap_or_default() };
        format!("{attach} --add-namespaces {list}")
    }
}

/// The first namespaces, and how many more there are.
fn named(namespaces: &BTreeSet<String>) -> String {
    let first: Vec<&str> = namespaces.iter().take(NAMED_MAX).map(String::as_str).collect();
    let left = namespaces.len() - first.len();
    let first = if first.is_empty() { "no namespace".to_owned() } else { first.join(", ") };
    if left == 0 { first } else { format!("{first} and {left} more") }
}

#[cfg(test)]
mod tests;

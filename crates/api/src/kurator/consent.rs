//! What a person agreed to before the edit was made that it is for.
//!
//! An approval ([`super::annotation::APPROVE`]) names a list that the hub has made. A command that shows the list and makes
//! the edit itself writes a consent instead: a set of members and objects, and which kind of edit takes them out. What is
//! released by it is a part of that set, and only by that edit: it says which entry is taken out of which list, and what the list
//! is without it.
//!
//! An approval of a list that an edit causes names members and no objects. What was shown of these to the person who approved stands
//! beside it ([`ShownList`]), so that what is deleted by it is a part of that, too.

use std::time::Duration;

use model::{Digest, MemberName, ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::fleet::v1alpha1::ClusterRef;
use crate::delivery::{LeavingCause, ObjectSet};

/// One consent. The annotation holds a JSON list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// When the person agreed.
    pub given: Timestamp,
    /// The kind of edit.
    pub cause: LeavingCause,
    /// The edit itself. A consent without one, as an earlier version wrote it, is for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<FleetEdit>,
    /// To what.
    pub scopes: Vec<ConsentScope>,
}

/// A policy in a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentScope {
    /// Name of the policy.
    pub policy: String,
    /// The member.
    pub member: MemberName,
    /// When the policy was given to the member: a consent is for once, and not for a member that came back since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed: Option<Timestamp>,
    /// The objects that may be deleted there.
    pub objects: ObjectSet,
}

/// One entry is taken out of the list of a Fleet, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetEdit {
    /// Name of the Fleet.
    pub fleet: String,
    /// The entry.
    pub entry: ClusterRef,
    /// The entries that stay.
    pub rest: ObjectSet,
}

impl FleetEdit {
    /// Takes an entry out of a list in which it is, or was.
    pub fn new(fleet: &str, entry: ClusterRef, listed: &[ClusterRef]) -> Self {
        let rest: Vec<ObjectKey> = listed.iter().filter(|other| **other != entry).map(key).collect();
        Self { fleet: fleet.to_owned(), entry, rest: ObjectSet::new(&rest) }
    }

    /// Do the entries that are to stay stand in this list, or in `agreed`, which others were told to take out? One that was put
    /// into the list since does not matter.
    pub fn keeps_the_rest(&self, listed: &[ClusterRef], agreed: &[ClusterRef]) -> bool {
        let there: Vec<ObjectKey> = listed.iter().chain(agreed).map(key).collect();
        ObjectSet::new(there.iter().filter(|key| self.rest.contains(key))).len() == self.rest.len()
    }
}

fn key(entry: &ClusterRef) -> ObjectKey {
    ObjectKey { kind: entry.kind.clone(), name: entry.name.clone(), ..ObjectKey::default() }
}

impl Consent {
    /// How long one holds. The edit is made in the same second; a day lets a hub that was down for the night take it up.
    pub const LASTS: Duration = Duration::from_secs(24 * 60 * 60);

    /// How far the clock of the person's machine may be ahead of the hub's. Clocks that a time service sets are within a second.
    pub const AHEAD_MAX: Duration = Duration::from_secs(5 * 60);

    /// Reads the annotation. What is no list of consents counts as none: nothing is released by what cannot be read.
    pub fn read(annotation: &str) -> Vec<Self> {
        serde_json::from_str(annotation).unwrap_or_default()
    }

    /// As it is written into the annotation.
    pub fn write(all: &[Self]) -> String {
        serde_json::to_string(all).expect("a consent has string keys and no foreign serializers")
    }

    /// Does it hold at this time?
    pub fn holds_at(&self, now: Timestamp) -> bool {
        match Duration::try_from(now.duration_since(self.given)) {
            Ok(age) => age < Self::LASTS,
            Err(_) => Duration::try_from(self.given.duration_since(now)).is_ok_and(|ahead| ahead <= Self::AHEAD_MAX),
        }
    }

    /// What names it.
    pub fn digest(&self) -> Digest {
        Digest::of_json(&serde_json::to_value(self).expect("a consent has string keys and no foreign serializers"))
    }
}

/// What was shown of one list that a person approved: which objects go. The annotation ([`super::annotation::SHOWN`]) holds a JSON list
/// of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownList {
    /// The digest of the list, as the approval says it.
    pub digest: Digest,
    /// What goes, by members in which it is the same.
    pub groups: Vec<ShownGroup>,
}

/// What goes from these members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownGroup {
    /// The members.
    pub members: Vec<MemberName>,
    /// The objects that may be deleted in each.
    pub objects: ObjectSet,
}

impl ShownList {
    /// Reads the annotation. What is no such list counts as none: its approval is then as one that names a digest alone.
    pub fn read(annotation: &str) -> Vec<Self> {
        serde_json::from_str(annotation).unwrap_or_default()
    }

    /// As it is written into the annotation.
    pub fn write(all: &[Self]) -> String {
        serde_json::to_string(all).expect("a list has string keys and no foreign serializers")
    }

    /// What may be deleted in a member: nothing in one that was not shown.
    pub fn of(&self, member: &MemberName) -> ObjectSet {
        let group = self.groups.iter().find(|group| group.members.contains(member));
        group.map(|group| group.objects.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consent_lapses_after_a_day_and_is_not_for_the_future() {
        let consent = Consent {
            given: "2026-01-01T12:00:00Z".parse().unwrap(),
            cause: LeavingCause::NotListed,
            edit: None,
            scopes: vec![],
        };
        for (now, holds) in [
            ("2026-01-01T11:54:59Z", false),
            ("2026-01-01T11:55:00Z", true),
            ("2026-01-01T12:00:00Z", true),
            ("2026-01-02T11:59:59Z", true),
            ("2026-01-02T12:00:00Z", false),
            ("2027-01-01T12:00:00Z", false),
        ] {
            assert_eq!(consent.holds_at(now.parse().unwrap()), holds, "{now}");
        }
    }

    #[test]
    fn what_is_no_list_of_consents_is_none() {
        let scope = ConsentScope {
            policy: "p".into(),
            member: "a".parse().unwrap(),
            placed: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            objects: ObjectSet::default(),
        };
        let given = "2026-01-01T12:00:00Z".parse().unwrap();
        let entry = |name: &str| ClusterRef { kind: "AttachedCluster".into(), name: name.into() };
        let edit = Some(FleetEdit::new("f", entry("a"), &[entry("a"), entry("b")]));
        let all = vec![Consent { given, cause: LeavingCause::NotListed, edit, scopes: vec![scope] }];
        assert_eq!(Consent::read(&Consent::write(&all)), all);
        for text in ["", "{}", "yes", "[{\"given\": \"now\"}]", "sha256:00"] {
            assert_eq!(Consent::read(text), [], "{text}");
        }
    }

    #[test]
    fn of_a_member_that_was_not_shown_nothing_goes() {
        let key = model::ObjectKey { kind: "ConfigMap".into(), name: "x".into(), ..model::ObjectKey::default() };
        let objects = ObjectSet::new([&key]);
        let list = ShownList {
            digest: Digest::of(b"list"),
            groups: vec![ShownGroup { members: vec!["a".parse().unwrap()], objects: objects.clone() }],
        };
        assert_eq!(
            ShownList::read(&ShownList::write(std::slice::from_ref(&list))).as_slice(),
            std::slice::from_ref(&list)
        );
        assert_eq!(ShownList::read("sha256:00"), []);
        assert_eq!(list.of(&"a".parse().unwrap()), objects);
        assert_eq!(list.of(&"b".parse().unwrap()), ObjectSet::default());
    }
}

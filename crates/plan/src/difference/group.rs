//! Differences of many members as few: each once, with the members that have it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::view::{
    DifferenceGroup, DifferenceSummary, Differences, ObjectChange, ObjectDifference, PlacementChange, Placing,
    UnknownMembers,
};
use model::{Digest, MemberName, words};
use serde_json::json;

/// Most groups that are listed: more differences than a person reads one by one.
pub const GROUPS_MAX: usize = 50;
/// Most objects that are listed of one group.
pub const OBJECTS_MAX: usize = 200;
/// Most bytes of texts in all groups together: an answer stays well below what clients take of one object (3 MiB).
const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes that an object and a field take beside their texts.
const FRAME_BYTES: usize = 64;
/// Most characters of a reason why a member is not known.
const WHY_MAX: usize = 500;
/// Most notes.
const NOTES_MAX: usize = 20;

/// How one unit differs in one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDifference {
    /// The member.
    pub member: MemberName,
    /// The Application.
    pub application: String,
    /// Its policy.
    pub policy: String,
    /// What the source calls what is there.
    pub from: String,
    /// What the source calls what should be there.
    pub to: String,
    /// Why deletions would wait; empty when they would not.
    pub held: String,
    /// What differs. Mostly the same for many members, which share it.
    pub objects: Arc<Vec<ObjectDifference>>,
}

/// What was found in all members. It is put together as it comes: of a thousand members, each difference is kept once.
#[derive(Debug)]
pub struct Found {
    /// Every member that was looked at, or should have been.
    pub members: BTreeSet<MemberName>,
    /// Members that an edit concerns: Application, policy, what happens, reason, member.
    pub placings: Vec<(String, String, Placing, String, MemberName)>,
    /// Members of which it is not known, and why.
    pub unknown: BTreeMap<MemberName, String>,
    /// What is likely to be a mistake in what was compared.
    pub warnings: Vec<String>,
    /// What else there is to say.
    pub notes: Vec<String>,
    summary: DifferenceSummary,
    differing: BTreeSet<MemberName>,
    groups: BTreeMap<Digest, DifferenceGroup>,
    left_out: BTreeSet<Digest>,
    room: usize,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            members: BTreeSet::new(),
            placings: Vec::new(),
            unknown: BTreeMap::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
            summary: DifferenceSummary::default(),
            differing: BTreeSet::new(),
            groups: BTreeMap::new(),
            left_out: BTreeSet::new(),
            room: TEXT_BYTES_MAX,
        }
    }
}

impl Found {
    /// Takes in what differs in a member.
    pub fn add(&mut self, difference: MemberDifference) {
        let MemberDifference { member, application, policy, from, to, held, objects } = difference;
        if objects.is_empty() {
            return;
        }
        add_counts(&mut self.summary, &objects, !held.is_empty());
        if objects.iter().any(|object| object.change != ObjectChange::NotAsked) {
            self.differing.insert(member.clone());
        }
        let digest = Digest::of_json(&json!([application, policy, from, to, held, *objects]));
        if let Some(group) = self.groups.get_mut(&digest) {
            group.members.push(member);
            return;
        }
        if self.groups.len() >= GROUPS_MAX {
            self.left_out.insert(digest);
            return;
        }
        let (members, objects) = (vec![member], objects.as_ref().clone());
        let mut group = DifferenceGroup { application, policy, members, from, to, held, objects, left_out: 0 };
        shorten(&mut group, &mut self.room);
        self.groups.insert(digest, group);
    }

    /// Everything, as it is answered.
    pub fn into_differences(self) -> Differences {
        let Self { members, placings, unknown, warnings, notes, mut summary, mut differing, groups, left_out, room: _ } =
            self;
        differing.extend(placings.iter().map(|(.., member)| member.clone()));
        (summary.members, summary.unknown) = (count(members.len()), count(unknown.len()));
        summary.differing = count(differing.len());
        let mut groups: Vec<DifferenceGroup> = groups.into_values().collect();
        groups.iter_mut().for_each(|group| group.members.sort());
        groups.sort_by(|a, b| (&a.application, &a.policy, &a.members).cmp(&(&b.application, &b.policy, &b.members)));
        let (warnings, notes) = (bounded(warnings), bounded(notes));
        let (placements, unknown) = (placements(placings), by_reason(unknown));
        Differences { summary, placements, groups, left_out: count(left_out.len()), unknown, warnings, notes }
    }
}

/// Each sentence once, and not more of them than are read.
fn bounded(mut notes: Vec<String>) -> Vec<String> {
    notes.sort();
    notes.dedup();
    notes.truncate(NOTES_MAX);
    notes.iter_mut().for_each(|note| words::bound(note, WHY_MAX));
    notes
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn add_counts(summary: &mut DifferenceSummary, objects: &[ObjectDifference], held: bool) {
    for object in objects {
        let counter = match object.change {
            ObjectChange::Add => &mut summary.added,
            ObjectChange::Change => &mut summary.changed,
            ObjectChange::Delete => &mut summary.deleted,
            ObjectChange::Replace => &mut summary.replaced,
            ObjectChange::Release => &mut summary.released,
            ObjectChange::Adopt => &mut summary.adopted,
            ObjectChange::LeaveAlone => &mut summary.left_alone,
            ObjectChange::NotAsked => &mut summary.not_asked,
        };
        *counter = counter.saturating_add(1);
        if held && object.change == ObjectChange::Delete {
            summary.held = summary.held.saturating_add(1);
        }
    }
}

/// Keeps as many objects as there is room for. What goes is listed first: nobody may miss it.
fn shorten(group: &mut DifferenceGroup, room: &mut usize) {
    let order = |change: ObjectChange| match change {
        ObjectChange::Delete => 0,
        ObjectChange::Replace => 1,
        ObjectChange::Release => 2,
        ObjectChange::LeaveAlone => 3,
        ObjectChange::Adopt => 4,
        ObjectChange::Change => 5,
        ObjectChange::Add => 6,
        ObjectChange::NotAsked => 7,
    };
    group.objects.sort_by(|a, b| (order(a.change), &a.object).cmp(&(order(b.change), &b.object)));
    let all = group.objects.len();
    let mut kept = Vec::new();
    for object in std::mem::take(&mut group.objects).into_iter().take(OBJECTS_MAX) {
        let bytes = bytes_of(&object);
        if bytes > *room {
            break;
        }
        *room -= bytes;
        kept.push(object);
    }
    group.left_out = count(all - kept.len());
    group.objects = kept;
}

fn bytes_of(object: &ObjectDifference) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let fields = object.fields.iter();
    let fields: usize = fields.map(|f| FRAME_BYTES + f.path.len() + text(&f.from) + text(&f.to) + text(&f.by)).sum();
    FRAME_BYTES + object.object.len() + object.note.len() + fields
}

fn placements(placings: Vec<(String, String, Placing, String, MemberName)>) -> Vec<PlacementChange> {
    let mut by: BTreeMap<(String, String, Placing, String), BTreeSet<MemberName>> = BTreeMap::new();
    for (application, policy, change, reason, member) in placings {
        by.entry((application, policy, change, reason)).or_default().insert(member);
    }
    let one = |((application, policy, change, reason), members): ((String, String, Placing, String), BTreeSet<_>)| {
        PlacementChange { application, policy, change, members: members.into_iter().collect(), reason }
    };
    by.into_iter().map(one).collect()
}

fn by_reason(unknown: BTreeMap<MemberName, String>) -> Vec<UnknownMembers> {
    let mut by: BTreeMap<String, Vec<MemberName>> = BTreeMap::new();
    for (member, why) in unknown {
        by.entry(words::bounded(&why, WHY_MAX)).or_default().push(member);
    }
    by.into_iter().map(|(message, members)| UnknownMembers { members, message }).collect()
}

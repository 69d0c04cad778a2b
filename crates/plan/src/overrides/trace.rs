//! Who set which field: a tree beside the object, of the same shape.
//!
//! Items of lists move when others come and go. So writes are kept where they are in the object, and get their paths only
//! at the end ([`Trace::finish`]).

mod list;

use std::collections::BTreeMap;

use list::List;

use super::patch::{Effect, EffectKind};
use super::pointer::{Pointer, Step};
use super::provenance::{By, Change, ChangeKind, Provenance, Write};

/// One place of an object.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The write that set this place, or took it away.
    entry: Option<Entry>,
    /// Something stood here before overrides wrote here; `None` when none did.
    existed: Option<bool>,
    /// Writes at this place and below that were lost, the oldest first.
    lost: Vec<Write>,
    fields: BTreeMap<String, Trace>,
    list: List,
    /// Of a text that was changed inside: who set what in it.
    inside: Option<Box<Trace>>,
}

/// A write that holds.
#[derive(Debug)]
struct Entry {
    kind: ChangeKind,
    write: Write,
}

impl Trace {
    /// Adds what an operation did.
    pub(super) fn record(&mut self, effect: Effect, by: &By) {
        let (steps, kind, write) = split(effect, by);
        let Some((last, parents)) = steps.split_last() else {
            return self.set(ChangeKind::Set, write, None);
        };
        let (parent, above) = self.descend(parents);
        let index = match last {
            Step::Item(index) => *index,
            Step::Field(name) => {
                let kind = if kind == EffectKind::Removed { ChangeKind::Removed } else { ChangeKind::Set };
                return parent.fields.entry(name.clone()).or_default().set(kind, write, above);
            }
        };
        match kind {
            EffectKind::Set => parent.list.item(index).set(ChangeKind::Set, write, above),
            EffectKind::Inserted => parent.list.insert(index, Self::inserted(write)),
            EffectKind::Removed => parent.list.remove(index, write, above),
        }
    }

    /// Adds that a text has another content, and what was done inside it. What others set inside is still there.
    pub(super) fn record_inside(&mut self, effect: Effect, inside: Vec<Effect>, by: &By) {
        let (steps, _, write) = split(effect, by);
        let (place, above) = self.descend(&steps);
        if let Some(inner) = place.inside.take() {
            place.lost.extend(place.entry.take().map(|entry| entry.write));
            place.entry = Some(Entry { kind: ChangeKind::Set, write });
            place.inside = Some(inner);
        } else {
            place.set(ChangeKind::Set, write, above);
        }
        let inner = place.inside.get_or_insert_default();
        inside.into_iter().for_each(|effect| inner.record(effect, by));
    }

    fn inserted(write: Write) -> Self {
        let entry = Some(Entry { kind: ChangeKind::Inserted, write });
        Self { entry, existed: Some(false), ..Self::default() }
    }

    /// The place behind steps, and who set something above it, or it, as a whole.
    fn descend(&mut self, steps: &[Step]) -> (&mut Self, Option<By>) {
        let mut place = self;
        let mut above = None;
        for step in std::iter::once(None).chain(steps.iter().map(Some)) {
            place = match step {
                None => place,
                Some(Step::Field(name)) => place.fields.entry(name.clone()).or_default(),
                Some(Step::Item(index)) => place.list.item(*index),
            };
            if let Some(entry) = &place.entry {
                above = Some(entry.write.by.clone());
            }
        }
        (place, above)
    }

    /// Sets or removes the place as a whole: what was written at it and below is lost. So is its value in what was written
    /// `above` as a whole, when nothing has been written here since.
    fn set(&mut self, kind: ChangeKind, write: Write, above: Option<By>) {
        let existed = self.existed.unwrap_or(write.before.is_some());
        let inserted = self.entry.as_ref().is_some_and(|entry| entry.kind == ChangeKind::Inserted);
        let mut lost = self.part_of_whole(&write, above);
        std::mem::take(self).collect(&mut lost);
        let mut entry = None;
        if kind == ChangeKind::Removed && !existed {
            // Only an override had made it: nothing is left of either.
            lost.push(write);
        } else {
            let kind = if inserted { ChangeKind::Inserted } else { kind };
            entry = Some(Entry { kind, write });
        }
        *self = Self { entry, existed: Some(existed), lost, ..Self::default() };
    }

    /// What a write replaces of something that was written as a whole.
    fn part_of_whole(&self, write: &Write, above: Option<By>) -> Vec<Write> {
        let part = |by| Write { path: write.path.clone(), before: None, after: write.before.clone(), by };
        above.filter(|_| self.existed.is_none() && write.before.is_some()).map(part).into_iter().collect()
    }

    /// Every write in a part that goes.
    fn collect(self, out: &mut Vec<Write>) {
        out.extend(self.lost);
        out.extend(self.entry.map(|entry| entry.write));
        self.fields.into_values().for_each(|field| field.collect(out));
        self.list.collect(out);
        if let Some(inside) = self.inside {
            inside.collect(out);
        }
    }

    /// The writes that hold, with their paths in the result, and those of which nothing is left.
    ///
    /// In this order the writes are a patch that makes the result out of the original: a whole before its parts, and of a
    /// list what goes, then what comes, then changes of items.
    pub(super) fn finish(self) -> Provenance {
        let mut out = Provenance::default();
        self.walk(&mut Vec::new(), &mut out);
        out
    }

    fn walk(self, path: &mut Vec<Step>, out: &mut Provenance) {
        match self.entry {
            Some(entry) => {
                let inside = self.inside.map(|inside| inside.finish()).unwrap_or_default();
                out.undone.extend(inside.undone);
                out.changes.push(entry.change(path, self.lost, inside.changes));
            }
            None => out.undone.extend(self.lost),
        }
        for (name, field) in self.fields {
            path.push(Step::Field(name));
            field.walk(path, out);
            path.pop();
        }
        self.list.walk(path, out);
    }
}

impl Entry {
    fn change(self, path: &[Step], lost: Vec<Write>, inside: Vec<Change>) -> Change {
        let Write { before, after, by, .. } = self.write;
        Change { path: Pointer(path).to_string(), kind: self.kind, before, after, by, lost, inside }
    }
}

fn split(effect: Effect, by: &By) -> (Vec<Step>, EffectKind, Write) {
    let Effect { path, kind, before, after } = effect;
    let write = Write { path: Pointer(&path).to_string(), before, after, by: by.clone() };
    (path, kind, write)
}

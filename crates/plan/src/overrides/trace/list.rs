//! Lists whose items come and go.

use super::{Entry, Trace};
use crate::overrides::pointer::Step;
use crate::overrides::provenance::{By, ChangeKind, Provenance, Write};

/// What was done to a list. Items behind those that are here are as they were.
#[derive(Debug, Default)]
pub(super) struct List {
    items: Vec<Item>,
    /// How many items of the original are in `items` or were taken out.
    originals: usize,
    removed: Vec<Removed>,
    /// Writes of items that overrides put in and took out again.
    undone: Vec<Write>,
}

#[derive(Debug)]
struct Item {
    /// Its place in the original; `None`: an override put it in.
    origin: Option<usize>,
    trace: Trace,
}

/// An item of the original that was taken out.
#[derive(Debug)]
struct Removed {
    origin: usize,
    entry: Entry,
    lost: Vec<Write>,
}

impl List {
    fn extend_to(&mut self, length: usize) {
        while self.items.len() < length {
            self.items.push(Item { origin: Some(self.originals), trace: Trace::default() });
            self.originals += 1;
        }
    }

    /// The item at a place.
    pub(super) fn item(&mut self, index: usize) -> &mut Trace {
        self.extend_to(index + 1);
        &mut self.items[index].trace
    }

    /// An override puts an item in.
    pub(super) fn insert(&mut self, index: usize, trace: Trace) {
        self.extend_to(index);
        self.items.insert(index, Item { origin: None, trace });
    }

    /// An override takes an item out, which `above` may have written with the whole list.
    pub(super) fn remove(&mut self, index: usize, write: Write, above: Option<By>) {
        self.extend_to(index + 1);
        let Item { origin, trace } = self.items.remove(index);
        let mut lost = trace.part_of_whole(&write, above);
        trace.collect(&mut lost);
        match origin {
            Some(origin) => {
                self.removed.push(Removed { origin, entry: Entry { kind: ChangeKind::Removed, write }, lost });
            }
            None => {
                self.undone.extend(lost);
                self.undone.push(write);
            }
        }
    }

    pub(super) fn collect(self, out: &mut Vec<Write>) {
        for removed in self.removed {
            out.extend(removed.lost);
            out.push(removed.entry.write);
        }
        out.extend(self.undone);
        self.items.into_iter().for_each(|item| item.trace.collect(out));
    }

    /// What goes, from the end, so that no path moves; what comes, from the beginning, to its place in the result; then
    /// what is in the items.
    pub(super) fn walk(mut self, path: &mut Vec<Step>, out: &mut Provenance) {
        self.removed.sort_by_key(|removed| std::cmp::Reverse(removed.origin));
        for Removed { origin, entry, lost } in self.removed {
            path.push(Step::Item(origin));
            out.changes.push(entry.change(path, lost, Vec::new()));
            path.pop();
        }
        out.undone.extend(self.undone);
        for (index, item) in self.items.iter_mut().enumerate().filter(|(_, item)| item.origin.is_none()) {
            path.push(Step::Item(index));
            if let Some(entry) = item.trace.entry.take() {
                let inside = item.trace.inside.take().map(|inside| inside.finish()).unwrap_or_default();
                out.undone.extend(inside.undone);
                out.changes.push(entry.change(path, std::mem::take(&mut item.trace.lost), inside.changes));
            }
            path.pop();
        }
        for (index, item) in self.items.into_iter().enumerate() {
            path.push(Step::Item(index));
            item.trace.walk(path, out);
            path.pop();
        }
    }
}

//! Lists whose items come and go.

use std::collections::BTreeMap;

use super::{Entry, Trace};
use crate::overrides::pointer::Step;
use crate::overrides::provenance::{By, ChangeKind, Provenance, Write};

/// What was done to a list. Only items that were written are here, however long the list is.
#[derive(Debug, Default)]
pub(super) struct List {
    /// By their places as the list is now.
    items: BTreeMap<usize, Item>,
    /// Items of the original that were taken out, by their places there.
    removed: BTreeMap<usize, (Entry, Vec<Write>)>,
    /// Writes of items that overrides put in and took out again.
    undone: Vec<Write>,
}

#[derive(Debug, Default)]
struct Item {
    /// An override put it in.
    is_inserted: bool,
    trace: Trace,
}

impl List {
    /// The item at a place.
    pub(super) fn item(&mut self, index: usize) -> &mut Trace {
        &mut self.items.entry(index).or_default().trace
    }

    /// An override puts an item in.
    pub(super) fn insert(&mut self, index: usize, trace: Trace) {
        let behind = self.items.split_off(&index);
        self.items.insert(index, Item { is_inserted: true, trace });
        self.items.extend(behind.into_iter().map(|(place, item)| (place + 1, item)));
    }

    /// An override takes an item out, which `above` may have written with the whole list.
    pub(super) fn remove(&mut self, index: usize, write: Write, above: Option<By>) {
        let origin = self.origin_of(index);
        let Item { is_inserted, trace } = self.items.remove(&index).unwrap_or_default();
        let behind = self.items.split_off(&index);
        self.items.extend(behind.into_iter().map(|(place, item)| (place - 1, item)));
        let mut lost = trace.part_of_whole(&write, above);
        trace.collect(&mut lost);
        if is_inserted {
            self.undone.extend(lost);
            self.undone.push(write);
        } else {
            self.removed.insert(origin, (Entry { kind: ChangeKind::Removed, write }, lost));
        }
    }

    /// Where an item that no override put in stood in the original.
    fn origin_of(&self, index: usize) -> usize {
        let inserted = self.items.range(..index).filter(|(_, item)| item.is_inserted).count();
        self.removed.keys().fold(index - inserted, |origin, removed| origin + usize::from(*removed <= origin))
    }

    pub(super) fn collect(self, out: &mut Vec<Write>) {
        for (entry, lost) in self.removed.into_values() {
            out.extend(lost);
            out.push(entry.write);
        }
        out.extend(self.undone);
        self.items.into_values().for_each(|item| item.trace.collect(out));
    }

    /// What goes, from the end, so that no path moves; what comes, from the beginning, to its place in the result; then
    /// what is in the items.
    pub(super) fn walk(mut self, path: &mut Vec<Step>, out: &mut Provenance) {
        for (origin, (entry, lost)) in self.removed.into_iter().rev() {
            path.push(Step::Item(origin));
            out.changes.push(entry.change(path, lost, Vec::new()));
            path.pop();
        }
        out.undone.extend(self.undone);
        for (index, item) in self.items.iter_mut().filter(|(_, item)| item.is_inserted) {
            path.push(Step::Item(*index));
            if let Some(entry) = item.trace.entry.take() {
                let inside = item.trace.inside.take().map(|inside| inside.finish()).unwrap_or_default();
                out.undone.extend(inside.undone);
                out.changes.push(entry.change(path, std::mem::take(&mut item.trace.lost), inside.changes));
            }
            path.pop();
        }
        for (index, item) in self.items {
            path.push(Step::Item(index));
            item.trace.walk(path, out);
            path.pop();
        }
    }
}

//! Results of renderings that are remembered, by the key of their inputs.

use std::collections::HashMap;
use std::sync::Arc;

use model::Digest;
use serde_json::Value;

use super::{Failure, Rendering, Summary};

/// Most inputs whose result is remembered, as a digest and a count of 100 bytes: the newest revision of 10,000 units,
/// which is what a hub is made for, and one more each.
pub(super) const KNOWN_MAX: usize = 20_000;

/// Most bytes of objects that are kept. A rendering is needed until it has become a bundle, which the feed keeps for as
/// long as a member has it; one that is needed again costs one more render.
pub(super) const KEPT_BYTES_MAX: usize = 32 << 20;

/// What is known of one input.
#[derive(Default)]
pub(super) struct Entry {
    used: u64,
    /// The last result. Only failures that are lasting are here: rendering is a function of the inputs.
    pub(super) outcome: Option<Result<Summary, Failure>>,
    pub(super) rendering: Option<Arc<Rendering>>,
    /// Locked by the task that renders this input. Other tasks wait for its result.
    pub(super) gate: Arc<tokio::sync::Mutex<()>>,
}

impl Entry {
    /// The result with its objects, when rendering again can be spared.
    pub(super) fn reusable(&self) -> Option<Result<Arc<Rendering>, Failure>> {
        match (&self.rendering, &self.outcome) {
            (Some(rendering), _) => Some(Ok(rendering.clone())),
            (None, Some(Err(failure))) => Some(Err(failure.clone())),
            (None, _) => None,
        }
    }
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) by_key: HashMap<Digest, Entry>,
    uses: u64,
    pub(super) bytes: usize,
}

impl Kept {
    /// The entry of a key, which is then the last one used.
    pub(super) fn find(&mut self, key: &Digest) -> &mut Entry {
        self.uses += 1;
        if !self.by_key.contains_key(key) && self.by_key.len() >= KNOWN_MAX {
            // Half of them are removed at a time, so that the search for the oldest is done once for many.
            let mut uses: Vec<u64> = self.by_key.values().map(|entry| entry.used).collect();
            let middle = uses.len() / 2;
            let (_, limit, _) = uses.select_nth_unstable(middle);
            let limit = *limit;
            self.by_key.retain(|_, entry| entry.used > limit);
            self.bytes = self.by_key.values().filter_map(|e| e.rendering.as_ref()).map(|r| r.bytes).sum();
        }
        let entry = self.by_key.entry(*key).or_default();
        entry.used = self.uses;
        entry
    }

    /// Remembers a rendering, and drops the objects of those that were not used for the longest time.
    pub(super) fn remember(&mut self, key: &Digest, rendering: Arc<Rendering>) {
        let added = rendering.bytes;
        // This may forget others, and count what is left.
        let entry = self.find(key);
        entry.outcome = Some(Ok(rendering.summary.clone()));
        let replaced = entry.rendering.replace(rendering).map_or(0, |before| before.bytes);
        self.bytes = (self.bytes + added).saturating_sub(replaced);
        while self.bytes > KEPT_BYTES_MAX {
            let with = self.by_key.iter_mut().filter(|(other, entry)| *other != key && entry.rendering.is_some());
            let Some((_, oldest)) = with.min_by_key(|(_, entry)| entry.used) else { return };
            let dropped = oldest.rendering.take().map_or(0, |dropped| dropped.bytes);
            self.bytes = self.bytes.saturating_sub(dropped);
        }
    }
}

/// About how much memory a value takes: its texts, and 32 bytes for each value and each entry of a map.
pub(super) fn memory(value: &Value) -> usize {
    32 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(memory).sum(),
        Value::Object(map) => map.iter().map(|(name, value)| 32 + name.len() + memory(value)).sum(),
        _ => 0,
    }
}

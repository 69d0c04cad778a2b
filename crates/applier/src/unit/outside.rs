//! Objects to which the member gives no rights: found before anything is asked, and left as they are. Which they are is decided
//! by [`plan::rights`].

use std::collections::BTreeMap;
use std::sync::Arc;

use model::HashedKey;
use plan::instruction::Handling;
use plan::phase;
use plan::prepare::Prepared;
use plan::rights::Lack;

use super::Pass;

/// What is lacking, and in words what that means and what to do. Shared by the objects that lack the same.
#[derive(Debug)]
pub(super) struct Outside {
    pub(super) lack: Lack,
    pub(super) sentence: String,
}

impl Pass {
    /// Finds them. What was wrong with them before is over: they are not tried again as long as they are outside.
    pub(super) fn note_outside(&mut self) {
        let rights = &self.connection.ctx.rights;
        if !rights.are_limited() {
            return;
        }
        let bundle = self.bundle.as_ref().ok();
        // What asks to be left alone needs no rights, as long as the unit wants it.
        let is_asked =
            |object: &Arc<Prepared>| object.asked.is_some_and(|asked| asked.handling == Handling::LeaveAlone);
        let leaving = !self.entry.removal.is_none();
        let wanted = bundle.into_iter().flat_map(|bundle| bundle.objects()).map(|object| &object.key);
        let all = wanted.chain(self.unit.inventory.entries().keys());
        let lacking = all.filter_map(|key| {
            let lack = rights.lack(key)?;
            let wanted = bundle.filter(|_| !leaving).and_then(|bundle| bundle.get(key));
            (!wanted.is_some_and(is_asked)).then_some((key, lack, wanted.is_some()))
        });
        let lacking: Vec<(&Arc<HashedKey>, Lack, bool)> = lacking.collect();
        if lacking.is_empty() {
            return;
        }
        // Of all units, so that each object of the member suggests the same rights.
        let mut lacks = rights.lacks(self.connection.view().claims.desired());
        lacks.extend(lacking.iter().map(|(_, lack, _)| lack.clone()));
        let mut found: BTreeMap<(Lack, bool, Option<&str>), Arc<Outside>> = BTreeMap::new();
        for (key, lack, is_wanted) in lacking {
            // What is said of a Namespace depends on its name.
            let own_name = (is_wanted && phase::is_namespace(key)).then_some(key.name.as_str());
            let outside = found.entry((lack.clone(), is_wanted, own_name)).or_insert_with(|| {
                let sentence = match is_wanted {
                    true => rights.sentence(key, &lack, &lacks),
                    false => rights.why_it_stays(&lack, &lacks, leaving),
                };
                Arc::new(Outside { lack, sentence })
            });
            self.outside.insert(Arc::clone(key), Arc::clone(outside));
            if let Some(memory) = self.unit.past.memory.get_mut(key) {
                (memory.failure, memory.overdue, memory.contested) = (None, None, None);
            }
        }
    }

    /// What an object lacks.
    pub(super) fn lack(&self, key: &HashedKey) -> Option<Lack> {
        self.outside.get(key).map(|outside| outside.lack.clone())
    }

    /// Those that the unit wants, each with why it is not asked for.
    pub(super) fn wanted_outside(&self) -> impl Iterator<Item = (&Arc<HashedKey>, &str)> {
        let bundle = self.bundle.as_ref().ok().filter(|_| self.entry.removal.is_none());
        let is_wanted = move |key: &HashedKey| bundle.is_some_and(|bundle| bundle.get(key).is_some());
        let wanted = self.outside.iter().filter(move |(key, _)| is_wanted(key));
        wanted.map(|(key, outside)| (key, outside.sentence.as_str()))
    }
}

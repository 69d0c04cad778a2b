//! What a unit waits for whose objects are applied and not well, by its first object.

use api::delivery::{Health, UnitPhase};
use api::feed::SyncState;

use super::{RECORD_LOST, Rows, Summary};

impl Rows {
    /// The object that is worst of those that the unit wants, the first of several, and why; `None` when all are well. What an
    /// earlier phase holds back is not looked at yet.
    pub fn unready(&self) -> Option<String> {
        let wanted = self.rows.iter().zip(&self.parts).filter(|(row, _)| row.sync != SyncState::Waiting);
        let is_well = |health: Health| matches!(health, Health::Healthy | Health::Suspended);
        let mut unwell = wanted.map(|(row, part)| (row, part.health)).filter(|(_, health)| !is_well(*health));
        let more = unwell.clone().count().saturating_sub(1);
        let worst = unwell.clone().map(|(_, health)| health).max()?;
        let (row, _) = unwell.find(|(_, health)| *health == worst)?;
        let why = if row.message.is_empty() { &row.reason } else { &row.message };
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        Some(match worst {
            Health::Progressing => format!("waits for {}{why}{more}", row.key),
            worst => format!("{} is {worst}{why}{more}", row.key),
        })
    }
}

impl Summary {
    /// The same with the object that is not well, where nothing worse is to be said.
    #[must_use]
    pub fn with_unready(self, rows: &Rows) -> Self {
        let is_applied =
            self.phase == UnitPhase::Applied && ["Applied", "PruneWaits", RECORD_LOST].contains(&self.reason.as_str());
        let has_room = is_applied || self.phase == UnitPhase::Waiting;
        let Some(unready) = has_room.then(|| rows.unready()).flatten() else { return self };
        let message = match self.message.as_str() {
            "" => unready,
            message if is_applied => format!("{unready}; {message}"),
            message => format!("{message}: {unready}"),
        };
        Self::new(self.phase, &self.reason, message)
    }
}

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

impl Rows {
    /// Of a unit that is suspended, the first object that is broken: one that was refused, that is gone, or that says so itself. What was
    /// not sent before is not, nor is what somebody changes meanwhile.
    fn broken(&self) -> Option<String> {
        let wanted = || self.rows.iter().zip(&self.parts);
        let mut refused = wanted().filter(|(row, _)| row.sync == SyncState::Failed).map(|(row, _)| row);
        if let Some(row) = refused.next() {
            let more = refused.count();
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            let why = if row.message.is_empty() { &row.reason } else { &row.message };
            return Some(format!("{}: {why}{more}", row.key));
        }
        let is_broken = wanted().any(|(_, part)| matches!(part.health, Health::Missing | Health::Degraded));
        is_broken.then(|| self.unready()).flatten()
    }
}

impl Summary {
    /// The same with the object that is not well, where nothing worse is to be said.
    #[must_use]
    pub fn with_unready(self, rows: &Rows) -> Self {
        let is_applied =
            self.phase == UnitPhase::Applied && ["Applied", "PruneWaits", RECORD_LOST].contains(&self.reason.as_str());
        let unready = match self.phase {
            UnitPhase::Suspended => rows.broken(),
            UnitPhase::Waiting => rows.unready(),
            _ if is_applied => rows.unready(),
            _ => None,
        };
        let Some(unready) = unready else { return self };
        let message = match self.message.as_str() {
            "" => unready,
            message if self.phase != UnitPhase::Waiting => format!("{unready}; {message}"),
            message => format!("{message}: {unready}"),
        };
        Self::new(self.phase, &self.reason, message)
    }
}

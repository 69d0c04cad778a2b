//! Until when the hub lived: a note in its directory, so that a hub that starts again knows until when its members were
//! watched.
//!
//! Heartbeats of members stay in memory ([`controllers::member`]): a thousand members that are well write nothing. One note for
//! all of them says the same, beside the store and not in it. It may be lost with the power; then it is as old as it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::{Clock, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::directory;

/// How often it is noted. So much later than noted a member may have been seen when the hub was killed; an orderly end notes
/// the moment. A file of 30 bytes each minute is less than any disk notices.
const EVERY: Duration = Duration::from_secs(60);

/// When the hub before this one lived last. What cannot be read says nothing, and neither does a time that is still to come.
pub(crate) fn before(path: &Path, now: Timestamp) -> Option<Timestamp> {
    let text = directory::read(path).ok().flatten()?;
    text.trim().parse::<Timestamp>().ok().filter(|at| *at <= now)
}

/// Notes it at once, until shutdown, and then once more. The first note says that there is a hub here, with a store
/// ([`Keys::refuse_lost_store`](crate::Keys::refuse_lost_store)).
pub(crate) async fn note_alive(path: PathBuf, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut pause = Duration::ZERO;
    loop {
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => true,
            () = tokio::time::sleep(pause) => false,
        };
        pause = EVERY;
        let (path, now) = (path.clone(), clock.now());
        let written = tokio::task::spawn_blocking(move || directory::write_note(&path, &now.to_string())).await;
        if let Ok(Err(error)) = written {
            tracing::debug!(error = &error as &dyn std::error::Error, "cannot note that the hub lives");
        }
        if ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Still(Timestamp);

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    #[tokio::test]
    async fn a_hub_that_ends_in_order_notes_the_moment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alive");
        let now: Timestamp = "2026-01-01T00:00:00.5Z".parse().unwrap();
        let clock = Arc::new(Still(now));
        assert_eq!(before(&path, now), None);
        let stop = CancellationToken::new();
        stop.cancel();
        note_alive(path.clone(), clock, stop).await;
        assert_eq!(before(&path, now), Some(now));
        // A clock that was set back.
        assert_eq!(before(&path, now - Duration::from_secs(1)), None);
        std::fs::write(&path, "yesterday").unwrap();
        assert_eq!(before(&path, now), None);
    }
}

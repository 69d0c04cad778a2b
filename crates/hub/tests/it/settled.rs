//! A settled fleet writes nothing, at the hub or in members, also right after a restart (DESIGN 8).

use crate::stage::{Stage, start_hub, until};

/// Polls of the repository during which nothing may be written; it is asked once a second.
const QUIET_POLLS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settled_fleet_makes_zero_writes_also_after_a_restart() {
    let mut stage = Stage::new(&["a", "b"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    // Members count their pods a moment after those have started; that is the last thing to change.
    let settled = until("the counters to rest", async || {
        let before = stage.mutations();
        stage.polled(2).await;
        if stage.mutations() == before { Ok(before) } else { Err(format!("{before:?} {:?}", stage.mutations())) }
    })
    .await;
    stage.polled(QUIET_POLLS).await;
    assert_eq!(stage.mutations(), settled, "hub, members; by client: {:?}", stage.hub.counters().mutations_by_client());

    let stopped = std::mem::replace(&mut stage.hub, start_hub(&stage.dir.path().join("other")).await);
    stopped.stop().await;
    let spare = std::mem::replace(&mut stage.hub, start_hub(stage.dir.path()).await);
    spare.stop().await;
    // Right after the restart: from its first request on.
    let at_start = stage.mutations();
    until("both appliers to have looked", async || {
        let members = ["a", "b"].map(|m| stage.hub.controllers().feed.reports_in(&m.parse().unwrap()));
        let applied = |r: &std::sync::Arc<api::feed::UnitReport>| r.phase == api::delivery::UnitPhase::Applied;
        match members.iter().all(|reports| reports.iter().any(applied)) {
            true => Ok(()),
            false => Err(format!("{members:?}")),
        }
    })
    .await;
    stage.polled(QUIET_POLLS).await;
    assert_eq!(stage.mutations()[0], 0, "at the hub: {:?}", stage.hub.counters().mutations_by_client());
    assert_eq!(stage.mutations(), at_start);
}

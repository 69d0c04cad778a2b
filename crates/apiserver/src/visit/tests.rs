use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{STRANGERS_MAX, Strangers, UNTAKEN_MAX};

const STRANGER: Duration = Duration::from_secs(10);
const KNOWN: Duration = Duration::from_secs(90);

#[tokio::test(start_paused = true)]
async fn a_stranger_is_given_less_time_than_somebody_known() {
    let strangers = Strangers::default();
    let (visit, _) = strangers.admit();
    let start = Instant::now();
    visit.idle(STRANGER, KNOWN).await;
    assert_eq!(start.elapsed().as_secs(), 10);
    let (visit, _) = strangers.admit();
    strangers.know(&visit);
    let start = Instant::now();
    visit.idle(STRANGER, KNOWN).await;
    assert_eq!(start.elapsed().as_secs(), 90);
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_keeps_its_connection() {
    let strangers = Strangers::default();
    let (visit, _) = strangers.admit();
    strangers.know(&visit);
    let watch = visit.begin();
    assert!(timeout(Duration::from_secs(3_600), visit.idle(STRANGER, KNOWN)).await.is_err());
    drop(watch);
    let start = Instant::now();
    visit.idle(STRANGER, KNOWN).await;
    assert!(start.elapsed() >= KNOWN && start.elapsed() < 2 * KNOWN);
}

#[tokio::test(start_paused = true)]
async fn who_takes_no_answer_is_not_waited_for() {
    let strangers = Strangers::default();
    let (visit, _) = strangers.admit();
    strangers.know(&visit);
    let (read, unread) = (visit.begin(), visit.begin());
    for request in [&read, &unread] {
        request.offered();
    }
    read.taken();
    let start = Instant::now();
    visit.idle(STRANGER, KNOWN).await;
    assert_eq!(start.elapsed(), UNTAKEN_MAX);
    drop(unread);
    assert!(timeout(Duration::from_secs(3_600), visit.idle(STRANGER, KNOWN)).await.is_err());
}

#[tokio::test]
async fn strangers_who_hold_on_lock_nobody_out() {
    let strangers = Strangers::default();
    let first: Vec<_> = (0..STRANGERS_MAX).map(|_| strangers.admit()).collect();
    assert!(first.iter().all(|(visit, evicted)| !evicted && !visit.leave.is_cancelled()));
    strangers.know(&first[0].0);
    assert!(!strangers.admit().1, "one is known, so that there is a place");
    let (_, evicted) = strangers.admit();
    assert!(evicted && first[1].0.leave.is_cancelled() && !first[2].0.leave.is_cancelled());
    assert!(!first[0].0.leave.is_cancelled(), "who is known stays");
    assert!(strangers.list().len() <= STRANGERS_MAX);
}

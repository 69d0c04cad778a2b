use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{UNAUTHENTICATED_MAX, UNTAKEN_MAX, Unauthenticated};

const UNAUTHENTICATED: Duration = Duration::from_secs(10);
const AUTHENTICATED: Duration = Duration::from_secs(90);

#[tokio::test(start_paused = true)]
async fn a_client_is_given_less_time_until_it_authenticates() {
    let unauthenticated = Unauthenticated::default();
    let (connection, _) = unauthenticated.add();
    let start = Instant::now();
    connection.idle(UNAUTHENTICATED, AUTHENTICATED).await;
    assert_eq!(start.elapsed().as_secs(), 10);
    let (connection, _) = unauthenticated.add();
    unauthenticated.mark_authenticated(&connection);
    let start = Instant::now();
    connection.idle(UNAUTHENTICATED, AUTHENTICATED).await;
    assert_eq!(start.elapsed().as_secs(), 90);
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_keeps_its_connection() {
    let unauthenticated = Unauthenticated::default();
    let (connection, _) = unauthenticated.add();
    unauthenticated.mark_authenticated(&connection);
    let watch = connection.begin();
    assert!(timeout(Duration::from_secs(3_600), connection.idle(UNAUTHENTICATED, AUTHENTICATED)).await.is_err());
    drop(watch);
    let start = Instant::now();
    connection.idle(UNAUTHENTICATED, AUTHENTICATED).await;
    assert!(start.elapsed() >= AUTHENTICATED && start.elapsed() < 2 * AUTHENTICATED);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_answer_is_not_waited_for() {
    let unauthenticated = Unauthenticated::default();
    let (connection, _) = unauthenticated.add();
    unauthenticated.mark_authenticated(&connection);
    let (read, unread) = (connection.begin(), connection.begin());
    for request in [&read, &unread] {
        request.offered();
    }
    read.taken();
    let start = Instant::now();
    connection.idle(UNAUTHENTICATED, AUTHENTICATED).await;
    assert_eq!(start.elapsed(), UNTAKEN_MAX);
    drop(unread);
    assert!(timeout(Duration::from_secs(3_600), connection.idle(UNAUTHENTICATED, AUTHENTICATED)).await.is_err());
}

#[tokio::test]
async fn unauthenticated_connections_that_stay_open_do_not_keep_others_out() {
    let unauthenticated = Unauthenticated::default();
    let first: Vec<_> = (0..UNAUTHENTICATED_MAX).map(|_| unauthenticated.add()).collect();
    assert!(first.iter().all(|(connection, evicted)| !evicted && !connection.end.is_cancelled()));
    unauthenticated.mark_authenticated(&first[0].0);
    assert!(!unauthenticated.add().1, "one is authenticated, so that there is a place");
    let (_, evicted) = unauthenticated.add();
    assert!(evicted && first[1].0.end.is_cancelled() && !first[2].0.end.is_cancelled());
    assert!(!first[0].0.end.is_cancelled(), "the authenticated one stays");
    assert!(unauthenticated.list().len() <= UNAUTHENTICATED_MAX);
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_key_is_worked_on_once_at_a_time_and_once_more_for_what_came_meanwhile() {
    let queue = Arc::new(Queue::default());
    let runs = Arc::new(AtomicUsize::new(0));
    queue.push("a");
    queue.push("a");
    let work = |_| {
        let (queue, runs) = (queue.clone(), runs.clone());
        async move {
            if runs.fetch_add(1, Ordering::Relaxed) == 0 {
                queue.push("a");
                queue.push("a");
            }
            Turn::Done
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(60), queue.run(4, work)).await;
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(queue.busy(), 0);
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_with_growing_pauses() {
    let queue = Queue::default();
    let start = Instant::now();
    let seen = Mutex::new(Vec::new());
    queue.push("a");
    let work = |_| {
        let mut seen = seen.lock().unwrap();
        seen.push(start.elapsed());
        let turn = if seen.len() < 4 { Turn::Retry } else { Turn::Done };
        async move { turn }
    };
    let _ = tokio::time::timeout(Duration::from_secs(60), queue.run(1, work)).await;
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.len(), 4);
    for (at, least) in seen.iter().zip([0, 10, 30, 70]) {
        assert!(at.as_millis() >= least && at.as_millis() < least + 10, "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_pauses_the_earlier_counts() {
    let queue = Queue::default();
    let start = Instant::now();
    queue.push_after("a", Duration::from_secs(9));
    queue.push_after("a", Duration::from_secs(3));
    queue.push_after("a", Duration::from_secs(5));
    let seen = Mutex::new(Vec::new());
    let work = |_| {
        seen.lock().unwrap().push(start.elapsed().as_secs());
        async { Turn::Done }
    };
    let _ = tokio::time::timeout(Duration::from_secs(60), queue.run(1, work)).await;
    assert_eq!(seen.into_inner().unwrap(), [3]);
}

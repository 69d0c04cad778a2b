use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_key_added_while_it_runs_runs_once_more_and_never_at_the_same_time() {
    let queue: Queue<&str> = Queue::new();
    let (running, total) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stop = CancellationToken::new();
    queue.add("a");
    queue
        .run(4, stop.clone(), |key| {
            let (queue, running, total, stop) = (&queue, &running, &total, &stop);
            async move {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
                if total.fetch_add(1, Ordering::SeqCst) == 0 {
                    queue.add(key);
                    queue.add(key);
                } else {
                    stop.cancel();
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Next::Wait
            }
        })
        .await;
    assert_eq!(total.load(Ordering::SeqCst), 2);
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_success_resets() {
    let queue: Queue<u8> = Queue::new();
    let stop = CancellationToken::new();
    let times = Mutex::new(Vec::new());
    let start = Instant::now();
    queue.add(1);
    queue
        .run(1, stop.clone(), |_| {
            let mut times = times.lock().unwrap();
            times.push(start.elapsed());
            let next = if times.len() == 4 { Next::Wait } else { Next::Retry };
            if next == Next::Wait {
                stop.cancel();
            }
            async move { next }
        })
        .await;
    let gaps: Vec<u128> = times.lock().unwrap().windows(2).map(|w| (w[1] - w[0]).as_millis()).collect();
    assert_eq!(gaps, [250, 500, 1000]);
    assert_eq!(backoff(30), RETRY_MAX);
}

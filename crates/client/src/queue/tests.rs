use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::registry::Registry;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_key_added_while_it_runs_runs_once_more_and_never_at_the_same_time() {
    let queue: Queue<&str> = Queue::new("test");
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
    let queue: Queue<u8> = Queue::new("test");
    let stop = CancellationToken::new();
    let times = Mutex::new(Vec::new());
    let start = Instant::now();
    queue.add(1);
    queue
        .run(1, stop.clone(), |_| {
            let mut times = times.lock().unwrap();
            times.push(start.elapsed());
            let next = match times.len() {
                4 => Next::After(Duration::from_secs(9)),
                6 => Next::Wait,
                _ => Next::Retry,
            };
            if next == Next::Wait {
                stop.cancel();
            }
            async move { next }
        })
        .await;
    let gaps: Vec<u128> = times.lock().unwrap().windows(2).map(|w| (w[1] - w[0]).as_millis()).collect();
    assert_eq!(gaps, [250, 500, 1000, 9000, 250]);
}

#[tokio::test(start_paused = true)]
async fn of_two_delays_the_earlier_counts() {
    let queue: Queue<&str> = Queue::new("test");
    let start = Instant::now();
    for secs in [9, 3, 5] {
        queue.add_after("a", Duration::from_secs(secs));
    }
    let seen = Mutex::new(Vec::new());
    let work = |_| {
        seen.lock().unwrap().push(start.elapsed().as_secs());
        async { Next::Wait }
    };
    let _ = tokio::time::timeout(Duration::from_secs(60), queue.run(1, CancellationToken::new(), work)).await;
    assert_eq!(seen.into_inner().unwrap(), [3]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_stops_neither_the_queue_nor_its_own_key() {
    let mut registry = Registry::default();
    let metrics = Metrics::registered(&mut registry);
    let queue: Queue<&str> = Queue::with("test", BACKOFF, steady(), &metrics);
    let stop = CancellationToken::new();
    let seen = Mutex::new(Vec::new());
    queue.add("bad");
    queue.add("good");
    queue
        .run(4, stop.clone(), |key| {
            seen.lock().unwrap().push(key);
            let times = seen.lock().unwrap().iter().filter(|k| **k == "bad").count();
            // One panics before there is a future, one inside it.
            assert!(key != "bad" || times != 1, "a bug");
            let stop = &stop;
            async move {
                assert!(key != "bad" || times != 2, "another");
                if times > 2 {
                    stop.cancel();
                }
                Next::Wait
            }
        })
        .await;
    assert_eq!(*seen.lock().unwrap(), ["bad", "good", "bad", "bad"]);
    let text = text(&registry);
    assert!(text.contains(r#"kurator_reconcile_panics_total{controller="test"} 2"#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_runs_at_shutdown_is_finished_and_nothing_else_begins() {
    let queue: Queue<u8> = Queue::new("test");
    let stop = CancellationToken::new();
    let (begun, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    (0..10).for_each(|key| queue.add(key));
    queue
        .run(3, stop.clone(), |_| {
            begun.fetch_add(1, Ordering::SeqCst);
            let (stop, done) = (&stop, &done);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stop.cancel();
                tokio::time::sleep(Duration::from_secs(1)).await;
                done.fetch_add(1, Ordering::SeqCst);
                Next::Wait
            }
        })
        .await;
    assert_eq!((begun.into_inner(), done.into_inner(), queue.len()), (3, 3, 7));
}

fn text(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text
}

#[tokio::test(start_paused = true)]
async fn everything_is_counted() {
    let mut registry = Registry::default();
    let metrics = Metrics::registered(&mut registry);
    let queue: Queue<u8> = Queue::with("cluster", BACKOFF, steady(), &metrics);
    let other: Queue<u8> = Queue::with("other", BACKOFF, steady(), &metrics);
    (1..=4).for_each(|key| queue.add(key));
    queue.add_after(9, Duration::from_secs(3600));
    let work = |key: u8| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        match key {
            1 => Next::Retry,
            2 => Next::After(Duration::from_secs(600)),
            3 => std::future::pending().await,
            _ => Next::Wait,
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(100), queue.run(3, CancellationToken::new(), work)).await;
    drop(other);
    let text = text(&registry);
    for line in [
        r#"kurator_queue_adds_total{controller="cluster"} 5"#,
        r#"kurator_queue_retries_total{controller="cluster"} 1"#,
        r#"kurator_reconciles_total{controller="cluster",result="error"} 1"#,
        r#"kurator_reconciles_total{controller="cluster",result="requeue_after"} 1"#,
        r#"kurator_reconciles_total{controller="cluster",result="success"} 1"#,
        r#"kurator_reconcile_seconds_bucket{le="0.1",controller="cluster",result="success"} 1"#,
        r#"kurator_reconcile_seconds_bucket{le="0.025",controller="cluster",result="success"} 0"#,
        r#"kurator_queue_depth{controller="cluster",state="later"} 3"#,
        r#"kurator_queue_depth{controller="cluster",state="due"} 0"#,
        r#"kurator_queue_depth{controller="cluster",state="running"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(
        text.contains(r#"kurator_reconcile_panics_total{controller="other"} 0"#),
        "shown before the first:\n{text}"
    );
    assert!(!text.contains(r#"kurator_queue_depth{controller="other""#), "a queue that is gone is not shown:\n{text}");
}

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

#[tokio::test(start_paused = true)]
async fn a_panic_stops_neither_the_queue_nor_its_own_key() {
    let queue: Queue<&str> = Queue::new();
    let stop = CancellationToken::new();
    let seen = Mutex::new(Vec::new());
    queue.add("bad");
    queue.add("good");
    queue
        .run(4, stop.clone(), |key| {
            seen.lock().unwrap().push(key);
            let times = seen.lock().unwrap().iter().filter(|k| **k == "bad").count();
            let stop = &stop;
            async move {
                assert!(key != "bad" || times > 1, "a bug");
                if times > 1 {
                    stop.cancel();
                }
                Next::Wait
            }
        })
        .await;
    assert_eq!(*seen.lock().unwrap(), ["bad", "good", "bad"]);
}

#[test]
fn keys_are_taken_in_the_order_in_which_they_are_due() {
    let start = Instant::now();
    let at = |secs| start + Duration::from_secs(secs);
    let mut slots = Slots { by_key: BTreeMap::new(), order: BTreeSet::new() };
    slots.schedule("late", at(9));
    slots.schedule("a", at(2));
    slots.schedule("b", at(1));
    slots.schedule("late", at(3));
    slots.schedule("b", at(5));
    assert_eq!(slots.take(at(0)), Err(Some(at(1))));
    assert_eq!(slots.take(at(1)), Ok("b"));
    // Added while it runs: taken again only when it has finished.
    slots.schedule("b", at(1));
    assert_eq!(slots.take(at(2)), Ok("a"));
    assert_eq!(slots.take(at(2)), Err(Some(at(3))));
    slots.finish("b", Next::Wait, at(2));
    assert_eq!(slots.take(at(2)), Ok("b"));
    slots.finish("a", Next::Wait, at(2));
    slots.finish("b", Next::After(Duration::from_secs(7)), at(2));
    assert_eq!((slots.take(at(9)), slots.take(at(9))), (Ok("late"), Ok("b")));
    slots.finish("late", Next::Wait, at(9));
    slots.finish("b", Next::Wait, at(9));
    assert!(slots.by_key.is_empty() && slots.order.is_empty(), "nothing is left of what is done");
}

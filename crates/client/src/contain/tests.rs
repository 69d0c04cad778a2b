use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn work_that_panics_begins_again_after_growing_pauses_and_is_counted() {
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::registered(&mut registry);
    let (tries, start) = (AtomicU32::new(0), Instant::now());
    let done = restarting("part", metrics, crate::retry::steady(), || {
        let nth = tries.fetch_add(1, Ordering::SeqCst);
        assert!(nth != 0, "while it is made");
        async move {
            assert!(nth != 1, "while it runs: {nth}");
            nth
        }
    });
    assert_eq!(done.await, 2);
    assert_eq!(start.elapsed(), BACKOFF.first * 3);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains(r#"kurator_reconcile_panics_total{controller="part"} 2"#), "{text}");
}

#[tokio::test]
async fn what_a_panic_says_is_kept() {
    assert_eq!(contained(async { 7 }).await, Ok(7));
    assert_eq!(contained(async { panic!("plain") }).await, Err::<(), _>("plain".to_owned()));
    assert_eq!(contained(async { panic!("with {}", 1) }).await, Err::<(), _>("with 1".to_owned()));
    assert_eq!(contained(async { std::panic::panic_any(7) }).await, Err::<(), _>("a panic without words".to_owned()));
}

#[tokio::test]
async fn a_panic_that_is_caught_is_counted_under_its_name() {
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::registered(&mut registry);
    assert_eq!(caught("part", &metrics, async { 7 }).await, Ok(7));
    assert_eq!(caught("part", &metrics, async { panic!("plain") }).await, Err::<(), _>("plain".to_owned()));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains(r#"kurator_reconcile_panics_total{controller="part"} 1"#), "{text}");
}

#[test]
fn a_call_that_panics_keeps_no_other_from_being_made() {
    let mut made = Vec::new();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        call_each([1, 2, 3], |n| {
            made.push(n);
            assert!(n == 3, "{n}");
        });
    }));
    assert_eq!(words(panic.unwrap_err().as_ref()), "1", "the first one goes on");
    assert_eq!(made, [1, 2, 3]);
}

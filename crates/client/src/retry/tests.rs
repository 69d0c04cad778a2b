use proptest::prelude::*;

use super::*;

#[test]
fn pauses_double_up_to_the_longest_and_jitter_shortens() {
    let backoff = Backoff::MEMBER;
    assert_eq!(backoff.pause(1, 0.0), backoff.first);
    assert_eq!(backoff.pause(3, 0.0), backoff.first * 4);
    assert_eq!(backoff.pause(1, 1.0), backoff.first / 2);
    for failures in [40, 1_000, u32::MAX] {
        assert_eq!(backoff.pause(failures, 0.0), backoff.longest);
    }
    assert_eq!(backoff.pause(0, 0.0), backoff.first, "as if it were one");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_no_clock_holds_is_never_and_no_panic() {
    let now = Instant::now();
    assert!(later(now, Duration::MAX) > later(now, Duration::from_secs(86_400 * 365)));
    assert_eq!(later(now, Duration::from_secs(1)), now + Duration::from_secs(1));
    let mut pace = Pace::new(Duration::MAX);
    pace.begin(now);
    assert!(pace.next(now, now) > now);
}

#[tokio::test(start_paused = true)]
async fn news_are_dealt_with_at_once_but_not_more_often_than_allowed() {
    let mut pace = Pace::new(Duration::from_secs(1));
    let start = Instant::now();
    let mut turns = Vec::new();
    for _ in 0..4 {
        pace.turn(Duration::from_secs(5), std::future::ready(())).await;
        turns.push(start.elapsed().as_secs());
    }
    assert_eq!(turns, [0, 1, 2, 3]);
    pace.turn(Duration::from_secs(5), std::future::pending()).await;
    assert_eq!(start.elapsed().as_secs(), 8);
}

proptest! {
    /// Whatever the wishes, and however long turns take, no two turns begin closer together than `least`; and a wish that
    /// can be granted is.
    #[test]
    fn no_wish_makes_turns_more_frequent(
        least in 0_u64..100,
        steps in prop::collection::vec((-1_000_i64..1_000, 0_u64..300), 1..50),
    ) {
        let least = Duration::from_millis(least);
        let start = Instant::now() + Duration::from_secs(3600);
        let (mut now, mut last) = (start, None::<Instant>);
        let mut pace = Pace::new(least);
        for (wish, took) in steps {
            let offset = Duration::from_millis(wish.unsigned_abs());
            let wished = if wish < 0 { now - offset } else { now + offset };
            let next = pace.next(wished, now);
            prop_assert!(next >= now && next >= wished);
            let earliest = last.map_or(now, |last| last + least);
            prop_assert!(next <= wished.max(earliest).max(now), "later than needed");
            if let Some(last) = last {
                prop_assert!(next.duration_since(last) >= least);
            }
            pace.begin(next);
            last = Some(next);
            now = next + Duration::from_millis(took);
        }
    }
}

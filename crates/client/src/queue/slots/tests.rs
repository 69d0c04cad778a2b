use super::*;

fn pause(_: u32) -> Duration {
    Duration::from_secs(1)
}

#[test]
fn keys_are_taken_in_the_order_in_which_they_are_due() {
    let start = Instant::now();
    let at = |secs| start + Duration::from_secs(secs);
    let mut slots = Slots::default();
    slots.schedule("late", at(9));
    slots.schedule("a", at(2));
    slots.schedule("b", at(1));
    slots.schedule("late", at(3));
    slots.schedule("b", at(5));
    assert_eq!(slots.depth(at(2)), Depth { due: 2, later: 1, running: 0 });
    assert_eq!(slots.next_due(at(0)), Err(Some(at(1))));
    assert_eq!(slots.next_due(at(1)), Ok("b"));
    // Added while it runs: taken again only when it has finished.
    slots.schedule("b", at(1));
    assert_eq!(slots.next_due(at(2)), Ok("a"));
    assert_eq!(slots.next_due(at(2)), Err(Some(at(3))));
    assert_eq!((slots.depth(at(2)), slots.len()), (Depth { due: 0, later: 1, running: 2 }, 2));
    slots.finish("b", Next::Wait, at(2), pause);
    assert_eq!(slots.next_due(at(2)), Ok("b"));
    slots.finish("a", Next::Wait, at(2), pause);
    slots.finish("b", Next::After(Duration::from_secs(7)), at(2), pause);
    assert_eq!((slots.next_due(at(9)), slots.next_due(at(9))), (Ok("late"), Ok("b")));
    slots.finish("late", Next::Wait, at(9), pause);
    slots.finish("b", Next::Wait, at(9), pause);
    assert!(slots.by_key.is_empty() && slots.order.is_empty(), "nothing is left of what is done");
    assert_eq!(slots.depth(at(9)), Depth::default());
}

#[test]
fn a_pause_that_no_clock_holds_is_never() {
    let start = Instant::now();
    let mut slots = Slots::default();
    slots.schedule("a", start);
    assert_eq!(slots.next_due(start), Ok("a"));
    slots.finish("a", Next::After(Duration::MAX), start, pause);
    assert!(slots.next_due(start + Duration::from_secs(86_400 * 365)).is_err());
}

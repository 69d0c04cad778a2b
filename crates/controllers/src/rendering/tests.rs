use super::*;

fn rendering(bytes: usize) -> Arc<Rendering> {
    let summary = Summary { digest: Digest::of(&bytes.to_le_bytes()), objects: 1 };
    Arc::new(Rendering { payload: Arc::default(), summary, bytes })
}

fn input(n: usize) -> Digest {
    Digest::of(&n.to_be_bytes())
}

#[test]
fn objects_are_kept_up_to_a_limit_and_what_a_decision_needs_of_them_longer() {
    let mut kept = Kept::default();
    for n in 0..10 {
        kept.keep(&input(n), rendering(KEPT_BYTES_MAX / 4));
        kept.find(&input(0));
    }
    let at_hand: Vec<usize> = (0..10).filter(|n| kept.by_input[&input(*n)].rendering.is_some()).collect();
    assert_eq!(at_hand, [0, 7, 8, 9], "what is used stays");
    assert!(kept.bytes <= KEPT_BYTES_MAX);
    assert!((0..10).all(|n| kept.by_input[&input(n)].outcome.is_some()));
    // One that is larger than the limit is kept alone, since somebody is about to use it.
    kept.keep(&input(20), rendering(2 * KEPT_BYTES_MAX));
    assert_eq!(kept.by_input.values().filter(|e| e.rendering.is_some()).count(), 1);
    assert_eq!(kept.bytes, 2 * KEPT_BYTES_MAX);
}

#[test]
fn inputs_are_forgotten_half_at_a_time() {
    let mut kept = Kept::default();
    for n in 0..=KNOWN_MAX {
        kept.find(&input(n));
    }
    assert!((KNOWN_MAX / 2..KNOWN_MAX / 2 + 3).contains(&kept.by_input.len()), "{}", kept.by_input.len());
    assert!(kept.by_input.contains_key(&input(KNOWN_MAX)) && !kept.by_input.contains_key(&input(0)));
}

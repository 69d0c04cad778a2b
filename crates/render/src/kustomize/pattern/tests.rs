use super::*;

#[test]
fn expressions_match_whole_texts_and_have_a_bound() {
    let budget = Budget::default();
    let new = |text: &str| Pattern::new(text, "(:.*)?", &budget).unwrap();
    let holds = |pattern: &str, text: &str| new(pattern).unwrap().holds(text, &budget).unwrap();
    for (pattern, text, expect) in [
        ("nginx", "nginx", true),
        ("nginx", "nginx:1", true),
        ("nginx", "my-nginx", false),
        ("a|b", "b:1", true),
        (".*", "anything", true),
        ("\\w+", "word", true),
    ] {
        assert_eq!(holds(pattern, text), expect, "{pattern} {text}");
    }
    assert!(holds("a*", &"a".repeat(TEXT_BYTES_MAX)) && !holds("a*", &"a".repeat(TEXT_BYTES_MAX + 1)));
    assert_eq!(new("(").unwrap_err(), "\"(\" is not a regular expression");
    let error = new(&format!("{}\\w{{1000}}", "x".repeat(200))).unwrap_err();
    assert_eq!(error, format!("\"{}…\" is too large a regular expression", "x".repeat(100)));
    assert!(new(&(0..100).map(|n| format!("a-name-of-a-service-{n}")).collect::<Vec<_>>().join("|")).is_ok());
}

#[test]
fn an_expression_that_grows_spends_what_it_may_grow_to() {
    let (bytes, few) = (3 * COMPILE_BYTES, 100 * TEXT_STEPS);
    let budget = Budget::with_work(u64::try_from(bytes + few).unwrap());
    assert!((0..2).all(|_| Pattern::new("nginx.*", "", &budget).is_ok()), "this costs little");
    assert!((0..3).all(|_| Pattern::new("[a]", "", &budget).is_ok()));
    assert!(Pattern::new("[a]", "", &budget).is_err());
    assert!(Pattern::new("nginx", "", &budget).is_ok());
}

#[test]
fn comparing_is_work_that_grows_with_the_expression_and_the_text() {
    let spent = |pattern: &str, text: &str| {
        let budget = Budget::default();
        let pattern = Pattern::new(pattern, "", &budget).unwrap().unwrap();
        let before = budget.work_left();
        pattern.holds(text, &budget).unwrap();
        before - budget.work_left()
    };
    assert_eq!(spent("nginx", "a-name-of-thirty-characters-ok"), 2048 * 30 / 100);
    // Both of these take 0.2 seconds when the text is as bad as it can be.
    for hostile in ["[ab]*a[ab]{3600}x", "(a|b|[ab])*a(a|b|[ab]){940}x"] {
        assert_eq!(spent(hostile, &"ab".repeat(2048)), (256 << 10) * 4096 / 100);
    }
    let budget = Budget::with_work(COMPILE_BYTES as u64 + 2_000_000);
    let pattern = Pattern::new("[ab]*a[ab]{900}x", "", &budget).unwrap().unwrap();
    assert!(pattern.holds(&"ab".repeat(2048), &budget).is_err());
}

use super::*;

#[test]
fn expressions_match_whole_texts_and_have_a_bound() {
    let budget = Budget::default();
    let new = |text: &str| Pattern::new(text, "(:.*)?", &budget).unwrap();
    let holds = |pattern: &str, text: &str| new(pattern).unwrap().holds(text);
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

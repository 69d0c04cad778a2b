use super::*;

#[test]
fn keys_that_are_not_percent_encoded_text_are_refused() {
    let check = |text: &str, expect: Option<&str>| assert_eq!(percent_decoded(text).as_deref(), expect, "{text}");
    check("a%2fb", Some("a/b"));
    check("a%2Fb%25", Some("a/b%"));
    check("plain", Some("plain"));
    check("a%", None);
    check("a%4", None);
    check("a%zz", None);
    check("a%4%41", None);
    check("%ff", None);
}

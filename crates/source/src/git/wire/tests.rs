use super::*;

#[test]
fn urls_lose_their_secrets_and_keep_their_meaning() {
    let (url, credentials) = parse_url("https://me:p%40ss@Example.com:8443/a/b.git/").unwrap();
    assert_eq!(url, "https://example.com:8443/a/b.git");
    assert!(credentials == Some(Credentials::Basic { username: "me".into(), password: "p@ss".into() }));
    assert_eq!(parse_url("not a url:pw@host").unwrap_err().to_string().matches("pw").count(), 0);
    let error = parse_url(&format!("https://x/{}", "a".repeat(1_000_000))).unwrap_err().to_string();
    assert!(error.contains("it has 1000010 bytes, and 8192 are the most") && error.len() < 400, "{error}");
}

#[test]
fn reference_lines_are_read() {
    let oid = "a".repeat(40);
    let line = format!("{oid} refs/tags/v1 peeled:{}", "b".repeat(40));
    assert_eq!(Ref::parse(&line).unwrap().commit(), "b".repeat(40));
    assert_eq!(Ref::parse("unborn HEAD symref-target:refs/heads/main"), None);
    let head = Ref::parse(&format!("{oid} HEAD symref-target:refs/heads/main")).unwrap();
    assert_eq!(head.target.as_deref(), Some("refs/heads/main"));
    assert_eq!(Ref::parse(&format!("{oid} refs/tags/1.0.0-{}", "a".repeat(60_000))), None);
}

proptest::proptest! {
    #[test]
    fn packets_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = packet::all(&bytes);
    }
}

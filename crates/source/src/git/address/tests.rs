use super::*;

#[test]
fn urls_lose_their_secrets_and_keep_their_meaning() {
    let (url, credentials) = parse("https://me:p%40ss@Example.com:8443/a/b.git/").unwrap();
    assert_eq!(url, "https://example.com:8443/a/b.git");
    assert!(credentials == Some(Credentials::Basic { username: "me".into(), password: "p@ss".into() }));
    assert_eq!(parse("not a url:pw@host").unwrap_err().to_string().matches("pw").count(), 0);
    let error = parse(&format!("https://x/{}", "a".repeat(1_000_000))).unwrap_err().to_string();
    assert!(error.contains("it has 1000010 bytes, and 8192 are the most") && error.len() < 400, "{error}");
}

use super::*;

fn http(text: &str) -> (String, Option<Credentials>) {
    match Address::parse(text).unwrap() {
        Address::Http { url, credentials } => (url, credentials),
        Address::Ssh(address) => panic!("{address:?}"),
    }
}

fn refusal(text: &str) -> String {
    Address::parse(text).err().unwrap().to_string()
}

#[test]
fn urls_lose_their_secrets_and_keep_their_meaning() {
    let (url, credentials) = http("https://me:p%40ss@Example.com:8443/a/b.git/");
    assert_eq!(url, "https://example.com:8443/a/b.git");
    assert!(credentials == Some(Credentials::Basic { username: "me".into(), password: "p@ss".into() }));
    assert_eq!(refusal("not a url:pw@host").matches("pw").count(), 0);
    let error = refusal(&format!("https://x/{}", "a".repeat(1_000_000)));
    assert!(error.contains("it has 1000010 bytes, and 8192 are the most") && error.len() < 400, "{error}");
}

#[test]
fn ssh_urls_name_user_host_port_and_path() {
    for (text, url, user, host, port, path) in [
        (
            "ssh://git@Git.Example/org/app.git",
            "ssh://git@git.example/org/app.git",
            "git",
            "git.example",
            22,
            "/org/app.git",
        ),
        ("ssh://git.example:22/app/", "ssh://git@git.example/app", "git", "git.example", 22, "/app"),
        (
            "ssh://me@git.example:2222/~me/a b",
            "ssh://me@git.example:2222/~me/a%20b",
            "me",
            "git.example",
            2222,
            "~me/a b",
        ),
        ("ssh://git@[::1]:2222/app", "ssh://git@[::1]:2222/app", "git", "::1", 2222, "/app"),
    ] {
        let Address::Ssh(found) = Address::parse(text).unwrap() else { panic!("{text}") };
        let (user, host, path, url) = (user.into(), host.into(), path.into(), url.to_owned());
        assert_eq!(found, SshAddress { url, user, host, port, path }, "{text}");
    }
    for (text, why) in [
        (
            "git@git.example:org/app.git",
            "write it as ssh://git@git.example/org/app.git: the form `host:path` is not a URL",
        ),
        ("git.example:/org/app.git", "write it as ssh://git@git.example/org/app.git"),
        ("me:hunter2@git.example:x", "write it as ssh://USER@HOST/PATH"),
        ("ssh://me:hunter2@git.example/x", "git over ssh takes no password in the URL"),
        ("ssh://git@git.example", "the URL has no path"),
        ("ssh:///x", "the URL has no host"),
        ("ssh://git@git.example/a%0Ab", "control characters"),
        ("ssh://git@git.example/a?token=hunter2", "no query"),
    ] {
        let error = refusal(text);
        assert!(error.contains(why) && !error.contains("hunter2"), "{text}: {error}");
    }
}

#[test]
fn a_refused_url_is_shown_without_secrets() {
    for (text, shown) in [
        ("https://git.example/app.git?user=me@corp.com&token=SECRET", "https://git.example/app.git: "),
        ("https://SECRET:x@git.example:8443/app.git#a@b", "https://git.example/app.git: "),
        ("https://me:SEC?SECRET@git.example/app.git", "https://…: "),
        ("me:SEC#SECRET@git.example", "…: "),
        ("https://me:12/SECRET@git.example/app.git?x", "git.example/app.git: "),
        ("https://me:SEC/SECRET@git.example/app.git", "git.example/app.git: "),
        ("me:SECRET@git.example:x", "git.example:x: "),
        ("file:///etc", "file:///etc: "),
    ] {
        let error = refusal(text);
        assert!(error.starts_with(shown) && !error.contains("SEC"), "{text}: {error}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(https?|ssh)?(://)?[a-z:@/?#%~.\\[\\] 0-9]{0,40}") {
        let _ = Address::parse(&text);
    }
}

use super::*;

/// `ssh-ed25519` and `ecdsa-sha2-nistp256` keys, as far as this module looks at them.
const ONE: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJ9pSyfxfPOgKRjKxXh6Rt9LhbVgOCfPo0ZM5LTdm5Wr";
const TWO: &str = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB";

fn key(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

fn hashed(name: &str) -> String {
    let salt = b"twenty bytes of salt";
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hmac::sign(&key, name.as_bytes())))
}

#[test]
fn a_key_is_the_servers_another_one_or_unknown() {
    use Verdict::{Known, NoHost, OtherKey, Revoked};
    for (hosts, host, port, shown, expect) in [
        ("git.example", "git.example", 22, ONE, Known),
        ("GIT.example,10.0.0.1", "git.example", 22, ONE, Known),
        ("git.example,10.0.0.1", "10.0.0.1", 22, ONE, Known),
        ("git.example", "git.example", 22, TWO, OtherKey),
        ("git.example", "git.example", 2222, ONE, NoHost),
        ("[git.example]:2222", "git.example", 2222, ONE, Known),
        ("[git.example]:2222", "git.example", 22, ONE, NoHost),
        ("git.example", "evil.example", 22, ONE, NoHost),
        ("*.example", "git.example", 22, ONE, Known),
        ("*.example,!git.example", "git.example", 22, ONE, NoHost),
        ("*.example,!git.example", "other.example", 22, ONE, Known),
        ("g?t.*", "git.example", 22, ONE, Known),
        ("g?t.*", "gt.example", 22, ONE, NoHost),
        (&hashed("git.example"), "git.example", 22, ONE, Known),
        (&hashed("git.example"), "git.example", 22, TWO, OtherKey),
        (&hashed("git.example"), "other.example", 22, ONE, NoHost),
        (&hashed("[git.example]:2222"), "git.example", 2222, ONE, Known),
        ("@revoked git.example", "git.example", 22, ONE, Revoked),
    ] {
        let known = KnownHosts::parse(&format!("# scanned\n\n{hosts} ssh-ed25519 {ONE} a comment\n")).unwrap();
        assert_eq!(known.judge(host, port, &key(shown)), expect, "{hosts} for {host}:{port}");
    }
    let lines = format!("a.example ssh-ed25519 {ONE}\n@revoked * ssh-ed25519 {ONE}\na.example ssh-rsa AAAA\n");
    let known = KnownHosts::parse(&lines).unwrap();
    assert_eq!(known.judge("a.example", 22, &key(ONE)), Revoked);
    assert_eq!(known.algorithms("a.example", 22), ["ssh-ed25519", "ssh-rsa"]);
    let two = KnownHosts::parse(&format!("a.example ssh-rsa AAAA\na.example ssh-ed25519 {ONE}\n")).unwrap();
    assert_eq!(two.judge("a.example", 22, &key(ONE)), Known);
}

#[test]
fn what_is_no_known_hosts_is_refused_without_its_content() {
    for (text, why) in [
        ("", "there is no host in it"),
        ("# nothing\n", "there is no host in it"),
        ("@cert-authority *.example ssh-ed25519 AAAA\n", "there is no host in it"),
        ("a.example ssh-ed25519 AAAA\nhunter2\n", "line 2 is not `host algorithm key`"),
        ("a.example ssh-ed25519 hunter2!\n", "line 1 is not `host algorithm key`"),
        ("|1|hunter2 ssh-ed25519 AAAA\n", "line 1 is not `host algorithm key`"),
        (&"#\n".repeat(200_000), "it has 400000 bytes; at most 262144 are read"),
    ] {
        assert_eq!(KnownHosts::parse(text).unwrap_err(), why);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z@|1!*?,= \n]{0,80}") {
        if let Ok(known) = KnownHosts::parse(&text) {
            let _ = known.judge("a", 22, b"");
        }
    }
}

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn minted(expires: Option<&str>) -> Minted {
    Minted {
        context: "prod".into(),
        issued: at("2026-01-01T00:00:00Z"),
        expires: expires.map(at),
        token_digest: None,
        token_secret: None,
        used_by: None,
        problem: None,
    }
}

#[test]
fn a_credential_is_renewed_at_a_third_of_what_was_granted() {
    for (what, expires, now, expect) in [
        ("a year", Some("2027-01-01T00:00:00Z"), "2026-01-01T00:00:00Z", Some("2026-05-02T16:00:00Z")),
        ("a year, just before", Some("2027-01-01T00:00:00Z"), "2026-05-02T15:59:59Z", Some("2026-05-02T16:00:00Z")),
        ("a year, a third over", Some("2027-01-01T00:00:00Z"), "2026-05-02T16:00:00Z", None),
        ("an hour", Some("2026-01-01T01:00:00Z"), "2026-01-01T00:10:00Z", Some("2026-01-01T00:20:00Z")),
        ("an hour, over", Some("2026-01-01T01:00:00Z"), "2026-02-01T00:00:00Z", None),
        ("a token Secret", None, "2026-01-02T00:00:00Z", Some("2026-01-31T00:00:00Z")),
        ("a token Secret of a month", None, "2026-01-31T00:00:00Z", None),
        ("it ends before it begins", Some("2025-01-01T00:00:00Z"), "2026-01-01T00:00:00Z", None),
    ] {
        let expect = expect.map_or(Renewal::Now, |text| Renewal::At(at(text)));
        assert_eq!(renewal(&minted(expires), at(now)), expect, "{what}");
    }
}

#[test]
fn a_token_of_a_week_is_long_enough() {
    let issued = at("2026-01-01T00:00:00Z");
    for (expires, expect) in [
        ("2026-01-08T00:00:00Z", true),
        ("2026-01-07T23:59:59Z", false),
        ("2026-01-01T00:00:00Z", false),
        ("2025-12-31T00:00:00Z", false),
    ] {
        assert_eq!(is_long_enough(issued, at(expires)), expect, "{expires}");
    }
}

#[test]
fn a_token_secret_has_one_successor() {
    let of = |token: &str| Minted { token_digest: Some(Digest::of(token.as_bytes())), ..minted(None) };
    let first = token_secret_after(None, "https://hub default/paris");
    // No token is known of one that an earlier version made: it is as if there were none.
    assert_eq!(first, token_secret_after(Some(&minted(None)), "https://hub default/paris"));
    let all = [
        first.clone(),
        token_secret_after(None, "https://hub default/lyon"),
        token_secret_after(Some(&of("a")), "https://hub default/paris"),
        token_secret_after(Some(&of("b")), "https://hub default/paris"),
    ];
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{all:?}");
    let again = Minted { issued: at("2026-02-01T00:00:00Z"), problem: Some("no answer".into()), ..of("a") };
    assert_eq!(all[2], token_secret_after(Some(&again), ""), "only the token counts");
    assert!(first.starts_with("kurator-token-") && first.len() == 34, "{first}");
}

#[test]
fn a_token_secret_is_deleted_when_it_is_90_days_old() {
    let made = at("2026-01-01T00:00:00Z");
    for (now, over) in [
        ("2025-12-31T00:00:00Z", false),
        ("2026-01-31T00:00:00Z", false),
        ("2026-03-31T23:59:59Z", false),
        ("2026-04-01T00:00:00Z", true),
    ] {
        assert_eq!(is_token_secret_over(made, at(now)), over, "{now}");
    }
    assert!(!is_token_secret_over(Timestamp::MAX, made));
}

#[test]
fn a_refused_credential_has_the_command_that_mends_it() {
    let origin = |namespace: &str| Origin::new("cluster.kurator.dev", "AttachedCluster", namespace, "paris");
    let now = at("2026-06-01T00:00:00Z");
    let cases = [
        (None, None, "default"),
        (Some("2026-05-31T00:00:00Z"), Some("prod"), "default"),
        (Some("2027-01-01T00:00:00Z"), Some("arn:aws:eks:eu:1:cluster/prod"), "team"),
        (Some("2026-05-31T00:00:00Z"), Some("it's mine"), "default"),
    ];
    let said = cases.map(|(expires, context, namespace)| {
        let minted = context.map(|context| Minted { context: context.to_owned(), ..minted(None) });
        let standing = Standing { expires: expires.map(at), minted, unused: None };
        let (reason, message) = refused(&standing, &origin(namespace), &[], "Unauthorized", now);
        format!("{reason}: {message}")
    });
    assert_eq!(
        said,
        [
            "CredentialRefused: the member refuses the credential: Unauthorized; make another one with `kurator attach \
             CONTEXT --name paris -n default`, or replace the kubeconfig in its Secret",
            "CredentialExpired: the credential expired at 2026-05-31T00:00:00Z, and the member refuses it: Unauthorized; \
             make another one with `kurator attach prod --name paris -n default`",
            "CredentialRefused: the member refuses the credential: Unauthorized; make another one with `kurator attach \
             arn:aws:eks:eu:1:cluster/prod --name paris -n team`, or replace the kubeconfig in its Secret",
            "CredentialExpired: the credential expired at 2026-05-31T00:00:00Z, and the member refuses it: Unauthorized; \
             make another one with `kurator attach 'it'\\''s mine' --name paris -n default`",
        ]
    );
}

#[test]
fn what_is_not_in_use_or_not_renewed_is_said() {
    let unused = Problem { reason: reason::KUBECONFIG_MALFORMED, message: "Secret a/b: not a kubeconfig".into() };
    let problem = Minted { problem: Some("no answer".into()), ..minted(Some("2026-03-01T00:00:00Z")) };
    for (standing, expect) in [
        (Standing::default(), None),
        (Standing { minted: Some(minted(None)), ..Standing::default() }, None),
        (
            Standing { unused: Some(unused), minted: Some(problem.clone()), ..Standing::default() },
            Some((
                reason::KUBECONFIG_MALFORMED,
                "Secret a/b: not a kubeconfig; the credential before it still works and stays in use",
            )),
        ),
        (
            Standing { minted: Some(problem), ..Standing::default() },
            Some((
                reason::RENEWAL_FAILED,
                "the credential cannot be renewed: no answer; it is good until 2026-03-01T00:00:00Z",
            )),
        ),
    ] {
        let said = current(&standing, &[]);
        let said = said.as_ref().map(|said| (said.reason, said.message.as_str()));
        assert_eq!(said, expect);
    }
}

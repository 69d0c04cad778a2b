use super::*;

#[test]
fn a_reference_is_checked_before_any_server_is_asked() {
    let sha = "3f2c1a".repeat(7)[..40].to_owned();
    assert!(GitReference::Commit(sha).check().is_ok());
    for bad in [
        GitReference::Branch("a b".into()),
        GitReference::Branch("--upload-pack=x".into()),
        GitReference::Tag("a..b".into()),
        GitReference::Name("main".into()),
        GitReference::Named("a..b".into()),
        GitReference::Named(String::new()),
        GitReference::Commit("3f2c1a".into()),
        GitReference::Semver("one".into()),
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}

#[test]
fn a_reference_has_a_length_that_a_server_has_too() {
    let long = |prefix: &str| format!("{prefix}{}", "a".repeat(1_000_000));
    for (reference, field) in [
        (GitReference::Branch(long("")), "ref.branch"),
        (GitReference::Tag(long("")), "ref.tag"),
        (GitReference::Name(long("refs/heads/")), "ref.name"),
        (GitReference::Commit(long("")), "ref.commit"),
        (GitReference::Semver(long(">")), "ref.semver"),
    ] {
        let error = reference.check().unwrap_err().to_string();
        assert!(error.starts_with(field) && error.len() < 300, "{error}");
    }
}

#[test]
fn what_is_chosen_does_not_depend_on_the_order_of_the_list() {
    let check = |reference: GitReference, names: &[&str], expect: Option<&str>| {
        for backwards in [false, true] {
            let mut choice = Choice::new(&reference).unwrap();
            let consider = |name: &&str| choice.consider(&Ref::parse(&format!("{} {name}", "a".repeat(40))).unwrap());
            if backwards {
                names.iter().rev().for_each(consider)
            } else {
                names.iter().for_each(consider)
            }
            assert_eq!(choice.commit().map(|commit| commit.name).as_deref(), expect, "{reference:?}");
        }
    };
    let tags = ["refs/tags/v1.0.0", "refs/tags/1.2.0", "refs/tags/v1.2.0", "refs/tags/2.0.0", "refs/heads/1.9.0"];
    check(GitReference::Semver("1.x".into()), &tags, Some("v1.2.0"));
    check(GitReference::Semver("3.x".into()), &tags, None);
    check(GitReference::Tag("2.0.0".into()), &tags, Some("2.0.0"));
    check(GitReference::Branch("1.9.0".into()), &tags, Some("1.9.0"));
    check(GitReference::Default, &["HEAD", "refs/heads/main"], Some("HEAD"));
    check(GitReference::Default, &["HEAD", "refs/heads/master"], Some("master"));
    check(GitReference::Branch("main".into()), &["HEAD", "refs/heads/main2"], None);
    check(GitReference::Head, &["HEAD", "refs/heads/master"], Some("HEAD"));
    let named = ["HEAD", "refs/heads/v1", "refs/tags/v1", "refs/heads/main", "refs/pull/1/head"];
    for (text, expect) in [
        ("v1", Some("v1")),
        ("main", Some("main")),
        ("heads/main", Some("heads/main")),
        ("refs/pull/1/head", Some("refs/pull/1/head")),
        ("pull/1/head", Some("pull/1/head")),
        ("gone", None),
    ] {
        check(GitReference::Named(text.into()), &named, expect);
    }
}

#[test]
fn a_tag_counts_before_a_branch_of_its_name() {
    let reference = GitReference::of_base("v1");
    for names in [["refs/heads/v1", "refs/tags/v1"], ["refs/tags/v1", "refs/heads/v1"]] {
        let mut choice = Choice::new(&reference).unwrap();
        for name in names {
            let id = if name.contains("tags") { "a" } else { "b" };
            choice.consider(&Ref::parse(&format!("{} {name}", id.repeat(40))).unwrap());
        }
        assert_eq!(choice.commit().unwrap().sha, "a".repeat(40));
    }
    assert_eq!(GitReference::of_base(""), GitReference::Head);
    assert_eq!(GitReference::of_base(&"AB".repeat(20)), GitReference::Commit("ab".repeat(20)));
    assert_eq!(GitReference::of_base("abc123"), GitReference::Named("abc123".into()));
}

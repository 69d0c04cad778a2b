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

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

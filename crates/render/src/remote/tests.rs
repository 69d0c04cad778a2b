use super::*;

/// The entry as one line: what it may be, its id, and the directory.
fn read(text: &str) -> String {
    match parse(text) {
        None => "local".to_owned(),
        Some(Err(why)) => format!("refused: {why}"),
        Some(Ok(entry)) => {
            let kind = match &entry.at {
                RemoteAt::Repository(_) => "repository",
                RemoteAt::File(_) => "file",
                RemoteAt::Either(..) => "either",
            };
            let is_file = kind == "file" || entry.path.is_empty();
            let path = if is_file { String::new() } else { format!(" {}", entry.path) };
            format!("{kind} {}{path}", entry.id)
        }
    }
}

/// The forms that kustomize documents and tests (`examples/remoteBuild.md`, `repospec_test.go`).
#[test]
fn entries_are_read_as_kustomize_reads_them() {
    for (text, expect) in [
        ("https://github.com/org/repo//path?ref=v1", "repository https://github.com/org/repo?ref=v1 path"),
        ("https://github.com/org/repo/path?ref=v1", "repository https://github.com/org/repo?ref=v1 path"),
        ("https://github.com/org/repo/path/", "repository https://github.com/org/repo path"),
        ("github.com/org/repo/path?ref=x", "repository https://github.com/org/repo?ref=x path"),
        ("gitHub.com/org/repo", "repository https://github.com/org/repo"),
        ("github.com:org/repo//p", "repository https://github.com/org/repo p"),
        ("http://github.com/org/repo.git/somedir", "repository https://github.com/org/repo.git somedir"),
        ("hTTps://github.com/org/repo", "repository https://github.com/org/repo"),
        ("git@github.com:org/repo/somedir", "repository ssh://git@github.com/org/repo somedir"),
        ("git@github.com/org/repo/somedir", "repository ssh://git@github.com/org/repo somedir"),
        ("ssh://git@github.com/org/repo//p?ref=v1", "repository ssh://git@github.com/org/repo?ref=v1 p"),
        ("git@host:org/repo.git//p", "repository ssh://git@host/org/repo.git p"),
        (
            "git@gitlab2.sqtools.ru:infra/kubernetes/thanos-base.git?ref=v0.1.0",
            "repository ssh://git@gitlab2.sqtools.ru/infra/kubernetes/thanos-base.git?ref=v0.1.0",
        ),
        ("ssh://git.example.com:7999/org/repo", "repository ssh://git.example.com:7999/org/repo"),
        (
            "ssh://git@bitbucket.org/company/project.git//path?ref=branch",
            "repository ssh://git@bitbucket.org/company/project.git?ref=branch path",
        ),
        ("git::https://gitlab.com/org/repo", "repository https://gitlab.com/org/repo"),
        (
            "https://dev.azure.com/org/project/_git/repo/path/to?version=v1",
            "repository https://dev.azure.com/org/project/_git/repo?ref=v1 path/to",
        ),
        ("https://org@dev.azure.com/org/project/_git/repo", "repository https://dev.azure.com/org/project/_git/repo"),
        (
            "https://git-codecommit.us-east-2.amazonaws.com/someorg/somerepo/somedir?ref=testbranch",
            "repository https://git-codecommit.us-east-2.amazonaws.com/someorg/somerepo?ref=testbranch somedir",
        ),
        (
            "https://bitbucket.example.com/scm/project/repository.git",
            "repository https://bitbucket.example.com/scm/project/repository.git",
        ),
        ("http://127.0.0.1:8080/base.git//app?ref=main", "repository http://127.0.0.1:8080/base.git?ref=main app"),
        // What a reference and the other words mean.
        ("https://github.com/o/r?ref=a&version=b", "repository https://github.com/o/r?ref=a"),
        ("https://github.com/o/r?version=b&ref=", "repository https://github.com/o/r?ref=b"),
        ("https://github.com/o/r?ref=feature%2Fx", "repository https://github.com/o/r?ref=feature/x"),
        ("https://github.com/o/r?submodules=false&ref=v1", "repository https://github.com/o/r?ref=v1&submodules=false"),
        ("https://github.com/o/r?submodules=maybe", "repository https://github.com/o/r"),
        ("https://github.com/o/r?ref=v1&token=secret", "repository https://github.com/o/r?ref=v1"),
        ("https://github.com/o/r?ref=%zz", "repository https://github.com/o/r"),
        // Files, and what may be one.
        ("https://example.com/x.yaml", "file https://example.com/x.yaml"),
        (
            "https://raw.githubusercontent.com/o/r/main/d/x.yml",
            "file https://raw.githubusercontent.com/o/r/main/d/x.yml",
        ),
        (
            "https://github.com/o/r/releases/download/v1/install.yaml",
            "file https://github.com/o/r/releases/download/v1/install.yaml",
        ),
        (
            "https://gitlab.com/api/v4/projects/1/repository/files/d%2Fx.yaml/raw?ref=main",
            "file https://gitlab.com/api/v4/projects/1/repository/files/d%2Fx.yaml/raw?(6e7d7d440665)",
        ),
        ("https://example.com/manifests", "file https://example.com/manifests"),
        ("https://strimzi.io/install/latest", "either https://strimzi.io/install/latest"),
        ("https://gitlab.com/org/repo/path", "either https://gitlab.com/org/repo/path path"),
        ("https://github.com/thisisa404.yaml", "file https://github.com/thisisa404.yaml"),
        // Names that only look like URLs.
        ("/tmp", "local"),
        ("../../tmp", "local"),
        ("src/github.com/org/repo/path", "local"),
        ("iauhsdiuashduas", "local"),
        ("htxxxtp://github.com/", "local"),
        ("git::___", "local"),
        ("gh:org/repo", "local"),
        ("github.com!org/repo.git//path", "local"),
        ("git@scp://github.com/org/repo.git//path", "local"),
        ("git@host", "local"),
        ("base@2x/app.yaml", "local"),
        ("./github.com/org/repo", "local"),
        // What is not fetched.
        ("file:///srv/repo", "refused: file:// would read the hub's own disk"),
        ("ssh://git.example.com", "refused: it names no repository"),
        ("https://github.com/org/repo.git//path/../../exits/repo", "refused: its path leaves the repository"),
        ("https://github.com/o/r//a b", "refused: a URL has no spaces in it; write %20"),
        ("https://github.com/o/r?ref=a%20b", "refused: its ref is not the name of a branch, a tag or a commit"),
        ("https://github.com/o/r?ref=a%3A%20b", "refused: its ref is not the name of a branch, a tag or a commit"),
        (
            "git@bitbucket.org/company/project.git",
            "refused: git would take it for a path; write git@bitbucket.org:company/project.git",
        ),
    ] {
        assert_eq!(read(text), expect, "{text}");
    }
    let refused = read("https://me:secret@example.com/o/r");
    assert!(refused.starts_with("refused: a password in it") && !refused.contains("secret"), "{refused}");
    assert!(read(&format!("https://example.com/{}", "x".repeat(9_000))).starts_with("refused: it has 9011 bytes"));
}

#[test]
fn timeouts_are_seconds_or_durations() {
    for (text, expect) in
        [("61", Some(61)), ("1m1s", Some(61)), ("0", None), ("0s", None), ("jiffy", None), ("", None), ("-5", None)]
    {
        let entry = parse(&format!("https://github.com/o/r?timeout={text}")).unwrap().unwrap();
        assert_eq!(entry.timeout.map(|timeout| timeout.as_secs()), expect, "{text}");
    }
}

#[test]
fn a_query_is_fetched_and_not_shown() {
    let entry = parse("https://example.com/x.yaml?token=abc").unwrap().unwrap();
    assert_eq!(entry.at, RemoteAt::File("https://example.com/x.yaml?token=abc".to_owned()));
    let other = parse("https://example.com/x.yaml?token=abd").unwrap().unwrap();
    assert!(!entry.id.contains("abc") && entry.id != other.id, "{} {}", entry.id, other.id);
    assert_eq!(entry.clone, None);
}

#[test]
fn what_kustomize_calls_a_repository() {
    for (text, expect) in [
        ("http://github.com/o/r/d", "https://github.com/o/r"),
        ("git@github.com:o/r.git/d", "git@github.com:o/r.git"),
        ("git@host:o/r.git//d", "git@host:o/r.git"),
        ("ssh://git@host/o/r.git//d", "ssh://git@host/o/r.git"),
    ] {
        assert_eq!(parse(text).unwrap().unwrap().clone.as_deref(), Some(expect), "{text}");
    }
}

#[test]
fn paths_of_remotes_stay_apart_from_those_of_the_source() {
    let id = "https://github.com/o/r?ref=v1";
    let root = path_in(id, "");
    assert_eq!(split(&join(&root, "kustomization.yaml")), Some((id, "kustomization.yaml")));
    assert_eq!(join(&join(&root, "a"), "b"), format!("{id}: a/b"));
    assert_eq!(parent(&join(&root, "k.yaml")), root);
    assert_eq!(parent("a/k.yaml"), "a");
    assert_eq!(split("https://example.com/x.yaml"), Some(("https://example.com/x.yaml", "")));
    for local in ["", "a/b: c/d", "https:/x: y", "app/k.yaml"] {
        assert_eq!(split(local), None, "{local}");
    }
}

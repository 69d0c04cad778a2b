use super::*;

#[test]
fn gitmodules_is_read_as_git_reads_it() {
    let text = r#"
# a comment
[submodule "lib"]
	path = vendor/lib
	url = ../lib.git
[submodule "with \"quotes\""] ; of a name
	URL = "https://git.example/a b.git" # and of a value
	Path = vendor/quoted/
	branch = main
[core]
	path = elsewhere
	url = https://git.example/elsewhere.git
[submodule "lib"]
	url = https://git.example/\
lib.git
[submodule "no-url"]
	path = vendor/none
"#;
    let found: Vec<(String, String)> = parse(text, "x").unwrap().into_iter().map(|d| (d.path, d.url)).collect();
    let expect = [("vendor/lib", "https://git.example/lib.git"), ("vendor/quoted", "https://git.example/a b.git")];
    assert_eq!(found, expect.map(|(path, url)| (path.to_owned(), url.to_owned())));
    for line in ["[submodule", "[submodule \"a]", "path = \"open", "path = \\x", "path = \\"] {
        let error = parse(&format!("[submodule \"a\"]\n{line}"), "http://x").unwrap_err().to_string();
        assert_eq!(error, "http://x: .gitmodules: line 2 is not understood; correct it", "{line}");
    }
    let error = parse(&"#\n".repeat(200_000), "http://x").unwrap_err().to_string();
    assert_eq!(error, "http://x: the size of .gitmodules, in bytes, exceeds the limit of 262144");
}

#[test]
fn relative_urls_are_resolved_as_git_does_and_stay_on_the_server() {
    for (parent, url, expect) in [
        ("https://git.example/org/app.git", "../lib.git", Some("https://git.example/org/lib.git")),
        ("https://git.example/org/app.git/", "../../other/lib.git", Some("https://git.example/other/lib.git")),
        ("https://git.example/org/app", "./lib.git", Some("https://git.example/org/app/lib.git")),
        ("https://git.example/org/app", "./../lib.git", Some("https://git.example/org/lib.git")),
        ("ssh://git@git.example:2222/org/app.git", "../lib.git", Some("ssh://git@git.example:2222/org/lib.git")),
        ("https://git.example/app.git", "../lib.git", Some("https://git.example/lib.git")),
        ("https://git.example/app.git", "../../lib.git", None),
        ("https://git.example/app.git", "https://other.example/lib.git", Some("https://other.example/lib.git")),
        ("https://git.example/app.git", "git@other.example:lib.git", Some("git@other.example:lib.git")),
    ] {
        assert_eq!(resolve(parent, url).as_deref(), expect, "{url} of {parent}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]\"\\\\a=\n ;#./]{0,80}") {
        let _ = parse(&text, "x");
        let _ = resolve(&text, &text);
    }
}

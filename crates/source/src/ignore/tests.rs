use super::*;

#[test]
fn patterns_match_as_gitignore_says() {
    for (pattern, path, directory, excluded) in [
        ("*.md", "a/b.md", false, true),
        ("*.md", "a/b.mdx", false, false),
        ("/docs", "docs", true, true),
        ("/docs", "a/docs", true, false),
        ("docs/", "a/docs", true, true),
        ("docs/", "a/docs", false, false),
        ("a/**/b", "a/x/y/b", false, true),
        ("a/**/b", "a/b", false, true),
        ("**/b", "x/b", false, true),
        ("a/**", "a/b/c", false, true),
        ("a/**", "a", true, false),
        ("f[0-9]?", "f1x", false, true),
        ("f[!0-9]", "f1", false, false),
        ("\\#x", "#x", false, true),
        ("*\n!keep", "keep", false, false),
        ("a/**/b/**", "a/x/b/c/b", false, true),
        ("a/**/b/**", "a/b", false, false),
        ("a/**/**/b", "a/b", false, true),
        (
            "**/**/**/**/**/**/**/**/**/**/z",
            "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a",
            false,
            false,
        ),
        ("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false, false),
    ] {
        assert_eq!(
            Ignore::parse(pattern).unwrap().decide(path, directory).unwrap_or(false),
            excluded,
            "{pattern} {path}"
        );
    }
}

#[test]
fn the_defaults_are_patterns() {
    for (path, directory, excluded) in [
        (".github", true, true),
        ("a/.gitlab-ci.yml", false, true),
        ("pictures/x.png", false, true),
        ("app.yaml", false, false),
    ] {
        assert_eq!(defaults().decide(path, directory).unwrap_or(false), excluded, "{path}");
    }
}

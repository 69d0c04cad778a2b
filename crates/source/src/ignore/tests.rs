use super::*;

static GO_ON: AtomicBool = AtomicBool::new(false);

fn excludes(ignore: &Ignore, path: &str, directory: bool) -> bool {
    ignore
        .decide(path, directory, &mut Work::new("http://x", &GO_ON, STEPS_MAX))
        .unwrap()
        .is_some_and(|hit| hit.excludes)
}

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
        ("**", "a/b", false, true),
        ("*", "a", false, true),
        ("a*", "ab", false, true),
        ("*\\*", "a*", false, true),
        ("a/*.md", "a/b.md", false, true),
        ("a/*.md", "a/b/c.md", false, false),
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
        let ignore = Ignore::parse(pattern, "ignore").unwrap();
        assert_eq!(excludes(&ignore, path, directory), excluded, "{pattern} {path}");
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
        assert_eq!(excludes(defaults(), path, directory), excluded, "{path}");
    }
}

#[test]
fn patterns_have_limits_that_say_where_they_are() {
    let longest = "a".repeat(PATH_BYTES_MAX);
    for (text, expect) in [
        (longest.clone(), None),
        (
            format!("{longest}a"),
            Some(format!("the pattern \"{}…\" has 4097 bytes; no path has more than 4096", "a".repeat(100))),
        ),
        ("a\n".repeat(PATTERNS_MAX), None),
        ("a\n".repeat(PATTERNS_MAX + 1), Some("it has more than 1000 patterns".to_owned())),
        (
            "# comments count\n".repeat(20_000),
            Some("it has 340000 bytes of patterns; at most 262144 are read".to_owned()),
        ),
        ("//".to_owned(), Some("\"//\" is not understood".to_owned())),
    ] {
        let error = Ignore::parse(&text, "a/.sourceignore").err().map(|e| e.to_string());
        assert_eq!(error, expect.map(|why| format!("a/.sourceignore: {why}")));
    }
}

#[test]
fn comparing_takes_pattern_times_name_steps_and_ends() {
    let steps = |pattern: &str, name: &str| {
        let mut work = Work::new("http://x", &GO_ON, STEPS_MAX);
        Ignore::parse(pattern, "ignore").unwrap().decide(name, false, &mut work).unwrap();
        usize::try_from(STEPS_MAX - work.left).unwrap()
    };
    let name = "a".repeat(255);
    // A name is split, and the pattern is looked at.
    assert_eq!(steps("readme", &name), 255 + 2);
    assert_eq!(steps("*.md", &name), 255 + 2);
    let worst = format!("*{}b", "a".repeat(4_000));
    assert!((255 * 128..4_096 * 255).contains(&steps(&format!("{worst}*"), &name)));
    assert!(steps(&format!("*{}", "*a".repeat(2_000)), &name) < 4_096 * 255);
    let unclosed = format!("*[{}", "a".repeat(4_000));
    assert!((255 * 4_000..257 * 4_100).contains(&steps(&unclosed, &name)), "{}", steps(&unclosed, &name));

    let ignore = Ignore::parse(&format!("{}\n", "*a".repeat(2_000)).repeat(60), "ignore").unwrap();
    let mut work = Work::new("http://x", &GO_ON, 1_000_000);
    let error = (0..1_000).find_map(|_| ignore.decide(&name, false, &mut work).err()).unwrap().to_string();
    let expect =
        "http://x: comparing its files with its ignore patterns takes so many steps that it exceeds the limit of ";
    assert_eq!(error, format!("{expect}{STEPS_MAX}"));
}

#[test]
fn comparing_stops_between_two_patterns() {
    let stop = AtomicBool::new(true);
    let ignore = Ignore::parse("a\nb", "ignore").unwrap();
    let stopped = ignore.decide("c", false, &mut Work::new("http://x", &stop, STEPS_MAX));
    assert!(matches!(stopped, Err(Error::Stopped)));
}

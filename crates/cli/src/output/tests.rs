//! Alignment, colours, errors in one line.

use super::*;

#[test]
fn columns_align_whatever_their_colours() {
    let mut table = Table::new(&["MEMBER", "STATE"]);
    table.row(vec!["a".into(), Cell::new("Ready", Tone::Good)]);
    table.row(vec!["北京".into(), Cell::new("Unknown", Tone::Waiting)]);
    // Each Chinese character takes two columns.
    assert_eq!(table.lines(false), ["MEMBER  STATE", "a       Ready", "北京    Unknown"]);
    assert_eq!(table.lines(true)[1], "a       \x1b[32mReady\x1b[0m");
}

#[test]
fn long_texts_continue_below_themselves() {
    let mut table = Table::default();
    table.wrap(vec!["Ready".into(), "False".into()], &"word ".repeat(25));
    table.wrap(vec!["SourceReady".into(), "True".into()], "short");
    let first = format!("Ready        False  {}", ["word"; 16].join(" "));
    let second = format!("                    {}", ["word"; 9].join(" "));
    assert_eq!(table.lines(false), [first.as_str(), &second, "SourceReady  True   short"]);
}

#[test]
fn a_text_is_broken_to_the_width_of_a_terminal_and_a_path_stays_whole() {
    let mut table = Table::default();
    table.wrap(vec!["Ready".into(), "False".into()], "the file /srv/a/very/long/path/to/it.yaml is wrong");
    for (columns, shown) in [
        (usize::MAX, vec!["Ready  False  the file /srv/a/very/long/path/to/it.yaml is wrong"]),
        (60, vec!["Ready  False  the file /srv/a/very/long/path/to/it.yaml is", "              wrong"]),
        (40, vec!["Ready  False", "    the file", "    /srv/a/very/long/path/to/it.yaml is", "    wrong"]),
        (3, vec!["Ready  False", "    the file", "    /srv/a/very/long/path/to/it.yaml", "    is wrong"]),
    ] {
        assert_eq!(table.wrapped(false, columns), shown, "{columns}");
    }
    let cut = &table.clipped(false, 30)[2];
    assert_eq!(*cut, "    /srv/a/very/long/path/to/…", "a table that is drawn over is cut");
}

#[test]
fn causes_are_said_once() {
    let error = anyhow::anyhow!("the port is taken").context("cannot listen: the port is taken").context("the hub");
    assert_eq!(chain(&error), "the hub: cannot listen: the port is taken");
}

#[test]
fn what_is_too_wide_is_cut_between_columns_of_a_terminal() {
    for (text, columns, shown) in [
        ("Ready", 5, "Ready"),
        ("Ready", 4, "Rea…"),
        ("北京 上海", 6, "北京 …"),
        ("北京 上海", 4, "北…"),
        ("Ready", 1, "…"),
        ("Ready", 0, ""),
    ] {
        let mut table = Table::default();
        table.row(vec![text.into()]);
        assert_eq!(table.clipped(false, columns), [shown], "{text} in {columns} columns");
    }
    let mut table = Table::new(&["MEMBER", "STATE"]);
    table.row(vec!["beijing".into(), Cell::new("Unknown", Tone::Bad)]);
    assert_eq!(table.clipped(false, 8)[2], "beijing");
    assert_eq!(table.clipped(true, 9)[3], "\x1b[31m    Unkn…\x1b[0m");
}

#[test]
fn the_reason_is_not_what_a_narrow_terminal_loses() {
    let mut table = Table::new(&["MEMBER", "REGION", "VERSION", "STATE"]);
    let said = "Unknown for 90s, CredentialExpired: the token has expired since 08:00; attach it again";
    table.row(vec!["beijing".into(), "cn-north".into(), "v1.37.0".into(), Cell::new(said, Tone::Waiting)]);
    table.row(vec!["rome".into(), "eu-south".into(), "v1.37.0".into(), Cell::new("Ready", Tone::Good)]);
    let head = "MEMBER   REGION    VERSION  STATE";
    let rome = "rome     eu-south  v1.37.0  Ready";
    assert_eq!(
        table.clipped(false, 60),
        [
            head,
            "beijing  cn-north  v1.37.0",
            "    Unknown for 90s, CredentialExpired: the token has",
            "    expired since 08:00; attach it again",
            rome
        ]
    );
    // Of a wider one the end is cut.
    let wide = table.clipped(false, 80);
    assert_eq!(wide[1], "beijing  cn-north  v1.37.0  Unknown for 90s, CredentialExpired: the token has e…");
    assert_eq!(wide[2], rome);
}

/// Every way in which text of others is printed.
#[test]
fn nothing_that_others_wrote_commands_a_terminal() {
    let hostile = "\x1b]0;owned\x07\x1b[2J\x1b[32mall fine\napp/other  fine\u{202e}\u{200b}";
    let shown = "\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{1b}[32mall fine app/other  fine\\u{202e}\\u{200b}";
    let mut table = Table::new(&["A", hostile]);
    table.row(vec![hostile.into(), Cell::new(hostile, Tone::Bad)]);
    table.wrap(vec![hostile.into()], hostile);
    let mut lines = table.lines(true);
    lines.extend(table.clipped(true, 40));
    lines.push(hostile.into());
    lines.push(Line::from("  ").text(hostile).cell(&Cell::new(hostile, Tone::Good), true).indented(2));
    let text = text(&lines);
    let colourless = ["\x1b[31m", "\x1b[32m", "\x1b[0m"].iter().fold(text.clone(), |text, code| text.replace(code, ""));
    assert!(!visible::has_unseen(&colourless), "{colourless:?}");
    // Colours are ours alone: one for each cell that has one.
    assert_eq!(text.matches("\x1b[32m").count(), 1, "{text:?}");
    assert!(lines.contains(&shown.into()) && text.lines().count() == lines.len(), "{text}");
}

#[test]
fn an_event_of_the_log_is_one_line_that_commands_nothing() {
    let mut log = Log(Vec::new());
    for event in ["ERROR said: \x1b[2J\nERROR forged\u{202e}\n", "plain\n", "\n"] {
        log.write_all(event.as_bytes()).unwrap();
    }
    log.write_all(&[b'a', 0xff, b'\n']).unwrap();
    let expect = "ERROR said: \\u{1b}[2J ERROR forged\\u{202e}\nplain\n\na\u{fffd}\n";
    assert_eq!(String::from_utf8(log.0).unwrap(), expect);
}

#[test]
fn a_document_is_exactly_the_value_and_hides_nothing() {
    for text in [
        "plain",
        "\x1b[2J\x07",
        "two\nlines\r\n",
        "\u{7f}\u{9b}31m\u{85}",
        "no\u{202e}sey\u{200b}\u{feff}",
        "\u{e0041}🚀",
    ] {
        let value = serde_json::json!({"message": text, text: [1, true, null, {"a": text}]});
        assert_eq!(document(Format::Text, &value), None);
        let json = document(Format::Json, &value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        let yaml = document(Format::Yaml, &value).unwrap();
        assert_eq!(model::yaml::documents(&yaml).unwrap(), [value], "{yaml}");
        assert!(!visible::has_unseen(&json) && !visible::has_unseen(&yaml), "{json:?} {yaml:?}");
    }
}

#[test]
fn only_an_error_of_several_lines_is_printed_on_several() {
    let lines = |words: &[&str]| Lines(words.iter().map(|line| (*line).to_owned()).collect());
    let said = error_lines(&lines(&["take it off:", "  kubectl label a b-", "  kubectl label c b-"]).into());
    assert_eq!(said, ["error: take it off:", "  kubectl label a b-", "  kubectl label c b-"]);
    let said = error_lines(&anyhow::anyhow!("a member says\nok"));
    assert_eq!(said, ["error: a member says\nok"], "which is one line when it is printed");
    assert_eq!(visible(&said[0]), "error: a member says ok");
}

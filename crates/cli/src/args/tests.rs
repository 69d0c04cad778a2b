//! `--help` of every command, what is refused, and the guide's commands.

use clap::{CommandFactory, Parser};

use super::Args;

fn helps(command: &mut clap::Command, path: &str, out: &mut Vec<(String, String)>) {
    out.push((path.to_owned(), command.render_long_help().to_string()));
    for sub in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        helps(sub, &path, out);
    }
}

#[test]
fn help_of_every_command() {
    let mut command = Args::command().term_width(100);
    command.build();
    let mut all = Vec::new();
    helps(&mut command, "kurator", &mut all);
    assert_eq!(all.len(), 20, "a new command is in the golden text, too");
    let page = |(path, text): (String, String)| {
        let text: Vec<&str> = text.lines().map(str::trim_end).collect();
        format!("$ {path} --help\n{}", text.join("\n"))
    };
    insta::assert_snapshot!("help", all.into_iter().map(page).collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_form_that_can() {
    let cases: [&[&str]; 5] = [
        &["status", "shop"],
        &["tree", "app/"],
        &["sync", "app/shop", "--timeout", "soon"],
        &["status", "-o", "xml"],
        &["demo", "unplug"],
    ];
    let errors = cases.map(|words| {
        let error = Args::try_parse_from([&["kurator"], words].concat()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        format!("$ kurator {}\n{error}", words.join(" "))
    });
    insta::assert_snapshot!("errors", errors.join("\n"));
}

/// Commands of the guides' `sh test` blocks: one a line, comments and what other programs do left out.
fn commands(guide: &str) -> Vec<String> {
    let mut inside = false;
    let mut out = Vec::new();
    for line in guide.lines() {
        match line.trim() {
            "```sh test" => inside = true,
            "```" => inside = false,
            line if inside => {
                let line = line.split(" #").next().unwrap_or_default();
                out.extend(line.split(" && ").map(str::trim).filter(|c| c.starts_with("kurator ")).map(str::to_owned));
            }
            _ => {}
        }
    }
    out
}

#[test]
fn the_guides_commands_can_be_said() {
    let english = commands(include_str!("../../../../docs/guide.md"));
    let chinese = commands(include_str!("../../../../docs/zh/guide.md"));
    assert!(english.len() > 15, "{english:?}");
    assert_eq!(english, chinese, "the guides show the same commands");
    for command in english {
        if let Err(error) = Args::try_parse_from(command.split_whitespace()) {
            panic!("{command}: {error}");
        }
    }
}

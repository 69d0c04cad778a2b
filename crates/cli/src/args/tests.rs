//! `--help` of every command, and what is refused.

use super::{command, read, settle};

fn helps(command: &mut clap::Command, path: &str, out: &mut Vec<(String, String)>) {
    out.push((path.to_owned(), command.render_long_help().to_string()));
    for sub in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        helps(sub, &path, out);
    }
}

#[test]
fn help_of_every_command() {
    let mut command = command().term_width(100);
    let mut all = Vec::new();
    helps(&mut command, "kurator", &mut all);
    for (path, text) in &all {
        let examples: Vec<&str> = text.lines().skip_while(|l| !l.starts_with("Example")).skip(1).collect();
        assert!(!examples.is_empty(), "{path} shows no example");
        for example in examples {
            let command = example.trim().trim_start_matches("source <(").trim_end_matches(')');
            for part in command.split(" && ") {
                let words = part.split("  ").next().unwrap_or_default().split_whitespace();
                // A digest is cut there: people copy it, and do not type it.
                let words = words.map(|word| word.replace("sha256:…", &model::Digest::of(b"").to_string()));
                if let Err(error) = read(words) {
                    panic!("{path}: {part}: {error}");
                }
            }
        }
    }
    assert_eq!(all.len(), 36, "a new command is in the golden text, too");
    let page = |(path, text): (String, String)| {
        let text: Vec<&str> = text.lines().map(str::trim_end).collect();
        format!("$ {path} --help\n{}", text.join("\n"))
    };
    insta::assert_snapshot!("help", all.into_iter().map(page).collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_form_that_can() {
    let cases: [&[&str]; 24] = [
        &["status", "shop"],
        &["tree", "app/"],
        &["sync", "app/shop", "--timeout", "soon"],
        &["status", "-o", "xml"],
        &["demo", "unplug"],
        &["tree", "app/../../secrets"],
        &["status", "member/\u{5317}\u{4eac}"],
        &["status", "-n", "a b"],
        &["up", "--advertise", "hub.example.com:6443"],
        &["up", "--listen", ":6444"],
        &["up", "--listen", "localhost:6443"],
        &["up", "--kubeconfig", "/tmp/nope"],
        &["--context", "beijing", "demo", "edit"],
        &["completion", "bash", "-o", "json"],
        &["status", "--dir", "/a", "--kubeconfig", "/b"],
        &["approve", "member/beijing", "--digest", "sha256:aa"],
        &["approve", "app/shop", "--digest", "bla"],
        &["hub", "backup", "a", "--kubeconfig", "/b"],
        &["up", "--hook-listen", "6444"],
        &["suspend", "member/beijing"],
        &["sync", "member/beijing"],
        &["attach", "prod", "--server", "192.0.2.7:6443"],
        &["attach", "prod", "--context", "hub"],
        &["attach", "prod", "--hub-context", "hub"],
    ];
    let errors = cases.map(|words| {
        let error = read([&["kurator"], words].concat()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        format!("$ kurator {}\n{error}", words.join(" "))
    });
    insta::assert_snapshot!("errors", errors.join("\n"));
}

#[tokio::test]
async fn the_namespace_of_the_kubeconfig_that_is_named_is_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let text =
        r#"{"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "c", "namespace": "team-a"}}]}"#;
    std::fs::write(&file, text).unwrap();
    let file = file.display();
    for (words, expect) in [
        (format!("kurator status --kubeconfig {file}"), "team-a"),
        (format!("kurator status --kubeconfig {file} -n east"), "east"),
        (format!("kurator doctor --kubeconfig {file}"), "team-a"),
        (format!("kurator attach prod --kubeconfig {file} --dir /nowhere"), "default"),
        (format!("kurator attach prod --hub-kubeconfig {file}"), "team-a"),
    ] {
        let mut args = read(words.split(' ')).unwrap();
        settle(&mut args).await;
        assert_eq!(args.common.namespace, expect, "{words}");
    }
}

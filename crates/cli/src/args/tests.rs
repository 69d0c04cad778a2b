//! `--help` of every command, and what is refused.

use super::{Command, FleetCommand, Shown, attached, command, read, settle, typed};

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

/// The commands of this program in a text: between backticks, or as lines of examples.
fn commands_in(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let examples =
        text.lines().filter_map(|line| line.strip_prefix("  ")).map(|line| line.split("  ").next().unwrap_or(line));
    let each = quoted.chain(examples).flat_map(|text| text.split(" && ").flat_map(|part| part.split(" | ")));
    each.filter(|command| command.starts_with("kurator ")).map(str::to_owned).collect()
}

/// Why the program does not take a command. What stands for a name is one. Only named, as in "`kurator attach` makes another one", it
/// has to exist; what is to be typed as it stands is `whole`.
fn wrong(command: &str, place: &str, whole: bool) -> Option<String> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let filled = command.replace("{-n}", "").replace("sha256:…", &digest).replace(['{', '}'], "");
    let words: Vec<String> = filled
        .split_whitespace()
        .map(|word| match word.split_once('/') {
            Some((kind, name)) if name.chars().all(|c| c.is_ascii_uppercase()) => {
                format!("{kind}/{}", name.to_lowercase())
            }
            _ if word.chars().all(|c| c.is_ascii_uppercase()) => word.to_lowercase(),
            _ => word.to_owned(),
        })
        .collect();
    let mut known = super::command();
    let named = words.iter().skip(1).all(|word| match known.find_subcommand(word).cloned() {
        Some(sub) => {
            known = sub;
            true
        }
        None => false,
    });
    if named && words.len() > 1 {
        return None;
    }
    let error = super::command().try_get_matches_from(&words).err()?;
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion, MissingRequiredArgument};
    let is_known = match error.kind() {
        DisplayHelp | DisplayVersion => true,
        MissingRequiredArgument => !whole,
        _ => false,
    };
    (!is_known).then(|| format!("{place}: `{command}`: {error}"))
}

#[test]
fn every_command_that_help_names_exists() {
    fn visit(command: &clap::Command, place: &str, (seen, wrong_ones): (&mut usize, &mut Vec<String>)) {
        let place = format!("{place} {}", command.get_name());
        let texts = [command.get_about(), command.get_long_about(), command.get_after_help()];
        let of_args = command.get_arguments().flat_map(|arg| [arg.get_help(), arg.get_long_help()]);
        for text in texts.into_iter().chain(of_args).flatten() {
            for one in commands_in(&text.to_string()) {
                wrong_ones.extend(wrong(&one, &place, true));
                *seen += 1;
            }
        }
        command.get_subcommands().for_each(|sub| visit(sub, &place, (&mut *seen, &mut *wrong_ones)));
    }
    let (mut seen, mut wrong_ones) = (0, Vec::new());
    visit(&super::command(), "", (&mut seen, &mut wrong_ones));
    assert!(wrong_ones.is_empty(), "{wrong_ones:#?}");
    assert!(seen > 60, "{seen}");
}

/// The texts of a file of code: what it says, without its comments and tests.
fn texts_of(code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let said: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    // A text that goes on in the next line.
    let joined = said.join("\n").replace("\\\n", "\u{0}");
    joined.lines().map(|line| line.split('\u{0}').map(str::trim_start).collect::<String>()).collect()
}

fn code_in(folder: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "tests" {
            code_in(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
            out.push(path);
        }
    }
}

#[test]
fn every_command_that_doctor_events_and_conditions_name_exists() {
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut seen, mut wrong_ones) = (0, Vec::new());
    for name in ["admit", "api", "applier", "apiserver", "cli", "controllers", "hub", "plan"] {
        let mut files = Vec::new();
        code_in(&crates.join(name).join("src"), &mut files);
        for file in files {
            for text in texts_of(&std::fs::read_to_string(&file).unwrap()) {
                for one in commands_in(&text) {
                    // Made of parts that are known only when it is printed, or no whole one.
                    if ["{}", "{0}", "{command", "kurator {", "\""].iter().any(|part| one.contains(part)) {
                        continue;
                    }
                    wrong_ones.extend(wrong(
                        &one,
                        &file.display().to_string(),
                        file.to_string_lossy().contains("/doctor/"),
                    ));
                    seen += 1;
                }
            }
        }
    }
    assert!(wrong_ones.is_empty(), "{wrong_ones:#?}");
    assert!(seen > 60, "{seen}");
}

/// What is printed to be typed is read as what it was printed for, whatever a namespace is called.
#[test]
fn a_printed_attached_cluster_is_read_back() {
    for namespace in ["default", "member", "members", "cluster", "clusters", "app", "fleets"] {
        let is = format!("{namespace}/paris");
        for text in [typed(&is), format!("member/{is}")] {
            assert_eq!(attached(&text).as_deref(), Ok(is.as_str()), "{text}");
            for words in [format!("kurator detach {text} --keep"), format!("kurator fleet remove {text}")] {
                let meant = match read(words.split(' ')).unwrap().command {
                    Command::Detach(what) => what.member,
                    Command::Fleet(FleetCommand::Remove(what)) => what.member,
                    other => panic!("{other:?}"),
                };
                assert_eq!(meant, is, "{words}");
            }
        }
    }
    assert_eq!(typed("paris"), "paris");
    assert_eq!(typed("default/paris"), "default/paris");
}

#[test]
fn the_status_of_an_attached_cluster_that_makes_no_member_is_named_with_its_namespace() {
    for (text, expect) in [("member/team/paris", "team/paris"), ("members/clusters/paris", "clusters/paris")] {
        assert_eq!(text.parse(), Ok(Shown::Member(expect.to_owned())), "{text}");
    }
    for wrong in ["member/team/", "member//paris", "member/team/paris/x", "member/Team/paris"] {
        assert!(wrong.parse::<Shown>().is_err(), "{wrong}");
    }
}

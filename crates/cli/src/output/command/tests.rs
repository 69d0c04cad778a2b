//! What is printed works where it is pasted.

use std::fs;
use std::path::Path;

use super::*;

fn shell(words: &str) -> Shell {
    let mut args = crate::args::read(words.split(' ')).unwrap();
    args.common.context_namespace = Some("team-a".to_owned());
    Shell::of(&args)
}

#[test]
fn a_command_in_a_text_gets_the_options_of_the_command_line() {
    for (line, command, expect) in [
        ("status", "approve app/shop -n default", "approve app/shop -n default"),
        ("status", "approve app/shop -n team-a", "approve app/shop"),
        ("status", "approve app/shop -n team-ab", "approve app/shop -n team-ab"),
        ("status -n east", "approve app/shop", "approve app/shop -n east"),
        ("status -n team-a", "approve app/shop", "approve app/shop"),
        ("status -n east", "approve app/shop -n team-a", "approve app/shop -n team-a"),
        ("status -n east", "approve member/a", "approve member/a"),
        ("status -n east", "status -A", "status -A"),
        ("status --dir /h", "approve app/shop -n default", "approve app/shop -n default --dir /h"),
        ("status --dir /h", "attach CONTEXT --name a", "attach CONTEXT --name a --dir /h"),
        ("status --kubeconfig /k --context c", "detach a --keep", "detach a --keep --kubeconfig /k --context c"),
        ("status --kubeconfig /k --context c", "attach CONTEXT", "attach CONTEXT --hub-kubeconfig /k --hub-context c"),
        ("status --kubeconfig /k", "up --demo", "up --demo"),
        ("demo wipe --dir /h", "demo restore", "demo restore --dir /h"),
        ("demo wipe --dir /h", "up --dir /other", "up --dir /other"),
        ("attach prod --kubeconfig /c --dir /h", "status member/prod", "status member/prod --dir /h"),
        (
            "attach prod --kubeconfig /c --hub-kubeconfig /h",
            "attach prod --kubeconfig /c",
            "attach prod --kubeconfig /c --hub-kubeconfig /h",
        ),
        ("status --dir /h", "hub adopt a --from b", "hub adopt a --from b --dir /h"),
        ("status --dir /h", "doctor -v", "doctor -v --dir /h"),
        // These are mentioned, and are no whole commands.
        ("status --dir /h", "detach --keep", "detach --keep"),
        ("status --dir /h", "attach", "attach"),
        ("status --dir /h", "hub adopt", "hub adopt"),
    ] {
        let shell = shell(&format!("kurator {line}"));
        let text = format!("see `x` and `kurator {command}`, or `kurator {command}`");
        let whole = shell.complete(&text).into_owned();
        assert_eq!(whole, format!("see `x` and `kurator {expect}`, or `kurator {expect}`"), "{line}");
        assert_eq!(shell.complete(&whole), whole, "again changes nothing");
    }
    let unclosed = "no command: `kurator status, kurator status";
    assert_eq!(shell("kurator status --dir /h").complete(unclosed), unclosed);
}

/// Without `--demo`, `kurator up` refuses such a directory.
#[test]
fn a_start_in_the_directory_of_a_demo_says_that_it_is_one() {
    let home = tempfile::TempDir::new().unwrap();
    let dir = home.path().join("d").display().to_string();
    let line = format!("kurator status --dir {dir}");
    let text = "is it running? (`kurator up`)";
    assert_eq!(shell(&line).complete(text), format!("is it running? (`kurator up --dir {dir}`)"));
    fs::create_dir_all(home.path().join("d/demo/members")).unwrap();
    assert_eq!(shell(&line).complete(text), format!("is it running? (`kurator up --demo --dir {dir}`)"));
    let shell = shell(&line);
    assert_eq!(shell.complete("`kurator up --demo`"), format!("`kurator up --demo --dir {dir}`"));
    assert_eq!(shell.complete("`kurator up --dir /other`"), "`kurator up --dir /other`");
}

/// What has an own way to say the directory: an example of `--help`, a start, a backup.
const WITHOUT_BACKTICKS: [&str; 6] = ["args.rs", "up.rs", "backup.rs", "completion.rs", "ask.rs", "progress.rs"];

/// A command without backticks would get no options.
#[test]
fn every_command_that_is_printed_stands_in_backticks() {
    let verbs: Vec<String> =
        crate::args::command().get_subcommands().map(|sub| format!("kurator {} ", sub.get_name())).collect();
    let is_bare = |line: &str| {
        verbs.iter().flat_map(|verb| line.match_indices(verb.as_str())).any(|(at, _)| !line[..at].ends_with('`'))
    };
    let mut wrong = Vec::new();
    for (path, code) in sources(&["cli"]) {
        if !WITHOUT_BACKTICKS.iter().any(|name| path.ends_with(name)) {
            wrong.extend(code.lines().filter(|line| is_bare(line)).map(|line| format!("{path}: {line}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is printed as a command is one: its words and its options are those of the command line.
#[test]
fn every_command_that_is_printed_is_one() {
    let program = crate::args::command();
    let mut seen = 0;
    for (path, code) in sources(&["cli", "plan", "controllers", "applier", "hub"]) {
        for command in code.split('`').filter(|part| part.starts_with("kurator ") && !part.contains('"')) {
            seen += 1;
            let words: Vec<&str> = command.split([' ', '/']).skip(1).filter(|word| !word.is_empty()).collect();
            let mut known = &program;
            let mut rest = words.as_slice();
            while let Some((word, after)) = rest.split_first()
                && known.has_subcommands()
                && !word.starts_with('{')
            {
                let sub = known.find_subcommand(word);
                known = sub.unwrap_or_else(|| panic!("{path}: `{command}`: there is no {word}"));
                rest = after;
            }
            let has = |option: &str| known.get_arguments().any(|arg| arg.get_long() == Some(option));
            let options = rest.iter().filter_map(|word| word.strip_prefix("--"));
            let options = options.map(|option| option.split(['{', '=']).next().unwrap_or_default());
            for option in options.filter(|option| !option.is_empty()) {
                assert!(has(option), "{path}: `{command}`: it has no --{option}");
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

/// The code of crates, without comments and tests. Texts that are broken over several lines are on one.
fn sources(crates: &[&str]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for name in crates {
        read_into(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"), &mut out);
    }
    out
}

fn read_into(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() && name != "tests" {
            read_into(&path, out);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let mut joined = String::new();
            for line in lines {
                match line.strip_suffix('\\') {
                    Some(begun) => joined.push_str(&format!("{} ", begun.trim())),
                    None => joined.push_str(&format!("{}\n", line.trim())),
                }
            }
            out.push((path.display().to_string(), joined.replace("  ", " ")));
        }
    }
}

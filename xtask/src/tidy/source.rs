//! Rules about Rust sources, and about the characters of every text.

use super::{Breach, File};

/// A file is split before it has more lines than this. The best codebases have a median of 130 to 230.
const LINES_MAX: usize = 800;

/// Module names that say nothing about what a module is about.
const EMPTY_NAMES: &[&str] = &["utils.rs", "util.rs", "common.rs", "helpers.rs", "helper.rs", "misc.rs", "types.rs"];

/// What marks work as unfinished. Written in halves, so that this file does not breach its own rule.
const UNFINISHED: &[(&str, &str)] = &[
    (concat!("to", "do!("), "write it, or leave the feature out and report it"),
    (concat!("unimplemen", "ted!("), "write it, or leave the feature out and report it"),
    (concat!("db", "g!("), "remove the debugging output"),
    (concat!("#[ig", "nore"), "a test that never runs proves nothing; skip by name with a reason"),
    (concat!("FIX", "ME"), "fix it, or open an issue"),
];

/// A note about work to come needs the issue that will do it.
const NOTE: &str = concat!("TO", "DO");

pub(super) fn length(file: &File) -> Vec<Breach> {
    let lines = file.text.lines().count();
    if file.is_rust() && lines > LINES_MAX {
        return vec![(0, format!("{lines} lines; split it before {LINES_MAX}, aim at 150 to 300"))];
    }
    Vec::new()
}

pub(super) fn words(file: &File) -> Vec<Breach> {
    if !file.is_rust() {
        return Vec::new();
    }
    let mut breaches = Vec::new();
    for (number, line) in file.lines() {
        for (word, advice) in UNFINISHED {
            if line.contains(word) {
                breaches.push((number, format!("`{word}`: {advice}")));
            }
        }
        let note = line.split("//").nth(1).is_some_and(|comment| comment.contains(NOTE));
        if note && !line.contains("/issues/") {
            breaches.push((number, format!("a {NOTE} names the issue that will do it, by its address")));
        }
    }
    breaches
}

/// How far above a pause its loop's deadline may stand.
const LOOP_LINES: usize = 12;

/// A test waits for a state, with a deadline: a pause stands in a loop that has one. Where time itself is the subject,
/// the line above says so.
pub(super) fn sleep(file: &File) -> Vec<Breach> {
    if !file.is_rust() || !file.is_test() {
        return Vec::new();
    }
    if file.text.contains("start_paused = true") {
        // Virtual time: a pause takes none.
        return Vec::new();
    }
    let lines: Vec<&str> = file.text.lines().collect();
    let mut breaches = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let sleeps = line.contains(concat!("thread::sl", "eep(")) || line.contains(concat!("time::sl", "eep("));
        let before = &lines[index.saturating_sub(LOOP_LINES)..index];
        let bounded = ["deadline", "elapsed", "timeout", "until", "< end", "while !"]
            .iter()
            .any(|w| before.iter().any(|l| l.contains(w)));
        let excused = before.last().is_some_and(|l| l.trim_start().starts_with("// time:"));
        if sleeps && !bounded && !excused {
            let advice = "wait for a state with a deadline; where time is the subject, say why above it, `// time: …`";
            breaches.push((index + 1, advice.to_owned()));
        }
    }
    breaches
}

/// What writes to the terminal: the one place of the command line that shows what would command it, and what tests say
/// with.
const PRINTING: &[&str] = &["crates/cli/src/output.rs", "crates/cli/src/output/", "crates/component/"];

/// Libraries log, and the command line prints by its `output` alone: text of members and of git authors is escaped there.
pub(super) fn print(file: &File) -> Vec<Breach> {
    let path = file.path.to_string_lossy();
    let library =
        path.starts_with("crates/") && path.contains("/src/") && !PRINTING.iter().any(|p| path.starts_with(p));
    if !library || !file.is_rust() || file.is_test() {
        return Vec::new();
    }
    let prints = ["println!(", "print!("];
    // Also handed to what writes by itself, such as a logger.
    let streams = [concat!("io::std", "out"), concat!("io::std", "err")];
    let is_printed = |line: &str| {
        streams.iter().any(|stream| line.contains(stream))
            || prints.iter().any(|p| line.trim_start().starts_with(p) || line.contains(&format!(" e{p}")))
    };
    file.lines()
        .filter(|(_, line)| is_printed(line))
        .map(|(number, _)| (number, "a library logs by `tracing`; crates/cli prints by its module `output`".to_owned()))
        .collect()
}

pub(super) fn header(file: &File) -> Vec<Breach> {
    let root = matches!(file.name(), "lib.rs" | "main.rs") && !file.is_test();
    if root && !file.text.starts_with("//!") {
        return vec![(1, "begin with `//!`: what it is for, and what is absent on purpose".to_owned())];
    }
    Vec::new()
}

pub(super) fn name(file: &File) -> Vec<Breach> {
    if EMPTY_NAMES.contains(&file.name()) {
        return vec![(0, "name the concept, or put it beside its only user".to_owned())];
    }
    Vec::new()
}

pub(super) fn whitespace(file: &File) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (number, line) in file.lines() {
        if line.ends_with('\r') {
            breaches.push((number, "lines end with a line feed alone".to_owned()));
            break;
        }
        if line.ends_with([' ', '\t']) {
            breaches.push((number, "trailing space".to_owned()));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        breaches.push((file.text.lines().count(), "the last line has no line feed".to_owned()));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::{File, print};

    #[test]
    fn only_the_output_of_the_command_line_writes_to_the_terminal() {
        let text = "fn f() {\n    println!(\"x\");\n    if a { eprintln!(\"x\") }\n    let out = io::stdout().lock();\n    g(std::io::stdout());\n}\n";
        let lines = |path: &str| -> Vec<usize> {
            print(&File { path: path.into(), text: text.to_owned() }).into_iter().map(|(line, _)| line).collect()
        };
        for path in ["crates/cli/src/status/fleet.rs", "crates/cli/src/main.rs", "crates/hub/src/lib.rs"] {
            assert_eq!(lines(path), [2, 3, 4, 5], "{path}");
        }
        for path in ["crates/cli/src/output.rs", "crates/cli/src/output/screen.rs", "crates/component/src/lib.rs"] {
            assert_eq!(lines(path), [0; 0], "{path}");
        }
    }
}

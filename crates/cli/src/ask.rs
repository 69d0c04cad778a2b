//! List, ask, go on: what every command does that takes something away. The list goes to stderr, the question to the
//! terminal; a script says `--yes`.

use std::path::PathBuf;

use anyhow::bail;
use serde_json::Value;

use crate::args::{Common, Format};
use crate::output;

/// Asks whether what is shown is meant. `undone` says that nothing has happened, and `command` does the same without asking.
///
/// # Errors
/// The answer is not yes, or there is no terminal to ask at.
pub(crate) fn confirm(question: &str, undone: &str, command: &str) -> anyhow::Result<()> {
    let Some(answer) = output::prompt(&format!("{question} [y/N]"))? else {
        bail!("{undone}: there is no terminal to ask at; read the list, then do it with `{command}`");
    };
    if !is_yes(&answer) {
        bail!("{undone}");
    }
    Ok(())
}

/// The same, where what is shown is also data: who asked for a document and does not agree gets it, with `agreed: false`.
///
/// # Errors
/// As of [`confirm`].
pub(crate) fn confirm_facts(
    format: Format,
    question: &str,
    undone: &str,
    command: &str,
    facts: impl FnOnce() -> Value,
) -> anyhow::Result<()> {
    let Err(why) = confirm(question, undone, command) else { return Ok(()) };
    output::structured(format, &undone_facts(facts()))?;
    Err(why)
}

/// What would have been done.
fn undone_facts(mut facts: Value) -> Value {
    facts["agreed"] = Value::Bool(false);
    facts["done"] = Value::Bool(false);
    facts
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// A command of this program for the same hub and namespace, to be copied into a shell.
pub(crate) fn command(common: &Common, words: &[&str]) -> String {
    let mut out = vec!["kurator".to_owned()];
    out.extend(words.iter().map(|word| quoted(word)));
    // Without it, it is that of the context, here and where the command is pasted.
    if common.is_namespace_given {
        out.extend(["-n".to_owned(), quoted(&common.namespace)]);
    }
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    // A directory may be set for every command; a kubeconfig goes before it.
    let dir = path(&common.dir).filter(|_| common.kubeconfig.is_none());
    let options = [("--kubeconfig", path(&common.kubeconfig)), ("--context", common.context.clone()), ("--dir", dir)];
    let given = options.into_iter().filter_map(|(option, value)| Some([option.to_owned(), quoted(&value?)]));
    out.extend(given.flatten());
    out.join(" ")
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_agreed_to_is_no_deed() {
        let facts = undone_facts(serde_json::json!({"name": "shop", "done": true}));
        assert_eq!(facts, serde_json::json!({"name": "shop", "agreed": false, "done": false}));
    }

    #[test]
    fn only_yes_is_a_yes() {
        for (answer, expect) in [
            ("y\n", true),
            ("Yes\n", true),
            (" yes \n", true),
            ("\n", false),
            ("", false),
            ("no\n", false),
            ("yeah\n", false),
        ] {
            assert_eq!(is_yes(answer), expect, "{answer:?}");
        }
    }
}

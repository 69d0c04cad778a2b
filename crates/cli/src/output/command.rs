//! Commands of this program inside of texts, made to work where they are pasted: in the same shell.
//!
//! The hub and most of this program know of an object what it is, and not how its reader found the hub. So a text says
//! `` `kurator approve app/shop -n shops` ``, and here it gets the options that this command line had.
//!
//! Absent on purpose: commands without backticks, and those in documents for programs, which have exactly what the hub says.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::args::{Args, Attach, Command, Common};
use crate::ask::quoted;
use crate::instance::{Made, made_for};

/// How this command line said which hub and namespace are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shell {
    kubeconfig: Option<String>,
    context: Option<String>,
    dir: Option<String>,
    /// Is the directory that of a demo? A start of its hub says so.
    is_demo: bool,
    /// The one of `-n`.
    namespace: Option<String>,
    /// The one that a command without `-n` takes, if that is known.
    implied: Option<String>,
}

/// That of this process.
static SHELL: OnceLock<Shell> = OnceLock::new();

/// Commands that are whole without an object.
const WITHOUT_OBJECT: [&str; 4] = ["up", "status", "doctor", "events"];

impl Shell {
    /// That of a command line, once it is decided which hub is meant.
    pub(crate) fn of(args: &Args) -> Self {
        let Common { kubeconfig, context, dir, namespace, is_namespace_given, is_dir_given, context_namespace, .. } =
            &args.common;
        let (kubeconfig, context) = match &args.command {
            Command::Attach(Attach { hub_kubeconfig, hub_context, .. }) => (hub_kubeconfig, hub_context),
            _ => (kubeconfig, context),
        };
        let text = |path: &std::path::PathBuf| path.display().to_string();
        Self {
            kubeconfig: kubeconfig.as_ref().map(text),
            context: context.clone(),
            dir: dir.as_ref().filter(|_| *is_dir_given && kubeconfig.is_none()).map(text),
            is_demo: dir.as_ref().is_some_and(|dir| made_for(dir) == Some(Made::Demo)),
            namespace: is_namespace_given.then(|| namespace.clone()),
            implied: context_namespace.clone(),
        }
    }

    /// Makes it that of this process.
    pub(crate) fn install(self) {
        // Only `main` does, once.
        drop(SHELL.set(self));
    }

    /// A text with its commands made whole.
    fn complete<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !text.contains("`kurator ") {
            return Cow::Borrowed(text);
        }
        let parts: Vec<&str> = text.split('`').collect();
        let last = parts.len() - 1;
        let whole = |(index, part): (usize, &&str)| match part.starts_with("kurator ") && index > 0 && index < last {
            true => self.command(part),
            false => (*part).to_owned(),
        };
        Cow::Owned(parts.iter().enumerate().map(whole).collect::<Vec<_>>().join("`"))
    }

    /// A command with the options of this shell. One that is only mentioned, such as `kurator detach`, stays as it is.
    fn command(&self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let Some((verb, rest)) = words.split_first() else { return command.to_owned() };
        let objects: Vec<&&str> = rest.iter().filter(|word| !word.starts_with('-')).collect();
        let (needs, prefix, is_local) = match (*verb, objects.first()) {
            ("completion" | "names" | "version" | "help", _) => return command.to_owned(),
            ("hub", Some(sub)) => match **sub {
                "backup" | "restore" | "verify" => (1, "", true),
                "adopt-fleet" => (1, "", false),
                _ => (2, "", false),
            },
            ("fleet", _) => (2, "", false),
            ("up", _) => (0, "", true),
            ("demo", _) => (1, "", true),
            ("attach", _) => (1, "hub-", false),
            (verb, _) => (usize::from(!WITHOUT_OBJECT.contains(&verb)), "", false),
        };
        if objects.len() < needs {
            return command.to_owned();
        }
        let mut out = command.to_owned();
        let has = |option: &str| words.contains(&option);
        let is_of_namespace = |object: &&&str| object.starts_with("app/") || object.starts_with("fleet/");
        let takes_namespace =
            !is_local && (objects.is_empty() || *verb == "attach" || objects.iter().any(is_of_namespace));
        // Where -n is given, a command without it would get that one.
        if let Some(implied) = self.implied.as_ref().filter(|_| self.namespace.is_none()) {
            out = without(&out, &format!(" -n {implied}"));
        }
        if *verb == "up" && self.is_demo && !has("--dir") && !has("--demo") {
            out.push_str(" --demo");
        }
        let is_said = ["-n", "--namespace", "-A", "--all-namespaces"].into_iter().any(has);
        if let Some(given) = self.namespace.as_ref().filter(|_| takes_namespace && !is_said)
            && Some(given) != self.implied.as_ref()
        {
            out.push_str(&format!(" -n {given}"));
        }
        let kubeconfig = format!("--{prefix}kubeconfig");
        if has("--dir") || has(&kubeconfig) {
            return out;
        }
        let context = format!("--{prefix}context");
        let remote = [(kubeconfig.as_str(), &self.kubeconfig), (context.as_str(), &self.context)];
        let remote = remote.into_iter().filter(|_| !is_local);
        for (option, value) in remote.chain([("--dir", &self.dir)]) {
            if let Some(value) = value.as_ref().filter(|_| !has(option)) {
                out.push_str(&format!(" {option} {}", quoted(value)));
            }
        }
        out
    }
}

/// A command without an option that stands in it as whole words.
fn without(command: &str, option: &str) -> String {
    match command.split_once(option) {
        Some((before, after)) if after.is_empty() || after.starts_with(' ') => format!("{before}{after}"),
        _ => command.to_owned(),
    }
}

/// A text with its commands made whole for this process's shell.
pub(super) fn complete(text: &str) -> Cow<'_, str> {
    match SHELL.get() {
        Some(shell) => shell.complete(text),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests;

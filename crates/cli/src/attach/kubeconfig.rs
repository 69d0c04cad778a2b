//! The user's kubeconfig, read and merged as kubectl does: the first file that has a context, cluster or user of a name
//! wins, and paths in a file begin at its folder.
//!
//! <https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// Contexts that an error names.
const NAMED_MAX: usize = 20;

/// Lists of a kubeconfig.
const LISTS: [&str; 3] = ["contexts", "clusters", "users"];

/// Fields with paths, by list and the field that holds them.
const PATHS: [(&str, &str, &str); 4] = [
    ("clusters", "cluster", "certificate-authority"),
    ("users", "user", "client-certificate"),
    ("users", "user", "client-key"),
    ("users", "user", "tokenFile"),
];

/// The files that count: the one that is given, else those of `KUBECONFIG`, else `~/.kube/config`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Files {
    /// It must be there.
    One(PathBuf),
    /// One of them must be there.
    Some(Vec<PathBuf>),
}

impl Files {
    /// `variable`: `KUBECONFIG`; `home`: the user's folder.
    ///
    /// # Errors
    /// There is no folder in which to look.
    pub(super) fn find(
        given: Option<&Path>,
        variable: Option<OsString>,
        home: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        if let Some(given) = given {
            return Ok(Self::One(given.to_owned()));
        }
        match variable.filter(|list| !list.is_empty()) {
            Some(list) => {
                Ok(Self::Some(std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect()))
            }
            None => match home {
                Some(home) => Ok(Self::One(home.join(".kube/config"))),
                None => bail!("HOME is not set: say with --kubeconfig FILE where the kubeconfig with the context is"),
            },
        }
    }

    /// Reads and merges them.
    ///
    /// # Errors
    /// A file cannot be read, or is no kubeconfig. What it holds is not repeated.
    pub(super) fn load(&self) -> anyhow::Result<Merged> {
        let mut merged = Merged(json!({}));
        match self {
            Self::One(file) => merged.add(&read(file)?.with_context(|| missing(&[file]))?),
            Self::Some(files) => {
                let mut found = 0;
                for file in files {
                    // As kubectl: a list may name files that are not there yet.
                    if let Some(config) = read(file)? {
                        found += 1;
                        merged.add(&config);
                    }
                }
                if found == 0 {
                    bail!(missing(&files.iter().collect::<Vec<_>>()));
                }
            }
        }
        Ok(merged)
    }
}

fn missing(files: &[&PathBuf]) -> String {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    format!("there is no kubeconfig {}; say another with --kubeconfig FILE", files.join(", "))
}

/// One file with its paths made whole; `None` when it is not there.
fn read(file: &Path) -> anyhow::Result<Option<Value>> {
    let shown = file.display();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read the kubeconfig {shown}")),
    };
    // The parser's message may quote a line, and a line may be a key.
    let parsed = model::yaml::parse(&text).ok().filter(|value| value.is_object() || value.is_null());
    let Some(mut config) = parsed else { bail!("the kubeconfig {shown} is no YAML of a kubeconfig") };
    let folder = std::path::absolute(file).with_context(|| format!("the kubeconfig {shown}"))?;
    let folder = folder.parent().unwrap_or(Path::new("/"));
    for (list, holder, field) in PATHS {
        each(&mut config, list, |entry| whole(entry.pointer_mut(&format!("/{holder}/{field}")), folder));
    }
    each(&mut config, "users", |entry| {
        let command = entry.pointer_mut("/user/exec/command");
        // A bare name is looked for in PATH.
        whole(command.filter(|command| command.as_str().is_some_and(|command| command.contains('/'))), folder);
    });
    Ok(Some(config))
}

fn each(config: &mut Value, list: &str, change: impl Fn(&mut Value)) {
    config.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().for_each(change);
}

fn whole(path: Option<&mut Value>, folder: &Path) {
    if let Some(value) = path
        && let Some(path) = value.as_str().filter(|path| !path.is_empty())
    {
        *value = json!(folder.join(path));
    }
}

/// All files as one.
#[derive(Debug)]
pub(super) struct Merged(Value);

impl Merged {
    fn add(&mut self, config: &Value) {
        for list in LISTS {
            let new: Vec<Value> = config.get(list).and_then(Value::as_array).into_iter().flatten().cloned().collect();
            for entry in new {
                if find(&self.0, list, entry["name"].as_str()).is_none() {
                    match self.0.get_mut(list).and_then(Value::as_array_mut) {
                        Some(entries) => entries.push(entry),
                        None => self.0[list] = json!([entry]),
                    }
                }
            }
        }
    }

    /// What a context means.
    ///
    /// # Errors
    /// It is not there, or names what is not there.
    pub(super) fn choose(&self, context: &str) -> anyhow::Result<Chosen> {
        let Some(entry) = find(&self.0, "contexts", Some(context)) else {
            let mut names: Vec<&str> =
                self.0["contexts"].as_array().into_iter().flatten().filter_map(|c| c["name"].as_str()).collect();
            names.sort_unstable();
            let more = names.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let has = names.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
            let has = if has.is_empty() { "no context at all".to_owned() } else { has + &more };
            bail!("your kubeconfig has no context {context}; it has {has}");
        };
        let named = |field: &str| entry["context"][field].as_str().unwrap_or_default().to_owned();
        let (cluster_name, user_name) = (named("cluster"), named("user"));
        let part = |list: &str, holder: &str, name: &str| {
            let found = find(&self.0, list, Some(name)).map(|found| found[holder].clone());
            found.with_context(|| {
                format!("context {context} names {holder} {name:?}, which your kubeconfig does not have")
            })
        };
        let cluster = part("clusters", "cluster", &cluster_name)?;
        let user = if user_name.is_empty() { json!({}) } else { part("users", "user", &user_name)? };
        Ok(Chosen { context: context.to_owned(), cluster_name, cluster, user_name, user })
    }
}

fn find<'a>(config: &'a Value, list: &str, name: Option<&str>) -> Option<&'a Value> {
    config.get(list)?.as_array()?.iter().find(|entry| entry["name"].as_str() == name)
}

/// A context with what it means. Holds the user's own credential: it has no debug output, and is not kept.
pub(super) struct Chosen {
    pub(super) context: String,
    pub(super) cluster_name: String,
    pub(super) cluster: Value,
    pub(super) user_name: String,
    pub(super) user: Value,
}

impl Chosen {
    /// Whose field is wrong.
    pub(super) fn of_user(&self, field: &str) -> String {
        format!("context {}, user {}, {field}", self.context, self.user_name)
    }

    /// Whose field is wrong.
    pub(super) fn of_cluster(&self, field: &str) -> String {
        format!("context {}, cluster {}, {field}", self.context, self.cluster_name)
    }
}

//! Edited objects in files.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use model::object;
use serde_json::Value;

use crate::args::DEFAULT_NAMESPACE;

/// Largest file that is read: what the hub takes in one request.
const BYTES_MAX: u64 = 3 * 1024 * 1024;

/// Groups and kinds whose edits can be previewed.
const KINDS: [(&str, &str); 3] =
    [("apps.kurator.dev", "Application"), ("fleet.kurator.dev", "Fleet"), ("cluster.kurator.dev", "AttachedCluster")];

/// What files say.
#[derive(Debug, PartialEq)]
pub(super) struct Edits {
    pub(super) objects: Vec<Value>,
    /// Their one namespace.
    pub(super) namespace: String,
    /// What they are, in words.
    pub(super) about: String,
    /// What is not previewed, in sentences.
    pub(super) skipped: Vec<String>,
}

/// Reads the objects of files, in order.
pub(super) fn read(files: &[PathBuf], namespace: &str) -> anyhow::Result<Edits> {
    let mut objects = Vec::new();
    for file in files {
        let text = content(file)?;
        let shown = file.display();
        objects.extend(model::yaml::manifests(&text).with_context(|| format!("{shown} is no YAML of manifests"))?);
    }
    sort(objects, namespace)
}

fn content(file: &Path) -> anyhow::Result<String> {
    let about = || format!("cannot read {}", file.display());
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().take(BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).with_context(about)?.take(BYTES_MAX + 1).read_to_string(&mut text)
    };
    read.with_context(about)?;
    if text.len() as u64 > BYTES_MAX {
        bail!("{} is larger than {} MiB: preview fewer objects at once", file.display(), BYTES_MAX >> 20);
    }
    Ok(text)
}

/// Those that can be previewed, and the others in sentences. `namespace` is that of objects which name none.
fn sort(objects: Vec<Value>, namespace: &str) -> anyhow::Result<Edits> {
    let (mut out, mut names, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    let mut namespaces = BTreeSet::new();
    for object in objects {
        let gvk = object::gvk(&object).unwrap_or_default();
        let name = object::name(&object).unwrap_or_default();
        if !KINDS.iter().any(|(group, kind)| *group == gvk.group && *kind == gvk.kind) {
            skipped.push(format!(
                "{} {name}: not previewed; only Applications, Fleets and AttachedClusters are",
                gvk.kind
            ));
            continue;
        }
        names.push(format!("{} {name}", gvk.kind));
        namespaces.insert(object::namespace(&object).unwrap_or(namespace).to_owned());
        out.push(object);
    }
    if namespaces.len() > 1 {
        let list: Vec<String> = namespaces.into_iter().collect();
        bail!("the objects are in several namespaces ({}): preview each alone", list.join(", "));
    }
    if out.is_empty() {
        let rest = skipped.first().map(|first| format!(" ({first})")).unwrap_or_default();
        bail!("nothing to preview: no Application, Fleet or AttachedCluster is in the file{rest}");
    }
    let namespace = namespaces.pop_first().unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    Ok(Edits { objects: out, namespace, about: names.join(", "), skipped })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(api: &str, kind: &str, namespace: Option<&str>) -> Value {
        json!({"apiVersion": api, "kind": kind, "metadata": {"name": "a", "namespace": namespace}})
    }

    #[test]
    fn what_can_be_previewed_is_sorted_out() {
        let fleet = || object("fleet.kurator.dev/v1alpha1", "Fleet", None);
        let app = |namespace| object("apps.kurator.dev/v1alpha1", "Application", Some(namespace));
        let edits = sort(vec![fleet(), app("east"), object("v1", "Secret", None)], "east").unwrap();
        assert_eq!((edits.namespace.as_str(), edits.about.as_str()), ("east", "Fleet a, Application a"));
        assert_eq!(edits.skipped, ["Secret a: not previewed; only Applications, Fleets and AttachedClusters are"]);
        let several = sort(vec![fleet(), app("east")], "west").unwrap_err().to_string();
        assert_eq!(several, "the objects are in several namespaces (east, west): preview each alone");
        let none = sort(vec![object("v1", "Secret", None)], "east").unwrap_err().to_string();
        assert!(none.starts_with("nothing to preview") && none.contains("Secret a"), "{none}");
    }
}

//! The CRDs and manifests of Kurator and Karmada, read from where they are handed out; skipped elsewhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::parsed;
use crate::structural::{CustomKind, default, prune, validate};

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "yaml") {
            out.push(path);
        }
    }
    out.sort();
}

fn kinds(root: &Path) -> HashMap<(String, String), CustomKind> {
    let mut paths = Vec::new();
    files(&root.join("kurator/crds"), &mut paths);
    files(&root.join("karmada/crds"), &mut paths);
    paths.push(root.join("karmada/samples/guestbook/guestbooks-crd.yaml"));
    let mut out = HashMap::new();
    for path in paths {
        for crd in model::yaml::documents(&std::fs::read_to_string(&path).unwrap()).unwrap() {
            let kind = parsed(&crd);
            out.insert((kind.group.clone(), kind.names.kind.clone()), kind);
        }
    }
    out
}

#[test]
fn published_crds_parse_and_their_examples_are_valid() {
    let Some(root) = component::acceptance("apimachinery::structural: published CRDs and examples") else { return };
    let kinds = kinds(&root);
    assert!(kinds.len() >= 29, "{} kinds", kinds.len());
    let mut paths = Vec::new();
    files(&root.join("kurator/examples"), &mut paths);
    files(&root.join("karmada/samples"), &mut paths);
    let mut checked = 0;
    for path in paths {
        for object in model::yaml::documents(&std::fs::read_to_string(&path).unwrap()).unwrap() {
            let gvk = model::object::gvk(&object).unwrap();
            let Some(kind) = kinds.get(&(gvk.group.clone(), gvk.kind.clone())) else { continue };
            let schema = &kind.version(&gvk.version).unwrap().schema;
            let mut pruned = object.clone();
            let dropped = prune(&mut pruned, schema);
            assert!(dropped.is_empty(), "{}: {dropped:?}", path.display());
            assert_eq!(pruned, object, "{}", path.display());
            default(&mut pruned, schema);
            let errors = validate(&pruned, schema);
            assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 30, "{checked} objects");
}

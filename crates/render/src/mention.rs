//! Objects that files mention which cannot be rendered.
//!
//! One file that cannot be read keeps a directory from being rendered. What the other files have is then worth knowing where it would be
//! deleted otherwise: an object whose kind and name a file has is likely to be one of the directory once that is mended. Names and namespaces
//! that kustomizations give are tried, and both an object as it is written and as they would name it counts as mentioned.

use std::collections::BTreeSet;

use model::tree::{self, Entry, FileTree};
use model::{ObjectKey, object};
use serde_json::Value;

/// Most objects that are noted: as many as a rendering may have.
const OBJECTS_MAX: usize = 20_000;

/// Most namespaces, and most prefixes and suffixes, that are tried: each is tried with each object.
const TRIED_MAX: usize = 16;

/// What was found so far.
#[derive(Debug, Default)]
pub struct Mentions {
    read: BTreeSet<String>,
    objects: BTreeSet<ObjectKey>,
    namespaces: BTreeSet<String>,
    affixes: BTreeSet<(String, String)>,
    is_open: bool,
    generates: bool,
}

impl Mentions {
    /// Reads the files of a tree below a directory, or one file. Returns what they lead to elsewhere in the tree.
    pub fn read(&mut self, tree: &FileTree, path: &str) -> BTreeSet<String> {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut links = BTreeSet::new();
        for (name, entry) in tree.entries().filter(|(name, _)| *name == path || name.starts_with(&below)) {
            let Entry::File(bytes) = entry else { continue };
            if self.read.insert(name.to_owned()) {
                self.read_file(name, &String::from_utf8_lossy(bytes), &mut links);
            }
        }
        links
    }

    /// Is a kustomization among the files that cannot be read? What it leads to is not known.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Do kustomizations among the files make objects of their own, whose names nobody can tell?
    pub fn generates(&self) -> bool {
        self.generates
    }

    /// The objects, by every name that they may have. `namespace`: the one that all of them get.
    pub fn keys(&self, namespace: Option<&str>) -> BTreeSet<ObjectKey> {
        let given: Vec<&str> = match namespace {
            Some(namespace) => vec![namespace, ""],
            None => self.namespaces.iter().map(String::as_str).chain(["default", ""]).collect(),
        };
        let mut keys = BTreeSet::new();
        for object in &self.objects {
            let own = namespace.is_none().then_some(object.namespace.as_str());
            let add = |name: &str, (before, after): &(String, String)| format!("{before}{name}{after}");
            let once: Vec<String> = self.affixes.iter().map(|affixes| add(&object.name, affixes)).collect();
            // A kustomization may take in another one.
            let twice = once.iter().flat_map(|name| self.affixes.iter().map(move |affixes| add(name, affixes)));
            for name in twice.chain(once.iter().cloned()).chain([object.name.clone()]) {
                let named = |namespace: &str| {
                    let namespace = namespace.to_owned();
                    ObjectKey { namespace, name: name.clone(), ..object.clone() }
                };
                keys.extend(own.into_iter().chain(given.iter().copied()).map(named));
            }
        }
        keys
    }

    fn read_file(&mut self, path: &str, text: &str, links: &mut BTreeSet<String>) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_kustomization = matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization");
        let is_manifest = [".yaml", ".yml", ".json"].into_iter().any(|end| name.ends_with(end));
        if !is_kustomization && !is_manifest {
            return;
        }
        let documents = model::yaml::documents(text);
        self.is_open |= is_kustomization && documents.is_err();
        // Of a file that is not all YAML, the documents that are.
        let documents = documents.unwrap_or_else(|_| {
            let parts = text.split("\n---").filter_map(|part| model::yaml::documents(part).ok());
            parts.flatten().collect()
        });
        for document in documents {
            if is_kustomization {
                self.read_kustomization(tree::parent(path), &document, links);
            } else {
                self.read_object(&document);
            }
        }
    }

    fn read_object(&mut self, document: &Value) {
        if let Some(items) = document.get("items").and_then(Value::as_array) {
            items.iter().for_each(|item| self.read_object(item));
        }
        let key = ObjectKey::of(document);
        if !key.kind.is_empty() && !key.name.is_empty() && self.objects.len() < OBJECTS_MAX {
            self.objects.insert(key);
        }
    }

    fn read_kustomization(&mut self, directory: &str, document: &Value, links: &mut BTreeSet<String>) {
        let text = |field: &str| object::get_str(document, &[field]).unwrap_or_default().to_owned();
        let (namespace, affixes) = (text("namespace"), (text("namePrefix"), text("nameSuffix")));
        if !namespace.is_empty() && self.namespaces.len() < TRIED_MAX {
            self.namespaces.insert(namespace);
        }
        if affixes != Default::default() && self.affixes.len() < TRIED_MAX {
            self.affixes.insert(affixes);
        }
        let has = |field: &str| document.get(field).is_some_and(|value| !value.is_null());
        self.generates |= ["configMapGenerator", "secretGenerator", "generators", "helmCharts"].into_iter().any(has);
        for field in ["resources", "bases", "components"] {
            let listed = document.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            // What is on another machine is no path of this tree.
            links.extend(listed.filter_map(|path| tree::normalize(directory, path).ok()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> FileTree {
        let mut tree = FileTree::new();
        files.iter().for_each(|(path, text)| tree.insert_file(*path, text.as_bytes().to_vec()));
        tree
    }

    fn map(name: &str) -> String {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
    }

    fn keys(mentions: &Mentions, namespace: Option<&str>) -> Vec<String> {
        mentions.keys(namespace).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_broken_file_hides_neither_the_others_nor_its_own_documents() {
        let broken = format!("{}---\na: [\n---\n{}", map("one"), map("two"));
        let tree =
            tree(&[("app/broken.yaml", &broken), ("app/deep/three.yml", &map("three")), ("other/x.yaml", &map("x"))]);
        let mut mentions = Mentions::default();
        assert!(mentions.read(&tree, "app").is_empty() && !mentions.is_open());
        let found = keys(&mentions, Some("shop"));
        assert_eq!(found.iter().filter(|key| key.contains("shop/")).count(), 3, "{found:?}");
        assert!(found.contains(&"ConfigMap shop/two".to_owned()) && !found.iter().any(|key| key.ends_with("/x")));
    }

    #[test]
    fn what_kustomizations_lead_to_and_call_their_objects_is_tried() {
        let kustomization =
            "namespace: shop\nnamePrefix: a-\nresources: [../base, deployment.yaml, 'https://example/x']\n";
        let tree = tree(&[("app/kustomization.yaml", kustomization), ("base/one.yaml", &map("one"))]);
        let mut mentions = Mentions::default();
        let links = mentions.read(&tree, "app");
        assert!(links.contains("base") && links.contains("app/deployment.yaml"), "{links:?}");
        links.iter().for_each(|path| drop(mentions.read(&tree, path)));
        let found = keys(&mentions, None);
        for key in ["ConfigMap shop/a-one", "ConfigMap shop/a-a-one", "ConfigMap default/one", "ConfigMap one"] {
            assert!(found.contains(&key.to_owned()), "{key} in {found:?}");
        }
    }

    #[test]
    fn names_that_a_kustomization_makes_are_not_known() {
        let of = |text: &str| {
            let mut mentions = Mentions::default();
            mentions.read(&tree(&[("app/kustomization.yaml", text)]), "app");
            mentions.generates()
        };
        assert!(of("configMapGenerator: [{name: x}]\n") && !of("namespace: x\n"));
    }

    #[test]
    fn a_kustomization_that_cannot_be_read_may_lead_anywhere() {
        let tree = tree(&[("app/kustomization.yaml", "resources: [")]);
        let mut mentions = Mentions::default();
        mentions.read(&tree, "app");
        assert!(mentions.is_open() && mentions.keys(None).is_empty());
    }
}

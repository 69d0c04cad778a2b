//! Plain directories, and what a policy puts on top.

use model::tree::{Entry, FileTree};
use render::{Overlay, Render, RenderError, Rendered};
use serde_json::json;

use crate::archive::{render, render_with, tree};

fn names(rendered: &Rendered) -> Vec<String> {
    rendered.objects.iter().map(|o| format!("{} ({})", model::ObjectKey::of(&o.value), o.origin)).collect()
}

const PLAIN: &str = "
-- app/b.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
-- app/a.yml --
apiVersion: v1
kind: Namespace
metadata: {name: shop}
-- app/notes.md --
not a manifest
-- app/deep/er/web.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 1, template: {spec: {containers: [{name: c, image: \"nginx:1\"}]}}}
-- app/sub/kustomization.yaml --
namePrefix: s-
resources: [cm.yaml]
-- app/sub/cm.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: d}
-- app/sub/unused.yaml --
foo: bar
-- other/x.yaml --
foo: bar
";

#[test]
fn every_manifest_below_a_plain_directory_is_a_resource() {
    assert_eq!(
        names(&render(PLAIN, "./app/").unwrap()),
        [
            "Namespace shop (app/a.yml document 1)",
            "ConfigMap b (app/b.yaml document 1)",
            "ConfigMap c (app/b.yaml document 2)",
            "Deployment.apps web (app/deep/er/web.yaml document 1)",
            "ConfigMap s-d (app/sub/cm.yaml document 1)",
        ]
    );
    assert_eq!(render("-- app/notes.md --\nx\n", "app").unwrap(), Rendered::default());
    assert_eq!(render("", "").unwrap(), Rendered::default());
}

#[test]
fn a_policy_changes_what_the_directory_says() {
    let overlay: Overlay = serde_json::from_value(json!({
        "interval": "1m", "prune": true, "path": "app",
        "targetNamespace": "prod",
        "patches": [{
            "target": {"kind": "Deployment"},
            "patch": "- op: replace\n  path: /spec/replicas\n  value: 3\n",
        }],
        "images": [{"name": "nginx", "newTag": "2"}],
        "components": ["../components/more"],
        "commonMetadata": {"labels": {"team": "shop"}, "annotations": {"note": "n"}},
    }))
    .unwrap();
    let files = format!(
        "{PLAIN}-- components/more/kustomization.yaml --\napiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n\
         configMapGenerator: [{{name: gen, literals: [a=b]}}]\n"
    );
    let rendered = render_with(&files, "app", overlay).unwrap();
    let find = |name: &str| &rendered.objects.iter().find(|o| o.value["metadata"]["name"] == name).unwrap().value;
    let web = find("web");
    assert_eq!(web["spec"]["replicas"], 3);
    assert_eq!(web["spec"]["template"]["spec"]["containers"][0]["image"], "nginx:2");
    assert_eq!(web["metadata"]["namespace"], "prod");
    assert_eq!(web["metadata"]["labels"], json!({"team": "shop"}));
    assert!(web["spec"].get("selector").is_none());
    assert_eq!(find("prod")["kind"], "Namespace");
    assert_eq!(rendered.objects.last().unwrap().value["metadata"]["namespace"], "prod");
    assert!(rendered.objects.iter().all(|o| o.value["metadata"]["annotations"]["note"] == "n"));
}

#[test]
fn patches_of_a_policy_are_named_as_such() {
    let overlay: Overlay = serde_json::from_value(json!({"patches": [{"patch": "x"}]})).unwrap();
    let error = render_with(PLAIN, "app", overlay).unwrap_err().to_string();
    assert!(error.contains("(policy) patches[0]"), "{error}");
}

#[test]
fn files_that_are_not_loaded_are_asked_for() {
    let full = tree(
        "-- app/kustomization.yaml --\nresources: [../base]\n-- base/kustomization.yaml --\nresources: [a.yaml]\n\
        -- base/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    );
    let mut part = FileTree::new();
    full.entries().for_each(|(path, _)| part.insert(path, Entry::Known));
    let request = Render { path: "app".into(), ..Render::default() };
    let mut asked = Vec::new();
    let rendered = loop {
        match render::render(&part, &request) {
            Ok(rendered) => break rendered,
            Err(error) => {
                let dir = error.needs().unwrap_or_else(|| panic!("{error}")).to_owned();
                for (path, entry) in full.entries().filter(|(path, _)| path.starts_with(&dir)) {
                    part.insert(path, entry.clone());
                }
                asked.push(dir);
            }
        }
    };
    assert_eq!((asked, names(&rendered).len()), (vec!["app".to_owned(), "base".to_owned()], 1));
}

#[test]
fn cluster_scoped_custom_kinds_get_no_namespace() {
    let files = "-- app/all.yaml --
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: foos.example.com}
spec: {group: example.com, names: {kind: Foo, plural: foos}, scope: Cluster}
---
apiVersion: example.com/v1
kind: Foo
metadata: {name: foo}
";
    let overlay = Overlay { target_namespace: Some("prod".into()), ..Overlay::default() };
    let rendered = render_with(files, "app", overlay).unwrap();
    assert!(rendered.objects.iter().all(|o| o.value["metadata"].get("namespace").is_none()));
}

#[test]
fn a_link_out_of_the_tree_is_refused() {
    let mut tree = FileTree::new();
    tree.insert("app/a.yaml", Entry::Link("/etc/passwd".into()));
    tree.insert_file("app/kustomization.yaml", b"resources: [a.yaml]\n".to_vec());
    let result = render::render(&tree, &Render { path: "app".into(), ..Render::default() });
    assert!(matches!(result, Err(RenderError::Tree { .. })), "{result:?}");
}

//! Plain directories, and what a policy puts on top.

use std::collections::BTreeMap;

use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::Digest;
use model::tree::{Entry, FileTree};
use render::{Budget, Outcome, Question, RenderError, Rendered, Request};
use serde_json::json;

use crate::archive::{render, render_tree, render_with, tree};

fn names(rendered: &Rendered) -> Vec<String> {
    rendered.objects.iter().map(|o| format!("{} ({})", model::ObjectKey::of(&o.value), o.location)).collect()
}

pub(crate) const PLAIN: &str = "
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
    let inputs: KustomizeInputs = serde_json::from_value(json!({
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
    let rendered = render_with(&files, inputs).unwrap();
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
    let inputs: KustomizeInputs = serde_json::from_value(json!({"path": "app", "patches": [{"patch": "x"}]})).unwrap();
    let error = render_with(PLAIN, inputs).unwrap_err().to_string();
    assert!(error.contains("(policy) patches[0]"), "{error}");
}

/// Renders a directory of a tree of which nothing is loaded, and loads what is asked for. Returns the questions of each
/// turn, and the result.
fn render_by_turns(text: &str, path: &str) -> (Vec<Vec<String>>, Rendered) {
    let full = tree(text);
    let mut part = FileTree::new();
    full.entries().for_each(|(path, _)| part.insert(path, Entry::Known));
    let inputs = KustomizeInputs { path: Some(path.to_owned()), ..KustomizeInputs::default() };
    let budget = Budget::default();
    let mut turns = Vec::new();
    loop {
        match render::render(&Request { tree: &part, remotes: &Default::default(), inputs: &inputs, budget: &budget })
            .unwrap()
        {
            Outcome::Rendered(rendered) => return (turns, rendered),
            Outcome::Needs(questions) => {
                let directory = |question| match question {
                    Question::Directory(dir) => dir,
                    other => panic!("nothing of it is on another machine, and still it asks {other:?}"),
                };
                let asked = questions.into_iter().map(directory).collect::<Vec<_>>();
                for (path, entry) in full.entries().filter(|(path, _)| asked.iter().any(|dir| path.starts_with(dir))) {
                    part.insert(path, entry.clone());
                }
                turns.push(asked);
            }
        }
    }
}

#[test]
fn files_that_are_not_loaded_are_asked_for() {
    let files = "-- app/kustomization.yaml --\nresources: [../base]\n-- base/kustomization.yaml --\nresources: [a.yaml]\n\
        -- base/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let (turns, rendered) = render_by_turns(files, "app");
    assert_eq!((turns, names(&rendered).len()), (vec![vec!["app".to_owned()], vec!["base".to_owned()]], 1));
}

#[test]
fn one_turn_asks_for_all_bases_of_a_level() {
    let mut files = "-- app/kustomization.yaml --\nresources: [../a, ../b, ../c]\n".to_owned();
    for base in ["a", "b", "c"] {
        files += &format!("-- {base}/kustomization.yaml --\nnamePrefix: {base}-\nresources: [../{base}0/m.yaml]\n");
        files += &format!("-- {base}0/m.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\n");
    }
    let (turns, rendered) = render_by_turns(&files, "app");
    // The directories `a0`, `b0` and `c0` came along: their paths begin with those that were asked for.
    assert_eq!(turns, [vec!["app"], vec!["a", "b", "c"]]);
    assert_eq!(rendered, render(&files, "app").unwrap());
    assert_eq!(names(&rendered).len(), 3);
}

#[test]
fn renderings_with_the_same_key_are_the_same() {
    let source = Digest::of(b"tree");
    let inputs: KustomizeInputs = serde_json::from_value(json!({"path": "app"})).unwrap();
    let none = BTreeMap::new();
    let key = render::sharing_key(&source, &inputs, &none);
    assert_eq!(render::sharing_key(&source, &inputs.clone(), &none), key);
    assert_ne!(render::sharing_key(&Digest::of(b"other"), &inputs, &none), key);
    let remotes = |content: &[u8]| BTreeMap::from([("https://example.com/a.yaml".to_owned(), Digest::of(content))]);
    let with = render::sharing_key(&source, &inputs, &remotes(b"1"));
    assert!(with != key && with != render::sharing_key(&source, &inputs, &remotes(b"2")));
    let other = KustomizeInputs { target_namespace: Some("n".into()), ..inputs };
    assert_ne!(render::sharing_key(&source, &other, &none), key);
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
    let inputs = KustomizeInputs {
        path: Some("app".into()),
        target_namespace: Some("prod".into()),
        ..KustomizeInputs::default()
    };
    let rendered = render_with(files, inputs).unwrap();
    assert!(rendered.objects.iter().all(|o| o.value["metadata"].get("namespace").is_none()));
}

#[test]
fn a_link_out_of_the_tree_is_refused() {
    let mut tree = FileTree::new();
    tree.insert("app/a.yaml", Entry::Link("/etc/passwd".into()));
    tree.insert_file("app/kustomization.yaml", b"resources: [a.yaml]\n".to_vec());
    let inputs = KustomizeInputs { path: Some("app".into()), ..KustomizeInputs::default() };
    let result = render_tree(&tree, &inputs);
    assert!(matches!(result, Err(RenderError::Tree { .. })), "{result:?}");
}

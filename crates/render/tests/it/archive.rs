//! Trees of files in one text: a line `-- path --` begins a file.

use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::tree::FileTree;
use render::{Budget, Outcome, RenderError, Rendered, Request};
use serde_json::Value;

pub(crate) fn files(text: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("-- ").and_then(|l| l.strip_suffix(" --")) {
            files.push((path.to_owned(), String::new()));
        } else if let Some((_, content)) = files.last_mut() {
            // A backslash alone ends a file without a line feed.
            if line == "\\" {
                content.pop();
            } else {
                content.push_str(line);
                content.push('\n');
            }
        }
    }
    files
}

/// Trees of files in one text: a line `== name ==` begins a tree. Files are as in [`files`].
pub(crate) fn trees(text: &str) -> Vec<(String, String)> {
    let mut trees: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ").and_then(|l| l.strip_suffix(" ==")) {
            trees.push((name.to_owned(), String::new()));
        } else if let Some((_, content)) = trees.last_mut() {
            content.push_str(line);
            content.push('\n');
        }
    }
    trees
}

pub(crate) fn tree(text: &str) -> FileTree {
    let mut tree = FileTree::new();
    for (path, content) in files(text) {
        tree.insert_file(path, content.into_bytes());
    }
    tree
}

pub(crate) fn render(text: &str, path: &str) -> Result<Rendered, RenderError> {
    render_with(text, KustomizeInputs { path: Some(path.to_owned()), ..KustomizeInputs::default() })
}

pub(crate) fn render_with(text: &str, inputs: KustomizeInputs) -> Result<Rendered, RenderError> {
    render_tree(&tree(text), &inputs)
}

/// Renders a tree whose files are all loaded.
pub(crate) fn render_tree(tree: &FileTree, inputs: &KustomizeInputs) -> Result<Rendered, RenderError> {
    let budget = Budget::default();
    match render::render(&Request { tree, remotes: &Default::default(), inputs, budget: &budget })? {
        Outcome::Rendered(rendered) => Ok(rendered),
        Outcome::Needs(questions) => panic!("everything is loaded, and still it asks {questions:?}"),
    }
}

/// Objects sorted by key, with base64 values on one line.
pub(crate) fn sorted(objects: Vec<Value>) -> Vec<Value> {
    let mut objects = objects;
    for object in &mut objects {
        for field in ["data", "binaryData"] {
            if object["kind"] == "ConfigMap" && field == "data" {
                continue;
            }
            for value in object.get_mut(field).and_then(Value::as_object_mut).into_iter().flatten() {
                *value.1 = value.1.as_str().unwrap_or_default().replace('\n', "").into();
            }
        }
    }
    objects.sort_by_key(|o| (model::ObjectKey::of(o), o["apiVersion"].to_string()));
    objects
}

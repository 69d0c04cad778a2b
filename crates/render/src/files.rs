//! Reading a tree: paths, bytes, texts, documents and objects. Nothing else looks at the tree, and every look counts
//! against the budget of the rendering.

use std::sync::Arc;

use model::object;
use model::tree::{FileTree, Listed, Node, TreeError};
use model::yaml::YamlError;
use serde_json::Value;

use crate::budget::Budget;
use crate::error::RenderError;
use crate::kustomize::place::hidden;
use crate::object::{Location, Object};
use crate::remote;
use crate::{Fetched, Remotes};

/// Deepest nesting of kustomizations, and of directories below a plain one. Real ones stay below 6.
pub(crate) const DEPTH_MAX: usize = 32;

/// Steps over objects that take as long as reading YAML of the same size. Measured in an optimized build: YAML becomes
/// objects at 4 MB a second, a typical step does 50.
const READ_STEPS: usize = 12;

/// The field that leaves files out of the source.
const IGNORE_FIELD: &str = "spec.source.gitRepository.ignore";

/// Names of kustomization files, in the order in which they are looked for.
const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// How a text is read: its documents, and the work of it.
type Parse = fn(&str) -> (Result<Vec<Value>, YamlError>, usize);

/// The files of one rendering. Those of another machine have paths that begin with their id ([`remote::split`]); a path of
/// one tree never leads into another.
pub(crate) struct Files<'a> {
    tree: &'a FileTree,
    remotes: &'a Remotes,
    budget: &'a Budget,
}

/// Where a path leads.
enum At<'a, 'p> {
    /// Into a tree: the source's, or that of the repository with this id.
    Tree(&'a FileTree, Option<&'p str>, &'p str),
    /// To a file of another machine.
    File(&'a Arc<[u8]>),
    /// To what was not fetched.
    Nowhere,
}

impl<'a> Files<'a> {
    pub(crate) fn new(tree: &'a FileTree, remotes: &'a Remotes, budget: &'a Budget) -> Self {
        Self { tree, remotes, budget }
    }

    /// What was fetched of another machine under an id.
    pub(crate) fn remote(&self, id: &str) -> Option<&'a Fetched> {
        self.remotes.get(id)
    }

    fn at<'p>(&self, path: &'p str) -> At<'a, 'p> {
        let Some((id, below)) = remote::split(path) else { return At::Tree(self.tree, None, path) };
        match self.remotes.get(id) {
            Some(Fetched::Tree(tree)) => At::Tree(tree, Some(id), below),
            Some(Fetched::File(bytes)) if below.is_empty() => At::File(bytes),
            Some(Fetched::File(_)) | None => At::Nowhere,
        }
    }

    /// What the rendering may still cost.
    pub(crate) fn budget(&self) -> &Budget {
        self.budget
    }

    /// What a path names after links are followed.
    ///
    /// # Errors
    /// The budget is spent. What is wrong with the path is inside.
    pub(crate) fn node(&self, path: &str) -> Result<Result<(String, Node), TreeError>, RenderError> {
        match self.at(path) {
            At::Tree(tree, id, below) => {
                let (node, work) = tree.node_and_work(below);
                self.budget.spend(work)?;
                Ok(node.map(|(found, node)| (in_remote(id, found), node)).map_err(|error| asked_of(id, error)))
            }
            At::File(_) => Ok(Ok((path.to_owned(), Node::File))),
            At::Nowhere => Ok(Err(TreeError::NotFound { path: path.to_owned() })),
        }
    }

    /// The names in a directory; links are not followed.
    ///
    /// # Errors
    /// The budget is spent. What is wrong with the path is inside.
    pub(crate) fn list(&self, path: &str) -> Result<Result<Vec<(String, Listed)>, TreeError>, RenderError> {
        match self.at(path) {
            At::Tree(tree, id, below) => {
                let (names, work) = tree.list_and_work(below);
                self.budget.spend(work)?;
                Ok(names.map_err(|error| asked_of(id, error)))
            }
            At::File(_) => Ok(Err(TreeError::WrongNode { path: path.to_owned(), wanted: "directory" })),
            At::Nowhere => Ok(Err(TreeError::NotFound { path: path.to_owned() })),
        }
    }

    /// The bytes of a file; `asked_by` says which field names it.
    pub(crate) fn bytes(&self, path: &str, asked_by: &str) -> Result<Arc<[u8]>, RenderError> {
        let bytes = match self.at(path) {
            At::Tree(tree, id, below) => {
                let (bytes, work) = tree.read_and_work(below);
                self.budget.spend(work)?;
                bytes.map_err(|error| asked_of(id, error))
            }
            At::File(bytes) => Ok(bytes.clone()),
            At::Nowhere => Err(TreeError::NotFound { path: path.to_owned() }),
        };
        let bytes = bytes.map_err(|source| RenderError::Tree { location: asked_by.to_owned(), source })?;
        self.budget.spend(bytes.len())?;
        Ok(bytes)
    }

    /// The text of a file; `asked_by` says which field names it.
    pub(crate) fn text(&self, path: &str, asked_by: &str) -> Result<String, RenderError> {
        let text = String::from_utf8(self.bytes(path, asked_by)?.to_vec());
        text.map_err(|_| RenderError::Yaml { file: path.to_owned(), why: "it is not UTF-8 text".into() })
    }

    /// Every object of a file; lists are taken apart. `asked_by` says which field names the file.
    pub(crate) fn objects(&self, path: &str, asked_by: &str) -> Result<Vec<Object>, RenderError> {
        let documents = self.documents(&self.text(path, asked_by)?)?;
        let documents = documents.map_err(|e| RenderError::Yaml { file: path.to_owned(), why: e.to_string() })?;
        let mut out = Vec::new();
        for (number, document) in documents.into_iter().enumerate() {
            self.add_objects(document, Location { file: path.to_owned(), document: number + 1 }, &mut out)?;
        }
        Ok(out)
    }

    /// Every object of a text that stands at a place of a file.
    pub(crate) fn objects_in(&self, text: &str, location: &Location) -> Result<Vec<Object>, RenderError> {
        let documents = self.documents(text)?;
        let documents = documents.map_err(|e| RenderError::Yaml { file: location.to_string(), why: e.to_string() })?;
        let mut out = Vec::new();
        for document in documents {
            self.add_objects(document, location.clone(), &mut out)?;
        }
        Ok(out)
    }

    fn add_objects(&self, document: Value, location: Location, out: &mut Vec<Object>) -> Result<(), RenderError> {
        // Each object has the path.
        self.budget.spend_made(object::weight(&document) + location.file.len())?;
        add_objects(document, location, out)
    }

    /// The documents of a text.
    ///
    /// # Errors
    /// The budget is spent. What is wrong with the text is inside.
    pub(crate) fn documents(&self, text: &str) -> Result<Result<Vec<Value>, YamlError>, RenderError> {
        self.read(text, model::yaml::manifests_and_work)
    }

    /// The one value of a text.
    ///
    /// # Errors
    /// The budget is spent. What is wrong with the text is inside.
    pub(crate) fn value(&self, text: &str) -> Result<Result<Value, YamlError>, RenderError> {
        let one = |text: &str| {
            let (value, work) = model::yaml::parse_and_work(text);
            (value.map(|value| vec![value]), work)
        };
        Ok(self.read(text, one)?.map(|mut values| values.pop().unwrap_or_default()))
    }

    fn read(&self, text: &str, parse: Parse) -> Result<Result<Vec<Value>, YamlError>, RenderError> {
        let (documents, work) = parse(text);
        self.budget.spend(work.saturating_mul(READ_STEPS))?;
        let Ok(mut documents) = documents else { return Ok(documents) };
        // A block of text that ends with the file has no last line feed when the file has none.
        let block = !text.is_empty() && !text.ends_with('\n') && text.contains(['|', '>']);
        if let Some(last) = documents.last_mut().filter(|_| block) {
            let (marked, work) = parse(&format!("{text}{END}"));
            self.budget.spend(work.saturating_mul(READ_STEPS))?;
            if let Some(marked) = marked.ok().as_ref().and_then(|documents| documents.last()) {
                remove_added_line_feed(last, marked);
            }
        }
        Ok(Ok(documents))
    }

    /// The one document of a file; `asked_by` says which field names it.
    pub(crate) fn document(&self, path: &str, asked_by: &str) -> Result<Value, RenderError> {
        let document = self.value(&self.text(path, asked_by)?)?;
        document.map_err(|e| RenderError::Yaml { file: path.to_owned(), why: e.to_string() })
    }

    /// The kustomization file of a directory, if it has one.
    pub(crate) fn kustomization_file(&self, dir: &str) -> Result<Option<String>, RenderError> {
        let mut found: Option<String> = None;
        for name in KUSTOMIZATION_FILES {
            let path = remote::join(dir, name);
            match self.node(&path)? {
                Ok((_, Node::File)) if found.is_some() => {
                    let why = format!("{dir:?} has more than one kustomization file; keep one");
                    return Err(RenderError::Yaml { file: path, why });
                }
                Ok((_, Node::File)) => found = Some(path),
                Ok(_) | Err(TreeError::NotFound { .. } | TreeError::WrongNode { .. }) => {}
                Err(source) => return Err(RenderError::Tree { location: dir.to_owned(), source }),
            }
        }
        Ok(found)
    }
}

/// A path of a tree, with the id of the tree when it is not the source's.
fn in_remote(id: Option<&str>, path: String) -> String {
    match id {
        Some(id) => remote::path_in(id, &path),
        None => path,
    }
}

/// An error of a tree: what it asks to load is a path as others are here.
fn asked_of(id: Option<&str>, error: TreeError) -> TreeError {
    match (id, error) {
        (id, TreeError::NotLoaded { path }) => TreeError::NotLoaded { path: in_remote(id, path) },
        // The field of the source says nothing of other repositories.
        (Some(_), TreeError::LeftOut { path, why }) => {
            let why = why.replace(IGNORE_FIELD, ".sourceignore at the root of that repository").into();
            TreeError::LeftOut { path, why }
        }
        (_, error) => hidden(error),
    }
}

/// Stands at the end of a text, to find the value with which it ends.
const END: &str = "\u{f8ff}";

/// Removes the line feed that the parser adds to the block with which a text ends. `marked` is the same document with the
/// mark at its end.
fn remove_added_line_feed(value: &mut Value, marked: &Value) {
    match (value, marked) {
        (Value::String(text), Value::String(marked))
            if marked.strip_suffix('\n').is_some_and(|marked| marked.ends_with(END)) && text.ends_with('\n') =>
        {
            text.pop();
        }
        (Value::Array(items), Value::Array(marked)) => {
            if let (Some(last), Some(marked)) = (items.last_mut(), marked.last()) {
                remove_added_line_feed(last, marked);
            }
        }
        (Value::Object(map), Value::Object(marked)) => {
            for (name, inner) in map {
                if let Some(marked) = marked.get(name).filter(|marked| *marked != inner) {
                    remove_added_line_feed(inner, marked);
                }
            }
        }
        _ => {}
    }
}

/// Adds the object that a document is, or each item when the document is a list.
fn add_objects(document: Value, location: Location, out: &mut Vec<Object>) -> Result<(), RenderError> {
    let fail = |why: &str| RenderError::NotAnObject { location: location.clone(), why: why.to_owned() };
    if !document.is_object() {
        return Err(fail("it is not a mapping"));
    }
    let gvk = object::gvk(&document).ok_or_else(|| fail("apiVersion or kind is missing or malformed"))?;
    let mut document = document;
    if gvk.kind.ends_with("List") && document.get("items").is_some_and(Value::is_array) {
        let Some(Value::Array(items)) = document.get_mut("items").map(Value::take) else { return Ok(()) };
        return items.into_iter().try_for_each(|item| add_objects(item, location.clone(), out));
    }
    // The metadata of an encrypted file: it lies beside the fields, whose values are no longer what they were.
    if document.get("sops").is_some_and(|sops| sops.get("mac").is_some()) {
        return Err(RenderError::Encrypted { location });
    }
    if let Some(name) =
        object::get(&document, &["metadata", "name"]).filter(|name| name.is_number() || name.is_boolean())
    {
        let why = format!("it must be text: put {name} in quotes");
        return Err(RenderError::field(&location.to_string(), "metadata.name", why));
    }
    match object::name(&document) {
        None | Some("") if object::get_str(&document, &["metadata", "generateName"]).is_some() => {
            Err(fail("it has metadata.generateName and no metadata.name, so it would be a new object each time"))
        }
        None | Some("") => Err(fail("metadata.name is missing")),
        Some(_) => {
            remove_empty_metadata(&mut document);
            out.push(Object { value: document, location });
            Ok(())
        }
    }
}

/// An empty labels or annotations field says nothing, and neither does an empty namespace.
fn remove_empty_metadata(document: &mut Value) {
    let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for name in ["labels", "annotations", "namespace"] {
        if metadata.get(name).is_some_and(|v| v.is_null() || *v == "") {
            metadata.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_base_leaves_out_is_said_of_its_own_repository() {
        let id = "https://github.com/org/shop?ref=v1";
        let left_out = |why: &str| TreeError::LeftOut { path: "deploy/logo.png".into(), why: why.into() };
        let says = |id, error| asked_of(id, error).to_string();
        let default = format!("by the default pattern \"*.png\"; add \"!*.png\" to {IGNORE_FIELD}");
        let own = says(None, left_out(&default));
        assert!(own.starts_with("deploy/logo.png is in") && own.ends_with(&default), "{own}");
        let other = says(Some(id), left_out(&default));
        assert!(other.starts_with("deploy/logo.png is in the repository and left out"), "{other}");
        assert!(other.ends_with("add \"!*.png\" to .sourceignore at the root of that repository"), "{other}");
    }
}

//! `openapi`: definitions of custom kinds, which say how strategic merge patches merge their lists.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use kinds::schema::{ListType, PatchStrategy, Schema, Type};
use model::{GroupVersionKind, object};
use serde_json::{Map, Value};

use crate::budget::Budget;
use crate::error::RenderError;

/// How deep a definition is followed, over references and what nests in each definition. Pod templates of real kinds are
/// 12 deep. A level takes about 1 kB of the stack, in an unoptimized build several.
const DEPTH_MAX: usize = 64;

/// What a node of a schema takes in memory, about.
const NODE_BYTES: usize = 512;

/// A schema: of Kubernetes' own kinds, or of a custom one.
pub(crate) enum Found {
    Builtin(&'static Schema),
    Custom(Arc<Schema>),
}

impl Deref for Found {
    type Target = Schema;

    fn deref(&self) -> &Schema {
        match self {
            Self::Builtin(schema) => schema,
            Self::Custom(schema) => schema,
        }
    }
}

/// The schemas that a rendering knows.
#[derive(Default)]
pub(crate) struct Schemas {
    /// The definitions of the one file that counts, once a kustomization file named one.
    custom: Option<Definitions>,
}

struct Definitions {
    all: Map<String, Value>,
    /// Names of the definitions of whole kinds.
    kinds: HashMap<GroupVersionKind, String>,
    /// Schemas that were asked for.
    made: RefCell<HashMap<GroupVersionKind, Arc<Schema>>>,
}

impl Schemas {
    /// Whether a file of definitions was read. As in kustomize the first one counts, from the outermost layer inward.
    pub(crate) fn is_set(&self) -> bool {
        self.custom.is_some()
    }

    /// Reads the definitions of a file.
    ///
    /// # Errors
    /// The file has none.
    pub(crate) fn read(&mut self, file: &str, yaml: Value) -> Result<(), RenderError> {
        let Value::Object(mut document) = yaml else {
            return Err(RenderError::Yaml { file: file.to_owned(), why: "it is not a mapping".into() });
        };
        let all = match document.remove("definitions") {
            Some(Value::Object(all)) => all,
            None => Map::new(),
            Some(_) => return Err(RenderError::field(file, "definitions", "it is not a mapping")),
        };
        let mut kinds = HashMap::new();
        for (name, definition) in &all {
            let named = definition.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
            for kind in named.into_iter().flatten() {
                let part = |field: &str| object::get_str(kind, &[field]).unwrap_or_default();
                kinds.insert(GroupVersionKind::new(part("group"), part("version"), part("kind")), name.clone());
            }
        }
        self.custom = Some(Definitions { all, kinds, made: RefCell::default() });
        Ok(())
    }

    /// The schema of a kind, if it is known.
    ///
    /// # Errors
    /// The budget is spent.
    pub(crate) fn find(&self, gvk: &GroupVersionKind, budget: &Budget) -> Result<Option<Found>, RenderError> {
        let custom = self.custom.as_ref().and_then(|custom| Some((custom, custom.kinds.get(gvk)?)));
        let Some((custom, name)) = custom else {
            return Ok(kinds::find(gvk).map(|kind| Found::Builtin(kind.schema())));
        };
        if let Some(made) = custom.made.borrow().get(gvk) {
            return Ok(Some(Found::Custom(Arc::clone(made))));
        }
        let definition = custom.all.get(name).unwrap_or(&Value::Null);
        let schema = Arc::new(custom.schema(definition, &mut vec![name], 0, budget)?);
        custom.made.borrow_mut().insert(gvk.clone(), Arc::clone(&schema));
        Ok(Some(Found::Custom(schema)))
    }
}

impl Definitions {
    /// The schema of a definition. `open` are the names of the definitions around it: one that is in itself is not followed
    /// again. `depth` is the number of nodes around it, in all definitions; what is deeper than the limit is not known.
    fn schema<'a>(
        &'a self,
        node: &'a Value,
        open: &mut Vec<&'a str>,
        depth: usize,
        budget: &Budget,
    ) -> Result<Schema, RenderError> {
        budget.spend_made(NODE_BYTES)?;
        if depth >= DEPTH_MAX {
            return Ok(Schema::default());
        }
        let reference = object::get_str(node, &["$ref"]).and_then(|path| path.strip_prefix("#/definitions/"));
        if let Some(name) = reference {
            let Some(definition) = self.all.get(name).filter(|_| !open.contains(&name)) else {
                return Ok(Schema::default());
            };
            open.push(name);
            let mut schema = self.schema(definition, open, depth + 1, budget)?;
            open.pop();
            // What stands beside a reference is said of the field.
            if let Some(patch) = strategy(node) {
                schema.patch = Some(patch);
            }
            return Ok(schema);
        }
        let mut schema = Schema {
            ty: match object::get_str(node, &["type"]) {
                Some("array") => Type::Array,
                Some("object") => Type::Object,
                _ => Type::Any,
            },
            patch: strategy(node),
            ..Schema::default()
        };
        let mut fields = BTreeMap::new();
        for (name, inner) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            fields.insert(name.clone(), Arc::new(self.schema(inner, open, depth + 1, budget)?));
        }
        schema.fields = fields;
        if let Some(items) = node.get("items").filter(|items| items.is_object()) {
            schema.item = Some(Arc::new(self.schema(items, open, depth + 1, budget)?));
        }
        if let Some(values) = node.get("additionalProperties").filter(|values| values.is_object()) {
            schema.value = Some(Arc::new(self.schema(values, open, depth + 1, budget)?));
        }
        let keys = node.get("x-kubernetes-list-map-keys").and_then(Value::as_array).into_iter().flatten();
        let keys: Vec<String> = keys.filter_map(|key| key.as_str().map(str::to_owned)).collect();
        if !keys.is_empty() {
            schema.list = ListType::Map(keys);
        }
        Ok(schema)
    }
}

/// How a list merges.
fn strategy(node: &Value) -> Option<PatchStrategy> {
    let text = object::get_str(node, &["x-kubernetes-patch-strategy"])?;
    let parts: Vec<&str> = text.split(',').collect();
    Some(PatchStrategy {
        merge: parts.contains(&"merge"),
        retain_keys: parts.contains(&"retainKeys"),
        merge_key: object::get_str(node, &["x-kubernetes-patch-merge-key"]).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests;

//! OpenAPI v3 documents, one for each group and version, as `/openapi/v3/apis/GROUP/VERSION` serves them.
//!
//! They hold what kubectl 1.37 and typed clients read: operations with their kind, action and query parameters (kubectl
//! looks for `fieldValidation` on PATCH before it leaves validation to the server), and schemas with list types, list
//! keys and patch strategies (client-side apply merges by them, `explain` prints them). Built-in types come from the
//! generated table and have no descriptions; custom kinds keep those of their CRD.
//!
//! A document of `v1` is about 0.4 MB as text and some MB as a value: build it when it is asked for and keep the bytes.
//! From all of them [`v2`] makes the one document of OpenAPI v2, and [`encode_v2`] its protobuf form.

mod described;
mod path;
mod protobuf;
mod schema;
#[cfg(test)]
mod tests;
mod v2;

use std::collections::BTreeMap;

use model::GroupVersion;
use serde_json::{Map, Value, json};

use crate::structural::{CustomKind, CustomVersion};
use described::{Described, KUBERNETES};
use kinds::Kind;
use schema::Components;

pub use protobuf::encode as encode_v2;
pub use v2::v2;

/// A kind to describe.
#[derive(Clone, Copy, Debug)]
pub enum OpenApiKind<'a> {
    /// A kind of the generated table.
    BuiltIn(&'static Kind),
    /// One version of a custom kind.
    Custom(&'a CustomKind, &'a CustomVersion),
}

/// Every verb, which is what custom kinds have.
const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

impl<'a> OpenApiKind<'a> {
    fn describe(self) -> Described<'a> {
        match self {
            Self::BuiltIn(kind) => Described {
                gvk: kind.gvk(),
                plural: kind.plural,
                list_kind: format!("{}List", kind.kind),
                namespaced: kind.namespaced,
                status: kind.status,
                scale: kind.scale.is_some(),
                verbs: kind.verbs,
                subresources: kind.subresources,
                strategic: true,
                schema: kind.type_index().map(schema::full_name).unwrap_or_default(),
            },
            Self::Custom(kind, version) => Described {
                gvk: kind.gvk(version),
                plural: &kind.names.plural,
                list_kind: kind.names.list_kind.clone(),
                namespaced: kind.namespaced,
                status: version.status,
                scale: version.scale.is_some(),
                verbs: VERBS,
                subresources: &[],
                strategic: false,
                schema: custom_name(&kind.group, &version.name, &kind.names.kind),
            },
        }
    }
}

/// The name of a custom kind's schema: the group backwards, as Java packages are named.
fn custom_name(group: &str, version: &str, kind: &str) -> String {
    let backwards: Vec<&str> = group.split('.').rev().collect();
    format!("{}.{version}.{kind}", backwards.join("."))
}

/// The document of a group and version, with these of its kinds. The same input gives the same document.
pub fn document(gv: &GroupVersion, kinds: &[OpenApiKind<'_>]) -> Value {
    let mut components = Components::new(gv);
    let mut paths = BTreeMap::new();
    for kind in kinds {
        let described = kind.describe();
        path::add(&described, &mut components, &mut paths);
        match kind {
            OpenApiKind::BuiltIn(kind) => {
                if let Some(index) = kind.type_index() {
                    components.add(index);
                }
            }
            OpenApiKind::Custom(_, version) => components.add_custom(&described, &version.schema),
        }
        if described.verbs.contains(&"list") {
            components.add_list(&described);
        }
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": KUBERNETES},
        "paths": paths.into_iter().collect::<Map<String, Value>>(),
        "components": {
            "schemas": components.into_schemas(),
            "securitySchemes": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        },
    })
}

//! Objects in the forms that clients may ask for: Table and PartialObjectMetadata.

use apimachinery::table::{IncludeObject, IncludeObjectError};
use model::{Status, object};
use serde_json::{Value, json};

use crate::call::Call;
use crate::negotiate::Form;
use crate::semantics;

/// One object.
pub(super) fn single(call: &Call, form: Form, object: Value) -> Value {
    match form {
        Form::Table => {
            let revision = object::resource_version(&object).unwrap_or_default().to_owned();
            table(call, &[object], json!({"resourceVersion": revision}), true)
        }
        Form::Metadata => partial(object),
        Form::Object | Form::Discovery => object,
    }
}

/// A list of objects under list metadata.
pub(super) fn list(call: &Call, form: Form, items: Vec<Value>, metadata: Value) -> Value {
    match form {
        Form::Table => table(call, &items, metadata, true),
        Form::Metadata => json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata, "items": items.into_iter().map(partial).collect::<Vec<_>>(),
        }),
        Form::Object | Form::Discovery => json!({
            "kind": format!("{}List", call.served.gvk.kind), "apiVersion": call.served.api_version,
            "metadata": metadata, "items": items,
        }),
    }
}

/// A table; a watch sends the column definitions with the first one only.
pub(super) fn table(call: &Call, objects: &[Value], metadata: Value, with_columns: bool) -> Value {
    // An unknown `includeObject` was refused before; see `verb::run`.
    let include = include(call).unwrap_or_default();
    semantics::columns(&call.served).table(objects, metadata, include, with_columns, call.state.now())
}

/// The `includeObject` parameter.
pub(super) fn include(call: &Call) -> Result<IncludeObject, Status> {
    let text = call.query.get("includeObject").unwrap_or_default();
    text.parse().map_err(|e: IncludeObjectError| Status::bad_request(e.to_string()))
}

/// Only the metadata.
pub(super) fn partial(mut object: Value) -> Value {
    let metadata = object.get_mut("metadata").map(Value::take).unwrap_or_default();
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

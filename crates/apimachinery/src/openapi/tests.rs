use serde_json::json;

use super::*;
use crate::structural::parse_crd;

fn built_in(group: &str, version: &str) -> Value {
    let kinds: Vec<OpenApiKind<'_>> =
        kinds::all().iter().filter(|k| k.group == group && k.version == version).map(OpenApiKind::BuiltIn).collect();
    document(&GroupVersion::new(group, version), &kinds)
}

fn groups() -> Vec<GroupVersion> {
    let mut groups: Vec<GroupVersion> = kinds::all().iter().map(|k| GroupVersion::new(k.group, k.version)).collect();
    groups.dedup();
    groups
}

/// Calls `f` with every object in a document.
fn visit(value: &Value, f: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            f(map);
            map.values().for_each(|v| visit(v, f));
        }
        Value::Array(items) => items.iter().for_each(|v| visit(v, f)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_its_own_id() {
    for gv in groups() {
        let document = built_in(&gv.group, &gv.version);
        let mut ids = std::collections::BTreeSet::new();
        visit(&document, &mut |map| {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                let schema = document.pointer(reference.trim_start_matches('#'));
                assert!(schema.is_some_and(Value::is_object), "{gv}: {reference}");
                assert_eq!(map.len(), 1, "{gv}: {reference} has neighbours, which OpenAPI ignores");
            }
            if let Some(id) = map.get("operationId") {
                assert!(ids.insert(id.to_string()), "{gv}: {id} twice");
            }
        });
    }
}

#[test]
fn a_deployment_is_described_as_kubectl_needs_it() {
    let document = built_in("apps", "v1");
    let gvk = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"], gvk);
    assert_eq!(patch["x-kubernetes-action"], "patch");
    let names: Vec<&Value> = patch["parameters"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
    assert!(patch["requestBody"]["content"].get("application/apply-patch+yaml").is_some());
    let schemas = &document["components"]["schemas"];
    let deployment = &schemas["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(deployment["x-kubernetes-group-version-kind"], json!([gvk]));
    let spec = &schemas["io.k8s.api.core.v1.PodSpec"];
    assert_eq!(spec["required"], json!(["containers"]));
    assert_eq!(spec["properties"]["restartPolicy"]["enum"], json!(["Always", "Never", "OnFailure"]));
    assert_eq!(
        spec["properties"]["containers"],
        json!({
            "type": "array",
            "items": {"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-kubernetes-patch-strategy": "merge",
            "x-kubernetes-patch-merge-key": "name",
        })
    );
    assert!(document["paths"].get("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale").is_some());
    assert!(document["paths"].get("/apis/apps/v1/deployments").is_some());
}

#[test]
fn a_custom_kind_is_described_by_its_crd() {
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.x.example"},
        "spec": {"group": "x.example", "scope": "Cluster", "names": {"plural": "widgets", "kind": "Widget"}, "versions": [{
            "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "description": "A thing.", "properties": {"spec": {
                "type": "object", "required": ["size"], "properties": {
                    "size": {"type": "integer", "minimum": 1, "default": 3},
                    "port": {"x-kubernetes-int-or-string": true},
                    "parts": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                    "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                },
            }}}},
        }]},
    });
    let kind = parse_crd(&crd).unwrap();
    let document = document(&GroupVersion::new("x.example", "v1"), &[OpenApiKind::Custom(&kind, &kind.versions[0])]);
    let widget = &document["components"]["schemas"]["example.x.v1.Widget"];
    assert_eq!(
        widget["x-kubernetes-group-version-kind"],
        json!([{"group": "x.example", "version": "v1", "kind": "Widget"}])
    );
    assert_eq!(widget["description"], "A thing.");
    let spec = &widget["properties"]["spec"];
    assert_eq!(spec["required"], json!(["size"]));
    assert_eq!(spec["properties"]["size"], json!({"type": "integer", "minimum": 1.0, "default": 3}));
    assert_eq!(spec["properties"]["port"], json!({"x-kubernetes-int-or-string": true}));
    assert_eq!(spec["properties"]["parts"]["x-kubernetes-list-type"], "set");
    assert_eq!(spec["properties"]["any"]["x-kubernetes-preserve-unknown-fields"], true);
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        ["/apis/x.example/v1/widgets", "/apis/x.example/v1/widgets/{name}", "/apis/x.example/v1/widgets/{name}/status"]
    );
    let patch = &document["paths"]["/apis/x.example/v1/widgets/{name}"]["patch"]["requestBody"]["content"];
    assert_eq!(patch.get("application/strategic-merge-patch+json"), None);
}

/// The fields of a message: number and, for those with a length, their bytes.
fn cut(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let varint = |bytes: &mut &[u8]| {
        let mut number = 0_u64;
        for shift in (0..).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    };
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let inner = match tag & 7 {
            0 => varint(&mut bytes).to_le_bytes().to_vec(),
            length => {
                let length = if length == 1 { 8 } else { usize::try_from(varint(&mut bytes)).unwrap() };
                let (inner, rest) = bytes.split_at(length);
                bytes = rest;
                inner.to_vec()
            }
        };
        out.push((tag >> 3, inner));
    }
    out
}

fn one(bytes: &[u8], field: u64) -> Vec<u8> {
    cut(bytes).into_iter().find(|(number, _)| *number == field).map(|(_, inner)| inner).unwrap_or_default()
}

#[test]
fn one_v2_document_says_what_kubectl_looks_for() {
    let core = GroupVersion::new("", "v1");
    let namespace = OpenApiKind::BuiltIn(kinds::find(&core.kind("Namespace")).unwrap());
    let pod = OpenApiKind::BuiltIn(kinds::find(&core.kind("Pod")).unwrap());
    let document = super::v2([super::document(&core, &[namespace]), super::document(&core, &[pod])]);
    let patch = &document["paths"]["/api/v1/namespaces/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Namespace");
    let names: Vec<&str> = patch["parameters"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force", "body"]);
    let definitions = &document["definitions"];
    let meta = &definitions["io.k8s.api.core.v1.Pod"]["properties"]["metadata"];
    assert_eq!(meta["$ref"], "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    assert_eq!(definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]["type"], "string");
    let text = document.to_string();
    assert!(!text.contains("oneOf") && !text.contains("#/components/") && !text.contains("\"nullable\""));

    // As `kubectl` walks it: paths, the path, its patch, the extension, and a parameter of the query.
    let bytes = super::encode_v2(&document);
    assert_eq!(one(&bytes, 1), b"2.0");
    let paths = one(&bytes, 8);
    let path = cut(&paths).into_iter().find(|(_, path)| one(path, 1) == b"/api/v1/namespaces/{name}").unwrap().1;
    let patch = one(&one(&path, 2), 8);
    let kind = cut(&patch)
        .into_iter()
        .find(|(field, inner)| *field == 13 && one(inner, 1) == b"x-kubernetes-group-version-kind");
    let yaml = one(&one(&kind.unwrap().1, 2), 2);
    assert_eq!(yaml, br#"{"group":"","kind":"Namespace","version":"v1"}"#);
    let queries = cut(&patch).into_iter().filter(|(field, _)| *field == 8);
    let names: Vec<Vec<u8>> = queries.map(|(_, item)| one(&one(&one(&one(&item, 1), 2), 3), 4)).collect();
    assert!(names.contains(&b"fieldValidation".to_vec()));
    let definitions = one(&bytes, 9);
    let pod = cut(&definitions).into_iter().find(|(_, pair)| one(pair, 1) == b"io.k8s.api.core.v1.Pod").unwrap().1;
    assert_eq!(one(&one(&one(&pod, 2), 22), 1), b"object");
}

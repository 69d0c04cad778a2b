use serde_json::json;

use super::*;
use crate::structural::parse_crd;

fn built_in(group: &str, version: &str) -> Value {
    let kinds: Vec<OpenApiKind<'_>> = builtin::kinds()
        .iter()
        .filter(|k| k.group == group && k.version == version)
        .map(OpenApiKind::BuiltIn)
        .collect();
    document(&GroupVersion::new(group, version), &kinds)
}

fn groups() -> Vec<GroupVersion> {
    let mut groups: Vec<GroupVersion> =
        builtin::kinds().iter().map(|k| GroupVersion::new(k.group, k.version)).collect();
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

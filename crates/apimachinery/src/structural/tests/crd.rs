use serde_json::{Value, json};

use super::{crd_with, errors_of, parsed, yaml};
use crate::structural::ConversionStrategy;

/// Changes the plain CRD at a JSON pointer and compares all errors.
fn check(pointer: &str, value: Value, expect: &[&str]) {
    let mut crd = crd_with("type: object");
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match crd.pointer_mut(parent).unwrap() {
        Value::Object(map) => map.insert(field.to_owned(), value),
        other => panic!("{parent} is {other}"),
    };
    assert_eq!(errors_of(&crd), expect, "{pointer}");
}

#[test]
fn names_and_defaults() {
    let kind = parsed(&crd_with("type: object"));
    assert_eq!(kind.names.singular, "widget");
    assert_eq!(kind.names.list_kind, "WidgetList");
    assert!(kind.namespaced);
    assert_eq!(kind.conversion, ConversionStrategy::None);
    assert_eq!(kind.storage_version().unwrap().name, "v1");
    assert_eq!(
        kind.names.to_value(),
        json!({"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"})
    );
}

#[test]
fn rules_of_names_and_versions() {
    check(
        "/spec/scope",
        json!("Namespace"),
        &[r#"spec.scope: Unsupported value: "Namespace": supported values: "Cluster", "Namespaced""#],
    );
    check(
        "/metadata/name",
        json!("x.example.com"),
        &[r#"metadata.name: Invalid value: "x.example.com": must be spec.names.plural+"."+spec.group"#],
    );
    check(
        "/spec/group",
        json!("example"),
        &[
            r#"spec.group: Invalid value: "example": should be a domain with at least one dot"#,
            r#"metadata.name: Invalid value: "widgets.example.com": must be spec.names.plural+"."+spec.group"#,
        ],
    );
    check(
        "/spec/names/listKind",
        json!("Widget"),
        &[r#"spec.names.listKind: Invalid value: "Widget": kind and listKind may not be the same"#],
    );
    check(
        "/spec/versions",
        json!([]),
        &["spec.versions: Invalid value: []: must have exactly one version marked as storage version"],
    );
    check("/spec/versions/0/schema", json!({}), &["spec.versions[0].schema.openAPIV3Schema: Required value"]);
}

#[test]
fn protected_groups_need_approval() {
    let mut crd = crd_with("type: object");
    crd["metadata"]["name"] = json!("widgets.apps.k8s.io");
    crd["spec"]["group"] = json!("apps.k8s.io");
    let errors = errors_of(&crd);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with("metadata.annotations[api-approved.kubernetes.io]: Required value"), "{errors:?}");
    crd["metadata"]["annotations"] = json!({"api-approved.kubernetes.io": "https://github.com/kubernetes/x/pull/1"});
    assert!(errors_of(&crd).is_empty());
}

#[test]
fn a_schema_may_narrow_the_name_and_says_nothing_else_of_metadata() {
    let check = |metadata: serde_json::Value, allowed: bool| {
        let mut crd = crd_with("type: object");
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["metadata"] = metadata.clone();
        let errors = errors_of(&crd);
        assert_eq!(errors.is_empty(), allowed, "{metadata}: {errors:?}");
        assert!(errors.iter().all(|e| e.contains("but metadata is implicitly specified")), "{errors:?}");
    };
    check(json!({"type": "object"}), true);
    check(json!({"type": "object", "properties": {"name": {"type": "string", "pattern": "^a"}}}), true);
    check(json!({"type": "object", "properties": {"labels": {"type": "object"}}}), false);
    check(json!({"type": "object", "description": "Metadata."}), false);
    check(json!({"type": "object", "required": ["name"]}), false);
}

/// A schema for `spec`, and every error with the path of the spec's schema cut off.
fn check_schema(schema: &str, expect: &[&str]) {
    let prefix = "spec.versions[0].schema.openAPIV3Schema.properties[spec]";
    let errors: Vec<String> =
        errors_of(&crd_with(schema)).iter().map(|e| e.replace(prefix, "S").trim().to_owned()).collect();
    assert_eq!(errors, expect, "{schema}");
}

#[test]
fn structural_rules() {
    check_schema("description: x", &["S.type: Required value: must not be empty for specified object fields"]);
    check_schema("{type: array}", &["S.items: Required value: must be specified"]);
    check_schema(
        "{type: array, items: {}}",
        &["S.items.type: Required value: must not be empty for specified array items"],
    );
    check_schema(
        "{type: strnig}",
        &[
            r#"S.type: Unsupported value: "strnig": supported values: "array", "boolean", "integer", "number", "object", "string""#,
        ],
    );
    check_schema(
        "{type: object, additionalProperties: {type: string}, properties: {a: {type: string}}}",
        &["S.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
    );
    check_schema("{type: object, $ref: '#/x'}", &["S.$ref: Forbidden: $ref is not supported"]);
    check_schema(
        "{type: string, pattern: '('}",
        &[r#"S.pattern: Invalid value: "(": must be a valid regular expression, but isn't: unclosed group"#],
    );
    check_schema(
        "{type: string, anyOf: [{type: string}]}",
        &["S.anyOf[0].type: Forbidden: must be empty to be structural"],
    );
    check_schema(
        "{type: object, x-kubernetes-embedded-resource: true}",
        &[
            "S.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
        ],
    );
    check_schema("{x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}", &[]);
    check_schema(
        "{x-kubernetes-int-or-string: true, allOf: [{anyOf: [{type: integer}, {type: string}]}, {pattern: a}]}",
        &[],
    );
    check_schema("{type: string, minLength: x}", &[r#"S.minLength: Invalid value: "x": must be an integer"#]);
}

/// The field that a rule speaks about must exist, but only rules at the root are held to that, as upstream.
#[test]
fn rules_speak_of_known_fields() {
    check_schema("{type: object, anyOf: [{required: [a]}, {properties: {b: {pattern: x}}}]}", &[]);
    let mut crd = crd_with("type: object");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["anyOf"] = yaml("[{properties: {b: {pattern: x}}}]");
    let at = "spec.versions[0].schema.openAPIV3Schema";
    assert_eq!(
        errors_of(&crd),
        [format!("{at}.properties[b]: Required value: because it is defined in {at}.anyOf[0].properties[b]")]
    );
}

#[test]
fn list_rules() {
    check_schema(
        "{type: array, x-kubernetes-list-type: map, items: {type: object}}",
        &["S.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"],
    );
    check_schema(
        "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, properties: {name: {type: string}}}}",
        &[
            "S.items.properties[name].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ],
    );
    check_schema(
        "{type: array, x-kubernetes-list-type: set, items: {type: object}}",
        &[
            r#"S.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set"#,
        ],
    );
    check_schema(
        "{type: array, x-kubernetes-list-type: bag, items: {type: string}}",
        &[r#"S.x-kubernetes-list-type: Unsupported value: "bag": supported values: "atomic", "set", "map""#],
    );
}

#[test]
fn defaults_must_be_valid() {
    check_schema(
        "{type: object, properties: {a: {type: integer, minimum: 2, default: 1}}}",
        &[
            "S.properties[a].default: Invalid value: 1: S.properties[a].default in body should be greater than or equal to 2",
        ],
    );
    check_schema(
        "{type: object, default: {b: 1}, properties: {a: {type: integer}}}",
        &[r#"S.default: Invalid value: {"b":1}: must not have unknown fields"#],
    );
}

#[test]
fn subresources_columns_and_rules_are_kept() {
    let mut crd = crd_with(
        "type: object\nx-kubernetes-validations: [{rule: 'self.a == 1'}]\nproperties: {replicas: {type: integer}, color: {type: string}}",
    );
    let version = &mut crd["spec"]["versions"][0];
    version["subresources"] = yaml(
        "{status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}}",
    );
    version["additionalPrinterColumns"] = yaml("[{name: Color, type: string, jsonPath: .spec.color, priority: 1}]");
    version["selectableFields"] = yaml("[{jsonPath: .spec.color}]");
    version["deprecated"] = json!(true);
    let kind = parsed(&crd);
    let version = &kind.versions[0];
    assert!(version.status);
    assert_eq!(version.scale.as_ref().unwrap().spec_replicas, ["spec", "replicas"]);
    assert_eq!(version.columns[0].priority, 1);
    assert_eq!(version.selectable, ["spec.color"]);
    assert_eq!(version.deprecation.as_deref(), Some("example.com/v1 Widget is deprecated"));
    let rules: Vec<&str> = version.cel_rules.iter().map(model::FieldPath::as_str).collect();
    assert_eq!(rules, ["spec.versions[0].schema.openAPIV3Schema.properties[spec]"]);

    let version = &mut crd["spec"]["versions"][0];
    version["subresources"]["scale"]["specReplicasPath"] = json!(".status.replicas");
    version["additionalPrinterColumns"][0]["type"] = json!("colour");
    version["selectableFields"] = yaml("[{jsonPath: .spec.missing}]");
    let errors = errors_of(&crd);
    assert_eq!(errors.len(), 3, "{errors:#?}");
}

#[test]
fn wrong_shapes_are_errors_and_never_panic() {
    for crd in [json!(null), json!({}), json!({"spec": []}), json!({"spec": {"versions": [1, null, {}]}})] {
        assert!(!errors_of(&crd).is_empty(), "{crd}");
    }
    let mut deep = json!({"type": "string"});
    for _ in 0..300 {
        deep = json!({"type": "object", "properties": {"a": deep}});
    }
    let mut crd = crd_with("type: object");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = deep;
    assert_eq!(errors_of(&crd).len(), 1);
}

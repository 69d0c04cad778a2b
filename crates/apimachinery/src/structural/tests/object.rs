use serde_json::{Value, json};

use super::{crd_with, parsed, yaml};
use crate::structural::{ERRORS_MAX, default, prune, unknown_fields, validate, validate_update};
use kinds::schema::Schema;

fn schema(spec: &str) -> Schema {
    (*parsed(&crd_with(spec)).versions[0].schema).clone()
}

fn widget(spec: &str) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": yaml(spec)})
}

fn check_prune(spec_schema: &str, spec: &str, expect: &str, dropped: &[&str]) {
    let schema = schema(spec_schema);
    let mut object = widget(spec);
    let unknown = unknown_fields(&object, &schema);
    let paths = prune(&mut object, &schema);
    assert_eq!(unknown, paths);
    assert_eq!(paths.iter().map(model::FieldPath::as_str).collect::<Vec<_>>(), dropped, "{spec}");
    assert_eq!(object, widget(expect));
}

#[test]
fn unknown_fields_are_pruned() {
    let plain = "{type: object, properties: {a: {type: string}, l: {type: array, items: {type: object, properties: {n: {type: string}}}}, m: {type: object, additionalProperties: {type: string}}}}";
    check_prune(plain, "{a: x, b: {c: 1}}", "{a: x}", &["spec.b"]);
    check_prune(plain, "{l: [{n: x, o: y}, {p: z}]}", "{l: [{n: x}, {}]}", &["spec.l[0].o", "spec.l[1].p"]);
    check_prune(plain, "{m: {any: x, thing: y}}", "{m: {any: x, thing: y}}", &[]);
    let open = "{type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: object, properties: {b: {type: string}}}}}";
    check_prune(open, "{x: {y: 1}, a: {b: c, d: e}}", "{x: {y: 1}, a: {b: c}}", &["spec.a.d"]);
    let embedded = "{type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}";
    check_prune(
        embedded,
        "{apiVersion: v1, kind: A, metadata: {name: x, nope: y}, spec: {a: 1}, status: {}}",
        "{apiVersion: v1, kind: A, metadata: {name: x}, spec: {}}",
        &["spec.metadata.nope", "spec.spec.a", "spec.status"],
    );
    let raw = "{type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}";
    check_prune(
        raw,
        "{apiVersion: v1, kind: A, metadata: {name: x}, spec: {a: 1}}",
        "{apiVersion: v1, kind: A, metadata: {name: x}, spec: {a: 1}}",
        &[],
    );
}

#[test]
fn the_object_itself_keeps_its_own_fields() {
    let schema = schema("type: object");
    let mut object = widget("{}");
    object["metadata"]["finalizers"] = json!(["a/b"]);
    object["metadata"]["colour"] = json!("red");
    object["data"] = json!({});
    let dropped = prune(&mut object, &schema);
    assert_eq!(dropped.iter().map(model::FieldPath::as_str).collect::<Vec<_>>(), ["data", "metadata.colour"]);
    assert_eq!(object["metadata"], json!({"name": "a", "finalizers": ["a/b"]}));
}

fn check_default(spec_schema: &str, spec: &str, expect: &str) {
    let schema = schema(spec_schema);
    let mut object = widget(spec);
    default(&mut object, &schema);
    assert_eq!(object, widget(expect), "{spec}");
    let once = object.clone();
    default(&mut object, &schema);
    assert_eq!(object, once, "a second pass changes nothing");
}

#[test]
fn defaults_fill_what_is_missing() {
    let plain = "{type: object, properties: {a: {type: string, default: x}, o: {type: object, default: {}, properties: {i: {type: integer, default: 3}}}, p: {type: object, properties: {i: {type: integer, default: 3}}}}}";
    check_default(plain, "{}", "{a: x, o: {i: 3}}");
    check_default(plain, "{a: y, p: {}}", "{a: y, o: {i: 3}, p: {i: 3}}");
    check_default(plain, "{a: null}", "{a: x, o: {i: 3}}");
    let nested = "{type: object, properties: {l: {type: array, items: {type: object, properties: {i: {type: integer, default: 1}}}}, m: {type: object, additionalProperties: {type: object, properties: {i: {type: integer, default: 2}}}}}}";
    check_default(nested, "{l: [{}, {i: 5}], m: {k: {}}}", "{l: [{i: 1}, {i: 5}], m: {k: {i: 2}}}");
}

#[test]
fn nulls() {
    let nulls = "{type: object, properties: {kept: {type: string, nullable: true, default: x}, gone: {type: string}, l: {type: array, items: {type: string}}}}";
    check_default(nulls, "{kept: null, gone: null, l: [null]}", "{kept: null, l: [null]}");
}

fn check(spec_schema: &str, spec: &str, expect: &[&str]) {
    let errors: Vec<String> = validate(&widget(spec), &schema(spec_schema)).iter().map(ToString::to_string).collect();
    assert_eq!(errors, expect, "{spec_schema} {spec}");
}

#[test]
fn types() {
    let of = |ty: &str| format!("{{type: object, properties: {{x: {ty}}}}}");
    check(
        &of("{type: integer}"),
        "{x: one}",
        &[r#"spec.x: Invalid value: "string": spec.x in body must be of type integer: "string""#],
    );
    check(
        &of("{type: integer}"),
        "{x: 1.5}",
        &[r#"spec.x: Invalid value: "number": spec.x in body must be of type integer: "number""#],
    );
    check(&of("{type: integer}"), "{x: 2.0}", &[]);
    check(&of("{type: number}"), "{x: 2}", &[]);
    check(
        &of("{type: string}"),
        "{x: null}",
        &[r#"spec.x: Invalid value: "null": spec.x in body must be of type string: "null""#],
    );
    check(&of("{type: string, nullable: true}"), "{x: null}", &[]);
    check(
        &of("{x-kubernetes-int-or-string: true}"),
        "{x: true}",
        &[r#"spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean""#],
    );
    check(&of("{x-kubernetes-int-or-string: true}"), "{x: 50%}", &[]);
    check(
        &of("{type: integer, format: int32}"),
        "{x: 3000000000}",
        &["spec.x: Invalid value: 3000000000: Checked value must be of type integer with format int32 in spec.x"],
    );
}

#[test]
fn value_rules() {
    let of = |ty: &str| format!("{{type: object, properties: {{x: {ty}}}}}");
    check(
        "{type: object, required: [x, z], properties: {x: {type: string}, z: {type: string}}}",
        "{x: a}",
        &["spec.z: Required value"],
    );
    check(
        &of("{type: string, enum: [b, c]}"),
        "{x: a}",
        &[r#"spec.x: Unsupported value: "a": supported values: "b", "c""#],
    );
    check(
        &of("{type: string, pattern: '^[a-z]+$'}"),
        "{x: A}",
        &[r#"spec.x: Invalid value: "A": spec.x in body should match '^[a-z]+$'"#],
    );
    check(
        &of("{type: string, minLength: 2}"),
        "{x: a}",
        &[r#"spec.x: Invalid value: "a": spec.x in body should be at least 2 chars long"#],
    );
    check(&of("{type: string, maxLength: 2}"), "{x: aaa}", &["spec.x: Too long: may not be more than 2 bytes"]);
    check(
        &of("{type: integer, minimum: 1}"),
        "{x: 0}",
        &["spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1"],
    );
    check(
        &of("{type: integer, maximum: 10, exclusiveMaximum: true}"),
        "{x: 10}",
        &["spec.x: Invalid value: 10: spec.x in body should be less than 10"],
    );
    check(
        &of("{type: integer, multipleOf: 5}"),
        "{x: 7}",
        &["spec.x: Invalid value: 7: spec.x in body should be a multiple of 5"],
    );
    check(
        &of("{type: array, maxItems: 1, items: {type: string}}"),
        "{x: [a, b]}",
        &["spec.x: Too many: 2: must have at most 1 item"],
    );
    check(
        &of("{type: array, minItems: 1, items: {type: string}}"),
        "{x: []}",
        &["spec.x: Invalid value: 0: spec.x in body should have at least 1 items"],
    );
    check(
        &of("{type: string, format: date-time}"),
        "{x: soon}",
        &[r#"spec.x: Invalid value: "soon": spec.x in body must be of type date-time: "soon""#],
    );
}

#[test]
fn lists_with_keys() {
    check(
        "{type: object, properties: {x: {type: array, x-kubernetes-list-type: set, items: {type: string}}}}",
        "{x: [a, b, a, a]}",
        &[r#"spec.x[2]: Duplicate value: "a""#],
    );
    check(
        "{type: object, properties: {x: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object, required: [k], properties: {k: {type: string}, v: {type: string}}}}}}",
        "{x: [{k: a, v: '1'}, {k: a, v: '2'}]}",
        &[r#"spec.x[1]: Duplicate value: {"k":"a"}"#],
    );
}

#[test]
fn junctors() {
    let any =
        "{type: object, properties: {a: {type: string}, b: {type: string}}, anyOf: [{required: [a]}, {required: [b]}]}";
    check(any, "{a: x}", &[]);
    check(
        any,
        "{}",
        &[r#"spec: Invalid value: "": "spec" must validate at least one schema (anyOf)"#, "spec.a: Required value"],
    );
    let one = any.replace("anyOf", "oneOf");
    check(
        &one,
        "{a: x, b: z}",
        &[
            r#"spec: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
        ],
    );
    let not = "{type: object, properties: {a: {type: string}}, not: {required: [a]}}";
    check(not, "{a: x}", &[r#"spec: Invalid value: "": "spec" must not validate the schema (not)"#]);
    let all =
        "{type: object, properties: {a: {type: string}}, allOf: [{required: [a]}, {properties: {a: {minLength: 2}}}]}";
    check(
        all,
        "{a: x}",
        &[
            r#"spec.a: Invalid value: "x": spec.a in body should be at least 2 chars long"#,
            r#"spec: Invalid value: "": "spec" must validate all the schemas (allOf)"#,
        ],
    );
}

#[test]
fn what_did_not_change_is_not_judged_again() {
    let schema = schema(
        "{type: object, required: [need], properties: {a: {type: string, maxLength: 1}, b: {type: string}, need: {type: string}, o: {type: object, required: [p], properties: {p: {type: string}, q: {type: string}}}, s: {type: array, items: {type: string, maxLength: 1}}, m: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object, required: [k], properties: {k: {type: string}, v: {type: string, maxLength: 1}}}}}}",
    );
    let check = |old: &str, new: &str, expect: &[&str]| {
        let errors: Vec<String> =
            validate_update(&widget(new), &widget(old), &schema).iter().map(ToString::to_string).collect();
        assert_eq!(errors, expect, "{old} -> {new}");
    };
    check("{need: x, a: long}", "{need: x, a: long, b: new}", &[]);
    check("{need: x, a: long}", "{need: x, a: longer}", &["spec.a: Too long: may not be more than 1 byte"]);
    check("{a: x}", "{a: z}", &["spec.need: Required value"]);
    check("{need: x, o: {q: a}}", "{need: z, o: {q: a}}", &[]);
    check("{need: x, o: {q: a}}", "{need: x, o: {q: b}}", &["spec.o.p: Required value"]);
    check("{need: x, s: [long]}", "{need: x, s: [long, a]}", &["spec.s[0]: Too long: may not be more than 1 byte"]);
    check(
        "{need: x, m: [{k: a, v: long}, {k: b, v: long}]}",
        "{need: x, m: [{k: b, v: worse}, {k: a, v: long}]}",
        &["spec.m[0].v: Too long: may not be more than 1 byte"],
    );
}

#[test]
fn names_may_be_narrowed() {
    let mut crd = crd_with("type: object");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["metadata"] =
        yaml("{type: object, properties: {name: {type: string, maxLength: 3}}}");
    let schema = parsed(&crd).versions[0].schema.clone();
    let mut object = widget("{}");
    assert!(validate(&object, &schema).is_empty());
    object["metadata"]["name"] = json!("long");
    assert_eq!(validate(&object, &schema).len(), 1);
}

#[test]
fn embedded_objects_say_what_they_are() {
    let embedded = "{type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}";
    check(embedded, "{metadata: {}}", &["spec.apiVersion: Required value", "spec.kind: Required value"]);
}

#[test]
fn errors_are_capped_and_depth_is_bounded() {
    let schema = schema("{type: object, properties: {l: {type: array, items: {type: integer}}}}");
    let mut object = widget("{}");
    object["spec"]["l"] = Value::Array(vec![json!("x"); 10_000]);
    assert_eq!(validate(&object, &schema).len(), ERRORS_MAX);
    let mut deep = json!(1);
    for _ in 0..300 {
        deep = json!({"a": deep});
    }
    object["spec"] = deep;
    prune(&mut object, &schema);
    default(&mut object, &schema);
    validate(&object, &schema);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    /// Pruning is idempotent and leaves nothing unknown; neither it nor validation panics on any value.
    #[test]
    fn any_value_is_handled(text in "[\\[\\]{}:,\"a-d0-9 ]{0,60}") {
        let schema = schema("{type: object, properties: {a: {type: object, properties: {b: {type: array, items: {type: object, properties: {c: {type: string}}}}}}, d: {x-kubernetes-preserve-unknown-fields: true}}}");
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let mut object = widget("{}");
            object["spec"] = value;
            prune(&mut object, &schema);
            proptest::prop_assert!(unknown_fields(&object, &schema).is_empty());
            default(&mut object, &schema);
            validate(&object, &schema);
        }
    }
}

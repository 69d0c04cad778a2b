use serde_json::json;

use super::*;

const APPLICATIONS: &str = "applications.apps.kurator.dev";
const DECISIONS: &str = "decisions.delivery.kurator.dev";

/// The paths of what an edit of a CRD breaks.
fn check(name: &str, edit: impl FnOnce(&mut Value), expect: &[&str]) {
    let wanted = definition(name).unwrap();
    let mut changed = wanted.clone();
    edit(&mut changed);
    let errors = breaks(&changed, &wanted);
    assert_eq!(errors.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), expect, "{errors:?}");
}

fn schema<'a>(crd: &'a mut Value, path: &str) -> &'a mut Value {
    let root = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").unwrap();
    path.split('.').filter(|name| !name.is_empty()).fold(root, |at, name| &mut at["properties"][name])
}

#[test]
fn what_the_hub_reads_and_writes_stays() {
    check(APPLICATIONS, |_| {}, &[]);
    check(APPLICATIONS, |crd| crd["spec"]["scope"] = json!("Cluster"), &["spec.scope"]);
    check(APPLICATIONS, |crd| crd["spec"]["versions"][0]["served"] = json!(false), &["spec.versions[0].served"]);
    check(
        APPLICATIONS,
        |crd| {
            let mut newer = crd["spec"]["versions"][0].clone();
            newer["name"] = json!("v2");
            crd["spec"]["versions"] = json!([newer]);
        },
        &["spec.versions"],
    );
    check(
        APPLICATIONS,
        |crd| {
            let mut newer = crd["spec"]["versions"][0].clone();
            newer["name"] = json!("v2");
            newer["storage"] = json!(false);
            crd["spec"]["versions"].as_array_mut().unwrap().insert(0, newer);
        },
        &[],
    );
}

#[test]
fn people_narrow_what_they_write_and_not_what_the_hub_writes() {
    let at = |field: &str| format!("spec.versions[0].schema.openAPIV3Schema.properties.{field}");
    check(APPLICATIONS, |crd| schema(crd, "spec.source")["required"] = json!(["gitRepository"]), &[]);
    check(APPLICATIONS, |crd| schema(crd, "status")["required"] = json!(["x"]), &[&at("status.required")]);
    check(
        APPLICATIONS,
        |crd| schema(crd, "status.lastHandledSync")["pattern"] = json!("^a$"),
        &[&at("status.properties.lastHandledSync.pattern")],
    );
    check(
        APPLICATIONS,
        |crd| schema(crd, "status.conditions")["items"]["properties"]["reason"]["enum"] = json!(["Fine"]),
        &[&at("status.properties.conditions.items.properties.reason.enum")],
    );
    // The root is written by both.
    let root = "spec.versions[0].schema.openAPIV3Schema";
    check(APPLICATIONS, |crd| schema(crd, "")["required"] = json!(["spec"]), &[]);
    check(APPLICATIONS, |crd| schema(crd, "")["required"] = json!(["status"]), &[&format!("{root}.required")]);
    check(APPLICATIONS, |crd| schema(crd, "")["maxProperties"] = json!(2), &[&format!("{root}.maxProperties")]);
    check(DECISIONS, |crd| schema(crd, "")["not"] = json!({"required": ["spec"]}), &[&format!("{root}.not")]);
    // Published CRDs lack what the hub adds; that is filled in elsewhere.
    check(APPLICATIONS, |crd| *schema(crd, "status") = json!({"type": "object"}), &[]);
    check(DECISIONS, |crd| schema(crd, "spec")["maxProperties"] = json!(1), &[&at("spec.maxProperties")]);
}

#[test]
fn what_the_hub_would_put_back_is_refused_and_published_definitions_are_not() {
    let at = |field: &str| format!("spec.versions[0].schema.openAPIV3Schema.properties.spec.{field}");
    let edits: [(&str, Value, &str); 2] =
        [("type", json!("string"), "properties.source.type"), ("type", json!("array"), "properties.destination.type")];
    for (rule, value, path) in edits {
        let field = path.split('.').nth(1).unwrap();
        check(APPLICATIONS, |crd| schema(crd, &format!("spec.{field}"))[rule] = value, &[&at(path)]);
    }
    check(APPLICATIONS, |crd| schema(crd, "spec.source")["description"] = json!("mine"), &[]);
    check(APPLICATIONS, |crd| schema(crd, "spec.source")["maxProperties"] = json!(9), &[]);
    check(APPLICATIONS, |crd| drop(schema(crd, "spec").as_object_mut().unwrap().remove("required")), &[]);

    // As Kurator and Karmada publish them.
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/crds");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut count = 0;
    for file in files.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let published: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let wanted = definition(object::name(&published).unwrap()).unwrap();
        let errors = breaks(&published, &wanted);
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
        count += 1;
    }
    assert_eq!(count, 3);
}

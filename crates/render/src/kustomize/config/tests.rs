use serde_json::json;

use super::*;

fn parsed(yaml: serde_json::Value) -> Config {
    Config::parse("names.yaml", yaml).unwrap()
}

fn merged(files: &[serde_json::Value]) -> Result<Config, String> {
    let mut all = Config::default();
    for file in files {
        all.merge(parsed(file.clone()), &Budget::default()).unwrap()?;
    }
    Ok(all)
}

#[test]
fn files_add_to_what_is_known_and_to_each_other() {
    let names = json!({"nameReference": [{"kind": "Service", "version": "v1", "fieldSpecs": [
        {"kind": "ConfigMap", "path": "data/host"},
        {"kind": "Ingress", "path": "spec/backend/serviceName"},
    ]}]});
    let all = merged(&[names.clone(), names]).unwrap();
    let added: Vec<&Spec> = all.references.iter().flat_map(|r| &r.referrers).collect();
    assert_eq!(
        added,
        [&Spec::new("", "ConfigMap", "data/host", false)],
        "the other one is known, and both are there once"
    );

    let images = json!({"images": [{"path": "spec/image", "kind": "Tool"}]});
    let all = merged(&[images]).unwrap();
    assert_eq!(all.specs(Table::Images).last().map(|spec| spec.path.as_str()), Some("spec/image"));
    assert_eq!(all.specs(Table::Replicas).count(), 4);
}

#[test]
fn files_that_disagree_are_refused() {
    let replicas =
        |create: bool| json!({"replicas": [{"path": "spec/replicas", "kind": "Deployment", "create": create}]});
    assert_eq!(merged(&[replicas(true)]).map(|all| all.all().count()), Ok(0));
    let error = merged(&[replicas(false)]).unwrap_err();
    assert!(error.contains("create: true, and here it has create: false"), "{error}");
}

#[test]
fn errors_name_the_field() {
    let error = |yaml| Config::parse("names.yaml", yaml).unwrap_err().to_string();
    assert!(error(json!({"images": [{"pth": "x"}]})).starts_with("names.yaml: images[0]: unknown field `pth`"));
    assert!(error(json!({"nothing": []})).contains("unknown field `nothing`"));
    assert!(error(json!({"images": [{"kind": "x"}]})).contains("path: it is missing"));
}

#[test]
fn extensions_of_definitions_are_field_specifications() {
    let yaml = json!({
        "github.com/example/v1.Bee": {"Schema": {"properties": {
            "apiVersion": {}, "kind": {}, "metadata": {"$ref": "meta"}, "spec": {"$ref": "github.com/example/v1.BeeSpec"},
        }}},
        "github.com/example/v1.BeeSpec": {"Schema": {"properties": {
            "key": {"x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "Secret",
                "x-kubernetes-object-ref-name-key": "secret"},
            "selector": {"x-kubernetes-label-selector": ""},
        }}},
    });
    let config = from_crds("crd.yaml", &yaml, &Budget::default()).unwrap();
    assert_eq!(config.references[0].target, GroupVersionKind::new("", "v1", "Secret"));
    assert_eq!(config.references[0].referrers, [Spec::new("", "Bee", "spec/key/secret", false)]);
    assert_eq!(config.tables[Table::CommonLabels as usize], [Spec::new("", "Bee", "spec/selector", false)]);
    let circle =
        json!({"a": {"Schema": {"properties": {"apiVersion": {}, "kind": {}, "metadata": {}, "x": {"$ref": "a"}}}}});
    let error = from_crds("crd.yaml", &circle, &Budget::default()).unwrap_err().to_string();
    assert!(error.contains("more than 32 deep"), "{error}");
}

/// A kind whose definition has these properties beside those that make it one.
fn kind(name: &str, more: &serde_json::Value) -> (String, serde_json::Value) {
    let mut properties = json!({"apiVersion": {}, "kind": {}, "metadata": {}});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (name.to_owned(), json!({"Schema": {"properties": properties}}))
}

#[test]
fn a_small_file_of_definitions_does_not_become_a_large_table() {
    let annotated: serde_json::Value =
        (0..30_000).map(|n| (format!("p{n}"), json!({"x-kubernetes-annotation": ""}))).collect();
    // The name of the kind is in each of 30,000 fields. The longest one that is read is there 2,048 bytes long.
    let read = |length: usize| {
        let yaml = [kind(&"k".repeat(length), &annotated)].into_iter().collect();
        from_crds("crd.yaml", &yaml, &Budget::default()).map(|config| config.all().count())
    };
    assert_eq!(read(10), Ok(30_000));
    let limit = 128 << 20;
    let refused = from_crds(
        "crd.yaml",
        &(0..3).map(|n| kind(&format!("{n}{}", "k".repeat(2047)), &annotated)).collect(),
        &Budget::default(),
    );
    assert_eq!(refused.map(|config| config.all().count()), Err(RenderError::TooLarge { limit }));
    let error = read(2049).unwrap_err().to_string();
    assert!(error.ends_with("its kind has 2049 bytes, and 2048 are the most"), "{error}");

    // Each definition has two fields of the next one: a million paths.
    let two = |n: usize| {
        let field = json!({"$ref": format!("d{}", n + 1), "x-kubernetes-annotation": ""});
        (format!("d{n}"), json!({"Schema": {"properties": {"a": field, "b": field}}}))
    };
    let all = |levels: usize| {
        let root = kind("Root", &json!({"a": {"$ref": "d0"}}));
        let yaml = (0..levels).map(two).chain([root]).collect();
        from_crds("crd.yaml", &yaml, &Budget::default()).map(|config| config.all().count())
    };
    assert_eq!(all(5), Ok(2 + 4 + 8 + 16 + 32));
    assert_eq!(all(20), Err(RenderError::TooLarge { limit }));
}

#[test]
fn long_kinds_of_a_file_are_work_and_have_an_end() {
    let file = |length: usize| json!({"images": [{"path": "a", "kind": "k".repeat(length)}]});
    let error = Config::parse("names.yaml", file(2049)).unwrap_err().to_string();
    assert!(error.starts_with("names.yaml: kind: a group, version and kind have 2049 bytes"), "{error}");
    let work = |length: usize| {
        let budget = Budget::default();
        let before = budget.work_left();
        Config::default().merge(parsed(file(length)), &budget).unwrap().unwrap();
        before - budget.work_left()
    };
    let compared = 304 * (2048 - 64);
    assert!(work(2048) - work(1) > compared, "{} {}", work(2048), work(1));
}

#[test]
fn what_is_known_has_no_field_twice() {
    for specs in &BUILTIN.tables {
        for (at, spec) in specs.iter().enumerate() {
            assert!(!specs[..at].contains(spec), "{spec:?}");
            assert!(field::refusal(&spec.path).is_none(), "{spec:?}");
        }
    }
    assert_eq!(BUILTIN.all().count(), 304, "kustomize 5.8 has as many, and one of them twice");
}

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

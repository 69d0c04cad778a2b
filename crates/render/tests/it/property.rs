//! What holds for every tree.

use proptest::prelude::*;
use serde_json::Value;

use crate::archive::{render, render_with};

fn app(data: &[(String, String)], prefix: &str) -> String {
    let literals: Vec<String> = data.iter().map(|(k, v)| serde_json::to_string(&format!("{k}={v}")).unwrap()).collect();
    format!(
        "-- app/kustomization.yaml --\nnamePrefix: {prefix}\nresources: [../base]\n-- base/kustomization.yaml --\n\
         resources: [pod.yaml]\nconfigMapGenerator: [{{name: conf, literals: [{}]}}]\n-- base/pod.yaml --\n\
         apiVersion: v1\nkind: Pod\nmetadata: {{name: pod}}\nspec:\n  volumes: [{{name: v, configMap: {{name: conf}}}}]\n",
        literals.join(", ")
    )
}

fn made(data: &[(String, String)], prefix: &str) -> (String, String) {
    let rendered = render(&app(data, prefix), "app").unwrap();
    let find = |kind: &str| rendered.objects.iter().find(|o| o.value["kind"] == kind).unwrap().value.clone();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let name = text(&find("ConfigMap")["metadata"]["name"]);
    (name, text(&find("Pod")["spec"]["volumes"][0]["configMap"]["name"]))
}

/// One object of each kind in which a step of the kustomization below changes or reads a field.
const EVERYTHING: &str = r#"
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, labels: {a: b}, annotations: {a: b}}, spec: {replicas: 1, selector:
 {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: nginx, env: [{name: e,
 valueFrom: {configMapKeyRef: {name: conf}}}]}], topologySpreadConstraints: [{labelSelector: {matchLabels: {a: b}}}]}}}}
---
{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.x}, spec: {service: {name: s, namespace: n}}}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: c.x}, spec: {group: x, scope: Cluster, names:
 {kind: C}, conversion: {webhook: {clientConfig: {service: {name: s, namespace: n}}}}}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: r}, roleRef: {kind: Role, name: q}, subjects:
 [{kind: ServiceAccount, name: default, namespace: n}]}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: other, labels: {a: b}}, data: {a: b}, binaryData: {c: ZA==}}
---
{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {selector: {a: b}}}
"#;

/// Every step, those that patch last.
const STEPS: &str = "
namespace: x
namePrefix: p-
commonLabels: {k: v}
labels: [{pairs: {l: v}, includeSelectors: true, includeTemplates: true, fields: [{path: spec/a/b, create: true}]}]
commonAnnotations: {k: v}
images: [{name: nginx, newTag: '2'}]
replicas: [{name: d, count: 2}]
resources: [a.yaml]
configMapGenerator: [{name: conf, literals: [a=b]}, {name: m, behavior: merge, namespace: other, literals: [b=c]}]
patches:
- target: {kind: .*}
  patch: '[{op: add, path: /metadata/annotations, value: {x: y}}]'
- target: {kind: .*, labelSelector: '!nothing'}
  patch: 'PATCH'
configurations: [fields.yaml]
vars: [{name: V, objref: {kind: Service, name: s, apiVersion: v1}}]
replacements:
- source: {kind: Service, name: s, fieldPath: metadata.name, options: {delimiter: s, index: 0}}
  targets:
  - {select: {kind: ConfigMap}, fieldPaths: [data.c, 'data.list.[name=x].y', data.places.0], options: {create: true}}
  - {select: {kind: ConfigMap}, fieldPaths: [data.a], options: {delimiter: b, index: 1}}
transformers:
- |-
  {apiVersion: builtin, kind: ValueAddTransformer, metadata: {name: t}, value: v, targets: [{fieldPath: metadata/annotations/v}]}
";

/// More fields that the steps change.
const FIELDS: &str = "
nameReference: [{kind: ConfigMap, fieldSpecs: [{path: metadata/annotations}, {path: data}, {path: spec/a}]}]
varReference: [{path: data}, {path: spec}]
images: [{path: data/a}, {path: 'spec[]/b'}]
replicas: [{path: spec/size, create: true}]
";

/// Puts `other` into each place of a value, one place at a time.
fn with_each_place(value: &Value, other: &Value, seen: &mut dyn FnMut(Value)) {
    seen(other.clone());
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                with_each_place(inner, other, &mut |changed| {
                    let mut map = map.clone();
                    map.insert(name.clone(), changed);
                    seen(Value::Object(map));
                });
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                with_each_place(inner, other, &mut |changed| {
                    let mut items = items.clone();
                    items[at] = changed;
                    seen(Value::Array(items));
                });
            }
        }
        _ => {}
    }
}

/// Each field of an object, and each field that a patch makes, may be of any type: that is an error or an object, never
/// a panic.
#[test]
fn a_value_of_another_type_is_no_panic_anywhere() {
    let others = ["null", "1", "\"text\"", "[]", "{}", "[\"text\"]"].map(|text| text.parse::<Value>().unwrap());
    let objects = model::yaml::manifests(EVERYTHING).unwrap();
    let inputs = serde_json::json!({"path": "app", "targetNamespace": "prod",
        "commonMetadata": {"labels": {"team": "shop"}, "annotations": {"note": "n"}}});
    let inputs: api::kurator::apps::v1alpha1::KustomizeInputs = serde_json::from_value(inputs).unwrap();
    let run = |object: &Value, patch: &Value| {
        let steps = STEPS.replace("PATCH", &patch.to_string().replace('\'', "''"));
        let mut files =
            format!("-- app/kustomization.yaml --\n{steps}\n-- app/fields.yaml --\n{FIELDS}\n-- app/a.yaml --\n");
        for other in &objects {
            let one = if other["kind"] == object["kind"] { object } else { other };
            files += &format!("---\n{one}\n");
        }
        render_with(&files, inputs.clone())
    };
    assert_eq!(run(&objects[0], &serde_json::json!({})).map(|rendered| rendered.objects.len()), Ok(7));
    for other in others {
        for object in &objects {
            // The kind stays, so that the steps for it run.
            with_each_place(object, &other, &mut |mut changed| {
                if let Some(map) = changed.as_object_mut() {
                    map.insert("kind".into(), object["kind"].clone());
                    let _ = run(&changed, &serde_json::json!({}));
                }
            });
        }
        let patch = serde_json::json!({"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"a": {"b": 1}}, "data": {"a": "b"}});
        with_each_place(&patch, &other, &mut |patch| drop(run(&objects[0], &patch)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A reference names what it named before, whatever the prefix and the content; other content has another name; the
    /// order of the data does not matter.
    #[test]
    fn references_follow_and_names_follow_content(
        data in proptest::collection::btree_map("[a-z]{1,6}", "[ -&(-~]{0,20}", 1..5),
        prefix in "[a-z]{0,3}",
    ) {
        let mut data: Vec<(String, String)> = data.into_iter().collect();
        let (name, reference) = made(&data, &format!("{prefix}p-"));
        prop_assert_eq!(&name, &reference);
        let start = format!("{prefix}p-conf-");
        prop_assert!(name.starts_with(&start));
        data.reverse();
        prop_assert_eq!(&made(&data, &format!("{prefix}p-")).0, &name);
        data[0].1.push('x');
        prop_assert_ne!(&made(&data, &format!("{prefix}p-")).0, &name);
    }

    /// Any bytes are an answer, not a panic.
    #[test]
    fn nothing_panics(text in "[ -~\n]{0,300}") {
        let _ = render(&format!("-- app/kustomization.yaml --\n{text}\n-- app/a.yaml --\n{text}\n"), "app");
        let _ = render(&format!("-- app/a.yaml --\n{text}\n"), "app");
    }
}

/// A replacement into the text of a field changes what it names, and the text still reads as YAML with everything else in it.
#[test]
fn a_replacement_inside_a_text_leaves_the_rest_of_it() {
    for (before, after) in [
        ("\n  host: old\n  port: 1\n", "  host: new\n  port: 1"),
        (" \n# why\nhost: old\n\n", "# why\nhost: new"),
        ("host: old\nkey: |\n  a\n", "host: new\nkey: |\n  a\n"),
        ("  host: old\n  key: |+\n    a\n\n", "  host: new\n  key: |+\n    a\n\n"),
    ] {
        let text = serde_json::to_string(before).unwrap();
        let rendered = render(
            &format!(
                "-- app/kustomization.yaml --\nresources: [a.yaml]\nreplacements:\n- source: {{name: m, fieldPath: data.v}}\n  \
                 targets: [{{select: {{name: m}}, fieldPaths: [data.text.host]}}]\n-- app/a.yaml --\n\
                 {{apiVersion: v1, kind: ConfigMap, metadata: {{name: m}}, data: {{v: new, text: {text}}}}}\n"
            ),
            "app",
        );
        assert_eq!(rendered.unwrap().objects[0].value["data"]["text"], after, "{before:?}");
    }
}

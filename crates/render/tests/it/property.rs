//! What holds for every tree.

use proptest::prelude::*;
use serde_json::Value;

use crate::archive::render;

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

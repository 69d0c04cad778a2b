//! What is wrong is said with file, field and what to do.

use render::RenderError;

use crate::archive::render;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n";

#[test]
fn errors_name_the_file_and_the_field() {
    let kustomization = |text: &str| format!("-- app/kustomization.yaml --\n{text}\n-- app/pod.yaml --\n{POD}");
    for (files, expect) in [
        (
            format!("-- app/a.yaml --\n{POD}---\nfoo: bar\n"),
            "app/a.yaml document 2: not a Kubernetes object: apiVersion or kind is missing",
        ),
        (
            format!("-- app/a.yaml --\n{POD}---\n- 1\n"),
            "app/a.yaml document 2: not a Kubernetes object: it is not a mapping",
        ),
        ("-- app/a.yaml --\nkind: Pod\napiVersion: v1\n".into(), "metadata.name is missing"),
        ("-- app/a.yaml --\na: [\n".into(), "app/a.yaml: not valid YAML"),
        (
            format!("-- app/a.yaml --\n{POD}-- app/b/c.yml --\n{POD}"),
            "Pod p is defined twice: app/a.yaml document 1 and app/b/c.yml document 1",
        ),
        (kustomization("resources: [pod.yaml, pod.yaml]"), "Pod p is defined twice"),
        (kustomization("resources: [none.yaml]"), "app/kustomization.yaml: resources[0]: app/none.yaml: no such file"),
        (
            kustomization("resources: [../../etc]"),
            "app/kustomization.yaml: resources[0]: ../../etc leaves the source tree",
        ),
        (
            kustomization("resources: [\"https://me:secret@example.com/x.yaml\"]"),
            "\"https://example.com/x.yaml\" is remote",
        ),
        (
            kustomization("resources: [github.com/a/b//c?ref=v1]"),
            "is remote; only files of the same source are rendered",
        ),
        (kustomization("resorces: [pod.yaml]"), "app/kustomization.yaml: resorces: no such field"),
        (kustomization("resources: pod.yaml"), "app/kustomization.yaml: resources: invalid type"),
        (kustomization("images:\n- name: a\n- nme: b"), "app/kustomization.yaml: images[1]: unknown field `nme`"),
        (kustomization("commonLabels: {a: 1}"), "it must be a string: put it in quotes"),
        (
            kustomization("replacements: [{source: {}}]\nhelmCharts: [{name: x}]"),
            "app/kustomization.yaml: replacements, app/kustomization.yaml: helmCharts: not supported yet",
        ),
        (
            kustomization("kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1"),
            "a Component cannot be rendered alone",
        ),
        (kustomization("kind: Kustomization\napiVersion: kustomize.toolkit.fluxcd.io/v1"), "this is a Flux object"),
        (kustomization("resources: [../app]"), "kustomizations include each other: app -> app"),
        (kustomization("components: [pod.yaml]"), "components[0]: app/pod.yaml is a file"),
        (
            kustomization("resources: [pod.yaml]\npatches: [{path: pod.yaml, patch: x}]"),
            "patches[0]: give either path or patch",
        ),
        (
            kustomization("patches:\n- patch: |\n    kind: Pod\n    apiVersion: v1\n    metadata: {name: none}"),
            "patches[0]: Pod none matches no object",
        ),
        (
            kustomization(
                "resources: [pod.yaml]\npatches:\n- target: {kind: Pod}\n  patch: '[{op: remove, path: /spec}]'",
            ),
            "patches[0]: the patch does not apply to Pod p",
        ),
        (
            kustomization("patches:\n- target: {kind: \"(\"}\n  patch: '[]'"),
            "patches[0].target.kind: \"(\" is not a regular expression",
        ),
        (
            kustomization("patches:\n- target: {kind: None}\n  patch: '[topsecret]'"),
            "patches[0]: not a JSON patch: operation 0: invalid type: string …",
        ),
        (
            kustomization("patches:\n- patch: '[{op: remove, path: /spec}]'"),
            "patches[0].target: a JSON 6902 patch needs a target",
        ),
        (
            kustomization("resources: [pod.yaml]\npatches: [{target: {kind: Pod}, patch: 'metadata: hello'}]"),
            "patches[0]: the patch does not apply to Pod p: metadata is not a mapping",
        ),
        (
            kustomization("resources: [pod.yaml]\npatches: [{target: {kind: Pod}, patch: 'metadata: [hello]'}]"),
            "patches[0]: the patch does not apply to Pod p: metadata is not a mapping",
        ),
        (
            (
                "-- app/kustomization.yaml --\nnamespace: x\nresources: [a.yaml]\n-- app/a.yaml --\n\
                 apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.x}\nspec: {service: abc}\n"
            ).to_owned(),
            "app/a.yaml document 1: spec.service: it is not a mapping",
        ),
        (kustomization("replicas: [{name: web, count: 1}]"), "replicas[0]: name \"web\" of a Deployment"),
        (kustomization("configMapGenerator: [{literals: [a=b]}]"), "configMapGenerator[0].name: it is missing"),
        (
            kustomization("configMapGenerator: [{name: c, behavior: merge}]"),
            "configMapGenerator[0].behavior: ConfigMap c matches no object",
        ),
        (
            kustomization("configMapGenerator: [{name: c, literals: [a=b, a=c]}]"),
            "literals[1]: the key \"a\" is there twice",
        ),
        (
            kustomization("secretGenerator: [{name: c, literals: [topsecret]}]"),
            "secretGenerator[0].literals[0]: KEY=VALUE is expected",
        ),
        (
            kustomization("secretGenerator: [{name: c, literals: a=topsecret}]"),
            "secretGenerator[0]: invalid type: string …, expected a sequence",
        ),
        (
            format!("-- app/a.yaml --\nkind: Secret\nstringData:\n  a: topsecret\n  a: x\n{POD}"),
            "app/a.yaml: not valid YAML: line 4 column 3: duplicate mapping key",
        ),
        (kustomization("secretGenerator: [{name: c, envs: [pod.yaml]}]"), "app/pod.yaml line 1: KEY=VALUE is expected"),
        (
            kustomization("namespace: x") + "-- app/kustomization.yml --\nnamespace: y\n",
            "more than one kustomization file",
        ),
        (kustomization(""), "the kustomization file is empty"),
    ] {
        let error = render(&files, "app").unwrap_err().to_string();
        assert!(error.contains(expect), "{error}\n  expected {expect}");
        assert!(!error.contains("secret@") && !error.contains("topsecret"), "{error}");
    }
    let error = render("", "nowhere").unwrap_err();
    assert!(matches!(error, RenderError::NoDirectory(_)));
    assert!(error.to_string().starts_with("spec.path: nowhere: no such file or directory"), "{error}");
    assert!(matches!(render("", "../x"), Err(RenderError::Tree { .. })));
}

#[test]
fn namespaces_that_make_two_objects_one_are_an_error() {
    let files = format!(
        "-- app/kustomization.yaml --\nnamespace: one\nresources: [a.yaml, b.yaml]\n-- app/a.yaml --\n{POD}-- app/b.yaml --\n\
         apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: two}}\n"
    );
    let error = render(&files, "app").unwrap_err().to_string();
    assert_eq!(
        error,
        "Pod one/p is defined twice: app/a.yaml document 1 and app/b.yaml document 1; remove one or rename it"
    );
}

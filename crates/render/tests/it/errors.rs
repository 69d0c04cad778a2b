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
            "app/kustomization.yaml: resources[0]: \"https://example.com/x.yaml\" cannot be used: a password in it",
        ),
        (
            kustomization("components: [\"file:///etc\"]"),
            "components[0]: \"file:///etc\" cannot be used: file:// would read the hub's own disk",
        ),
        (
            kustomization("resources: [\"oci://example.com/x\"]"),
            "resources[0]: \"oci://example.com/x\" cannot be used: its scheme is not understood",
        ),
        (
            kustomization("resources: [\"gitlab.example.com/org/repo//x?ref=v1&private_token=glpat\"]"),
            "resources[0]: \"gitlab.example.com/org/repo//x?ref=v1\" cannot be used: there is no such file or directory; \
             begin it with https:// if it is on another machine, or correct the path",
        ),
        (
            kustomization("components: [\"me:secret@example.com//x\"]"),
            "components[0]: \"example.com//x\" cannot be used: there is no such file",
        ),
        (
            kustomization("patches: [{path: \"https://example.com/x.yaml\"}]"),
            "patches[0].path: \"https://example.com/x.yaml\" is remote, and only resources and components may be",
        ),
        (kustomization("resorces: [pod.yaml]"), "app/kustomization.yaml: resorces: no such field"),
        (kustomization("resources: pod.yaml"), "app/kustomization.yaml: resources: invalid type"),
        (kustomization("images:\n- name: a\n- nme: b"), "app/kustomization.yaml: images[1]: unknown field `nme`"),
        (kustomization("commonLabels: {a: 1}"), "it must be a string: put it in quotes"),
        (
            kustomization("helmGlobals: {chartHome: x}\nhelmCharts: [{name: x}]"),
            "app/kustomization.yaml: helmCharts, app/kustomization.yaml: helmGlobals: not supported yet",
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
    assert!(error.to_string().starts_with("kustomization.path: nowhere: no such file or directory"), "{error}");
    assert!(matches!(render("", "../x"), Err(RenderError::Tree { .. })));
}

#[test]
fn errors_of_what_files_bring_with_them_name_the_file_and_the_field() {
    let tree =
        |fields: &str, more: &str| format!("-- app/kustomization.yaml --\n{fields}\n-- app/pod.yaml --\n{POD}{more}");
    let replacement = |text: &str| tree(&format!("resources: [pod.yaml]\nreplacements:\n- {text}"), "");
    for (files, expect) in [
        (
            "-- app/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: 123}\n".to_owned(),
            "app/a.yaml document 1: metadata.name: it must be text: put 123 in quotes",
        ),
        (
            "-- app/a.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: ENC}\nsops: {mac: ENC, version: 3.9.0}\n".into(),
            "app/a.yaml document 1 is encrypted with SOPS, which is not decrypted here",
        ),
        (
            format!("-- app/a.yaml --\n{POD}-- app/extra/kustomization.yaml --\nkind: Component\nnamePrefix: x-\n"),
            "app/extra/kustomization.yaml: app/extra is a Component, which changes the objects of a kustomization; add a \
             kustomization.yaml to \"app\" that lists it in components",
        ),
        (replacement("{source: {kind: Pod}}"), "app/kustomization.yaml: replacements[0].targets: it is missing"),
        (replacement("{targets: []}"), "replacements[0].source: it is missing"),
        (
            replacement("{source: {kind: Service, name: s}, targets: []}"),
            "replacements[0].source: source {kind=Service, name=s} matches no object",
        ),
        (
            replacement("{source: {kind: Pod, fieldPath: spec.x}, targets: []}"),
            "replacements[0].source.fieldPath: Pod p has no spec.x, or it is empty",
        ),
        (
            replacement("{source: {kind: Pod}, targets: [{select: {kind: Pod}, fieldPaths: [metadata.none]}]}"),
            "replacements[0].targets[0].fieldPaths[0]: Pod p metadata.none: it is not there; with options.create it is added",
        ),
        (
            replacement("{source: {kind: Pod}, targets: [{select: {kind: \"(\"}}]}"),
            "replacements[0].targets[0].select.kind: \"(\" is not a regular expression",
        ),
        (replacement("{source: {kind: Pod}, targets: [{fieldPaths: [a]}]}"), "replacements[0].targets[0].select: it is missing"),
        (
            tree("replacements: [{path: r.yaml}]", "-- app/r.yaml --\n- source: {kind: Pod}\n  tragets: []\n"),
            "app/r.yaml: [0].tragets: unknown field `tragets`",
        ),
        (
            tree("resources: [pod.yaml]\nvars: [{name: A, objref: {kind: Service, name: s, apiVersion: v1}}]", ""),
            "app/kustomization.yaml: vars[0].objref: \"v1 Service s\" matches no object",
        ),
        (
            tree("resources: [pod.yaml]\nvars: [{name: A, objref: {kind: Pod, name: p, apiVersion: v1}, fieldref: {fieldPath: a}}]", ""),
            "app/kustomization.yaml: vars[0].fieldref.fieldPath: Pod p: it has no a",
        ),
        (
            tree("configurations: [c.yaml]", "-- app/c.yaml --\nimages: [{pth: x}]\n"),
            "app/c.yaml: images[0]: unknown field `pth`",
        ),
        (
            tree("configurations: [\"https://me:secret@example.com/c.yaml\"]", ""),
            "app/kustomization.yaml: configurations[0]: \"https://example.com/c.yaml\" is remote, and only resources and components may be",
        ),
        (
            tree("configurations: [\"me:secret@example.com/o/c.yaml\"]", ""),
            "app/kustomization.yaml: configurations[0]: …@example.com/o/c.yaml: no such file",
        ),
        (
            tree("configMapGenerator: [{name: c, files: [\"a=ghp_secret@example.com/o/c.yaml?token=x\"]}]", ""),
            "configMapGenerator[0].files[0]: …@example.com/o/c.yaml?…: no such file",
        ),
        (
            tree("patches: [{path: \"../../../me:secret@example.com/c.yaml\"}]", ""),
            "patches[0].path: …@example.com/c.yaml leaves the source tree",
        ),
        (
            tree("secretGenerator: [{name: s, envs: [s.env]}]", "-- app/s.env --\nA=ENC[x]\nsops_mac=ENC[y]\n"),
            "secretGenerator[0].envs[0]: app/s.env is encrypted with SOPS",
        ),
        (tree("configurations: [c.yaml]", ""), "app/kustomization.yaml: configurations[0]: app/c.yaml: no such file"),
        (
            tree("transformers: [t.yaml]", "-- app/t.yaml --\napiVersion: team.example.com/v1\nkind: Sed\nmetadata: {name: s}\n"),
            "app/kustomization.yaml: transformers[0]: Sed of team.example.com/v1 (app/t.yaml document 1) is a plugin that runs a \
             program; only plugins with apiVersion: builtin run here: render before committing",
        ),
        (
            tree(
                "generators: [t.yaml]",
                "-- app/t.yaml --\napiVersion: x/v1\nkind: Fn\nmetadata: {name: s, annotations: {config.kubernetes.io/function: x}}\n",
            ),
            "generators[0]: Fn of x/v1 (app/t.yaml document 1) is a function that runs a program or a container",
        ),
        (
            tree("transformers: [t.yaml]", "-- app/t.yaml --\napiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: s}\nfieldSpecs: [{path: ''}]\n"),
            "app/t.yaml: fieldSpecs[0].path: it is missing",
        ),
        (
            tree("resources: [pod.yaml]\npatches:\n- target: {kind: Pod}\n  patch: |-\n    - {op: add, path: /metadata/labels/x, value: \"1\"}", ""),
            "patches[0]: the patch does not apply to Pod p: operation 0 (add /metadata/labels/x): there is no /metadata/labels; add it \
             first, as {op: add, path: /metadata/labels, value: {}}",
        ),
        (
            tree("resources: [pod.yaml]\nbuildMetadata: [origin]", ""),
            "buildMetadata: \"origin\" is none of originAnnotations, transformerAnnotations, managedByLabel",
        ),
        (
            tree("resources: [pod.yaml]\nopenapi: {path: o.json}", "-- app/o.json --\n{\"definitions\": []}\n"),
            "app/o.json: definitions: it is not a mapping",
        ),
    ] {
        let error = render(&files, "app").unwrap_err().to_string();
        assert!(error.contains(expect), "{error}\n  expected {expect}");
    }
}

#[test]
fn a_name_that_may_mean_two_objects_is_an_error() {
    let patch = |namespace: &str, name: &str| {
        format!(
            "- target: {{kind: ConfigMap, namespace: {namespace}}}\n  patch: '{{metadata: {{name: {name}}}}}'\n  options: {{allowNameChange: true}}\n"
        )
    };
    let conf = |namespace: &str| {
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c, namespace: {namespace}}}}}\n")
    };
    let files = format!(
        "-- app/kustomization.yaml --\nresources: [c.yaml, role.yaml]\npatches:\n{}{}-- app/c.yaml --\n{}---\n{}-- app/role.yaml --\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: r}}\nrules: [{{resourceNames: [c]}}]\n",
        patch("a", "x"),
        patch("b", "y"),
        conf("a"),
        conf("b")
    );
    let error = render(&files, "app").unwrap_err().to_string();
    let expect = "app/role.yaml: rules.resourceNames: ConfigMap \"c\" matches more than one object: app/c.yaml document 1 and \
                  app/c.yaml document 2";
    assert_eq!(error, expect);
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

#[test]
fn objects_that_a_step_destroys_are_refused() {
    let render = |target: &str, source: &str| {
        let fields = format!(
            "configMapGenerator: [{{name: made, literals: [a=b]}}]\nresources: [src.yaml]\n\
             replacements: [{{source: {{kind: Secret, fieldPath: {source}}}, targets: [{{select: {{kind: ConfigMap}}, fieldPaths: [{target}]}}]}}]"
        );
        let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: src}\nstringData: {a: x, empty: ''}\n";
        let files = format!("-- app/kustomization.yaml --\n{fields}\n-- app/src.yaml --\n{secret}");
        render(&files, "app").map(|rendered| rendered.objects.len()).map_err(|error| error.to_string())
    };
    assert_eq!(render("data.a", "stringData.a"), Ok(2));
    // The first one ended the process: the suffix of the content was to be put below a text.
    for (target, source, expect) in [
        ("metadata", "stringData.a", "removed its metadata, or"),
        ("kind", "stringData.empty", "removed its apiVersion or kind"),
        ("metadata.name", "stringData.empty", "removed its metadata.name"),
    ] {
        let error = render(target, source).unwrap_err();
        let place = "app/kustomization.yaml document 1: not a Kubernetes object: a step ";
        assert!(error.starts_with(place) && error.contains(expect), "{target}: {error}");
    }
}

#[test]
fn objects_that_a_variable_destroys_are_refused() {
    let files = "-- app/kustomization.yaml --\nresources: [a.yaml]\nconfigurations: [c.yaml]\n\
        vars: [{name: COUNT, objref: {apiVersion: v1, kind: ConfigMap, name: a}, fieldref: {fieldPath: data.n}}]\n\
        -- app/c.yaml --\nvarReference: [{kind: Pod, path: metadata/name}]\n\
        -- app/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {n: 1}\n---\n\
        apiVersion: v1\nkind: Pod\nmetadata: {name: $(COUNT)}\n";
    let error = render(files, "app").unwrap_err().to_string();
    assert!(error.starts_with("app/a.yaml document 2: not a Kubernetes object: "), "{error}");
}

#[test]
fn unknown_fields_of_a_value_add_transformer_are_refused() {
    let error = |fields: &str, targets: &str| {
        let files = format!(
            "-- app/kustomization.yaml --\nresources: [pod.yaml]\ntransformers: [t.yaml]\n-- app/pod.yaml --\n{POD}\
             -- app/t.yaml --\n{{apiVersion: builtin, kind: ValueAddTransformer, metadata: {{name: t}}, value: v, {fields}}}\n\
             -- app/targets.yaml --\n{targets}\n"
        );
        render(&files, "app").map(|rendered| rendered.objects.len()).map_err(|error| error.to_string())
    };
    let good = "targets: [{fieldPath: metadata/annotations/a}]";
    assert_eq!(error(good, ""), Ok(1));
    assert_eq!(error("targetFilePath: targets.yaml", good), Ok(1));
    for (fields, targets, expect) in [
        ("targets: [{fieldPath: a, pos: 1}]", "", "unknown field `pos`"),
        ("targets: [{fieldPath: a}], vale: x", "", "unknown field `vale`"),
        ("targetFilePath: targets.yaml", "target: []", "unknown field `target`"),
    ] {
        let error = error(fields, targets).unwrap_err();
        assert!(error.contains(expect), "{error}");
    }
}

#[test]
fn a_patch_that_selects_nothing_is_a_warning_but_in_a_component() {
    let patches = "patches:\n- target: {kind: Deploymnt}\n  patch: '[{op: remove, path: /spec}]'\n- target: {kind: Pod}\n  patch: 'metadata: {labels: {a: b}}'\n";
    let files = format!(
        "-- app/kustomization.yaml --\nresources: [pod.yaml]\ncomponents: [../part]\n{patches}-- app/pod.yaml --\n{POD}\
         -- part/kustomization.yaml --\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n{patches}"
    );
    let rendered = render(&files, "app").unwrap();
    assert_eq!(rendered.warnings, ["app/kustomization.yaml: patches[0]: target {kind=Deploymnt} selects no object"]);
}

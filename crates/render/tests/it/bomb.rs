//! Trees that are small and would become anything: they are refused, or cost what they are.

use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::tree::{Entry, FileTree};
use render::RenderError;

use crate::archive::{render, render_tree, tree};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, annotations: {a: xxxxxxxx}}\n";

fn plain(tree: &FileTree) -> Result<usize, RenderError> {
    let inputs = KustomizeInputs { path: Some("app".into()), ..KustomizeInputs::default() };
    render_tree(tree, &inputs).map(|rendered| rendered.objects.len())
}

#[test]
fn links_to_directories_are_not_entered() {
    let mut tree = tree(&format!("-- app/a.yaml --\n{MAP}"));
    // Itself, and 10 directories of 10 links each: 10^10 paths.
    tree.insert("app/self", Entry::Link(".".into()));
    for level in 0..10 {
        for link in 0..10 {
            tree.insert(format!("app/d{level}/l{link}"), Entry::Link(format!("../d{}", level + 1)));
        }
    }
    tree.insert_file("app/d10/readme.txt", *b"x");
    assert_eq!(plain(&tree), Ok(1));
    // A link to a manifest is one.
    tree.insert("app/b.yaml", Entry::Link("../other.yaml".into()));
    tree.insert_file("other.yaml", MAP.replace("name: m", "name: o").into_bytes());
    assert_eq!(plain(&tree), Ok(2));
}

#[test]
fn a_link_that_no_disk_could_hold_is_refused_by_name() {
    // It leads through itself: 40 times 5 MB were kept.
    let bomb = Entry::Link(format!("link.yaml{}", "/x".repeat(2_500_000)));
    let why = "app/link.yaml: the target of this symbolic link has 5000009 bytes; a path has at most 4096";
    let mut with_plain = tree("");
    with_plain.insert("app/link.yaml", bomb.clone());
    assert_eq!(plain(&with_plain).unwrap_err().to_string(), format!("app: {why}"));
    let mut named = tree("-- app/kustomization.yaml --\nresources: [link.yaml]\n");
    named.insert("app/link.yaml", bomb);
    let error = plain(&named).unwrap_err().to_string();
    assert_eq!(error, format!("app/kustomization.yaml: resources[0]: {why}"));
}

#[test]
fn a_path_that_no_disk_could_hold_is_refused() {
    for path in ["x/".repeat(2_049), "./".repeat(2_049)] {
        let error = render(&format!("-- app/kustomization.yaml --\nresources: [{path}]\n"), "app").unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("app/kustomization.yaml: resources[0]: ") && error.len() < 300, "{error}");
        assert!(error.ends_with("the path has 4098 bytes; a path has at most 4096"), "{error}");
    }
}

#[test]
fn bases_that_use_each_other_over_and_over_are_refused() {
    // 30 levels of two overlays, each of which uses both of the next level.
    let mut files = String::new();
    for level in 0..30 {
        for side in ["a", "b"] {
            let next = level + 1;
            let dir = format!("l{level}{side}");
            files += &format!("-- app/{dir}/kustomization.yaml --\nresources: [../l{next}a, ../l{next}b]\n");
        }
    }
    for side in ["a", "b"] {
        files += &format!("-- app/l30{side}/kustomization.yaml --\nkind: Kustomization\n");
    }
    files += "-- app/kustomization.yaml --\nresources: [l0a, l0b]\n";
    assert!(matches!(render(&files, "app"), Err(RenderError::TooManyLayers { .. })));
}

#[test]
fn a_patch_that_copies_itself_is_refused() {
    let copies: String = (0..40)
        .map(|n| format!("\n    - {{op: copy, from: /metadata/annotations, path: /metadata/annotations/b{n}}}"))
        .collect();
    let patch = format!("patches:\n- target: {{kind: ConfigMap}}\n  patch: |{copies}\n");
    let files = format!("-- app/kustomization.yaml --\nresources: [a.yaml]\n{patch}-- app/a.yaml --\n{MAP}");
    let error = render(&files, "app").unwrap_err().to_string();
    assert!(error.contains("the copies of this patch exceed"), "{error}");
    let one = files.replace(&copies, "\n    - {op: copy, from: /metadata/name, path: /metadata/annotations/b}");
    assert_eq!(render(&one, "app").unwrap().objects[0].value["metadata"]["annotations"]["b"], "m");
}

#[test]
fn many_patches_of_a_large_object_are_refused() {
    // 1 MB in a file that 5,000 patches of a few bytes change: 5 GB of work.
    let large =
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: {{a: {}}}\n", "x".repeat(1 << 20));
    let patch = "\n- {target: {kind: ConfigMap}, patch: '[{op: add, path: /data/b, value: c}]'}";
    let files = |patches: usize| {
        let patches = patch.repeat(patches);
        format!("-- app/kustomization.yaml --\nresources: [a.yaml]\npatches:{patches}\n-- app/a.yaml --\n{large}")
    };
    assert!(matches!(render(&files(5_000), "app"), Err(RenderError::TooMuchWork { .. })));
    assert_eq!(render(&files(10), "app").unwrap().objects[0].value["data"]["b"], "c");
}

#[test]
fn paths_that_would_nest_without_end_are_refused() {
    let files = |path: &str, create: bool| {
        let labels = format!("labels:\n- pairs: {{x: z}}\n  fields: [{{path: {path}, create: {create}}}]\n");
        format!("-- app/kustomization.yaml --\nresources: [a.yaml]\n{labels}-- app/a.yaml --\n{MAP}")
    };
    let deep = |parts: usize| vec!["a"; parts].join("/");
    for (path, expect) in [
        (deep(50_000), "app/kustomization.yaml: labels[0].fields[0].path: it has 4096 bytes or more"),
        (deep(121), "app/kustomization.yaml: labels[0].fields[0].path: it has 121 parts, and 120 are the most"),
        // Together with the map of labels and the object itself it is one too many.
        (deep(120), "app/a.yaml document 1: ConfigMap m: it nests deeper than 120 levels"),
    ] {
        assert_eq!(render(&files(&path, true), "app").unwrap_err().to_string(), expect);
    }
    let rendered = render(&files(&deep(119), true), "app").unwrap();
    assert_eq!(model::object::depth(&rendered.objects[0].value), 120);
    assert_eq!(render(&files(&deep(120), false), "app").unwrap().objects.len(), 1);
}

/// Renders something of which the time would grow with the square of its size.
fn in_time(files: &str) -> Result<usize, RenderError> {
    #[allow(clippy::disallowed_methods, reason = "this is about the time that it takes")]
    let start = std::time::Instant::now();
    let rendered = render(files, "app").map(|rendered| rendered.objects.len());
    // time: each of these took minutes in a debug build, and takes a few seconds on a busy machine.
    assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
    rendered
}

fn repeat(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

#[test]
fn what_is_looked_up_is_found_in_an_index() {
    const COUNT: usize = 4_000;
    let config_map =
        |n: usize| format!("---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c, namespace: n{n}}}}}\n");
    let generators = repeat(COUNT, |n| format!("- name: a{n}\n"));
    assert_eq!(in_time(&format!("-- app/kustomization.yaml --\nconfigMapGenerator:\n{generators}")), Ok(COUNT));

    let names = vec!["c"; COUNT].join(",");
    let role = |namespace: &str| {
        format!(
            "---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {{name: r, namespace: {namespace}}}, \
             rules: [{{resourceNames: [{names}]}}]}}\n"
        )
    };
    for namespace in ["zz", "n1"] {
        let files = "-- app/kustomization.yaml --\nnamePrefix: p-\nresources: [a.yaml]\n-- app/a.yaml --\n";
        let files = files.to_owned() + &repeat(COUNT, config_map) + &role(namespace);
        assert_eq!(in_time(&files), Ok(COUNT + 1));
        let role = render(&files, "app").unwrap().objects.pop().unwrap().value;
        // The names of another namespace are not meant.
        let expect = if namespace == "n1" { "p-c" } else { "c" };
        assert_eq!(role["rules"][0]["resourceNames"][COUNT - 1], expect);
    }

    let env = |prefix: &str| repeat(COUNT, |n| format!("{{name: {prefix}{n}}},"));
    let deployment = |env: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\nspec: {{template: {{spec: {{containers: \
             [{{name: c, env: [{env}]}}]}}}}}}\n"
        )
    };
    let (object, patch) = (deployment(&env("a")), deployment(&env("b")));
    let files = format!(
        "-- app/kustomization.yaml --\nresources: [a.yaml]\npatches: [{{path: p.yaml}}]\n-- app/a.yaml --\n{object}-- app/p.yaml --\n{patch}"
    );
    assert_eq!(in_time(&files), Ok(1));

    let finalizers = |prefix: &str| repeat(COUNT, |n| format!("{prefix}{n},"));
    let object = |list: String| format!("{{apiVersion: v1, kind: Pod, metadata: {{name: p, finalizers: [{list}]}}}}\n");
    let (object, patch) = (object(finalizers("a")), object(finalizers("b")));
    let files = format!(
        "-- app/kustomization.yaml --\nresources: [a.yaml]\npatches: [{{path: p.yaml}}]\n-- app/a.yaml --\n{object}-- app/p.yaml --\n{patch}"
    );
    assert_eq!(in_time(&files), Ok(1));

    let deleting = "patches: [{target: {kind: ConfigMap}, patch: '$patch: delete'}]";
    let files = format!("-- app/kustomization.yaml --\nresources: [a.yaml]\n{deleting}\n-- app/a.yaml --\n");
    assert_eq!(in_time(&(files + &repeat(COUNT, config_map))), Ok(0));

    let kinds = repeat(COUNT / 4, |n| {
        let kind = "apiextensions.k8s.io/v1, kind: CustomResourceDefinition";
        let spec = format!("{{scope: Cluster, group: g, names: {{kind: K{n}}}}}");
        format!(
            "---\n{{apiVersion: {kind}, metadata: {{name: k{n}}}, spec: {spec}}}\n---\n{{apiVersion: g/v1, kind: K{n}, metadata: {{name: a}}}}\n"
        )
    });
    let files = format!("-- app/kustomization.yaml --\nnamespace: ns\nresources: [a.yaml]\n-- app/a.yaml --\n{kinds}");
    assert_eq!(in_time(&files), Ok(COUNT / 2));
}

#[test]
fn what_a_file_makes_of_its_objects_has_a_bound() {
    let objects = repeat(200, |n| format!("---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: m{n}}}}}\n"));
    let long = "x".repeat(1_000_000);
    let generators = repeat(200, |n| format!("- name: a{n}\n"));
    for fields in [
        format!("commonAnnotations: {{a: {long}}}"),
        format!("commonLabels: {{a: {long}}}"),
        format!("generatorOptions: {{annotations: {{a: {long}}}}}\nconfigMapGenerator:\n{generators}"),
        format!("patches: [{{target: {{kind: ConfigMap}}, patch: 'data: {{a: {long}}}'}}]"),
        format!(
            "patches: [{{target: {{kind: ConfigMap}}, patch: '[{{op: add, path: /data, value: {{a: {long}}}}}]'}}]"
        ),
    ] {
        let files = |fields: &str| {
            format!("-- app/kustomization.yaml --\nresources: [a.yaml]\n{fields}\n-- app/a.yaml --\n{objects}")
        };
        let start: String = fields.chars().take(40).collect();
        assert!(matches!(render(&files(&fields), "app"), Err(RenderError::TooLarge { .. })), "{start}");
        assert!(render(&files(&fields.replace(&long, "short")), "app").is_ok(), "{start}");
    }
    // A name that becomes longer makes every reference to it longer.
    let references = vec!["c"; 70_000].join(",");
    let long = "x".repeat(2_000);
    let files = |name: &str| {
        format!(
            "-- app/kustomization.yaml --\nresources: [a.yaml]\npatches:\n- target: {{kind: Secret}}\n  patch: 'metadata: {{name: {name}}}'\n  \
             options: {{allowNameChange: true}}\n-- app/a.yaml --\n{{apiVersion: v1, kind: Secret, metadata: {{name: c}}}}\n---\n\
             {{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {{name: r}}, rules: [{{resourceNames: [{references}]}}]}}\n"
        )
    };
    assert!(matches!(render(&files(&long), "app"), Err(RenderError::TooLarge { .. })));
    let role = render(&files("new"), "app").unwrap().objects.pop().unwrap().value;
    assert_eq!(role["rules"][0]["resourceNames"][69_999], "new");
}

#[test]
fn names_that_no_server_accepts_are_refused() {
    let long = "x".repeat(2_100);
    let object = |name: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n");
    let files = |fields: &str, name: &str| {
        format!("-- app/kustomization.yaml --\nresources: [a.yaml]\n{fields}\n-- app/a.yaml --\n{}", object(name))
    };
    let check = |fields: &str, name: &str, expect: &str| {
        assert_eq!(render(&files(fields, name), "app").unwrap_err().to_string(), expect);
        assert!(render(&files(&fields.replace(&long, "short"), &name.replace(&long, "short")), "app").is_ok());
    };
    let why = "it has 2100 bytes; no name of an object has more than 2048";
    check(&format!("namespace: {long}"), "a", &format!("app/kustomization.yaml: namespace: {why}"));
    check(&format!("namePrefix: {long}"), "a", &format!("app/kustomization.yaml: namePrefix: {why}"));
    check(&format!("nameSuffix: {long}"), "a", &format!("app/kustomization.yaml: nameSuffix: {why}"));
    let why = "its group, kind, name and namespace have 2109 bytes; 2048 are the most";
    check("", &long, &format!("app/a.yaml document 1: metadata: {why}"));
    let rename = format!(
        "patches: [{{target: {{kind: ConfigMap}}, patch: 'metadata: {{name: {long}}}', options: {{allowNameChange: true}}}}]"
    );
    check(&rename, "a", &format!("app/a.yaml document 1: metadata: {why}"));
}

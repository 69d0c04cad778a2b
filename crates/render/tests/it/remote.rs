//! What kustomizations name on other machines: which questions it makes, and what becomes of the answers.

use std::collections::BTreeMap;

use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::tree::{Entry, FileTree};
use render::{Budget, Fetched, Outcome, Question, Remote, RemoteAt, Remotes, RenderError, Rendered, Request};

use crate::archive::{files, tree};

/// Other machines: files of a repository, or of one file named `FILE`, by id.
type World<'a> = &'a [(&'a str, &'a str)];

const FILE: &str = "FILE";

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

/// Renders `app` and answers from a world of which nothing is loaded beforehand. Returns what was asked of other machines in
/// each turn.
fn render_in(text: &str, world: World<'_>) -> (Vec<Vec<String>>, Result<Rendered, RenderError>) {
    let (source, inputs) = (tree(text), KustomizeInputs { path: Some("app".to_owned()), ..KustomizeInputs::default() });
    let (budget, mut remotes, mut turns) = (Budget::default(), Remotes::new(), Vec::new());
    let full: BTreeMap<&str, FileTree> = world.iter().map(|(id, text)| (*id, tree(text))).collect();
    loop {
        let questions =
            match render::render(&Request { tree: &source, remotes: &remotes, inputs: &inputs, budget: &budget }) {
                Ok(Outcome::Rendered(rendered)) => return (turns, Ok(rendered)),
                Ok(Outcome::Needs(questions)) => questions,
                Err(error) => return (turns, Err(error)),
            };
        let mut asked = Vec::new();
        for question in questions {
            match question {
                Question::Directory(dir) => panic!("{dir:?} is loaded"),
                Question::DirectoryOf { id, path } => {
                    let Some(Fetched::Tree(part)) = remotes.get_mut(&id) else { panic!("{id} was not given") };
                    for (file, entry) in full[id.as_str()].entries().filter(|(file, _)| file.starts_with(&path)) {
                        part.insert(file, entry.clone());
                    }
                }
                Question::Remote(Remote { id, .. }) => {
                    let Some((_, text)) = world.iter().find(|(known, _)| *known == id) else {
                        return (vec![vec![id]], Ok(Rendered::default()));
                    };
                    let content = files(text);
                    let fetched = if content[0].0 == FILE {
                        Fetched::File(content[0].1.clone().into_bytes().into())
                    } else {
                        let mut names = FileTree::new();
                        for (path, entry) in tree(text).entries() {
                            let link = matches!(entry, Entry::Link(_));
                            names.insert(path, if link { entry.clone() } else { Entry::Known });
                        }
                        Fetched::Tree(names)
                    };
                    asked.push(id.clone());
                    remotes.insert(id, fetched);
                }
            }
        }
        if !asked.is_empty() {
            turns.push(asked);
        }
    }
}

fn names(rendered: &Rendered) -> Vec<String> {
    let name = |object: &render::Object| object.value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    rendered.objects.iter().map(name).collect()
}

fn kustomization(text: &str) -> String {
    format!("-- app/kustomization.yaml --\n{text}\n")
}

#[test]
fn bases_and_files_of_other_machines_are_asked_for_together_and_rendered() {
    let (shop, file) = ("https://github.com/org/shop?ref=v1", "https://example.com/x.yaml");
    let base = format!("-- base/kustomization.yaml --\nresources: [../a.yaml]\n-- a.yaml --\n{}", config_map("a"));
    let (turns, rendered) = render_in(
        &kustomization(
            "resources:\n- https://github.com/org/shop//base?ref=v1\n- https://example.com/x.yaml\nnamePrefix: my-",
        ),
        &[(shop, &base), (file, &format!("-- {FILE} --\n{}", config_map("x")))],
    );
    let rendered = rendered.unwrap();
    assert_eq!(turns, [[file, shop]]);
    assert_eq!(names(&rendered), ["my-a", "my-x"]);
    let places: Vec<String> = rendered.objects.iter().map(|object| object.location.to_string()).collect();
    assert_eq!(places, [format!("{shop}: a.yaml document 1"), format!("{file} document 1")]);
    let used: Vec<(&str, &str)> =
        rendered.remotes.iter().map(|remote| (remote.id.as_str(), remote.asked_by.as_str())).collect();
    let expect = [(file, "app/kustomization.yaml: resources[1]"), (shop, "app/kustomization.yaml: resources[0]")];
    assert_eq!(used, expect);
}

#[test]
fn a_repository_is_asked_for_once_however_many_of_its_directories_are_used() {
    let id = "https://github.com/org/shop";
    let part = |name: &str| {
        format!("-- {name}/kustomization.yaml --\nresources: [m.yaml]\n-- {name}/m.yaml --\n{}", config_map(name))
    };
    let component =
        "-- c/kustomization.yaml --\napiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -x\n";
    let (turns, rendered) = render_in(
        &kustomization(
            "resources: [github.com/org/shop/one, \"https://github.com/org/shop//two\"]\ncomponents: [github.com/org/shop/c]",
        ),
        &[(id, &format!("{}{}{component}", part("one"), part("two")))],
    );
    let rendered = rendered.unwrap();
    assert_eq!((turns, names(&rendered)), (vec![vec![id.to_owned()]], vec!["one-x".to_owned(), "two-x".to_owned()]));
    assert_eq!(rendered.remotes.len(), 1);
}

#[test]
fn bases_of_bases_are_asked_for_when_they_turn_up() {
    let (outer, inner) = ("https://github.com/org/outer?ref=v2", "ssh://git@git.example.com/org/inner.git");
    let (turns, rendered) = render_in(
        &kustomization("resources: [github.com/org/outer?ref=v2]"),
        &[
            (outer, "-- kustomization.yaml --\nresources: [\"git@git.example.com:org/inner.git//deploy\"]\n"),
            (
                inner,
                &format!(
                    "-- deploy/kustomization.yaml --\nresources: [m.yaml]\n-- deploy/m.yaml --\n{}",
                    config_map("m")
                ),
            ),
        ],
    );
    let rendered = rendered.unwrap();
    assert_eq!(turns, [vec![outer.to_owned()], vec![inner.to_owned()]]);
    assert_eq!(names(&rendered), ["m"]);
    assert_eq!(rendered.remotes[1].asked_by, format!("{outer}: kustomization.yaml: resources[0]"));
    let RemoteAt::Repository(repository) = &rendered.remotes[1].at else { panic!("{:?}", rendered.remotes[1]) };
    assert_eq!((repository.reference.as_str(), repository.submodules), ("", true));
}

#[test]
fn what_is_there_under_the_name_is_meant() {
    let files = format!(
        "{}-- app/github.com/org/shop/kustomization.yaml --\nresources: [m.yaml]\n-- app/github.com/org/shop/m.yaml --\n{}",
        kustomization("resources: [github.com/org/shop]"),
        config_map("here")
    );
    let (turns, rendered) = render_in(&files, &[]);
    assert_eq!((turns.len(), names(&rendered.unwrap())), (0, vec!["here".to_owned()]));
}

#[test]
fn nothing_leads_from_one_tree_into_another() {
    let id = "https://github.com/org/evil";
    let source = kustomization("resources: [github.com/org/evil]") + "-- app/secret.yaml --\n" + &config_map("secret");
    for (base, expect) in [
        (
            "-- kustomization.yaml --\nresources: [../app/secret.yaml]\n",
            "https://github.com/org/evil: kustomization.yaml: resources[0]: ../app/secret.yaml leaves the source tree",
        ),
        (
            "-- kustomization.yaml --\nresources: [app/secret.yaml]\n",
            "https://github.com/org/evil: kustomization.yaml: resources[0]: app/secret.yaml: no such file",
        ),
        (
            "-- kustomization.yaml --\nconfigMapGenerator: [{name: c, files: [/app/secret.yaml]}]\n",
            "https://github.com/org/evil: kustomization.yaml: configMapGenerator[0].files[0]: ",
        ),
        ("-- other.yaml --\na: b\n", "\"https://github.com/org/evil\" has no kustomization file"),
    ] {
        let error = render_in(&source, &[(id, base)]).1.unwrap_err().to_string();
        assert!(error.contains(expect), "{error}\n  expected {expect}");
    }
    // Links stay in their tree as well.
    let mut remotes = Remotes::new();
    let mut evil = tree("-- kustomization.yaml --\nresources: [link.yaml]\n");
    evil.insert("link.yaml", Entry::Link("../app/secret.yaml".into()));
    remotes.insert(id.to_owned(), Fetched::Tree(evil));
    let inputs = KustomizeInputs { path: Some("app".to_owned()), ..KustomizeInputs::default() };
    let budget = Budget::default();
    let source = tree(&source);
    let error = render::render(&Request { tree: &source, remotes: &remotes, inputs: &inputs, budget: &budget });
    assert!(error.unwrap_err().to_string().contains("leaves the source tree"));
}

#[test]
fn what_is_wrong_with_remotes_is_said_with_the_file_and_the_url() {
    let id = "https://github.com/org/shop?ref=v1";
    let file = "https://example.com/x.yaml";
    let source = kustomization("resources: [\"https://github.com/org/shop//base?ref=v1\"]");
    for (source, world, expect) in [
        (
            source.clone(),
            &[(id, "-- other/kustomization.yaml --\nnamePrefix: a-\n")][..],
            "app/kustomization.yaml: resources[0]: https://github.com/org/shop?ref=v1: base: no such file or directory",
        ),
        (
            source.clone(),
            &[(id, "-- base --\na: b\n")],
            "resources[0]: https://github.com/org/shop?ref=v1: base is a file; name a directory of a repository",
        ),
        (
            source.clone(),
            &[(id, "-- base/kustomization.yaml --\nresorces: []\n")],
            "https://github.com/org/shop?ref=v1: base/kustomization.yaml: resorces: no such field",
        ),
        (
            source.clone(),
            &[(id, "-- base/kustomization.yaml --\nresources: [\"https://github.com/org/shop//base?ref=v1\"]\n")],
            "kustomizations include each other: app -> https://github.com/org/shop?ref=v1: base -> https://github.com/org/shop?ref=v1: base",
        ),
        (
            kustomization("resources: [\"https://example.com/x.yaml\"]"),
            &[(file, "-- FILE --\na: [\n")],
            "https://example.com/x.yaml: not valid YAML",
        ),
        (
            kustomization("components: [\"https://example.com/x.yaml\"]"),
            &[(file, "-- FILE --\na: b\n")],
            "components[0]: https://example.com/x.yaml is a file; name the component's directory",
        ),
    ] {
        let error = render_in(&source, world).1.unwrap_err().to_string();
        assert!(error.contains(expect), "{error}\n  expected {expect}");
    }
}

#[test]
fn endless_bases_end() {
    // A base that names a base that names a base: each has another reference.
    let world: Vec<(String, String)> = (0..60)
        .map(|n| {
            let next = format!("https://github.com/org/shop?ref=v{}", n + 1);
            (
                format!("https://github.com/org/shop?ref=v{n}"),
                format!("-- kustomization.yaml --\nresources: [\"{next}\"]\n"),
            )
        })
        .collect();
    let world: Vec<(&str, &str)> = world.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
    let error = render_in(&kustomization("resources: [\"https://github.com/org/shop?ref=v0\"]"), &world).1.unwrap_err();
    assert!(matches!(error, RenderError::TooDeep { limit: 32, .. }), "{error}");
    let many: Vec<String> = (0..51).map(|n| format!("https://example.com/{n}.yaml")).collect();
    let error = render_in(&kustomization(&format!("resources: {many:?}")), &[]);
    assert!(matches!(error.1, Err(RenderError::TooManyRemotes { limit: 50, .. })), "{error:?}");
}

#[test]
fn objects_say_which_repository_they_come_from() {
    let (turns, rendered) = render_in(
        &kustomization(
            "resources: [\"https://github.com/org/shop//base?ref=v1\"]\nbuildMetadata: [originAnnotations, transformerAnnotations]",
        ),
        &[(
            "https://github.com/org/shop?ref=v1",
            &format!(
                "-- base/kustomization.yaml --\nresources: [m.yaml]\nnamePrefix: a-\n-- base/m.yaml --\n{}",
                config_map("m")
            ),
        )],
    );
    assert_eq!(turns.len(), 1);
    let rendered = rendered.unwrap();
    let annotations = &rendered.objects[0].value["metadata"]["annotations"];
    assert_eq!(
        annotations["config.kubernetes.io/origin"],
        "path: base/m.yaml\nrepo: https://github.com/org/shop\nref: v1\n"
    );
    assert_eq!(
        annotations["alpha.config.kubernetes.io/transformations"],
        "- repo: https://github.com/org/shop\n  ref: v1\n  configuredIn: base/kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: PrefixTransformer\n"
    );
}

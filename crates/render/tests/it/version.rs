//! The renderer's version changes whenever what is rendered does.
//!
//! `tests/golden/version.txt` has a row for each archive of the corpus, which are those in `tests/fixture` and the trees in
//! `tests/tree`; `examples/differential` compares the latter with kubectl. A row has the version, the name, and the digests of its input
//! and of what was rendered from it, or `refused`. `cargo xtask bless kurator-render` writes it, but not when the same input renders to
//! something else under the same version. Who edits a row by hand is told by `cargo xtask tidy`, which compares with
//! every row that was ever committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::Digest;
use serde_json::{Value, json};

use crate::archive::{render_with, trees};
use crate::policy::PLAIN;

/// Digests of what goes in and of what comes out.
type Pair = (String, String);

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/version.txt")
}

/// Every archive of the corpus by name: the tree and the inputs.
fn corpus() -> BTreeMap<String, (String, Value)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture");
    let paths = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let archives = paths.filter(|path| path.extension().is_some_and(|extension| extension == "txt")).map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, (std::fs::read_to_string(&path).unwrap(), json!({"path": "app"})))
    });
    let policy = json!({
        "path": "app", "targetNamespace": "prod", "timeout": "1m",
        "patches": [
            {"target": {"kind": "Deployment"}, "patch": "- op: replace\n  path: /spec/replicas\n  value: 3\n"},
            {"patch": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {a: b}\n"},
        ],
        "images": [{"name": "nginx", "newTag": "2"}],
        "commonMetadata": {"labels": {"team": "shop"}, "annotations": {"note": "n"}},
    });
    let mut all: BTreeMap<String, (String, Value)> = archives.collect();
    for path in std::fs::read_dir(dir.with_file_name("tree")).unwrap().map(|entry| entry.unwrap().path()) {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        for (name, text) in trees(&std::fs::read_to_string(path).unwrap()) {
            let name = format!("{file}/{name}");
            assert!(all.insert(name.clone(), (text, json!({"path": "app"}))).is_none(), "{name} is there twice");
        }
    }
    all.insert("(plain)".into(), (PLAIN.to_owned(), json!({"path": "app"})));
    all.insert("(policy)".into(), (PLAIN.to_owned(), policy));
    all
}

fn made() -> BTreeMap<String, Pair> {
    let pairs = corpus().into_iter().map(|(name, (text, inputs))| {
        let input = Digest::of_texts([text.clone(), inputs.to_string()]);
        let inputs: KustomizeInputs = serde_json::from_value(inputs).unwrap();
        let output = render_with(&text, inputs).map_or_else(
            |_| "refused".to_owned(),
            |rendered| {
                let objects = rendered.objects.into_iter().map(|object| object.value);
                Digest::of_json(&Value::Array(objects.collect())).to_string()
            },
        );
        (name, (input.to_string(), output))
    });
    pairs.collect()
}

fn write(version: &str, made: &BTreeMap<String, Pair>) -> String {
    made.iter().map(|(name, (input, output))| format!("{version} {name} {input} {output}\n")).collect()
}

fn read(text: &str) -> (String, BTreeMap<String, Pair>) {
    let mut of = String::new();
    let pairs = text.lines().filter_map(|line| {
        let [version, name, input, output] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        of = version.to_owned();
        Some((name.to_owned(), (input.to_owned(), output.to_owned())))
    });
    let pairs = pairs.collect();
    (of, pairs)
}

/// Archives whose input is the same as before and whose output is not.
fn changed<'a>(before: &BTreeMap<String, Pair>, now: &'a BTreeMap<String, Pair>) -> Vec<&'a str> {
    let other = |(name, (input, output)): &(&String, &Pair)| {
        before.get(*name).is_some_and(|(old_input, old_output)| old_input == input && old_output != output)
    };
    now.iter().filter(other).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn the_version_changes_with_what_is_rendered() {
    let before = std::fs::read_to_string(golden()).unwrap_or_default();
    let (version, pairs) = read(&before);
    let now = made();
    let changed = changed(&pairs, &now);
    assert!(
        changed.is_empty() || version != render::VERSION,
        "{} render to other objects than under version {version}: bump render::VERSION and bless \
         (cargo xtask bless kurator-render)",
        changed.join(", ")
    );
    let text = write(render::VERSION, &now);
    if std::env::var_os("KURATOR_BLESS").is_some() {
        std::fs::write(golden(), &text).unwrap();
        return;
    }
    assert_eq!(text, before, "bless (cargo xtask bless kurator-render)");
}

#[test]
fn only_the_same_input_with_another_output_is_a_change() {
    let pair = |input: &str, output: &str| (input.to_owned(), output.to_owned());
    let before = BTreeMap::from([
        ("same".to_owned(), pair("1", "1")),
        ("edited".to_owned(), pair("1", "1")),
        ("other".to_owned(), pair("1", "1")),
    ]);
    let now = BTreeMap::from([
        ("same".to_owned(), pair("1", "1")),
        ("edited".to_owned(), pair("2", "2")),
        ("other".to_owned(), pair("1", "2")),
        ("new".to_owned(), pair("1", "1")),
    ]);
    assert_eq!(changed(&before, &now), ["other"]);
    assert_eq!(read(&write("7", &now)), ("7".to_owned(), now));
}

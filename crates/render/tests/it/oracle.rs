//! Each file in `tests/fixture` is a tree; beside it is what `kubectl kustomize` made of its directory `app`.
//!
//! With `KURATOR_BLESS=1` and kubectl, the expectations are written again.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::{files, render, sorted};

fn is_blessing() -> bool {
    std::env::var_os("KURATOR_BLESS").is_some()
}

fn fixtures() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    paths
}

fn kustomize(kubectl: &Path, text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in files(text) {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let output = Command::new(kubectl)
        .args(["kustomize", "--load-restrictor", "LoadRestrictionsNone"])
        .arg(dir.path().join("app"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn objects_are_those_that_kubectl_makes() {
    let bless = is_blessing().then(|| component::kubectl("render::oracle: new expectations")).flatten();
    let mut wrong = Vec::new();
    for path in fixtures() {
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = path.with_extension("yaml");
        if let Some(kubectl) = &bless {
            std::fs::write(&expected, kustomize(kubectl, &text)).unwrap();
        }
        let expect = sorted(model::yaml::documents(&std::fs::read_to_string(&expected).unwrap()).unwrap());
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let made = match render(&text, "app") {
            Ok(rendered) => sorted(rendered.objects.into_iter().map(|o| o.value).collect()),
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let keys = |objects: &[serde_json::Value]| {
            objects.iter().map(|o| model::ObjectKey::of(o).to_string()).collect::<Vec<_>>()
        };
        if keys(&made) != keys(&expect) {
            wrong.push(format!("{name}: objects {:?}\n  expected {:?}", keys(&made), keys(&expect)));
            continue;
        }
        for (made, expect) in made.iter().zip(&expect).filter(|(a, b)| a != b) {
            let (made, expect) = (model::yaml::to_string(made), model::yaml::to_string(expect));
            wrong.push(format!("{name}: made\n{made}\n  expected\n{expect}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn expectations_are_what_the_real_kubectl_says() {
    if is_blessing() {
        // The test above writes them now.
        return;
    }
    let Some(kubectl) = component::kubectl("render::oracle: expectations of kubectl kustomize") else { return };
    for path in fixtures() {
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = std::fs::read_to_string(path.with_extension("yaml")).unwrap();
        assert_eq!(kustomize(&kubectl, &text), expected, "{}", path.display());
    }
}

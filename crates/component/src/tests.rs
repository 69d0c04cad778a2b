//! Each case runs in a process of its own, because the environment belongs to the whole process.

use std::path::Path;
use std::process::Command;

use super::{ACCEPTANCE, SKIPPED, variable_of};

/// The variable that tells the other process what to ask for.
const ASK: &str = "KURATOR_TEST_ASK";

/// Asks in another process; whether its test passed, and what it said and wrote.
fn run_other_process(what: &str, dir: &Path, variables: &[(&str, &str)]) -> (bool, String, String) {
    let skipped = dir.join("skipped");
    let _ = std::fs::remove_file(&skipped);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::the_other_process", "--nocapture", "--test-threads=1"]).env_clear();
    command
        .env(ASK, what)
        .env(SKIPPED, &skipped)
        .env("KURATOR_TOOLS", dir.join("tools"))
        .envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said, std::fs::read_to_string(skipped).unwrap_or_default())
}

#[test]
fn the_other_process() {
    // Only `run_other_process` starts it with something to do.
    match std::env::var(ASK).as_deref() {
        Ok("kubectl") => println!("found {:?}", super::kubectl("verbs")),
        Ok("kube-apiserver") => println!("found {:?}", super::program("kube-apiserver", "external")),
        Ok(_) => println!("found {:?}", super::acceptance("crds")),
        Err(_) => {}
    }
}

#[test]
fn a_missing_component_is_named_and_counted_and_in_ci_required() {
    let dir = tempfile::tempdir().unwrap();
    let (passed, said, counted) = run_other_process("kubectl", dir.path(), &[]);
    assert!(passed && said.contains("found None"), "{said}");
    assert_eq!(counted, "verbs: kubectl is missing; run `cargo xtask tools` or set KURATOR_KUBECTL\n");
    let (passed, said, _) = run_other_process("kubectl", dir.path(), &[("CI", "true")]);
    assert!(!passed && said.contains("CI requires every component"), "{said}");
}

#[test]
fn a_component_is_found_in_the_cache_or_where_the_variable_says() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["tools/pypi-1/bin", "elsewhere"] {
        std::fs::create_dir_all(dir.path().join(path)).unwrap();
        std::fs::write(dir.path().join(path).join("kubectl"), "").unwrap();
    }
    let (_, said, counted) = run_other_process("kubectl", dir.path(), &[("CI", "true")]);
    assert!(said.contains("tools/pypi-1/bin/kubectl") && counted.is_empty(), "{said}");
    let elsewhere = dir.path().join("elsewhere/kubectl");
    let (_, said, _) =
        run_other_process("kubectl", dir.path(), &[(&variable_of("kubectl"), elsewhere.to_str().unwrap())]);
    assert!(said.contains("elsewhere/kubectl"), "{said}");
}

/// Clones with different pins share the cache. What one of them pins is not there, and what another installed is newer.
#[test]
fn a_component_of_another_clone_is_not_taken_for_the_one_that_is_named() {
    assert_eq!(variable_of("kube-apiserver"), "KURATOR_KUBE_APISERVER");
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("tools/kubernetes-own/bin/kube-apiserver");
    let other = dir.path().join("tools/kubernetes-other/bin/kube-apiserver");
    for path in [&own, &other] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let named = [(variable_of("kube-apiserver"), own.to_str().unwrap().to_owned())];
    let named: Vec<(&str, &str)> = named.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect();
    let (_, said, _) = run_other_process("kube-apiserver", dir.path(), &named);
    assert!(said.contains("kubernetes-own"), "{said}");
    std::fs::remove_file(&own).unwrap();
    let (passed, said, counted) = run_other_process("kube-apiserver", dir.path(), &named);
    assert!(passed && said.contains("found None"), "{said}");
    assert!(counted.starts_with("external: kube-apiserver is missing"), "{counted}");
}

#[test]
fn manifests_outside_the_repository_are_required_in_ci_only_where_they_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().to_str().unwrap();
    let (passed, said, counted) = run_other_process("acceptance", dir.path(), &[(ACCEPTANCE, nowhere)]);
    assert!(passed && said.contains("found None") && counted.starts_with("crds: the acceptance manifests"), "{said}");
    let (passed, said, _) = run_other_process("acceptance", dir.path(), &[(ACCEPTANCE, nowhere), ("CI", "true")]);
    assert!(!passed && said.contains("CI requires"), "{said}");
    std::fs::create_dir_all(dir.path().join("kurator")).unwrap();
    let (passed, said, counted) = run_other_process("acceptance", dir.path(), &[(ACCEPTANCE, nowhere), ("CI", "true")]);
    assert!(passed && said.contains("found Some") && counted.is_empty(), "{said}");
}

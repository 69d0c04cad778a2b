//! Builds trees with `kubectl kustomize` and with this crate, and compares object by object, in order.
//!
//! `differential KUBECTL [PATH…]`: a path is a text file with trees (see `tree`), or a directory on disk, of which every
//! directory with a kustomization file is built. `cargo xtask kustomize` calls it; without a path it takes the trees of
//! `tests/tree` and `tests/remote`; the latter name repositories of other machines (see `remote`).
#![allow(clippy::disallowed_methods, reason = "an example is a composition root: it starts programs and measures time")]

mod compare;
mod remote;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use compare::Verdict;
use tree::Tree;

/// Where a difference is on purpose: the tree, and why.
const ON_PURPOSE: &[(&str, &str)] = &[
    (
        "patch-json6902-annotations",
        "annotations are there for both kinds of JSON 6902 patches, not for `patches` alone",
    ),
    ("replacement-mapping-to-text", "a mapping that goes to a text is refused; kustomize leaves an empty text"),
    ("replacement-json-type", "text does not become a number inside of JSON; kustomize leaves the number as it was"),
    ("file-beside-the-base", "a file anywhere in the repository of a base may be used, not only below the base"),
    ("reference-user-named-as-account", "a user is no service account of the same name"),
    ("reference-autoscaler-kind", "a scaleTargetRef means no object of another kind"),
    ("namespace-user-default", "a user named default is no service account"),
    (
        "namespace-cluster-kind",
        "objects of a kind whose definition is among the objects, and says Cluster, get no namespace",
    ),
    ("labels-shared-selector", "labels without includeSelectors never reach a selector"),
    ("merge-two-keys-protocol", "a port without protocol is one for TCP"),
    ("patch-several-with-target", "a file with several strategic merge patches may have a target"),
    ("plugin-unknown-field", "a field that a builtin plugin does not have is refused"),
    ("build-metadata-unknown", "a word of buildMetadata that means nothing is refused"),
    ("folded-text", "a folded text is what YAML says; kustomize writes it again with more lines"),
    ("image-text-volume", "a custom object may have a text where pods have an image volume"),
];

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(kubectl) = args.next().map(PathBuf::from) else {
        eprintln!("usage: differential KUBECTL [PATH…]");
        return ExitCode::from(2);
    };
    let mut paths: Vec<PathBuf> = args.map(PathBuf::from).collect();
    let own = paths.is_empty();
    if own {
        paths = tree::own();
    }
    let trees: Vec<Tree> = paths.iter().flat_map(|path| tree::read(path)).collect();
    let verdicts = judge(&kubectl, &trees);
    if report(&verdicts, own) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Compares all trees, as many at a time as there are cores.
fn judge(kubectl: &Path, trees: &[Tree]) -> Vec<(String, Verdict)> {
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Verdict)>> = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((at, tree)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    trees.get(at).map(|tree| (at, tree))
                } {
                    let verdict = compare::one(kubectl, tree);
                    found.lock().expect("no thread panics with the lock").push((at, verdict));
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no thread panics with the lock");
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(at, verdict)| (trees[at].name.clone(), verdict)).collect()
}

/// Prints what differs, and how many trees there are of each kind. Returns whether all is as it should be.
fn report(verdicts: &[(String, Verdict)], own: bool) -> bool {
    let mut wrong = 0;
    let (mut same, mut refused, mut objects, mut purpose) = (0, 0, 0, 0);
    for (name, verdict) in verdicts {
        let reason = ON_PURPOSE.iter().find(|(tree, _)| own && tree == name).map(|(_, reason)| *reason);
        match (verdict, reason) {
            (Verdict::Same(count), None) => {
                same += 1;
                objects += count;
            }
            (Verdict::BothRefuse { .. }, None) => refused += 1,
            (Verdict::Differ(_) | Verdict::OursRefuses { .. } | Verdict::TheirsRefuses { .. }, Some(_)) => purpose += 1,
            (verdict, Some(reason)) => {
                wrong += 1;
                println!("{name}: {}, and should differ: {reason}", verdict.word());
            }
            (verdict, None) => {
                wrong += 1;
                println!("{name}: {verdict}");
            }
        }
    }
    for (name, _) in ON_PURPOSE.iter().filter(|(name, _)| own && !verdicts.iter().any(|(tree, _)| tree == name)) {
        wrong += 1;
        println!("{name}: there is no such tree");
    }
    println!(
        "{} trees: {same} the same ({objects} objects), {refused} refused by both, {purpose} different on purpose, {wrong} wrong",
        verdicts.len()
    );
    wrong == 0
}

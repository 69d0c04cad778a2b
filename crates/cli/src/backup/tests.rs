use std::collections::BTreeMap;
use std::path::Path;

use hub::backup::{Counted, Manifest, Part, Restored, Sentences, Verdict};

use super::{restored_lines, size, verified, written};
use crate::output;

fn manifest() -> Manifest {
    let part = |name: &str, bytes| Part { name: name.to_owned(), bytes, digest: "sha256:00".to_owned() };
    Manifest {
        format: 1,
        version: "0.2.0".to_owned(),
        hub: "k3v7q2".to_owned(),
        revision: 48_213,
        taken: "2027-01-15T08:00:00Z".to_owned(),
        parts: vec![part("hub/keys/hub.json", 4_800), part("hub/store/00000000000000000001.log", 13 << 20)],
    }
}

fn verdict(problems: Sentences, notes: Sentences) -> Verdict {
    let kinds = [
        "ClusterRole.rbac.authorization.k8s.io",
        "Decision.delivery.kurator.dev",
        "Secret",
        "Namespace",
        "a",
        "b",
        "c",
    ];
    let mut counts: BTreeMap<String, usize> =
        kinds.iter().zip([70, 40, 201, 8, 1, 1, 1]).map(|(k, n)| ((*k).to_owned(), n)).collect();
    counts.extend([("d".to_owned(), 1), ("e".to_owned(), 1), ("f".to_owned(), 1)]);
    Verdict {
        hub: "k3v7q2".to_owned(),
        revision: 48_213,
        segments: 1,
        bytes: 13 << 20,
        taken: None,
        counted: Counted { kinds: counts, objects: 325, namespaces: 8, problems, notes },
    }
}

fn sentences(count: usize, first: &[&str]) -> Sentences {
    Sentences { first: first.iter().map(|text| (*text).to_owned()).collect(), count }
}

#[test]
fn what_is_said_after_each() {
    let restored = Restored { manifest: manifest(), dir: "/srv/hub".into() };
    let sound = verdict(Sentences::default(), Sentences::default());
    let wrong = Verdict {
        taken: Some(("2027-01-15T08:00:00Z".to_owned(), "0.2.0".to_owned())),
        segments: 3,
        ..verdict(
            sentences(22, &["ConfigMap lost/a is in a namespace that is not there"]),
            sentences(1, &["Decision default/d names Revision r1, which is gone: it will be decided again"]),
        )
    };
    let pages = [
        written(Path::new("hub.backup"), 1_450_000, &manifest()),
        restored_lines(&restored),
        verified(Path::new("/srv/hub"), &sound),
        verified(Path::new("hub.backup"), &wrong),
    ];
    insta::assert_snapshot!("pages", pages.map(|lines| output::text(&lines)).join("\n"));
}

#[test]
fn sizes_are_for_people() {
    for (bytes, expect) in [
        (0, "0 bytes"),
        (1_023, "1023 bytes"),
        (1_024, "1 KiB"),
        (1 << 20, "1.0 MiB"),
        ((5 << 30) + 600_000, "5120.5 MiB"),
    ] {
        assert_eq!(size(bytes), expect);
    }
}

#[test]
fn what_a_backup_would_replace_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.backup");
    std::fs::write(&file, "notes").unwrap();
    let said = super::kept(&file);
    assert!(said.ends_with("a.backup is there already, and is no backup that can be read: nothing was written; name another file, or replace it with --overwrite"), "{said}");
}

//! What a start refuses, and what it says of a hub that has moved.

use std::fs;

use super::*;
use crate::args::Command;

fn up(words: &[&str]) -> Up {
    match crate::args::read([&["kurator", "up"], words].concat()).unwrap().command {
        Command::Up(up) => up,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_directory_is_used_for_what_it_was_made_for() {
    let home = tempfile::tempdir().unwrap();
    let [empty, hub, demo, own] = ["empty", "hub", "demo", "own"].map(|name| home.path().join(name));
    fs::create_dir_all(hub.join("hub/store")).unwrap();
    fs::create_dir_all(demo.join("hub/store")).unwrap();
    fs::create_dir_all(demo.join("demo/members")).unwrap();
    // A directory of that name may be anything.
    fs::create_dir_all(own.join("demo/repo")).unwrap();
    for (dir, words, is_used) in [
        (&empty, &[][..], true),
        (&empty, &["--demo"], true),
        (&own, &[], true),
        (&own, &["--demo"], true),
        (&hub, &[], true),
        (&hub, &["--demo"], false),
        (&hub, &["--demo", "--anyway"], true),
        (&demo, &["--demo"], true),
        (&demo, &[], false),
        (&demo, &["--anyway"], true),
    ] {
        let why = refused(instance::made_for(dir), &up(words));
        assert_eq!(why.is_none(), is_used, "{} {words:?}: {why:?}", dir.display());
    }
}

#[test]
fn a_hub_that_is_found_elsewhere_from_now_on_says_so() {
    let before = "clusters: [{name: hub, cluster: {server: 'https://hub.example.com:6443'}}, {name: beijing, cluster: {server: x}}]";
    assert_eq!(moved(before, "https://hub.example.com:6443"), None);
    insta::assert_snapshot!(
        moved(before, "https://127.0.0.1:6443").unwrap(),
        @"note: the hub was at https://hub.example.com:6443 until now, and its kubeconfig says https://127.0.0.1:6443 from now on. Neither --listen nor --advertise is remembered: say them at each start, or give others the new kubeconfig"
    );
    for text in ["", "clusters: []", "- no", "{"] {
        assert_eq!(moved(text, "https://127.0.0.1:6443"), None, "{text:?}");
    }
}

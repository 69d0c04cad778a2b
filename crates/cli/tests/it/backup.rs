//! Backup, restore and verification of hubs that run, that were stopped, and whose backup was killed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::process::Place;

/// Moments after the start of a command at which it is killed, in milliseconds.
const MOMENTS: [u64; 6] = [0, 2, 5, 10, 20, 40];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Everything in a directory but what a running hub makes itself.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn id(place: &Place, dir: &Path) -> String {
    place.json(&format!("hub verify --dir {}", dir.display()))["hub"].as_str().unwrap().to_owned()
}

#[test]
fn a_hub_that_runs_is_backed_up_restored_and_verified() {
    let mut place = Place::new();
    let (dir, home) = (place.dir(), place.dir().parent().unwrap().to_path_buf());
    place.up("", "hub ready");
    let (file, target) = (home.join("hub.backup"), home.join("restored"));
    let shown = file.display();

    // It is the one hub that runs here, so that no directory needs to be named.
    let said = place.ok(&format!("hub backup {shown}"));
    assert!(said.starts_with(&format!("backup {shown}   ")) && said.contains("keys of this hub"), "{said}");
    assert_eq!(mode(&file), 0o600);
    let sound = place.ok(&format!("hub verify {shown}"));
    assert!(sound.contains("every checksum is right") && sound.ends_with("sound\n"), "{sound}");
    assert!(place.ok("hub verify").ends_with("sound\n"), "the directory of a hub that runs");
    // To another program.
    let piped = Command::new(env!("CARGO_BIN_EXE_kurator"))
        .args(["hub", "backup", "-", "--dir", dir.to_str().unwrap()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(piped.status.success());
    fs::write(home.join("piped.backup"), piped.stdout).unwrap();
    assert!(place.ok(&format!("hub verify {}", home.join("piped.backup").display())).ends_with("sound\n"));

    let why = place.fails(&format!("hub restore {shown}"));
    assert!(why.contains("with --dir DIR"), "{why}");
    let why = place.fails(&format!("hub restore {shown} --dir {}", dir.display()));
    assert!(why.contains("is not empty"), "{why}");
    let said = place.ok(&format!("hub restore {shown} --dir {}", target.display()));
    assert!(said.contains(&format!("next: kurator up --dir {}", target.display())), "{said}");
    assert_eq!((mode(&target), names(&target)), (0o700, vec!["hub".to_owned()]));
    assert_eq!(id(&place, &target), id(&place, &dir));

    // The restored hub has the keys of the first: its kubeconfig opens it.
    let kubeconfig = fs::read(dir.join("kubeconfig")).unwrap();
    place.signal("TERM");
    assert_eq!(place.ended(), Some(0), "an orderly end");
    let mut second = Place::at("restored");
    let other = second.dir();
    place.ok(&format!("hub restore {shown} --dir {}", other.display()));
    second.up("", "hub ready");
    assert_eq!(fs::read(other.join("kubeconfig")).unwrap(), kubeconfig, "the same port, authority and administrator");
    assert!(second.ok("status").contains("no members yet"));
    // One that does not run.
    let why = place.fails(&format!("hub backup {shown} --dir {}", dir.display()));
    assert!(why.contains("is there already, it is a backup of hub ") && why.contains("--overwrite"), "{why}");
    place.ok(&format!("hub backup {shown} --dir {} --overwrite", dir.display()));
    assert!(place.ok(&format!("hub verify --dir {}", dir.display())).ends_with("sound\n"));
}

#[test]
fn what_is_wrong_is_said_and_a_verdict_is_an_exit_code() {
    let place = Place::new();
    let dir = place.dir();
    place.ok(&format!("up --dir {} --exit-when-ready", dir.display()));
    fs::remove_file(dir.join("hub/keys/hub.json")).unwrap();
    let printed = place.run(&format!("hub verify --dir {}", dir.display()));
    assert_eq!(printed.code, Some(1));
    assert!(printed.out.contains("wrong: hub/keys/hub.json is not there"), "{}", printed.out);
    let json = place.run(&format!("hub verify --dir {} -o json", dir.display()));
    let value: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &value["problems"]["count"]), (Some(1), &1.into()));
    let why = place.fails(&format!("hub backup {} --dir {}", dir.join("b").display(), dir.display()));
    assert!(why.contains("it has no keys"), "{why}");
    assert!(place.fails("hub backup x").contains("say its directory with --dir DIR"));
    assert!(place.fails("hub verify Cargo.toml").contains("is no backup of a hub: it is no tar.gz"));
}

#[test]
fn a_kill_at_any_moment_leaves_nothing_half() {
    let place = Place::new();
    let (dir, home) = (place.dir(), place.dir().parent().unwrap().to_path_buf());
    place.ok(&format!("up --dir {} --exit-when-ready", dir.display()));
    let (file, target) = (home.join("hub.backup"), home.join("restored"));
    let kill = |words: &str, after: u64| {
        let mut child = place.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // time: the moment of the kill is what this is about
        std::thread::sleep(Duration::from_millis(after));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
    };
    let is_sound = |file: &Path| place.ok(&format!("hub verify {}", file.display())).ends_with("sound\n");
    for after in MOMENTS {
        let _ = fs::remove_file(&file);
        kill(&format!("hub backup {} --dir {}", file.display(), dir.display()), after);
        assert!(!file.exists() || is_sound(&file), "after {after} ms");
    }
    place.ok(&format!("hub backup {} --dir {} --overwrite", file.display(), dir.display()));
    assert_eq!(names(&home).iter().filter(|name| name.contains("partial")).count(), 0);
    let hub = id(&place, &dir);
    for after in MOMENTS {
        let _ = fs::remove_dir_all(&target);
        kill(&format!("hub restore {} --dir {}", file.display(), target.display()), after);
        if target.join("hub").exists() {
            assert_eq!(id(&place, &target), hub, "after {after} ms");
            continue;
        }
        if target.join("hub.restoring").exists() {
            let why = place.fails(&format!("up --dir {} --exit-when-ready", target.display()));
            assert!(why.contains("did not end: run `kurator hub restore FILE"), "{why}");
        }
        place.ok(&format!("hub restore {} --dir {}", file.display(), target.display()));
        assert_eq!((id(&place, &target), names(&target)), (hub.clone(), vec!["hub".to_owned()]), "after {after} ms");
    }
}

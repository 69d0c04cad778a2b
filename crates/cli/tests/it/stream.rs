//! stdout, stderr and the environment: what a terminal, a pipe or nobody sees.

use std::process::Stdio;

use crate::process::Place;

/// The writing end of a pipe that nobody reads.
fn nobody() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let mut place = Place::new();
    place.up_with("", "hub ready", nobody());
    for words in ["version", "completion bash", "status", "status -o json", "--help"] {
        let said = place.command(words).stdout(nobody()).output().unwrap();
        let err = String::from_utf8_lossy(&said.stderr);
        assert_eq!((said.status.code(), err.as_ref()), (Some(0), ""), "kurator {words}");
    }
    for words in ["status member/nobody", "sync app/nobody"] {
        let said = place.command(words).stderr(nobody()).output().unwrap();
        assert_eq!(said.status.code(), Some(1), "kurator {words}: it fails as it would if somebody listened");
    }
    place.signal("INT");
    assert_eq!(place.ended(), Some(0), "a hub runs on when nobody reads what it says");
}

#[test]
fn errors_name_what_comes_next() {
    let place = Place::new();
    let file = place.dir();
    std::fs::write(&file, "").unwrap();
    let inside = file.join("instance");
    let cannot = place.fails(&format!("up --dir {}", inside.display()));
    assert!(
        cannot.starts_with(&format!("error: cannot make {}; choose another directory with --dir: ", inside.display())),
        "{cannot}"
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    std::fs::remove_file(&file).unwrap();
    let busy = place.fails(&format!("up --dir {} --listen {address}", file.display()));
    assert!(busy.contains(&format!("cannot listen on {address}")) && busy.contains("--listen"), "{busy}");
    let nowhere = place.fails("status --dir /nowhere/at/all");
    assert!(nowhere.contains("start one with `kurator up --dir /nowhere/at/all`"), "{nowhere}");
}

#[test]
fn no_colour_is_asked_for_by_a_pipe_or_by_the_environment() {
    let place = Place::new();
    // `run` looks for escape codes.
    let mut command = place.command("up --dir /dev/null/x");
    let said = command.env("NO_COLOR", "1").env("KURATOR_LOG", "debug").output().unwrap();
    assert!(!said.stderr.contains(&b'\x1b'), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(said.status.code(), Some(1));
}

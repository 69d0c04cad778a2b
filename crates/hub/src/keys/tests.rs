use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use model::Timestamp;

use super::{FILE, Keys, LIFE, Pair, covers};
use crate::directory::Directory;

/// What a hub is told as that only its own machine uses.
const LOCAL: &str = "127.0.0.1";

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + secs).unwrap()
}

fn secs(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap()
}

#[test]
fn keys_are_made_once_and_renewed_with_their_authority_kept() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::open(root.path()).unwrap();
    let first = Keys::open(&directory, LOCAL, at(0)).unwrap();
    let path = directory.keys().join(FILE);
    let kept = fs::read(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "others cannot read it");
    assert_eq!(fs::read_dir(directory.keys()).unwrap().count(), 1, "nothing else is left there");
    let again = Keys::open(&directory, LOCAL, at(secs(LIFE) / 3)).unwrap();
    assert_eq!((&again.authority_pem, &again.admin), (&first.authority_pem, &first.admin));
    assert_eq!(fs::read(&path).unwrap(), kept, "a second start writes nothing");
    let later = Keys::open(&directory, LOCAL, at(secs(LIFE) * 2 / 3)).unwrap();
    assert_eq!(later.authority_pem, first.authority_pem);
    assert_ne!(later.admin, first.admin, "less than half of its life was left");
}

#[test]
fn a_damaged_file_is_not_replaced() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::open(root.path()).unwrap();
    fs::write(directory.keys().join(FILE), "{").unwrap();
    let error = Keys::open(&directory, LOCAL, at(0)).err().expect("refused");
    assert!(error.to_string().contains("hub.json holds no keys: restore it"), "{error}");
    assert_eq!(fs::read(directory.keys().join(FILE)).unwrap(), b"{");
}

#[test]
fn keys_that_are_lost_are_made_only_when_a_person_says_so() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::open(root.path()).unwrap();
    assert!(!Keys::is_there(&directory).unwrap());
    Keys::refuse_lost(&directory, 0).unwrap();
    let error = Keys::refuse_lost(&directory, 31).unwrap_err().to_string();
    let path = directory.keys().join(FILE);
    assert_eq!(
        error,
        format!(
            "{} is not there, and this hub has 31 objects: with new keys, no kubeconfig and no token that it gave out would be \
             good any more; restore it from a backup (`tar xzf FILE hub/keys/hub.json`), or write {{}} into it to have new keys made",
            path.display()
        )
    );
    fs::write(&path, "{}").unwrap();
    assert!(Keys::is_there(&directory).unwrap());
    Keys::open(&directory, LOCAL, at(0)).unwrap();
}

#[test]
fn a_store_that_is_lost_is_said_and_a_note_that_cannot_be_read_stops_nobody() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::open(root.path()).unwrap();
    Keys::refuse_lost_store(&directory, 0).unwrap();
    fs::write(directory.alive(), "2026-01-01T00:00:00Z\n").unwrap();
    Keys::refuse_lost_store(&directory, 5).unwrap();
    let why = Keys::refuse_lost_store(&directory, 0).unwrap_err().to_string();
    assert!(why.contains("store is empty, and a hub has lived here until 2026-01-01T00:00:00Z: "), "{why}");
    fs::write(directory.alive(), b"\xff\xfe").unwrap();
    Keys::refuse_lost_store(&directory, 5).unwrap();
    assert!(Keys::refuse_lost_store(&directory, 0).is_err());
}

#[test]
fn what_another_authority_signed_goes_with_it() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::open(root.path()).unwrap();
    let first = Keys::open(&directory, LOCAL, at(0)).unwrap();
    let path = directory.keys().join(FILE);
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    file.as_object_mut().unwrap().remove("ca");
    fs::write(&path, file.to_string()).unwrap();
    let second = Keys::open(&directory, LOCAL, at(0)).unwrap();
    assert!(first.authority_pem != second.authority_pem && first.admin != second.admin);
}

#[test]
fn the_servers_certificate_covers_what_clients_are_told_and_the_authority_stays() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::open(root.path()).unwrap();
    let first = Keys::open(&directory, LOCAL, at(0)).unwrap();
    let server = || -> Pair {
        let file: serde_json::Value = serde_json::from_slice(&fs::read(directory.keys().join(FILE)).unwrap()).unwrap();
        let certificate_pem = file["server"]["certificate"].as_str().unwrap().to_owned();
        Pair { certificate_pem, key_pem: String::new() }
    };
    let mut last = server();
    for host in ["hub.example.com", "192.0.2.7", "2001:db8::7"] {
        let keys = Keys::open(&directory, host, at(0)).unwrap();
        assert_eq!((&keys.authority_pem, &keys.admin), (&first.authority_pem, &first.admin));
        let now = server();
        assert!(now != last, "a new one for {host}");
        assert!(covers(&now, host) && covers(&now, "127.0.0.1") && covers(&now, "localhost"));
        assert!(!covers(&now, "other.example.com") && !covers(&now, "192.0.2.8"));
        Keys::open(&directory, host, at(0)).unwrap();
        assert!(server() == now, "a second start makes nothing");
        last = now;
    }
}

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use model::Timestamp;

use super::{FILE, Keys, LIFE};
use crate::directory::Directory;

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
    let first = Keys::open(&directory, at(0)).unwrap();
    let path = directory.keys().join(FILE);
    let kept = fs::read(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "others cannot read it");
    assert_eq!(fs::read_dir(directory.keys()).unwrap().count(), 1, "nothing else is left there");
    let again = Keys::open(&directory, at(secs(LIFE) / 3)).unwrap();
    assert_eq!((&again.authority_pem, &again.admin), (&first.authority_pem, &first.admin));
    assert_eq!(fs::read(&path).unwrap(), kept, "a second start writes nothing");
    let later = Keys::open(&directory, at(secs(LIFE) * 2 / 3)).unwrap();
    assert_eq!(later.authority_pem, first.authority_pem);
    assert_ne!(later.admin, first.admin, "less than half of its life was left");
}

#[test]
fn a_damaged_file_is_not_replaced() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::open(root.path()).unwrap();
    fs::write(directory.keys().join(FILE), "{").unwrap();
    let error = Keys::open(&directory, at(0)).err().expect("refused");
    assert!(error.to_string().contains("hub.json holds no keys: restore it"), "{error}");
    assert_eq!(fs::read(directory.keys().join(FILE)).unwrap(), b"{");
}

#[test]
fn what_another_authority_signed_goes_with_it() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::open(root.path()).unwrap();
    let first = Keys::open(&directory, at(0)).unwrap();
    let path = directory.keys().join(FILE);
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    file.as_object_mut().unwrap().remove("ca");
    fs::write(&path, file.to_string()).unwrap();
    let second = Keys::open(&directory, at(0)).unwrap();
    assert!(first.authority_pem != second.authority_pem && first.admin != second.admin);
}

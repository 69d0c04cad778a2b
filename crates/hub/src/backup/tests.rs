use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apiserver::{JsonProjection, Meta};
use model::Timestamp;
use serde_json::{Value, json};
use store::{Expect, Store, Write as StoreWrite};

use super::archive::Packer;
use super::{
    Error, MANIFEST, MARK, Manifest, restore, unfinished, verify_backup, verify_directory, write_backup, write_file,
};

const ID: &str = "hub-1234";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn object(api_version: &str, kind: &str, namespace: &str, name: &str, rest: &Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "uid": format!("uid-{kind}-{name}")},
    });
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    for (key, value) in rest.as_object().into_iter().flatten() {
        if key == "owners" {
            object["metadata"]["ownerReferences"] = value.clone();
        } else {
            object[key] = value.clone();
        }
    }
    object
}

async fn put(store: &Arc<dyn Store<Meta>>, resource: &str, object: &Value) {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let group = text("/apiVersion").split_once('/').map_or("", |(group, _)| group);
    let key = format!("/{group}/{resource}/{}/{}", text("/metadata/namespace"), text("/metadata/name"));
    let value = Some(object.to_string().into_bytes().into());
    store.write(StoreWrite { key: key.into_bytes().into(), expect: Expect::Any, value }).await.unwrap();
}

/// The directory of an instance with a small hub that has everything.
async fn instance() -> (tempfile::TempDir, Arc<dyn Store<Meta>>) {
    let dir = tempfile::tempdir().unwrap();
    let hub = dir.path().join("hub");
    fs::create_dir_all(hub.join("keys")).unwrap();
    let pair = json!({"certificate": "c", "key": "k"});
    fs::write(hub.join("keys/hub.json"), json!({"ca": pair, "token": pair}).to_string()).unwrap();
    fs::write(hub.join("hub.port"), "6443").unwrap();
    fs::create_dir(hub.join("cache")).unwrap();
    fs::write(hub.join("cache/artifact"), "not kept").unwrap();
    let store = store::disk::open(&hub.join("store"), JsonProjection, store::disk::Options::default()).unwrap();
    for namespace in ["kurator-system", "default"] {
        put(&store, "namespaces", &object("v1", "Namespace", "", namespace, &json!({}))).await;
    }
    use base64::Engine as _;
    let id = base64::engine::general_purpose::STANDARD.encode(ID);
    for name in ["kurator-hub-id", "kurator-hub-key"] {
        let secret = object("v1", "Secret", "kurator-system", name, &json!({"data": {"id": id}}));
        put(&store, "secrets", &secret).await;
    }
    (dir, store)
}

fn modes(dir: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for file in fs::read_dir(dir).unwrap() {
        let file = file.unwrap();
        found.push((file.file_name().into_string().unwrap(), file.metadata().unwrap().permissions().mode() & 0o777));
        if file.path().is_dir() {
            found.extend(modes(&file.path()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_is_restored_is_the_hub_at_the_moment_of_its_backup() {
    let (dir, store) = instance().await;
    let file = dir.path().join("a.backup");
    let manifest = write_file(dir.path(), &file, now(), false).unwrap();
    assert_eq!((manifest.hub.as_str(), manifest.revision), (ID, 4));
    let names: Vec<&str> = manifest.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["hub/keys/hub.json", "hub/hub.port", "hub/store/00000000000000000001.log"]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!dir.path().join("a.backup.partial").exists());

    // The hub goes on.
    put(&store, "namespaces", &object("v1", "Namespace", "", "later", &json!({}))).await;
    let target = tempfile::tempdir().unwrap();
    fs::create_dir(target.path().join("lost+found")).unwrap();
    let restored = restore(&file, target.path()).unwrap();
    assert_eq!(restored.manifest, manifest);
    fs::remove_dir(target.path().join("lost+found")).unwrap();
    let expect = [
        ("00000000000000000001.log", 0o600),
        ("hub", 0o700),
        ("hub.json", 0o600),
        ("hub.port", 0o600),
        ("keys", 0o700),
        ("store", 0o700),
    ];
    assert_eq!(modes(target.path()), expect.map(|(name, mode)| (name.to_owned(), mode)));
    for part in ["keys/hub.json", "hub.port"] {
        let of = |dir: &Path| fs::read(dir.join("hub").join(part)).unwrap();
        assert_eq!(of(target.path()), of(dir.path()), "{part}");
    }
    let opened =
        store::disk::open(&target.path().join("hub/store"), JsonProjection, store::disk::Options::default()).unwrap();
    assert_eq!((opened.revision().0, opened.snapshot().len()), (4, 4));
    drop(opened);
    // A backup of the restored hub is the same hub.
    let again = write_file(target.path(), &dir.path().join("b.backup"), now(), false).unwrap();
    assert_eq!(again, manifest);
}

#[tokio::test]
async fn a_backup_that_was_changed_or_cut_off_is_refused_before_anything_is_written() {
    let (dir, _store) = instance().await;
    let file = dir.path().join("a.backup");
    let manifest = write_file(dir.path(), &file, now(), false).unwrap();
    let sound = fs::read(&file).unwrap();
    let changed = dir.path().join("changed.backup");
    let target = dir.path().join("target");
    let check = |bytes: &[u8], what: String| {
        fs::write(&changed, bytes).unwrap();
        match restore(&changed, &target) {
            Err(Error::Damaged { .. } | Error::Foreign { .. } | Error::Format { .. }) => {
                assert!(!target.exists(), "{what}")
            }
            // What is unpacked is the same: bytes of gzip's header that mean nothing, and distances within zeros.
            Ok(restored) => {
                assert_eq!(restored.manifest, manifest, "{what}");
                fs::remove_dir_all(&target).unwrap();
                return true;
            }
            Err(error) => panic!("{what}: {error}"),
        }
        let error = verify_backup(&changed).unwrap_err().to_string();
        assert!(error.contains("changed.backup") && error.contains("backup"), "{what}: {error}");
        false
    };
    let harmless = (0..sound.len()).filter(|at| {
        let mut flipped = sound.clone();
        flipped[*at] ^= 0x10;
        check(&flipped, format!("byte {at}"))
    });
    let harmless: Vec<usize> = harmless.collect();
    assert!(harmless.len() * 10 < sound.len(), "{harmless:?} of {}", sound.len());
    for length in 0..sound.len() {
        assert!(!check(&sound[..length], format!("{length} bytes")), "{length}");
    }
    assert!(!check(&[sound.clone(), b"more".to_vec()].concat(), "more".to_owned()));
    assert!(check(&sound, "sound".to_owned()));
}

/// An archive with these files, whatever they are.
fn archive(dir: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    let file = dir.join("other.backup");
    let mut packer = Packer::new(fs::File::create(&file).unwrap(), 0);
    files.iter().for_each(|(name, content)| packer.add(name, content).unwrap());
    packer.finish().unwrap();
    file
}

#[test]
fn what_is_no_backup_is_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("target");
    let check = |file: &Path, expect: &str| {
        for error in [verify_backup(file).unwrap_err(), restore(file, &target).unwrap_err()] {
            assert!(error.to_string().contains(expect), "{expect}: {error}");
        }
        assert!(!target.exists(), "{expect}");
    };
    let text = dir.path().join("text");
    fs::write(&text, "kind: Secret\n".repeat(40)).unwrap();
    check(&text, "is no backup of a hub: it is no tar.gz");
    fs::write(&text, "").unwrap();
    check(&text, "it ends before it begins");
    check(dir.path(), "it is a directory");
    check(&dir.path().join("none"), "cannot open");
    check(&archive(dir.path(), &[]), "it is empty");
    check(&archive(dir.path(), &[("etcd.db", b"x")]), "it begins with \"etcd.db\"");
    check(&archive(dir.path(), &[(MARK, b"2\n")]), "has format 2, this build reads 1");
    check(&archive(dir.path(), &[(MARK, b"1\n")]), "it has no manifest");
    for name in ["hub/../../evil", "/etc/passwd", "hub/store/../x.log", "hub/keys/other.json", "hub/store/1.log"] {
        check(&archive(dir.path(), &[(MARK, b"1\n"), (name, b"x")]), "which no backup does");
    }
    check(&archive(dir.path(), &[(MARK, b"1\n"), (MANIFEST, b"{}")]), "its manifest: missing field");
    let manifest = |hub: &str, revision| {
        let (format, version, taken) = (1, String::new(), String::new());
        serde_json::to_vec(&Manifest { format, version, hub: hub.to_owned(), revision, taken, parts: Vec::new() })
            .unwrap()
    };
    check(&archive(dir.path(), &[(MARK, b"1\n"), (MANIFEST, &manifest("h", 3))]), "its store hub  at revision 0");
    let two = [(MARK, &b"1\n"[..]), (MANIFEST, &manifest("", 0)), (MANIFEST, &manifest("", 0))];
    check(&archive(dir.path(), &two), "something follows its manifest");
    check(&archive(dir.path(), &[(MARK, b"1\n"), ("hub/hub.port", b"1"), (MANIFEST, &manifest("", 0))]), "0 files");
}

#[tokio::test]
async fn a_restore_needs_an_empty_directory_and_removes_what_an_earlier_one_left() {
    let (dir, _store) = instance().await;
    let file = dir.path().join("a.backup");
    write_file(dir.path(), &file, now(), false).unwrap();
    let error = restore(&file, dir.path()).unwrap_err();
    assert!(matches!(&error, Error::NotEmpty { .. }) && error.to_string().contains("is not empty"), "{error}");

    // As a kill in the middle leaves it.
    let target = tempfile::tempdir().unwrap();
    fs::create_dir_all(target.path().join("hub.restoring/store")).unwrap();
    fs::write(target.path().join("hub.restoring/store/half"), "x").unwrap();
    assert!(unfinished(target.path()));
    restore(&file, target.path()).unwrap();
    assert!(!unfinished(target.path()) && !target.path().join("hub.restoring").exists());
    assert!(matches!(restore(&file, target.path()).unwrap_err(), Error::NotEmpty { found, .. } if found == "hub"));
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_leaves_what_was_there() {
    let (dir, store) = instance().await;
    let file = dir.path().join("a.backup");
    fs::write(&file, "the one of yesterday").unwrap();
    drop(store);
    let segment = dir.path().join("hub/store/00000000000000000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[200] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let error = write_file(dir.path(), &file, now(), true).unwrap_err().to_string();
    assert!(error.contains("is damaged at byte"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "the one of yesterday");
    assert!(!dir.path().join("a.backup.partial").exists());

    let empty = tempfile::tempdir().unwrap();
    for what in ["it has no keys", "it has no store"] {
        let error = write_file(empty.path(), &file, now(), true).unwrap_err().to_string();
        assert!(error.contains("there is no hub in") && error.contains(what), "{error}");
        fs::create_dir_all(empty.path().join("hub/keys")).unwrap();
        fs::write(empty.path().join("hub/keys/hub.json"), "{}").unwrap();
    }
    assert!(verify_directory(empty.path()).unwrap_err().to_string().contains("it has no store"));
    let error = write_file(dir.path(), dir.path(), now(), false).unwrap_err().to_string();
    assert!(error.contains("cannot write"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_there_is_replaced_only_when_that_is_wanted() {
    let (dir, _store) = instance().await;
    let file = dir.path().join("a.backup");
    fs::write(&file, "the one of yesterday").unwrap();
    let error = write_file(dir.path(), &file, now(), false).unwrap_err();
    assert!(matches!(&error, Error::Exists { path } if *path == file), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "the one of yesterday");
    write_file(dir.path(), &file, now(), true).unwrap();
    assert_eq!(verify_backup(&file).unwrap().counted.problems.count, 0);
    // One that comes while it is written stays too.
    let draft = dir.path().join("b.partial");
    fs::write(&draft, "new").unwrap();
    let error = super::make::name_new(&draft, &file).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    super::make::name_new(&draft, &dir.path().join("b.backup")).unwrap();
    assert!(!draft.exists() && fs::read_to_string(dir.path().join("b.backup")).unwrap() == "new");
}

/// A sink that is full after some bytes.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_is_not_blamed_on_the_store() {
    let (dir, store) = instance().await;
    // Enough that it is written before the end: random bytes do not become less.
    let noise: String = (0..40_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    put(&store, "configmaps", &object("v1", "ConfigMap", "default", "noise", &json!({"data": {"n": noise}}))).await;
    for room in [0, 200, 100_000] {
        let error = write_backup(dir.path(), &mut Full(room), now(), Path::new("out")).unwrap_err();
        assert!(
            matches!(&error, Error::Io { action: "write", path, .. } if path == Path::new("out")),
            "{room}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_look_at_a_hub_counts_and_says_what_does_not_fit_together() {
    let (dir, store) = instance().await;
    let file = dir.path().join("a.backup");
    let sound = verify_directory(dir.path()).unwrap();
    assert_eq!((sound.hub.as_str(), sound.revision, sound.segments, sound.taken), (ID, 4, 1, None));
    assert_eq!((sound.counted.objects, sound.counted.namespaces), (4, 2));
    assert_eq!((sound.counted.problems.count, sound.counted.notes.count), (0, 0), "{:?}", sound.counted);

    let owners = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "u-gone"}]);
    put(&store, "configmaps", &object("v1", "ConfigMap", "default", "owned", &json!({"owners": owners}))).await;
    put(&store, "configmaps", &object("v1", "ConfigMap", "lost", "a", &json!({}))).await;
    put(&store, "widgets", &object("x.io/v1", "Widget", "default", "w", &json!({}))).await;
    let members = json!({"spec": {"members": {"m": {"revision": "r1"}}}});
    put(&store, "decisions", &object("delivery.kurator.dev/v1alpha1", "Decision", "default", "d", &members)).await;
    let key = b"//secrets/kurator-system/kurator-hub-key".to_vec();
    store.write(StoreWrite { key: key.into(), expect: Expect::Any, value: None }).await.unwrap();
    fs::write(dir.path().join("hub/keys/hub.json"), "{}").unwrap();
    write_file(dir.path(), &file, now(), false).unwrap();
    let of_backup = verify_backup(&file).unwrap();
    let of_directory = verify_directory(dir.path()).unwrap();
    assert_eq!(of_backup.counted, of_directory.counted);
    assert!(of_backup.taken.is_some_and(|(taken, _)| taken == "2027-01-15T08:00:00Z"));
    let counted = of_directory.counted;
    assert_eq!(counted.kinds["ConfigMap"], 2);
    assert_eq!(counted.kinds["Widget.x.io"], 1);
    assert_eq!(
        counted.problems.first,
        [
            "ConfigMap lost/a is in a namespace that is not there",
            "Decision default/d is of a kind without a CustomResourceDefinition",
            "Widget default/w is of a kind without a CustomResourceDefinition",
            "Secret kurator-system/kurator-hub-key is not there: no member would know this hub",
            "hub/keys/hub.json holds no pair \"ca\"",
            "hub/keys/hub.json holds no pair \"token\"",
        ]
    );
    assert_eq!(
        counted.notes.first,
        [
            "ConfigMap default/owned is owned by ConfigMap gone (u-gone), which is gone: it will be collected",
            "Decision default/d names Revision r1, which is gone: it will be decided again",
        ]
    );
}

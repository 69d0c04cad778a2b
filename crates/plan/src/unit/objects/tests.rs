use serde_json::json;

use super::*;

fn key(byte: u8) -> HubKey {
    HubKey::from_random([byte; 32])
}

fn short() -> ShortId {
    "abcdefghij".parse().unwrap()
}

fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"},
        "data": {"value": value}})
}

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"},
        "data": {"password": value}})
}

#[test]
fn what_a_server_adds_is_no_input() {
    for (with, without) in [
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "labels": {"a": "b"},
                "uid": "u", "resourceVersion": "7", "generation": 2, "managedFields": [], "creationTimestamp": "t",
                "finalizers": ["f"], "ownerReferences": []}, "status": {}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "labels": {"a": "b"}}}),
        ),
        (
            json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
                "ports": [{"port": 80}]}}),
            json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}),
        ),
        (
            json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "None"}}),
            json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "None"}}),
        ),
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"annotations": {"deployment.kubernetes.io/revision": "3", "mine": "1"}}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"annotations": {"mine": "1"}}}),
        ),
        (
            json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"ttlSecondsAfterFinished": 5,
                "selector": {"matchLabels": {"controller-uid": "u"}},
                "template": {"metadata": {"labels": {"batch.kubernetes.io/controller-uid": "u", "a": "b"}}}}}),
            json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"selector": {"matchLabels": {}},
                "template": {"metadata": {"labels": {"a": "b"}}}}}),
        ),
        (
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "secrets": [{"name": "t"}]}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount"}),
        ),
        (
            json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token", "data": {"t": "x"}}),
            json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token"}),
        ),
    ] {
        assert_eq!(pruned(&with), without);
    }
}

#[test]
fn bodies_come_back_and_their_order_does_not_matter() {
    let (one, sealed) = pack(&[config("b", "2"), config("a", "1")], &short(), &key(1)).unwrap();
    let (other, _) = pack(&[config("a", "1"), config("b", "2")], &short(), &key(1)).unwrap();
    assert_eq!((&one, sealed), (&other, None));
    assert_eq!(unpack(&one, None).unwrap(), [config("a", "1"), config("b", "2")]);
    let (changed, _) = pack(&[config("a", "1"), config("b", "3")], &short(), &key(1)).unwrap();
    assert_ne!(one.digest, changed.digest);
}

#[test]
fn a_secret_is_never_in_the_revision_and_its_digest_tells_nothing_without_the_key() {
    let objects = [config("a", "1"), secret("aHVudGVyMg==")];
    let (inputs, sealed) = pack(&objects, &short(), &key(1)).unwrap();
    let sealed = sealed.unwrap();
    assert_eq!(inputs.sealed.as_ref(), Some(&sealed.name));
    assert!(sealed.name.starts_with("abcdefghij-"), "{}", sealed.name);
    let open = ObjectInputs { sealed: None, ..inputs.clone() };
    assert_eq!(unpack(&open, None).unwrap(), [config("a", "1")], "the Revision alone has no Secret");
    let missing = unpack(&inputs, None).unwrap_err();
    assert!(matches!(missing, ObjectsError::SealedMissing(_)), "a part is not taken for the whole: {missing}");
    assert_eq!(unpack(&inputs, Some(&sealed.data)).unwrap(), objects);
    assert!(!format!("{sealed:?}").contains("hunter") && !format!("{sealed:?}").contains("aHVudGVy"));
    let (other_key, _) = pack(&objects, &short(), &key(2)).unwrap();
    assert_ne!(inputs.digest, other_key.digest);
    let (other_value, _) = pack(&[config("a", "1"), secret("b3RoZXI=")], &short(), &key(1)).unwrap();
    assert_ne!(inputs.digest, other_value.digest, "a changed Secret is a new revision");
}

#[test]
fn too_much_is_refused_when_it_is_made_and_while_it_grows() {
    let half = "x".repeat(ObjectInputs::BYTES_MAX / 2);
    assert!(pack(&[config("a", &half)], &short(), &key(1)).is_ok());
    let error = pack(&[config("a", &half), config("b", &half)], &short(), &key(1)).unwrap_err();
    assert!(matches!(error, ObjectsError::TooLarge { .. }), "{error}");
    // 100 MB of zeros are 100 kB of gzip: what is stored by another hand must not fill the memory.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..100 {
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let data = STANDARD.encode(bomb.finish().unwrap());
    let inputs = ObjectInputs { digest: Digest::of(b""), data, sealed: None };
    assert!(matches!(unpack(&inputs, None).unwrap_err(), ObjectsError::TooLarge { .. }));
}

#[test]
fn what_cannot_be_read_says_so() {
    for data in ["%", "aGVsbG8=", ""] {
        let inputs = ObjectInputs { digest: Digest::of(b""), data: data.to_owned(), sealed: None };
        assert!(matches!(unpack(&inputs, None).unwrap_err(), ObjectsError::Malformed(_)), "{data:?}");
    }
    let no_list = ObjectInputs { digest: Digest::of(b""), data: STANDARD.encode(compress(&json!({}))), sealed: None };
    assert!(matches!(unpack(&no_list, None).unwrap_err(), ObjectsError::Malformed(_)));
}

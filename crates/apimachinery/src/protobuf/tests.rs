use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A length-delimited field.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(content);
    out
}

fn varint(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

fn check(api_version: &str, kind: &str, message: &[Vec<u8>], expect: Value) {
    let gv: model::GroupVersion = api_version.parse().unwrap();
    assert_eq!(decode_as(&gv.kind(kind), &message.concat()).unwrap(), expect);
}

fn refused(kind: &str, message: &[u8], expect: &str) {
    assert_eq!(decode_as(&GroupVersionKind::new("", "v1", kind), message).unwrap_err().to_string(), expect);
}

/// Bodies recorded from kubectl 1.37.1, with the object that the same command prints under `--dry-run=client -o json`
/// (of pointers without `null`).
#[test]
fn what_kubectl_sends_reads_as_what_kubectl_prints() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("kubectl.json")).unwrap();
    for case in cases {
        let body = STANDARD.decode(case["body"].as_str().unwrap()).unwrap();
        assert_eq!(decode(&body).unwrap(), case["object"], "{}", case["command"]);
    }
}

#[test]
fn special_types_read_as_their_json() {
    let quantity = |text: &[u8]| bytes(1, text);
    let hard = bytes(1, &[bytes(1, b"cpu"), bytes(2, &quantity(b"1.5"))].concat());
    check(
        "v1",
        "ResourceQuota",
        &[bytes(2, &hard)],
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {}, "spec": {"hard": {"cpu": "1500m"}}, "status": {}}),
    );
    let port = [bytes(2, b"TCP"), varint(3, 80), bytes(4, &[varint(1, 1), bytes(3, b"http")].concat())].concat();
    check(
        "v1",
        "Service",
        &[bytes(2, &bytes(1, &port))],
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "status": {"loadBalancer": {}},
               "spec": {"ports": [{"protocol": "TCP", "port": 80, "targetPort": "http"}]}}),
    );
    let entry = [bytes(1, b"k"), bytes(2, &[0, 255])].concat();
    let created = bytes(8, &[varint(1, 60), varint(2, 9)].concat());
    let fields = [bytes(1, b"me"), bytes(7, &bytes(1, br#"{"f:data":{}}"#))].concat();
    // managedFields: field 17, whose key needs two bytes.
    let metadata = [created, vec![0x8a, 0x01, fields.len() as u8], fields].concat();
    check(
        "v1",
        "Secret",
        &[bytes(1, &metadata), bytes(2, &entry)],
        json!({"apiVersion": "v1", "kind": "Secret", "data": {"k": "AP8="},
               "metadata": {"creationTimestamp": "1970-01-01T00:01:00Z",
                            "managedFields": [{"manager": "me", "fieldsV1": {"f:data": {}}}]}}),
    );
}

#[test]
fn zeroes_stay_only_where_go_has_pointers() {
    // replicas is a pointer and kept, paused is not and dropped, minReadySeconds likewise.
    let spec = [varint(1, 0), varint(7, 0), varint(5, 0)].concat();
    let got = decode_as(&GroupVersionKind::new("apps", "v1", "Deployment"), &bytes(2, &spec)).unwrap();
    assert_eq!(got["spec"]["replicas"], 0);
    assert_eq!(got["spec"].get("paused"), None);
    assert_eq!(got["spec"].get("minReadySeconds"), None);
    assert_eq!(got["status"], json!({}));
}

#[test]
fn delete_options_belong_to_every_group() {
    let expect = |api_version: &str| json!({"apiVersion": api_version, "kind": "DeleteOptions", "propagationPolicy": "Foreground"});
    for api_version in ["v1", "apps/v1", "example.com/v1alpha1"] {
        check(api_version, "DeleteOptions", &[bytes(4, b"Foreground")], expect(api_version));
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    assert_eq!(decode(b"{}"), Err(ProtobufError::NotKubernetes));
    assert_eq!(decode(b"k8s\0"), Err(ProtobufError::NoKind));
    let named = |api_version: &[u8], kind: &[u8]| bytes(1, &[bytes(1, api_version), bytes(2, kind)].concat());
    let body = |rest: &[Vec<u8>]| [MAGIC.to_vec(), named(b"v1", b"Pod"), rest.concat()].concat();
    assert!(matches!(decode(&body(&[bytes(4, b"text/plain")])), Err(ProtobufError::Encoding { .. })));
    assert!(matches!(decode(&body(&[bytes(3, b"gzip")])), Err(ProtobufError::Encoding { .. })));
    refused("Widget", b"", "v1, Kind=Widget has no protobuf encoding here: send JSON");
    refused("Pod", &[0x0a, 0x7f], "Pod: the message ends too early");
    refused("Pod", &bytes(2, &varint(2, 1)), "Pod.spec.containers: wire type 0 does not fit");
    refused("Pod", &bytes(1, &bytes(1, &[0xff])), "Pod.metadata.name: the text is not UTF-8");
    let bad_json = [0x8a, 0x01, 0x05, 0x3a, 0x03, 0x0a, 0x01, b'{'];
    refused("Pod", &bytes(1, &bad_json), "Pod.metadata.managedFields.fieldsV1: the embedded JSON cannot be read");
    let limits = bytes(1, &[bytes(1, b"cpu"), bytes(2, &bytes(1, b"much"))].concat());
    refused("ResourceQuota", &bytes(2, &limits), "spec.hard[cpu]: must be a quantity such as 500m or 2Gi");
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let mut schema = Vec::new();
    for _ in 0..100 {
        // JSONSchemaProps.not: field 28, whose key needs two bytes.
        schema = [vec![0xe2, 0x01], bytes(0, &schema)[1..].to_vec()].concat();
    }
    let crd = bytes(2, &bytes(7, &bytes(4, &bytes(1, &schema))));
    let error = decode_as(&GroupVersionKind::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), &crd);
    assert!(matches!(error, Err(ProtobufError::Depth { .. })), "{error:?}");

    let containers = bytes(2, &bytes(2, b"").repeat(300_000));
    let error = decode_as(&GroupVersionKind::new("", "v1", "Pod"), &containers);
    assert!(matches!(error, Err(ProtobufError::Values { .. })), "{error:?}");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (group, version, kind) in [("", "v1", "Pod"), ("apps", "v1", "Deployment"),
            ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), ("", "v1", "DeleteOptions")] {
            let _ = decode_as(&GroupVersionKind::new(group, version, kind), &body);
        }
        let _ = decode(&[MAGIC, &body].concat());
    }

    #[test]
    fn damaged_bodies_never_panic(case in 0..20_usize, at in 0..400_usize, to in any::<u8>(), cut in 0..400_usize) {
        let cases: Vec<Value> = serde_json::from_str(include_str!("kubectl.json")).unwrap();
        let mut body = STANDARD.decode(cases[case]["body"].as_str().unwrap()).unwrap();
        let length = body.len();
        body[at % length] = to;
        let _ = decode(&body);
        body.truncate(cut % length);
        let _ = decode(&body);
    }
}

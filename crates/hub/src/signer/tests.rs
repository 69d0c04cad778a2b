use pki::Pair;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::Value;

use super::*;

/// A request in PEM with these names: `CN` and `O`, of which rcgen has two spellings.
fn pem(names: &[(&str, &str)]) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let mut groups = 0;
    for (attribute, name) in names {
        let kind = match (*attribute, groups) {
            ("CN", _) => DnType::CommonName,
            (_, 0) => DnType::OrganizationName,
            _ => DnType::CustomDnType(vec![2, 5, 4, 10]),
        };
        groups += usize::from(*attribute == "O");
        params.distinguished_name.push(kind, *name);
    }
    params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
}

fn request(pem: &str, more: Value) -> CertificateSigningRequest {
    let approved =
        json!({"type": "Approved", "status": "True", "reason": "r", "lastUpdateTime": "2026-01-01T00:00:00Z"});
    let mut object = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "anna", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"signerName": SIGNER, "usages": [CLIENT_AUTH], "request": ByteString(pem.as_bytes().to_vec())},
        "status": {"conditions": [approved]}});
    for (field, value) in more.as_object().unwrap() {
        match value {
            Value::Object(inner) => inner.iter().for_each(|(name, value)| object[field][name] = value.clone()),
            other => object[field] = other.clone(),
        }
    }
    serde_json::from_value(object).unwrap()
}

fn verdict(request: &CertificateSigningRequest) -> String {
    match judge(request) {
        Verdict::Wait => "wait".to_owned(),
        Verdict::Issue(asked, life) => {
            format!("{} of {:?} for {} h", asked.user(), asked.groups(), life.as_secs() / 3_600)
        }
        Verdict::Refuse(reason, why) => format!("{reason}: {why}"),
    }
}

#[test]
fn what_becomes_of_a_request() {
    let anna = pem(&[("CN", "anna"), ("O", "team-a")]);
    let condition = |type_: &str| json!({"status": {"conditions": [{"type": type_, "status": "True"}]}});
    let mut said = String::new();
    for (what, pem, more) in [
        ("approved", anna.clone(), json!({})),
        ("two groups", pem(&[("CN", "anna"), ("O", "a"), ("O", "b")]), json!({})),
        ("a day", anna.clone(), json!({"spec": {"expirationSeconds": 86_400}})),
        ("ten years", anna.clone(), json!({"spec": {"expirationSeconds": 315_360_000}})),
        (
            "all usages",
            anna.clone(),
            json!({"spec": {"usages": ["digital signature", "key encipherment", "client auth"]}}),
        ),
        ("nobody approved it", anna.clone(), json!({"status": {"conditions": []}})),
        ("denied", anna.clone(), condition("Denied")),
        ("failed", anna.clone(), condition("Failed")),
        ("issued", anna.clone(), json!({"status": {"certificate": "Q0VSVA=="}})),
        (
            "another signer of Kubernetes",
            anna.clone(),
            json!({"spec": {"signerName": "kubernetes.io/kubelet-serving"}}),
        ),
        ("a signer of somebody else", anna.clone(), json!({"spec": {"signerName": "example.com/signer"}})),
        ("a server's", anna.clone(), json!({"spec": {"usages": ["client auth", "server auth"]}})),
        ("no usage", anna, json!({"spec": {"usages": []}})),
        ("administrators", pem(&[("CN", "anna"), ("O", "system:masters")]), json!({})),
        ("a user of the hub", pem(&[("CN", "system:kurator"), ("O", "team-a")]), json!({})),
        ("no name", pem(&[("O", "team-a")]), json!({})),
        ("no PEM", "hello".to_owned(), json!({})),
        ("a key", KeyPair::generate().unwrap().serialize_pem(), json!({})),
    ] {
        said.push_str(&format!("{what}: {}\n", verdict(&request(&pem, more))));
    }
    insta::assert_snapshot!("verdicts", said);
}

#[test]
fn a_request_that_somebody_changed_is_refused() {
    let whole = pem(&[("CN", "anna")]);
    let (head, body) = whole.split_once('\n').unwrap();
    // Another letter of the name: the signature is of the whole.
    let mut der = body.to_owned();
    let at = der.find("YW5uY").or_else(|| der.find("hbm5h")).or_else(|| der.find("Fubm")).expect("anna in Base64");
    der.replace_range(at..=at, if &der[at..=at] == "Y" { "Z" } else { "a" });
    let said = verdict(&request(&format!("{head}\n{der}"), json!({})));
    assert!(said.starts_with("SignerValidationFailure: spec.request: the request cannot be signed: "), "{said}");
}

#[test]
fn requests_that_are_done_with_go_after_an_hour_and_those_that_nobody_approved_after_a_day() {
    let anna = pem(&[("CN", "anna")]);
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let condition = |type_: &str| json!({"status": {"conditions": [{"type": type_, "status": "True", "lastUpdateTime": "2026-01-01T05:00:00Z"}]}});
    let issued = json!({"status": {"certificate": "Q0VSVA=="}});
    for (what, more, expect) in [
        ("pending", json!({"status": {"conditions": []}}), at("2026-01-02T00:00:00Z")),
        ("issued", issued, at("2026-01-01T01:00:00Z")),
        ("denied", condition("Denied"), at("2026-01-01T06:00:00Z")),
        ("failed", condition("Failed"), at("2026-01-01T06:00:00Z")),
        ("approved, for somebody else to sign", json!({"spec": {"signerName": "example.com/signer"}}), None),
    ] {
        assert_eq!(end_of(&request(&anna, more)), expect, "{what}");
    }
}

#[test]
fn what_is_signed_is_the_names_and_no_more() {
    let authority = Authority::new("test", "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let asked = Request::parse(pem(&[("CN", "anna"), ("O", "a"), ("O", "b")]).as_bytes()).unwrap();
    let pem = authority.requested_client(&asked, "2026-01-01T00:00:00Z".parse().unwrap(), LIFE).unwrap();
    let pair = Pair { certificate_pem: pem, key_pem: String::new() };
    let block = x509_parser::pem::parse_x509_pem(pair.certificate_pem.as_bytes()).unwrap().1;
    let certificate = block.parse_x509().unwrap();
    assert_eq!(certificate.subject().to_string(), "CN=anna, O=a, O=b");
    assert_eq!(certificate.validity().not_after.timestamp(), 1_767_225_600 + 90 * 86_400);
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any && !certificate.is_ca());
}

use std::time::Duration;

use model::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

#[test]
fn a_client_certificate_names_user_and_groups() {
    let authority = Authority::new("kurator", now()).expect("makes");
    let pair = authority.client("ann", &["a", "system:masters"], now(), YEAR).expect("signs");
    let der = CertificateDer::from_pem_slice(pair.certificate_pem.as_bytes()).expect("PEM");
    let (_, certificate) = X509Certificate::from_der(&der).expect("a certificate");
    let ends = certificate.validity().not_after.timestamp();
    assert_eq!(ends, now().as_second() + i64::try_from(YEAR.as_secs()).expect("small"));
    let subject = certificate.subject();
    assert_eq!(subject.iter_common_name().map(|cn| cn.as_str().expect("text")).collect::<Vec<_>>(), ["ann"]);
    let groups: Vec<_> = subject.iter_organization().map(|o| o.as_str().expect("text")).collect();
    assert_eq!(groups, ["a", "system:masters"]);
    assert!(matches!(authority.client("ann", &["a"; 3], now(), YEAR), Err(PkiError::Groups { .. })));
}

#[test]
fn an_authority_survives_storage() {
    let authority = Authority::new("kurator", now()).expect("makes");
    let again = Authority::from_pem(&authority.to_pem()).expect("reads");
    let pair = again.server(&["hub.example", "10.0.0.1"], now(), YEAR).expect("signs");
    server_config(&pair, again.certificate_pem()).expect("configures");
    assert!(!format!("{pair:?} {again:?}").contains("PRIVATE"), "keys do not show");
}

#[test]
fn a_kubeconfig_is_yaml_with_a_current_context() {
    let context = Context { name: "hub", server: "https://x", authority_pem: "A", credential: Credential::Token("t") };
    let value = model::yaml::parse(&kubeconfig(&[context])).expect("YAML");
    assert_eq!((&value["current-context"], &value["users"][0]["user"]["token"]), (&json!("hub"), &json!("t")));
}

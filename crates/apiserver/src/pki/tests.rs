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
    let (user, ends) = crate::authn::certificate(&der).expect("a user");
    assert_eq!(ends, now().as_second() + i64::try_from(YEAR.as_secs()).expect("small"));
    assert_eq!(&*user.name, "ann");
    assert_eq!(&*user.groups, ["a", "system:masters", "system:authenticated"]);
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

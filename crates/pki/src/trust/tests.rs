use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::*;

/// In 2027.
const NOW: u64 = 1_800_000_000;

fn params(is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["git.example".to_owned()]).unwrap();
    params.is_ca = if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2028, 1, 1);
    params
}

fn self_signed(params: &CertificateParams) -> CertificateDer<'static> {
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

/// What a client that was given `given` says to a server with `shown`.
fn says(
    given: &[&CertificateDer<'static>],
    shown: &CertificateDer<'static>,
    name: &str,
    now: u64,
) -> Result<(), String> {
    let given: Vec<_> = given.iter().map(|c| (*c).clone()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    let mut all = [Besides::Nobody, Besides::Machine].map(|besides| {
        let verifier = server_verifier(&given, besides).unwrap();
        verifier.verify_server_cert(shown, &[], &name, &[], now).map(drop).map_err(|e| e.to_string())
    });
    assert_eq!(all[0], all[1]);
    std::mem::replace(&mut all[0], Ok(()))
}

#[test]
fn a_certificate_that_was_given_is_trusted_as_it_is_and_checked_like_any_other() {
    let authority_key = KeyPair::generate().unwrap();
    let authority_params = params(true);
    let authority = authority_params.self_signed(&authority_key).unwrap().der().clone();
    let issuer = Issuer::new(authority_params, authority_key);
    let leaf =
        |params: &CertificateParams| params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().clone();
    let signed = leaf(&params(false));
    // What `openssl req -x509` makes.
    let own = self_signed(&params(true));
    let no_ca = self_signed(&params(false));
    let mut for_clients = params(false);
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let for_clients = leaf(&for_clients);
    let (name, other) = ("git.example", "other.example");
    for (what, given, shown, name, now, expect) in [
        ("signed by what was given", vec![&authority], &signed, name, NOW, Ok(())),
        ("an authority that is the server", vec![&own], &own, name, NOW, Ok(())),
        ("self-signed, no authority", vec![&no_ca], &no_ca, name, NOW, Ok(())),
        ("the leaf alone", vec![&signed], &signed, name, NOW, Ok(())),
        ("the leaf among others", vec![&own, &signed], &signed, name, NOW, Ok(())),
        ("another one of the same name", vec![&own], &no_ca, name, NOW, Err("BadSignature")),
        ("not given", vec![&own], &signed, name, NOW, Err("BadSignature")),
        ("another name", vec![&own], &own, other, NOW, Err("not valid for name \"other.example\"")),
        ("too early", vec![&own], &own, name, 1_700_000_000, Err("not valid yet")),
        ("too late", vec![&own], &own, name, 1_900_000_000, Err("expired")),
        ("not for servers", vec![&for_clients], &for_clients, name, NOW, Err("InvalidPurpose")),
    ] {
        let said = says(&given, shown, name, now);
        match expect {
            Ok(()) => assert_eq!(said, Ok(()), "{what}"),
            Err(why) => assert!(said.as_ref().is_err_and(|said| said.contains(why)), "{what}: {said:?}"),
        }
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    let own = rcgen::generate_simple_self_signed(["git.example".to_owned()]).unwrap();
    assert_eq!(certificates(format!("{0}{0}", own.cert.pem()).as_bytes()).unwrap().len(), 2);
    for (text, why) in [
        ("nonsense", "there is no certificate in it"),
        ("", "there is no certificate in it"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "base64"),
    ] {
        let said = certificates(text.as_bytes()).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
    let damaged = [CertificateDer::from(vec![1, 2, 3])];
    assert!(matches!(server_verifier(&damaged, Besides::Nobody), Err(PkiError::Authority { .. })));
    assert!(matches!(client_config(&damaged, Besides::Machine), Err(PkiError::Authority { .. })));
}

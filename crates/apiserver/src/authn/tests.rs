use std::time::Duration;

use pki::Authority;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::*;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[test]
fn a_client_certificate_names_user_and_groups() {
    let now = Timestamp::from_second(1_800_000_000).expect("in range");
    let authority = Authority::new("kurator", now).expect("makes");
    let pair = authority.client("ann", &["a", "system:masters"], now, YEAR).expect("signs");
    let der = CertificateDer::from_pem_slice(pair.certificate_pem.as_bytes()).expect("PEM");
    let (user, ends) = certificate(&der).expect("a user");
    assert_eq!(ends, now.as_second() + i64::try_from(YEAR.as_secs()).expect("small"));
    assert_eq!(&*user.name, "ann");
    assert_eq!(&*user.groups, ["a", "system:masters", "system:authenticated"]);
}

//! Requests for client certificates, as people make them with their own key.

use rcgen::{CertificateSigningRequestParams, PublicKey};
use rustls_pki_types::CertificateSigningRequestDer;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use crate::error::{GROUPS_MAX, PkiError};

/// What a block of PEM with a request is called; the second by tools of Microsoft.
const LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

/// A request whose signature was checked: the one who made it has the key.
#[derive(Clone, Debug)]
pub struct Request {
    user: String,
    groups: Vec<String>,
    pub(crate) public_key: PublicKey,
}

impl Request {
    /// Reads a request in PEM. Of the subject only the user's name (CN) and groups (O) count, as for Kubernetes; what else is asked
    /// for, such as other names, is left out of the certificate.
    ///
    /// # Errors
    /// [`PkiError::Request`], in words for the person who made it.
    pub fn parse(pem: &[u8]) -> Result<Self, PkiError> {
        let wrong = |why: String| PkiError::Request { why };
        let (_, block) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| wrong("it is no PEM".to_owned()))?;
        if !LABELS.contains(&block.label.as_str()) {
            return Err(wrong(format!("it is a {}, and no {}", block.label, LABELS[0])));
        }
        let der = CertificateSigningRequestDer::from(block.contents);
        // This checks the signature, too.
        let read = CertificateSigningRequestParams::from_der(&der).map_err(|error| wrong(error.to_string()))?;
        let (_, request) = X509CertificationRequest::from_der(&der).map_err(|error| wrong(error.to_string()))?;
        let subject = &request.certification_request_info.subject;
        let text = |attributes: Vec<Result<&str, _>>| -> Result<Vec<String>, PkiError> {
            let read = |text: Result<&str, x509_parser::error::X509Error>| text.map(str::to_owned);
            attributes
                .into_iter()
                .map(read)
                .collect::<Result<_, _>>()
                .map_err(|_| wrong("a name in its subject is no text".to_owned()))
        };
        let names = text(subject.iter_common_name().map(|name| name.as_str()).collect())?;
        let groups = text(organizations(subject))?;
        let [user] = <[String; 1]>::try_from(names).map_err(|names| {
            wrong(format!("its subject has {} common names (CN), and must have one: the user's name", names.len()))
        })?;
        if user.is_empty() || groups.iter().any(String::is_empty) {
            return Err(wrong("a name in its subject is empty".to_owned()));
        }
        if groups.len() > GROUPS_MAX {
            return Err(wrong(format!(
                "its subject has {} groups (O), and a certificate holds at most {GROUPS_MAX}: give the user more by RBAC bindings",
                groups.len()
            )));
        }
        Ok(Self { user, groups, public_key: read.public_key })
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The user's groups.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }
}

fn organizations<'a>(subject: &'a X509Name<'a>) -> Vec<Result<&'a str, x509_parser::error::X509Error>> {
    subject.iter_organization().map(|name| name.as_str()).collect()
}

//! Who may approve a certificate, and who may sign it: rights on the signer, besides those on the request
//! (`plugin/pkg/admission/certificates/{approval,signing}`).

use model::{Status, object};
use serde_json::Value;

use super::Attributes;
use crate::call::Call;
use crate::user::MASTERS;

/// Checks a write of the `approval` or `status` of a request that names a signer; other writes pass.
///
/// # Errors
/// 403 for who may not approve for, or sign as, the signer that the request names.
pub(crate) fn check(call: &Call, new: &Value, old: Option<&Value>) -> Result<(), Status> {
    let group = "certificates.k8s.io";
    let Some(old) = old.filter(|_| call.served.strategy.names_signer) else { return Ok(()) };
    let changed = |field: &str| object::get(new, &["status", field]) != object::get(old, &["status", field]);
    let verb = match call.subresource() {
        "approval" => "approve",
        "status" if changed("certificate") || changed("conditions") => "sign",
        _ => return Ok(()),
    };
    let signer = object::get_str(old, &["spec", "signerName"]).unwrap_or_default();
    // A rule may name the signer, or all signers of its domain.
    let domain = format!("{}/*", signer.split('/').next().unwrap_or_default());
    let may = |name: &str| {
        let what = Attributes { verb, group, version: "*", resource: "signers", name, ..Attributes::default() };
        call.state.authorizer.authorize(&call.user, &what, call.state.as_ref()).is_ok()
    };
    if call.user.is_in(MASTERS) || may(signer) || may(&domain) {
        return Ok(());
    }
    let why = match verb {
        "approve" => format!("user not permitted to approve requests with signerName {signer:?}"),
        _ => format!("user not permitted to sign requests with signerName {signer:?}"),
    };
    Err(Status::forbidden(&call.served.resource, call.name(), &why))
}

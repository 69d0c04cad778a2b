//! When a user's token or certificate ends, read from these themselves. Nothing is verified: the server does that. It is for
//! telling why a credential is refused.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::Timestamp;
use serde_json::Value;

/// The earliest end of what a user logs in with.
pub(super) fn of_user(user: &Value) -> Option<Timestamp> {
    let text = |field: &str| user.get(field).and_then(Value::as_str);
    let token = text("token").and_then(of_token);
    let certificate = text("client-certificate-data").and_then(of_certificate);
    [token, certificate].into_iter().flatten().min()
}

/// `exp` of a JSON Web Token (RFC 7519 4.1.4). Other tokens say nothing.
fn of_token(token: &str) -> Option<Timestamp> {
    let mut parts = token.trim().split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

/// The end of the first certificate, which is the user's own.
fn of_certificate(data: &str) -> Option<Timestamp> {
    let pem = STANDARD.decode(data.trim()).ok()?;
    let certificate = pki::certificates(&pem).ok()?.into_iter().next()?;
    pki::not_after(&certificate)
}

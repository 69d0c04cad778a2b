//! Who a request comes from: client certificates, bearer tokens, service account tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, Header, Validation};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::key;
use crate::state::State;
use crate::user::UserInfo;

/// The audience of tokens that are good for this server, and their issuer.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    name: String,
    uid: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Bound {
    namespace: String,
    serviceaccount: Named,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pod: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<Named>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    nbf: i64,
    iss: String,
    jti: String,
    sub: String,
    #[serde(rename = "kubernetes.io")]
    bound: Bound,
}

/// What a token is made for.
pub(crate) struct Grant<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) account: &'a str,
    pub(crate) uid: &'a str,
    pub(crate) audiences: Vec<String>,
    pub(crate) expires: Timestamp,
    /// Kind (`Pod`, `Secret`), name and uid of the object whose deletion ends the token.
    pub(crate) bound_to: Option<(&'a str, &'a str, &'a str)>,
}

/// Signs a service account token.
pub(crate) fn sign(state: &State, grant: Grant<'_>) -> Result<String, String> {
    let key = state.token_key.as_ref().ok_or("this server has no key for service account tokens")?;
    let now = state.now().as_second();
    let named = |kind: &str| {
        let (_, name, uid) = grant.bound_to.filter(|(k, ..)| *k == kind)?;
        Some(Named { name: name.to_owned(), uid: uid.to_owned() })
    };
    let claims = Claims {
        aud: grant.audiences.clone(),
        exp: grant.expires.as_second(),
        iat: now,
        nbf: now,
        iss: ISSUER.to_owned(),
        jti: state.ids.uid(),
        sub: format!("system:serviceaccount:{}:{}", grant.namespace, grant.account),
        bound: Bound {
            namespace: grant.namespace.to_owned(),
            serviceaccount: Named { name: grant.account.to_owned(), uid: grant.uid.to_owned() },
            pod: named("Pod"),
            secret: named("Secret"),
        },
    };
    jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key.encoding).map_err(|e| e.to_string())
}

/// The user of a bearer token that is good for this server.
pub(crate) fn bearer(state: &State, token: &str) -> Result<UserInfo, String> {
    reviewed(state, token, &[ISSUER.to_owned()]).map(|(user, _)| user)
}

/// The user of a token that is good for one of these audiences, and for which of them.
pub(crate) fn reviewed(state: &State, token: &str, audiences: &[String]) -> Result<(UserInfo, Vec<String>), String> {
    let shared = |own: &[String]| -> Result<Vec<String>, String> {
        let both: Vec<String> = audiences.iter().filter(|a| own.contains(a)).cloned().collect();
        if both.is_empty() { Err(format!("the token is for {own:?}, not for {audiences:?}")) } else { Ok(both) }
    };
    // The time of a comparison says nothing about how much of a token was right, and by digest nothing about its
    // length.
    let digest = Sha256::digest(token.as_bytes());
    let is_same = |known: &str| bool::from(Sha256::digest(known.as_bytes()).ct_eq(&digest));
    let fixed = state.tokens.iter().find(|(known, _)| is_same(known));
    if let Some((_, user)) = fixed {
        return Ok((user.clone(), shared(&[ISSUER.to_owned()])?));
    }
    let key = state.token_key.as_ref().ok_or("the token is not known")?;
    let mut rules = Validation::new(Algorithm::ES256);
    // Audiences are compared below, where the answer is which ones fit.
    rules.validate_aud = false;
    rules.set_issuer(&[ISSUER]);
    // Time comes from the server's clock, below.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    let data = jsonwebtoken::decode::<Claims>(token, &key.decoding, &rules).map_err(|e| e.to_string())?;
    let Claims { aud, exp, nbf, bound, jti, .. } = data.claims;
    let audiences = shared(&aud)?;
    let now = state.now().as_second();
    if now >= exp {
        return Err("the token has expired".to_owned());
    }
    if now < nbf {
        return Err("the token is not valid yet".to_owned());
    }
    // A token ends with its account, and with the object it is bound to: the same uid must still be there.
    alive(state, "serviceaccounts", &bound.namespace, &bound.serviceaccount)?;
    let mut extra =
        BTreeMap::from([("authentication.kubernetes.io/credential-id".to_owned(), vec![format!("JTI={jti}")])]);
    if let Some(pod) = &bound.pod {
        alive(state, "pods", &bound.namespace, pod)?;
        extra.insert("authentication.kubernetes.io/pod-name".to_owned(), vec![pod.name.clone()]);
        extra.insert("authentication.kubernetes.io/pod-uid".to_owned(), vec![pod.uid.clone()]);
    }
    if let Some(secret) = &bound.secret {
        alive(state, "secrets", &bound.namespace, secret)?;
    }
    let name = format!("system:serviceaccount:{}:{}", bound.namespace, bound.serviceaccount.name);
    let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{}", bound.namespace)];
    let user = UserInfo::new(&name, groups);
    let user = UserInfo { uid: Some(bound.serviceaccount.uid.as_str().into()), extra: Arc::new(extra), ..user };
    Ok((user, audiences))
}

fn alive(state: &State, resource: &str, namespace: &str, named: &Named) -> Result<(), String> {
    let entry = state.store.snapshot().get(&key::object("", resource, namespace, &named.name));
    match entry {
        Some(entry) if *entry.meta.uid == *named.uid => Ok(()),
        _ => Err(format!("the token's {resource} {namespace}/{} is gone", named.name)),
    }
}

/// The user of a client certificate in DER: CN is the name, each O a group; and the second in which it ends.
pub(crate) fn certificate(der: &[u8]) -> Option<(UserInfo, i64)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?;
    let groups = subject.iter_organization().filter_map(|o| o.as_str().ok().map(str::to_owned));
    Some((UserInfo::new(name, groups), certificate.validity().not_after.timestamp()))
}

/// The bearer token of a request: the `Authorization` header, if it has that form.
pub(crate) fn token_of(headers: &http::HeaderMap) -> Option<&str> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What a `TokenRequest` asks for, with its defaults.
pub(crate) fn requested(request: &Value) -> (Vec<String>, i64) {
    let list = model::object::get(request, &["spec", "audiences"]).and_then(Value::as_array).into_iter().flatten();
    let mut audiences: Vec<String> = list.filter_map(Value::as_str).map(str::to_owned).collect();
    if audiences.is_empty() {
        audiences.push(ISSUER.to_owned());
    }
    (audiences, model::object::get_i64(request, &["spec", "expirationSeconds"]).unwrap_or(3_600))
}

#[cfg(test)]
mod tests;

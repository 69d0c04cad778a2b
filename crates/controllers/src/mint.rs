//! Tokens of the service account that the hub works as in a member: made by the command line with the user's rights, and by
//! the hub with the account's own.

use std::time::Duration;

use api::kurator::minted::{Minted, NAMESPACE, SERVICE_ACCOUNT, TOKEN_SECRET_LABEL};
use client::{Api, Content, Delete, Error, Resource, Selection};
use k8s_openapi::api::core::v1::Secret;
use model::{Digest, Timestamp, object};
use plan::credential::{LIFE_ASKED, is_long_enough, is_token_secret_over};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Longest wait for the token of a new token Secret. The controller that writes it takes milliseconds.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks at a token Secret.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Type of a token Secret, and the annotation that names its account (`pkg/apis/core/types.go`).
const TOKEN_SECRET_TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

/// A token, and how it was made. Debug output does not show the token.
pub struct Token {
    /// Secret.
    pub text: String,
    /// How it was made.
    pub minted: Minted,
}

impl Token {
    fn new(text: String, minted: Minted) -> Self {
        let token_digest = Some(Digest::of(text.as_bytes()));
        Self { text, minted: Minted { token_digest, ..minted } }
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("minted", &self.minted).finish_non_exhaustive()
    }
}

/// Makes a token of the service account. Where the server grants less than [`plan::credential::LIFE_MIN`], a token Secret is
/// made, or one is taken that was made for this and not noted; where that stays empty, the short token is taken after all, and
/// renewed at a third of its life.
///
/// `context`: the user's context, for the command that makes another one. `before`: how the one that is replaced was made; it
/// goes on to work. `whose`: the hub and the attached cluster, for a first one.
///
/// # Errors
/// The member refuses, or does not answer.
pub async fn mint(
    api: &Api,
    now: Timestamp,
    context: &str,
    before: Option<&Minted>,
    whose: &str,
) -> Result<Token, Error> {
    let requested = request(api, now).await?;
    let minted = Minted {
        context: context.to_owned(),
        issued: now,
        expires: Some(requested.expires),
        token_digest: None,
        token_secret: None,
        used_by: before.and_then(|before| before.used_by.clone()),
        problem: None,
    };
    if is_long_enough(now, requested.expires) {
        return Ok(Token::new(requested.token, minted));
    }
    let name = plan::credential::token_secret_after(before, whose);
    match token_secret(api, &name, now).await? {
        Some((issued, text)) => {
            Ok(Token::new(text, Minted { issued, expires: None, token_secret: Some(name), ..minted }))
        }
        None => Ok(Token::new(requested.token, minted)),
    }
}

struct Requested {
    token: String,
    expires: Timestamp,
}

/// Asks for a token. The server says how long it is good for.
async fn request(api: &Api, now: Timestamp) -> Result<Requested, Error> {
    let accounts = Resource::core("ServiceAccount", "serviceaccounts", true);
    let target = accounts.target(NAMESPACE, SERVICE_ACCOUNT).part("token");
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": LIFE_ASKED.as_secs()}});
    let answer = api.create_part(&target, &request).await?;
    let token = object::get_str(&answer, &["status", "token"]).filter(|token| !token.is_empty());
    let said = object::get_str(&answer, &["status", "expirationTimestamp"]).and_then(|text| text.parse().ok());
    let granted_secs = object::get(&answer, &["spec", "expirationSeconds"]).and_then(Value::as_u64);
    // Our clock counts the time, so that one of the server that is wrong does not matter.
    let granted = granted_secs.and_then(|secs| now.checked_add(Duration::from_secs(secs)).ok());
    match (token, granted.or(said)) {
        (Some(token), Some(expires)) => Ok(Requested { token: token.to_owned(), expires }),
        _ => Err(Error::Malformed("a TokenRequest was answered without a token or its end".to_owned())),
    }
}

fn secrets() -> Resource {
    Resource::core("Secret", "secrets", true)
}

/// The token Secret of this name, made if it is not there: when it was made, and the token in it. `None` when no token came
/// into it, after which it is removed.
async fn token_secret(api: &Api, name: &str, now: Timestamp) -> Result<Option<(Timestamp, String)>, Error> {
    let issued = match api.get(&secrets().target(NAMESPACE, name)).await? {
        // Of one that another hub is about to delete nothing is to be had.
        Some(found) if is_ours(&found) && is_token_secret_over(made_at(&found, now), now) => {
            api.delete(&secrets().target(NAMESPACE, name), &Delete::exactly(&found)).await?;
            make_token_secret(api, name).await?;
            now
        }
        Some(found) if is_ours(&found) => made_at(&found, now),
        Some(_) => {
            return Err(Error::Malformed(format!(
                "Secret {NAMESPACE}/{name} is there already, and is no token Secret of service account {SERVICE_ACCOUNT}; \
                 see what it is for, and delete it"
            )));
        }
        None => {
            make_token_secret(api, name).await?;
            now
        }
    };
    let deadline = Instant::now() + TOKEN_WITHIN;
    while Instant::now() < deadline {
        let found = api.typed::<Secret>().get(NAMESPACE, name).await?;
        if let Some(token) = found.and_then(|secret| secret.data?.remove("token")) {
            let token = String::from_utf8(token.0)
                .map_err(|_| Error::Malformed(format!("Secret {NAMESPACE}/{name} holds no text as its token")))?;
            return Ok(Some((issued, token)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    remove_token_secret(api, name).await?;
    Ok(None)
}

async fn make_token_secret(api: &Api, name: &str) -> Result<(), Error> {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": TOKEN_SECRET_TYPE,
        "metadata": {
            "namespace": NAMESPACE, "name": name,
            "labels": {TOKEN_SECRET_LABEL: SERVICE_ACCOUNT},
            "annotations": {ACCOUNT_NAME: SERVICE_ACCOUNT},
        },
    });
    api.create(&secrets(), NAMESPACE, &secret).await.map(drop)
}

/// Is it a token Secret that Kurator made for its account?
fn is_ours(secret: &Value) -> bool {
    object::label(secret, TOKEN_SECRET_LABEL) == Some(SERVICE_ACCOUNT)
}

/// When a Secret was made, as the member says; not later than now.
fn made_at(secret: &Value, now: Timestamp) -> Timestamp {
    let said = object::get_str(secret, &["metadata", "creationTimestamp"]).and_then(|text| text.parse().ok());
    said.map_or(now, |said: Timestamp| said.min(now))
}

/// Removes a token Secret, and with it ends its token. One that is gone is fine; one that is not Kurator's stays.
///
/// # Errors
/// The member refuses, or does not answer.
pub async fn remove_token_secret(api: &Api, name: &str) -> Result<(), Error> {
    let target = secrets();
    let target = target.target(NAMESPACE, name);
    let Some(found) = api.get(&target).await? else { return Ok(()) };
    if is_ours(&found) {
        api.delete(&target, &Delete::exactly(&found)).await?;
    }
    Ok(())
}

/// Removes the token Secrets whose time is over, but for those in `used`: also those that nobody remembers. Returns how many.
///
/// # Errors
/// The member refuses, or does not answer.
pub async fn remove_old_token_secrets(api: &Api, now: Timestamp, used: &[&str]) -> Result<usize, Error> {
    let selection = Selection {
        content: Content::Metadata,
        ..Selection::labels(format!("{TOKEN_SECRET_LABEL}={SERVICE_ACCOUNT}"))
    };
    let mut removed = 0;
    for secret in api.list(&secrets(), NAMESPACE, &selection).await?.items {
        let name = object::name(&secret).unwrap_or_default();
        if used.contains(&name) || !is_ours(&secret) || !is_token_secret_over(made_at(&secret, now), now) {
            continue;
        }
        api.delete(&secrets().target(NAMESPACE, name), &Delete::exactly(&secret)).await?;
        removed += 1;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;

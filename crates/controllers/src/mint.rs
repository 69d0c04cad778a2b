//! Tokens of the service account that the hub works as in a member: made by the command line with the user's rights, and by
//! the hub with the account's own.

use std::time::Duration;

use api::kurator::minted::{Minted, NAMESPACE, SERVICE_ACCOUNT, TOKEN_SECRET_LABEL};
use client::{Api, Delete, Error, Resource};
use k8s_openapi::api::core::v1::Secret;
use model::{Digest, Timestamp, object};
use plan::credential::{LIFE_ASKED, is_long_enough};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Longest wait for the token of a new token Secret. The controller that writes it takes milliseconds.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks at a token Secret.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What token Secrets of Kurator are named; the server adds some characters.
const TOKEN_SECRET_PREFIX: &str = "kurator-token-";

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
/// made; where that stays empty, the short token is taken after all, and renewed at a third of its life.
///
/// `context`: the user's context, for the command that makes another one. `before`: how the one that is replaced was made.
///
/// # Errors
/// The member refuses, or does not answer.
pub async fn mint(api: &Api, now: Timestamp, context: &str, before: Option<&Minted>) -> Result<Token, Error> {
    let requested = request(api, now).await?;
    let mut minted = Minted {
        context: context.to_owned(),
        issued: now,
        expires: Some(requested.expires),
        token_digest: None,
        token_secret: None,
        // One that was not removed yet is removed now.
        replaces: before.and_then(|before| before.token_secret.clone().or_else(|| before.replaces.clone())),
        problem: None,
    };
    if is_long_enough(now, requested.expires) {
        return Ok(Token::new(requested.token, minted));
    }
    match token_secret(api).await? {
        Some((name, text)) => {
            (minted.token_secret, minted.expires) = (Some(name), None);
            Ok(Token::new(text, minted))
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

/// Makes a token Secret; `None` when no token came into it, after which it is removed.
async fn token_secret(api: &Api) -> Result<Option<(String, String)>, Error> {
    let secrets = Resource::core("Secret", "secrets", true);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "namespace": NAMESPACE, "generateName": TOKEN_SECRET_PREFIX,
            "labels": {TOKEN_SECRET_LABEL: SERVICE_ACCOUNT},
            "annotations": {"kubernetes.io/service-account.name": SERVICE_ACCOUNT},
        },
    });
    let created = api.create(&secrets, NAMESPACE, &secret).await?;
    let name = object::name(&created).unwrap_or_default().to_owned();
    let deadline = Instant::now() + TOKEN_WITHIN;
    while Instant::now() < deadline {
        let found = api.typed::<Secret>().get(NAMESPACE, &name).await?;
        if let Some(token) = found.and_then(|secret| secret.data?.remove("token")) {
            let token = String::from_utf8(token.0)
                .map_err(|_| Error::Malformed(format!("Secret {NAMESPACE}/{name} holds no text as its token")))?;
            return Ok(Some((name, token)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    remove_token_secret(api, &name).await?;
    Ok(None)
}

/// Removes a token Secret, and with it ends its token. One that is gone is fine; one that is not Kurator's stays.
///
/// # Errors
/// The member refuses, or does not answer.
pub async fn remove_token_secret(api: &Api, name: &str) -> Result<(), Error> {
    let secrets = Resource::core("Secret", "secrets", true);
    let target = secrets.target(NAMESPACE, name);
    let Some(found) = api.get(&target).await? else { return Ok(()) };
    if object::get_str(&found, &["metadata", "labels", TOKEN_SECRET_LABEL]) == Some(SERVICE_ACCOUNT) {
        api.delete(&target, &Delete::exactly(&found)).await?;
    }
    Ok(())
}

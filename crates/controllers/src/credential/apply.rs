//! Another token, into the Secret; and the end of the one that it replaced.

use std::time::Duration;

use api::kurator::annotation::MINTED;
use api::kurator::minted::Minted;
use client::Next;
use k8s_openapi::api::core::v1::Secret;
use model::Timestamp;
use plan::credential::AGAIN;
use serde_json::{Value, json};

use super::observe::Observed;
use super::{Ctx, IN_USE_AGAIN};
use crate::mint;
use crate::write::{self, WriteError, without_numbers};

/// Makes another token with the one that is in use, and writes it. What fails is noted in the Secret.
pub(super) async fn renew(ctx: &Ctx, observed: &Observed, now: Timestamp) -> Result<Next, WriteError> {
    let Observed { member, minted, connection, .. } = observed;
    let made = match connection {
        Some(connection) => mint::mint(&connection.api, now, &minted.context, Some(minted)).await,
        // The one before it is in use, since this one does not work: the member's record says so.
        None => return Ok(Next::After(AGAIN)),
    };
    match made {
        Ok(token) => {
            let Some(kubeconfig) = with_token(&observed.kubeconfig, &token.text) else { return Ok(Next::Wait) };
            write(ctx, observed, &token.minted, Some(kubeconfig)).await?;
            tracing::info!(%member, "the credential was renewed");
            // The change of the Secret leads to the next look.
            Ok(Next::After(IN_USE_AGAIN))
        }
        Err(error) => {
            tracing::warn!(%member, error = &error as &dyn std::error::Error, "the credential cannot be renewed");
            let problem = error.to_string();
            let is_said =
                minted.problem.as_deref().is_some_and(|said| without_numbers(said) == without_numbers(&problem));
            if !is_said {
                write(ctx, observed, &Minted { problem: Some(problem), ..minted.clone() }, None).await?;
            }
            Ok(Next::After(AGAIN))
        }
    }
}

/// Removes the token Secret that the credential in use replaces. Returns when to look again, if that is to be.
pub(super) async fn remove_replaced(ctx: &Ctx, observed: &Observed) -> Result<Option<Duration>, WriteError> {
    let Some(replaced) = &observed.minted.replaces else { return Ok(None) };
    let Some(connection) = &observed.connection else { return Ok(Some(IN_USE_AGAIN)) };
    if let Err(error) = mint::remove_token_secret(&connection.api, replaced).await {
        tracing::debug!(member = %observed.member, %error, "a replaced token Secret cannot be removed");
        return Ok(Some(AGAIN));
    }
    write(ctx, observed, &Minted { replaces: None, ..observed.minted.clone() }, None).await.map(|()| None)
}

/// Writes the annotation, and the kubeconfig if there is another, unless the Secret was changed meanwhile.
async fn write(ctx: &Ctx, observed: &Observed, minted: &Minted, kubeconfig: Option<String>) -> Result<(), WriteError> {
    let mut patch = json!({"metadata": {
        "resourceVersion": observed.version, "annotations": {MINTED: minted.to_text()}}});
    if let Some(kubeconfig) = kubeconfig {
        patch["stringData"] = json!({&observed.key: kubeconfig});
    }
    write::patch::<Secret>(&ctx.api, &observed.secret, "renew the credential in", &patch).await.map(drop)
}

/// The kubeconfig with another token. One that is not of the form that Kurator writes is a person's, and stays.
fn with_token(kubeconfig: &[u8], token: &str) -> Option<String> {
    let mut value = model::yaml::parse(std::str::from_utf8(kubeconfig).ok()?).ok()?;
    let users = value.get_mut("users").and_then(Value::as_array_mut).filter(|users| users.len() == 1)?;
    *users.first_mut()?.get_mut("user")?.get_mut("token")? = json!(token);
    Some(model::yaml::to_string(&value))
}

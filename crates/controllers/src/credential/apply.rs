//! Another token, into the Secret; and the end of the one that it replaced.

use std::time::Duration;

use api::kurator::annotation::MINTED;
use api::kurator::minted::Minted;
use client::{Credential, Next};
use k8s_openapi::api::core::v1::Secret;
use model::Timestamp;
use plan::credential::AGAIN;
use plan::journal::{Fact, turn};
use serde_json::json;

use super::observe::Observed;
use super::{Ctx, IN_USE_AGAIN};
use crate::connection::Prepared;
use crate::mint;
use crate::write::{self, WriteError, without_numbers};

/// Makes another token with the one that is in use, and writes it. What fails is noted in the Secret.
pub(super) async fn renew(ctx: &Ctx, observed: &Observed, now: Timestamp) -> Result<Next, WriteError> {
    let Observed { member, minted, connection, .. } = observed;
    // The one before it is in use, since this one does not work: the member's record says so.
    let Some(connection) = connection else { return Ok(Next::After(AGAIN)) };
    let token = match mint::mint(&connection.api, now, &minted.context, Some(minted)).await {
        Ok(token) => token,
        Err(error) => return note_problem(ctx, observed, error.to_string()).await,
    };
    let kubeconfig = observed.kubeconfig.with_token(&token.text);
    if let Err(problem) = go_on_with(ctx, observed, &kubeconfig).await {
        if let Some(name) = &token.minted.token_secret
            && let Err(error) = mint::remove_token_secret(&connection.api, name).await
        {
            tracing::debug!(%member, %error, "the token Secret of a token that does not work cannot be removed");
        }
        return note_problem(ctx, observed, problem).await;
    }
    write(ctx, observed, &token.minted, Some(kubeconfig)).await?;
    ctx.events.journal().note_fact(Fact::Turned(turn::renewed(member.as_str())));
    // The change of the Secret leads to the next look.
    Ok(Next::After(IN_USE_AGAIN))
}

/// Goes on with a new credential, if the member answers to it. Until then the Secret keeps the one before, which works: a
/// hub that starts again has nothing else.
async fn go_on_with(ctx: &Ctx, observed: &Observed, kubeconfig: &str) -> Result<(), String> {
    let credential = Credential::parse(kubeconfig.as_bytes(), ctx.trust).map_err(|error| error.to_string())?;
    let prepared = ctx.connections.prepare(&observed.member, &credential, observed.id.as_deref()).await;
    match prepared.map_err(|error| error.to_string())? {
        Prepared::Open(_) => Ok(()),
        Prepared::Kept(_, why) => Err(format!("a new token was made and does not work: {why}")),
        Prepared::Fresh(_) => Err("a new token was made and could not be tried: the member does not answer".to_owned()),
    }
}

/// Notes in the Secret why the credential was not renewed.
async fn note_problem(ctx: &Ctx, observed: &Observed, problem: String) -> Result<Next, WriteError> {
    let Observed { member, minted, .. } = observed;
    let is_said = minted.problem.as_deref().is_some_and(|said| without_numbers(said) == without_numbers(&problem));
    if !is_said {
        ctx.events.journal().note_fact(Fact::Turned(turn::not_renewed(member.as_str(), &problem)));
        write(ctx, observed, &Minted { problem: Some(problem), ..minted.clone() }, None).await?;
    }
    Ok(Next::After(AGAIN))
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

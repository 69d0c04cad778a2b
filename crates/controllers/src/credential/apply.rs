//! Another token, into the Secret; and the end of token Secrets whose time is over.

use api::kurator::annotation::MINTED;
use api::kurator::minted::Minted;
use client::{Credential, Next};
use k8s_openapi::api::core::v1::Secret;
use model::Timestamp;
use plan::credential::AGAIN;
use plan::journal::{Fact, turn};
use serde_json::json;

use super::Ctx;
use super::observe::Observed;
use crate::account;
use crate::connection::Prepared;
use crate::mint;
use crate::write::{self, WriteError, without_numbers};

/// Makes another token with the one that is in use, and writes it. What fails is noted in the Secret.
///
/// The one before goes on to work, for a hub that is restored from a backup in which nothing else is: a requested token until
/// its end, a token Secret until it is [`plan::credential::TOKEN_SECRET_LIFE`] old. A process that ends between the token and
/// the note leaves a token Secret that the next try finds by its name.
pub(super) async fn renew(ctx: &Ctx, observed: &Observed, now: Timestamp) -> Result<Next, WriteError> {
    let Observed { member, attached, minted, connection, .. } = observed;
    // The one before it is in use, since this one does not work: the member's record says so.
    let Some(connection) = connection else { return Ok(Next::After(AGAIN)) };
    let mut token = match mint::mint(&connection.api, now, &minted.context, Some(minted), "").await {
        Ok(token) => token,
        Err(error) => return note_problem(ctx, observed, error.to_string()).await,
    };
    if token.minted.used_by.is_none() {
        // It was attached by an earlier version. Another hub that leaves must not take the account along.
        match account::mark(&connection.api, &ctx.hub, &attached.namespace, &attached.name).await {
            Ok(mark) => token.minted.used_by = Some(mark),
            Err(error) => {
                tracing::debug!(%member, %error, "it cannot be noted on the account that this hub works as it")
            }
        }
    }
    let kubeconfig = observed.kubeconfig.with_token(&token.text);
    if let Err(Unused { why, is_refused }) = go_on_with(ctx, observed, &kubeconfig).await {
        // The next try would find the same one.
        if is_refused
            && let Some(name) = &token.minted.token_secret
            && let Err(error) = mint::remove_token_secret(&connection.api, name).await
        {
            tracing::debug!(%member, %error, "the token Secret of a token that does not work cannot be removed");
        }
        return note_problem(ctx, observed, why).await;
    }
    write(ctx, observed, &token.minted, Some(kubeconfig)).await?;
    ctx.events.journal().note_fact(Fact::Turned(turn::renewed(member.as_str())));
    let used = [&token.minted, minted].into_iter().filter_map(|minted| minted.token_secret.as_deref());
    let used: Vec<&str> = used.collect();
    match mint::remove_old_token_secrets(&connection.api, now, &used).await {
        Ok(0) => {}
        Ok(removed) => tracing::debug!(%member, removed, "token Secrets whose time is over were deleted"),
        // They are looked for at each renewal.
        Err(error) => tracing::warn!(%member, %error, "token Secrets whose time is over cannot be deleted"),
    }
    // The change of the Secret leads to the next look.
    Ok(Next::After(AGAIN))
}

/// Why a new credential is not used.
struct Unused {
    why: String,
    /// The member itself refuses it.
    is_refused: bool,
}

/// Goes on with a new credential, if the member answers to it. Until then the Secret keeps the one before, which works: a
/// hub that starts again has nothing else.
async fn go_on_with(ctx: &Ctx, observed: &Observed, kubeconfig: &str) -> Result<(), Unused> {
    let unused = |why: String| Unused { why, is_refused: false };
    let credential = Credential::parse(kubeconfig.as_bytes(), ctx.trust).map_err(|error| unused(error.to_string()))?;
    let prepared = ctx.connections.prepare(&observed.member, &credential, observed.id.as_deref()).await;
    match prepared.map_err(|error| unused(error.to_string()))? {
        Prepared::Open(_) => Ok(()),
        Prepared::Kept(_, why) => {
            Err(Unused { why: format!("a new token was made and does not work: {why}"), is_refused: why.is_denied() })
        }
        Prepared::Fresh(_) => {
            Err(unused("a new token was made and could not be tried: the member does not answer".to_owned()))
        }
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

/// Writes the annotation, and the kubeconfig if there is another, unless the Secret was changed meanwhile.
async fn write(ctx: &Ctx, observed: &Observed, minted: &Minted, kubeconfig: Option<String>) -> Result<(), WriteError> {
    let mut patch = json!({"metadata": {
        "resourceVersion": observed.version, "annotations": {MINTED: minted.to_text()}}});
    if let Some(kubeconfig) = kubeconfig {
        patch["stringData"] = json!({&observed.key: kubeconfig});
    }
    write::patch::<Secret>(&ctx.api, &observed.secret, "renew the credential in", &patch).await.map(drop)
}

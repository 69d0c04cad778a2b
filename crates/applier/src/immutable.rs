//! Finding out whether a member refused a change, and not the object.

use client::{Api, Document, Resource};
use plan::immutable;
use plan::prepare::Prepared;

/// Did the member refuse the change, and not the object? It is asked: one answer may say several things, and an object that is
/// invalid in itself, or that a policy does not let in, could not be made again. A member that cannot tell, such as one with
/// webhooks that have side effects, is taken at its words.
pub(crate) async fn is_change_refused(
    api: &Api,
    resource: &Resource,
    object: &Prepared,
    error: &client::Error,
) -> bool {
    let Some(message) = error.invalid() else { return false };
    let body = Document::from_bytes(object.body.clone());
    match api.create_dry_run(resource, &object.key.namespace, body).await {
        Err(error) if error.is_name_taken() => true,
        Err(error) if error.code() == Some(400) => immutable::is_named(message),
        _ => false,
    }
}

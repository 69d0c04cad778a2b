//! Revisions, decisions, the finalizer: what the plan says, in the order that a crash in between leaves whole.

use api::delivery::{Decision, DecisionSpec, Revision, RevisionSpec};
use api::kurator::annotation::APPLICATION_FINALIZER;
use api::kurator::apps::v1alpha1::Application;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};
use plan::journal::Fact;
use plan::unit::Plan;
use serde_json::json;

use super::Ctx;
use crate::write::{self, WriteError};
use client::NamespacedName;

pub(super) async fn apply(
    ctx: &Ctx,
    key: &NamespacedName,
    application: Option<&Application>,
    plan: &Plan,
) -> Result<(), WriteError> {
    let Plan { create_revisions, write_decisions, delete_decisions, delete_revisions, finalizer } = plan;
    // The finalizer before anything is placed, so that nothing placed can be forgotten.
    if let (Some(true), Some(application)) = (finalizer, application) {
        set_finalizer(ctx, key, application, true).await?;
    }
    // Revisions before the decisions that name them.
    for (name, spec) in create_revisions {
        create_revision(ctx, key, application, name, spec).await?;
    }
    for (name, spec) in write_decisions {
        write_decision(ctx, key, name, spec).await?;
    }
    for name in delete_decisions {
        write::delete::<Decision>(&ctx.api, &key.beside(name), None).await?;
    }
    for name in delete_revisions {
        write::delete::<Revision>(&ctx.api, &key.beside(name), None).await?;
    }
    // The finalizer goes last: after it the Application is no more.
    if let (Some(false), Some(application)) = (finalizer, application) {
        set_finalizer(ctx, key, application, false).await?;
    }
    Ok(())
}

async fn create_revision(
    ctx: &Ctx,
    key: &NamespacedName,
    application: Option<&Application>,
    name: &str,
    spec: &RevisionSpec,
) -> Result<(), WriteError> {
    let mut revision = Revision::new(name, spec.clone());
    revision.metadata.namespace = Some(key.namespace.clone());
    let owner = application.and_then(|a| a.controller_owner_ref(&()));
    // Revisions do not keep their Application from being deleted.
    let owner = owner.map(|owner| OwnerReference { block_owner_deletion: None, ..owner });
    revision.metadata.owner_references = owner.map(|owner| vec![owner]);
    ctx.revisions.learn(write::create(&ctx.api, &revision).await?);
    ctx.events.journal().note_fact(Fact::Revision { unit: spec.unit.clone(), revision: name.to_owned() });
    Ok(())
}

async fn write_decision(ctx: &Ctx, key: &NamespacedName, name: &str, spec: &DecisionSpec) -> Result<(), WriteError> {
    let object = json!({
        "apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision",
        "metadata": {"name": name, "namespace": key.namespace},
        "spec": spec,
    });
    ctx.decisions.learn(write::apply(&ctx.api, &object).await?);
    Ok(())
}

/// Adds or takes our finalizer, and no other, at the version that was decided from.
async fn set_finalizer(ctx: &Ctx, key: &NamespacedName, application: &Application, on: bool) -> Result<(), WriteError> {
    let mut finalizers: Vec<String> = application.finalizers().to_vec();
    finalizers.retain(|f| f != APPLICATION_FINALIZER);
    if on {
        finalizers.push(APPLICATION_FINALIZER.to_owned());
    }
    let patch = json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": application.resource_version(),
    }});
    // Gone already: nothing holds it any more.
    let written = write::patch::<Application>(&ctx.api, key, "set the finalizer of", &patch).await?;
    written.into_iter().for_each(|application| ctx.applications.learn(application));
    Ok(())
}

//! Revisions, decisions, the finalizer: what the plan says, in the order that a crash in between leaves whole.

use api::delivery::{Decision, DecisionSpec, Revision, RevisionSpec};
use api::kurator::annotation::APPLICATION_FINALIZER;
use api::kurator::apps::v1alpha1::Application;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use plan::unit::Plan;
use serde_json::json;

use super::{Ctx, FIELD_MANAGER};
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
        delete::<Decision>(&write::namespaced(&ctx.client, &key.namespace), name).await?;
    }
    for name in delete_revisions {
        delete::<Revision>(&write::namespaced(&ctx.client, &key.namespace), name).await?;
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
    let api: Api<Revision> = write::namespaced(&ctx.client, &key.namespace);
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let created = api.create(&params, &revision).await.map_err(|e| WriteError::new::<Revision>("create", name, e))?;
    ctx.revisions.learn(created);
    Ok(())
}

async fn write_decision(ctx: &Ctx, key: &NamespacedName, name: &str, spec: &DecisionSpec) -> Result<(), WriteError> {
    let object = json!({
        "apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision",
        "metadata": {"name": name, "namespace": key.namespace},
        "spec": spec,
    });
    let api: Api<Decision> = write::namespaced(&ctx.client, &key.namespace);
    ctx.decisions.learn(write::apply(&api, FIELD_MANAGER, &object).await?);
    Ok(())
}

async fn delete<K>(api: &Api<K>, name: &str) -> Result<(), WriteError>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(WriteError::new::<K>("delete", name, error)),
    }
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
    let api: Api<Application> = write::namespaced(&ctx.client, &key.namespace);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&key.name, &params, &Patch::Merge(&patch)).await {
        Ok(application) => {
            ctx.applications.learn(application);
            Ok(())
        }
        // Gone already: nothing holds it any more.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(WriteError::new::<Application>("set the finalizer of", &key.name, error)),
    }
}

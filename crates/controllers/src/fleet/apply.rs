//! The fleet's label on the objects that made its members.

use api::kurator::annotation::FLEET_NAME;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use kube::Api;
use kube::api::{Patch, PatchParams};
use plan::fleet::Plan;
use serde_json::{Value, json};

use super::{Ctx, FIELD_MANAGER};
use crate::write::{self, WriteError};
use client::NamespacedName;

pub(super) async fn apply(ctx: &Ctx, key: &NamespacedName, plan: &Plan) -> Result<(), WriteError> {
    let Plan { label, unlabel, status: _ } = plan;
    let api: Api<AttachedCluster> = write::namespaced(&ctx.client, &key.namespace);
    // Unlabelled first: a member that moves between fleets then never carries the name of the one that it left last.
    for name in unlabel {
        set(ctx, &api, name, Value::Null).await?;
    }
    for name in label {
        set(ctx, &api, name, json!(key.name)).await?;
    }
    Ok(())
}

async fn set(ctx: &Ctx, api: &Api<AttachedCluster>, name: &str, value: Value) -> Result<(), WriteError> {
    let patch = json!({"metadata": {"labels": {FLEET_NAME: value}}});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(name, &params, &Patch::Merge(&patch)).await {
        Ok(object) => {
            ctx.attached.learn(object);
            Ok(())
        }
        // Deleted in between: nothing is left to label.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(WriteError::new::<AttachedCluster>("label", name, error)),
    }
}

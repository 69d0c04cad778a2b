//! The fleet's label on the objects that made its members.

use api::kurator::annotation::FLEET_NAME;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use plan::fleet::Plan;
use serde_json::{Value, json};

use super::Ctx;
use crate::write::{self, WriteError};
use client::NamespacedName;

pub(super) async fn apply(ctx: &Ctx, key: &NamespacedName, plan: &Plan) -> Result<(), WriteError> {
    let Plan { label, unlabel, status: _ } = plan;
    // Unlabelled first: a member that moves between fleets then never carries the name of the one that it left last.
    for name in unlabel {
        set(ctx, &key.beside(name), Value::Null).await?;
    }
    for name in label {
        set(ctx, &key.beside(name), json!(key.name)).await?;
    }
    Ok(())
}

async fn set(ctx: &Ctx, attached: &NamespacedName, value: Value) -> Result<(), WriteError> {
    let patch = json!({"metadata": {"labels": {FLEET_NAME: value}}});
    // Deleted in between: nothing is left to label.
    let labelled = write::patch::<AttachedCluster>(&ctx.api, attached, "label", &patch).await?;
    labelled.into_iter().for_each(|object| ctx.attached.learn(object));
    Ok(())
}

//! What is known of a fleet's members.

use api::annotation::FLEET_NAME;
use api::fleet::v1alpha1::Fleet;
use kube::ResourceExt;
use model::GroupKind;
use plan::fleet::{Entry, Observed};

use crate::Ctx;
use crate::informer::Key;

pub(super) fn observe(ctx: &Ctx, fleet: &Fleet, key: &Key) -> Observed {
    let entries = fleet.spec.clusters.iter().map(|reference| {
        let attached = ctx.world.attached.get(&Key::new(&key.namespace, &reference.name));
        let supported = reference.kind == "AttachedCluster";
        let ready = attached.as_ref().and_then(|a| a.status.as_ref()).is_some_and(|s| s.ready);
        Entry {
            name: reference.name.clone(),
            supported,
            exists: supported && attached.is_some(),
            ready: supported && ready,
        }
    });
    let labelled = ctx.world.attached.list_in(&key.namespace);
    let labelled = labelled.iter().filter(|a| a.labels().get(FLEET_NAME) == Some(&key.name)).map(|a| a.name_any());
    let value = serde_json::to_value(fleet).unwrap_or_default();
    Observed {
        name: key.name.clone(),
        entries: entries.collect(),
        labelled: labelled.collect(),
        not_implemented: admit::not_implemented(&GroupKind::new("fleet.kurator.dev", "Fleet"), &value),
        status: fleet.status.clone().unwrap_or_default(),
        deleting: fleet.metadata.deletion_timestamp.is_some(),
    }
}

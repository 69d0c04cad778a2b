//! What is known of a fleet's members.

use std::collections::BTreeMap;

use api::kurator::annotation::FLEET_NAME;
use api::kurator::fleet::v1alpha1::Fleet;
use kube::ResourceExt;
use model::GroupKind;
use plan::fleet::{Entry, Observed};

use crate::Ctx;
use crate::informer::Key;

/// `fleet` is none when it is gone: then only its label is left to take away.
pub(super) fn observe(ctx: &Ctx, fleet: Option<&Fleet>, key: &Key) -> Observed {
    let labelled = ctx.world.attached.list_in(&key.namespace);
    let labelled = labelled.iter().filter(|a| a.labels().get(FLEET_NAME) == Some(&key.name)).map(|a| a.name_any());
    let labelled = labelled.collect();
    let Some(fleet) = fleet else {
        return Observed { name: key.name.clone(), labelled, deleting: true, ..Observed::default() };
    };
    let earlier = earlier(ctx, key);
    let entries = fleet.spec.clusters.iter().map(|reference| {
        let attached = ctx.world.attached.get(&Key::new(&key.namespace, &reference.name));
        let supported = reference.kind == "AttachedCluster";
        let ready = attached.as_ref().and_then(|a| a.status.as_ref()).is_some_and(|s| s.ready);
        Entry {
            name: reference.name.clone(),
            supported,
            exists: supported && attached.is_some(),
            ready: supported && ready,
            labelled_by: earlier.get(&reference.name).cloned(),
        }
    });
    let value = serde_json::to_value(fleet).unwrap_or_default();
    Observed {
        name: key.name.clone(),
        entries: entries.collect(),
        labelled,
        not_implemented: admit::not_implemented(&GroupKind::new("fleet.kurator.dev", "Fleet"), &value),
        status: fleet.status.clone().unwrap_or_default(),
        deleting: fleet.metadata.deletion_timestamp.is_some(),
    }
}

/// AttachedClusters that are listed by a fleet whose name comes before this one's, with the first such fleet.
fn earlier(ctx: &Ctx, key: &Key) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for other in ctx.world.fleets.list_in(&key.namespace) {
        let name = other.name_any();
        if name >= key.name || other.metadata.deletion_timestamp.is_some() {
            continue;
        }
        for reference in other.spec.clusters.iter().filter(|c| c.kind == "AttachedCluster") {
            out.entry(reference.name.clone()).or_insert_with(|| name.clone());
        }
    }
    out
}

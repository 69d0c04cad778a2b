//! The objects of one unit as they are in a member now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::delivery::label;
use client::{Api, Discovery, Error, Resource, Selection};
use futures::{StreamExt, TryStreamExt, stream};
use model::{GroupVersionKind, ObjectKey, object};
use plan::drift;
use plan::rights::Rights;
use serde_json::Value;

/// Requests to one member at the same time: a quarter of those of its applier, which goes first.
pub(super) const REQUESTS_AT_ONCE: usize = 8;
/// Objects of a kind that are asked for one by one; of more than these, all that carry the unit's label are listed, and what is
/// not among them is asked for.
const ONE_BY_ONE_MAX: usize = 3;

/// An object to look for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) key: ObjectKey,
    pub(super) version: String,
}

/// Reads objects. One that is not there, or whose kind the member does not serve, is missing in the result.
/// What the member gives no rights to is not asked for, and is missing too.
pub(super) async fn read(
    api: &Api,
    wanted: Vec<Wanted>,
    part_of: &str,
    rights: &Rights,
) -> Result<BTreeMap<ObjectKey, Value>, Error> {
    let discovery = Discovery::new(api.clone());
    let mut kinds: BTreeMap<(GroupVersionKind, String), Vec<ObjectKey>> = BTreeMap::new();
    for Wanted { key, version } in wanted.into_iter().filter(|wanted| rights.lack(&wanted.key).is_none()) {
        let gvk = GroupVersionKind::new(key.group.clone(), version, key.kind.clone());
        kinds.entry((gvk, rights.listed_in(&key).to_owned())).or_default().push(key);
    }
    let mut out = BTreeMap::new();
    let (mut alone, mut listed) = (Vec::new(), Vec::new());
    for ((gvk, namespace), keys) in kinds {
        let Some(resource) = discovery.find(&gvk).await? else { continue };
        if !namespace.is_empty() && !resource.namespaced {
            // A namespace does not make it less than cluster-scoped.
            continue;
        }
        if keys.len() > ONE_BY_ONE_MAX {
            listed.push((resource, namespace, keys));
        } else {
            alone.extend(keys.into_iter().map(|key| (resource.clone(), key)));
        }
    }
    let selection = Selection::labels(format!("{}={part_of}", label::APPLYSET_PART_OF));
    for (resource, namespace, keys) in listed {
        let found = api.list(&resource, &namespace, &selection).await?;
        let mut by_name: BTreeMap<(String, String), Value> = found.items.into_iter().map(named).collect();
        for key in keys {
            match by_name.remove(&(key.namespace.clone(), key.name.clone())) {
                Some(live) => drop(out.insert(key, live)),
                None => alone.push((resource.clone(), key)),
            }
        }
    }
    out.extend(get_each(api, alone).await?);
    Ok(out)
}

/// Reads objects by name, also those that others made. In a Namespace that is not there nothing else is asked for.
pub(super) async fn find(
    api: &Api,
    discovery: &Discovery,
    wanted: Vec<Wanted>,
    rights: &Rights,
) -> Result<BTreeMap<ObjectKey, Value>, Error> {
    let named: BTreeSet<&String> = wanted.iter().map(|wanted| &wanted.key.namespace).collect();
    let namespace = |name: &String| ObjectKey {
        group: String::new(),
        kind: "Namespace".to_owned(),
        namespace: String::new(),
        name: name.clone(),
    };
    let namespaces = named.into_iter().filter(|name| !name.is_empty()).map(namespace);
    let namespaces: Vec<ObjectKey> = namespaces.filter(|key| rights.lack(key).is_none()).collect();
    let mut absent = BTreeSet::new();
    if let Some(resource) = discovery.find(&GroupVersionKind::new("", "v1", "Namespace")).await? {
        let asked = namespaces.iter().map(|key| (resource.clone(), key.clone())).collect();
        let there = get_each(api, asked).await?;
        absent.extend(namespaces.into_iter().filter(|key| !there.contains_key(key)).map(|key| key.name));
    }
    let mut alone = Vec::new();
    for Wanted { key, version } in wanted {
        if absent.contains(&key.namespace) || rights.lack(&key).is_some() {
            continue;
        }
        let gvk = GroupVersionKind::new(key.group.clone(), version, key.kind.clone());
        if let Some(resource) = discovery.find(&gvk).await? {
            alone.push((resource, key));
        }
    }
    get_each(api, alone).await
}

/// Does an autoscaler have an object's replicas? One that cannot be asked for is not known to, as for an applier.
pub(super) async fn is_autoscaled(api: &Api, discovery: &Discovery, key: &ObjectKey) -> bool {
    let gvk = GroupVersionKind::new("autoscaling", "v2", "HorizontalPodAutoscaler");
    let Ok(Some(resource)) = discovery.find(&gvk).await else { return false };
    let listed = api.list(&resource, &key.namespace, &Selection::default()).await;
    listed.is_ok_and(|listed| drift::is_autoscaled(key, &listed.items))
}

async fn get_each(api: &Api, asked: Vec<(Arc<Resource>, ObjectKey)>) -> Result<BTreeMap<ObjectKey, Value>, Error> {
    let get = |(resource, key): (Arc<Resource>, ObjectKey)| async move {
        let live = api.get(&resource.target(&key.namespace, &key.name)).await?;
        Ok::<_, Error>(live.map(|live| (key, live)))
    };
    let found: Vec<_> = stream::iter(asked).map(get).buffer_unordered(REQUESTS_AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

fn named(live: Value) -> ((String, String), Value) {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    ((text(object::namespace(&live)), text(object::name(&live))), live)
}

//! Looking into Namespaces and definitions that would be deleted. Who counts as a stranger there is decided by
//! [`plan::inhabitant`].

use std::collections::BTreeSet;
use std::sync::Arc;

use client::{Api, Class, Resource, Selection, Served, Verb};
use futures::StreamExt as _;
use model::{HashedKey, KeySet};
use plan::inhabitant::{self, Deletes, Inhabitants, Inside};
use plan::inventory;
use plan::ownership::Claimant;
use tokio::time::Instant;

use crate::error::Error;
use crate::limit;

use super::Pass;

/// Who lived in a container, and when it was looked into.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    at: Instant,
    pub(super) inhabitants: Inhabitants,
}

impl Look {
    /// Is it young enough to plan with?
    pub(super) fn is_known(&self) -> bool {
        self.at.elapsed() < limit::LOOK_KEPT
    }

    /// Is it young enough to delete what was looked into, in a pass that began then? What waited for a later pass may have
    /// waited for long: for a finalizer, or for pods that take their time.
    pub(super) fn is_fresh(&self, began: Instant) -> bool {
        self.at > began && self.at.elapsed() < limit::LOOK_FRESH
    }
}

impl Pass {
    /// Looks into containers, and remembers for a while who lives there.
    pub(super) async fn look_into(&mut self, containers: &[Arc<HashedKey>], desired: &KeySet) -> Result<(), Error> {
        for key in containers {
            let inhabitants = match self.inhabitants(key, desired).await {
                Ok(inhabitants) => inhabitants,
                // An answer about one kind says nothing of the member.
                Err(e) if e.class() == Class::Unreachable && e.code().is_none_or(|code| code == 401) => return Err(e),
                Err(e) => Inhabitants::unseen(&e.to_string()),
            };
            self.unit.past.looks.insert(Arc::clone(key), Look { at: Instant::now(), inhabitants });
        }
        Ok(())
    }

    async fn inhabitants(&self, container: &Arc<HashedKey>, desired: &KeySet) -> Result<Inhabitants, Error> {
        let connection = &self.connection;
        let served = Served::discover(&connection.api).await?;
        let is_namespace = container.kind == "Namespace";
        if let Some((version, why)) = served.failed.first_key_value().filter(|_| is_namespace) {
            return Ok(Inhabitants::unseen(&format!("{version} does not answer: {why}")));
        }
        let kinds: Vec<Arc<Resource>> =
            served.kinds.iter().filter(|kind| is_inside(container, kind)).cloned().collect();
        if kinds.is_empty() && !is_namespace {
            return self.unserved(container, &served).await;
        }
        let lanes = connection.ctx.shared.lanes(connection.ctx.limits.objects_in_flight.min(kinds.len()));
        let part_of = inventory::applyset_id(&self.unit.short);
        let asks = Claimant { hub: &connection.ctx.hub, part_of: &part_of };
        let inside = match list_inside(&connection.api, Some(&asks), lanes.width, container, &served, kinds).await? {
            Ok(inside) => inside,
            Err(unseen) => return Ok(unseen),
        };
        let leaving = !self.entry.removal.is_none();
        let deletes = Deletes { inventory: &self.unit.inventory, desired, leaving };
        Ok(inhabitant::inhabitants(container, Some(deletes), &inside))
    }

    /// Who has objects of a definition whose kind the member does not serve: perhaps it does not answer just now.
    async fn unserved(&self, definition: &Arc<HashedKey>, served: &Served) -> Result<Inhabitants, Error> {
        let version = self.unit.inventory.get(definition).map(|entry| Arc::clone(&entry.version)).unwrap_or_default();
        let Some((_, live)) = self.recorded(definition, &version).await? else { return Ok(Inhabitants::Nobody) };
        let accepted = model::object::get_str(&live, &["status", "acceptedNames", "kind"]).unwrap_or_default();
        if model::object::is_deleting(&live) || accepted.is_empty() {
            // It was never served.
            return Ok(Inhabitants::Nobody);
        }
        let why = served.failed.values().next().map_or("the member does not serve its kind now", String::as_str);
        Ok(Inhabitants::unseen(why))
    }
}

/// Who lives in a namespace in which this hub has nothing any more, at most so many lists at a time.
pub(crate) async fn into_namespace(api: &Api, width: usize, namespace: &HashedKey) -> Result<Inhabitants, Error> {
    let served = Served::discover(api).await?;
    if let Some((version, why)) = served.failed.first_key_value() {
        return Ok(Inhabitants::unseen(&format!("{version} does not answer: {why}")));
    }
    let kinds = served.kinds.iter().filter(|kind| is_inside(namespace, kind)).cloned().collect();
    Ok(match list_inside(api, None, width, namespace, &served, kinds).await? {
        Ok(inside) => inhabitant::inhabitants(namespace, None, &inside),
        Err(unseen) => unseen,
    })
}

/// Lists what of these kinds is in a container, for the unit that asks; an answer when there is too much.
async fn list_inside(
    api: &Api,
    asks: Option<&Claimant<'_>>,
    width: usize,
    container: &HashedKey,
    served: &Served,
    kinds: Vec<Arc<Resource>>,
) -> Result<Result<Vec<Inside>, Inhabitants>, Error> {
    let namespaced: BTreeSet<(&str, &str)> = served
        .kinds
        .iter()
        .filter(|kind| kind.namespaced)
        .map(|kind| (kind.group.as_str(), kind.kind.as_str()))
        .collect();
    let namespace = if container.kind == "Namespace" { container.name.as_str() } else { "" };
    let namespaced = &namespaced;
    let list = |kind: Arc<Resource>| async move {
        let read = |object| {
            let is_namespaced = |group: &str, kind: &str| namespaced.contains(&(group, kind));
            Some(Inside::read(&kind.group, &kind.kind, &object, asks, is_namespaced))
        };
        match api.list_as(&kind, namespace, &Selection::metadata(), read).await {
            Ok(listed) => Ok(Ok(listed.items)),
            // A definition that has just gone, or a server that does not say what it has: discovery will tell.
            Err(e) if e.is_path_unknown() => Ok(Err(Inhabitants::unseen(&format!(
                "the member says that it has {kind}, and does not find their list; repair or delete the \
                 CustomResourceDefinition or APIService of that kind there"
            )))),
            Err(e) => Err(e),
        }
    };
    let mut lists = futures::stream::iter(kinds.into_iter().map(list)).buffered(width);
    let mut inside = Vec::new();
    while let Some(listed) = lists.next().await {
        match listed? {
            Ok(listed) => inside.extend(listed),
            Err(unseen) => return Ok(Err(unseen)),
        }
        if inside.len() > limit::INSIDE_MAX {
            return Ok(Err(Inhabitants::unseen(&format!("it has more than {} objects", limit::INSIDE_MAX))));
        }
    }
    Ok(Ok(inside))
}

/// Are objects of a kind in a container, so that they go with it? Kinds whose objects cannot be deleted are shown and not
/// kept, such as measurements of pods.
fn is_inside(container: &HashedKey, kind: &Resource) -> bool {
    let is_kept = kind.can(Verb::List) && kind.can(Verb::Delete);
    let is_in = match container.name.split_once('.') {
        _ if container.kind == "Namespace" => kind.namespaced,
        Some((plural, group)) => kind.plural == plural && kind.group == group,
        None => false,
    };
    is_kept && is_in
}

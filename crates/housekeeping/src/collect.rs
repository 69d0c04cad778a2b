//! What garbage collection does with one object: a pure decision.
//!
//! | the object | then |
//! |---|---|
//! | is being deleted with the `orphan` finalizer | dependents lose their reference to it, then the finalizer goes |
//! | is being deleted with the `foregroundDeletion` finalizer | dependents are looked at; when none blocks, the finalizer goes; one that waits for the object in turn stops blocking |
//! | is being deleted otherwise, or has no owners | nothing |
//! | has an owner that lives | references to owners that are gone or wait for it are dropped |
//! | has only owners that wait for it, and dependents of its own | it is deleted in the foreground |
//! | has only owners that are gone or wait | it is deleted, as its own finalizers ask, in the background by default |
//!
//! An owner is gone only when a live read says so (404, or the name belongs to another UID). An owner that cannot be
//! looked up (its kind is not served, or is namespaced while the dependent is not) is never taken for gone.
//! Follows `pkg/controller/garbagecollector/garbagecollector.go`.

use client::Propagation;

use crate::graph::{Item, Uid};

/// What is known of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// It lives.
    Present,
    /// It is being deleted in the foreground and waits for its dependents.
    Waiting,
    /// A live read says that it is not there.
    Gone,
    /// It cannot be looked up.
    Unknown,
}

/// A dependent, seen from its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// UID.
    pub uid: Uid,
    /// Does its reference hold up the owner?
    pub blocks: bool,
    /// Is it being deleted?
    pub deleting: bool,
    /// Is it being deleted in the foreground?
    pub waiting: bool,
    /// Does it wait, directly or over others, for the object itself to go? Then neither would ever go.
    pub circle: bool,
}

/// What to do with an object, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Remove the object's UID from this dependent's owner references.
    Release(Uid),
    /// Stop this dependent from blocking: the owners form a circle.
    Unblock(Uid),
    /// Look at this dependent: it is to be deleted for the object's sake.
    Look(Uid),
    /// Remove the object's orphan finalizer.
    EndOrphan,
    /// Remove the object's foreground finalizer.
    EndForeground,
    /// Drop the object's references to these owners.
    Disown(Vec<Uid>),
    /// Delete the object.
    Delete(Propagation),
}

/// Decides. `owners` has one state for each of the object's owner references, in order.
pub fn decide(item: &Item, owners: &[OwnerState], dependents: &[Dependent]) -> Vec<Step> {
    if item.deleting && item.orphan {
        let release = dependents.iter().map(|d| Step::Release(d.uid.clone()));
        return release.chain([Step::EndOrphan]).collect();
    }
    if item.waiting() {
        let blocking: Vec<&Dependent> = dependents.iter().filter(|d| d.blocks).collect();
        if blocking.is_empty() {
            return vec![Step::EndForeground];
        }
        let step = |d: &Dependent| match (d.deleting, d.circle) {
            (false, _) => Some(Step::Look(d.uid.clone())),
            (true, true) => Some(Step::Unblock(d.uid.clone())),
            (true, false) => None,
        };
        return blocking.into_iter().filter_map(step).collect();
    }
    if item.deleting || item.owners.is_empty() {
        return Vec::new();
    }
    let with = |wanted: OwnerState| -> Vec<Uid> {
        let pairs = item.owners.iter().zip(owners);
        pairs.filter(|(_, state)| **state == wanted).map(|(owner, _)| owner.uid.clone()).collect()
    };
    let (gone, waiting) = (with(OwnerState::Gone), with(OwnerState::Waiting));
    if gone.len() + waiting.len() < item.owners.len() {
        let drop: Vec<Uid> = gone.into_iter().chain(waiting).collect();
        return if drop.is_empty() { Vec::new() } else { vec![Step::Disown(drop)] };
    }
    if !waiting.is_empty() && !dependents.is_empty() {
        let circle = dependents.iter().any(|d| d.waiting);
        let unblock = dependents.iter().filter(|d| circle && d.blocks).map(|d| Step::Unblock(d.uid.clone()));
        return unblock.chain([Step::Delete(Propagation::Foreground)]).collect();
    }
    let policy = match (item.orphan, item.foreground) {
        (true, _) => Propagation::Orphan,
        (_, true) => Propagation::Foreground,
        _ => Propagation::Background,
    };
    vec![Step::Delete(policy)]
}

#[cfg(test)]
mod tests;

//! Nodes, real ones or those of a model, that replicas are put on for a try: each replica on the first node that has room.

use super::need::{Claim, CompiledClaim, Need};
use crate::fleet::{Fleet, Member, Node, Nodes};
use crate::reservation::{Reserved, Reserves};
use crate::resource::Vector;
use crate::symbol::Symbols;

/// Nodes with what is free on them.
pub(crate) struct Room<'a> {
    bins: Vec<Bin<'a>>,
    /// Symbols of real nodes; those of a model are counted in the fleet's.
    symbols: Option<&'a Symbols>,
}

/// Equal nodes.
#[derive(Clone)]
struct Bin<'a> {
    free: Vector,
    count: i64,
    node: Option<&'a Node>,
}

/// How many replicas fit on the nodes of a member in which nothing is reserved.
pub(crate) fn on_nodes(nodes: &Nodes, need: &Need, claim: Claim<'_>) -> i64 {
    let vector = Vector::with(&need.amounts, false, |name| nodes.symbols.find(name));
    let claim = CompiledClaim::of(claim, &nodes.symbols);
    let open = nodes.iter().filter(|node| claim.accepts(node, &nodes.symbols));
    open.filter_map(Node::free).fold(0, |sum, free| sum.saturating_add(free.holds(&vector)))
}

fn kinds(reserved: Option<&Reserves>) -> impl Iterator<Item = &Reserved> {
    reserved.into_iter().flat_map(|reserved| &reserved.kinds).filter(|kind| kind.replicas > 0)
}

impl<'a> Room<'a> {
    /// The nodes of a member, next to what is reserved.
    pub(crate) fn of_nodes(nodes: &'a Nodes, reserved: Option<&Reserves>) -> Self {
        let bin = |node: &'a Node| node.free().map(|free| Bin { free, count: 1, node: Some(node) });
        let mut room = Self { bins: nodes.iter().filter_map(bin).collect(), symbols: Some(&nodes.symbols) };
        for other in kinds(reserved) {
            let need = Vector::with(&other.requests, false, |name| nodes.symbols.find(name));
            room.fill(&need, &CompiledClaim::of(Claim(other.claim.as_ref()), &nodes.symbols), other.replicas);
        }
        room
    }

    /// The nodes of a member as its model says, next to what is reserved.
    pub(crate) fn of_grades(member: &Member, fleet: &'a Fleet, reserved: Option<&Reserves>) -> Self {
        let grades = member.sizes.iter().zip(&member.counts).filter(|(_, count)| **count > 0);
        let bins = grades.map(|(size, count)| Bin { free: size.clone(), count: *count, node: None }).collect();
        let mut room = Self { bins, symbols: None };
        for other in kinds(reserved) {
            let need = Vector::with(&other.requests, false, |name| fleet.symbols.find(name));
            room.fill(&need, &CompiledClaim::of(Claim(None), &fleet.symbols), other.replicas);
        }
        room
    }

    /// How many replicas fit.
    pub(crate) fn holds(&self, need: &Need, claim: Claim<'_>) -> i64 {
        let vector = self.vector(need);
        let claim = self.symbols.map(|symbols| CompiledClaim::of(claim, symbols));
        let open = self.bins.iter().filter(|bin| self.is_open(bin, claim.as_ref()));
        open.fold(0, |sum, bin| sum.saturating_add(bin.free.holds(&vector).saturating_mul(bin.count)))
    }

    /// How many whole sets fit, at most `most`.
    pub(crate) fn holds_sets(mut self, parts: &[(Need, Claim<'_>, i64)], most: i64) -> i64 {
        let symbols = self.symbols;
        let none = Symbols::default();
        let compiled: Vec<_> = parts
            .iter()
            .map(|(need, claim, replicas)| {
                (self.vector(need), CompiledClaim::of(*claim, symbols.unwrap_or(&none)), *replicas)
            })
            .collect();
        let mut sets = 0;
        while sets < most && compiled.iter().all(|(need, claim, replicas)| self.fill(need, claim, *replicas)) {
            sets += 1;
        }
        sets
    }

    /// The need in the symbols of these nodes.
    fn vector(&self, need: &Need) -> Vector {
        match self.symbols {
            Some(symbols) => Vector::with(&need.amounts, false, |name| symbols.find(name)),
            None => need.of_node.clone(),
        }
    }

    fn is_open(&self, bin: &Bin<'_>, claim: Option<&CompiledClaim>) -> bool {
        match (bin.node, claim, self.symbols) {
            (Some(node), Some(claim), Some(symbols)) => claim.accepts(node, symbols),
            _ => true,
        }
    }

    /// Puts replicas on nodes. Did all find one?
    fn fill(&mut self, need: &Vector, claim: &CompiledClaim, replicas: i64) -> bool {
        let mut left = replicas.max(0);
        let mut place = 0;
        while left > 0
            && let Some(bin) = self.bins.get(place)
        {
            let each = if self.is_open(bin, Some(claim)) { bin.free.holds(need) } else { 0 };
            if each == 0 {
                place += 1;
                continue;
            }
            // Nodes that become full, then one that becomes partly so: equal nodes stay one bin as far as they are equal.
            let full = (left / each).min(bin.count);
            let (taken, times) = if full > 0 { (full, each) } else { (1, left) };
            let mut filled = Bin { count: taken, ..bin.clone() };
            filled.free.deduct(need, times);
            left -= taken.saturating_mul(times);
            if taken == bin.count {
                self.bins[place] = filled;
            } else {
                self.bins[place].count -= taken;
                self.bins.insert(place, filled);
            }
            place += 1;
        }
        left == 0
    }
}

//! What one replica asks for.

use api::karmada::quantity::ResourceList;
use api::karmada::selector::{NodeSelectorTerm, Toleration};
use api::karmada::work::v1alpha2::NodeClaim;

use crate::fleet::{Fleet, Mark};
use crate::resource::{Amounts, Vector, amount};
use crate::selector::Clause;
use crate::symbol::{Symbol, Symbols};

/// The taint that an unschedulable node has in effect.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// What one replica asks for, in a fleet's symbols.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    /// As a cluster counts.
    pub(crate) of_cluster: Vector,
    /// As a node counts: without what only clusters count.
    pub(crate) of_node: Vector,
    /// It has no requirements at all, not even empty ones.
    pub(crate) is_nothing: bool,
    /// The amounts by name, for nodes, which have symbols of their own.
    pub(crate) amounts: Amounts,
}

impl Need {
    pub(crate) fn new(amounts: Amounts, fleet: &Fleet) -> Self {
        let vector = |all| Vector::with(&amounts, all, |name| fleet.symbols.find(name));
        Self { of_cluster: vector(true), of_node: vector(false), is_nothing: false, amounts }
    }
}

/// Amounts of a manifest. What is no quantity is asked for without end: nothing has room for it.
pub(crate) fn amounts(list: &ResourceList) -> Amounts {
    let parsed = |(name, text): (&String, &String)| {
        (name.clone(), text.parse().map_or(i64::MAX, |quantity| amount(name, quantity)))
    };
    list.iter().map(parsed).collect()
}

/// Which nodes a replica may run on; `None`: all that have no taint against it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a>(pub(crate) Option<&'a NodeClaim>);

/// A claim in the symbols of one member's nodes.
pub(crate) struct CompiledClaim {
    labels: Vec<Clause>,
    /// One of them must hold; `None`: no demand.
    terms: Option<Vec<Term>>,
    pub(crate) tolerations: Vec<Tolerated>,
    unschedulable: bool,
}

struct Term {
    labels: Vec<Clause>,
    names: Vec<Clause>,
    is_empty: bool,
}

/// A toleration over symbols.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerated {
    /// `None`: every key.
    key: Option<Symbol>,
    /// `None`: every value.
    value: Option<Symbol>,
    effect: Option<Symbol>,
    is_understood: bool,
}

impl Tolerated {
    pub(crate) fn of(toleration: &Toleration, symbols: &Symbols) -> Self {
        let optional = |text: &str| (!text.is_empty()).then(|| symbols.find(text));
        let (value, is_understood) = match toleration.operator.as_str() {
            "" | "Equal" => (Some(symbols.find(&toleration.value)), true),
            "Exists" => (None, true),
            _ => (None, false),
        };
        Self { key: optional(&toleration.key), value, effect: optional(&toleration.effect), is_understood }
    }

    pub(crate) fn tolerates(&self, taint: &Mark) -> bool {
        let agrees = |wanted: Option<Symbol>, found: Symbol| wanted.is_none_or(|wanted| wanted == found);
        self.is_understood
            && agrees(self.key, taint.key)
            && agrees(self.value, taint.value)
            && agrees(self.effect, taint.effect)
    }
}

impl CompiledClaim {
    pub(crate) fn of(claim: Claim<'_>, symbols: &Symbols) -> Self {
        let Some(claim) = claim.0 else {
            return Self { labels: Vec::new(), terms: None, tolerations: Vec::new(), unschedulable: false };
        };
        let clauses = |list: &[_]| list.iter().map(|demand| Clause::of(demand, symbols)).collect();
        let term = |term: &NodeSelectorTerm| Term {
            labels: clauses(&term.match_expressions),
            names: clauses(&term.match_fields),
            is_empty: term.match_expressions.is_empty() && term.match_fields.is_empty(),
        };
        let terms = claim.hard_node_affinity.as_ref().map(|a| a.node_selector_terms.iter().map(term).collect());
        let tolerates_unschedulable = |toleration: &Toleration| {
            let key = toleration.key.is_empty() || toleration.key == UNSCHEDULABLE;
            let effect = toleration.effect.is_empty() || toleration.effect == "NoSchedule";
            let value = match toleration.operator.as_str() {
                "" | "Equal" => toleration.value.is_empty(),
                operator => operator == "Exists",
            };
            key && effect && value
        };
        Self {
            labels: claim.node_selector.iter().map(|(k, v)| Clause::equal(k, v, symbols)).collect(),
            terms,
            tolerations: claim.tolerations.iter().map(|toleration| Tolerated::of(toleration, symbols)).collect(),
            unschedulable: claim.tolerations.iter().any(tolerates_unschedulable),
        }
    }

    /// Does a node accept replicas with this claim?
    pub(crate) fn accepts(&self, node: &crate::fleet::Node, symbols: &Symbols) -> bool {
        let labels = |clauses: &[Clause]| clauses.iter().all(|clause| clause.matches(&node.labels, symbols));
        let names = |clauses: &[Clause]| clauses.iter().all(|clause| clause.accepts(node.name(), symbols));
        let term = |term: &Term| !term.is_empty && labels(&term.labels) && names(&term.names);
        let tolerated = |taint: &Mark| !taint.repels || self.tolerations.iter().any(|t| t.tolerates(taint));
        (!node.is_unschedulable || self.unschedulable)
            && labels(&self.labels)
            && self.terms.as_ref().is_none_or(|terms| terms.iter().any(term))
            && node.taints.iter().all(tolerated)
    }
}

//! Amounts of resources, as numbers.

use std::collections::BTreeMap;

use model::Quantity;

use crate::symbol::{Symbol, Symbols};

/// Name of the resource that is counted in thousandths.
pub(crate) const CPU: &str = "cpu";
/// Bytes of memory.
pub(crate) const MEMORY: &str = "memory";
/// Bytes of local disk.
pub(crate) const EPHEMERAL: &str = "ephemeral-storage";
/// Pods.
pub(crate) const PODS: &str = "pods";

/// Amounts by name of a resource: thousandths of `cpu`, whole units of everything else.
pub type Amounts = BTreeMap<String, i64>;

/// The amount that a quantity means. What does not fit in 64 bits is the largest or smallest that does.
pub fn amount(resource: &str, quantity: Quantity) -> i64 {
    let value = if resource == CPU { quantity.milli() } else { quantity.units() };
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// Is it a resource that nodes count (`IsScalarResourceName` of Kubernetes): an extended one, huge pages, volumes?
fn is_scalar(resource: &str) -> bool {
    let extended = resource.contains('/') && !resource.starts_with("requests.");
    extended || resource.starts_with("hugepages-") || resource.starts_with("attachable-volumes-")
}

/// Amounts of a node, of a member or of one replica, in the order in which they are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vector {
    /// Thousandths of a core.
    pub(crate) cpu: i64,
    /// Bytes.
    pub(crate) memory: i64,
    /// Bytes.
    pub(crate) ephemeral: i64,
    /// Pods: how many fit, or how many there are.
    pub(crate) pods: i64,
    /// The others that are counted, each once.
    pub(crate) scalars: Box<[(Symbol, i64)]>,
}

impl Vector {
    /// Amounts by name; `pods` is taken from them. `all` also keeps what only clusters count, such as `storage`.
    pub(crate) fn of(amounts: &Amounts, all: bool, symbols: &mut Symbols) -> Self {
        Self::with(amounts, all, |name| symbols.intern(name))
    }

    /// As [`of`](Self::of), over symbols that are there. Names that no member has get [`Symbol::NONE`].
    pub(crate) fn with(amounts: &Amounts, all: bool, mut symbol: impl FnMut(&str) -> Symbol) -> Self {
        let amount = |name: &str| amounts.get(name).copied().unwrap_or_default();
        let known = [CPU, MEMORY, EPHEMERAL, PODS];
        let scalars = amounts.iter().filter(|(name, _)| !known.contains(&name.as_str()) && (all || is_scalar(name)));
        Self {
            cpu: amount(CPU),
            memory: amount(MEMORY),
            ephemeral: amount(EPHEMERAL),
            pods: amount(PODS),
            scalars: scalars.map(|(name, amount)| (symbol(name), *amount)).collect(),
        }
    }

    /// Back to amounts by name, without those that are zero.
    pub(crate) fn amounts(&self, symbols: &Symbols) -> Amounts {
        let known =
            [(CPU, self.cpu), (MEMORY, self.memory), (EPHEMERAL, self.ephemeral), (PODS, self.pods)].into_iter();
        let scalars = self.scalars.iter().map(|(symbol, amount)| (symbols.text(*symbol), *amount));
        known
            .chain(scalars)
            .filter(|(_, amount)| *amount != 0)
            .map(|(name, amount)| (name.to_owned(), amount))
            .collect()
    }

    /// The amount of a resource that has no field of its own.
    pub(crate) fn scalar(&self, symbol: Symbol) -> i64 {
        self.scalars.iter().find(|(name, _)| *name == symbol).map_or(0, |(_, amount)| *amount)
    }

    /// How often `need` fits, as far as its amounts are positive; what is missing counts as zero. At most `pods` of this,
    /// whatever `need.pods` says.
    pub(crate) fn holds(&self, need: &Self) -> i64 {
        let mut most = self.pods.max(0);
        let pairs = [(self.cpu, need.cpu), (self.memory, need.memory), (self.ephemeral, need.ephemeral)];
        for (free, each) in pairs {
            if each > 0 {
                most = most.min(free.max(0) / each);
            }
        }
        for (symbol, each) in &need.scalars {
            if *each > 0 {
                most = most.min(self.scalar(*symbol).max(0) / each);
            }
        }
        most
    }

    /// Takes `times` replicas out. Nothing falls below zero; resources that are not there stay away.
    pub(crate) fn deduct(&mut self, need: &Self, times: i64) {
        let minus = |free: &mut i64, each: i64| *free = free.saturating_sub(each.saturating_mul(times)).max(0);
        minus(&mut self.cpu, need.cpu.max(0));
        minus(&mut self.memory, need.memory.max(0));
        minus(&mut self.ephemeral, need.ephemeral.max(0));
        minus(&mut self.pods, 1);
        for (symbol, free) in &mut self.scalars {
            minus(free, need.scalar(*symbol).max(0));
        }
    }

    /// This without what is in use; below zero where more is used than there is.
    pub(crate) fn without(&self, used: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(used.cpu),
            memory: self.memory.saturating_sub(used.memory),
            ephemeral: self.ephemeral.saturating_sub(used.ephemeral),
            pods: self.pods.saturating_sub(used.pods),
            scalars: self.scalars.iter().map(|(s, have)| (*s, have.saturating_sub(used.scalar(*s)))).collect(),
        }
    }

    /// Adds `times` of another one, resources that were not there included.
    pub(crate) fn add(&mut self, other: &Self, times: i64) {
        let plus = |have: &mut i64, more: i64| *have = have.saturating_add(more.saturating_mul(times));
        plus(&mut self.cpu, other.cpu);
        plus(&mut self.memory, other.memory);
        plus(&mut self.ephemeral, other.ephemeral);
        plus(&mut self.pods, other.pods);
        for (symbol, more) in &other.scalars {
            match self.scalars.iter_mut().find(|(name, _)| name == symbol) {
                Some((_, have)) => plus(have, *more),
                None => {
                    let new = (*symbol, more.saturating_mul(times));
                    self.scalars = self.scalars.iter().copied().chain([new]).collect();
                }
            }
        }
    }
}

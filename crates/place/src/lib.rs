//! Which members a unit goes to, and with how many replicas.
//!
//! Two ways: [`select`] by equality of labels, as Kurator's Applications do, and [`decide`] by Karmada's placement.
//! Same input, same answer, ordered by member name; every candidate gets a reason. Everything is a function from values to
//! values: a simulation changes a copy of the [`Fleet`] or the [`Request`] and decides again.
//!
//! Absent on purpose: queues, retries and who writes the answer (controllers), and what Karmada has beyond its scheduler
//! (failover, eviction, descheduling).

mod affinity;
mod decide;
mod divide;
mod estimate;
mod explain;
mod filter;
mod fleet;
mod hint;
mod label;
mod record;
mod request;
mod reservation;
mod resource;
mod selector;
mod spread;
mod symbol;
mod target;
mod trigger;
mod webster;

pub use decide::{Decision, Unfit, decide};
pub use explain::{Explanation, Fate, GroupFate, MemberFate, explain};
pub use filter::Refusal;
pub use fleet::{Facts, Fleet, Grade, NodeFacts, Nodes, Nonsense, PodFacts, Summary, Taint};

pub use hint::{AffinityChange, Hint, hint};
pub use label::{Candidate, Reason, Rules, Selection, refusal, select};
pub use request::{Gates, Mode, Request};
pub use reservation::Reservations;
pub use resource::{Amounts, amount};
pub use spread::Standing;
pub use trigger::{Trigger, needs_scheduling};

#[cfg(test)]
mod tests;

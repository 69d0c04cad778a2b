//! The built-in rules for Kubernetes' own kinds: those of Karmada's default interpreter (`karmada.md 3.2`).
//!
//! They live beside [`crate::health`] and [`crate::replicas`], which serve units: those judge every kind as kstatus does,
//! with reasons for people. What is here answers a binding in Karmada's words, and only for the kinds that Karmada
//! knows, so that `aggregatedStatus`, failover and tools see what they are used to.
//!
//! Absent on purpose: time. Whatever a status says of time comes from the members' statuses.

mod aggregate;
mod dependency;
mod health;
mod number;
mod reflect;
mod replica;
mod requirement;
mod retain;

#[cfg(test)]
mod tests;

use model::{GroupVersionKind, object};
use serde_json::Value;

use crate::fault::Fault;
use crate::interpreter::{Component, Demand, Dependency, Fold, Interpreter};
use crate::operation::{Operation, native_operations};
use crate::read::whole;

pub(crate) use replica::set;

/// The built-in rules. Last in a [`crate::Chain`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Native;

impl Interpreter for Native {
    /// As [`crate::NATIVE`] says; and every kind reports its whole status.
    fn covers(&self, kind: &GroupVersionKind, operation: Operation) -> bool {
        operation == Operation::InterpretStatus || native_operations(kind).has(operation)
    }

    fn replicas(&self, object: &Value) -> Result<Demand, Fault> {
        replica::demand(&kind(object, Operation::InterpretReplica)?, object)
    }

    fn components(&self, object: &Value) -> Result<Vec<Component>, Fault> {
        // No native kind has a rule: this names the kind.
        kind(object, Operation::InterpretComponent).map(|_| Vec::new())
    }

    fn revise(&self, object: &mut Value, replicas: i64) -> Result<(), Fault> {
        let kind = kind(object, Operation::ReviseReplica)?;
        replica::revise(&kind, object, replicas)
    }

    fn retain(&self, desired: &mut Value, live: &Value) -> Result<(), Fault> {
        let kind = kind(desired, Operation::Retain)?;
        retain::retain(&kind, desired, live)
    }

    fn aggregate<'a>(&self, template: &'a Value) -> Result<Box<dyn Fold + 'a>, Fault> {
        let kind = kind(template, Operation::AggregateStatus)?;
        Ok(Box::new(aggregate::Aggregate::new(&kind, template)?))
    }

    fn is_healthy(&self, live: &Value) -> Result<bool, Fault> {
        health::is_healthy(&kind(live, Operation::InterpretHealth)?, live)
    }

    fn reflect(&self, live: &Value) -> Result<Option<Value>, Fault> {
        let gvk = object::gvk(live).ok_or(Fault::NotAnObject)?;
        if native_operations(&gvk).has(Operation::InterpretStatus) {
            reflect::part(&gvk, live)
        } else {
            reflect::whole(live)
        }
    }

    fn dependencies(&self, object: &Value) -> Result<Vec<Dependency>, Fault> {
        dependency::dependencies(&kind(object, Operation::InterpretDependency)?, object)
    }
}

/// The kind of an object, if the operation is built in for it.
fn kind(object: &Value, operation: Operation) -> Result<GroupVersionKind, Fault> {
    let kind = object::gvk(object).ok_or(Fault::NotAnObject)?;
    if native_operations(&kind).has(operation) { Ok(kind) } else { Err(Fault::NoRule { kind, operation }) }
}

/// Largest number of replicas, pods or completions: the API's fields have 32 bits.
const COUNT_MAX: i64 = i32::MAX as i64;

/// What a field that counts must be.
const A_COUNT: &str = "a whole number from 0 to 2147483647";

/// A count; `None` when the field is missing.
pub(crate) fn count(object: &Value, path: &str) -> Result<Option<i64>, Fault> {
    match whole(object, path) {
        Ok(Some(number)) if (0..=COUNT_MAX).contains(&number) => Ok(Some(number)),
        Ok(None) => Ok(None),
        _ => Err(Fault::field(path, A_COUNT)),
    }
}

//! The completions of a Job that runs in several members.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fault::Fault;
use crate::native;

/// The completions of each member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions(BTreeMap<String, i64>);

impl Completions {
    /// Are completions split at all? Where the placement divides replicas, and there are any (Karmada's
    /// `needReviseJobCompletions`). Otherwise each member completes the whole Job.
    pub const fn are_split(replicas: i64, is_divided: bool) -> bool {
        replicas > 0 && is_divided
    }

    /// Splits the completions of a Job over its members by the pods that each runs, so that they take about equally long
    /// (Karmada's `divideReplicasByJobCompletions`).
    ///
    /// `divide` gives each of the members, which have their replicas as weights, its part of a number: the caller has the
    /// one rule for that. `None` when the template says no number: its pods end the Job by themselves.
    ///
    /// # Errors
    /// The template's number is out of range.
    pub fn split<D>(job: &Value, members: &[(&str, i64)], divide: D) -> Result<Option<Self>, Fault>
    where
        D: FnOnce(i64, &[(&str, i64)]) -> Vec<(String, i64)>,
    {
        let number = native::count(job, "spec.completions")?;
        Ok(number.map(|number| Self(divide(number, members).into_iter().collect())))
    }

    /// The completions of one member.
    pub fn of(&self, member: &str) -> Option<i64> {
        self.0.get(member).copied()
    }

    /// Writes the completions of one member into its Job.
    ///
    /// # Errors
    /// The member has no part, or a number is out of range.
    pub fn set(&self, job: &mut Value, member: &str) -> Result<(), Fault> {
        let part = self.of(member).ok_or_else(|| Fault::NoPart { member: member.to_owned() })?;
        native::set(job, "completions", part)
    }
}

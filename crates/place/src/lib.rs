//! Which members a unit goes to.
//!
//! Today: equality on labels of the objects that made the members, as Kurator's Applications select. Same input, same
//! answer, ordered by member name; every candidate gets a reason.

use std::collections::BTreeMap;

use api::kurator::apps::v1alpha1::Destination;
use api::kurator::fleet::v1alpha1::ClusterRef;

/// A member of a fleet, as far as selecting needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// How the fleet names it.
    pub reference: ClusterRef,
    /// The member's name; `None` when the object that makes it does not exist or made none yet.
    pub member: Option<String>,
    /// Labels of the object that made the member.
    pub labels: BTreeMap<String, String>,
}

/// Why a candidate is in or out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No selector: every member of the fleet.
    WholeFleet,
    /// The selector's labels are all there; they are listed.
    Matched(String),
    /// This label is missing or different.
    LabelDiffers {
        /// Label key.
        key: String,
        /// What the selector wants.
        wanted: String,
        /// What is there.
        found: Option<String>,
    },
    /// The fleet names something that has not become a member.
    NotAMember,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WholeFleet => f.write_str("member of the fleet"),
            Self::Matched(labels) => write!(f, "matches {labels}"),
            Self::LabelDiffers { key, wanted, found: Some(found) } => {
                write!(f, "label {key} is {found:?}, the selector wants {wanted:?}")
            }
            Self::LabelDiffers { key, wanted, found: None } => {
                write!(f, "label {key} is missing, the selector wants {wanted:?}")
            }
            Self::NotAMember => f.write_str("named by the fleet, but not a member (yet)"),
        }
    }
}

/// The result: every candidate once, each list ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Members that the unit goes to.
    pub chosen: Vec<(String, Reason)>,
    /// Candidates that it does not go to, by the fleet's name for them.
    pub passed_over: Vec<(String, Reason)>,
}

/// Selects members of a fleet.
pub fn select(destination: &Destination, candidates: &[Candidate]) -> Selection {
    let wanted = destination.cluster_selector.as_ref().map(|s| &s.match_labels).filter(|m| !m.is_empty());
    let mut out = Selection::default();
    for candidate in candidates {
        let Some(member) = &candidate.member else {
            out.passed_over.push((candidate.reference.name.clone(), Reason::NotAMember));
            continue;
        };
        let differs = wanted.into_iter().flatten().find(|(key, value)| candidate.labels.get(*key) != Some(value));
        match (wanted, differs) {
            (_, Some((key, value))) => {
                let found = candidate.labels.get(key).cloned();
                let reason = Reason::LabelDiffers { key: key.clone(), wanted: value.clone(), found };
                out.passed_over.push((candidate.reference.name.clone(), reason));
            }
            (None, None) => out.chosen.push((member.clone(), Reason::WholeFleet)),
            (Some(labels), None) => {
                let list: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
                out.chosen.push((member.clone(), Reason::Matched(list.join(","))));
            }
        }
    }
    out.chosen.sort_by(|a, b| a.0.cmp(&b.0));
    out.chosen.dedup_by(|a, b| a.0 == b.0);
    out.passed_over.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

#[cfg(test)]
mod tests;

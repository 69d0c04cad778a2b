//! Selection by equality of labels, as Kurator's Applications select: the labels are those of the objects that made the
//! members. Every candidate gets a reason. Knows no kind of owner and no kind of list.

use std::collections::BTreeMap;

use model::MemberName;

/// What a unit asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Where candidates come from, in words, such as `fleet all`.
    pub list: String,
    /// Labels that must all be equal; empty selects every candidate.
    pub match_labels: BTreeMap<String, String>,
}

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.list)?;
        if !self.match_labels.is_empty() {
            write!(f, " where {}", listed(&self.match_labels))?;
        }
        Ok(())
    }
}

/// A member of a list, as far as selecting needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// How the list names it.
    pub name: String,
    /// The member's name; `None` when the object that makes it does not exist or made none yet.
    pub member: Option<MemberName>,
    /// Labels of the object that made the member.
    pub labels: BTreeMap<String, String>,
    /// It is of a kind that makes no members.
    pub is_unfollowed: bool,
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
    /// The fleet names something of a kind that makes no members.
    NotFollowed,
}

impl Reason {
    /// Is it no member at all? Then the rules do not matter.
    pub fn is_stranger(&self) -> bool {
        matches!(self, Self::NotAMember | Self::NotFollowed)
    }
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
            Self::NotFollowed => f.write_str("of a kind that is not followed: its entry in the fleet makes no member"),
        }
    }
}

/// The result: every candidate once, each list ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Members that the unit goes to.
    pub chosen: Vec<(MemberName, Reason)>,
    /// Candidates that it does not go to, by the list's name for them.
    pub passed_over: Vec<(String, Reason)>,
}

/// Selects members of a list.
pub fn select(rules: &Rules, candidates: &[Candidate]) -> Selection {
    let wanted = Some(&rules.match_labels).filter(|labels| !labels.is_empty());
    let reason = wanted.map_or(Reason::WholeFleet, |labels| Reason::Matched(listed(labels)));
    let mut out = Selection::default();
    for candidate in candidates {
        match (refusal(rules, candidate), &candidate.member) {
            (None, Some(member)) => out.chosen.push((member.clone(), reason.clone())),
            (refusal, _) => {
                out.passed_over.push((candidate.name.clone(), refusal.unwrap_or(Reason::NotAMember)));
            }
        }
    }
    out.chosen.sort_by(|a, b| a.0.cmp(&b.0));
    out.chosen.dedup_by(|a, b| a.0 == b.0);
    out.passed_over.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

/// Why rules do not choose a candidate; `None` when they do.
pub fn refusal(rules: &Rules, candidate: &Candidate) -> Option<Reason> {
    if candidate.is_unfollowed {
        return Some(Reason::NotFollowed);
    }
    if candidate.member.is_none() {
        return Some(Reason::NotAMember);
    }
    let (key, wanted) = rules.match_labels.iter().find(|(key, value)| candidate.labels.get(*key) != Some(value))?;
    let found = candidate.labels.get(key).cloned();
    Some(Reason::LabelDiffers { key: key.clone(), wanted: wanted.clone(), found })
}

fn listed(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;

//! Units that this hub has in a member, and that no Application on it asks for there, as after a take-over: the Application is not on
//! this hub, or it is and does not place the unit in the member.

use std::collections::BTreeSet;

use api::delivery::{MemberMove, UnitId};
use api::kurator::apps::v1alpha1::Application;
use kube::ResourceExt;

use super::held::count;

/// What to do about those whose Application is not here, for the page of one member.
const NOT_HERE: &str = "apply these Applications on this hub, under the same names and policies, and they have what is \
                                 there; nothing is done to it until then";

/// The same of those whose Application is here.
const NOT_PLACED: &str = "these Applications are here, and have no such policy or do not place it in this member: once one does, it has what is \
                          there; nothing is done to it until then";

/// The Applications that are on this hub, by namespace and name.
pub(crate) struct Here(BTreeSet<(String, String)>);

impl Here {
    /// These.
    pub(crate) fn of(applications: &[Application]) -> Self {
        let name = |app: &Application| (app.namespace().unwrap_or_default(), app.name_any());
        Self(applications.iter().map(name).collect())
    }

    /// Is the Application of this unit here?
    fn has(&self, unit: &UnitId) -> bool {
        self.0.contains(&(unit.namespace.clone(), unit.name.clone()))
    }

    /// The units of a member whose Application is not here, and those whose Application is. What is not named counts with the former.
    pub(crate) fn divided(&self, moving: &MemberMove) -> [Unasked; 2] {
        let (placed, missing): (Vec<UnitId>, Vec<UnitId>) =
            moving.unasked.iter().cloned().partition(|unit| self.has(unit));
        [
            Unasked { units: missing, more: left_out(moving), is_here: false },
            Unasked { units: placed, more: 0, is_here: true },
        ]
    }
}

/// Units that nothing asks for in a member.
pub(crate) struct Unasked {
    /// Those that are named.
    units: Vec<UnitId>,
    /// How many are not.
    more: u32,
    /// Are their Applications on this hub?
    pub(crate) is_here: bool,
}

impl Unasked {
    /// The units, one a line, and what to do about them.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.units.iter().map(|unit| format!("  {}", in_words(unit))).collect();
        if self.more > 0 {
            lines.push(format!("  and {} more", self.more));
        }
        if !lines.is_empty() {
            lines.push(if self.is_here { NOT_PLACED } else { NOT_HERE }.to_owned());
        }
        lines
    }

    /// All of them in one line, if there are any.
    pub(crate) fn sentence(&self) -> Option<String> {
        let names: Vec<String> = self.units.iter().map(in_words).collect();
        let more = match self.more {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let all = u32::try_from(names.len()).unwrap_or(u32::MAX).saturating_add(self.more);
        let why = match self.is_here {
            true => "its Application here does not place it there",
            false => "no Application here asks for it",
        };
        (all > 0).then(|| format!("{} of this hub there, and {why}: {}{more}", count(all, "unit"), names.join("; ")))
    }
}

/// A unit, in words.
fn in_words(unit: &UnitId) -> String {
    let policy = unit.policy.as_ref().map(|policy| format!(", policy {policy}")).unwrap_or_default();
    format!("app/{} in namespace {}{policy}", unit.name, unit.namespace)
}

/// How many are not named.
fn left_out(moving: &MemberMove) -> u32 {
    let named = u32::try_from(moving.unasked.len()).unwrap_or(u32::MAX);
    moving.unasked_count.saturating_sub(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unasked_for_is_named_by_whether_its_application_is_here_and_the_rest_is_counted() {
        let here: Application = serde_json::from_value(serde_json::json!({
            "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application", "metadata": {"name": "a1", "namespace": "default"},
            "spec": {"source": {}, "syncPolicies": []}}))
        .unwrap();
        let said = |moving: &MemberMove| {
            Here::of(std::slice::from_ref(&here)).divided(moving).map(|unasked| unasked.sentence().unwrap_or_default())
        };
        assert_eq!(said(&MemberMove::default()), ["", ""]);
        let unit = |name: &str| UnitId::new("apps.kurator.dev", "Application", "default", name, Some("p"));
        let moving = |count: usize| {
            let units: Vec<UnitId> = (0..count).map(|n| unit(&format!("a{n}"))).collect();
            MemberMove::default().with_unasked(&units)
        };
        let missing =
            "1 unit of this hub there, and no Application here asks for it: app/a0 in namespace default, policy p";
        assert_eq!(said(&moving(1)), [missing, ""]);
        let placed = "1 unit of this hub there, and its Application here does not place it there: app/a1 in namespace default, policy p";
        assert_eq!(said(&moving(2)), [missing, placed]);
        let many = &said(&moving(23))[0];
        assert!(many.starts_with("22 units of this hub there") && many.ends_with("; and 3 more"), "{many}");
    }
}

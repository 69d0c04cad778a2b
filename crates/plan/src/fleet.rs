//! What a fleet amounts to: its members counted, and who carries its label.

use api::condition::{self, Verdict};
use api::kurator::fleet::v1alpha1::FleetStatus;
use api::reason;
use model::{FieldPath, Timestamp};

/// Most names that a message lists: it is read by people, and a fleet may have a thousand members.
const LISTED_MAX: usize = 20;

/// One entry of `spec.clusters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name of the object.
    pub name: String,
    /// Whether it is of a kind that makes members here.
    pub supported: bool,
    /// Whether the object exists.
    pub exists: bool,
    /// Whether its member answers.
    pub ready: bool,
    /// Another fleet that lists it too and has the say over its label: the one whose name comes first.
    pub labelled_by: Option<String>,
}

/// Everything the decision needs.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The fleet's name.
    pub name: String,
    /// Its entries.
    pub entries: Vec<Entry>,
    /// AttachedClusters of its namespace that carry its label now.
    pub labelled: Vec<String>,
    /// Fields that are not honoured yet.
    pub not_implemented: Vec<FieldPath>,
    /// Its status before.
    pub status: FleetStatus,
    /// Is it being deleted?
    pub deleting: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// AttachedClusters that get the label.
    pub label: Vec<String>,
    /// AttachedClusters that lose it.
    pub unlabel: Vec<String>,
    /// The status.
    pub status: FleetStatus,
}

/// Decides.
pub fn plan(observed: &Observed, generation: Option<i64>, now: Timestamp) -> Plan {
    let wanted = |entry: &&Entry| entry.exists && entry.supported && !observed.deleting;
    // One label holds one name: of several fleets the first has it, or they would write over each other for ever.
    let ours = observed.entries.iter().filter(wanted).filter(|e| e.labelled_by.is_none());
    let members: Vec<&str> = ours.map(|e| e.name.as_str()).collect();
    let mut label: Vec<String> = members.iter().map(|m| (*m).to_owned()).collect();
    label.retain(|m| !observed.labelled.contains(m));
    label.sort();
    label.dedup();
    let mut unlabel = observed.labelled.clone();
    unlabel.retain(|m| !members.contains(&m.as_str()));
    let ready = observed.entries.iter().filter(|e| e.ready).count();
    let total = observed.entries.len();
    let names = |test: &dyn Fn(&Entry) -> bool| {
        let list: Vec<&str> = observed.entries.iter().filter(|e| test(e)).map(|e| e.name.as_str()).collect();
        match list.len().checked_sub(LISTED_MAX) {
            None | Some(0) => list.join(", "),
            Some(more) => format!("{} and {more} more", list[..LISTED_MAX].join(", ")),
        }
    };
    let missing = names(&|e| e.supported && !e.exists);
    let unsupported = names(&|e| !e.supported);
    let silent = names(&|e| e.supported && e.exists && !e.ready);
    let verdict = if !missing.is_empty() {
        let message = format!("not found in this namespace: {missing}; the other members go on");
        Verdict::new(condition::READY, Some(false), reason::MEMBER_NOT_FOUND, message)
    } else if !silent.is_empty() {
        Verdict::new(condition::READY, Some(false), reason::MEMBER_NOT_READY, format!("not ready: {silent}"))
    } else if !unsupported.is_empty() {
        // Nothing is known of them: not a reason to call the fleet ready.
        let message =
            format!("{ready} of {total} members are ready; not of a kind that is followed so far: {unsupported}");
        Verdict::new(condition::READY, Some(false), reason::NOT_IMPLEMENTED, message)
    } else {
        Verdict::new(
            condition::READY,
            Some(true),
            reason::ALL_MEMBERS_READY,
            format!("{ready} of {total} members are ready"),
        )
    };
    let mut verdicts = vec![verdict];
    let mut unhonoured: Vec<String> = observed.not_implemented.iter().map(ToString::to_string).collect();
    if !unsupported.is_empty() {
        unhonoured.push(format!("spec.clusters of a kind other than AttachedCluster ({unsupported})"));
    }
    if !unhonoured.is_empty() {
        let message = format!("accepted, not honoured yet: {}", unhonoured.join(", "));
        verdicts.push(Verdict::new(condition::NOT_IMPLEMENTED, Some(true), reason::FIELDS_NOT_HONOURED, message));
    }
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    Plan {
        label,
        unlabel,
        status: FleetStatus {
            // Kurator sets Ready before it looks at members; tools wait for it. Members are in the conditions.
            phase: Some(if observed.deleting { "Terminating" } else { "Ready" }.to_owned()),
            reason: None,
            ready_clusters: count(ready),
            un_ready_clusters: count(total - ready),
            conditions: condition::merge(&observed.status.conditions, verdicts, generation, now),
            observed_generation: generation,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, exists: bool, ready: bool) -> Entry {
        Entry { name: name.into(), supported: true, exists, ready, labelled_by: None }
    }

    #[test]
    fn a_member_of_two_fleets_has_the_label_of_the_first_and_counts_in_both() {
        let shared = Entry { labelled_by: Some("a".into()), ..entry("m", true, true) };
        let observed =
            Observed { name: "b".into(), entries: vec![shared], labelled: vec!["m".into()], ..Observed::default() };
        let plan = plan(&observed, None, "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!((plan.label.len(), plan.unlabel), (0, vec!["m".to_owned()]));
        assert_eq!(plan.status.ready_clusters, 1);
    }

    #[test]
    fn a_member_of_another_kind_keeps_the_fleet_from_being_ready() {
        let other = Entry { supported: false, ..entry("b", false, false) };
        let observed = Observed { entries: vec![entry("a", true, true), other], ..Observed::default() };
        let plan = plan(&observed, Some(1), "2026-01-01T00:00:00Z".parse().unwrap());
        let ready = condition::find(&plan.status.conditions, condition::READY).unwrap();
        assert_eq!(
            (ready.type_.as_str(), ready.status.as_str(), ready.reason.as_str()),
            ("Ready", "False", "NotImplemented")
        );
    }

    #[test]
    fn one_missing_member_does_not_stop_the_others() {
        let observed = Observed {
            name: "f".into(),
            entries: vec![entry("a", true, true), entry("b", false, false), entry("c", true, false)],
            labelled: vec!["c".into(), "z".into()],
            ..Observed::default()
        };
        let plan = plan(&observed, Some(3), "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!((plan.label, plan.unlabel), (vec!["a".to_owned()], vec!["z".to_owned()]));
        assert_eq!((plan.status.ready_clusters, plan.status.un_ready_clusters), (1, 2));
        assert_eq!(plan.status.conditions[0].reason, "MemberNotFound");
        assert!(plan.status.conditions[0].message.contains(": b;"));
    }

    #[test]
    fn kinds_that_make_no_member_yet_are_reported() {
        let mut cluster = entry("aws", true, false);
        cluster.supported = false;
        let observed = Observed { entries: vec![cluster, entry("a", true, true)], ..Observed::default() };
        let plan = plan(&observed, None, "2026-01-01T00:00:00Z".parse().unwrap());
        let types: Vec<&str> = plan.status.conditions.iter().map(|c| c.type_.as_str()).collect();
        assert_eq!(types, ["NotImplemented", "Ready"]);
    }
}

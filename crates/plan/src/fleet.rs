//! What a fleet amounts to: its members counted, and who carries its label.

use std::collections::BTreeMap;

use api::condition::{self, Statement};
use api::kurator::fleet::v1alpha1::FleetStatus;
use api::reason;
use model::{FieldPath, MemberName, Timestamp};

use crate::state::{State, statement};

/// Most names that a message lists: it is read in one line, and a fleet may have a thousand members.
const LISTED_MAX: usize = 5;

/// One entry of `spec.clusters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name of the object.
    pub name: String,
    /// Whether it is of a kind that makes members here.
    pub supported: bool,
    /// Whether the object exists.
    pub exists: bool,
    /// How its member is, by the `Ready` of the object.
    pub state: State,
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
    /// Its namespace.
    pub namespace: String,
    /// Applications that name it and keep something in members that an edit would take it out of.
    pub held: Vec<String>,
    /// What is to be said of its `kurator.dev/removals`, which is no number.
    pub removals_ignored: Option<String>,
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

/// Why the fleet is as it is: names of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Their objects do not exist.
    pub missing: Vec<String>,
    /// They exist and are not ready.
    pub not_ready: Vec<String>,
    /// They exist, and nothing is known of them now.
    pub unknown: Vec<String>,
    /// They are of a kind that makes no members here.
    pub unsupported: Vec<String>,
}

/// Another fleet of the namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Other {
    /// Its name.
    pub name: String,
    /// Is it being deleted? Then it labels nothing.
    pub deleting: bool,
    /// What it lists, of kinds that make members here.
    pub lists: Vec<String>,
}

/// Entries that a fleet whose name comes before `me` lists too, with the first such fleet: it labels them.
pub fn labelled_by_others(me: &str, others: &[Other]) -> BTreeMap<String, String> {
    let mut earlier: Vec<&Other> = others.iter().filter(|o| o.name.as_str() < me && !o.deleting).collect();
    earlier.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = BTreeMap::new();
    for other in earlier {
        for entry in &other.lists {
            out.entry(entry.clone()).or_insert_with(|| other.name.clone());
        }
    }
    out
}

/// Which member a fleet's entry means. `says`: what the status of the entry's object says; it may be of a name that the
/// object had before. `wants`: the name that the object wants now. `records`: members whose records name the object as
/// their origin; one that was made a moment ago is there before the object's status says so.
pub fn member_of_entry(
    says: Option<&MemberName>,
    wants: Option<&MemberName>,
    records: &[MemberName],
) -> Option<MemberName> {
    let wants = wants?;
    (says == Some(wants) || records.contains(wants)).then(|| wants.clone())
}

/// Decides.
pub fn plan(observed: &Observed, generation: Option<i64>, now: Timestamp) -> (Plan, Report) {
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
    let total = observed.entries.len();
    let names = |test: &dyn Fn(&Entry) -> bool| -> Vec<String> {
        observed.entries.iter().filter(|e| test(e)).map(|e| e.name.clone()).collect()
    };
    let is_there = |e: &Entry| e.supported && e.exists;
    let report = Report {
        missing: names(&|e| e.supported && !e.exists),
        not_ready: names(&|e| is_there(e) && !matches!(e.state, State::Ready | State::Unknown)),
        unknown: names(&|e| is_there(e) && e.state == State::Unknown),
        unsupported: names(&|e| !e.supported),
    };
    let ready = observed.entries.iter().filter(|e| is_there(e) && e.state == State::Ready).count();
    let summary = summary(&report, observed.deleting, ready, total);
    let state = State::of_reason(summary.reason);
    let (reason, unsupported) = (summary.reason, listed(&report.unsupported));
    let mut statements = vec![summary];
    let mut unhonoured: Vec<String> = observed.not_implemented.iter().map(ToString::to_string).collect();
    if !unsupported.is_empty() {
        unhonoured.push(format!("spec.clusters of a kind other than AttachedCluster ({unsupported})"));
    }
    if !unhonoured.is_empty() {
        let message = format!("accepted, not honoured yet: {}", unhonoured.join(", "));
        statements.push(Statement::new(condition::NOT_IMPLEMENTED, Some(true), reason::FIELDS_NOT_HONOURED, message));
    }
    if !observed.held.is_empty() {
        let held: Vec<String> = observed.held.iter().map(|name| format!("app/{name}")).collect();
        let ignored = observed.removals_ignored.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        let message = format!(
            "what an edit would take out of members is kept until it is approved: {}; see `kurator status \
             {} -n {}`{ignored}",
            listed(&held),
            held[0],
            observed.namespace
        );
        statements.push(Statement::new(condition::DELETIONS_HELD, Some(true), reason::EDIT_REMOVES_MEMBERS, message));
    }
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let plan = Plan {
        label,
        unlabel,
        status: FleetStatus {
            // Tools wait for Kurator's word Ready; the other words are those of the condition.
            phase: Some(state.to_string()),
            reason: (state != State::Ready).then(|| reason.to_owned()),
            ready_clusters: count(ready),
            un_ready_clusters: count(total - ready),
            conditions: condition::merge(&observed.status.conditions, statements, generation, now),
            observed_generation: generation,
        },
    };
    (plan, report)
}

/// The fleet's `Ready`: the worst of what it lists, the cause first.
fn summary(report: &Report, deleting: bool, ready: usize, total: usize) -> Statement {
    let Report { missing, not_ready, unknown, unsupported } = report;
    let count = match total {
        0 => "spec.clusters lists no cluster, so nothing is delivered through this fleet".to_owned(),
        _ => format!("{ready} of {total} members are ready"),
    };
    let parts = [("not found in this namespace", missing), ("not ready", not_ready), ("unknown", unknown)];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}", listed(names)))
        .collect();
    let worst = [
        (deleting, reason::DELETING),
        (total == 0, reason::NO_MEMBERS),
        (!missing.is_empty(), reason::MEMBER_NOT_FOUND),
        (!not_ready.is_empty(), reason::MEMBER_NOT_READY),
        // Nothing is known of them: not a reason to call the fleet ready.
        (!unsupported.is_empty(), reason::NOT_IMPLEMENTED),
        (!unknown.is_empty(), reason::MEMBER_UNKNOWN),
    ];
    let reason = worst.into_iter().find(|(is_so, _)| *is_so).map_or(reason::ALL_MEMBERS_READY, |(_, reason)| reason);
    let unsupported =
        (!unsupported.is_empty()).then(|| format!("not of a kind that is followed so far: {}", listed(unsupported)));
    let parts: Vec<String> = parts.into_iter().chain(unsupported).chain([count]).collect();
    statement(reason, parts.join("; "))
}

fn listed(names: &[String]) -> String {
    match names.len().checked_sub(LISTED_MAX) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..LISTED_MAX].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, exists: bool, ready: bool) -> Entry {
        Entry {
            name: name.into(),
            supported: true,
            exists,
            state: if ready { State::Ready } else { State::NotReady },
            labelled_by: None,
        }
    }

    #[test]
    fn a_member_of_two_fleets_has_the_label_of_the_first_and_counts_in_both() {
        let shared = Entry { labelled_by: Some("a".into()), ..entry("m", true, true) };
        let observed =
            Observed { name: "b".into(), entries: vec![shared], labelled: vec!["m".into()], ..Observed::default() };
        let (plan, _) = plan(&observed, None, "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!((plan.label.len(), plan.unlabel), (0, vec!["m".to_owned()]));
        assert_eq!(plan.status.ready_clusters, 1);
    }

    #[test]
    fn the_first_fleet_by_name_that_is_not_going_labels_a_member() {
        let fleet = |name: &str, deleting, lists: &[&str]| Other {
            name: name.into(),
            deleting,
            lists: lists.iter().map(ToString::to_string).collect(),
        };
        let others =
            [fleet("c", false, &["x"]), fleet("b", false, &["m"]), fleet("a", true, &["m"]), fleet("z", false, &["m"])];
        let expect = [("m".to_owned(), "b".to_owned()), ("x".to_owned(), "c".to_owned())];
        assert_eq!(labelled_by_others("f", &others), BTreeMap::from(expect));
        assert!(labelled_by_others("b", &others).is_empty());
    }

    #[test]
    fn an_entry_means_the_member_that_its_object_wants_once_that_is_its_own() {
        let name = |text: &str| text.parse::<MemberName>().unwrap();
        for (says, wants, records, expect) in [
            (Some("m"), Some("m"), vec![], Some("m")),
            // Renamed: what the status says is of the name before.
            (Some("old"), Some("m"), vec![], None),
            (Some("old"), Some("m"), vec!["m"], Some("m")),
            // Made a moment ago.
            (None, Some("m"), vec!["m"], Some("m")),
            (None, Some("m"), vec!["other"], None),
            // The object is gone.
            (None, None, vec!["m"], None),
        ] {
            let records: Vec<MemberName> = records.into_iter().map(name).collect();
            let found = member_of_entry(says.map(name).as_ref(), wants.map(name).as_ref(), &records);
            assert_eq!(found, expect.map(name), "{says:?} {wants:?} {records:?}");
        }
    }

    #[test]
    fn a_member_of_another_kind_keeps_the_fleet_from_being_ready() {
        let other = Entry { supported: false, ..entry("b", false, false) };
        let observed = Observed { entries: vec![entry("a", true, true), other], ..Observed::default() };
        let (plan, _) = plan(&observed, Some(1), "2026-01-01T00:00:00Z".parse().unwrap());
        let ready = condition::find(&plan.status.conditions, condition::READY).unwrap();
        assert_eq!(
            (ready.type_.as_str(), ready.status.as_str(), ready.reason.as_str()),
            ("Ready", "False", "NotImplemented")
        );
    }

    #[test]
    fn a_fleet_without_members_is_not_ready() {
        for (deleting, reason) in [(false, "NoMembers"), (true, "Deleting")] {
            let observed = Observed { deleting, ..Observed::default() };
            let (plan, _) = plan(&observed, Some(1), "2026-01-01T00:00:00Z".parse().unwrap());
            let ready = condition::find(&plan.status.conditions, condition::READY).unwrap();
            assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", reason));
            assert!(ready.message.contains("lists no cluster"), "{}", ready.message);
        }
    }

    #[test]
    fn applications_that_keep_something_against_an_edit_are_named_as_long_as_they_do() {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut observed = Observed { held: vec!["shop".into(), "web".into()], ..Observed::default() };
        let (plan, _) = super::plan(&observed, None, at);
        let held = condition::find(&plan.status.conditions, condition::DELETIONS_HELD).unwrap();
        assert_eq!((held.status.as_str(), held.reason.as_str()), ("True", "EditRemovesMembers"));
        assert!(held.message.contains(": app/shop, app/web;"), "{}", held.message);
        assert!(!held.message.contains("removals"), "{}", held.message);
        let said = BTreeMap::from([(api::kurator::annotation::REMOVALS.to_owned(), "two".to_owned())]);
        observed.removals_ignored = crate::application::removals_ignored(Some(&said));
        let (plan, _) = super::plan(&observed, None, at);
        let held = condition::find(&plan.status.conditions, condition::DELETIONS_HELD).unwrap();
        let ignored = "; kurator.dev/removals is \"two\", which is no number of members, and counts as 0";
        assert!(held.message.ends_with(ignored), "{}", held.message);
        (observed.status, observed.held) = (plan.status, Vec::new());
        let (plan, _) = super::plan(&observed, None, at);
        assert!(condition::find(&plan.status.conditions, condition::DELETIONS_HELD).is_none());
    }

    #[test]
    fn one_missing_member_does_not_stop_the_others() {
        let observed = Observed {
            name: "f".into(),
            entries: vec![entry("a", true, true), entry("b", false, false), entry("c", true, false)],
            labelled: vec!["c".into(), "z".into()],
            ..Observed::default()
        };
        let (plan, _) = plan(&observed, Some(3), "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!((plan.label, plan.unlabel), (vec!["a".to_owned()], vec!["z".to_owned()]));
        assert_eq!((plan.status.ready_clusters, plan.status.un_ready_clusters), (1, 2));
        assert_eq!(plan.status.conditions[0].reason, "MemberNotFound");
        let expect = "not found in this namespace: b; not ready: c; 1 of 3 members are ready";
        assert_eq!(plan.status.conditions[0].message, expect);
        assert_eq!(plan.status.phase.as_deref(), Some("NotReady"));
    }

    #[test]
    fn the_phase_never_contradicts_the_condition_and_stays_short_with_a_thousand_members() {
        for (state, deleting, phase, status) in [
            (State::Ready, false, "Ready", "True"),
            (State::Unknown, false, "Unknown", "Unknown"),
            (State::NotReady, false, "NotReady", "False"),
            (State::Progressing, false, "NotReady", "False"),
            (State::Ready, true, "Terminating", "False"),
        ] {
            let entries = (0..1000).map(|n| Entry { state, ..entry(&format!("m{n:04}"), true, true) }).collect();
            let observed = Observed { entries, deleting, ..Observed::default() };
            let (plan, _) = plan(&observed, None, "2026-01-01T00:00:00Z".parse().unwrap());
            let ready = condition::find(&plan.status.conditions, condition::READY).unwrap();
            assert_eq!((plan.status.phase.as_deref(), ready.status.as_str()), (Some(phase), status), "{state}");
            assert_eq!(State::of(Some(ready)).as_str(), phase);
            assert!(ready.message.len() < 160, "{}", ready.message);
            assert_eq!(plan.status.ready_clusters, if state == State::Ready { 1000 } else { 0 });
        }
    }

    #[test]
    fn kinds_that_make_no_member_yet_are_reported() {
        let mut cluster = entry("aws", true, false);
        cluster.supported = false;
        let observed = Observed { entries: vec![cluster, entry("a", true, true)], ..Observed::default() };
        let (plan, _) = plan(&observed, None, "2026-01-01T00:00:00Z".parse().unwrap());
        let types: Vec<&str> = plan.status.conditions.iter().map(|c| c.type_.as_str()).collect();
        assert_eq!(types, ["NotImplemented", "Ready"]);
    }
}

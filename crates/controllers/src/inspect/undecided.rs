//! Why it is not known what the members of an Application should have: what is compared is what was decided before.

use std::collections::BTreeMap;

use api::condition;
use api::delivery::{DecisionSpec, Missing, UnitId};
use api::kurator::apps::v1alpha1::Application;
use api::reason;
use model::MemberName;
use plan::application::held::approve_command;

/// Members that one sentence names; the others are counted.
const NAMED_MAX: usize = 5;

/// One sentence for each thing that the newest commit, or the last edit, waits for. `only`: the member that is asked about.
pub(super) fn collect_notes<'a>(
    application: &Application,
    decisions: impl Iterator<Item = &'a DecisionSpec>,
    only: Option<&MemberName>,
) -> Vec<String> {
    let name = application.metadata.name.as_deref().unwrap_or_default();
    let failed = failed_fetch(application);
    let mut out: Vec<String> = failed.iter().map(|why| format!("app/{name}: {why}")).collect();
    let mut decided: Vec<&UnitId> = Vec::new();
    let mut kept: BTreeMap<(&UnitId, &str), Vec<&MemberName>> = BTreeMap::new();
    for decision in decisions {
        if let Some(explanation) = &decision.explanation {
            decided.push(&decision.unit);
            // Why there is no source is said above.
            let missing = explanation.waiting_on.iter();
            let missing = missing.filter(|missing| missing.what != Missing::Source || failed.is_none());
            // What is to be there is decided; what is to go is said with what goes.
            let missing = missing.filter(|missing| !missing.is_for_siblings());
            out.extend(missing.map(|missing| format!("{} waits for {missing}", of_policy(name, &decision.unit))));
        }
        let members = decision.members.iter().filter(|(member, _)| only.is_none_or(|only| only == *member));
        for (member, leaving) in members.filter_map(|(member, entry)| Some((member, entry.kept()?))) {
            kept.entry((&decision.unit, &leaving.message)).or_default().push(member);
        }
    }
    for ((unit, why), members) in kept {
        let shown: Vec<&str> = members.iter().take(NAMED_MAX).map(|member| member.as_str()).collect();
        let more = members.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let who = shown.join(", ");
        let policy = of_policy(name, unit);
        out.push(format!("{policy} is kept in {who}{more} until `{}`: {why}", approve_command(application)));
    }
    let units = plan::application::unit_ids(application);
    let undecided = units.iter().filter(|unit| !decided.contains(unit));
    out.extend(undecided.map(|unit| format!("{} is not decided yet", of_policy(name, unit))));
    out
}

fn of_policy(name: &str, unit: &UnitId) -> String {
    format!("app/{name} policy {}", unit.policy.as_deref().unwrap_or_default())
}

/// Why the source cannot be fetched, while it cannot.
fn failed_fetch(application: &Application) -> Option<String> {
    let conditions = &application.status.as_ref()?.conditions;
    let source = condition::find(conditions, condition::SOURCE_READY).filter(|c| c.reason == reason::FETCH_FAILED)?;
    Some(format!("the source cannot be fetched: {}", source.message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn application(source: &str) -> Application {
        serde_json::from_value(json!({
            "apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
            "metadata": {"name": "shop", "namespace": "default"},
            "spec": {"source": {}, "syncPolicies": [{"name": "p", "kustomization": {"interval": "1m"}}]},
            "status": {"conditions": [{"type": "SourceReady", "status": "False", "reason": source, "message": "no branch x",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        }))
        .unwrap()
    }

    fn decision(waiting_on: serde_json::Value, leaving: Option<&str>) -> DecisionSpec {
        let entry = |leaving: Option<&str>| {
            let mut entry = json!({"revision": "r-1", "epoch": 1, "reason": ""});
            if let Some(why) = leaving {
                entry["leaving"] = json!({"cause": "SelectorDiffers", "message": why});
            }
            entry
        };
        serde_json::from_value(json!({
            "unit": "apps.kurator.dev/Application/default/shop/p", "slice": 0, "suspended": false, "prune": true,
            "members": {"a": entry(leaving), "b": entry(None), "c": entry(leaving)},
            "explanation": {"waitingOn": waiting_on},
        }))
        .unwrap()
    }

    #[test]
    fn what_is_not_decided_is_said_so_that_no_difference_is_not_taken_for_all_is_well() {
        let (well, failed) = (application("Succeeded"), application("FetchFailed"));
        let missing = |what: &str, detail: &str| json!([{"what": what, "detail": detail}]);
        let c = "c".parse().unwrap();
        let b = "b".parse().unwrap();
        let broken = "app/shop policy p waits for its rendering: bad.yaml: no kind";
        let no_branch = "app/shop: the source cannot be fetched: no branch x";
        let kept = "until `kurator approve app/shop -n default`: labels differ";
        for (application, waiting_on, leaving, only, expect) in [
            (&well, json!([]), None, None, vec![]),
            (&well, missing("Render", "bad.yaml: no kind"), None, None, vec![broken.to_owned()]),
            // What was said of the source counts also when something older runs.
            (&failed, json!([]), None, None, vec![no_branch.to_owned()]),
            (&failed, missing("Source", ""), None, None, vec![no_branch.to_owned()]),
            (&well, missing("Source", ""), None, None, vec!["app/shop policy p waits for its source".to_owned()]),
            (&well, json!([]), Some("labels differ"), None, vec![format!("app/shop policy p is kept in a, c {kept}")]),
            (&well, json!([]), Some("labels differ"), Some(&c), vec![format!("app/shop policy p is kept in c {kept}")]),
            (&well, json!([]), Some("labels differ"), Some(&b), vec![]),
        ] {
            let decision = decision(waiting_on, leaving);
            assert_eq!(collect_notes(application, [&decision].into_iter(), only), expect);
        }
        assert_eq!(collect_notes(&well, [].into_iter(), None), ["app/shop policy p is not decided yet"]);
    }
}

//! What cannot be shown is not deleted.

use plan::departure::Objects;

use serde_json::Value;

use super::*;
use crate::approve::tests::{Hub, refusal};

/// What a policy has in a member; `None` where that is not known.
fn part(member: &str, objects: Option<usize>) -> Part {
    let key = |n: usize| model::ObjectKey { kind: "ConfigMap".into(), name: format!("c{n}"), ..Default::default() };
    let objects = objects.map(|number| Objects { goes: (0..number).map(key).collect(), ..Objects::default() });
    Part::new("shop", "p", member.parse().unwrap(), None, objects)
}

#[test]
fn an_application_of_which_not_everything_is_known_is_not_deleted() {
    assert!(refuse_unknown("shop", &[part("paris", Some(2)), part("rome", Some(0))]).is_ok());
    assert!(refuse_unknown("shop", &[]).is_ok());
    let refused = refuse_unknown("shop", &[part("lima", None), part("paris", Some(2)), part("rome", None)]);
    insta::assert_snapshot!(
        refused.unwrap_err(),
        @"app/shop: lima, rome have not reported what is there, so that it cannot be listed, and nothing was deleted; try again when there is an answer, or say --anyway to delete it unseen"
    );
}

#[test]
fn what_comes_in_between_is_more_than_was_shown() {
    for (shown, now, expect) in [
        (part("paris", Some(1)), part("paris", Some(1)), false),
        (part("paris", Some(2)), part("paris", Some(1)), false),
        (part("paris", Some(1)), part("paris", Some(2)), true),
        (part("paris", None), part("paris", Some(1)), true),
        (part("rome", Some(1)), part("paris", Some(1)), true),
        // Nothing is known of it now, and something, or nothing at all, was shown.
        (part("paris", Some(1)), part("paris", None), true),
        (part("rome", Some(1)), part("paris", None), true),
        (part("paris", None), part("paris", None), false),
    ] {
        assert_eq!(is_more(&now, std::slice::from_ref(&shown)), expect, "{now:?} {shown:?}");
    }
}

#[test]
fn what_goes_unseen_is_not_counted_as_nothing() {
    assert_eq!(sum(&[part("paris", Some(2))], 0), "2 objects deleted in 1 member");
    let all = || vec![part("paris", Some(2)), part("rome", None)];
    assert_eq!(sum(&all(), 0), "2 objects deleted in 1 member, and what rome had, unseen");
    assert_eq!(sum(&all()[1..], 0), "what rome had, unseen");
    let away = |member: &str| BTreeSet::from([member.parse().unwrap()]);
    let words = done_but_for(&away("rome"), all(), 0);
    assert_eq!(
        words,
        "deleted: 2 objects deleted in 1 member; in rome when it answers: what is there, which is not known"
    );
    let words = done_but_for(&away("paris"), vec![part("paris", Some(2)), part("rome", Some(3))], 0);
    assert_eq!(words, "deleted: 3 objects deleted in 1 member; in paris when it answers: 2 objects deleted");
    let words = done_but_for(&away("twin"), vec![part("paris", Some(2)), part("twin", Some(0))], 0);
    assert!(words.ends_with("in twin when it answers: nothing"));
    assert_eq!(
        done_but_for(&away("paris"), all()[..1].to_vec(), 0),
        "told to go in paris when it answers: 2 objects deleted"
    );
}

#[test]
fn what_stayed_against_the_list_is_not_counted_as_deleted() {
    let all = [part("paris", Some(2)), part("rome", Some(2))];
    assert_eq!(sum(&all, 1), "3 objects deleted, 1 object left there in 2 members");
    assert_eq!(sum(&all, 4), "4 objects left there in 2 members");
}

/// The hub's Application, at a version, with what it says becomes of what it placed.
fn app(version: &str, on_delete: Option<&str>) -> Application {
    let annotations: Value = on_delete.map_or_else(|| json!({}), |how| json!({ON_DELETE: how}));
    serde_json::from_value(json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": "default", "uid": "u", "resourceVersion": version, "annotations": annotations},
        "spec": {"source": {}, "syncPolicies": []}}))
    .unwrap()
}

/// What a look reads of the hub: the Application, what is decided of it, and what its one member has.
fn look(app: &Application) -> [(u16, Value); 3] {
    let unit = "apps.kurator.dev/Application/default/shop/p";
    let entry = json!({"revision": "r", "epoch": 1, "reason": "", "placed": "2026-01-01T00:00:00Z"});
    let decisions = json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "DecisionList", "metadata": {}, "items": [
        {"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": "d"},
            "spec": {"unit": unit, "slice": 0, "prune": true, "members": {"paris": entry}}}]});
    let counts = json!({"desired": 1, "applied": 1, "healthy": 1, "failed": 0, "inventory": 1});
    let row = json!({"key": {"kind": "ConfigMap", "namespace": "n1", "name": "x"}, "version": "v1", "sync": "Synced",
        "health": "Healthy", "uid": "1"});
    let tree = json!({"units": [{"member": "paris", "unit": unit, "revision": "r", "epoch": 1,
        "payload": format!("sha256:{}", "0".repeat(64)), "phase": "Applied", "health": "Healthy", "objects": counts,
        "pods": serde_json::to_value(api::delivery::PodCounts::default()).unwrap(), "details": [row]}]});
    [(200, serde_json::to_value(app).unwrap()), (200, decisions), (200, tree)]
}

/// What was shown of an Application, and what becomes of it when these answers are given after the question.
async fn after(
    shown: &Application,
    answers: impl IntoIterator<Item = (u16, Value)>,
) -> (anyhow::Result<()>, Vec<(String, Value)>) {
    let [_, decisions, tree] = look(shown);
    let parts = parts(&Hub::new([decisions, tree]).client(), "default", shown).await.unwrap();
    let hub = Hub::new(answers);
    let client = hub.client();
    let shown = Shown { client: &client, namespace: "default", name: "shop", app: shown, parts: &parts };
    let done = match shown.look_again().await {
        Ok(looked) => shown.delete(looked).await,
        Err(refused) => Err(refused),
    };
    let asked = hub.asked.lock().unwrap().clone();
    (done, asked.into_iter().filter(|(what, _)| what.starts_with("DELETE")).collect())
}

#[tokio::test]
async fn what_the_application_says_by_the_time_of_the_answer_counts() {
    let (kept, goes) = (app("1", Some("orphan")), app("2", None));
    let (done, deletions) = after(&kept, look(&goes)).await;
    insta::assert_snapshot!(
        done.unwrap_err(),
        @"app/shop: more of policy p in member paris would go than was shown a moment ago, and nothing was deleted; look again with the same command"
    );
    assert!(deletions.is_empty(), "{deletions:?}");
    // Less than what was shown.
    let (done, deletions) = after(&goes, look(&kept).into_iter().chain([(200, json!({}))])).await;
    done.unwrap();
    assert_eq!(deletions.len(), 1);
}

#[tokio::test]
async fn only_the_version_that_was_looked_at_is_deleted() {
    let (shown, kept) = (app("1", None), app("1", Some("orphan")));
    let conflict = || [(409, refusal(409, "the object has been modified"))];
    // Its status was written in between.
    let answers = look(&app("2", None)).into_iter().chain(conflict()).chain(look(&app("3", None)));
    let (done, deletions) = after(&shown, answers.chain([(200, json!({}))])).await;
    done.unwrap();
    let versions = deletions.iter().map(|(_, body)| &body["preconditions"]);
    assert_eq!(
        versions.collect::<Vec<_>>(),
        [&json!({"uid": "u", "resourceVersion": "2"}), &json!({"uid": "u", "resourceVersion": "3"})]
    );
    // The annotation was taken off between the look and the deletion.
    let answers = look(&kept).into_iter().chain(conflict()).chain(look(&app("2", None)));
    let (done, deletions) = after(&kept, answers).await;
    assert!(done.unwrap_err().to_string().contains("would go than was shown"), "it was looked at again");
    assert_eq!(deletions.len(), 1, "the hub refused it");
    // Another one under the name.
    let mut other = app("9", None);
    other.metadata.uid = Some("v".to_owned());
    let (done, deletions) = after(&shown, look(&other)).await;
    assert!(done.unwrap_err().to_string().contains("another one than was shown"), "{deletions:?}");
}

#[test]
fn a_policy_that_was_told_to_prune_a_moment_ago_deletes() {
    let spec = |prune: bool| {
        let mut app = app("1", None);
        let policies = json!([{"name": "p", "kustomization": {"interval": "5m", "path": "./", "prune": prune}}]);
        app.spec.sync_policies = serde_json::from_value(policies).unwrap();
        app
    };
    let decided = |prune: bool| -> DecisionSpec {
        let unit = "apps.kurator.dev/Application/default/shop/p";
        serde_json::from_value(json!({"unit": unit, "slice": 0, "prune": prune, "members": {}})).unwrap()
    };
    for (edited, known, expect) in
        [(false, false, Removal::Release), (true, false, Removal::Prune), (false, true, Removal::Prune)]
    {
        assert_eq!(removal(None, &spec(edited), &decided(known)), expect, "{edited} {known}");
        assert_eq!(removal(Some("orphan"), &spec(edited), &decided(known)), Removal::Release);
    }
}

//! What is read while an approval is waited for, and what becomes of what cannot be read.

use serde_json::{Value, json};

use super::super::tests::{Hub, refusal, shop};
use super::*;

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn decisions(members: Value) -> Value {
    let decision = |namespace: &str, name: &str, members: Value| {
        json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": format!("{name}-0")},
            "spec": {"unit": format!("apps.kurator.dev/Application/{namespace}/{name}/p"), "slice": 0, "held": DIGEST, "members": members}})
    };
    json!({"kind": "DecisionList", "apiVersion": "delivery.kurator.dev/v1alpha1", "metadata": {},
        "items": [decision("default", "shop", members.clone()), decision("default", "other", members)]})
}

fn entry(removal: &str, released: Option<&str>) -> Value {
    let leaving = json!({"cause": "NotListed", "message": "m", "approval": released});
    json!({"revision": "r", "epoch": 1, "reason": "", "removal": removal, "leaving": leaving})
}

fn record(name: &str) -> Value {
    json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": name},
        "spec": {"syncMode": "Push"}, "status": {"conditions": [{"type": "Ready", "status": "True",
            "reason": "ClusterReady", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
}

fn report(member: &str, link: &str) -> Value {
    json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "MemberStatus", "metadata": {"name": format!("{member}-0")},
        "spec": {"member": member, "slice": 0}, "status": {"units": {}, "link": {"state": link, "message": "", "since": "2026-01-01T00:00:00Z"}}})
}

/// Waits for the list of two members, of which the answers tell.
async fn wait(answers: impl IntoIterator<Item = (u16, Value)>) -> (anyhow::Result<End>, Vec<String>) {
    wait_of(false, answers).await
}

/// The same of an Application that was being deleted at that time, or not.
async fn wait_of(goes: bool, answers: impl IntoIterator<Item = (u16, Value)>) -> (anyhow::Result<End>, Vec<String>) {
    let kept = decisions(json!({"a": entry("None", None), "b-c": entry("None", None)}));
    let hub = Hub::new([(200, kept)].into_iter().chain(answers));
    let client = hub.client();
    let place = Place { client: &client, namespace: "default", name: "shop" };
    let list = HeldDeletions {
        policy: "p".into(),
        digest: DIGEST.into(),
        reason: "EditRemovesMembers".into(),
        ..HeldDeletions::default()
    };
    let lists = place.before(vec![list]).await.unwrap();
    let end = place.until_done(&lists, goes, Duration::from_secs(60)).await;
    let asked = hub.asked.lock().unwrap().iter().skip(1).map(|(what, _)| what.clone()).collect();
    (end, asked)
}

/// How often something of this path was asked.
fn count(asked: &[String], end: &str) -> usize {
    asked.iter().filter(|what| what.ends_with(end)).count()
}

#[tokio::test(start_paused = true)]
async fn only_what_concerns_the_list_is_read_and_who_does_not_answer_is_not_waited_for() {
    let gone = || entry("Prune", Some(DIGEST));
    let names = ["a-0", "b-0", "b-c-0"].map(
        |name| json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": name}}),
    );
    let names =
        || json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": names});
    let (end, asked) = wait([
        // Both are on their way.
        (200, shop("1", "", &[])),
        (200, decisions(json!({"a": gone(), "b-c": gone()}))),
        (200, names()),
        (200, report("a", "Connected")),
        (200, report("b-c", "Unreachable")),
        (200, record("a")),
        (200, record("b-c")),
        // One has left, and the applier of the other gets no answer.
        (200, shop("1", "", &[])),
        (200, decisions(json!({"b-c": gone()}))),
        (200, names()),
        (200, report("b-c", "Unreachable")),
        (200, record("b-c")),
    ])
    .await;
    assert_eq!(end.unwrap(), End::Done(BTreeSet::from(["b-c".parse().unwrap()])));
    assert_eq!((asked.len(), count(&asked, "/memberstatuses/b-0")), (12, 0), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_after_the_approval_says_nothing_against_it() {
    // This user may read nothing of the whole fleet.
    let (end, _) = wait([(200, shop("1", "", &[])), (403, refusal(403, "decisions is forbidden"))]).await;
    let End::Unseen(why) = end.unwrap() else { panic!("it was not seen") };
    assert!(why.contains("decisions is forbidden"), "{why}");
    // A hub that restarts meanwhile.
    let (end, asked) = wait([
        (503, refusal(503, "starting")),
        (200, shop("1", "", &[])),
        (500, refusal(500, "no")),
        (200, shop("1", "", &[])),
        (200, decisions(json!({}))),
    ])
    .await;
    assert_eq!(end.unwrap(), End::Done(BTreeSet::new()));
    assert_eq!(asked.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_was_not_released_is_said_to_have_changed() {
    let stays = json!({"revision": "r", "epoch": 1, "reason": ""});
    for (held, members, expect) in [
        (&[][..], json!({"a": stays, "b-c": stays}), "was not released (it does not wait any longer)"),
        (&["d2"], json!({"a": stays, "b-c": stays}), "was not released (it is now d2)"),
    ] {
        let (end, _) = wait([(200, shop("1", "", held)), (200, decisions(members))]).await;
        let error = end.unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
}

/// As after a restore of the hub: the deletion waits for a word, and the Application goes with the last of it.
#[tokio::test(start_paused = true)]
async fn an_application_that_was_being_deleted_is_done_when_it_is_gone() {
    let released = || entry("Prune", Some(DIGEST));
    let answers = |left: Value| [(404, refusal(404, "not found")), (200, decisions(left))];
    for (left, away) in [(json!({}), &[][..]), (json!({"b-c": released()}), &["b-c"])] {
        let (end, _) = wait_of(true, answers(left)).await;
        assert_eq!(end.unwrap(), End::Done(away.iter().map(|name| name.parse().unwrap()).collect()));
    }
    let error = wait_of(false, answers(json!({}))).await.0.unwrap_err().to_string();
    assert!(error.contains("it was deleted after the approval"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_does_not_take_up_ends_with_the_time() {
    let kept = || decisions(json!({"a": entry("None", None), "b-c": entry("None", None)}));
    let answers = (0..2_000).map(|n| (200, if n % 2 == 0 { shop("1", "", &[DIGEST]) } else { kept() }));
    let (end, _) = wait(answers).await;
    let error = end.unwrap_err().to_string();
    assert!(error.contains("approved, and after 60.0s the hub has not taken it up"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_has_more_than_was_shown_is_not_waited_for_and_is_named() {
    let names = json!([{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "a-0"}}]);
    let names =
        json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": names});
    let key = model::ObjectKey { kind: "ConfigMap".into(), name: "x".into(), ..Default::default() };
    let mut list = plan::prune::deletions(&[key.into()], 0, false);
    list.unshown = true;
    let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 1});
    let mut report = report("a", "Connected");
    report["status"]["units"] = json!({"apps.kurator.dev/Application/default/shop/p": {"revision": "r", "epoch": 1,
        "phase": "DeletionsHeld", "health": "Healthy", "objects": counts, "since": "2026-01-01T00:00:00Z", "held": list}});
    let (end, _) = wait([
        (200, shop("1", "", &[])),
        (200, decisions(json!({"a": entry("Prune", Some(DIGEST))}))),
        (200, names),
        (200, report),
        (200, record("a")),
    ])
    .await;
    let error = end.unwrap_err().to_string();
    assert!(error.contains("more is there in a, which waits for an approval of its own"), "{error}");
}

/// No time ends a fence: the words are there long before the time is up.
#[tokio::test(start_paused = true)]
async fn a_member_that_only_a_person_can_bring_on_is_not_waited_for_and_says_why() {
    let names = ["a-0", "b-c-0"].map(
        |name| json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": name}}),
    );
    let names =
        || json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": names});
    let counts = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 1});
    let fenced = |member: &str| {
        let mut report = report(member, "Connected");
        report["status"]["units"] = json!({"apps.kurator.dev/Application/default/shop/p": {"revision": "r", "epoch": 1,
            "phase": "Failed", "health": "Healthy", "objects": counts, "since": "2026-01-01T00:00:00Z",
            "reason": "Fenced", "message": "another applier wrote the inventory at epoch 4; stop one"}});
        report
    };
    let gone = || entry("Prune", Some(DIGEST));
    let look = |a: Value| {
        let both = decisions(json!({"a": gone(), "b-c": gone()}));
        let reads = [shop("1", "", &[]), both, names(), a, fenced("b-c"), record("a"), record("b-c")];
        reads.map(|read| (200, read))
    };
    // What is not fenced is waited for.
    let looks = (0..20).flat_map(|_| look(report("a", "Connected"))).chain((0..200).flat_map(|_| look(fenced("a"))));
    let began = Instant::now();
    let (end, asked) = wait(looks).await;
    let waited = began.elapsed();
    assert_eq!(
        end.unwrap_err().to_string(),
        "app/shop: approved, and it is not done in a, b-c: in a, another applier wrote the inventory at epoch 4; stop one; it \
         does not go on before that, see `kurator status app/shop`"
    );
    assert!(waited >= FENCED_FOR && waited < Duration::from_secs(30), "{waited:?}");
    assert!(asked.len() > 20 * 7, "{}", asked.len());
}

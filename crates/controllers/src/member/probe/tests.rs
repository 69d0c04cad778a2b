use std::collections::BTreeMap;
use std::sync::Mutex;

use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// How a member answers requests for a path, by how it begins: status and body. Nothing for those that never answer, and
/// [`REFUSED`] for a connection that is refused, or [`OTHER`].
type Answers = BTreeMap<&'static str, Option<(u16, Value)>>;

const REFUSED: u16 = 0;

/// Another cluster answers than the client insists on: one with the UID "u".
const OTHER: u16 = 1;

/// A member that counts what it is asked.
#[derive(Clone, Default)]
struct Fake {
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn new() -> Self {
        let fake = Self::default();
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "4"},
            "conditions": [{"type": "Ready", "status": "True"}]}});
        fake.set("/readyz", 200, json!("ok"));
        fake.set("/version", 200, json!({"gitVersion": "v1.37.0"}));
        fake.set("/api/v1/namespaces/kube-system", 200, kube_system("Namespace"));
        fake.set("/api/v1/nodes", 200, json!({"apiVersion": "v1", "kind": "NodeList", "items": [node]}));
        fake.pods("1");
        fake
    }

    fn set(&self, path: &'static str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(path, Some((status, body)));
    }

    fn pods(&self, cpu: &str) {
        self.set("/api/v1/pods", 200, json!({"apiVersion": "v1", "kind": "PodList", "items": [pod(cpu)]}));
    }

    fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(path)).count()
    }

    fn api(&self) -> Api {
        let fake = self.clone();
        let answer = move |request: Request<Body>| {
            let path = request.uri().path().to_owned();
            let mut asked = fake.asked.lock().unwrap();
            asked.push(path.clone());
            let turn = asked.len();
            drop(asked);
            let answers = fake.answers.lock().unwrap();
            let found = answers.iter().rev().find(|(begin, _)| path.starts_with(**begin)).map(|(_, a)| a.clone());
            async move {
                let Some((status, mut body)) = found.flatten() else { return std::future::pending().await };
                // A token that comes again would end the list.
                if let Some(token) = body.pointer_mut("/metadata/continue") {
                    *token = json!(turn.to_string());
                }
                if status == REFUSED {
                    return Err(tower::BoxError::from("connection refused"));
                }
                if status == OTHER {
                    return Err(Error::OtherCluster { expected: "a".to_owned(), found: "u".to_owned() }.into());
                }
                Ok(Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).unwrap())
            }
        };
        prober(Api::new(kube::Client::new(tower::service_fn(answer), "default"), "test"))
    }
}

fn kube_system(kind: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "kube-system", "uid": "u"}})
}

fn pod(cpu: &str) -> Value {
    json!({"metadata": {"namespace": "n", "name": "p"},
        "spec": {"nodeName": "n", "containers": [{"resources": {"requests": {"cpu": cpu}}}]}})
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn allocated(state: &State) -> Option<String> {
    state.facts.resources.as_ref()?.allocated.get("cpu").cloned()
}

#[tokio::test]
async fn a_probe_that_waits_is_small() {
    let (fake, (_says, mut changed)) = (Fake::new(), watch::channel(None));
    let (api, mut state) = (fake.api(), State::default());
    // One for each member of a hub, which waits nearly all of its time.
    let size = size_of_val(&state.once(&api, now(), &mut changed));
    assert!(size < 768, "{size}");
    let size = size_of_val(&state.rest(Instant::now(), &mut changed));
    assert!(size < 512, "{size}");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_counted_when_the_member_has_come_to_rest_and_nothing_is_counted_in_vain() {
    let fake = Fake::new();
    let (api, (says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
    assert_eq!((fake.asked("/api/v1/pods"), allocated(&state).as_deref()), (1, Some("1")));
    // Nothing happens: the next probe asks whether it is ready, and no more.
    state.rest(Instant::now() + EVERY, &mut changed).await;
    state.once(&api, now(), &mut changed).await;
    assert_eq!((fake.asked("/readyz"), fake.asked("/api/v1/pods")), (2, 1));
    // A rollout: a report now and then, and the last one half a second before the end.
    let began = Instant::now();
    let reports = async {
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            says.send_replace(Some(Instant::now()));
        }
        fake.pods("2");
    };
    tokio::join!(state.rest(began + EVERY, &mut changed), reports);
    assert_eq!(began.elapsed(), Duration::from_secs(3), "a second after the last report, not at the next probe");
    state.once(&api, now(), &mut changed).await;
    assert_eq!((fake.asked("/api/v1/pods"), allocated(&state).as_deref()), (2, Some("2")));
    // It differed: pods that are going say nothing of it, so the next probe counts once more. Then it is quiet.
    for expect in [3, 3, 3] {
        state.rest(Instant::now() + EVERY, &mut changed).await;
        state.once(&api, now(), &mut changed).await;
        assert_eq!(fake.asked("/api/v1/pods"), expect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_says_no_is_not_asked_sooner_because_things_change_in_it() {
    for status in [302, 401, 403, 503] {
        let fake = Fake::new();
        let (api, (says, mut changed)) = (fake.api(), watch::channel(None));
        let mut state = State::default();
        state.once(&api, now(), &mut changed).await;
        // Something is delivered there, and then its etcd stumbles.
        says.send_replace(Some(Instant::now()));
        fake.set("/readyz", status, json!({"message": "no"}));
        let (began, before) = (Instant::now(), fake.asked("/readyz"));
        for _ in 0..5 {
            state.once(&api, now(), &mut changed).await;
            state.rest(Instant::now() + EVERY, &mut changed).await;
        }
        assert_eq!((began.elapsed(), fake.asked("/readyz") - before), (EVERY * 5, 5), "{status}");
        // When it is well again, the change is counted with the next probe.
        fake.pods("2");
        fake.set("/readyz", 200, json!("ok"));
        assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
        assert_eq!(allocated(&state).as_deref(), Some("2"), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_is_ready_whatever_comes_of_counting_its_pods() {
    let fake = Fake::new();
    let (api, (_says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    state.once(&api, now(), &mut changed).await;
    // A credential without the right to list pods; then lists that take longer than a probe may.
    fake.set("/api/v1/pods", 403, json!({"message": "pods is forbidden"}));
    tokio::time::advance(FACTS_FIRST).await;
    assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
    fake.answers.lock().unwrap().insert("/api/v1/pods", None);
    for _ in 0..3 {
        tokio::time::advance(FACTS_MAX * COUNT_SHARE).await;
        assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
    }
    assert_eq!(allocated(&state).as_deref(), Some("1"), "what was counted last stays");
    assert_eq!(state.facts.uid.as_deref(), Some("u"));
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_too_many_are_not_summed_in_part() {
    let fake = Fake::new();
    let page = json!({"apiVersion": "v1", "kind": "PodList", "items": [pod("1")], "metadata": {"continue": "more"}});
    fake.set("/api/v1/pods", 200, page);
    let (api, (_says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    state.once(&api, now(), &mut changed).await;
    assert_eq!((allocated(&state), state.facts.nodes.clone().map(|n| n.total_num)), (None, Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_say_who_it_is_is_asked_with_each_probe() {
    let fake = Fake::new();
    fake.set(
        "/api/v1/namespaces/kube-system",
        200,
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}),
    );
    let (api, (_says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    for asked in 1..4 {
        assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
        assert_eq!((state.facts.uid.as_deref(), fake.asked("/api/v1/namespaces")), (None, asked));
        tokio::time::advance(EVERY).await;
    }
    fake.set("/api/v1/namespaces/kube-system", 200, kube_system("Namespace"));
    state.once(&api, now(), &mut changed).await;
    assert_eq!(state.facts.uid.as_deref(), Some("u"));
}

#[tokio::test(start_paused = true)]
async fn what_a_member_says_of_its_resources_is_kept_in_part_and_counted() {
    let fake = Fake::new();
    let amounts: serde_json::Map<_, _> =
        (0..2_000).map(|n| (format!("x{n}-{}", "y".repeat(if n < 1_000 { 50 } else { 3_000 })), json!("1"))).collect();
    let node =
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"allocatable": amounts}});
    fake.set("/api/v1/nodes", 200, json!({"apiVersion": "v1", "kind": "NodeList", "items": [node]}));
    let (api, (_says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
    let kept = state.facts.resources.as_ref().unwrap().allocatable.len();
    assert_eq!((kept, state.facts.left_out), (facts::RESOURCES_MAX, 2_000 - facts::RESOURCES_MAX as u64));
}

#[test]
fn an_outcome_that_differs_in_numbers_only_is_the_same() {
    let mut state = State::default();
    let ran_out = |secs: u32| Outcome::Unreachable(format!("certificate expired {secs} seconds ago"));
    assert_eq!(state.steady_outcome(ran_out(5)), ran_out(5));
    assert_eq!(state.steady_outcome(ran_out(10)), ran_out(5), "a record is not written for each second");
    assert_eq!(state.steady_outcome(Outcome::Ready), Outcome::Ready);
    assert_eq!(state.steady_outcome(ran_out(20)), ran_out(20));
    let refused = Outcome::Unreachable("connection refused".into());
    assert_eq!(state.steady_outcome(refused.clone()), refused);
}

/// How long after a member fell silent it is said to be unreachable. `pods`: whether its pods can be counted before.
async fn seen_after(silent_after: Duration, pods: bool) -> Duration {
    let fake = Fake::new();
    if !pods {
        fake.answers.lock().unwrap().insert("/api/v1/pods", None);
    }
    let (api, (_says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    let began = Instant::now();
    let silent = began + silent_after;
    let probes = async {
        loop {
            let time = || now() + began.elapsed();
            if let Some(Outcome::Unreachable(_)) = state.once(&api, time(), &mut changed).await {
                return silent.elapsed();
            }
            let pause = state.pause("m", time());
            state.rest(Instant::now() + pause, &mut changed).await;
        }
    };
    let silence = async {
        tokio::time::sleep_until(silent).await;
        fake.answers.lock().unwrap().clear();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        seen = probes => seen,
        () = silence => Duration::MAX,
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_member_is_unknown_within_fifteen_seconds() {
    // From the first probe until after the second count, in steps that fall between an answer and the next request, in the
    // middle of a count without an answer, and on the pauses in between.
    for pods in [true, false] {
        let mut longest = Duration::ZERO;
        for step in 0..400 {
            let silent_after = Duration::from_millis(100 * step + 1);
            let seen = seen_after(silent_after, pods).await;
            assert!(seen <= Duration::from_secs(15), "silent after {silent_after:?}, seen {seen:?} later");
            longest = longest.max(seen);
        }
        // A sweep that never meets the worst case proves nothing.
        assert!(longest > Duration::from_secs(12), "{longest:?}");
    }
}

#[test]
fn probes_that_are_due_in_one_second_begin_together_and_retries_do_not_wait() {
    let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap();
    for (pause, now, begins) in [(10_000, 0, 10_000), (10_400, 100, 11_000), (9_600, 250, 10_000), (500, 250, 750)] {
        let pause = on_a_beat(Duration::from_millis(pause), at(now));
        assert_eq!(pause + Duration::from_millis(now.unsigned_abs()), Duration::from_millis(begins));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_where_nothing_changes_is_counted_less_and_less_often() {
    let fake = Fake::new();
    let (api, (_says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    let began = Instant::now();
    let mut counted_at = Vec::new();
    while began.elapsed() < Duration::from_secs(800) {
        let before = fake.asked("/api/v1/pods");
        state.once(&api, now(), &mut changed).await;
        if fake.asked("/api/v1/pods") > before {
            counted_at.push(began.elapsed().as_secs());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(counted_at, [0, 60, 180, 420, 660]);
    // A node more: the next count sees it, and the one after comes soon again.
    fake.pods("2");
    tokio::time::advance(FACTS_MAX).await;
    state.once(&api, now(), &mut changed).await;
    assert_eq!(allocated(&state).as_deref(), Some("2"));
    assert_eq!(state.counted.map(|counted| counted.keeps), Some(FACTS_FIRST));
}

#[tokio::test(start_paused = true)]
async fn a_count_without_an_answer_is_followed_by_a_probe_at_once() {
    let fake = Fake::new();
    let (api, (_says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    fake.answers.lock().unwrap().insert("/api/v1/pods", None);
    assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
    assert!(state.unanswered);
    assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
    assert!(!state.unanswered, "its pods are not counted again so soon");
}

#[tokio::test(start_paused = true)]
async fn what_a_member_answers_is_told_from_silence() {
    type Answer = Option<(u16, Value)>;
    let system = "/api/v1/namespaces/kube-system";
    let late = || Some(Outcome::Unreachable("no answer within 4 s".to_owned()));
    let refused = || Some((REFUSED, json!(null)));
    let shutting_down = json!({"kind": "Status", "reason": "ServiceUnavailable", "message": "shutting down"});
    let not_found = "the server could not find the requested resource";
    let missing = json!({"kind": "Status", "reason": "NotFound", "message": "no", "details": {"name": "kube-system"}});
    let foreign = "what is in front of the server answered 404, and not by Kubernetes: \"<html>\"";
    let cases: [(&'static str, Answer, &str, Option<Outcome>); 18] = [
        ("/readyz", Some((200, json!("ok"))), "well", Some(Outcome::Ready)),
        ("/readyz", None, "silent", late()),
        ("/readyz", refused(), "refused, for the first time", None),
        ("/readyz", Some((500, json!({"message": "etcd"}))), "not well", Some(Outcome::NotReady("etcd".into()))),
        ("/readyz", Some((503, shutting_down)), "it says so itself", Some(Outcome::NotReady("shutting down".into()))),
        (
            "/readyz",
            Some((404, json!({"kind": "Status", "reason": "NotFound", "message": not_found}))),
            "a path was forgotten",
            Some(Outcome::NotReady(format!("{not_found}: {COMPARE_PATH}"))),
        ),
        (
            "/readyz",
            Some((404, json!("<html>"))),
            "something else",
            Some(Outcome::NotReady(format!("{foreign}: {COMPARE_PATH}"))),
        ),
        // It answers for a Kubernetes API elsewhere.
        (system, Some((404, json!("<html>"))), "not of Kubernetes", None),
        // A load balancer that has no server behind it: one lost answer says nothing yet.
        ("/readyz", Some((502, json!("<html>502 Bad Gateway</html>"))), "not reached", None),
        (system, Some((504, json!(null))), "not reached in time", None),
        ("/readyz", Some((401, json!({"message": "who?"}))), "unknown", Some(Outcome::Denied("who?".into()))),
        ("/readyz", Some((403, json!({"message": "no"}))), "no rights", Some(Outcome::Denied("no".into()))),
        (system, None, "silent about itself", late()),
        (system, refused(), "lost in between", None),
        (
            system,
            Some((404, missing)),
            "no cluster",
            Some(Outcome::NotReady(format!("it has no namespace kube-system: {COMPARE_PATH}"))),
        ),
        (
            system,
            Some((404, json!({"kind": "Status", "reason": "NotFound", "message": not_found, "details": {}}))),
            "no Kubernetes API",
            Some(Outcome::NotReady(format!("it has no namespace kube-system: {COMPARE_PATH}"))),
        ),
        (
            system,
            Some((200, kube_system("Secret"))),
            "a lie",
            Some(Outcome::NotReady(
                "the answer is about Secret kube-system; the question was about namespaces kube-system".into(),
            )),
        ),
        (
            "/version",
            Some((200, json!("x".repeat(ANSWER_BYTES_MAX)))),
            "too much",
            Some(Outcome::NotReady("the answer is larger than 65536 bytes".into())),
        ),
    ];
    for (path, answer, what, expect) in cases {
        let (fake, waits) = (Fake::new(), answer.is_none());
        fake.answers.lock().unwrap().insert(path, answer);
        let (began, (_says, mut changed)) = (Instant::now(), watch::channel(None));
        assert_eq!(State::default().once(&fake.api(), now(), &mut changed).await, expect, "{what}");
        // Silence costs one deadline: nothing else is asked meanwhile.
        assert_eq!(began.elapsed(), if waits { ANSWER_WITHIN } else { Duration::ZERO }, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_lost_connection_is_no_outage_and_two_are() {
    let fake = Fake::new();
    let (api, (_says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    for again in 0..2 {
        fake.set("/readyz", 200, json!("ok"));
        assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready), "{again}");
        fake.set("/readyz", REFUSED, json!(null));
        assert_eq!(state.once(&api, now(), &mut changed).await, None, "{again}");
    }
    let seen = state.once(&api, now(), &mut changed).await;
    assert!(matches!(&seen, Some(Outcome::Unreachable(why)) if why.contains("connection refused")), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn no_wish_makes_probes_more_frequent_than_a_retry() {
    let fake = Fake::new();
    let (api, (_says, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State::default();
    state.once(&api, now(), &mut changed).await;
    let began = Instant::now();
    state.rest(began, &mut changed).await;
    assert_eq!(began.elapsed(), RETRY_FIRST);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_another_cluster_is_asked_again_with_each_probe() {
    let fake = Fake::new();
    let (api, (_sender, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State { recorded: Some("another".to_owned()), ..State::default() };
    for probe in 1..4 {
        assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
        assert_eq!(state.facts.uid.as_deref(), Some("u"));
        assert_eq!(fake.asked("/api/v1/namespaces/kube-system"), probe);
        tokio::time::advance(EVERY).await;
    }
    state.recorded = Some("u".to_owned());
    state.once(&api, now(), &mut changed).await;
    assert_eq!(fake.asked("/api/v1/namespaces/kube-system"), 3);
}

#[tokio::test(start_paused = true)]
async fn another_cluster_is_asked_no_more_than_the_member_itself() {
    for counts in [true, false] {
        let fake = Fake::new();
        fake.set("/readyz", OTHER, json!(null));
        if !counts {
            fake.answers.lock().unwrap().insert("/api/v1/pods", None);
        }
        let (api, (_sender, mut changed)) = (fake.api(), watch::channel(None));
        let facts = Facts { uid: Some("a".to_owned()), ..Facts::default() };
        let mut state = State { recorded: Some("a".to_owned()), facts, ..State::default() };
        let (began, mut counted_at) = (Instant::now(), Vec::new());
        while began.elapsed() < Duration::from_secs(800) {
            let before = fake.asked("/api/v1/pods");
            let time = || now() + began.elapsed();
            assert_eq!(state.once(&api, time(), &mut changed).await, Some(Outcome::Ready));
            assert_eq!(state.facts.uid.as_deref(), Some("u"), "so that it is said");
            if fake.asked("/api/v1/pods") > before {
                counted_at.push(began.elapsed().as_secs());
            }
            let pause = state.pause("m", time());
            state.rest(Instant::now() + pause, &mut changed).await;
        }
        let learned = fake.asked("/api/v1/namespaces/kube-system");
        assert_eq!((learned, fake.asked("/version")), (counted_at.len(), counted_at.len()));
        assert!(counted_at.len() <= 5 && fake.asked("/readyz") <= 80 + counted_at.len(), "{counts}: {counted_at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_was_another_cluster_is_ready_when_it_says_so_itself() {
    let fake = Fake::new();
    fake.set("/readyz", OTHER, json!(null));
    let (api, (_sender, mut changed)) = (fake.api(), watch::channel(None));
    let mut state = State { recorded: Some("a".to_owned()), ..State::default() };
    // The address leads back between two questions of one probe.
    let mut system = kube_system("Namespace");
    system["metadata"]["uid"] = json!("a");
    fake.set("/api/v1/namespaces/kube-system", 200, system);
    state.once(&api, now(), &mut changed).await;
    assert_eq!(state.facts.uid.as_deref(), Some("u"), "nobody has asked whether the member is ready");
    tokio::time::advance(EVERY).await;
    fake.set("/readyz", 500, json!({"message": "etcd"}));
    assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::NotReady("etcd".into())));
    tokio::time::advance(EVERY).await;
    fake.set("/readyz", 200, json!("ok"));
    assert_eq!(state.once(&api, now(), &mut changed).await, Some(Outcome::Ready));
    assert_eq!(state.facts.uid.as_deref(), Some("a"), "with the first answer");
}

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;

use http::{Request, Response};
use kube::client::Body;
use serde_json::json;

use super::*;

/// How a member answers requests for a path, by how it begins: status and body. Nothing for those that never answer.
type Answers = BTreeMap<&'static str, Option<(u16, Value)>>;

/// A member that counts what it is asked.
#[derive(Clone, Default)]
struct Fake {
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn new() -> Self {
        let fake = Self::default();
        let node = json!({"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "4"},
            "conditions": [{"type": "Ready", "status": "True"}]}});
        fake.set("/readyz", 200, json!("ok"));
        fake.set("/version", 200, json!({"gitVersion": "v1.37.0"}));
        fake.set("/api/v1/namespaces/kube-system", 200, json!({"metadata": {"uid": "u"}}));
        fake.set("/api/v1/nodes", 200, json!({"items": [node]}));
        fake.pods("1");
        fake
    }

    fn set(&self, path: &'static str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(path, Some((status, body)));
    }

    fn pods(&self, cpu: &str) {
        let pod = json!({"spec": {"nodeName": "n", "containers": [{"resources": {"requests": {"cpu": cpu}}}]}});
        self.set("/api/v1/pods", 200, json!({"items": [pod]}));
    }

    fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(path)).count()
    }

    fn client(&self) -> Client {
        let fake = self.clone();
        let answer = move |request: Request<Body>| {
            let path = request.uri().path().to_owned();
            fake.asked.lock().unwrap().push(path.clone());
            let answers = fake.answers.lock().unwrap();
            let found = answers.iter().rev().find(|(begin, _)| path.starts_with(**begin)).map(|(_, a)| a.clone());
            async move {
                let Some((status, body)) = found.flatten() else { return std::future::pending().await };
                Ok::<_, Infallible>(
                    Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).unwrap(),
                )
            }
        };
        Client::new(tower::service_fn(answer), "default")
    }
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn allocated(state: &State) -> Option<String> {
    state.facts.resources.as_ref()?.allocated.get("cpu").cloned()
}

#[tokio::test(start_paused = true)]
async fn a_change_is_counted_when_the_member_has_come_to_rest_and_nothing_is_counted_in_vain() {
    let fake = Fake::new();
    let (client, (says, mut changed)) = (fake.client(), watch::channel(None));
    let mut state = State::default();
    assert_eq!(state.once(&client, now(), &mut changed).await, Some(Outcome::Ready));
    assert_eq!((fake.asked("/api/v1/pods"), allocated(&state).as_deref()), (1, Some("1")));
    // Nothing happens: the next probe asks whether it is ready, and no more.
    state.rest(Instant::now() + EVERY, &mut changed).await;
    state.once(&client, now(), &mut changed).await;
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
    state.once(&client, now(), &mut changed).await;
    assert_eq!((fake.asked("/api/v1/pods"), allocated(&state).as_deref()), (2, Some("2")));
    // It differed: pods that are going say nothing of it, so the next probe counts once more. Then it is quiet.
    for expect in [3, 3, 3] {
        state.rest(Instant::now() + EVERY, &mut changed).await;
        state.once(&client, now(), &mut changed).await;
        assert_eq!(fake.asked("/api/v1/pods"), expect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_is_ready_whatever_comes_of_counting_its_pods() {
    let fake = Fake::new();
    let (client, (_says, mut changed)) = (fake.client(), watch::channel(None));
    let mut state = State::default();
    state.once(&client, now(), &mut changed).await;
    // A credential without the right to list pods; then lists that take longer than a probe may.
    fake.set("/api/v1/pods", 403, json!({"message": "pods is forbidden"}));
    tokio::time::advance(FACTS_FIRST).await;
    assert_eq!(state.once(&client, now(), &mut changed).await, Some(Outcome::Ready));
    fake.answers.lock().unwrap().insert("/api/v1/pods", None);
    for _ in 0..FAILURES_MAX + 1 {
        tokio::time::advance(FACTS_MAX * COUNT_SHARE).await;
        assert_eq!(state.once(&client, now(), &mut changed).await, Some(Outcome::Ready));
    }
    assert_eq!(allocated(&state).as_deref(), Some("1"), "what was counted last stays");
    assert_eq!(state.facts.uid.as_deref(), Some("u"));
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_too_many_are_not_summed_in_part() {
    let fake = Fake::new();
    let pod = json!({"spec": {"nodeName": "n", "containers": [{"resources": {"requests": {"cpu": "1"}}}]}});
    fake.set("/api/v1/pods", 200, json!({"items": [pod], "metadata": {"continue": "more"}}));
    let (client, (_says, mut changed)) = (fake.client(), watch::channel(None));
    let mut state = State::default();
    state.once(&client, now(), &mut changed).await;
    assert_eq!((allocated(&state), state.facts.nodes.clone().map(|n| n.total_num)), (None, Some(1)));
}

#[test]
fn an_outcome_that_differs_in_numbers_only_is_the_same() {
    let mut state = State::default();
    let ran_out = |secs: u32| Outcome::Unreachable(format!("certificate expired {secs} seconds ago"));
    assert_eq!(state.say(ran_out(5)), ran_out(5));
    assert_eq!(state.say(ran_out(10)), ran_out(5), "a record is not written for each second");
    assert_eq!(state.say(Outcome::Ready), Outcome::Ready);
    assert_eq!(state.say(ran_out(20)), ran_out(20));
    let refused = Outcome::Unreachable("connection refused".into());
    assert_eq!(state.say(refused.clone()), refused);
}

/// How long after a member fell silent it is said to be unreachable. `pods`: whether its pods can be counted before.
async fn seen_after(silent_after: Duration, pods: bool) -> Duration {
    let fake = Fake::new();
    if !pods {
        fake.answers.lock().unwrap().insert("/api/v1/pods", None);
    }
    let (client, (_says, mut changed)) = (fake.client(), watch::channel(None));
    let mut state = State::default();
    let began = Instant::now();
    let silent = began + silent_after;
    let probes = async {
        loop {
            let time = || now() + began.elapsed();
            if let Some(Outcome::Unreachable(_)) = state.once(&client, time(), &mut changed).await {
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
    for (pause, now, begins) in [(8_000, 0, 8_000), (8_400, 100, 9_000), (7_200, 250, 7_000), (500, 250, 750)] {
        let pause = on_a_beat(Duration::from_millis(pause), at(now));
        assert_eq!(pause + Duration::from_millis(now.unsigned_abs()), Duration::from_millis(begins));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_where_nothing_changes_is_counted_less_and_less_often() {
    let fake = Fake::new();
    let (client, (_says, mut changed)) = (fake.client(), watch::channel(None));
    let mut state = State::default();
    let began = Instant::now();
    let mut counted_at = Vec::new();
    while began.elapsed() < Duration::from_secs(800) {
        let before = fake.asked("/api/v1/pods");
        state.once(&client, now(), &mut changed).await;
        if fake.asked("/api/v1/pods") > before {
            counted_at.push(began.elapsed().as_secs());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(counted_at, [0, 30, 90, 210, 450, 690]);
    // A node more: the next count sees it, and the one after comes soon again.
    fake.pods("2");
    tokio::time::advance(FACTS_MAX).await;
    state.once(&client, now(), &mut changed).await;
    assert_eq!(allocated(&state).as_deref(), Some("2"));
    assert_eq!(state.counted.map(|counted| counted.keeps), Some(FACTS_FIRST));
}

#[tokio::test(start_paused = true)]
async fn a_count_without_an_answer_is_followed_by_a_probe_at_once() {
    let fake = Fake::new();
    let (client, (_says, mut changed)) = (fake.client(), watch::channel(None));
    let mut state = State::default();
    fake.answers.lock().unwrap().insert("/api/v1/pods", None);
    assert_eq!(state.once(&client, now(), &mut changed).await, Some(Outcome::Ready));
    assert!(state.unanswered);
    assert_eq!(state.once(&client, now(), &mut changed).await, Some(Outcome::Ready));
    assert!(!state.unanswered, "its pods are not counted again so soon");
}

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use model::object;
use serde_json::json;

use super::*;
use crate::fake::{Log, UNKNOWN_PATH, closed, endless, open, reply, server};
use crate::limit::Limits;

fn maps() -> Arc<Resource> {
    Arc::new(Resource::core("ConfigMap", "configmaps", true))
}

fn map(name: &str, version: u64) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "shop", "name": name, "resourceVersion": version.to_string()}})
}

fn list(version: u64, items: &[Value]) -> Vec<String> {
    vec![
        json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": version.to_string()},
            "items": items})
        .to_string(),
    ]
}

fn event(kind: &str, object: Value) -> String {
    json!({"type": kind, "object": object}).to_string()
}

fn bookmark(version: u64) -> String {
    event(
        "BOOKMARK",
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"resourceVersion": version.to_string()}}),
    )
}

fn expired() -> String {
    event("ERROR", json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}))
}

/// One answer of a script.
#[derive(Clone)]
enum Scripted {
    /// These lines, and the end of the body.
    Closed(Vec<String>),
    /// These lines, and then nothing for ever.
    Open(Vec<String>),
    /// A refusal.
    Refuse(u16),
    /// What is said of a path that is not known.
    Unknown,
    /// A line that does not end.
    Endless,
    /// No connection.
    Nothing,
}

/// Follows a server that answers as the script says, and then refuses.
fn follow(script: Vec<Scripted>) -> (Watch<String>, Log) {
    let script = Arc::new(script);
    let (api, log) = server(move |nth, _| {
        let scripted = script.get(nth).cloned().unwrap_or(Scripted::Refuse(418));
        async move {
            match scripted {
                Scripted::Closed(lines) => reply(200, closed(lines)),
                Scripted::Open(lines) => reply(200, open(lines)),
                Scripted::Unknown => reply(404, closed(vec![UNKNOWN_PATH.trim().to_owned()])),
                Scripted::Refuse(code) => reply(code, closed(vec!["no".to_owned()])),
                Scripted::Endless => reply(200, endless("{\"type\":\"", "xxxxxxxx")),
                Scripted::Nothing => Err("no connection".into()),
            }
        }
    });
    let limits = Limits { object_bytes: 1 << 16, ..Limits::default() };
    let name = |object: Value| object::name(&object).filter(|name| *name != "skipped").map(str::to_owned);
    (Watch::new(api.with_limits(limits), maps(), name), log)
}

/// An event in short.
fn short(event: Event<String>) -> String {
    let at = |position: Position| position.map_or("?".to_owned(), |at| at.to_string());
    match event {
        Event::Listed(items, position) => format!("= {} @{}", items.join(","), at(position)),
        Event::Applied(item, position) => format!("+ {item} @{}", at(position)),
        Event::Deleted(item, position) => format!("- {item} @{}", at(position)),
        Event::Absent => "absent".to_owned(),
        Event::Refused(error) => format!("refused: {}", error.reason()),
        Event::Lost(error) => format!("lost: {}", error.reason()),
    }
}

async fn events(watch: &mut Watch<String>, count: usize) -> Vec<String> {
    let mut out = Vec::new();
    for _ in 0..count {
        out.push(short(watch.next().await));
    }
    out
}

fn asked(log: &Log) -> Vec<String> {
    let line = |line: &str| line.trim_start_matches("GET /api/v1/configmaps?").to_owned();
    log.lock().unwrap().iter().map(|asked| line(&asked.line)).collect()
}

const WATCH: &str = "watch=true&allowWatchBookmarks=true&timeoutSeconds=570&resourceVersion=";

#[tokio::test(start_paused = true)]
async fn a_list_and_then_each_change_and_on_from_there_when_the_request_ends() {
    let (mut watch, log) = follow(vec![
        Scripted::Closed(list(5, &[map("a", 3), map("skipped", 4)])),
        Scripted::Closed(vec![
            event("ADDED", map("b", 6)),
            event("MODIFIED", map("skipped", 7)),
            event("DELETED", map("a", 8)),
            bookmark(20),
        ]),
        Scripted::Open(vec![event("MODIFIED", map("b", 21))]),
    ]);
    assert_eq!(watch.version(), None);
    assert_eq!(events(&mut watch, 4).await, ["= a @5", "+ b @6", "- a @8", "+ b @21"]);
    assert_eq!(asked(&log), ["limit=500".to_owned(), format!("{WATCH}5"), format!("{WATCH}20")]);
    assert_eq!(watch.version(), Some("21"));
}

#[tokio::test(start_paused = true)]
async fn another_watch_goes_on_where_one_was() {
    let (watch, log) = follow(vec![Scripted::Open(vec![event("ADDED", map("b", 6))])]);
    let mut watch = watch.resume("5").selection(Selection::labels("a=b"));
    assert_eq!(events(&mut watch, 1).await, ["+ b @6"]);
    assert_eq!(asked(&log), [format!("{WATCH}5&labelSelector=a%3Db")]);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_no_longer_kept_means_a_list() {
    for gone in [Scripted::Refuse(410), Scripted::Closed(vec![expired()])] {
        let (watch, _) = follow(vec![gone, Scripted::Closed(list(9, &[map("a", 9)])), Scripted::Open(vec![])]);
        assert_eq!(events(&mut watch.resume("5"), 1).await, ["= a @9"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_without_end_or_about_something_else_is_not_believed() {
    let mut secret = map("a", 7);
    secret["kind"] = json!("Secret");
    let bad = [
        Scripted::Endless,
        Scripted::Closed(vec![event("MODIFIED", secret)]),
        Scripted::Closed(vec![event("MODIFIED", json!(null))]),
        Scripted::Closed(vec![event("RENAMED", map("a", 7))]),
        Scripted::Closed(vec!["not json".to_owned()]),
        Scripted::Closed(vec![event("ERROR", json!({"code": 500, "reason": "InternalError"}))]),
    ];
    for bad in bad {
        let listed = || Scripted::Closed(list(5, &[]));
        let (mut watch, _) =
            follow(vec![listed(), bad.clone(), listed(), bad.clone(), listed(), Scripted::Open(vec![])]);
        let seen = events(&mut watch, 4).await;
        assert_eq!((seen[0].as_str(), seen[1].as_str(), seen[3].as_str()), ("=  @5", "=  @5", "=  @5"));
        assert!(["refused: BadAnswer", "refused: InternalError"].contains(&seen[2].as_str()), "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_lost_connection_is_no_outage_and_two_are() {
    let (mut watch, _) = follow(vec![Scripted::Nothing, Scripted::Closed(list(5, &[])), Scripted::Open(vec![])]);
    assert_eq!(events(&mut watch, 1).await, ["=  @5"]);
    let (mut watch, _) =
        follow(vec![Scripted::Nothing, Scripted::Nothing, Scripted::Closed(list(5, &[])), Scripted::Open(vec![])]);
    assert_eq!(events(&mut watch, 2).await, ["lost: Unreachable", "=  @5"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_or_not_served_is_said_at_once_and_tried_again() {
    let (mut watch, _) =
        follow(vec![Scripted::Unknown, Scripted::Refuse(403), Scripted::Closed(list(5, &[])), Scripted::Open(vec![])]);
    assert_eq!(events(&mut watch, 3).await, ["absent", "refused: ServerError", "=  @5"]);
    // A part of the server: the rest of it answers.
    let (mut watch, _) =
        follow(vec![Scripted::Refuse(503), Scripted::Unknown, Scripted::Refuse(503), Scripted::Unknown]);
    assert_eq!(events(&mut watch, 1).await, ["refused: Unavailable"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_watch_does_not_list_again_and_again() {
    let mut script = vec![Scripted::Closed(list(5, &[]))];
    script.extend(vec![Scripted::Refuse(403); 5]);
    let (mut watch, log) = follow(script);
    events(&mut watch, 6).await;
    assert_eq!(asked(&log).iter().filter(|line| line.starts_with("limit")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_refused_is_not_asked_for_again() {
    for code in [400, 414, 422] {
        let (mut watch, log) = follow(vec![
            Scripted::Closed(list(5, &[])),
            Scripted::Refuse(code),
            Scripted::Closed(list(7, &[])),
            Scripted::Open(vec![event("ADDED", map("a", 8))]),
        ]);
        assert_eq!(events(&mut watch, 4).await, ["=  @5", "refused: ServerError", "=  @7", "+ a @8"]);
        assert_eq!(asked(&log)[3], format!("{WATCH}7"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_or_a_name_that_none_can_be_is_not_kept() {
    let mut long = map("a", 7);
    long["metadata"]["resourceVersion"] = "7".repeat(70_000).into();
    let bad = [event("BOOKMARK", long.clone()), event("ADDED", long), event("ADDED", map(&"x".repeat(5_000), 7))];
    for bad in bad {
        let listed = || Scripted::Closed(list(5, &[]));
        let bad = || Scripted::Closed(vec![bad.clone()]);
        let (mut watch, log) = follow(vec![listed(), bad(), listed(), bad(), listed(), Scripted::Open(vec![])]);
        assert_eq!(events(&mut watch, 4).await, ["=  @5", "=  @5", "refused: BadAnswer", "=  @5"]);
        assert!(asked(&log).iter().all(|line| line.len() < 200));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_only_talks_is_given_up_for_longer_each_time() {
    let lines = ["\n".to_owned(), bookmark(6) + "\n", event("DELETED", map("a", 7)) + "\n"];
    for line in lines {
        let (api, log) = server(move |_, asked| {
            let (watches, line) = (asked.line.contains("watch=true"), Bytes::from(line.clone()));
            async move { if watches { reply(200, futures::stream::repeat(line)) } else { reply(200, closed(list(5, &[]))) } }
        });
        let limits = Limits { watch_lines: 5, ..Limits::default() };
        let mut watch = Watch::new(api.with_limits(limits), maps(), |_| Some(())).backoff(Backoff::MEMBER, steady());
        let (start, mut said) = (Instant::now(), Vec::new());
        while start.elapsed() < Duration::from_secs(600) {
            match watch.next().await {
                Event::Refused(error) => said.push(error.to_string()),
                Event::Applied(..) => panic!("it says nothing of that kind"),
                _ => {}
            }
        }
        assert!(said.iter().all(|said| said == "the watch says more than 5 lines a second"), "{said:?}");
        // Pauses of 1, 2, 4, 8 and 16 s, and then of 30 s.
        assert!((20..=25).contains(&said.len()), "{}", said.len());
        assert!(asked(&log).len() <= 2 * said.len() + 1, "{}", asked(&log).len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_forgot_what_it_was_told_gets_a_list_after_the_pause() {
    let script = vec![
        Scripted::Closed(list(5, &[])),
        Scripted::Refuse(403),
        Scripted::Closed(list(7, &[map("a", 7)])),
        Scripted::Open(vec![]),
    ];
    let (mut watch, _) = follow(script);
    assert_eq!(events(&mut watch, 2).await, ["=  @5", "refused: ServerError"]);
    let refused = Instant::now();
    watch.relist();
    assert_eq!(watch.version(), None);
    assert_eq!(events(&mut watch, 1).await, ["= a @7"]);
    assert_eq!(refused.elapsed(), Backoff::NEAR.first);
}

#[tokio::test(start_paused = true)]
async fn silence_is_followed_by_a_list_and_bookmarks_keep_a_request() {
    // One that has never said anything may be kept back by something in between, and so may one that has: a list tells what
    // there is.
    for said in [vec![], vec![bookmark(6)], vec![event("ADDED", map("b", 6))]] {
        let (mut watch, log) = follow(vec![
            Scripted::Closed(list(5, &[map("a", 4)])),
            Scripted::Open(said),
            Scripted::Closed(list(7, &[])),
            Scripted::Open(vec![]),
        ]);
        let start = Instant::now();
        let listed = async { while short(watch.next().await) != "=  @7" {} };
        tokio::time::timeout(limit::WATCH_SILENCE * 2, listed).await.unwrap();
        assert_eq!((start.elapsed(), asked(&log).len()), (limit::WATCH_SILENCE, 3));
    }
    // A server that speaks each minute, but never ends the request, is cut at its time.
    let (api, log) = server(|nth, _| async move {
        match nth {
            0 => reply(200, closed(list(5, &[]))),
            _ => reply(
                200,
                futures::stream::iter(1..).then(|n| async move {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    Bytes::from(bookmark(n) + "\n")
                }),
            ),
        }
    });
    let mut watch = Watch::new(api, maps(), |_| Some(()));
    watch.next().await;
    let hour = tokio::time::timeout(Duration::from_secs(3600), watch.next()).await;
    assert!(hour.is_err());
    // With its first word after that, so that the next one has a minute for its own.
    let life = (limit::WATCH_LIFE + limit::WATCH_GRACE).as_secs().next_multiple_of(60);
    assert_eq!(asked(&log).len() as u64, 2 + 3599 / life);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_not_answered_when_it_is_opened_again_is_said_within_ten_seconds() {
    for rest_answers in [true, false] {
        let (api, _) = server(move |nth, asked| {
            let is_about_the_rest = asked.line.contains("/namespaces/kube-system");
            async move {
                match nth {
                    0 => reply(200, closed(list(5, &[]))),
                    // It ends, as watches do after some minutes.
                    1 => reply(200, closed(vec![event("ADDED", map("a", 6))])),
                    _ if rest_answers && is_about_the_rest => reply(200, closed(vec!["{}".to_owned()])),
                    _ => std::future::pending().await,
                }
            }
        });
        let mut watch = Watch::new(api, maps(), |_| Some(()));
        assert!(matches!(watch.next().await, Event::Listed(..)));
        assert!(matches!(watch.next().await, Event::Applied(..)));
        let ended = Instant::now();
        match watch.next().await {
            Event::Refused(Error::Unavailable(_)) if rest_answers => {
                assert!(ended.elapsed() <= Duration::from_secs(10), "{:?}", ended.elapsed());
            }
            // Another question was asked meanwhile.
            Event::Lost(Error::Deadline(_)) if !rest_answers => {
                assert!(ended.elapsed() <= Duration::from_secs(10) + limit::JUDGE_TIMEOUT, "{:?}", ended.elapsed());
            }
            _ => panic!("{rest_answers}"),
        }
    }
}

/// A server whose watches say these lines, each after so many seconds, and end so many seconds after the last of them.
fn timed(lines: Vec<(u64, String)>, end: u64) -> (Watch<()>, Log) {
    let (api, log) = server(move |_, asked| {
        let (watches, lines) = (asked.line.contains("watch=true"), lines.clone());
        let after = |(secs, text): (u64, String)| async move {
            tokio::time::sleep(Duration::from_secs(secs)).await;
            Bytes::from(text)
        };
        async move {
            if !watches {
                return reply(200, closed(list(5, &[])));
            }
            let lines = lines.into_iter().map(|(secs, line)| (secs, line + "\n")).chain([(end, String::new())]);
            reply(200, futures::stream::iter(lines).then(after))
        }
    });
    (Watch::new(api, maps(), |_| Some(())).backoff(Backoff::MEMBER, steady()), log)
}

/// Follows for some time; how many lists and how many watches were asked for, and what was said besides lists.
async fn followed(mut watch: Watch<()>, log: &Log, time: Duration) -> (usize, usize, Vec<String>) {
    let (end, mut said) = (Instant::now() + time, Vec::new());
    while let Ok(event) = tokio::time::timeout_at(end, watch.next()).await {
        match event {
            Event::Listed(..) => {}
            Event::Refused(error) => said.push(error.to_string()),
            other => panic!("{other:?}"),
        }
    }
    let lists = asked(log).iter().filter(|line| line.starts_with("limit")).count();
    (lists, asked(log).len() - lists, said)
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_somebody_ends_without_a_word_is_silence_too() {
    let hour = Duration::from_secs(3600);
    // What keeps answers back, and has an end of its own: each request by itself is shorter than the longest silence.
    for end in [30, 60, 89] {
        let (watch, log) = timed(vec![], end);
        let (lists, watches, said) = followed(watch, &log, hour).await;
        let most = 1 + 3600 / limit::WATCH_SILENCE.as_secs() as usize;
        assert!((most - 1..=most).contains(&lists), "{end}: {lists} lists");
        assert!(watches <= 1 + 2 * 3600 / end as usize && said.is_empty(), "{end}: {watches} {said:?}");
    }
    // Such as end soon, and are not asked again and again.
    let (watch, log) = timed(vec![], 2);
    let (lists, watches, said) = followed(watch, &log, hour).await;
    assert!(lists >= 3600 / limit::WATCH_SILENCE.as_secs() as usize && said.is_empty(), "{lists} {said:?}");
    assert!(watches <= 140 && lists <= watches / 2, "{lists} {watches}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_kind_is_not_listed_as_long_as_bookmarks_come() {
    let minutes = |count| (1..=count).map(|n| (60, bookmark(10 + n)));
    // As kube-apiserver has it: one each minute, and one just before the end.
    let ends = minutes(4).chain([(58, bookmark(20))]).collect();
    for (lines, end) in [(minutes(600).collect(), 60), (ends, 2)] {
        let (watch, log) = timed(lines, end);
        let (lists, _, said) = followed(watch, &log, Duration::from_secs(3600)).await;
        assert!(lists == 1 && said.is_empty(), "{lists} {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_watches_before_they_say_anything_is_said_to_until_one_of_them_lasts() {
    let (api, log) = server(|nth, asked| {
        let (watches, lasts) = (asked.line.contains("watch=true"), nth > 19);
        async move {
            match watches {
                true if lasts => reply(200, open(vec![])),
                true => reply(200, closed(vec![])),
                false => reply(200, closed(list(nth as u64, &[]))),
            }
        }
    });
    let mut watch = Watch::new(api, maps(), |_| Some(())).backoff(Backoff::MEMBER, steady());
    assert!(matches!(watch.next().await, Event::Listed(..)));
    let start = Instant::now();
    for _ in 0..18 {
        let event = watch.next().await;
        assert!(matches!(&event, Event::Refused(error) if error.reason() == "BadAnswer"), "{event:?}");
        // As one does who forgets what he was told.
        watch.relist();
    }
    // Pauses of 0.5 to 16 s, and then of 30 s.
    assert!(start.elapsed() > Duration::from_secs(12 * 30), "{:?}", start.elapsed());
    assert!(matches!(watch.next().await, Event::Listed(_, Some(21))), "{:?}", asked(&log));
    let _ = tokio::time::timeout(Duration::from_secs(1), watch.next()).await;
    assert_eq!(asked(&log)[22], format!("{WATCH}21"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_watches_at_once_is_not_asked_in_a_tight_loop() {
    let (api, log) = server(|nth, _| async move {
        match nth {
            0 => reply(200, closed(list(5, &[]))),
            _ => reply(200, closed(vec![])),
        }
    });
    let mut watch = Watch::new(api, maps(), |_| Some(()));
    watch.next().await;
    let _ = tokio::time::timeout(Duration::from_secs(600), watch.next()).await;
    assert!(asked(&log).len() < 40, "{}", asked(&log).len());
    // Nor one that always says that the position is too old.
    let (api, log) = server(|_, asked| {
        let watches = asked.line.contains("watch=true");
        async move { if watches { reply(200, closed(vec![expired()])) } else { reply(200, closed(list(5, &[]))) } }
    });
    let watch = Watch::new(api, maps(), |_| Some(()));
    let _ = tokio::time::timeout(Duration::from_secs(600), watch.follow(|_| {})).await;
    assert!(asked(&log).len() < 80, "{}", asked(&log).len());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_the_wait_for_an_event_is_given_up() {
    let (api, _) = server(|nth, _| async move {
        match nth {
            0 => reply(200, closed(list(5, &[]))),
            _ => reply(
                200,
                futures::stream::iter(6..=200).then(|n| async move {
                    tokio::time::sleep(Duration::from_millis(7)).await;
                    Bytes::from(event("ADDED", map("a", n)) + "\n")
                }),
            ),
        }
    });
    let mut watch = Watch::new(api, maps(), |object| object::resource_version(&object).map(str::to_owned));
    let seen = Mutex::new(Vec::new());
    while seen.lock().unwrap().len() < 196 {
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(10), watch.next()).await {
            seen.lock().unwrap().push(short(event));
        }
    }
    let expected: Vec<String> = (6..=200).map(|n| format!("+ {n} @{n}")).collect();
    assert_eq!(seen.into_inner().unwrap()[1..], expected);
}

#[tokio::test(start_paused = true)]
async fn an_idle_watch_is_small() {
    let (watch, _) = follow(vec![Scripted::Closed(list(5, &[])), Scripted::Open(vec![])]);
    let idle = watch.follow(|_| {});
    // A thousand members with ten watches each: 20 MB, without their connections.
    assert!(size_of_val(&idle) + size_of::<Stream>() < 2048, "{} + {}", size_of_val(&idle), size_of::<Stream>());
}

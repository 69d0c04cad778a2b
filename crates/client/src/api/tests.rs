//! Hostile and broken servers; what an honest one does is in `tests/it`.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::failure::Class;
use crate::fake::{self, Received, endless, reply, server, simple};

fn maps() -> Resource {
    Resource::core("ConfigMap", "configmaps", true)
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "shop", "name": name, "uid": "1"}})
}

fn page(items: &[Value], token: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "7", "continue": token},
        "items": items})
    .to_string()
}

fn small() -> Limits {
    Limits { object_bytes: 1 << 16, page_bytes: 1 << 18, ..Limits::default() }
}

#[tokio::test(start_paused = true)]
async fn a_body_without_end_is_read_up_to_the_limit_whatever_was_asked() {
    let (api, _) = server(|_, _| async { reply(200, endless("{\"a\":\"", "xxxxxxxx")) });
    let api = api.with_limits(small());
    let (maps, object) = (maps(), map("a"));
    let target = maps.target("shop", "a");
    let merge = json!({"metadata": {"labels": null}});
    let options = Delete::default();
    let errors = [
        api.get(&target).await.unwrap_err(),
        api.get_metadata(&target).await.unwrap_err(),
        api.read("/version").await.unwrap_err(),
        api.read_bytes("/readyz", 64).await.unwrap_err(),
        api.create(&maps, "shop", &object).await.unwrap_err(),
        api.replace(&target, &object).await.unwrap_err(),
        api.apply(&target, &object).await.unwrap_err(),
        api.apply_dry_run(&target, &object).await.unwrap_err(),
        api.merge(&target, &merge).await.unwrap_err(),
        api.delete(&target, &options).await.unwrap_err(),
        api.list(&maps, "", &Selection::default()).await.unwrap_err(),
        api.count(&maps, "").await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
        assert_eq!(error.class(), Class::Retry);
    }
    api.delete_all(&maps, "shop", &Selection::default(), &options).await.expect("its answer is not read");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_end_is_a_refusal() {
    let (api, _) = server(|_, _| async { reply(403, endless("no ", "no ")) });
    let error = api.get(&maps().target("shop", "a")).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (Some(403), "403 Forbidden"));
}

#[tokio::test(start_paused = true)]
async fn json_that_is_heavier_than_it_looks_is_refused() {
    let heavy = format!("[{}0]", "{\"\":0},".repeat(500_000));
    let (api, _) = simple(move |_, _| (200, heavy.clone()));
    let error = api.get(&maps().target("shop", "a")).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { of: "bytes in memory", .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_or_drips_for_ever_ends_at_the_deadline() {
    for drips in [false, true] {
        let (api, log) = server(move |_, _| async move {
            let pause = if drips { Duration::from_secs(1) } else { Duration::from_secs(3600) };
            reply(
                200,
                stream::repeat(Bytes::from(" ")).then(move |byte| async move {
                    tokio::time::sleep(pause).await;
                    byte
                }),
            )
        });
        let start = Instant::now();
        let error = api.get(&maps().target("shop", "a")).await.unwrap_err();
        assert!(matches!(error, Error::Deadline(limit::REQUEST_TIMEOUT)), "{error:?}");
        // The question whether anything else answers has a deadline too.
        assert_eq!(start.elapsed(), limit::REQUEST_TIMEOUT + limit::JUDGE_TIMEOUT);
        assert_eq!(log.lock().unwrap().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_of_which_a_part_is_silent_is_not_unreachable() {
    async fn refusal_with_rest(rest: u16) -> Error {
        let (api, _) = simple(move |_, asked| match asked.line.as_str() {
            "GET /api/v1/namespaces/kube-system" => (rest, "{}".to_owned()),
            _ => (503, json!({"message": "the webhook does not answer"}).to_string()),
        });
        api.create(&maps(), "shop", &map("a")).await.unwrap_err()
    }
    for rest in [200, 403] {
        let error = refusal_with_rest(rest).await;
        assert_eq!((error.class(), error.reason(), error.code()), (Class::Retry, "Unavailable", Some(503)));
        assert_eq!(error.to_string(), "the webhook does not answer; the rest of it answers");
    }
    for rest in [503, 404] {
        assert_eq!(refusal_with_rest(rest).await.class(), Class::Unreachable, "{rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_readyz_says_is_an_answer_and_nothing_else_is_asked() {
    let (api, log) = simple(|_, _| (503, "etcd failed".to_owned()));
    let error = api.read_bytes("/readyz", 64).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (Some(503), "etcd failed"));
    assert_eq!(log.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_server_says_is_read_up_to_a_limit() {
    async fn read_readyz(status: u16, body: &str) -> Result<Bytes, Error> {
        let body = body.to_owned();
        let (api, _) = simple(move |_, _| (status, body.clone()));
        api.read_bytes("/readyz", 8).await
    }
    let refused = async |status, body: &str| {
        let error = read_readyz(status, body).await.unwrap_err();
        (error.code(), error.to_string())
    };
    assert_eq!(read_readyz(200, "12345678").await.unwrap(), "12345678");
    let large = read_readyz(200, "123456789").await.unwrap_err();
    assert_eq!(large.to_string(), "the answer is larger than 8 bytes");
    let long = refused(500, &"x".repeat(10_000)).await;
    assert_eq!((long.0, long.1.len()), (Some(500), limit::WORDS_MAX));
    let endless = refused(503, &"x".repeat(limit::REFUSAL_BYTES_MAX + 1)).await;
    assert_eq!(endless, (Some(503), "503 Service Unavailable".to_owned()));
    let said = refused(403, r#"{"kind":"Status","message":"no\u0007 rights","code":403}"#).await;
    assert_eq!(said, (Some(403), "no rights".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_only_asks_whether_a_server_answers_is_told_so_at_the_deadline() {
    let (api, log) = server(|_, _| std::future::pending());
    let request = Duration::from_secs(2);
    let api = api.with_limits(Limits { request, judge: None, ..Limits::default() });
    let start = Instant::now();
    let error = api.get(&maps().target("shop", "a")).await.unwrap_err();
    assert!(matches!(error, Error::Deadline(time) if time == request), "{error:?}");
    assert_eq!((start.elapsed(), log.lock().unwrap().len()), (request, 1));
}

#[tokio::test(start_paused = true)]
async fn done_about_another_object_is_not_done() {
    let others = [json!(null), json!([]), json!({"kind": "Status", "status": "Success"}), map("b")];
    for other in others {
        let text = other.to_string();
        let (api, _) = simple(move |_, _| (200, text.clone()));
        let (maps, object) = (maps(), map("a"));
        let target = maps.target("shop", "a");
        let mut errors = vec![
            api.get(&target).await.unwrap_err(),
            api.create(&maps, "shop", &object).await.unwrap_err(),
            api.replace(&target, &object).await.unwrap_err(),
            api.apply(&target, &object).await.map(|_| ()).unwrap_err(),
            api.merge(&target, &json!({})).await.unwrap_err(),
        ];
        if other["kind"] != "Status" {
            errors.push(api.delete(&target, &Delete::default()).await.unwrap_err());
        }
        for error in errors {
            assert!(matches!(error, Error::Mismatch { .. }), "{other}: {error:?}");
            assert!(error.is_ambiguous(), "nobody knows what it did");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_uid_that_was_named_must_come_back() {
    let (api, _) = simple(|_, _| (200, map("a").to_string()));
    let maps = maps();
    let target = maps.target("shop", "a");
    for (uid, right) in [("1", true), ("2", false)] {
        let patch = json!({"metadata": {"uid": uid}});
        assert_eq!(api.merge(&target, &patch).await.is_ok(), right);
        assert_eq!(api.delete(&target, &Delete { uid: Some(uid), ..Delete::default() }).await.is_ok(), right);
    }
    let (api, _) = simple(|_, _| (200, json!({"kind": "Status", "details": {"uid": "1"}}).to_string()));
    for (uid, right) in [("1", true), ("2", false)] {
        let deleted = api.delete(&target, &Delete { uid: Some(uid), ..Delete::default() }).await;
        assert_eq!(deleted.is_ok(), right, "{deleted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_verb_asks_what_its_name_says() {
    let (api, log) = simple(|_, asked| match asked.line.split(' ').next() {
        Some("PATCH") if asked.content_type.contains("apply") => (201, map("a").to_string()),
        _ => (200, map("a").to_string()),
    });
    let api = api.with_manager("a b");
    let (maps, object) = (maps(), map("a"));
    let target = maps.target("shop", "a");
    api.get(&target).await.unwrap();
    api.get_metadata(&target).await.unwrap();
    api.create(&maps, "shop", &object).await.unwrap();
    api.create_part(&target.part("eviction"), &json!({})).await.unwrap();
    api.replace(&target.part("status"), &object).await.unwrap();
    assert!(api.apply(&target, Document::from_bytes(Bytes::from("{}"))).await.unwrap().created);
    api.apply_dry_run(&target, Document::from_bytes(Bytes::from("{}"))).await.unwrap();
    api.merge(&target, &json!({"a": 1})).await.unwrap();
    let live = json!({"metadata": {"uid": "1", "resourceVersion": "5"}});
    let options = Delete { grace_secs: Some(0), ..Delete::exactly(&live).propagation(Propagation::Orphan) };
    api.delete(&target, &options).await.unwrap();
    api.delete_all(&maps, "shop", &Selection::labels("a=b,c"), &Delete::default()).await.unwrap();
    let lines: Vec<String> = log
        .lock()
        .unwrap()
        .iter()
        .map(|Received { line, accept, content_type, body }| format!("{line} | {accept} | {content_type} | {body}"))
        .map(|line| line.replace(&object.to_string(), "OBJECT"))
        .collect();
    let at = "/api/v1/namespaces/shop/configmaps";
    let json = "application/json";
    assert_eq!(
        lines,
        [
            format!("GET {at}/a | {json} |  | "),
            format!("GET {at}/a | {} |  | ", crate::exchange::METADATA),
            format!("POST {at}?fieldManager=a%20b | {json} | {json} | OBJECT"),
            format!("POST {at}/a/eviction?fieldManager=a%20b | {json} | {json} | {{}}"),
            format!("PUT {at}/a/status?fieldManager=a%20b | {json} | {json} | OBJECT"),
            format!("PATCH {at}/a?fieldManager=a%20b&force=true | {json} | application/apply-patch+yaml | {{}}"),
            format!(
                "PATCH {at}/a?fieldManager=a%20b&force=true&dryRun=All | {json} | application/apply-patch+yaml | {{}}"
            ),
            format!("PATCH {at}/a?fieldManager=a%20b | {json} | application/merge-patch+json | {{\"a\":1}}"),
            format!(
                "DELETE {at}/a | {json} | {json} | {}",
                json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan",
                "gracePeriodSeconds": 0, "preconditions": {"uid": "1", "resourceVersion": "5"}})
            ),
            format!(
                "DELETE {at}?labelSelector=a%3Db%2Cc | {json} | {json} | {}",
                json!({"apiVersion": "v1", "kind": "DeleteOptions"})
            ),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_in_pages_and_projected() {
    let (api, log) = simple(|nth, _| match nth {
        0 => (200, page(&[map("a"), map("b")], "t/1=")),
        _ => (200, page(&[map("c")], "")),
    });
    let keep = |object: Value| object::name(&object).filter(|name| *name != "b").map(str::to_owned);
    let selection = Selection { fields: "metadata.name!=x".to_owned(), ..Selection::metadata() };
    let listed = api.list_as(&maps(), "shop", &selection, keep).await.unwrap();
    assert_eq!(listed, List { items: vec!["a".to_owned(), "c".to_owned()], resource_version: "7".to_owned() });
    let lines: Vec<String> = log.lock().unwrap().iter().map(|asked| asked.line.clone()).collect();
    let base = "GET /api/v1/namespaces/shop/configmaps?limit=500&fieldSelector=metadata.name%21%3Dx";
    assert_eq!(lines, [base.to_owned(), format!("{base}&continue=t%2F1%3D")]);
    assert!(log.lock().unwrap().iter().all(|asked| asked.accept == crate::exchange::METADATA_LIST));
}

/// "A server may return fewer objects than requested (up to zero items) … and clients should only use the presence of the
/// continue field to determine whether more results are available" (Kubernetes, `ListOptions.limit`).
#[tokio::test(start_paused = true)]
async fn pages_without_objects_do_not_end_a_list() {
    for empty in [1, limit::EMPTY_PAGES_MAX] {
        let (api, _) = simple(move |nth, _| match nth {
            // Each object comes after so many empty pages; the last page is empty too.
            nth if nth > 3 * (empty + 1) => (200, page(&[], "")),
            nth if nth % (empty + 1) == empty => (200, page(&[map(&format!("m{nth}"))], &nth.to_string())),
            nth => (200, page(&[], &nth.to_string())),
        });
        let list = api.list(&maps(), "shop", &Selection::default()).await.unwrap();
        assert_eq!((list.items.len(), list.resource_version.as_str()), (3, "7"), "{empty}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let (api, log) = simple(|_, asked| {
        let size: usize = asked.line.split("limit=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
        let mut large = map("a");
        large["data"] = json!({"x": "y".repeat(60_000)});
        (200, page(&vec![large; size.min(100)], ""))
    });
    let api = api.with_limits(small());
    assert_eq!(api.list(&maps(), "shop", &Selection::default()).await.unwrap().items.len(), 1);
    let sizes: Vec<String> =
        log.lock().unwrap().iter().map(|asked| asked.line.split("limit=").nth(1).unwrap().to_owned()).collect();
    assert_eq!(sizes, ["500", "62", "7", "1"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_never_ends_does() {
    let limits = Limits { list_objects: 1_000, list_pages: 50, list_bytes: 1 << 20, ..small() };
    let full = vec![map("a"); 100];
    let fat = {
        let mut fat = map("a");
        fat["data"] = json!({"x": "y".repeat(50_000)});
        vec![fat; 4]
    };
    for (items, of) in [(full, "objects"), (vec![map("a")], "pages"), (fat, "bytes")] {
        let (api, log) = simple(move |nth, _| (200, page(&items, &nth.to_string())));
        let error = api.with_limits(limits).list_as(&maps(), "shop", &Selection::default(), |_| Some(())).await;
        let error = error.unwrap_err();
        assert!(matches!(&error, Error::Endless { of: found, .. } if *found == of), "{of}: {error:?}");
        assert!(log.lock().unwrap().len() <= 51);
    }
    // Time alone ends it too.
    let (api, _) = server(|nth, _| async move {
        tokio::time::sleep(Duration::from_secs(25)).await;
        reply(200, stream::iter([Bytes::from(page(&[map("a")], &nth.to_string()))]))
    });
    let start = Instant::now();
    let error = api.list(&maps(), "", &Selection::default()).await.unwrap_err();
    assert!(
        matches!(error, Error::Endless { of: "seconds of answers", .. }),
        "it answers, and is not silent: {error:?}"
    );
    assert!(start.elapsed() <= limit::LIST_TIMEOUT + limit::REQUEST_TIMEOUT, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whole_objects_that_are_kept_have_a_limit_together() {
    let mut item = map("a");
    item["data"] = json!({"x": "y".repeat(10_000)});
    let twenty = move || {
        let item = item.clone();
        let (api, _) = simple(move |nth, _| {
            (200, page(&vec![item.clone(); 10], &if nth < 19 { nth.to_string() } else { String::new() }))
        });
        api.with_limits(Limits { list_memory: 1 << 20, ..Limits::default() })
    };
    let error = twenty().list(&maps(), "shop", &Selection::default()).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { of: "bytes in memory", .. }), "{error:?}");
    let projected = twenty().list_as(&maps(), "shop", &Selection::default(), |_| Some(())).await.unwrap();
    assert_eq!(projected.items.len(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_something_else_is_refused() {
    let mut foreign = map("a");
    foreign["metadata"]["namespace"] = json!("other");
    let secrets = json!({"kind": "SecretList", "apiVersion": "v1", "items": [{"apiVersion": "v1", "kind": "Secret",
        "metadata": {"namespace": "shop", "name": "a"}}]});
    for body in [page(&[foreign], ""), secrets.to_string(), map("a").to_string(), "{}".to_owned()] {
        let (api, _) = simple(move |_, _| (200, body.clone()));
        let error = api.list(&maps(), "shop", &Selection::default()).await.unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error:?}");
    }
    // One without objects names nothing else than what it is a list of.
    for (version, kind) in [
        ("metrics.k8s.io/v1beta1", "NodeMetricsList"),
        ("v1", "SecretList"),
        ("apps/v1", "ConfigMapList"),
        ("v1", "ConfigMap"),
    ] {
        let body = json!({"apiVersion": version, "kind": kind, "metadata": {}, "items": []}).to_string();
        let (api, _) = simple(move |_, _| (200, body.clone()));
        let error = api.list(&maps(), "shop", &Selection::default()).await.unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{kind}: {error:?}");
    }
    // Nor is one that says of itself that it is not whole.
    let partial = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {"remainingItemCount": 3}, "items": []});
    for (status, body) in [(200, partial.to_string()), (206, page(&[], ""))] {
        let (api, _) = simple(move |_, _| (status, body.clone()));
        let error = api.list(&maps(), "shop", &Selection::metadata()).await.unwrap_err();
        assert!(matches!(error, Error::Malformed(_)), "{status}: {error:?}");
    }
    for body in ["null", "[]", "\"x\"", r#"{"kind":"ConfigMapList","items":{}}"#] {
        let (api, _) = simple(move |_, _| (200, body.to_owned()));
        let error = api.list(&maps(), "shop", &Selection::default()).await.unwrap_err();
        assert!(matches!(error, Error::Malformed(_)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn absence_is_none_and_a_count_costs_one_object() {
    let (api, _) = simple(|_, _| (404, fake::missing("configmaps", "a")));
    let maps = maps();
    assert_eq!(api.get(&maps.target("shop", "a")).await.unwrap(), None);
    assert_eq!(api.delete(&maps.target("shop", "a"), &Delete::default()).await.unwrap(), Deletion::Absent);
    let (api, _) = simple(|_, _| (404, fake::UNKNOWN_PATH.to_owned()));
    assert_eq!(api.count(&maps, "shop").await.unwrap(), 0);
    let (api, log) = simple(|_, _| {
        let body =
            json!({"kind": "PartialObjectMetadataList", "metadata": {"remainingItemCount": 41}, "items": [map("a")]});
        (200, body.to_string())
    });
    assert_eq!(api.count(&maps, "shop").await.unwrap(), 42);
    assert!(log.lock().unwrap()[0].line.ends_with("?limit=1"));
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_out_is_told_from_what_is_gone() {
    let mut going = map("a");
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    for (answer, expected) in [
        (going.clone(), Deletion::Going(going)),
        (map("a"), Deletion::Gone),
        (json!({"kind": "Status", "status": "Success"}), Deletion::Gone),
    ] {
        let (api, _) = fake::simple(move |_, _| (200, answer.to_string()));
        assert_eq!(api.delete(&maps().target("shop", "a"), &Delete::default()).await.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_of_a_list_is_weighed() {
    let limits = Limits { list_kept: 100_000, ..Limits::default() };
    let listed = async |text: usize| {
        let (api, log) = simple(move |nth, _| {
            let mut item = map("a");
            item["data"] = json!("y".repeat(text));
            (200, page(&vec![item; 10], &nth.to_string()))
        });
        let keep = |object: Value| object["data"].as_str().map(str::to_owned);
        let api = api.with_limits(Limits { list_pages: 20, ..limits });
        let error = api.list_as(&maps(), "", &Selection::default(), keep).await.unwrap_err();
        let asked = log.lock().unwrap().len();
        (error, asked)
    };
    let (error, pages) = listed(2_000).await;
    assert!(matches!(error, Error::TooLarge { max: 100_000, .. }), "{error:?}");
    assert_eq!(pages, 5, "it ends as soon as it is too much");
    let (error, _) = listed(100).await;
    assert!(matches!(error, Error::Endless { of: "pages", .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_leads_nowhere_ends_a_list() {
    // Items of each page, and what it says about the next one.
    let table: [(usize, &str, usize); 4] =
        [(1, "same", 2), (0, "same", 2), (0, "", limit::EMPTY_PAGES_MAX + 1), (2, "", 51)];
    for (items, token, asked) in table {
        let (api, log) = simple(move |nth, _| {
            let next = if token.is_empty() { nth.to_string() } else { token.to_owned() };
            (200, page(&vec![map("a"); items], &next))
        });
        let api = api.with_limits(Limits { list_pages: 50, ..Limits::default() });
        let error = api.list(&maps(), "shop", &Selection::default()).await.unwrap_err();
        assert_eq!((error.reason(), error.class()), ("BadAnswer", Class::Retry));
        assert_eq!(log.lock().unwrap().len(), asked, "{error}");
    }
    for (field, max) in [("continue", limit::TOKEN_BYTES_MAX), ("resourceVersion", limit::VERSION_BYTES_MAX)] {
        let (api, _) = simple(move |_, _| {
            let metadata = json!({field: "7".repeat(max + 1)});
            (200, json!({"kind": "ConfigMapList", "metadata": metadata, "items": [map("a")]}).to_string())
        });
        let error = api.list(&maps(), "shop", &Selection::default()).await.unwrap_err();
        assert!(error.to_string().ends_with(&format!("metadata.{field} is longer than {max} bytes")), "{error}");
    }
}

/// What a 404 says, for who asks for an object.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    /// That it is not there.
    Gone,
    /// That its kind is not served.
    NoKind,
    /// Something else of Kubernetes.
    Other,
    /// Nothing, since it comes from elsewhere.
    Foreign,
}

impl Said {
    fn of(error: &Error) -> Self {
        match error {
            Error::Gone { .. } => Self::Gone,
            Error::NoKind { .. } => Self::NoKind,
            Error::Refused { code: 404, .. } => Self::Other,
            Error::Unavailable(inner) if matches!(**inner, Error::NotKubernetes { .. }) => Self::Foreign,
            other => panic!("{other:?}"),
        }
    }
}

/// Every 404 that we know of.
fn answers_404() -> Vec<(String, Said)> {
    let status = |reason: &str, message: &str, details: Value| {
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": reason, "message": message,
            "details": details})
        .to_string()
    };
    let about = |details: Value| status("NotFound", "not found", details);
    let whole = fake::missing("configmaps", "a");
    vec![
        (about(json!({"name": "a"})), Said::Gone),
        (about(json!({"name": "a", "kind": "ConfigMap"})), Said::Gone),
        (about(json!({"name": "b", "kind": "configmaps"})), Said::Other),
        (about(json!({"name": "a", "kind": "secrets"})), Said::Other),
        (about(json!({"name": "a", "kind": "configmaps", "group": "example.com"})), Said::Other),
        (about(json!({"name": "shop", "kind": "namespaces"})), Said::Other),
        (about(json!({})), Said::Other),
        (status("Forbidden", "no", json!({"name": "a", "kind": "configmaps"})), Said::Other),
        (status("NotFound", "admission webhook \"w\" denied the request", Value::Null), Said::Other),
        (status("NotFound", "the server could not find the requested resource", json!({})), Said::NoKind),
        (fake::UNKNOWN_PATH.to_owned(), Said::NoKind),
        (whole[..whole.len() - 1].to_owned(), Said::Foreign),
        ("<html><head><title>404 Not Found</title></head><body>nginx</body></html>".to_owned(), Said::Foreign),
        (r#"{"message":"no Route matched with those values"}"#.to_owned(), Said::Foreign),
        (json!({"reason": "NotFound", "details": {"name": "a"}}).to_string(), Said::Foreign),
        (String::new(), Said::Foreign),
        (whole, Said::Gone),
    ]
}

/// A server that answers so, and knows itself.
fn answering_404(body: String) -> Api {
    let (api, _) = simple(move |_, asked| match asked.line.as_str() {
        "GET /api/v1/namespaces/kube-system" => (200, "{}".to_owned()),
        _ => (404, body.clone()),
    });
    api
}

#[tokio::test(start_paused = true)]
async fn only_a_404_that_speaks_of_an_object_proves_that_it_is_gone() {
    let (maps, object) = (maps(), map("a"));
    let target = maps.target("shop", "a");
    for (body, said) in answers_404() {
        let api = answering_404(body.clone());
        for found in [api.get(&target).await, api.get_metadata(&target).await] {
            assert_eq!(found.map_or_else(|error| Said::of(&error), |_| Said::Gone), said, "get: {body}");
        }
        let deleted = api.delete(&target, &Delete::default()).await;
        let deleted = deleted.map(|done| assert_eq!(done, Deletion::Absent));
        assert_eq!(deleted.map_or_else(|error| Said::of(&error), |()| Said::Gone), said, "delete: {body}");
        let writes = [
            api.merge(&target, &json!({})).await,
            api.replace(&target, &object).await,
            api.apply(&target, &object).await.map(|applied| applied.object),
            api.apply_dry_run(&target, &object).await,
        ];
        for written in writes {
            assert_eq!(Said::of(&written.unwrap_err()), said, "write: {body}");
        }
        // A part that is not served says nothing of the kind.
        let of_part = if said == Said::NoKind { Said::Other } else { said };
        let part = target.part("status");
        let written = [api.replace(&part, &object).await, api.create_part(&part, &object).await];
        for written in written {
            assert_eq!(Said::of(&written.unwrap_err()), of_part, "part: {body}");
        }
        // No object is asked for here.
        let error = api.create(&maps, "shop", &object).await.unwrap_err();
        assert!(!error.is_gone(), "create: {body}");
        assert_eq!(error.lacks_namespace("shop"), body.contains("namespaces"), "create: {body}");
        assert!(!error.lacks_namespace("other"));
    }
    let scales = [json!({"name": "web", "group": "autoscaling", "kind": "deployments/scale"}), json!({"name": "web"})];
    let deployments = Resource::new("apps", "v1", "Deployment", "deployments", true);
    for details in scales {
        let api = answering_404(json!({"kind": "Status", "reason": "NotFound", "details": details}).to_string());
        assert_eq!(api.get(&deployments.target("shop", "web").part("scale")).await.unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn only_kubernetes_own_word_for_a_path_says_that_a_kind_is_not_served() {
    let config_map = model::GroupVersionKind::new("example.com", "v1", "ConfigMap");
    for (body, said) in answers_404() {
        let api = answering_404(body.clone());
        let is_path = said == Said::NoKind;
        assert_eq!(api.count(&maps(), "shop").await.is_ok_and(|count| count == 0), is_path, "{body}");
        let listed = api.list(&maps(), "shop", &Selection::default()).await.unwrap_err();
        assert_eq!((listed.is_path_unknown(), listed.is_gone()), (is_path, false), "{body}");
        assert_eq!(listed.class() == Class::Retry, said == Said::Foreign, "{body}");
        let deleted = api.delete_all(&maps(), "shop", &Selection::default(), &Delete::default()).await.unwrap_err();
        assert_eq!((deleted.is_path_unknown(), deleted.is_gone()), (is_path, false), "{body}");
        let discovery = crate::Discovery::new(api.clone());
        let found = discovery.find(&config_map).await;
        assert_eq!(found.is_ok_and(|found| found.is_none()), is_path, "{body}");
        let found = discovery.find_any_version(&config_map.group_kind()).await;
        assert_eq!(found.is_ok_and(|found| found.is_none()), is_path, "{body}");
        let resolved = discovery.resolve(&config_map).await.unwrap_err();
        assert_eq!(matches!(resolved, Error::NoKind { .. }), is_path, "{body}");
        let mut watch = crate::Watch::new(api.clone(), std::sync::Arc::new(maps()), |object: Value| {
            model::object::name(&object).map(str::to_owned)
        });
        let event = watch.next().await;
        assert_eq!(matches!(event, crate::Event::Absent), is_path, "{body}: {event:?}");
        // By path nothing is compared, and what is not of Kubernetes is no answer.
        assert_eq!(api.raw().get("/anything").await.is_ok(), said != Said::Foreign, "{body}");
        assert_eq!(api.raw().delete("/anything", &json!({})).await.is_ok(), said != Said::Foreign, "{body}");
    }
}

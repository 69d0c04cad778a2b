//! A panic costs one probe; what a record says that is not wished any more is taken off.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};

use kube::client::Body;

use super::*;
use crate::connection::{Fresh, Prepared};

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_does_not_end_probing() {
    let (_cache, controllers) = crate::deps::tests::idle();
    let ctx = context(&controllers.deps);
    let asked = Arc::new(AtomicU32::new(0));
    let seen = asked.clone();
    let answer = move |_: http::Request<Body>| {
        let nth = seen.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(nth > 0, "a bug");
            Ok::<_, Infallible>(http::Response::builder().status(500).body(Body::empty()).unwrap())
        }
    };
    let api = client::Api::new(kube::Client::new(tower::service_fn(answer), "default"), "test");
    let (key, member): (_, MemberName) = (NamespacedName::new("default", "a"), "a".parse().unwrap());
    let connection = ctx.connections.open(&member, Prepared::Fresh(Fresh::of(api)));
    let start = ctx.probes.start(&member, connection.serial, &ctx.shutdown).unwrap();
    apply::start_probing(&ctx, &key, &member, connection, start);
    tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while ctx.probes.probe(&member).is_none() {
            // time: it is paused; this is how it goes on.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("it probes again");
    assert_eq!(controllers.deps.metrics.queues().panics("probe"), 1);
}

#[test]
fn a_record_that_is_claimed_again_is_not_left_any_more() {
    let record = |annotations: &[&str]| {
        let all: serde_json::Map<String, serde_json::Value> =
            annotations.iter().map(|name| ((*name).to_owned(), serde_json::json!("x"))).collect();
        serde_json::json!({"metadata": {"annotations": all}})
    };
    let (release, from) = (api::kurator::annotation::ON_DETACH, api::kurator::annotation::TAKE_OVER);
    for (live, wanted, is_leaving, expect) in [
        (&[release][..], &[][..], false, true),
        // In its last moment it still says so: what was given back is not delivered again.
        (&[release], &[], true, false),
        (&[release], &[release], false, false),
        (&[from], &[], false, true),
        (&[from], &[], true, true),
        (&[], &[release], false, false),
    ] {
        assert_eq!(apply::is_told_more(&record(live), &record(wanted), is_leaving), expect, "{live:?} {wanted:?}");
    }
}

use std::sync::Barrier;

use serde_json::json;

use super::*;

#[test]
fn members_that_ask_at_the_same_time_share_one_payload() {
    const ASKING: usize = 8;
    let hub = HubId::from_random([1; 10]);
    let short = UnitId::new("g", "K", "n", "u", None).short(&hub);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}});
    let (payload, _) = plan::phase::plan(vec![map]);
    let digest = payload.digest();
    let (push, _reports) = PushFeed::new(hub, HubKey::from_random([1; 32]));
    assert!(push.prepared(&short, digest).is_none());
    let together = Barrier::new(ASKING);
    let bundles: Vec<Arc<Bundle>> = std::thread::scope(|scope| {
        let ask = || {
            together.wait();
            push.bundle(&short, digest, &payload)
        };
        let asking: Vec<_> = (0..ASKING).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(bundles.iter().all(|bundle| Arc::ptr_eq(bundle, &bundles[0]) && bundle.digest == digest));
    assert!(push.prepared(&short, digest).is_some_and(|ready| Arc::ptr_eq(&ready, &bundles[0])));

    // What no member has any more is forgotten with the next new payload.
    drop(bundles);
    assert!(push.prepared(&short, digest).is_none());
    let empty = Payload::default();
    let _kept = push.bundle(&short, empty.digest(), &empty);
    assert_eq!(push.state().prepared.len(), 1);
}

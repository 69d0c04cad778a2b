use std::convert::Infallible;
use std::time::Duration;

use api::kurator::fleet::v1alpha1::Fleet;
use kube::client::Body;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use super::*;
use crate::write;

/// A hub that answers each request for the Fleet of this name with this code.
fn hub() -> Api {
    let answer = |request: http::Request<Body>| {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let answer = http::Response::builder().status(name.parse::<u16>().unwrap());
        async move { Ok::<_, Infallible>(answer.body(Body::from(b"{}".to_vec())).unwrap()) }
    };
    Api::new(kube::Client::new(tower::service_fn(answer), "default"), "test")
}

async fn reconcile(api: Arc<Api>, code: u16) -> Result<Next, WriteError> {
    assert!(code != 0, "a bug");
    write::read::<Fleet>(&api, "n", &code.to_string()).await?;
    Ok(Next::After(Duration::from_secs(3600)))
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_and_a_panic_is_counted() {
    let mut registry = Registry::default();
    let metrics = client::Metrics::registered(&mut registry);
    let queue = Queue::with("test", BACKOFF, Arc::new(|| 0.0), &metrics);
    let stop = CancellationToken::new();
    let codes = [0, 400, 404, 409, 500];
    codes.into_iter().for_each(|code| queue.add(code));
    let working = tokio::spawn(work(Arc::new(hub()), queue.clone(), 2, stop.clone(), reconcile));
    // time: until each has been tried again once, after the first pause of the back-off.
    tokio::time::sleep(BACKOFF.first + Duration::from_millis(1)).await;
    stop.cancel();
    working.await.unwrap();
    let mut scrape = String::new();
    text::encode(&mut scrape, &registry).unwrap();
    for (result, count) in [("panic", 2), ("error", 2 * 3), ("requeue_after", 1)] {
        let line = format!("kurator_reconciles_total{{controller=\"test\",result=\"{result}\"}} {count}\n");
        assert!(scrape.contains(&line), "{line}{scrape}");
    }
    assert!(scrape.contains("kurator_reconcile_panics_total{controller=\"test\"} 2\n"), "{scrape}");
}

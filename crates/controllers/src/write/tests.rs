//! What becomes of a status that the hub refuses.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use api::condition::Condition;
use api::kurator::fleet::v1alpha1::{Fleet, FleetSpec, FleetStatus};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde_json::json;

use super::*;

/// A hub that refuses bodies above a size with a code, and stores others. It notes the sizes.
#[derive(Clone)]
struct Hub {
    bytes_max: Arc<Mutex<usize>>,
    code: u16,
    asked: Arc<Mutex<Vec<usize>>>,
}

impl Hub {
    fn new(bytes_max: usize, code: u16) -> Self {
        Self { bytes_max: Arc::new(Mutex::new(bytes_max)), code, asked: Arc::default() }
    }

    fn api(&self) -> Api {
        let hub = self.clone();
        let answer = move |request: Request<Body>| {
            let hub = hub.clone();
            async move {
                // After a 503 the client asks whether the rest of the hub answers: it does not.
                let is_status = request.uri().path().ends_with("/fleets/f/status");
                let body = request.into_body().collect().await.unwrap().to_bytes();
                if !is_status {
                    return Ok(Response::builder().status(hub.code).body(Body::empty()).unwrap());
                }
                hub.asked.lock().unwrap().push(body.len());
                let refused = json!({"kind": "Status", "code": hub.code, "message": format!("{} bytes", body.len())});
                let (code, body) = match body.len() > *hub.bytes_max.lock().unwrap() {
                    true => (hub.code, refused.to_string().into_bytes()),
                    false => (200, stored(&body)),
                };
                Ok::<_, Infallible>(Response::builder().status(code).body(Body::from(body)).unwrap())
            }
        };
        Api::new(kube::Client::new(tower::service_fn(answer), "default"), "test")
    }
}

/// What was written, as an object.
fn stored(body: &[u8]) -> Vec<u8> {
    let mut object: Value = serde_json::from_slice(body).unwrap();
    object["spec"] = json!({});
    object.to_string().into_bytes()
}

fn fleet(message: &str) -> Fleet {
    let mut fleet = Fleet::new("f", FleetSpec::default());
    fleet.metadata.namespace = Some("default".to_owned());
    let ready = Condition {
        type_: "Ready".to_owned(),
        status: "False".to_owned(),
        reason: "MemberNotFound".to_owned(),
        message: message.to_owned(),
        observed_generation: None,
        last_transition_time: "2026-01-01T00:00:00Z".to_owned(),
    };
    fleet.status = Some(FleetStatus { conditions: vec![ready], ..FleetStatus::default() });
    fleet
}

/// Both ways in which a status is written.
async fn write(api: &Api, metrics: &Metrics, fleet: &Fleet, part: bool) -> Result<Fleet, WriteError> {
    match part {
        false => status(api, metrics, fleet).await,
        true => status_part(api, metrics, fleet, fleet.status.as_ref().unwrap(), condition::STATUS_CUT).await,
    }
}

#[tokio::test]
async fn a_status_that_is_refused_for_what_is_in_it_is_written_in_brief() {
    let long = "m".repeat(20_000);
    // The message; how much the hub takes, and how it refuses more; how often it is asked; what is stored and counted.
    for (message, bytes_max, code, asked, expect) in [
        ("short", 10_000, 413, 1, Ok((1, "short".len()))),
        (&long, 10_000, 413, 2, Ok((2, 1_024))),
        (&long, 10_000, 422, 2, Ok((2, 1_024))),
        (&long, 10_000, 400, 2, Ok((2, 1_024))),
        (&long, 0, 413, 2, Err("nothing")),
        // What is not about the status is tried again as it is.
        (&long, 0, 409, 1, Err("")),
        (&long, 0, 503, 1, Err("")),
    ] {
        for part in [false, true] {
            let mut registry = Registry::default();
            let (hub, metrics) = (Hub::new(bytes_max, code), Metrics::registered(&mut registry));
            let written = write(&hub.api(), &metrics, &fleet(message), part).await;
            let conditions = written.as_ref().map(|fleet| fleet.status.clone().unwrap().conditions);
            let said = conditions.as_ref().map(|all| (all.len(), all[0].message.chars().count()));
            assert_eq!(said.ok(), expect.ok(), "{code} {part}");
            assert_eq!(hub.asked.lock().unwrap().len(), asked, "{code} {part}");
            let counts = metrics.refusals().counts().map(|(_, count)| count);
            assert_eq!(
                counts,
                match expect {
                    Ok((2, _)) => [1, 0],
                    Err("nothing") => [0, 1],
                    _ => [0, 0],
                }
            );
            let mut scrape = String::new();
            text::encode(&mut scrape, &registry).unwrap();
            let refusals = format!("kurator_status_refusals_total {}\n", asked - 1);
            assert!(scrape.contains(&refusals), "{refusals}{scrape}");
            if let Ok(conditions) = conditions {
                assert_eq!(is_marked(&conditions, condition::STATUS_CUT), asked == 2);
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_lasts_until_the_status_is_taken_whole_or_the_object_is_gone() {
    let (hub, metrics) = (Hub::new(10_000, 413), Metrics::default());
    let cut = |metrics: &Metrics| metrics.refusals().counts()[0].1;
    let long = fleet(&"m".repeat(20_000));
    let first = write(&hub.api(), &metrics, &long, false).await.unwrap();
    // The same is stored each time.
    assert_eq!(write(&hub.api(), &metrics, &long, false).await.unwrap().status, first.status);
    assert_eq!(cut(&metrics), 1);
    *hub.bytes_max.lock().unwrap() = 100_000;
    assert_eq!(write(&hub.api(), &metrics, &long, false).await.unwrap().status, long.status);
    assert_eq!(cut(&metrics), 0);
    *hub.bytes_max.lock().unwrap() = 10_000;
    write(&hub.api(), &metrics, &long, true).await.unwrap();
    metrics.refusals().retain(|(kind, key)| (kind.as_str(), key.to_string().as_str()) == ("Fleet", "default/f"));
    assert_eq!(cut(&metrics), 1);
    metrics.refusals().retain(|_| false);
    assert_eq!(cut(&metrics), 0);
}

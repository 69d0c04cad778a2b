use std::sync::{Arc, Mutex};

use api::kurator::minted::TOKEN_SECRET_LABEL;
use apiserver::{ApiServer, UserInfo};
use client::Selection;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use model::Clock;
use tower::{BoxError, ServiceExt as _};

use super::*;

const DAY_SECS: i64 = 24 * 3600;

/// A clock that a test sets to another day.
struct DayClock(Mutex<Timestamp>);

impl DayClock {
    fn set_day(&self, day: i64) -> Timestamp {
        let at = Timestamp::from_second(1_700_000_000 + day * DAY_SECS).unwrap();
        *self.0.lock().unwrap() = at;
        at
    }
}

impl Clock for DayClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A member that grants tokens for two days, as managed clusters do, and puts tokens into token Secrets.
struct Stage {
    clock: Arc<DayClock>,
    api: Api,
    /// Lives as long as its client.
    _server: ApiServer,
}

impl Stage {
    async fn new(puts_tokens: bool) -> Self {
        let clock = Arc::new(DayClock(Mutex::default()));
        clock.set_day(0);
        let server = test_apiserver::start_with(clock.clone()).await;
        let inner = server.service_as(UserInfo::master("test"));
        let service = tower::service_fn(move |request: Request<Body>| {
            let inner = inner.clone();
            async move {
                let (mut head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                if head.uri.path().ends_with("/serviceaccounts/kurator/token") {
                    let answer = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                        "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE},
                        "spec": {"expirationSeconds": 2 * DAY_SECS}, "status": {"token": "short"}});
                    let answer = Body::from(serde_json::to_vec(&answer)?);
                    let response = Response::builder().status(201).header("content-type", "application/json");
                    return Ok(response.body(answer)?);
                }
                let mut bytes = body.to_vec();
                if puts_tokens && head.method == Method::POST && head.uri.path().ends_with("/secrets") {
                    let mut secret: Value = serde_json::from_slice(&bytes)?;
                    secret["stringData"] = json!({"token": format!("token of {}", secret["metadata"]["name"])});
                    bytes = serde_json::to_vec(&secret)?;
                    head.headers.remove(http::header::CONTENT_LENGTH);
                }
                let (head, body) = inner.oneshot(Request::from_parts(head, Body::from(bytes))).await?.into_parts();
                let bytes = body.collect().await?.to_bytes().to_vec();
                Ok::<_, BoxError>(Response::from_parts(head, Body::from(bytes)))
            }
        });
        let api = Api::new(kube::Client::new(service, "default"), "tester");
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        api.create(&Resource::core("Namespace", "namespaces", false), "", &namespace).await.unwrap();
        Self { clock, api, _server: server }
    }

    /// What a hub does on a day whose Secret says `before`.
    async fn mint(&self, day: i64, before: Option<&Minted>) -> Token {
        mint(&self.api, self.clock.set_day(day), "prod", before, "https://hub default/paris").await.unwrap()
    }

    /// What a renewal does: the new token, and the end of those whose time is over.
    async fn renew(&self, day: i64, before: &Minted) -> Token {
        let token = self.mint(day, Some(before)).await;
        let used = [&token.minted, before].map(|minted| minted.token_secret.as_deref().unwrap());
        remove_old_token_secrets(&self.api, self.clock.now(), &used).await.unwrap();
        token
    }

    /// Names of the Secrets that are there.
    async fn names(&self) -> Vec<String> {
        let listed = self.api.list(&secrets(), NAMESPACE, &Selection::default()).await.unwrap();
        listed.items.iter().map(|secret| object::name(secret).unwrap().to_owned()).collect()
    }

    async fn has(&self, minted: &Minted) -> bool {
        self.names().await.contains(minted.token_secret.as_ref().unwrap())
    }
}

#[tokio::test]
async fn a_token_secret_that_was_made_and_not_noted_is_found_again() {
    let stage = Stage::new(true).await;
    // The command line is killed before it writes the hub's Secret, and is run again.
    let lost = stage.mint(0, None).await;
    let first = stage.mint(1, None).await;
    assert_eq!((&lost.text, &lost.minted), (&first.text, &first.minted), "also when it was made");
    assert_eq!(stage.names().await.len(), 1);
    // So is a hub that renews it.
    let lost = stage.renew(30, &first.minted).await;
    let second = stage.renew(31, &first.minted).await;
    assert_eq!((&lost.text, &lost.minted), (&second.text, &second.minted));
    assert_ne!(second.text, first.text);
    assert_eq!(second.minted.expires, None);
    assert_eq!(stage.names().await.len(), 2);
}

#[tokio::test]
async fn a_backup_of_before_has_a_token_that_works_and_is_renewed_from() {
    let stage = Stage::new(true).await;
    let first = stage.mint(0, None).await;
    let second = stage.renew(30, &first.minted).await;
    let third = stage.renew(60, &second.minted).await;
    assert!(stage.has(&first.minted).await, "a backup of day 29 works for 60 days");
    // A hub is restored from it, and is behind: it goes on with what there is.
    let again = stage.renew(61, &first.minted).await;
    assert_eq!((&again.text, &again.minted), (&second.text, &second.minted), "the one that it has forgotten");
    let again = stage.renew(61, &again.minted).await;
    assert_eq!((&again.text, &again.minted), (&third.text, &third.minted));
    assert_eq!(stage.names().await.len(), 3, "nothing was made");
    let fourth = stage.renew(91, &third.minted).await;
    assert!(!stage.has(&first.minted).await, "its time is over");
    for (token, day) in [(&second, 30), (&third, 60), (&fourth, 91)] {
        assert!(stage.has(&token.minted).await, "of day {day}");
    }
}

#[tokio::test]
async fn what_no_hub_remembers_goes_when_its_time_is_over_and_what_is_used_never() {
    let stage = Stage::new(true).await;
    let own = stage.mint(0, None).await;
    let forgotten = mint(&stage.api, stage.clock.now(), "c", None, "https://other default/paris").await.unwrap();
    let strangers = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "strangers", "namespace": NAMESPACE,
        "labels": {TOKEN_SECRET_LABEL: "another"}}});
    stage.api.create(&secrets(), NAMESPACE, &strangers).await.unwrap();
    // A hub that was down for long comes back: what it used until now is what a backup of yesterday has.
    let next = stage.renew(200, &own.minted).await;
    assert!(stage.has(&own.minted).await && stage.has(&next.minted).await);
    assert!(!stage.has(&forgotten.minted).await);
    assert!(stage.names().await.contains(&"strangers".to_owned()));
    // One that is about to be deleted by others is made again.
    let fresh = stage.mint(400, Some(&own.minted)).await;
    assert_eq!(fresh.minted.token_secret, next.minted.token_secret);
    assert_eq!(fresh.minted.issued, stage.clock.now());
}

#[tokio::test]
async fn a_secret_of_another_is_not_taken_for_a_token() {
    let stage = Stage::new(true).await;
    let name = plan::credential::token_secret_after(None, "https://hub default/paris");
    let other = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE},
        "stringData": {"token": "x"}});
    stage.api.create(&secrets(), NAMESPACE, &other).await.unwrap();
    let error = mint(&stage.api, stage.clock.now(), "c", None, "https://hub default/paris").await.unwrap_err();
    assert!(error.to_string().contains("is no token Secret of service account kurator"), "{error}");
    remove_token_secret(&stage.api, &name).await.unwrap();
    assert_eq!(stage.names().await, [name]);
}

#[tokio::test(start_paused = true)]
async fn without_a_token_in_it_the_short_one_is_taken() {
    let stage = Stage::new(false).await;
    let token = stage.mint(0, None).await;
    assert_eq!((token.text.as_str(), token.minted.token_secret.as_deref()), ("short", None));
    assert_eq!(token.minted.expires.unwrap().duration_since(stage.clock.now()).as_secs(), 2 * DAY_SECS);
    assert_eq!(stage.names().await, Vec::<String>::new());
}

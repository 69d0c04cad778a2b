use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use controllers::account::{self, End};
use member_sim::{Member, Options};

use super::super::tests::{Attaching, minted, names, refusing};
use super::super::{Account, Api, Mark};
use super::*;

/// What is said of an object that is not there.
fn missing(request: &http::Request<kube::client::Body>) -> Value {
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404,
        "details": {"name": request.uri().path().rsplit('/').next()}})
}

/// A cluster that has ServiceAccount kurator for so many looks, with this metadata, and nothing else.
fn cluster_with_account(metadata: Value, looks: usize) -> client::Api {
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let is_account = request.uri().path().ends_with("/serviceaccounts/kurator");
        let is_there = is_account && seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < looks;
        let (code, body) = match is_there {
            true => (200, json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})),
            false => (404, missing(&request)),
        };
        let body = kube::client::Body::from(body.to_string().into_bytes());
        let answer = http::Response::builder().status(code).header("content-type", "application/json").body(body);
        async move { answer }
    });
    client::Api::new(kube::Client::new(service, "default"), "tester")
}

#[tokio::test(start_paused = true)]
async fn what_a_detach_has_left_is_waited_for() {
    let names = names(None);
    let mark = Mark::of("https://hub", None, None, &names);
    let labels = json!({"app.kubernetes.io/managed-by": "kurator"});
    let metadata = |more: Value| {
        let mut all = json!({"name": "kurator", "namespace": "kurator-system", "labels": labels});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let owned =
        metadata(json!({"ownerReferences": [{"kind": "ClusterRole", "name": "kurator", "uid": "of-a-dead-one"}]}));
    let deleted = metadata(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}));
    let stays = |metadata: &Value, looks| cluster_with_account(metadata.clone(), looks);
    for (api, expect) in [
        (stays(&metadata(json!({})), usize::MAX), Ok(true)),
        (stays(&owned, 3), Ok(false)),
        (stays(&deleted, 3), Ok(false)),
        (stays(&owned, usize::MAX), Err("ServiceAccount kurator-system/kurator is on its way out")),
    ] {
        let place = Place { member: &api, hub: &api, mark: &mark, own_id: None, names: &names, context: "prod" };
        match (place.grants(Instant::now() + GONE_WITHIN).await, expect) {
            (Ok(grants), Ok(expect)) => {
                let account = grants.iter().find(|(grant, _)| grant.resource.kind == "ServiceAccount");
                assert_eq!(account.map(|(_, there)| *there), Some(expect));
            }
            (Err(error), Err(expect)) => assert!(
                error.to_string().contains(expect)
                    && error.to_string().contains("`kubectl get -n kurator-system serviceaccount kurator -o yaml`"),
                "{error}"
            ),
            (done, expect) => panic!("{} instead of {expect:?}", done.is_ok()),
        }
    }
}

/// A cluster whose ServiceAccount kurator is owned by ClusterRole kurator. That is answered with this code and UID. Each time
/// that the account is written, it has for `again` the owner `dead` once more.
fn cluster_with_role(code: u16, again: std::time::Duration) -> client::Api {
    let dead_until = Arc::new(std::sync::Mutex::new(Instant::now() + again));
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let path = request.uri().path();
        let mut until = dead_until.lock().unwrap();
        let is_account = path.ends_with("/serviceaccounts/kurator");
        if is_account && request.method() == "PATCH" {
            *until = Instant::now() + again;
        }
        let owner = if Instant::now() < *until { "dead" } else { "alive" };
        let owners = json!([{"kind": "ClusterRole", "name": "kurator", "uid": owner}]);
        let metadata = json!({"name": "kurator", "uid": "alive", "resourceVersion": "7",
            "labels": {"app.kubernetes.io/managed-by": "kurator"}});
        let (code, body) = match (is_account, path.ends_with("/clusterroles/kurator"), code) {
            (true, ..) => {
                let mut account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
                account["metadata"]["namespace"] = json!("kurator-system");
                account["metadata"]["ownerReferences"] = owners;
                (200, account)
            }
            (_, true, 200) => (
                200,
                json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata}),
            ),
            (_, true, code) => (code, json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code})),
            _ => (404, missing(&request)),
        };
        let body = kube::client::Body::from(body.to_string().into_bytes());
        let answer = http::Response::builder().status(code).header("content-type", "application/json").body(body);
        async move { answer }
    });
    client::Api::new(kube::Client::new(service, "default"), "tester")
}

#[tokio::test(start_paused = true)]
async fn all_waits_together_have_one_end_and_what_cannot_be_seen_is_not_said_to_go() {
    let attaching = Attaching::new(7, &["shop"]);
    let again = GONE_WITHIN.mul_f32(0.8);
    for (code, longest, expect) in [
        (200, GONE_WITHIN, "ServiceAccount kurator-system/kurator is on its way out"),
        (
            403,
            UNSEEN_WITHIN,
            "you may not see that role, so that it cannot be seen whether ServiceAccount kurator-system/kurator goes",
        ),
    ] {
        let api = cluster_with_role(code, again);
        let began = Instant::now();
        let said = attaching.place(&api).take_back(began + GONE_WITHIN).await.map(drop).unwrap_err().to_string();
        assert!(said.contains(expect), "{said}");
        assert!(began.elapsed() <= longest + LOOK_EVERY, "{code}: {:?}", began.elapsed());
    }
}

/// What a hub asks for that removes its account, step by step.
const STEPS: [&str; 7] = [
    "PATCH /api/v1/namespaces/kurator-system/serviceaccounts/kurator",
    "PATCH /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kurator",
    "PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/kurator-system/rolebindings/kurator-credential",
    "PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/kurator-system/roles/kurator-credential",
    "GET /apis/rbac.authorization.k8s.io/v1/rolebindings",
    "PATCH /api/v1/namespaces/kurator-system?",
    LAST_STEP,
];
const LAST_STEP: &str = "DELETE /apis/rbac.authorization.k8s.io/v1/clusterroles/kurator";

/// Is everything there that was made, and does nothing of it go with the ClusterRole?
async fn assert_made(place: &Place<'_>, what: &str) {
    for grant in rights::grants(&place.names.namespaces) {
        let found = place.member.get_metadata(&grant.resource.target_of(&grant.object)).await.unwrap();
        let found = found.unwrap_or_else(|| panic!("{what}: {} is not there", grant.name()));
        assert_eq!(rights::role_owners(&found).count(), 0, "{what}: {}", grant.name());
        assert!(!object::is_deleting(&found), "{what}: {}", grant.name());
    }
}

#[tokio::test]
async fn what_a_detach_began_to_remove_and_did_not_end_is_taken_back() {
    for (step, namespaces) in STEPS.into_iter().flat_map(|step| [(step, &[][..]), (step, &["shop"])]) {
        let what = format!("{step} {namespaces:?}");
        let member = Member::start(Options::new("paris")).await.unwrap();
        let api = Api::new(member.client(), "tester");
        let (old, new) = (Attaching::new(7, &[]), Attaching::new(9, namespaces));
        let Account { mark, rewritten, .. } = old.place(&api).make_account().await.unwrap();
        assert!(rewritten.is_none(), "{what}: nothing is taken back");
        let end = account::remove(&refusing(&member, step), &old.id, &minted(&mark), false).await.unwrap();
        assert!(matches!(end, End::Stays(_)), "{what}: {end:?}");
        let read = api.get(&roles().target("", SERVICE_ACCOUNT)).await.unwrap().unwrap();

        let began = Instant::now();
        let role = new.place(&api).make_account().await.unwrap().rewritten;
        assert!(began.elapsed() < GONE_WITHIN / 2, "{what}: it was not waited for");
        assert_made(&new.place(&api), &what).await;
        assert_eq!(role.is_some(), step != STEPS[0], "{what}: it had an owner");
        if role.is_some() {
            // The detach, should it be at it still, has read the role before.
            let late = api.delete(&roles().target("", SERVICE_ACCOUNT), &client::Delete::exactly(&read)).await;
            assert!(late.is_err_and(|error| error.is_conflict()), "{what}");
        }
        // It tries again, and finds the other hub.
        let end = account::remove(&api, &old.id, &minted(&mark), false).await.unwrap();
        assert!(matches!(&end, End::Shared(hubs) if hubs.contains(new.id.as_str())), "{what}: {end:?}");
        assert_made(&new.place(&api), &what).await;
        // Again changes nothing.
        assert!(new.place(&api).make_account().await.unwrap().rewritten.is_none(), "{what}");
    }
}

#[tokio::test]
async fn what_goes_all_the_same_is_made_again_when_it_is_gone() {
    let member = Member::start(Options::new("paris")).await.unwrap();
    let api = Api::new(member.client(), "tester");
    let (old, new) = (Attaching::new(7, &[]), Attaching::new(9, &[]));
    let mark = old.place(&api).make_account().await.unwrap().mark;
    let end = account::remove(&refusing(&member, LAST_STEP), &old.id, &minted(&mark), false).await.unwrap();
    assert!(matches!(end, End::Stays(_)), "{end:?}");
    let before = api.get(&roles().target("", SERVICE_ACCOUNT)).await.unwrap().unwrap();
    // The detach is faster: it deletes the role at the moment at which it is to be taken back.
    let (inner, is_deleted, faster) = (member.client(), Arc::new(AtomicBool::new(false)), api.clone());
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (inner, is_deleted, faster) = (inner.clone(), is_deleted.clone(), faster.clone());
        async move {
            let is_role = request.method() == "PATCH" && request.uri().path().ends_with("/clusterroles/kurator");
            if is_role && !is_deleted.swap(true, Ordering::Relaxed) {
                faster.delete(&roles().target("", SERVICE_ACCOUNT), &client::Delete::default()).await.unwrap();
            }
            inner.send(request).await
        }
    });
    let slower = Api::new(kube::Client::new(service, "default"), "tester");
    new.place(&slower).make_account().await.unwrap();
    assert_made(&new.place(&api), "made again").await;
    let after = api.get(&roles().target("", SERVICE_ACCOUNT)).await.unwrap().unwrap();
    assert_ne!(object::uid(&before), object::uid(&after));
}

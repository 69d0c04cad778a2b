//! Who may do what, over TLS.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenRequest};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{ListParams, PostParams, WatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::front::Front;
use crate::support::config_map;

async fn whoami(client: &Client) -> (String, Vec<String>) {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await.expect("answers");
    let user = review.status.and_then(|s| s.user_info).expect("a user");
    (user.username.unwrap_or_default(), user.groups.unwrap_or_default())
}

async fn refusal(client: &Client) -> (u16, String) {
    let api: Api<Pod> = Api::namespaced(client.clone(), "default");
    match api.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) => (status.code, status.message.clone()),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_and_tokens_say_who_asks_and_rbac_what_they_may() {
    let front = Front::start().await;
    let bob = front.client_as("bob", &["dev"]).await;
    assert_eq!(whoami(&bob).await, ("bob".into(), vec!["dev".into(), "system:authenticated".into()]));
    let ann = front.client_with_token("t0ken").await;
    assert_eq!(whoami(&ann).await.0, "ann");
    let message =
        "pods is forbidden: User \"bob\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"";
    assert_eq!(refusal(&bob).await, (403, message.to_owned()));
    assert_eq!(refusal(&front.client_with_token("wrong").await).await, (401, "Unauthorized".to_owned()));

    let admin = front.client_as("root", &["system:masters"]).await;
    let role: Role = serde_json::from_value(json!({"metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]}))
    .expect("a Role");
    Api::namespaced(admin.clone(), "default").create(&PostParams::default(), &role).await.expect("creates");
    let binding: RoleBinding = serde_json::from_value(json!({"metadata": {"name": "dev"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "dev"}]}))
    .expect("a binding");
    Api::namespaced(admin, "default").create(&PostParams::default(), &binding).await.expect("creates");
    let pods: Api<Pod> = Api::namespaced(bob.clone(), "default");
    assert!(pods.list(&ListParams::default()).await.is_ok(), "allowed at once");
    let everywhere: Api<Pod> = Api::all(bob);
    assert!(everywhere.list(&ListParams::default()).await.is_err(), "a role ends at its namespace");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_token_lives_as_long_as_its_account() {
    let front = Front::start().await;
    let admin = front.client_as("root", &["system:masters"]).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(admin, "default");
    let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": "robot"}})).expect("an account");
    accounts.create(&PostParams::default(), &account).await.expect("creates");
    let request: TokenRequest = serde_json::from_value(json!({"spec": {"audiences": []}})).expect("a request");
    let made = accounts.create_token_request("robot", &PostParams::default(), &request).await.expect("a token");
    let robot = front.client_with_token(&made.status.and_then(|s| s.token).expect("a token")).await;
    let (name, groups) = whoami(&robot).await;
    assert_eq!(name, "system:serviceaccount:default:robot");
    assert!(groups.contains(&"system:serviceaccounts:default".to_owned()), "{groups:?}");
    accounts.delete("robot", &kube::api::DeleteParams::default()).await.expect("deletes");
    assert_eq!(refusal(&robot).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_the_listener_ends_watches_and_nothing_else() {
    let mut front = Front::start().await;
    let admin = front.client_as("root", &["system:masters"]).await;
    let maps: Api<ConfigMap> = Api::namespaced(admin, "default");
    let mut events = maps.watch(&WatchParams::default(), "0").await.expect("watches").boxed();
    maps.create(&PostParams::default(), &config_map("a", "k", "v")).await.expect("creates");
    assert!(events.try_next().await.expect("an event").is_some());
    front.stop.cancel();
    let end = async { while let Ok(Some(_)) = events.try_next().await {} };
    tokio::time::timeout(Duration::from_secs(4), end).await.expect("the watch ends");
    tokio::time::timeout(Duration::from_secs(4), &mut front.ended).await.expect("in time").expect("ends");
    let inside: Api<ConfigMap> = Api::namespaced(crate::support::client(&front.server), "default");
    assert!(inside.get("a").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_as_somebody_else_has_their_rights_and_needs_the_right_to_ask() {
    use http_body_util::{BodyExt as _, Full};
    use tower::ServiceExt as _;
    let server = crate::support::server().await;
    let send_request = async |sender: apiserver::UserInfo, headers: &[(&str, &str)]| {
        let mut request = http::Request::get("/api/v1/namespaces/default/pods");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<bytes::Bytes>::default()).expect("a request");
        let answer = server.service_as(sender).oneshot(request).await.expect("answers");
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (code, String::from_utf8_lossy(&body).into_owned())
    };
    let master = || apiserver::UserInfo::master("root");
    assert_eq!(send_request(master(), &[]).await.0, 200);
    let (code, body) = send_request(master(), &[("Impersonate-User", "joe"), ("Impersonate-Extra-a%2fb", "x")]).await;
    assert!(code == 403 && body.contains(r#"User \"joe\" cannot list"#), "{code} {body}");
    let (code, body) = send_request(master(), &[("Impersonate-User", "system:serviceaccount:default:robot")]).await;
    assert!(code == 403 && body.contains("serviceaccount:default:robot"), "{code} {body}");
    let masters = [("Impersonate-User", "joe"), ("Impersonate-Group", "system:masters")];
    assert_eq!(send_request(master(), &masters).await.0, 200);
    let (code, body) = send_request(apiserver::UserInfo::new("bob", ["dev"]), &masters).await;
    assert!(code == 403 && body.contains("cannot impersonate resource"), "{code} {body}");
    assert_eq!(send_request(master(), &[("Impersonate-Group", "system:masters")]).await.0, 400);
    assert_eq!(send_request(master(), &[("Impersonate-Nobody", "x")]).await.0, 400);
}

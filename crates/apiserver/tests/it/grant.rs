//! No user gets more rights than were granted: roles, bindings, creation by another verb, tokens for others.

use apiserver::{ApiServer, UserInfo};
use serde_json::{Value, json};

use crate::support::{post, send_request_as, server};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const HERE: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";

fn bob() -> UserInfo {
    UserInfo::new("bob", ["dev"])
}

async fn as_bob(server: &ApiServer, method: &str, path: &str, kind: &str, body: &Value) -> (u16, Value) {
    let (code, _, value) =
        send_request_as(server, bob(), method, path, &[("content-type", kind)], &body.to_string()).await;
    (code, value)
}

async fn create(server: &ApiServer, path: &str, body: &Value) -> (u16, String) {
    let (code, answer) = as_bob(server, "POST", path, "application/json", body).await;
    (code, answer["message"].as_str().unwrap_or_default().to_owned())
}

/// Gives bob a ClusterRole with these rules, in the namespace `default` or everywhere.
async fn grant(server: &ApiServer, name: &str, everywhere: bool, rules: Value) {
    let made =
        post(server, &format!("{RBAC}/clusterroles"), &json!({"metadata": {"name": name}, "rules": rules})).await;
    assert_eq!(made.0, 201, "{}", made.1);
    let path = if everywhere { format!("{RBAC}/clusterrolebindings") } else { format!("{HERE}/rolebindings") };
    let made = post(server, &path, &binding(name, "ClusterRole", name, "bob")).await;
    assert_eq!(made.0, 201, "{}", made.1);
}

fn rule(verbs: &[&str], groups: &[&str], resources: &[&str]) -> Value {
    json!({"verbs": verbs, "apiGroups": groups, "resources": resources})
}

fn role(name: &str, rules: &[Value]) -> Value {
    json!({"metadata": {"name": name}, "rules": rules})
}

fn binding(name: &str, kind: &str, role: &str, user: &str) -> Value {
    json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}]})
}

#[tokio::test]
async fn roles_and_bindings_pass_on_only_what_is_held() {
    let server = server().await;
    let writes = rule(&["create", "update", "patch"], &["rbac.authorization.k8s.io"], &["*"]);
    grant(&server, "keeper", false, json!([writes, rule(&["get", "list"], &[""], &["pods"])])).await;
    let roles = format!("{HERE}/roles");
    let (code, why) = create(&server, &roles, &role("thief", &[rule(&["get"], &[""], &["secrets"])])).await;
    assert_eq!(code, 403);
    assert!(
        why.contains("is attempting to grant RBAC permissions not currently held")
            && why.contains(r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#),
        "{why}"
    );
    let fair = role("fair", &[rule(&["get"], &[""], &["pods"])]);
    assert_eq!(create(&server, &roles, &fair).await, (201, String::new()));
    let more = json!({"rules": [rule(&["*"], &["*"], &["*"])]});
    let path = format!("{roles}/fair");
    assert_eq!(as_bob(&server, "PATCH", &path, "application/merge-patch+json", &more).await.0, 403);
    let applied = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "fair"},
        "rules": [rule(&["*"], &["*"], &["*"])]});
    let path = format!("{roles}/fair?fieldManager=x&force=true");
    assert_eq!(as_bob(&server, "PATCH", &path, "application/apply-patch+yaml", &applied).await.0, 403);

    let bindings = format!("{HERE}/rolebindings");
    let (code, why) = create(&server, &bindings, &binding("root", "ClusterRole", "cluster-admin", "bob")).await;
    assert!(code == 403 && why.contains(r#"Verbs:["*"]"#), "{code} {why}");
    assert_eq!(create(&server, &bindings, &binding("ghost", "Role", "ghost", "bob")).await.0, 404);
    assert_eq!(create(&server, &bindings, &binding("fair", "Role", "fair", "eve")).await.0, 201);
    // Rights in one namespace are none everywhere.
    let (code, _) = create(&server, &format!("{RBAC}/clusterroles"), &fair).await;
    assert_eq!(code, 403);
}

#[tokio::test]
async fn rights_in_a_namespace_are_not_passed_on_everywhere() {
    let server = server().await;
    grant(&server, "keeper", true, json!([rule(&["create"], &["rbac.authorization.k8s.io"], &["*"])])).await;
    grant(&server, "reader", false, json!([rule(&["get"], &[""], &["pods"])])).await;
    let pods = role("pods", &[rule(&["get"], &[""], &["pods"])]);
    let (code, why) = create(&server, &format!("{RBAC}/clusterroles"), &pods).await;
    assert!(code == 403 && why.contains("not currently held"), "{why}");
    assert_eq!(create(&server, &format!("{HERE}/roles"), &pods).await.0, 201);
    let gathers = json!({"metadata": {"name": "all"}, "rules": [],
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}});
    let (code, why) = create(&server, &format!("{RBAC}/clusterroles"), &gathers).await;
    assert!(code == 403 && why.contains("must have cluster-admin privileges to use the aggregationRule"), "{why}");
}

#[tokio::test]
async fn escalate_and_bind_allow_what_they_say() {
    let server = server().await;
    let rbac = &["rbac.authorization.k8s.io"];
    let bind = json!({"verbs": ["bind"], "apiGroups": rbac, "resources": ["clusterroles"], "resourceNames": ["cluster-admin"]});
    let rules =
        json!([rule(&["create"], rbac, &["roles", "rolebindings"]), rule(&["escalate"], rbac, &["roles"]), bind]);
    grant(&server, "trusted", false, rules).await;
    let all = role("all", &[rule(&["*"], &["*"], &["*"])]);
    assert_eq!(create(&server, &format!("{HERE}/roles"), &all).await.0, 201);
    let bindings = format!("{HERE}/rolebindings");
    assert_eq!(create(&server, &bindings, &binding("root", "ClusterRole", "cluster-admin", "bob")).await.0, 201);
}

#[tokio::test]
async fn bind_is_for_the_roles_that_it_names() {
    let server = server().await;
    let rbac = &["rbac.authorization.k8s.io"];
    let bind = json!({"verbs": ["bind"], "apiGroups": rbac, "resources": ["clusterroles"], "resourceNames": ["system:discovery"]});
    grant(&server, "trusted", false, json!([rule(&["create"], rbac, &["rolebindings"]), bind])).await;
    let bindings = format!("{HERE}/rolebindings");
    assert_eq!(create(&server, &bindings, &binding("d", "ClusterRole", "system:discovery", "eve")).await.0, 201);
    assert_eq!(create(&server, &bindings, &binding("r", "ClusterRole", "cluster-admin", "eve")).await.0, 403);
}

#[tokio::test]
async fn apply_and_update_make_an_object_only_for_whom_may_create() {
    let server = server().await;
    let verbs = &["get", "update", "patch"];
    let rules = json!([rule(verbs, &[""], &["configmaps"]), rule(verbs, &["coordination.k8s.io"], &["leases"])]);
    grant(&server, "writer", false, rules).await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let path = "/api/v1/namespaces/default/configmaps/a?fieldManager=x";
    let (code, answer) = as_bob(&server, "PATCH", path, "application/apply-patch+yaml", &map).await;
    assert!(code == 403 && answer["message"].as_str().unwrap().contains("cannot create resource"), "{answer}");
    let lease = json!({"metadata": {"name": "a"}, "spec": {}});
    let path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/a";
    assert_eq!(as_bob(&server, "PUT", path, "application/json", &lease).await.0, 403);
    post(&server, "/api/v1/namespaces/default/configmaps", &map).await;
    let path = "/api/v1/namespaces/default/configmaps/a?fieldManager=x";
    assert_eq!(as_bob(&server, "PATCH", path, "application/apply-patch+yaml", &map).await.0, 200);
}

#[tokio::test]
async fn a_rule_for_one_name_allows_to_list_and_watch_just_that() {
    let server = server().await;
    let rule = json!({"verbs": ["list", "watch", "get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"]});
    grant(&server, "one", false, json!([rule])).await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let code = async |query: &str| as_bob(&server, "GET", &format!("{maps}{query}"), "", &Value::Null).await.0;
    assert_eq!(code("").await, 403);
    assert_eq!(code("?fieldSelector=metadata.name%3Dmine").await, 200);
    assert_eq!(code("?fieldSelector=metadata.name%3Dmine&watch=1&timeoutSeconds=1").await, 200);
    assert_eq!(code("?fieldSelector=metadata.name%3Dother").await, 403);
    assert_eq!(code("?fieldSelector=metadata.name!%3Dmine").await, 403);
    assert_eq!(code("/mine?watch=1").await, 404, "a name makes it a get");
}

#[tokio::test]
async fn a_token_for_somebody_else_is_not_for_us() {
    let (private, public) = pki::token_key().expect("makes");
    let mut config = crate::support::config();
    config.token_key = Some(apiserver::TokenKey::from_pem(&private, &public).expect("reads"));
    let server = ApiServer::start(config).await.expect("starts");
    post(&server, "/api/v1/namespaces/default/serviceaccounts", &json!({"metadata": {"name": "robot"}})).await;
    let tokens = "/api/v1/namespaces/default/serviceaccounts/robot/token";
    let made = post(&server, tokens, &json!({"spec": {"audiences": ["vault", "other"]}})).await.1;
    let token = made["status"]["token"].as_str().expect("a token").to_owned();
    let review = async |audiences: Value| {
        let body = json!({"spec": {"token": token, "audiences": audiences}});
        post(&server, "/apis/authentication.k8s.io/v1/tokenreviews", &body).await.1["status"].clone()
    };
    let status = review(json!(["vault", "x"])).await;
    assert_eq!((&status["authenticated"], &status["audiences"]), (&json!(true), &json!(["vault"])), "{status}");
    assert_eq!(review(json!([])).await["authenticated"], json!(false), "it is not for this server");
    assert_eq!(review(json!(["x"])).await["authenticated"], json!(false));

    for body in ["[]", "1", "\"x\"", "null"] {
        let (code, answer) = crate::support::send_request(&server, "POST", tokens, "application/json", body).await;
        assert_eq!(code, 400, "{body}: {answer}");
    }
    assert_eq!(server.counters().panics(), 0);
}

#[tokio::test]
async fn a_certificate_is_approved_by_whom_the_signer_allows_and_says_who_asked() {
    let server = server().await;
    let verbs = &["create", "get", "update", "patch"];
    let requests =
        &["certificatesigningrequests", "certificatesigningrequests/approval", "certificatesigningrequests/status"];
    grant(&server, "asker", true, json!([rule(verbs, &["certificates.k8s.io"], requests)])).await;
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let body = json!({"metadata": {"name": "a"}, "spec": {"request": "eA==", "usages": ["client auth"],
        "signerName": "x.io/s", "username": "admin", "groups": ["system:masters"], "uid": "1", "extra": {"a": ["b"]}}});
    let (code, made) = as_bob(&server, "POST", path, "application/json", &body).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(
        (&made["spec"]["username"], &made["spec"]["uid"], &made["spec"]["extra"]),
        (&json!("bob"), &Value::Null, &Value::Null)
    );
    let forged = json!({"spec": {"username": "admin", "groups": ["system:masters"]}});
    let (_, after) = as_bob(&server, "PATCH", &format!("{path}/a"), "application/merge-patch+json", &forged).await;
    assert_eq!(after["spec"]["username"], "bob", "{after}");
    let approve = json!({"status": {"conditions": [{"type": "Approved", "status": "True", "reason": "x"}]}});
    let approval = format!("{path}/a/approval");
    let (code, refused) = as_bob(&server, "PATCH", &approval, "application/merge-patch+json", &approve).await;
    assert!(code == 403 && refused["message"].as_str().unwrap().contains("not permitted to approve"), "{refused}");
    let sign = json!({"status": {"certificate": "eA=="}});
    let (code, refused) =
        as_bob(&server, "PATCH", &format!("{path}/a/status"), "application/merge-patch+json", &sign).await;
    assert!(code == 403 && refused["message"].as_str().unwrap().contains("not permitted to sign"), "{refused}");
    // Who may sign may not approve that way.
    let signs = json!({"verbs": ["sign"], "apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "resourceNames": ["x.io/s"]});
    grant(&server, "signer", true, json!([signs])).await;
    let (code, refused) =
        as_bob(&server, "PATCH", &format!("{path}/a/status"), "application/merge-patch+json", &approve).await;
    let said = refused["message"].as_str().unwrap().to_owned();
    assert!(code == 422 && said.contains("updates may not add a condition of type \"Approved\""), "{refused}");
    let signers = json!({"verbs": ["approve"], "apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "resourceNames": ["x.io/*"]});
    grant(&server, "approver", true, json!([signers])).await;
    assert_eq!(as_bob(&server, "PATCH", &approval, "application/merge-patch+json", &approve).await.0, 200);
}

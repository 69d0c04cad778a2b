//! What every cluster has from its first start: system namespaces, the roles that let people look around, and those that
//! they are given.

mod role;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use model::{Reason, Status};
use serde_json::{Value, json};

use crate::budget::Origin;
use crate::error::Error;
use crate::namespace;
use crate::state::State;
use crate::user::{AUTHENTICATED, MASTERS, UNAUTHENTICATED, UserInfo};

/// The user in whose name the server makes its own objects.
const USER: &str = "system:apiserver";

/// Makes what is missing; a server that has it all writes nothing. Nothing here needs another to be there first, so all
/// are made at once: a first start then waits for the disk once or twice, not a dozen times.
pub(crate) async fn run(state: &Arc<State>) -> Result<(), Error> {
    let namespaces = namespace::SYSTEM.into_iter().map(|name| {
        // The label is set by the NamespaceDefaultLabelName step of upstream; see `semantics::default`.
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        ("/api/v1/namespaces".to_owned(), object)
    });
    let policies = policies()
        .into_iter()
        .map(|(resource, object)| (format!("/apis/rbac.authorization.k8s.io/v1/{resource}"), object));
    let all = namespaces.chain(policies).map(|(path, object)| ensure(state, path, object));
    futures::future::try_join_all(all).await.map(drop)
}

/// The bootstrap policy that a hub needs (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy`): everything for masters,
/// discovery and self-review for known users, health for all, and the roles for users.
fn policies() -> Vec<(&'static str, Value)> {
    let role = |name: &str, rules: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}, "rules": rules,
        })
    };
    let binding = |name: &str, groups: &[&str]| {
        let subject = |g: &&str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": g});
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": groups.iter().map(subject).collect::<Vec<_>>(),
        })
    };
    let get = |paths: &[&str]| json!([{"verbs": ["get"], "nonResourceURLs": paths}]);
    let reviews = json!([
        {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
         "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]},
        {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
    ]);
    let all = json!([
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        {"verbs": ["*"], "nonResourceURLs": ["*"]},
    ]);
    let discovery = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ];
    let roles: [(&str, Value, &[&str]); 4] = [
        ("cluster-admin", all, &[MASTERS]),
        ("system:discovery", get(&discovery), &[AUTHENTICATED]),
        ("system:basic-user", reviews, &[AUTHENTICATED]),
        (
            "system:public-info-viewer",
            get(&["/healthz", "/livez", "/readyz", "/version", "/version/"]),
            &[AUTHENTICATED, UNAUTHENTICATED],
        ),
    ];
    let bound = roles.into_iter().flat_map(|(name, rules, groups)| {
        [("clusterroles", role(name, rules)), ("clusterrolebindings", binding(name, groups))]
    });
    bound.chain(role::gathered().into_iter().map(|role| ("clusterroles", role))).collect()
}

async fn ensure(state: &Arc<State>, path: String, object: Value) -> Result<(), Error> {
    let name = model::object::name(&object).unwrap_or_default();
    let failed = |status| Error::Bootstrap { what: format!("{path}/{name}"), status: Box::new(status) };
    let found = request_as_system(state, Method::GET, &format!("{path}/{name}"), "", Bytes::new()).await;
    match found {
        Ok(()) => return Ok(()),
        Err(status) if status.is(Reason::NotFound) => {}
        Err(status) => return Err(failed(status)),
    }
    match request_as_system(state, Method::POST, &path, "", Bytes::from(object.to_string())).await {
        Err(status) if !status.is(Reason::AlreadyExists) => Err(failed(status)),
        _ => Ok(()),
    }
}

/// The media type of merge patches.
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// A request of the server to itself. The content type may be empty.
pub(crate) async fn request_as_system(
    state: &Arc<State>,
    method: Method,
    path: &str,
    content_type: &'static str,
    body: Bytes,
) -> Result<(), Status> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().map_err(Status::internal)?;
    request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static("kube-apiserver"));
    if !content_type.is_empty() {
        request.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    }
    let answer = crate::service::answer(state.clone(), UserInfo::master(USER), Origin::Process, request).await;
    if answer.status().is_success() {
        return Ok(());
    }
    let Ok(bytes) = answer.into_body().collect().await;
    Err(serde_json::from_slice(&bytes.to_bytes()).unwrap_or_else(Status::internal))
}

//! Kinds from code, and admission.

use std::sync::Arc;

use apimachinery::structural::Column;
use apiserver::{
    Admission, AdmissionRequest, Answer, ApiServer, ConnectRequest, Denied, Operation, Resource, ResourceInfo,
    ResourceRequest, ResponseBody, Source, UserInfo, VirtualList,
};
use kinds::schema::Schema;
use model::{FieldError, FieldPath, GroupResource, Status};
use serde_json::{Value, json};
use store::BoxFuture;

use crate::support::{config, get, post, send_request, send_request_as};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Shows two things that are not stored.
pub(crate) struct Things;

fn info(plural: &str, source: Source, verbs: &[&'static str]) -> ResourceInfo {
    ResourceInfo {
        group: "view.x.io".into(),
        version: "v1".into(),
        kind: "Thing".into(),
        plural: plural.into(),
        singular: "thing".into(),
        short_names: vec!["th".into()],
        categories: Vec::new(),
        namespaced: true,
        verbs: verbs.to_vec(),
        source,
        columns: vec![Column {
            name: "Size".into(),
            ty: "integer".into(),
            json_path: ".size".into(),
            ..Column::default()
        }],
        schema: Arc::new(Schema { preserve_unknown: true, ..Schema::default() }),
        status: false,
    }
}

fn thing(name: &str, size: u64) -> Value {
    json!({"metadata": {"name": name, "namespace": "default", "labels": {"size": size.to_string()}}, "size": size})
}

impl Resource for Things {
    fn info(&self) -> ResourceInfo {
        info("things", Source::Virtual, &["get", "list"])
    }

    fn get<'a>(&'a self, _: &'a ResourceRequest, name: &'a str) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async move { Ok(thing(name, 7)) })
    }

    fn list<'a>(&'a self, _: &'a ResourceRequest) -> BoxFuture<'a, Result<VirtualList, Status>> {
        Box::pin(async { Ok(VirtualList { items: vec![thing("a", 1), thing("b", 2)], resource_version: "5".into() }) })
    }
}

/// Echoes what comes below `things/NAME/echo`.
struct Echo;

impl Resource for Echo {
    fn info(&self) -> ResourceInfo {
        info("things/echo", Source::Connect, &["get", "create"])
    }

    fn connect(&self, request: ConnectRequest) -> BoxFuture<'_, Result<Answer, Status>> {
        let text = format!("{} {} {}", request.request.method(), request.name, request.path);
        Box::pin(async move { Ok(http::Response::new(ResponseBody::full(text))) })
    }
}

/// Panics when it is asked.
struct Broken;

impl Resource for Broken {
    fn info(&self) -> ResourceInfo {
        info("broken", Source::Virtual, &["list"])
    }

    fn list<'a>(&'a self, _: &'a ResourceRequest) -> BoxFuture<'a, Result<VirtualList, Status>> {
        Box::pin(async { panic!("on purpose") })
    }
}

/// ConfigMaps must not be called `bad`, get a label, and are kept when annotated.
struct House;

impl Admission for House {
    fn handles(&self, resource: &GroupResource, _: Operation) -> bool {
        resource.resource == "configmaps"
    }

    fn mutate(&self, _: &AdmissionRequest<'_>, object: &mut Value) -> Result<(), Denied> {
        *model::object::slot(object, &["metadata", "labels", "house"]) = json!("ours");
        Ok(())
    }

    fn mutate_deleted(&self, _: &AdmissionRequest<'_>, orphans: bool, object: &mut Value) -> Vec<String> {
        *model::object::slot(object, &["metadata", "annotations", "orphans"]) = json!(orphans.to_string());
        vec!["it goes".into()]
    }

    fn validate(&self, request: &AdmissionRequest<'_>, object: Option<&Value>) -> Result<Vec<String>, Denied> {
        match object {
            None if request.old.is_some_and(|old| model::object::annotation(old, "keep").is_some()) => {
                Err(Denied::Forbidden("it is kept".into()))
            }
            Some(_) if request.name == "bad" => {
                Err(Denied::Invalid(vec![FieldError::invalid(FieldPath::of("metadata.name"), "bad", "is bad")]))
            }
            _ => Ok(vec!["watch your step".into()]),
        }
    }
}

async fn server() -> ApiServer {
    let mut config = config();
    config.resources = vec![Arc::new(Things), Arc::new(Echo), Arc::new(Broken)];
    config.admissions = vec![Arc::new(House)];
    ApiServer::start(config).await.expect("starts")
}

#[tokio::test]
async fn a_virtual_kind_is_like_any_other() {
    let server = server().await;
    let base = "/apis/view.x.io/v1/namespaces/default/things";
    let (_, one) = get(&server, &format!("{base}/x")).await;
    assert_eq!((one["kind"].as_str(), one["apiVersion"].as_str()), (Some("Thing"), Some("view.x.io/v1")));
    let (_, list) = get(&server, &format!("{base}?labelSelector=size%3D2")).await;
    assert_eq!(
        (list["kind"].as_str(), &list["items"][0]["size"], &list["items"][1]),
        (Some("ThingList"), &json!(2), &Value::Null)
    );
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let (_, _, table) = send_request_as(&server, UserInfo::master("a"), "GET", base, &accept, "").await;
    assert_eq!(table["rows"][1]["cells"], json!(["b", 2]), "{table}");
    let (code, _) = send_request(&server, "DELETE", &format!("{base}/x"), "", "").await;
    assert_eq!(code, 405);
    let (_, echoed) = send_request(&server, "POST", &format!("{base}/x/echo/deep/er"), "", "").await;
    assert_eq!(echoed, json!("POST x deep/er"));
    let accept = [("accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")];
    let (_, headers, all) = send_request_as(&server, UserInfo::master("a"), "GET", "/apis", &accept, "").await;
    let group = all["items"].as_array().expect("groups").iter().find(|g| g["metadata"]["name"] == "view.x.io");
    let things = &group.expect("the group")["versions"][0]["resources"][0];
    assert_eq!((&things["resource"], &things["subresources"][0]["subresource"]), (&json!("things"), &json!("echo")));
    let etag = headers.get("etag").and_then(|v| v.to_str().ok()).expect("an etag");
    let again = [accept[0], ("if-none-match", etag)];
    assert_eq!(send_request_as(&server, UserInfo::master("a"), "GET", "/apis", &again, "").await.0, 304);
    let (_, found) = get(&server, "/apis/view.x.io/v1").await;
    assert!(found["resources"].as_array().is_some_and(|r| r.iter().any(|r| r["name"] == "things")), "{found}");
}

#[tokio::test]
async fn a_panic_ends_one_request() {
    let server = server().await;
    let (code, status) = get(&server, "/apis/view.x.io/v1/namespaces/default/broken").await;
    assert_eq!((code, status["reason"].as_str(), server.counters().panics()), (500, Some("InternalError"), 1));
    assert_eq!(get(&server, "/api/v1/namespaces").await.0, 200);
}

#[tokio::test]
async fn admission_changes_warns_and_refuses() {
    let server = server().await;
    let body = json!({"metadata": {"name": "a", "annotations": {"keep": "1"}}}).to_string();
    let (code, headers, made) =
        send_request_as(&server, UserInfo::master("a"), "POST", MAPS, &[("content-type", "application/json")], &body)
            .await;
    assert_eq!((code, made["metadata"]["labels"]["house"].as_str()), (201, Some("ours")));
    assert_eq!(headers.get("warning").and_then(|w| w.to_str().ok()), Some("299 - \"watch your step\""));
    let (code, refused) = post(&server, MAPS, &json!({"metadata": {"name": "bad"}})).await;
    assert_eq!(
        (code, refused["message"].as_str()),
        (422, Some("ConfigMap \"bad\" is invalid: metadata.name: Invalid value: \"bad\": is bad"))
    );
    let (code, kept) = send_request(&server, "DELETE", &format!("{MAPS}/a"), "", "").await;
    assert_eq!((code, kept["message"].as_str()), (403, Some("configmaps \"a\" is forbidden: it is kept")));
}

#[tokio::test]
async fn admission_writes_into_what_is_deleted_whether_dependents_stay() {
    let server = server().await;
    let delete = async |name: &str, options: Value| {
        let (options, kind) = (options.to_string(), [("content-type", "application/json")]);
        let path = format!("{MAPS}/{name}");
        let (code, headers, object) =
            send_request_as(&server, UserInfo::master("a"), "DELETE", &path, &kind, &options).await;
        let said: Vec<&str> = headers.get_all("warning").iter().filter_map(|w| w.to_str().ok()).collect();
        assert_eq!((code, said), (200, vec!["299 - \"it goes\"", "299 - \"watch your step\""]), "{object}");
        object
    };
    for (name, finalizer, options, expect) in [
        ("b", None, json!({"propagationPolicy": "Orphan"}), "true"),
        ("c", None, json!({"orphanDependents": true}), "true"),
        ("d", Some("x.io/held"), json!({"propagationPolicy": "Background"}), "false"),
        ("e", Some("orphan"), json!({}), "true"),
        ("f", Some("orphan"), json!({"propagationPolicy": "Foreground"}), "false"),
    ] {
        let finalizers: Vec<&str> = finalizer.into_iter().collect();
        let (code, made) = post(&server, MAPS, &json!({"metadata": {"name": name, "finalizers": finalizers}})).await;
        assert_eq!(code, 201, "{made}");
        let dry = delete(
            name,
            json!({"dryRun": ["All"], "propagationPolicy": options["propagationPolicy"],
            "orphanDependents": options["orphanDependents"]}),
        )
        .await;
        assert_eq!(dry["metadata"]["annotations"]["orphans"], expect, "{dry}");
        let (_, stored) = get(&server, &format!("{MAPS}/{name}")).await;
        assert!(stored["metadata"]["deletionTimestamp"].is_null(), "{stored}");
        delete(name, options).await;
        let (_, stored) = get(&server, &format!("{MAPS}/{name}")).await;
        assert_eq!(stored["metadata"]["annotations"]["orphans"], expect, "{stored}");
        assert!(stored["metadata"]["deletionTimestamp"].is_string(), "{stored}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let server = server().await;
    let body = json!({"metadata": {"name": "big"}, "data": {"k": "x".repeat(3 * 1024 * 1024)}});
    let (code, status) = post(&server, MAPS, &body).await;
    assert_eq!((code, status["reason"].as_str()), (413, Some("RequestEntityTooLarge")));
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_to_come_back() {
    let mut config = config();
    config.limits.process_watches = 1;
    let server = ApiServer::start(config).await.expect("starts");
    let watch = format!("{MAPS}?watch=1");
    let user = UserInfo::master("a");
    let first = tower::ServiceExt::oneshot(
        server.service_as(user.clone()),
        http::Request::get(&watch).body(http_body_util::Full::new(bytes::Bytes::new())).expect("a request"),
    )
    .await
    .expect("infallible");
    let (code, headers, _) = send_request_as(&server, user, "GET", &watch, &[], "").await;
    assert_eq!((code, headers.get("retry-after").and_then(|v| v.to_str().ok())), (429, Some("1")));
    drop(first);
    assert_eq!(get(&server, &format!("{watch}&timeoutSeconds=1")).await.0, 200, "the place is free again");
}

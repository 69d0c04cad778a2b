//! Requests that make no sense: every field of honest bodies replaced by everything else. None may end in a panic or a
//! 5xx, and what is stored stays readable.

use serde_json::{Value, json};

use crate::custom::widget_crd;
use crate::support::{get, post, send_request, server};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const HERE: &str = "/api/v1/namespaces/default";

/// What a field may become.
fn odd() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("\u{0}\"\\\u{2028}é"),
        json!("a/b/../c"),
        json!([]),
        json!({}),
        json!([null]),
        json!([[{}]]),
        json!({"": null}),
        json!({"a": {"a": [1]}}),
        json!("9".repeat(300)),
    ]
}

/// Paths of all fields and items.
fn places(value: &Value, at: String, out: &mut Vec<String>) {
    out.push(at.clone());
    match value {
        Value::Object(map) => {
            for (name, child) in map {
                places(child, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                places(child, format!("{at}/{index}"), out);
            }
        }
        _ => {}
    }
}

fn bodies() -> Vec<(&'static str, String, &'static str, Value)> {
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"restartPolicy": "Always", "containers": [
        {"name": "c", "image": "i", "ports": [{"containerPort": 1, "protocol": "TCP"}], "env": [{"name": "e", "value": "v"}],
         "resources": {"requests": {"cpu": "1", "memory": "1Mi"}, "limits": {"cpu": "2"}}}], "volumes": [{"name": "v", "emptyDir": {}}]}});
    let metadata = |name: &str| {
        json!({"name": name, "labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["x.io/y"],
            "generateName": "g", "resourceVersion": "", "uid": "", "managedFields": [{"manager": "m", "operation": "Update",
                "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}}}],
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}]})
    };
    let object = |version: &str, kind: &str, rest: Value| {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": metadata("a")});
        object.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        object
    };
    let deployment = object(
        "apps/v1",
        "Deployment",
        json!({"spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"},
        "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}, "template": template,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}}, "status": {"replicas": 1}}),
    );
    let job = object(
        "batch/v1",
        "Job",
        json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}),
    );
    let service = object(
        "v1",
        "Service",
        json!({"spec": {"type": "NodePort", "selector": {"a": "b"}, "clusterIP": "10.96.1.1",
        "ports": [{"port": 80, "nodePort": 30001, "targetPort": "x", "name": "p"}]}}),
    );
    let role = object(
        "rbac.authorization.k8s.io/v1",
        "Role",
        json!({"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}),
    );
    let binding = object(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        json!({"subjects": [{"kind": "User", "name": "u"}],
        "roleRef": {"kind": "Role", "name": "a", "apiGroup": "rbac.authorization.k8s.io"}}),
    );
    let widget = object("x.io/v1", "Widget", json!({"spec": {"size": 1, "replicas": 1}, "status": {"ready": 1}}));
    let pod = object("v1", "Pod", json!({"spec": template["spec"]}));
    let scale =
        json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": 2}});
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 1, "propagationPolicy": "Orphan",
        "preconditions": {"uid": "u", "resourceVersion": "1"}, "dryRun": ["All"], "orphanDependents": true});
    let review =
        json!({"spec": {"user": "u", "groups": ["g"], "resourceAttributes": {"verb": "get", "resource": "pods"}}});
    let json_patch = json!([{"op": "replace", "path": "/spec/replicas", "value": 2}, {"op": "copy", "from": "/spec", "path": "/status"}]);
    let apps = "/apis/apps/v1/namespaces/default/deployments";
    let widgets = "/apis/x.io/v1/namespaces/default/widgets";
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let (plain, merge, strategic, patch, apply) = (
        "application/json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/json-patch+json",
        "application/apply-patch+yaml",
    );
    let row = |method, path: &str, kind, body: &Value| (method, path.to_owned(), kind, body.clone());
    vec![
        row("POST", apps, plain, &deployment),
        row("PUT", &format!("{apps}/a"), plain, &deployment),
        row("PUT", &format!("{apps}/a/status"), plain, &deployment),
        row("PATCH", &format!("{apps}/a"), strategic, &deployment),
        row("PATCH", &format!("{apps}/a"), merge, &deployment),
        row("PATCH", &format!("{apps}/a"), patch, &json_patch),
        row("PATCH", &format!("{apps}/a?fieldManager=m&force=true"), apply, &deployment),
        row("PUT", &format!("{apps}/a/scale"), plain, &scale),
        row("PATCH", &format!("{apps}/a/scale"), merge, &scale),
        row("DELETE", &format!("{apps}/a"), plain, &options),
        row("POST", "/apis/batch/v1/namespaces/default/jobs", plain, &job),
        row("POST", &format!("{HERE}/services"), plain, &service),
        row("POST", &format!("{HERE}/pods"), plain, &pod),
        row(
            "POST",
            &format!("{HERE}/pods/a/binding"),
            plain,
            &json!({"target": {"name": "n"}, "metadata": {"uid": "u"}}),
        ),
        row("POST", &format!("{HERE}/pods/a/eviction"), plain, &json!({"deleteOptions": {"gracePeriodSeconds": 1}})),
        row("POST", &format!("{rbac}/roles"), plain, &role),
        row("POST", &format!("{rbac}/rolebindings"), plain, &binding),
        row("POST", widgets, plain, &widget),
        row("PUT", &format!("{widgets}/a"), plain, &widget),
        row("PATCH", &format!("{widgets}/a?fieldManager=m&force=true"), apply, &widget),
        row("PATCH", &format!("{widgets}/a/scale"), merge, &scale),
        row("POST", CRDS, plain, &widget_crd()),
        row("PUT", &format!("{CRDS}/widgets.x.io"), plain, &widget_crd()),
        row(
            "POST",
            "/api/v1/namespaces",
            plain,
            &object("v1", "Namespace", json!({"spec": {"finalizers": ["kubernetes"]}})),
        ),
        row(
            "PUT",
            "/api/v1/namespaces/a/finalize",
            plain,
            &object("v1", "Namespace", json!({"spec": {"finalizers": ["x"]}})),
        ),
        row("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", plain, &review),
        row(
            "POST",
            &format!("{HERE}/secrets"),
            plain,
            &object("v1", "Secret", json!({"type": "Opaque", "data": {"a": "eA=="}, "stringData": {"b": "c"}})),
        ),
    ]
}

#[tokio::test]
async fn no_body_ends_in_a_panic_or_an_error_of_the_server() {
    let server = server().await;
    assert_eq!(post(&server, CRDS, &widget_crd()).await.0, 201);
    let mut tried = 0;
    for (method, path, kind, body) in bodies() {
        let mut at = Vec::new();
        places(&body, String::new(), &mut at);
        for place in at {
            for value in odd() {
                let mut body = body.clone();
                *body.pointer_mut(&place).expect("a place of it") = value;
                let text = body.to_string();
                let (code, answer) = send_request(&server, method, &path, kind, &text).await;
                tried += 1;
                assert!(code < 500, "{method} {path} {place}: {code} {answer}\n{text}");
            }
        }
    }
    assert_eq!(server.counters().panics(), 0);
    assert!(tried > 5_000, "{tried}");
    for path in ["/api/v1/pods", "/api/v1/services", "/apis/apps/v1/deployments", "/apis/x.io/v1/widgets", CRDS] {
        let (code, list) = get(&server, path).await;
        assert!(code == 200 && list["items"].is_array(), "{path}: {list}");
    }
}

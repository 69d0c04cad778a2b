use std::convert::Infallible;

use api::kurator::fleet::v1alpha1::Fleet;
use http::{Request as Asked, Response};
use kube::client::Body;
use serde_json::json;

use super::*;

/// A server that gives one answer, and repeats the question in the name of the object.
fn server(status: u16, answer: fn(String) -> Value) -> Api<Fleet> {
    let service = tower::service_fn(move |asked: Asked<Body>| async move {
        let accept = asked.headers().get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let question = format!("{} {} {}", asked.method(), asked.uri(), accept.unwrap_or_default());
        let body = Body::from(answer(question).to_string().into_bytes());
        Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
    });
    Api::namespaced(Client::new(service, "default"), "team")
}

const FLEETS: &str = "/apis/fleet.kurator.dev/v1alpha1/namespaces/team/fleets";

fn named(question: String) -> Value {
    json!({"metadata": {"name": question}, "spec": {"clusters": []}})
}

#[tokio::test]
async fn each_request_asks_for_the_objects_of_its_type_and_namespace() {
    let fleets = server(200, named);
    let name = |fleet: Fleet| fleet.metadata.name.unwrap();
    assert_eq!(name(fleets.get("a").await.unwrap()), format!("GET {FLEETS}/a "));
    let merge = Patch::Merge(json!({}));
    let patched = fleets.patch("a", &PatchParams::apply("m"), &merge).await.unwrap();
    assert_eq!(name(patched), format!("PATCH {FLEETS}/a?&fieldManager=m application/json"));
    fleets.patch_scale("a", &PatchParams::default(), &merge).await.unwrap();
    fleets.delete("a", &DeleteParams::default()).await.unwrap();
    let metadata = fleets.get_metadata_opt("a").await.unwrap().unwrap();
    assert!(metadata.name.is_some_and(|name| name.contains("PartialObjectMetadata")));
}

#[tokio::test]
async fn a_list_has_its_objects_and_where_it_goes_on() {
    let answer = |_| json!({"metadata": {"continue": "next", "resourceVersion": "7"}, "items": [named("a".into()), named("b".into())]});
    let list = server(200, answer).list(&ListParams::default()).await.unwrap();
    assert_eq!((list.items.len(), list.metadata.continue_.as_deref()), (2, Some("next")));
    let names: Vec<_> = server(200, answer).list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(names.into_iter().filter_map(|metadata| metadata.name).collect::<Vec<_>>(), ["a", "b"]);
    let last = server(200, |_| json!({"metadata": {"continue": ""}, "items": []}));
    assert_eq!(last.list(&ListParams::default()).await.unwrap().metadata.continue_, None);
}

#[tokio::test]
async fn what_is_not_there_is_told_from_what_is_refused_and_from_what_has_another_form() {
    let missing = server(
        404,
        |_| json!({"kind": "Status", "status": "Failure", "code": 404, "message": "no", "reason": "NotFound", "details": {"name": "a"}}),
    );
    assert!(missing.get_opt("a").await.unwrap().is_none());
    assert!(missing.get_metadata_opt("a").await.unwrap().is_none());
    assert!(matches!(missing.get("a").await, Err(Error::Api(status)) if status.code == 404));
    // A 404 that does not speak of the object proves nothing of it.
    let answers: [fn(String) -> Value; 4] = [
        |_| json!({"message": "no Route matched with those values"}),
        |_| json!("<html>404 Not Found</html>"),
        |_| json!({"kind": "Status", "status": "Failure", "code": 404, "message": "no", "reason": "NotFound"}),
        |_| json!({"kind": "Status", "status": "Failure", "code": 404, "message": "no", "details": {"name": "b"}}),
    ];
    for answer in answers {
        let hidden = server(404, answer);
        assert!(hidden.get_opt("a").await.is_err(), "{}", answer(String::new()));
        assert!(hidden.get_metadata_opt("a").await.is_err(), "{}", answer(String::new()));
    }
    let refused = server(
        403,
        |_| json!({"kind": "Status", "status": "Failure", "code": 403, "message": "no", "reason": "Forbidden"}),
    );
    assert!(matches!(refused.get_opt("a").await, Err(Error::Api(status)) if status.code == 403));
    let other = server(200, |_| json!({"metadata": {"name": "a"}, "spec": 3}));
    assert!(matches!(other.get("a").await, Err(Error::SerdeError(_))));
}

#[tokio::test]
async fn an_answer_that_is_no_object_or_list_is_refused() {
    let answers: [fn(String) -> Value; 3] = [|_| json!("hello"), |_| json!([1]), |_| json!(3)];
    let listed: [fn(String) -> Value; 3] =
        [|_| json!({"items": "x"}), |_| json!({"items": {}}), |_| json!({"items": [1]})];
    let is_refused = |error: &Error| matches!(error, Error::SerdeError(_));
    for answer in answers {
        assert!(is_refused(&server(200, answer).get_metadata_opt("a").await.unwrap_err()));
        assert!(is_refused(&server(200, answer).get("a").await.unwrap_err()));
    }
    for answer in answers.into_iter().chain(listed) {
        assert!(is_refused(&server(200, answer).list(&ListParams::default()).await.unwrap_err()));
        assert!(is_refused(&server(200, answer).list_metadata(&ListParams::default()).await.unwrap_err()));
    }
    let none = server(200, |_| json!({"items": null}));
    assert!(none.list(&ListParams::default()).await.unwrap().items.is_empty());
    let said = super::super::asked("cannot list fleets")(server(200, answers[0]).get_opt("a").await.unwrap_err());
    assert!(said.to_string().starts_with("cannot list fleets: what answers is no hub of Kurator"), "{said}");
}

//! What is written, and the command that says the same.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::json;

use super::*;
use crate::args::Format;

/// A hub that gives prepared answers, and notes what it is asked with which body.
#[derive(Clone, Default)]
pub(crate) struct Hub {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    pub(crate) asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Hub {
    pub(crate) fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    pub(crate) fn client(&self) -> Client {
        let hub = self.clone();
        let answer = move |request: Request<Body>| {
            let hub = hub.clone();
            async move {
                let path = request.uri().path().to_owned();
                let what = format!("{} {path}", request.method());
                let body = request.into_body().collect().await.unwrap().to_bytes();
                hub.asked.lock().unwrap().push((what, serde_json::from_slice(&body).unwrap_or_default()));
                let (code, mut value) = hub.answers.lock().unwrap().pop_front().expect("no more is asked");
                name_missing(code, &path, &mut value);
                Ok::<_, Infallible>(
                    Response::builder().status(code).body(Body::from(value.to_string().into_bytes())).unwrap(),
                )
            }
        };
        Client::new(tower::service_fn(answer), "default")
    }
}

/// Has a 404 without details speak of what was asked for, as an API server does.
pub(crate) fn name_missing(code: u16, path: &str, answer: &mut Value) {
    if code == 404 && answer["kind"] == "Status" && answer["details"].is_null() {
        answer["reason"] = json!("NotFound");
        answer["details"] = json!({"name": path.rsplit('/').next()});
    }
}

pub(crate) fn refusal(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "Conflict", "message": message})
}

pub(super) fn shop(version: &str, approve: &str, held: &[&str]) -> Value {
    let held: Vec<Value> = held
        .iter()
        .map(|digest| json!({"policy": "p", "digest": digest, "reason": "EditRemovesMembers", "count": 1}))
        .collect();
    json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": "default", "resourceVersion": version, "annotations": {APPROVE: approve}},
        "spec": {"source": {}, "syncPolicies": []}, "status": {"held": held}})
}

#[tokio::test]
async fn an_approval_is_written_beside_others_and_at_the_version_that_was_read() {
    let digests = ["d2".to_owned()];
    // Another approval is written in between.
    let hub = Hub::new([
        (200, shop("1", "old,d1", &["d1", "d2", "d3"])),
        (409, refusal(409, "the object has been modified")),
        (200, shop("2", "old,d1,d3", &["d1", "d2", "d3"])),
        (200, shop("3", "", &[])),
    ]);
    assert!(!write(&Api::namespaced(hub.client(), "default"), "shop", &digests, &[]).await.unwrap());
    let asked = hub.asked.lock().unwrap();
    let patches: Vec<&Value> =
        asked.iter().filter(|(what, _)| what.starts_with("PATCH")).map(|(_, body)| body).collect();
    let patch = |version: &str, approve: &str| json!({"metadata": {"resourceVersion": version, "annotations": {APPROVE: approve}}});
    assert_eq!(patches, [&patch("1", "d1,d2"), &patch("2", "d1,d3,d2")]);
}

/// What a list shows of members `a` and `b`, with one more in `b`: what goes, and what stays.
fn seen(digest: &str, goes: &[&str], stays: &[&str]) -> HeldList {
    let object =
        |name: &str, stays: &str| json!({"kind": "ConfigMap", "namespace": "n1", "name": name, "stays": stays});
    let objects: Vec<Value> = goes
        .iter()
        .map(|name| object(name, ""))
        .chain(stays.iter().map(|name| object(name, "an annotation")))
        .collect();
    let groups = json!([{"members": ["a"], "objects": [object("y", "")]}, {"members": ["b"], "objects": objects}]);
    serde_json::from_value(
        json!({"application": "shop", "lists": [{"policy": "p", "digest": digest, "groups": groups}]}),
    )
    .unwrap()
}

fn held(digest: &str, reason: &str) -> HeldDeletions {
    HeldDeletions { policy: "p".into(), digest: digest.into(), reason: reason.into(), ..HeldDeletions::default() }
}

#[test]
fn an_edit_of_which_more_goes_than_was_shown_is_not_approved() {
    let shown = seen("d1", &["x", "y"], &["z"]);
    let chosen = [held("d1", "EditRemovesMembers")];
    for (now, is_refused) in [
        (seen("d1", &["x", "y"], &["z"]), false),
        (seen("d1", &["y"], &["x", "z"]), false),
        // The annotation was taken off while it was asked.
        (seen("d1", &["x", "y", "z"], &[]), true),
        (seen("d1", &["x", "new"], &["z"]), true),
    ] {
        let said = refuse_more("shop", &chosen, Some(&now), &shown);
        assert_eq!(said.is_err(), is_refused, "{now:?}");
        if let Err(why) = said {
            assert!(why.to_string().contains("more in member b than was shown, and nothing was approved"), "{why}");
        }
    }
    let mut now = seen("d1", &["x", "y"], &["z"]);
    now.lists[0].groups.pop();
    now.lists[0].unnamed = serde_json::from_value(json!([{"members": ["b"], "why": "not known"}])).unwrap();
    assert!(refuse_more("shop", &chosen, Some(&now), &shown).is_err());
}

#[tokio::test]
async fn what_was_shown_of_an_edit_is_written_with_its_approval() {
    let digest = |text: &str| model::Digest::of(text.as_bytes()).to_string();
    let (edit, other, old) = (digest("edit"), digest("other"), digest("old"));
    let shown = list::shown(&[held(&edit, "EditRemovesMembers")], &seen(&edit, &["x", "y"], &["z"])).unwrap();
    let key = |name: &str| model::ObjectKey {
        kind: "ConfigMap".into(),
        namespace: "n1".into(),
        name: name.into(),
        ..Default::default()
    };
    let of_b = shown[0].of(&"b".parse().unwrap());
    assert!(of_b.contains(&key("x")) && of_b.contains(&key("y")) && of_b.len() == 2);
    assert_eq!(shown[0].of(&"a".parse().unwrap()).len(), 1);
    // What a source causes has its objects in the digest, also those that stay.
    let of_source = [held(&edit, "SourceRemovesObjects")];
    assert_eq!(list::shown(&of_source, &seen(&edit, &["x"], &[])), Some(Vec::new()));
    assert_eq!(list::shown(&of_source, &seen(&edit, &["x", "y"], &["z"])), Some(shown.clone()));
    let many: Vec<String> = (0..6_000).map(|n| format!("c{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(list::shown(&[held(&edit, "EditRemovesMembers")], &seen(&edit, &many, &[])), None, "it is too much");

    let of = |digest: &str| ShownList { digest: digest.parse().unwrap(), groups: Vec::new() };
    for (known, new, expect) in [
        (vec![], shown.as_slice(), json!(ShownList::write(&shown))),
        // That of a list that waits stays, and of one that does not it goes.
        (
            vec![of(&other), of(&old), of(&edit)],
            &shown,
            json!(ShownList::write(&[&[of(&other)], shown.as_slice()].concat())),
        ),
        // Approved by its digest alone.
        (vec![of(&edit)], &[], Value::Null),
    ] {
        let mut app = shop("1", "", &[edit.as_str(), other.as_str()]);
        if !known.is_empty() {
            app["metadata"]["annotations"][SHOWN] = json!(ShownList::write(&known));
        }
        let hub = Hub::new([(200, app), (200, shop("2", "", &[]))]);
        write(&Api::namespaced(hub.client(), "default"), "shop", std::slice::from_ref(&edit), new).await.unwrap();
        let asked = hub.asked.lock().unwrap();
        assert_eq!(asked[1].1["metadata"]["annotations"], json!({APPROVE: edit.as_str(), SHOWN: expect}));
    }
}

#[tokio::test]
async fn a_list_that_changed_while_it_was_asked_about_is_not_approved() {
    for (held, now) in [(&["d2"][..], "it is now d2"), (&[], "nothing waits")] {
        let hub = Hub::new([(200, shop("1", "", held))]);
        let refused =
            write(&Api::namespaced(hub.client(), "default"), "shop", &["d1".to_owned()], &[]).await.unwrap_err();
        assert!(refused.to_string().contains(now) && refused.to_string().contains("nothing was approved"), "{refused}");
        assert_eq!(hub.asked.lock().unwrap().len(), 1, "nothing is written");
    }
}

#[test]
fn the_command_that_is_suggested_approves_what_was_shown_on_the_same_hub() {
    let common = |kubeconfig: Option<&str>, dir: Option<&str>, namespace: &str| Common {
        kubeconfig: kubeconfig.map(Into::into),
        context: kubeconfig.map(|_| "hub".to_owned()),
        dir: dir.map(Into::into),
        namespace: namespace.to_owned(),
        is_namespace_given: namespace != "default",
        is_dir_given: false,
        means: None,
        context_namespace: None,
        output: Format::Text,
    };
    let digests = ["sha256:1".to_owned(), "sha256:2".to_owned()];
    for (common, expect) in [
        (common(None, None, "default"), "kurator approve app/shop --digest sha256:1 --digest sha256:2 --yes"),
        // The context that reads it may say another namespace.
        (
            Common { is_namespace_given: true, ..common(None, None, "default") },
            "kurator approve app/shop -n default --digest sha256:1 --digest sha256:2 --yes",
        ),
        (
            common(None, Some("/tmp/my hub's"), "shops"),
            r"kurator approve app/shop -n shops --dir '/tmp/my hub'\''s' --digest sha256:1 --digest sha256:2 --yes",
        ),
        (
            common(Some("hub.yaml"), Some("/from/the/environment"), "default"),
            "kurator approve app/shop --kubeconfig hub.yaml --context hub --digest sha256:1 --digest sha256:2 --yes",
        ),
    ] {
        assert_eq!(command(&common, "shop", &digests), expect);
        let tree =
            expect.replace("kurator approve", "kurator tree").replace(" --digest sha256:1 --digest sha256:2 --yes", "");
        assert_eq!(every_object(&common, "shop"), format!("every object by name, in each member: `{tree}`"));
    }
}

#[test]
fn the_question_says_whether_anything_is_deleted() {
    let list = |count: u32| HeldDeletions { count, ..HeldDeletions::default() };
    for (counts, expect) in [
        (&[3][..], "Delete exactly these?"),
        (&[3, 1], "Delete exactly these?"),
        (&[0], "Approve exactly these? Nothing is deleted."),
        (&[0, 2], "Approve exactly these? With them go 2 objects."),
    ] {
        let chosen: Vec<HeldDeletions> = counts.iter().map(|count| list(*count)).collect();
        assert_eq!(question(&chosen), expect);
    }
}

#[tokio::test]
async fn a_list_that_is_not_there_for_a_moment_is_asked_for_again() {
    let missing = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound",
        "message": "heldlists \"shop\" not found", "details": {"name": "shop"}});
    let unnamed = json!([{"members": ["lima"], "why": "what it has is not known by name"}]);
    let list = json!({"application": "shop",
        "lists": [{"policy": "p", "digest": "d1", "groups": [], "unnamed": unnamed}]});
    let app = || (200, shop("1", "", &["d1"]));
    let hub = Hub::new([app(), (404, missing), app(), (200, list)]);
    let common = Common {
        kubeconfig: None,
        context: None,
        dir: None,
        namespace: "default".to_owned(),
        is_namespace_given: false,
        is_dir_given: false,
        means: None,
        context_namespace: None,
        output: Format::Text,
    };
    let (chosen, named) = listed_by_name(&hub.client(), &common, "shop", &["d1".to_owned()]).await.unwrap();
    assert!(refuse_unnamed("shop", &chosen, named.as_ref()).is_err(), "what cannot be shown is refused");
}

//! What is written before the fleet is edited.

use super::super::list::Objects;
use super::*;
use crate::approve::tests::{Hub, refusal};

fn part(app: &str, policy: &str, objects: usize) -> Part {
    let key = |n: usize| model::ObjectKey { kind: "ConfigMap".into(), name: format!("c{n}"), ..Default::default() };
    let goes = (0..objects).map(key).collect();
    Part {
        app: app.into(),
        policy: policy.into(),
        member: "beijing".parse().unwrap(),
        placed: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        objects: Some(Objects { goes, ..Objects::default() }),
    }
}

fn given() -> model::Timestamp {
    "2026-01-02T00:00:00Z".parse().unwrap()
}

#[test]
fn each_application_gets_one_consent_with_all_of_its_policies() {
    let all = consents(&[part("shop", "p", 2), part("shop", "q", 0), part("web", "p", 1)], given()).unwrap();
    let said: Vec<(&str, Vec<(&str, usize)>)> = all
        .iter()
        .map(|(app, consent)| {
            (app.as_str(), consent.scopes.iter().map(|s| (s.policy.as_str(), s.objects.len())).collect())
        })
        .collect();
    assert_eq!(said, [("shop", vec![("p", 2), ("q", 0)]), ("web", vec![("p", 1)])]);
    assert_eq!(all["shop"].cause, LeavingCause::NotListed);
}

#[test]
fn more_objects_than_a_consent_holds_are_refused_with_the_way_that_works() {
    assert!(consents(&[part("shop", "p", ObjectSet::OBJECTS_MAX)], given()).is_ok());
    let refused = consents(&[part("shop", "p", ObjectSet::OBJECTS_MAX + 1)], given()).unwrap_err().to_string();
    assert!(refused.contains("5001 objects") && refused.contains("`kurator approve app/shop`"), "{refused}");
    assert!(refused.ends_with("nothing was changed"), "{refused}");
}

#[tokio::test]
async fn a_consent_is_written_beside_those_that_hold_and_at_the_version_that_was_read() {
    let consent = |at: &str| Consent { given: at.parse().unwrap(), cause: LeavingCause::NotListed, scopes: vec![] };
    let (lapsed, holds, new) =
        (consent("2026-01-01T00:00:00Z"), consent("2026-01-01T12:00:00Z"), consent("2026-01-02T00:00:00Z"));
    let app = |version: &str, all: &[Consent]| {
        json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
            "metadata": {"name": "shop", "namespace": "default", "resourceVersion": version,
                "annotations": {CONSENT: Consent::write(all)}},
            "spec": {"source": {}, "syncPolicies": []}})
    };
    let hub = Hub::new([
        (200, app("1", std::slice::from_ref(&lapsed))),
        (409, refusal(409, "the object has been modified")),
        (200, app("2", &[lapsed, holds.clone()])),
        (200, app("3", &[])),
    ]);
    write_consent(&Api::namespaced(hub.client(), "default"), "shop", &new).await.unwrap();
    let asked = hub.asked.lock().unwrap();
    let patches: Vec<&Value> =
        asked.iter().filter(|(what, _)| what.starts_with("PATCH")).map(|(_, body)| body).collect();
    let patch = |version: &str, all: &[Consent]| json!({"metadata": {"resourceVersion": version, "annotations": {CONSENT: Consent::write(all)}}});
    assert_eq!(patches, [&patch("1", std::slice::from_ref(&new)), &patch("2", &[holds, new])]);
}

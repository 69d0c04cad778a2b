//! What a person said to the hub that lets something go: approvals, consents, deletions. With who it was.

use api::kurator::annotation::{APPROVE, APPROVE_IDENTITY, APPROVE_TAKE_OVER, CONSENT, REMOVALS};
use api::kurator::consent::Consent;
use model::{object, words};
use serde_json::Value;

use super::object_name;

/// Longest value of an annotation that is repeated: two digests.
const VALUE_MAX: usize = 160;

/// Longest name of a user that is repeated. A service account's has up to 340 characters.
const USER_MAX: usize = 400;

/// Lines for a write of an object: one for each annotation by which a person agrees to something, and that says something
/// new.
pub fn agreed(kind: &str, new: &Value, old: Option<&Value>, user: &str) -> Vec<String> {
    let name = named(kind, new);
    let user = words::bounded(user, USER_MAX);
    let said = |key: &str| {
        let value = object::annotation(new, key).filter(|value| !value.trim().is_empty())?;
        let before = old.and_then(|old| object::annotation(old, key)).unwrap_or_default();
        (value != before).then_some((value, before))
    };
    let mut lines = Vec::new();
    for (key, what) in [
        (APPROVE, "approves what is held"),
        (APPROVE_IDENTITY, "approves that this is another cluster"),
        (APPROVE_TAKE_OVER, "approves what is taken over"),
        (REMOVALS, "allows edits to take members out"),
    ] {
        let Some((value, before)) = said(key) else { continue };
        let known: Vec<&str> = before.split([',', ' ']).collect();
        let new: Vec<&str> = value.split([',', ' ']).filter(|one| !one.is_empty() && !known.contains(one)).collect();
        if !new.is_empty() {
            lines.push(format!("{user} {what}: {name}: {}", words::bounded(&new.join(", "), VALUE_MAX)));
        }
    }
    if let Some((value, before)) = said(CONSENT) {
        let before = Consent::read(before);
        for consent in Consent::read(value).into_iter().filter(|consent| !before.contains(consent)) {
            let scopes = consent.scopes.len();
            let places = if scopes == 1 { "1 member".to_owned() } else { format!("{scopes} members") };
            lines.push(format!("{user} agrees to an edit beforehand: {name}: it may leave {places}"));
        }
    }
    lines
}

/// The line for a deletion that a person asks for.
pub fn deleted(kind: &str, old: &Value, user: &str) -> String {
    format!("{} deletes {}", words::bounded(user, USER_MAX), named(kind, old))
}

fn named(kind: &str, value: &Value) -> String {
    object_name(kind, object::namespace(value).unwrap_or_default(), object::name(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use api::delivery::{LeavingCause, ObjectSet};
    use api::kurator::consent::ConsentScope;
    use serde_json::json;

    use super::*;

    fn app(annotations: Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "default", "annotations": annotations}})
    }

    #[test]
    fn who_approves_what_is_said_once() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let scope = ConsentScope {
            policy: "p".to_owned(),
            member: "a".parse().unwrap(),
            placed: None,
            objects: ObjectSet::default(),
        };
        let given = "2026-01-01T00:00:00Z".parse().unwrap();
        let consent =
            Consent::write(&[Consent { given, cause: LeavingCause::NotListed, edit: None, scopes: vec![scope] }]);
        for (old, new, expect) in [
            (None, app(json!({})), vec![]),
            (
                Some(app(json!({}))),
                app(json!({(APPROVE): digest})),
                vec![format!("ada approves what is held: Application default/web: {digest}")],
            ),
            (
                Some(app(json!({(APPROVE): digest}))),
                app(json!({(APPROVE): format!("{digest},sha256:cd")})),
                vec!["ada approves what is held: Application default/web: sha256:cd".to_owned()],
            ),
            (Some(app(json!({(APPROVE): digest}))), app(json!({(APPROVE): digest})), vec![]),
            (Some(app(json!({(APPROVE): digest}))), app(json!({})), vec![]),
            (
                None,
                app(json!({(REMOVALS): "3"})),
                vec!["ada allows edits to take members out: Application default/web: 3".to_owned()],
            ),
            (Some(app(json!({}))), app(json!({(CONSENT): "no list"})), vec![]),
            (
                Some(app(json!({}))),
                app(json!({(CONSENT): consent})),
                vec!["ada agrees to an edit beforehand: Application default/web: it may leave 1 member".to_owned()],
            ),
            (Some(app(json!({(CONSENT): consent}))), app(json!({(CONSENT): consent})), vec![]),
        ] {
            assert_eq!(agreed("Application", &new, old.as_ref(), "ada"), expect, "{old:?} {new}");
        }
        assert_eq!(deleted("Application", &app(json!({})), "ada\n"), "ada  deletes Application default/web");
    }
}

//! What is written before the fleet is edited.

use plan::departure::Objects;

use super::*;
use crate::approve::tests::{Hub, refusal};

fn part(app: &str, policy: &str, objects: usize) -> Part {
    let key = |n: usize| model::ObjectKey { kind: "ConfigMap".into(), name: format!("c{n}"), ..Default::default() };
    let goes = (0..objects).map(key).collect();
    let placed = Some("2026-01-01T00:00:00Z".parse().unwrap());
    Part::new(app, policy, "beijing".parse().unwrap(), placed, Some(Objects { goes, ..Objects::default() }))
}

fn given() -> model::Timestamp {
    "2026-01-02T00:00:00Z".parse().unwrap()
}

fn clusters(names: &[&str]) -> Vec<ClusterRef> {
    names.iter().map(|name| ClusterRef { kind: KIND.to_owned(), name: (*name).to_owned() }).collect()
}

/// Beijing is taken out of a fleet that lists shanghai as well.
fn edit() -> FleetEdit {
    FleetEdit::new("demo", clusters(&["beijing"]).remove(0), &clusters(&["beijing", "shanghai"]))
}

/// The exit of beijing, where each of these Applications has one object.
fn exit(client: Client, apps: &[&str]) -> Exit {
    Exit {
        client,
        namespace: "default".to_owned(),
        fleet: "demo".to_owned(),
        is_listed: true,
        member: "beijing".parse().unwrap(),
        entry: "beijing".to_owned(),
        parts: apps.iter().map(|app| part(app, "p", 1)).collect(),
        away: Away::new(),
        open: BTreeMap::new(),
    }
}

/// What the hub says of the fleet, and of an Application at a version with these consents.
fn the_fleet() -> (u16, Value) {
    let list = clusters(&["beijing", "shanghai"]);
    (
        200,
        json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
        "metadata": {"name": "demo", "namespace": "default", "resourceVersion": "7"}, "spec": {"clusters": list}}),
    )
}

fn the_app(name: &str, all: &[Consent]) -> (u16, Value) {
    (
        200,
        json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": name, "namespace": "default", "resourceVersion": "1",
            "annotations": {CONSENT: Consent::write(all)}},
        "spec": {"source": {}, "syncPolicies": []}}),
    )
}

#[tokio::test]
async fn a_fleet_that_cannot_be_written_leaves_no_consent_behind() {
    let refused = || (403, refusal(403, "cannot patch resource fleets"));
    let mine = |app: &str| consents(&[part(app, "p", 1)], given(), &edit()).unwrap().remove(app).unwrap();
    // Somebody else's, which is still needed.
    let other = consent("2026-01-01T12:00:00Z", &["other"]);
    let answers = [the_fleet(), the_app("shop", &[]), the_app("shop", &[]), the_app("web", &[]), the_app("web", &[])];
    let after = [the_fleet(), refused(), the_app("shop", &[mine("shop"), other.clone()]), the_app("shop", &[])];
    let end = [the_app("web", &[mine("web")]), the_app("web", &[])];
    let hub = Hub::new(answers.into_iter().chain(after).chain(end));
    let said = exit(hub.client(), &["shop", "web"]).edit(given()).await.unwrap_err().to_string();
    assert!(
        said.starts_with("cannot write fleet/demo") && said.ends_with("; what was agreed to was taken back"),
        "{said}"
    );
    let asked = hub.asked.lock().unwrap().clone();
    let patches = asked.iter().filter(|(what, _)| what.starts_with("PATCH") && what.contains("/applications/"));
    let written: Vec<&Value> = patches.map(|(_, body)| &body["metadata"]["annotations"][CONSENT]).collect();
    let of = |all: &[Consent]| json!(Consent::write(all));
    assert_eq!(written, [&of(&[mine("shop")]), &of(&[mine("web")]), &of(&[other]), &Value::Null]);

    // The second Application cannot be written: the first one's goes, and the fleet is not touched.
    let answers = [the_fleet(), the_app("shop", &[]), the_app("shop", &[]), the_app("web", &[]), refused()];
    let after = [the_app("shop", &[mine("shop")]), the_app("shop", &[]), the_app("web", &[])];
    let hub = Hub::new(answers.into_iter().chain(after));
    let said = exit(hub.client(), &["shop", "web"]).edit(given()).await.unwrap_err().to_string();
    assert!(said.starts_with("cannot write what was agreed to on app/web") && said.ends_with("taken back"), "{said}");
    assert!(!hub.asked.lock().unwrap().iter().any(|(what, _)| what.starts_with("PATCH") && what.contains("/fleets/")));

    // The hub is gone by now.
    let answers = [the_fleet(), the_app("shop", &[]), the_app("shop", &[]), the_fleet(), refused(), refused()];
    let said = exit(Hub::new(answers).client(), &["shop"]).edit(given()).await.unwrap_err().to_string();
    assert!(said.contains("; what was agreed to stands on app/shop for a day"), "{said}");
    assert!(
        said.contains("`kubectl annotate applications.apps.kurator.dev shop -n default kurator.dev/consent-`"),
        "{said}"
    );
}

#[test]
fn each_application_gets_one_consent_with_all_of_its_policies() {
    let all = consents(&[part("shop", "p", 2), part("shop", "q", 0), part("web", "p", 1)], given(), &edit()).unwrap();
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
    assert!(consents(&[part("shop", "p", ObjectSet::OBJECTS_MAX)], given(), &edit()).is_ok());
    let refused = consents(&[part("shop", "p", ObjectSet::OBJECTS_MAX + 1)], given(), &edit()).unwrap_err().to_string();
    assert!(refused.contains("5001 objects") && refused.contains("`kurator approve app/shop`"), "{refused}");
    assert!(refused.ends_with("nothing was changed"), "{refused}");
}

/// A consent to take the policies out of a member, as they were placed there.
fn consent(at: &str, policies: &[&str]) -> Consent {
    let scope = |policy: &&str| ConsentScope {
        policy: (*policy).to_owned(),
        member: "beijing".parse().unwrap(),
        placed: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        objects: ObjectSet::default(),
    };
    Consent {
        given: at.parse().unwrap(),
        cause: LeavingCause::NotListed,
        edit: Some(edit()),
        scopes: policies.iter().map(scope).collect(),
    }
}

fn placed(policies: &[&str]) -> Open {
    let at = |text: &str| Some(text.parse().unwrap());
    let one = |policy: &&str| ((*policy).to_owned(), "beijing".parse().unwrap(), at("2026-01-01T00:00:00Z"));
    policies.iter().map(one).collect()
}

#[test]
fn consents_that_lapsed_were_used_or_are_given_again_are_dropped() {
    let new = consent("2026-01-02T00:00:00Z", &["again"]);
    let names = |all: &[Consent]| -> Vec<Vec<String>> {
        all.iter().map(|consent| consent.scopes.iter().map(|scope| scope.policy.clone()).collect()).collect()
    };
    let (noon, lapsed) = ("2026-01-01T12:00:00Z", "2026-01-01T00:00:00Z");
    for (known, open, expect) in [
        (vec![consent(lapsed, &["p"])], placed(&["p"]), vec![]),
        (vec![consent(noon, &["p"])], placed(&["p"]), vec![vec!["p".to_owned()]]),
        // The policy has left the member, or was placed there once more.
        (vec![consent(noon, &["p"])], placed(&["q"]), vec![]),
        (vec![consent(noon, &["p", "q", "again"])], placed(&["p", "again"]), vec![vec!["p".to_owned()]]),
    ] {
        assert_eq!(names(&still_needed(known, &new, &open)), expect);
    }
}

#[tokio::test]
async fn a_consent_is_written_beside_those_that_are_needed_and_at_the_version_that_was_read() {
    let (lapsed, holds, new) = (
        consent("2026-01-01T00:00:00Z", &["p"]),
        consent("2026-01-01T12:00:00Z", &["p"]),
        consent("2026-01-02T00:00:00Z", &["q"]),
    );
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
    write_consent(&Api::namespaced(hub.client(), "default"), "shop", &new, &placed(&["p", "q"])).await.unwrap();
    let asked = hub.asked.lock().unwrap();
    let patches: Vec<&Value> =
        asked.iter().filter(|(what, _)| what.starts_with("PATCH")).map(|(_, body)| body).collect();
    let patch = |version: &str, all: &[Consent]| json!({"metadata": {"resourceVersion": version, "annotations": {CONSENT: Consent::write(all)}}});
    assert_eq!(patches, [&patch("1", std::slice::from_ref(&new)), &patch("2", &[holds, new])]);
}

#[tokio::test]
async fn consents_that_would_not_fit_are_refused_before_anything_is_written() {
    let many: Vec<model::ObjectKey> = (0..4_500)
        .map(|n| model::ObjectKey { kind: "ConfigMap".into(), name: format!("c{n}"), ..Default::default() })
        .collect();
    let mut large = consent("2026-01-01T12:00:00Z", &["a", "b", "c", "d"]);
    large.scopes.iter_mut().for_each(|scope| scope.objects = ObjectSet::new(&many));
    let app = json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "annotations": {CONSENT: Consent::write(&[large])}},
        "spec": {"source": {}, "syncPolicies": []}});
    let mut new = consent("2026-01-02T00:00:00Z", &["q"]);
    new.scopes[0].objects = ObjectSet::new(&many);
    let hub = Hub::new([(200, app)]);
    let open = placed(&["a", "b", "c", "d", "q"]);
    let refused = write_consent(&Api::namespaced(hub.client(), "default"), "shop", &new, &open).await.unwrap_err();
    assert!(refused.to_string().contains("leaves no room for this, and nothing was changed"), "{refused}");
    assert_eq!(hub.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_attached_cluster_that_makes_no_member_is_named_with_its_namespace() {
    let attached = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
        "metadata": {"name": "paris", "namespace": "team"}, "spec": {"kubeconfig": {"name": "k", "key": "value"}}});
    let list = || {
        let list = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedClusterList", "metadata": {},
            "items": [attached]});
        (200, list)
    };
    let common = |words: &str| crate::args::read(words.split(' ')).unwrap().common;
    let found = origin(&Hub::new([list()]).client(), &common("kurator status"), "team/paris", "detach").await.unwrap();
    let expect = Origin::new("cluster.kurator.dev", "AttachedCluster", "team", "paris");
    assert_eq!(found, ("paris".parse().unwrap(), expect.clone()));
    let none =
        origin(&Hub::new([list()]).client(), &common("kurator status"), "team/rome", "detach").await.unwrap_err();
    assert_eq!(none.to_string(), "there is no AttachedCluster rome in namespace team");
    // The name is that of another namespace's member.
    let theirs = Origin::new("cluster.kurator.dev", "AttachedCluster", "default", "paris").to_string();
    let record = json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
        "metadata": {"name": "paris", "annotations": {ORIGIN: theirs}}, "spec": {"syncMode": "Push"}});
    let hub = Hub::new([(200, record), list()]);
    assert_eq!(origin(&hub.client(), &common("kurator status -n team"), "paris", "detach").await.unwrap().1, expect);
}

/// Without a record that may be read: what makes the member is meant, and an object that is only called like it is not.
#[tokio::test]
async fn a_member_is_not_taken_for_another_ones_attached_cluster() {
    let attached = |name: &str, wants: Option<&str>, member: Option<&str>| {
        let spec = json!({"kubeconfig": {"name": name, "key": "value"}, "memberName": wants});
        json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": name, "namespace": "default"}, "spec": spec, "status": {"member": member}})
    };
    let common = crate::args::read("kurator status".split(' ')).unwrap().common;
    let find = async |code: u16, command: &str, all: &[&Value]| {
        let list = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedClusterList", "metadata": {}, "items": all});
        let hub = Hub::new([(code, refusal(code, "no")), (200, list)]);
        let found = origin(&hub.client(), &common, "paris", command).await;
        found.map(|(member, origin)| format!("{member} of {}", origin.name)).map_err(|why| why.to_string())
    };
    let (east, x) = (attached("paris", Some("east"), Some("east")), attached("x", Some("paris"), Some("paris")));
    let (taken, wish) = (attached("y", Some("paris"), None), attached("z", Some("paris"), None));
    for code in [403, 404] {
        for all in [[&east, &x], [&x, &east]] {
            for command in ["detach", "fleet remove"] {
                let refused = find(code, command, &all).await.unwrap_err();
                for part in [
                    format!("`kurator {command} default/paris` is AttachedCluster default/paris, member/east"),
                    format!("`kurator {command} default/x` is AttachedCluster default/x, member/paris"),
                    "nothing was changed".to_owned(),
                ] {
                    assert!(refused.contains(&part), "{part:?} is not in {refused}");
                }
            }
        }
        assert_eq!(find(code, "detach", &[&east]).await.unwrap(), "east of paris");
        assert_eq!(find(code, "detach", &[&taken, &x]).await.unwrap(), "paris of x");
        assert_eq!(find(code, "detach", &[&taken]).await.unwrap(), "paris of y");
        assert!(find(code, "detach", &[&taken, &wish]).await.unwrap_err().contains("default/z"));
    }
}

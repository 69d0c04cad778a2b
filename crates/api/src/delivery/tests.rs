use std::collections::BTreeMap;

use model::Digest;
use serde_json::{Value, json};

use crate::condition::{self, Condition, Statement};
use crate::kurator::apps::v1alpha1::KustomizeInputs;

use super::*;

fn hub() -> HubId {
    HubId::from_random([7; 10])
}

#[test]
fn a_unit_id_round_trips_through_its_text() {
    for text in [
        "apps.kurator.dev/Application/default/shop/base",
        "/ConfigMap/default/web",
        "policy.karmada.io/ClusterPropagationPolicy//all",
        "apps.kurator.dev/Application/default/shop/team/web",
    ] {
        let unit: UnitId = text.parse().unwrap();
        assert_eq!(unit.to_string(), text);
        assert_eq!(serde_json::to_value(&unit).unwrap(), json!(text));
        assert_eq!(serde_json::from_value::<UnitId>(json!(text)).unwrap(), unit);
    }
    for bad in ["", "a/b/c", "g//ns/name", "g/K/ns/", "g/K/ns/n/"] {
        assert!(bad.parse::<UnitId>().is_err(), "{bad:?} was accepted");
    }
}

#[test]
fn an_owner_round_trips_and_is_what_its_units_share() {
    for text in ["apps.kurator.dev/Application/default/shop", "/ConfigMap/default/web", "g/K//all"] {
        let owner: Owner = text.parse().unwrap();
        assert_eq!(owner.to_string(), text);
        assert_eq!(owner.unit(Some("a/b")).owner(), owner);
        assert_eq!(owner.unit(None).to_string(), text);
    }
    for bad in ["", "a/b/c", "g//ns/name", "g/K/ns/", "g/K/ns/n/p"] {
        assert!(bad.parse::<Owner>().is_err(), "{bad:?} was accepted");
    }
}

#[test]
fn a_reflected_status_is_whole_or_left_out() {
    let small = json!({"replicas": 3});
    assert_eq!(UnitStatus::cap_reflected(small.clone()), Some(small));
    assert_eq!(UnitStatus::cap_reflected(json!({"text": "x".repeat(UnitStatus::REFLECTED_BYTES_MAX)})), None);
    assert_eq!(UnitStatus::cap_reflected(json!("text")), None);
}

fn artifact() -> Artifact {
    Artifact {
        digest: Digest::of(b"tree"),
        revision: "main@sha1:3f2c1a".into(),
        url: "http://127.0.0.1/r".into(),
        secret: None,
        ignore: None,
        submodules: false,
    }
}

#[test]
fn inputs_are_compared_by_what_they_render_to() {
    let tree = |artifact| {
        let (kustomize, remotes) = (KustomizeInputs::default(), BTreeMap::new());
        Inputs::Artifact(ArtifactInputs { artifact, kustomize, remotes })
    };
    let objects = |data: &str| {
        Inputs::Objects(ObjectInputs { digest: Digest::of(b"bodies"), data: data.to_owned(), sealed: None })
    };
    let moved = Artifact { url: "http://127.0.0.1/other".into(), ..artifact() };
    let resecured = Artifact { secret: Some("git".into()), ..artifact() };
    for (a, b, same) in [
        (tree(artifact()), tree(artifact()), true),
        (tree(artifact()), tree(resecured), true),
        (tree(artifact()), tree(moved), false),
        (objects("one"), objects("compressed by another version"), true),
        (objects("one"), tree(artifact()), false),
    ] {
        assert_eq!(a.is_same(&b), same, "{a:?} {b:?}");
    }
}

#[test]
fn inputs_are_current_as_long_as_nothing_that_they_use_has_moved() {
    let with = |remotes: &[(&str, &str)]| {
        let remote = |(id, content): &(&str, &str)| {
            ((*id).to_owned(), RemoteInput { digest: Digest::of(content.as_bytes()), revision: None })
        };
        let remotes = remotes.iter().map(remote).collect();
        Inputs::Artifact(ArtifactInputs { artifact: artifact(), kustomize: KustomizeInputs::default(), remotes })
    };
    for (stored, known, current) in [
        (with(&[("a", "1")]), with(&[("a", "1")]), true),
        (with(&[("a", "1")]), with(&[]), true),
        (with(&[("a", "1")]), with(&[("b", "2")]), true),
        (with(&[("a", "1")]), with(&[("a", "2")]), false),
        (with(&[("a", "1"), ("b", "1")]), with(&[("a", "1"), ("b", "2")]), false),
        (with(&[]), with(&[("a", "1")]), true),
    ] {
        assert_eq!(stored.is_current(&known), current, "{stored:?} {known:?}");
        assert_eq!(stored.is_same(&known), stored == known);
    }
}

#[test]
fn a_short_id_depends_on_hub_and_unit_and_never_changes() {
    let unit = UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("base"));
    let short = unit.short(&hub());
    assert_eq!(short.as_str().len(), ShortId::LENGTH);
    assert_eq!(short, short.to_string().parse().unwrap());
    assert_ne!(short, unit.short(&HubId::from_random([8; 10])));
    // Stored in members: another text here would orphan everything that was delivered.
    insta::assert_snapshot!(short, @"o7yqkfnqei");
}

#[test]
fn definitions() {
    let mut text = String::new();
    for crd in crds() {
        text.push_str("---\n");
        text.push_str(&model::yaml::to_string(&crd));
    }
    insta::assert_snapshot!("crds", text);
}

#[test]
fn definitions_use_only_formats_that_kubernetes_knows() {
    fn formats(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                out.extend(map.get("format").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|v| formats(v, out));
            }
            Value::Array(items) => items.iter().for_each(|v| formats(v, out)),
            _ => {}
        }
    }
    let mut seen = Vec::new();
    crds().iter().for_each(|crd| formats(crd, &mut seen));
    assert!(seen.iter().all(|f| ["int64", "int32", "date-time"].contains(&f.as_str())), "{seen:?}");
}

#[test]
fn records_round_trip() {
    let unit = UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("base"));
    let spec = RevisionSpec {
        unit: unit.clone(),
        epoch: 3,
        inputs: Inputs::Artifact(ArtifactInputs {
            artifact: artifact(),
            kustomize: KustomizeInputs::default(),
            remotes: BTreeMap::new(),
        }),
        overrides: [("regions".to_owned(), Digest::of(b"override"))].into(),
        answers: [
            ("capabilities".to_owned(), Answer::Value(json!(["apps/v1"]))),
            ("random/0".to_owned(), Answer::Sealed(SealedAnswer { secret: "s".into(), key: "k".into() })),
        ]
        .into(),
        renderer: "1".into(),
        time: "2026-11-23T10:00:00Z".parse().unwrap(),
    };
    let revision = Revision::new(&RevisionSpec::object_name(&unit.short(&hub()), 3), spec);
    let value = serde_json::to_value(&revision).unwrap();
    assert_eq!(value["apiVersion"], "delivery.kurator.dev/v1alpha1");
    assert_eq!(serde_json::from_value::<Revision>(value).unwrap(), revision);
}

#[test]
fn all_phases_are_those_of_the_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(UnitPhase)).unwrap();
    let names: Vec<&str> =
        schema["oneOf"].as_array().unwrap().iter().map(|one| one["const"].as_str().unwrap()).collect();
    assert_eq!(UnitPhase::ALL.map(|phase| phase.to_string()).as_slice(), names);
}

#[test]
fn what_decisions_and_conditions_say_is_cut_and_harmless() {
    let long = format!("\u{1b}[2J\n{}", "é".repeat(100_000));
    let label = LabelDifference::new(&long, Some(&long), &long);
    let passed_over = PassedOver::new(&long, &long);
    let statement = Statement::new(condition::READY, Some(false), "X", &long);
    for (about, text, max) in [
        ("why a member is left", Leaving::new(LeavingCause::NotListed, &long).message, Leaving::MESSAGE_MAX),
        ("the key of a label", label.key, LabelDifference::KEY_MAX),
        ("a value that is there", label.found.unwrap(), 63),
        ("a value that is wanted", label.wanted, 63),
        ("a candidate", passed_over.name, 253),
        ("why it is passed over", passed_over.reason, PassedOver::REASON_MAX),
        ("what made a decision", Trigger::new(TriggerCause::Edit, &long).message, Trigger::MESSAGE_MAX),
        ("what is waited for", WaitingOn::new(Missing::Source, &long).detail, Explanation::WORDS_MAX),
        ("a condition", statement.message, Condition::MESSAGE_MAX),
    ] {
        assert_eq!(text.chars().count(), max, "{about}");
        assert!(text.starts_with("\u{fffd}[2J é") && text.ends_with('…'), "{about}: {text}");
    }
}

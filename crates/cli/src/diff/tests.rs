//! What is said of differences.

use api::view::{
    DifferenceGroup, DifferenceSummary, Differences, FieldDifference, ObjectChange, ObjectDifference, PlacementChange,
    Placing, UnknownMembers,
};
use model::MemberName;

use super::code;
use super::text::{Kind, lines};
use crate::output;

fn members(names: &[&str]) -> Vec<MemberName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn field(path: &str, from: Option<&str>, to: Option<&str>, by: Option<&str>) -> FieldDifference {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    FieldDifference { path: path.to_owned(), from: owned(from), to: owned(to), by: owned(by) }
}

fn object(object: &str, change: ObjectChange, fields: Vec<FieldDifference>) -> ObjectDifference {
    ObjectDifference { object: object.to_owned(), change, fields, left_out: 0, note: String::new() }
}

fn group(names: &[&str], from: &str, to: &str, held: &str, objects: Vec<ObjectDifference>) -> DifferenceGroup {
    DifferenceGroup {
        application: "shop".to_owned(),
        policy: "small".to_owned(),
        members: members(names),
        from: from.to_owned(),
        to: to.to_owned(),
        held: held.to_owned(),
        objects,
        left_out: 0,
    }
}

const OLD: &str = "main@sha1:3f2c1a0000000000000000000000000000000000";
const NEW: &str = "main@sha1:9bd1f00000000000000000000000000000000000";

fn shown(differences: &Differences, kind: Kind) -> String {
    output::text(&lines("app/shop", "default", differences, kind, false))
}

#[test]
fn what_members_have_otherwise_is_said_once_with_the_members() {
    let drifted = vec![
        object(
            "Deployment.apps shop/web",
            ObjectChange::Change,
            vec![
                field("spec.replicas", Some("5"), Some("2"), Some("kubectl")),
                field("metadata.labels[team]", Some("\"x\""), None, None),
            ],
        ),
        object("ConfigMap shop/settings", ObjectChange::Add, Vec::new()),
    ];
    let differences = Differences {
        summary: DifferenceSummary {
            members: 4,
            differing: 2,
            unknown: 1,
            added: 2,
            changed: 2,
            deleted: 1,
            ..DifferenceSummary::default()
        },
        groups: vec![
            group(&["beijing", "shanghai"], "", OLD, "", drifted),
            group(
                &["tokyo"],
                "",
                OLD,
                "it waits for `kurator approve app/shop`",
                vec![object("Service shop/old", ObjectChange::Delete, Vec::new())],
            ),
        ],
        unknown: vec![UnknownMembers { members: members(&["virginia"]), message: "it does not answer".to_owned() }],
        ..Differences::default()
    };
    insta::assert_snapshot!("live", shown(&differences, Kind::Live));
    assert_eq!(code(&differences), 1);
}

#[test]
fn what_a_commit_would_do_says_what_is_held() {
    let mut many = group(
        &["a", "b", "c", "d", "e", "f", "g", "h"],
        OLD,
        NEW,
        "nothing would be left of it",
        vec![
            object("Service shop/old", ObjectChange::Delete, Vec::new()),
            object(
                "Secret shop/token",
                ObjectChange::Change,
                vec![field(
                    "data.password",
                    Some("\"(hidden: 12 bytes, 3f2a91c0)\""),
                    Some("\"(hidden: 14 bytes, 0b7d11e2)\""),
                    None,
                )],
            ),
        ],
    );
    many.left_out = 3;
    let differences = Differences {
        summary: DifferenceSummary {
            members: 8,
            differing: 8,
            changed: 8,
            deleted: 8,
            held: 8,
            ..DifferenceSummary::default()
        },
        groups: vec![many],
        notes: vec!["app/shop policy large waits for its source".to_owned()],
        ..Differences::default()
    };
    insta::assert_snapshot!("commit", shown(&differences, Kind::Preview));
}

#[test]
fn what_an_edit_would_do_says_who_comes_and_goes_and_why() {
    let placement = |change, names: &[&str], reason: &str| PlacementChange {
        application: "shop".to_owned(),
        policy: "small".to_owned(),
        change,
        members: members(names),
        reason: reason.to_owned(),
    };
    let differences = Differences {
        summary: DifferenceSummary {
            members: 3,
            differing: 3,
            added: 4,
            deleted: 8,
            held: 8,
            ..DifferenceSummary::default()
        },
        placements: vec![
            placement(Placing::Comes, &["tokyo"], "matches size=smal"),
            placement(Placing::Held, &["beijing", "paris"], "label size is \"small\", the selector wants \"smal\""),
            placement(Placing::Leaves, &["virginia"], "fleet all does not list it"),
            placement(Placing::Stays, &["osaka"], "matches size=smal"),
        ],
        ..Differences::default()
    };
    insta::assert_snapshot!("edit", shown(&differences, Kind::Preview));
}

#[test]
fn the_exit_code_is_that_of_kubectl_diff_and_what_is_not_known_is_not_the_same() {
    let summary = |differing, unknown| Differences {
        summary: DifferenceSummary { members: 3, differing, unknown, ..DifferenceSummary::default() },
        ..Differences::default()
    };
    for (differing, unknown, expect, said) in [
        (0, 0, 0, "app/shop: 3 members: nothing differs\n"),
        (0, 1, 2, "app/shop: 3 members: nothing differs, 1 member not known\n"),
        (0, 3, 2, "app/shop: 3 members: nothing is known, 3 members not known\n"),
        (1, 1, 1, "app/shop: 3 members: 1 concerned, 1 member not known\n"),
    ] {
        let differences = summary(differing, unknown);
        assert_eq!(code(&differences), expect, "{said}");
        assert_eq!(shown(&differences, Kind::Live), said);
    }
}

#[test]
fn what_may_not_be_asked_for_is_neither_missing_nor_the_same() {
    let mut outside = object("ConfigMap other/c", ObjectChange::NotAsked, Vec::new());
    outside.note = "it needs rights in namespace other".to_owned();
    let differences = Differences {
        summary: DifferenceSummary { members: 2, not_asked: 1, ..DifferenceSummary::default() },
        groups: vec![group(&["beijing"], "", OLD, "", vec![outside])],
        ..Differences::default()
    };
    let said = "app/shop: 2 members: nothing differs, 1 object not asked for\n\nbeijing  app/shop policy small  should have main@3f2c1a\n  ? \
                ConfigMap other/c  (not asked for; it needs rights in namespace other)\n";
    assert_eq!((shown(&differences, Kind::Live).as_str(), code(&differences)), (said, 2));
}

#[test]
fn a_commit_that_cannot_be_rendered_is_not_one_that_changes_nothing() {
    let note = "app/shop policy small waits for: overlays/small/kustomization.yaml is no YAML";
    let differences = Differences {
        summary: DifferenceSummary { members: 3, ..DifferenceSummary::default() },
        notes: vec![note.to_owned()],
        ..Differences::default()
    };
    assert_eq!(code(&differences), 2);
    let said = |kind| shown(&differences, kind);
    assert_eq!(said(Kind::Preview), format!("app/shop: 3 members: it is not known what would change\n! {note}\n"));
    assert!(said(Kind::Live).starts_with("app/shop: 3 members: it is not known whether something differs\n"));
}

#[test]
fn a_likely_mistake_is_said_and_leaves_what_is_known() {
    let warning = "app/shop policy small: patch 1 selects no object";
    let mut differences = Differences {
        summary: DifferenceSummary { members: 3, ..DifferenceSummary::default() },
        warnings: vec![warning.to_owned()],
        ..Differences::default()
    };
    assert_eq!(code(&differences), 0);
    let said = shown(&differences, Kind::Preview);
    assert_eq!(said, format!("app/shop: 3 members: nothing would change\n! {warning}\n"));
    differences.summary.unknown = 1;
    assert_eq!(code(&differences), 2);
}

#[test]
fn what_is_there_already_is_adopted_or_left_as_it_is() {
    let mut adopted = object(
        "ConfigMap shop/settings",
        ObjectChange::Adopt,
        vec![field("data.a", Some("\"old\""), Some("\"new\""), Some("kubectl"))],
    );
    adopted.note = "it is there already: it is taken over, and given back later instead of deleted".to_owned();
    let mut refused = object("Deployment.apps shop/web", ObjectChange::LeaveAlone, Vec::new());
    refused.note = "ForeignHub: hub h2 delivers it".to_owned();
    let differences = Differences {
        summary: DifferenceSummary {
            members: 2,
            differing: 2,
            adopted: 2,
            left_alone: 2,
            ..DifferenceSummary::default()
        },
        groups: vec![group(&["beijing", "shanghai"], OLD, NEW, "", vec![refused, adopted])],
        ..Differences::default()
    };
    insta::assert_snapshot!("adopted", shown(&differences, Kind::Preview));
    assert_eq!(code(&differences), 1);
}

#[test]
fn what_cannot_change_is_deleted_and_made_again_or_left_as_it_is() {
    let selector = || vec![field("spec.selector.matchLabels.app", Some("\"web\""), Some("\"web2\""), None)];
    let mut replaced = object("Deployment.apps shop/web", ObjectChange::Replace, selector());
    replaced.note = "spec.selector cannot change, and `force` asks for it".to_owned();
    let mut refused = object("Job.batch shop/once", ObjectChange::LeaveAlone, Vec::new());
    refused.note = "refused: spec.template cannot change; it is not applied".to_owned();
    let differences = Differences {
        summary: DifferenceSummary {
            members: 1,
            differing: 1,
            replaced: 1,
            left_alone: 1,
            ..DifferenceSummary::default()
        },
        groups: vec![group(&["beijing"], OLD, NEW, "", vec![replaced, refused])],
        ..Differences::default()
    };
    insta::assert_snapshot!("replaced", shown(&differences, Kind::Preview));
    assert_eq!(code(&differences), 1);
}

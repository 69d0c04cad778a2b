//! Facts against lines. The golden is what a person reads.

use api::kurator::apps::v1alpha1::ApplicationStatus;
use api::kurator::cluster::v1alpha1::AttachedClusterStatus;
use model::Digest;
use serde_json::json;

use super::*;
use crate::journal::turn::{SAID_ELSEWHERE, delivery, detached, member, source};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
}

fn unit(name: &str) -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", "default", name, Some("p"))
}

fn named(name: &str) -> MemberName {
    name.parse().unwrap()
}

fn condition(type_: &str, status: &str, reason: &str, message: &str, since: i64) -> api::condition::Condition {
    api::condition::Condition {
        type_: type_.into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
        observed_generation: None,
        last_transition_time: model::clock::format_seconds(at(since)),
    }
}

fn attached(status: &str, reason: &str, message: &str, since: i64) -> AttachedClusterStatus {
    let conditions = vec![condition("Ready", status, reason, message, since)];
    AttachedClusterStatus { conditions, ..AttachedClusterStatus::default() }
}

fn ready(since: i64) -> AttachedClusterStatus {
    attached("True", "ClusterReady", "the member answers", since)
}

fn lost(since: i64) -> AttachedClusterStatus {
    attached("Unknown", "ClusterNotReachable", "last seen 2027-01-15T08:00:00Z: connection refused", since)
}

fn turned(name: &str, before: Option<&AttachedClusterStatus>, after: &AttachedClusterStatus) -> Fact {
    Fact::Turned(member(name, before, after).unwrap())
}

fn no_progress(_: &UnitId, _: &str) -> Progress {
    Progress::new("")
}

fn words(lines: Vec<Line>) -> Vec<String> {
    let word =
        |line: Line| format!("{} {}", if line.severity == Severity::Warning { "WARN" } else { "INFO" }, line.text);
    lines.into_iter().map(word).collect()
}

/// Looks whenever something is due, between two times; says when each line came.
fn play(journal: &mut Journal, from: i64, until: i64, progress: &dyn Fn(&UnitId, &str) -> Progress) -> Vec<String> {
    let mut out = Vec::new();
    let mut looks = 0;
    while let Some(due) = journal.due().filter(|due| *due <= at(until)) {
        let due = due.max(at(from));
        let secs = due.as_millisecond() - at(0).as_millisecond();
        out.extend(
            words(journal.lines(due, progress)).into_iter().map(|line| format!("{:>5.1} {line}", secs as f64 / 1000.0)),
        );
        looks += 1;
        assert!(looks < 1_000, "it is due again and again: {journal:?}");
    }
    out
}

fn status(value: serde_json::Value) -> UnitStatus {
    let mut whole =
        json!({"revision": "r", "epoch": 1, "phase": "Applied", "health": "Healthy", "since": "2026-01-01T00:00:00Z"});
    whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

/// A revision in so many members, of which some failed and some wait.
fn progress(placed: usize, failed: &[&str], waiting: &[&str]) -> Progress {
    let mut progress = Progress::new("main@sha1:9f2c");
    let objects = json!({"desired": 12, "applied": 12, "healthy": 12, "failed": 0, "inventory": 12});
    for n in 0..placed - failed.len() - waiting.len() {
        progress.add(&named(&format!("m{n:03}")), "r", Some(&status(json!({"objects": objects}))));
    }
    for name in failed {
        let said = json!({"phase": "Failed", "message": "Service shop/web: spec.ports: Required value"});
        progress.add(&named(name), "r", Some(&status(said)));
    }
    for name in waiting {
        progress.add(&named(name), "r", Some(&status(json!({"revision": "older"}))));
    }
    progress
}

#[test]
fn what_a_person_reads() {
    let mut out = Vec::new();
    let mut scene = |title: &str, facts: Vec<(i64, Fact)>, so_far: &dyn Fn(&UnitId, &str) -> Progress| {
        let mut journal = Journal::default();
        out.push(format!("# {title}"));
        let mut last = 0;
        for (when, fact) in facts {
            out.extend(play(&mut journal, last, when, so_far));
            journal.note_fact(fact, at(when));
            last = when;
        }
        out.extend(play(&mut journal, last, 600_000, so_far));
    };
    let probing = attached("Unknown", "Probing", "waiting for the first answer", 0);
    scene(
        "a member comes, is lost and is back",
        vec![
            (0, turned("beijing", Some(&probing), &ready(0))),
            (20_000, turned("beijing", Some(&ready(0)), &lost(20_000))),
            (145_000, turned("beijing", Some(&lost(20_000)), &ready(145_000))),
            (200_000, Fact::Turned(detached("beijing", turn::Detached::Kept))),
        ],
        &no_progress,
    );
    scene(
        "a credential ends",
        vec![(
            0,
            turned(
                "oslo",
                Some(&ready(0)),
                &attached("Unknown", "CredentialExpired", "the token has expired since 08:00; run `kurator attach`", 0),
            ),
        )],
        &no_progress,
    );
    scene(
        "credentials are renewed",
        vec![
            (0, Fact::Turned(turn::renewed("oslo"))),
            (10, Fact::Turned(turn::not_renewed("kiel", "serviceaccounts \"kurator\" not found"))),
        ],
        &no_progress,
    );
    let many = (0..312).map(|n| (0, turned(&format!("m{n:03}"), Some(&ready(0)), &lost(0)))).collect();
    scene("a network is cut", many, &no_progress);
    let flaps = (0..60).map(|n| {
        let (before, after) = if n % 2 == 0 { (ready(0), lost(0)) } else { (lost(0), ready(0)) };
        (n * 2_000, turned("kiel", Some(&before), &after))
    });
    scene("a member that comes and goes", flaps.collect(), &no_progress);
    let made = |name: &str| Fact::Revision { unit: unit(name), revision: "r".into() };
    let done = |name: &str, millis| Fact::Delivered {
        unit: unit(name),
        revision: "r".into(),
        took: Some(Duration::from_millis(millis)),
    };
    scene(
        "a commit in three members",
        vec![(0, made("web")), (50, done("web", 40)), (60, done("web", 60)), (200, done("web", 190))],
        &|_, _| progress(3, &[], &[]),
    );
    let waiting = vec!["m998", "m999"];
    scene(
        "a commit in a thousand members, of which two are away",
        std::iter::once((0, made("web"))).chain((0..998).map(|n| (2 * n, done("web", 1_900)))).collect(),
        &|_, _| progress(1_000, &[], &waiting),
    );
    let looks = std::cell::Cell::new(0);
    scene(
        "the two come back later",
        vec![(0, made("web")), (100, done("web", 90)), (90_000, done("web", 90_000)), (90_500, done("web", 90_500))],
        &|_, _| {
            looks.set(looks.get() + 1);
            progress(3, &[], if looks.get() > 10 { &[] } else { &["oslo"] })
        },
    );
    scene(
        "objects that a member refuses, again and again",
        (0..20).map(|n| (n * 30_000, done("web", 0))).collect(),
        &|_, _| progress(3, &["beijing"], &[]),
    );
    scene("a delivery that nobody answers", vec![(0, made("web"))], &|_, _| progress(2, &[], &["oslo", "kiel"]));
    let reverted = |member: &str, count| Fact::Reverted {
        unit: unit("web"),
        member: named(member),
        count,
        what: "Deployment.apps shop/web was changed there by kubectl (spec.replicas)".into(),
    };
    scene(
        "somebody edits in members",
        std::iter::once((0, reverted("beijing", 1)))
            .chain((0..100).map(|n| (5_000 + n * 300, reverted(["oslo", "kiel"][n as usize % 2], 1))))
            .collect(),
        &no_progress,
    );
    let gone = |member: &str, objects, how| Fact::Gone { unit: unit("web"), member: named(member), objects, how };
    scene(
        "objects go",
        vec![
            (0, gone("beijing", 12, How::Deleted)),
            (10, gone("oslo", 12, How::Deleted)),
            (20, gone("kiel", 1, How::Left)),
            (30, gone("oslo", 0, How::Released)),
            (2_000, gone("lima", 0, How::Left)),
        ],
        &no_progress,
    );
    let app = |source: (&str, &str, &str), held: &str, since| ApplicationStatus {
        conditions: [
            Some(condition("SourceReady", source.0, source.1, source.2, since)),
            (!held.is_empty()).then(|| condition("DeletionsHeld", "True", "SourceRemovesObjects", held, since)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ..ApplicationStatus::default()
    };
    let (fine, broken) =
        (("True", "Succeeded", "main@sha1:9f2c"), ("False", "FetchFailed", "git.example.com: no such host"));
    let turns = |before: &ApplicationStatus, after: &ApplicationStatus, when: i64| -> Vec<(i64, Fact)> {
        let of_source = source("default", "web", Some(before), after);
        let all = of_source.into_iter().chain(delivery("default", "web", Some(before), after));
        all.map(|turn| (when, Fact::Turned(turn))).collect()
    };
    let steps = [
        app(fine, "", 0),
        app(broken, "", 10_000),
        app(fine, "", 310_000),
        app(fine, "12 of 20 objects would go; approve with `kurator approve app/web`", 320_000),
        app(fine, "", 400_000),
    ];
    scene(
        "a source fails, and removes too much",
        steps
            .windows(2)
            .zip([10_000, 310_000, 320_000, 400_000])
            .flat_map(|(pair, when)| turns(&pair[0], &pair[1], when))
            .collect(),
        &no_progress,
    );
    scene(
        "an Application cannot be rendered",
        turns(
            &app(fine, "", 0),
            &ApplicationStatus {
                conditions: vec![condition("Ready", "False", "BuildFailed", "policy p: web.yaml: no kind", 0)],
                ..ApplicationStatus::default()
            },
            0,
        ),
        &no_progress,
    );
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn nothing_is_said_of_what_did_not_turn() {
    let probing = attached("Unknown", "Probing", "", 0);
    for (before, after) in [
        (Some(ready(0)), ready(0)),
        (Some(lost(0)), attached("Unknown", "ClusterNotReachable", "another message", 0)),
        (Some(lost(0)), attached("Unknown", "ApplierNotAnswered", "no answer", 0)),
        (Some(attached("Unknown", "ApplierNotAnswered", "no answer", 0)), lost(0)),
        (None, probing.clone()),
        (Some(ready(0)), probing),
        (Some(ready(0)), attached("False", "Deleting", "", 0)),
    ] {
        assert_eq!(member("a", before.as_ref(), &after), None, "{before:?} {after:?}");
    }
    for reason in SAID_ELSEWHERE {
        let after = ApplicationStatus {
            conditions: vec![condition("Ready", "False", reason, "", 0)],
            ..ApplicationStatus::default()
        };
        assert_eq!(delivery("n", "a", None, &after), [], "{reason}");
    }
}

#[test]
fn a_report_is_one_fact_and_the_same_report_none() {
    let digest = |text: &str| json!(Digest::of(text.as_bytes()));
    let name = named("a");
    let gone = |objects, how| vec![Fact::Gone { unit: unit("web"), member: name.clone(), objects, how }];
    let delivered = vec![Fact::Delivered { unit: unit("web"), revision: "r".into(), took: None }];
    for (before, after, removal, expect) in [
        (json!({}), json!({}), Removal::None, vec![]),
        (json!({"applied": digest("a")}), json!({"applied": digest("b")}), Removal::None, delivered.clone()),
        (json!({}), json!({"phase": "Failed"}), Removal::None, delivered.clone()),
        (json!({"phase": "Failed"}), json!({"phase": "Failed"}), Removal::None, vec![]),
        (json!({}), json!({"deleted": 4}), Removal::None, gone(4, How::Deleted)),
        (json!({"deleted": 3}), json!({"deleted": 4}), Removal::None, gone(1, How::Deleted)),
        (json!({"deleted": 4}), json!({"deleted": 4}), Removal::None, vec![]),
        (json!({"deleted": 4, "epoch": 1}), json!({"deleted": 3, "epoch": 2}), Removal::None, gone(3, How::Deleted)),
        (json!({"deleted": 4, "epoch": 1}), json!({"epoch": 2}), Removal::None, vec![]),
        // What was deleted is told at the end, once: whatever the inventory had in the last report before that.
        (json!({"deleted": 4}), json!({"phase": "Removing", "deleted": 3}), Removal::Prune, vec![]),
        (
            json!({"phase": "Removing", "deleted": 6}),
            json!({"phase": "Removed", "deleted": 8}),
            Removal::Prune,
            gone(8, How::Left),
        ),
        // It was handed over, or asks to stay.
        (json!({"phase": "Removing"}), json!({"phase": "Removed"}), Removal::Prune, gone(0, How::Left)),
        (json!({"phase": "Removing"}), json!({"phase": "Removed"}), Removal::Release, gone(0, How::Released)),
        (json!({"phase": "Removed"}), json!({"phase": "Removed"}), Removal::Prune, vec![]),
        (
            json!({"reverts": 1}),
            json!({"reverts": 3}),
            Removal::None,
            vec![Fact::Reverted { unit: unit("web"), member: name.clone(), count: 2, what: String::new() }],
        ),
    ] {
        let (was, is) = (status(before.clone()), status(after.clone()));
        assert_eq!(unit_facts(&unit("web"), &name, Some(&was), &is, removal, None), expect, "{before} {after}");
    }
}

#[test]
fn what_is_remembered_and_said_is_bounded_and_rest_costs_nothing() {
    let mut journal = Journal::default();
    assert_eq!(journal.due(), None);
    for n in 0..KNOWN_MAX * 2 {
        let name = format!("m{n}");
        journal.note_fact(turned(&name, Some(&ready(0)), &attached("False", "R", &format!("{n}"), 0)), at(0));
        journal.note_fact(Fact::Revision { unit: unit(&name), revision: "r".into() }, at(0));
        let (unit, member) = (unit(&name), named("a"));
        journal.note_fact(Fact::Gone { unit: unit.clone(), member: member.clone(), objects: 1, how: How::Left }, at(0));
        journal.note_fact(Fact::Reverted { unit, member, count: 1, what: String::new() }, at(0));
    }
    let kept = [journal.turns.len(), journal.rounds.len(), journal.gone.len(), journal.reverts.len()];
    assert_eq!(kept, [KNOWN_MAX; 4]);
    let lines = words(journal.lines(at(1_000), &|_, _| progress(3, &[], &[])));
    assert_eq!(lines.len(), LINES_MAX + 1);
    assert!(lines[0].starts_with("WARN 4096 members are not ready (R): m0, m1, m10"), "{}", lines[0]);
    assert!(lines[LINES_MAX].contains("more lines are left out"), "{}", lines[LINES_MAX]);
    assert_eq!(journal.due(), None, "at rest nobody looks");
    assert!(journal.allowances.len() <= KNOWN_MAX && journal.rounds.is_empty());
    // A clock that was set back keeps nothing from being said.
    for n in 0..10 {
        journal.note_fact(turned("a", Some(&ready(0)), &attached("False", &format!("R{n}"), "m", 0)), at(-1_000_000));
    }
    assert!(journal.due().is_some_and(|due| due < at(0)));
    assert_eq!(journal.lines(at(-999_000), &no_progress).len(), 1);
}

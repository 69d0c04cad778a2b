use std::collections::BTreeSet;

use api::condition::Condition;
use api::delivery::{
    Health, LinkState, MemberLink, MemberStatus, MemberStatusSpec, MemberStatusStatus, UnitId, UnitPhase, UnitStatus,
};
use api::karmada::cluster::v1alpha1::{Cluster, ClusterSpec, ClusterStatus};
use api::kurator::apps::v1alpha1::{Application, ApplicationSpec, ApplicationStatus};
use api::reason;
use model::Timestamp;

use super::diagnose::{Facts, Process, Refused, Store, diagnose};
use super::fault::{FAULTS, Place, Severity};
use super::observe::{date_of, panics};
use super::*;

mod unit;

use unit::{decided_in, with};

fn now() -> Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

fn process() -> Process {
    Process {
        server: "https://hub:6443".into(),
        version: Ok(format!("v1.37.0+kurator-{}", env!("CARGO_PKG_VERSION"))),
        unready: None,
        ahead_secs: Some(1),
        panics: Some(0),
        refused: Some(Refused::default()),
    }
}

fn condition(type_: &str, status: &str, reason: &str, message: &str, since: &str) -> Condition {
    Condition {
        type_: type_.into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
        observed_generation: None,
        last_transition_time: since.into(),
    }
}

fn member(name: &str, ready: Condition) -> Cluster {
    let mut member = Cluster::new(name, ClusterSpec::default());
    member.status = Some(ClusterStatus { conditions: vec![ready], ..ClusterStatus::default() });
    member
}

fn application(name: &str, conditions: Vec<Condition>) -> Application {
    application_in("default", name, conditions)
}

fn application_in(namespace: &str, name: &str, conditions: Vec<Condition>) -> Application {
    let mut app = Application::new(name, ApplicationSpec::default());
    app.metadata.namespace = Some(namespace.into());
    app.status = Some(ApplicationStatus { conditions, ..ApplicationStatus::default() });
    app
}

fn reported(member: &str, phase: UnitPhase, reason: &str, message: &str, since: &str) -> MemberStatus {
    let unit = UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("base"));
    let status = UnitStatus {
        revision: "r-1".into(),
        epoch: 1,
        phase,
        health: Health::Progressing,
        since: since.parse().unwrap(),
        reason: reason.into(),
        message: message.into(),
        ..serde_json::from_value(serde_json::json!({
            "revision": "", "epoch": 0, "phase": "Pending", "health": "Unknown", "since": since,
        }))
        .unwrap()
    };
    let spec = MemberStatusSpec { member: member.parse().unwrap(), slice: 0 };
    let mut out = MemberStatus::new(&format!("{member}-0"), spec);
    out.status =
        Some(MemberStatusStatus { units: [(unit, status)].into_iter().collect(), ..MemberStatusStatus::default() });
    out
}

#[test]
fn every_reason_of_a_condition_is_in_the_table_or_says_that_all_is_well() {
    let well = [
        reason::RECONCILIATION_SUCCEEDED,
        reason::SUCCEEDED,
        reason::IDENTITY_KNOWN,
        reason::ALL_MEMBERS_READY,
        reason::CLUSTER_READY,
        reason::TAKEN_OVER,
        // Of the condition DeletionsHeld; Ready then has the reason of that name.
        reason::SOURCE_REMOVES_OBJECTS,
        reason::EDIT_REMOVES_MEMBERS,
    ];
    for reason in reason::ALL {
        let known = FAULTS.iter().any(|fault| fault.reason == *reason);
        assert_ne!(known, well.contains(reason), "{reason} must be in exactly one of the two lists");
    }
}

/// The reasons that the first column of a section's table names.
fn documented(section: &str) -> BTreeSet<&'static str> {
    const DOCUMENT: &str = include_str!("../../../../docs/errors.md");
    let (_, rest) = DOCUMENT.split_once(&format!("\n### {section}")).expect("the section");
    let text = rest.split("\n### ").next().unwrap_or_default();
    let cells = text.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_document_and_the_table_have_the_same_reasons() {
    use Place::{Application, Fleet, Member, Process, Source, Store, Unit};
    // Reasons that the document explains though nothing is wrong there, or the same is said in another place.
    let sections: [(&str, &[Place], &[&str]); 4] = [
        ("Delivery", &[Unit], &["ChangedByAdmission", "NotAsked"]),
        (
            "Application",
            &[Application, Source],
            &[
                reason::RECONCILIATION_SUCCEEDED,
                reason::SUCCEEDED,
                reason::SOURCE_REMOVES_OBJECTS,
                reason::EDIT_REMOVES_MEMBERS,
            ],
        ),
        (
            "Fleet and members",
            &[Member, Fleet],
            &[reason::ALL_MEMBERS_READY, reason::CLUSTER_READY, reason::IDENTITY_KNOWN, reason::TAKEN_OVER],
        ),
        ("The hub itself", &[Process, Store], &[]),
    ];
    for (section, places, without_row) in sections {
        let rows = FAULTS.iter().filter(|fault| places.contains(&fault.place)).map(|fault| fault.reason);
        let rows: BTreeSet<&str> = rows.chain(without_row.iter().copied()).collect();
        let documented = documented(section);
        let missing: Vec<_> = rows.difference(&documented).collect();
        assert!(missing.is_empty(), "docs/errors.md, {section}, does not explain {missing:?}");
        let unknown: Vec<_> = documented.difference(&rows).collect();
        assert!(unknown.is_empty(), "doctor has no row for {unknown:?} of docs/errors.md, {section}");
    }
}

#[test]
fn no_fault_is_twice_in_the_table() {
    let mut seen = BTreeSet::new();
    assert!(FAULTS.iter().all(|fault| seen.insert((fault.place, fault.reason))));
}

#[test]
fn a_fleet_with_faults_is_told_what_to_do_worst_first() {
    let old = "2026-01-01T00:00:00Z";
    let lost = |name: &str| {
        member(
            name,
            condition("Ready", "Unknown", reason::CLUSTER_NOT_REACHABLE, "last seen …: Connection refused", old),
        )
    };
    let members = vec![
        lost("a"),
        lost("b"),
        lost("c"),
        lost("d"),
        member("e", condition("Ready", "True", reason::CLUSTER_READY, "the member answers", old)),
        member("f", condition("Ready", "False", "SomethingNew", "words that came with it", old)),
    ];
    let ready = condition("Ready", "False", reason::PROGRESSING, "1 of 2 ready", old);
    let source = condition("SourceReady", "True", reason::SUCCEEDED, "main@sha1:1", old);
    let facts = Facts {
        members,
        applications: vec![application("shop", vec![ready, source])],
        statuses: vec![reported(
            "e",
            UnitPhase::Failed,
            "Immutable",
            "Service shop/web: spec.clusterIP: field is immutable",
            old,
        )],
        ..Facts::of_process(
            Process { ahead_secs: Some(-90), ..process() },
            Some(Ok(Store {
                path: "/d/hub".into(),
                used_bytes: 3 << 20,
                free_bytes: 1 << 30,
                is_readable_by_others: false,
            })),
        )
    };
    let findings = diagnose(&facts, now());
    insta::assert_snapshot!(output::text(&lines(&findings, SHOWN_MAX, false, usize::MAX)), @r"
    fault  store /d/hub: DiskAlmostFull
         1024 MiB are free for /d/hub
      →  free space on that disk; the hub refuses writes when it is full
    fault  member a, b, c, d: ClusterNotReachable
         last seen …: Connection refused
      →  see that its API server runs, and listens at the address and port of its
         kubeconfig
    fault  member f: SomethingNew
         words that came with it
      →  see `kurator status member/f`
    fault  unit default/shop/base in e: Immutable
         Service shop/web: spec.clusterIP: field is immutable
      →  set `force: true` in the policy, or delete the object by hand
    warning  process https://hub:6443: ClockSkew
         the hub's clock is 90 s behind this machine's
      →  set both clocks by NTP; certificates and times in conditions depend on it
    warning  application default/shop: Progressing
         1 of 2 ready
      →  wait; if it stays so, see `kurator tree app/shop -n default`
    ok  member  the member answers
    ok  source  main@sha1:1
    7 faults, 2 warnings
    ");
    assert_eq!(value(&findings)["summary"], serde_json::json!({"faults": 7, "warnings": 2, "passed": 2}));
}

#[test]
fn a_fleet_without_faults_has_none() {
    let since = "2026-01-01T00:59:50Z";
    let facts = Facts {
        members: vec![member("a", condition("Ready", "True", reason::CLUSTER_READY, "the member answers", since))],
        // Under way, and not for long.
        applications: vec![application(
            "shop",
            vec![condition("Ready", "False", reason::PROGRESSING, "0 of 1", since)],
        )],
        statuses: vec![reported("a", UnitPhase::Applying, "ObjectsPending", "", since)],
        ..Facts::of_process(process(), None)
    };
    let findings = diagnose(&facts, now());
    assert!(findings.iter().all(|finding| finding.severity == Severity::Fine), "{findings:?}");
}

#[test]
fn a_member_whose_applier_is_kept_out_is_the_finding_and_its_units_are_not_called_fine() {
    let since = "2026-01-01T00:00:00Z";
    let ready = |status, reason| vec![member("a", condition("Ready", status, reason, "words", since))];
    for (members, state, expect) in [
        (ready("True", reason::CLUSTER_READY), LinkState::Connected, vec![(Place::Member, ""), (Place::Unit, "")]),
        (ready("True", reason::CLUSTER_READY), LinkState::Unreachable, vec![(Place::Member, "ApplierNotAnswered")]),
        (ready("True", reason::CLUSTER_READY), LinkState::Blocked, vec![(Place::Member, "ApplierRefused")]),
        (ready("Unknown", "ClusterNotReachable"), LinkState::Unreachable, vec![(Place::Member, "ClusterNotReachable")]),
    ] {
        let mut slice = reported("a", UnitPhase::Applied, "", "", since);
        let link = MemberLink { state, message: "secrets is forbidden".into(), since: since.parse().unwrap() };
        slice.status.as_mut().unwrap().link = Some(link);
        let facts = Facts { members, statuses: vec![slice], ..Facts::of_process(process(), None) };
        let findings = diagnose(&facts, now());
        let seen: Vec<_> = findings.iter().map(|f| (f.place, f.reason.as_str())).collect();
        assert_eq!(seen[1..], expect, "{state:?}");
    }
}

#[test]
fn a_hub_that_does_not_answer_is_the_only_finding_about_it() {
    let silent = Process {
        unready: Some("x".into()),
        ..Process::silent("https://hub:6443".into(), fault::UNANSWERED, "Connection refused".into())
    };
    let findings = diagnose(&Facts::of_process(silent, None), now());
    let seen: Vec<_> = findings.iter().map(|f| (f.place, f.reason.as_str(), f.severity)).collect();
    assert_eq!(seen, [(Place::Process, "HubDoesNotAnswer", Severity::Fault)]);
}

#[test]
fn a_remedy_names_the_namespace_and_leaves_open_in_what_objects_differ() {
    let held = || vec![condition("Ready", "False", reason::DELETIONS_HELD, "3 of 3", "2026-01-01T00:00:00Z")];
    let check = |applications: &[(&str, &str)], head: &str, command: &str| {
        let applications = applications.iter().map(|(namespace, name)| application_in(namespace, name, held()));
        let facts = Facts { applications: applications.collect(), ..Facts::of_process(process(), None) };
        let lines = lines(&diagnose(&facts, now()), SHOWN_MAX, false, usize::MAX);
        assert_eq!(lines[0], Line::from(format!("fault  application {head}: DeletionsHeld")));
        assert!(output::text(&lines[2..3]).ends_with(&format!("`kurator approve {command}`\n")), "{lines:#?}");
    };
    check(&[("default", "shop")], "default/shop", "app/shop -n default");
    check(&[("east", "shop")], "east/shop", "app/shop -n east");
    check(&[("east", "shop"), ("west", "shop")], "east/shop, west/shop", "app/shop -n NAMESPACE");
    check(&[("east", "shop"), ("east", "till")], "east/shop, east/till", "app/NAME -n east");
    check(&[("default", "shop"), ("default", "till")], "default/shop, default/till", "app/NAME -n default");
}

#[test]
fn each_object_of_a_group_has_a_remedy_of_its_own_in_the_structured_output() {
    let held = || vec![condition("Ready", "False", reason::DELETIONS_HELD, "", "2026-01-01T00:00:00Z")];
    let applications = vec![application_in("default", "shop", held()), application_in("west", "shop", held())];
    let value = value(&diagnose(&Facts { applications, ..Facts::of_process(process(), None) }, now()));
    let seen: Vec<_> =
        value["findings"].as_array().unwrap().iter().filter(|f| f["reason"] == "DeletionsHeld").collect();
    assert_eq!([&seen[0]["object"], &seen[1]["object"]], ["default/shop", "west/shop"]);
    assert!(seen[1]["remedy"].as_str().unwrap().ends_with("`kurator approve app/shop -n west`"), "{seen:?}");
}

#[test]
fn what_is_tried_again_in_a_member_is_a_warning() {
    let old = "2026-01-01T00:00:00Z";
    for (reason, severity) in [
        ("Unreachable", Severity::Warning),
        ("Timeout", Severity::Warning),
        ("ServerError", Severity::Warning),
        ("Unavailable", Severity::Warning),
        ("Invalid", Severity::Fault),
    ] {
        let facts = Facts {
            members: vec![member("e", condition("Ready", "True", reason::CLUSTER_READY, "", old))],
            statuses: vec![reported("e", UnitPhase::Failed, reason, "", old)],
            ..Facts::of_process(process(), None)
        };
        let findings = diagnose(&facts, now());
        let unit = findings.iter().find(|finding| finding.place == Place::Unit).unwrap();
        assert_eq!(unit.severity, severity, "{reason}");
    }
}

/// A status and a body for a path, or no answer ever.
type Answers = fn(&str) -> Option<(u16, String)>;

/// A hub that answers so.
fn hub(answers: Answers) -> kube::Client {
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| async move {
        let Some((code, body)) = answers(request.uri().path()) else {
            return std::future::pending().await;
        };
        let body = kube::client::Body::from(body.into_bytes());
        Ok::<_, std::convert::Infallible>(http::Response::builder().status(code).body(body).unwrap())
    });
    kube::Client::new(service, "default")
}

fn refusal(code: u16, reason: &str, message: &str) -> (u16, String) {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
    });
    (code, status.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_sick_hub_is_a_finding_and_hides_no_other() {
    let sick = hub(|path| match path {
        "/version" => Some((200, format!(r#"{{"gitVersion":"v1.37.0+kurator-{}"}}"#, env!("CARGO_PKG_VERSION")))),
        "/readyz" => Some((500, "[-]store failed".to_owned())),
        "/metrics" => Some((200, "apiserver_request_panic_total 2\n".to_owned())),
        "/apis/cluster.karmada.io/v1alpha1/clusters" => Some(refusal(403, "Forbidden", "may not list clusters")),
        "/apis/fleet.kurator.dev/v1alpha1/fleets" => Some((503, "no backend".to_owned())),
        "/apis/apps.kurator.dev/v1alpha1/applications" => None,
        _ => Some((200, r#"{"metadata":{},"items":[]}"#.to_owned())),
    });
    let facts = observe::facts(&sick, "https://hub:6443".to_owned(), None, "default").await;
    insta::assert_snapshot!(output::text(&lines(&diagnose(&facts, now()), SHOWN_MAX, false, usize::MAX)), @r"
    fault  process members: Forbidden
         cannot list members: 403: may not list clusters
      →  use a credential that may list them: nothing is known of what is missing here
    fault  process https://hub:6443: HubNotReady
         /readyz answers 500 Internal Server Error: [-]store failed
      →  look at the hub's own output; restart it if the check stays so
    fault  process https://hub:6443: Panicked
         2 panics since the start; each cost one request or one reconcile
      →  this is a bug: report it with the hub's output
    fault  process applications: Timeout
         cannot list applications: no answer within 5 s
      →  look at the hub's own output: what is missing here was not looked at
    fault  process fleets: Unreadable
         cannot list fleets: 503: no backend
      →  look at the hub's own output: what is missing here was not looked at
    5 faults, 0 warnings
    ");
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_takes_no_writes_is_told_from_one_that_is_not_ready() {
    let full = hub(|path| match path {
        "/version" => Some((200, format!(r#"{{"gitVersion":"v1.37.0+kurator-{}"}}"#, env!("CARGO_PKG_VERSION")))),
        "/readyz" => {
            let why = "[-]store failed: the store takes no writes now: cannot write to /d/1.log: no space; make room";
            Some((500, format!("{why}\n[+]ping ok\nreadyz check failed")))
        }
        "/metrics" => Some((200, String::new())),
        _ => Some((200, r#"{"metadata":{},"items":[]}"#.to_owned())),
    });
    let facts = observe::facts(&full, "https://hub:6443".to_owned(), None, "default").await;
    let text = output::text(&lines(&diagnose(&facts, now()), SHOWN_MAX, false, usize::MAX));
    for expect in ["fault  process https://hub:6443: TakesNoWrites", "no space; make room", "→  do what it says"] {
        assert!(text.contains(expect), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_answers_instead_of_the_hub_is_told_apart() {
    let table: [(Answers, &str, &str); 5] = [
        (
            |_| Some(refusal(401, "Unauthorized", "no such token")),
            "Unauthorized",
            "/version answers 401 Unauthorized: no such token",
        ),
        (|_| Some(refusal(403, "Forbidden", "may not")), "Forbidden", "/version answers 403 Forbidden: may not"),
        (|_| Some((502, "bad gateway".to_owned())), "Unreadable", "/version answers 502 Bad Gateway: bad gateway"),
        (|_| None, "HubSilent", "/version does not answer within 5 s"),
        (
            |path| match path {
                "/version" => Some((200, r#"{"gitVersion":"v1.37.2"}"#.to_owned())),
                "/readyz" => Some((200, "ok".to_owned())),
                _ => Some(refusal(404, "NotFound", "the server could not find the requested resource")),
            },
            "NoHub",
            "https://hub:6443 answers, version v1.37.2, and does not know members",
        ),
    ];
    for (answers, reason, message) in table {
        let facts = observe::facts(&hub(answers), "https://hub:6443".to_owned(), None, "default").await;
        let findings = diagnose(&facts, now());
        let seen: Vec<_> = findings.iter().map(|f| (f.reason.as_str(), f.message.as_str())).collect();
        assert_eq!(seen, [(reason, message)]);
        assert!(fault::find_fault(Place::Process, reason).is_some(), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_has_lost_the_definition_of_one_of_its_kinds_is_told_from_what_is_no_hub() {
    let answers: Answers = |path| match path {
        "/version" => Some((200, r#"{"gitVersion":"v1.37.0+kurator-0.1.0"}"#.to_owned())),
        "/readyz" => Some((200, "ok".to_owned())),
        path if path.ends_with("/applications") || path.ends_with("/clusters") => {
            Some(refusal(404, "NotFound", "the server could not find the requested resource"))
        }
        _ => Some((200, r#"{"apiVersion":"v1","kind":"List","metadata":{},"items":[]}"#.to_owned())),
    };
    let facts = observe::facts(&hub(answers), "https://hub:6443".to_owned(), None, "default").await;
    let findings = diagnose(&facts, now());
    let seen: Vec<_> =
        findings.iter().filter(|f| f.severity == Severity::Fault).map(|f| (&*f.object, &*f.reason)).collect();
    assert_eq!(seen, [("members", "DefinitionGone"), ("applications", "DefinitionGone")]);
    assert!(fault::find_fault(Place::Process, fault::DEFINITION_GONE).is_some());
}

#[tokio::test(start_paused = true)]
async fn objects_of_kinds_that_nothing_acts_on_are_counted() {
    let answers: Answers = |path| {
        let body = match path {
            "/version" => r#"{"gitVersion":"v1.37.0+kurator-0.1.0"}"#,
            "/readyz" => "ok",
            "/apis" => {
                r#"{"groups":[{"name":"backup.kurator.dev","preferredVersion":{"groupVersion":"backup.kurator.dev/v1alpha1"}},
                    {"name":"fleet.kurator.dev","preferredVersion":{"groupVersion":"fleet.kurator.dev/v1alpha1"}},
                    {"name":"apps","preferredVersion":{"groupVersion":"apps/v1"}}]}"#
            }
            "/apis/backup.kurator.dev/v1alpha1" => {
                r#"{"resources":[{"name":"backups","kind":"Backup"},{"name":"backups/status","kind":"Backup"},
                    {"name":"restores","kind":"Restore"}]}"#
            }
            "/apis/fleet.kurator.dev/v1alpha1" => r#"{"resources":[{"name":"fleets","kind":"Fleet"}]}"#,
            "/apis/backup.kurator.dev/v1alpha1/backups" => r#"{"metadata":{"remainingItemCount":2},"items":[{}]}"#,
            _ => r#"{"apiVersion":"v1","kind":"List","metadata":{},"items":[]}"#,
        };
        Some((200, body.to_owned()))
    };
    let facts = observe::facts(&hub(answers), "https://hub:6443".to_owned(), None, "default").await;
    let findings = diagnose(&facts, now());
    let seen: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Warning).collect();
    assert_eq!(seen.len(), 1, "{seen:?}");
    let expect = ("Backup.backup.kurator.dev", "StoredOnly", "3 objects are stored, and nothing acts on this kind yet");
    assert_eq!((&*seen[0].object, &*seen[0].reason, &*seen[0].message), expect);
}

#[test]
fn each_sentence_of_a_group_is_shown_with_its_objects() {
    let built = |name: &str, message: &str| {
        application(name, vec![condition("Ready", "False", reason::BUILD_FAILED, message, "2026-01-01T00:00:00Z")])
    };
    let applications = vec![
        built("a", "web.yaml: no kind"),
        built("b", "not there"),
        built("c", "web.yaml: no kind"),
        built("d", "loop"),
    ];
    let facts = Facts { applications, ..Facts::of_process(process(), None) };
    let findings = diagnose(&facts, now());
    let shown = |max| output::text(&lines(&findings, max, false, usize::MAX));
    insta::assert_snapshot!(shown(SHOWN_MAX), @r"
    fault  application default/a, default/b, default/c, default/d: BuildFailed
         default/a, default/c: web.yaml: no kind
         default/b: not there
         default/d: loop
      →  correct what is named, in the source (commit it) or in the Application
    ok  process  https://hub:6443 answers, version v1.37.0+kurator-0.1.0
    ok  source   4 are on their way
    4 faults, 0 warnings
    ");
    insta::assert_snapshot!(shown(2), @r"
    fault  application default/a, default/b and 2 more: BuildFailed
         default/a, default/c: web.yaml: no kind
         default/b: not there
         and 1 more
      →  correct what is named, in the source (commit it) or in the Application
    all objects of each fault: `kurator doctor -v`
    ok  process  https://hub:6443 answers, version v1.37.0+kurator-0.1.0
    ok  source   4 are on their way
    4 faults, 0 warnings
    ");
}

#[test]
fn one_object_of_which_nothing_is_said_is_named() {
    let since = "2026-01-01T00:00:00Z";
    let facts = Facts {
        members: vec![member("e", condition("Ready", "True", reason::CLUSTER_READY, "the member answers", since))],
        statuses: vec![with(Health::Healthy, reported("e", UnitPhase::Applied, "", "", since))],
        decisions: vec![decided_in("e", "base", None)],
        ..Facts::of_process(process(), None)
    };
    let lines = lines(&diagnose(&facts, now()), SHOWN_MAX, false, usize::MAX);
    assert!(lines.contains(&"ok  unit     default/shop/base in e is as it should be".into()), "{lines:#?}");
}

#[tokio::test]
async fn a_hub_that_has_never_come_up_is_a_finding_beside_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("hub")).unwrap();
    let line = ["kurator", "doctor", "--dir", dir.path().to_str().unwrap()];
    let args = <crate::args::Args as clap::Parser>::try_parse_from(line).unwrap();
    let facts = observe::observe(&args.common).await.unwrap();
    let findings = diagnose(&facts, now());
    assert_eq!(findings[0].reason, "HubDoesNotAnswer", "{findings:?}");
    assert!(findings[0].message.contains("cannot read the kubeconfig"), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.place == Place::Store), "{findings:?}");
}

#[test]
fn a_directory_that_may_not_be_read_is_said_and_is_no_hub_that_does_not_run() {
    let denied = std::io::Error::from_raw_os_error(rustix::io::Errno::ACCESS.raw_os_error());
    let error = anyhow::Error::new(denied).context("cannot read the kubeconfig /d/instance/kubeconfig");
    let silent = observe::unanswered(std::path::Path::new("/d"), &error);
    let findings = diagnose(&Facts::of_process(silent, None), now());
    assert_eq!(findings[0].reason, fault::UNREADABLE, "{findings:?}");
    assert!(findings[0].remedy.starts_with("ask as the user that the hub runs as"), "{findings:?}");
    // What cannot be counted is not called nothing.
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(observe::store(dir.path()).unwrap().unwrap().used_bytes, 0, "before the first start");
    std::fs::write(dir.path().join("store"), "").unwrap();
    assert!(observe::store(dir.path()).unwrap().unwrap_err().contains("/store: Not a directory"));
}

#[test]
fn dates_and_panics_are_read_as_servers_write_them() {
    assert_eq!(date_of("Thu, 26 Nov 2026 14:30:18 GMT"), "2026-11-26T14:30:18Z".parse().ok());
    assert_eq!(date_of("yesterday"), None);
    let text = "# TYPE apiserver_request_panic_total counter\napiserver_request_panic_total 2\n\
                kurator_reconcile_panics_total{controller=\"fleet\"} 1\napiserver_request_total{verb=\"get\"} 7\n";
    assert_eq!(panics(text), 3);
}

#[test]
fn statuses_that_are_refused_are_faults_or_warnings_and_never_nothing() {
    for (cut, nothing, expect) in [
        (0, 0, vec![]),
        (2, 0, vec![(fault::STATUS_CUT, Severity::Warning)]),
        (0, 1, vec![(reason::STATUS_REFUSED, Severity::Fault)]),
        (2, 1, vec![(reason::STATUS_REFUSED, Severity::Fault), (fault::STATUS_CUT, Severity::Warning)]),
    ] {
        let text = format!(
            "# TYPE kurator_refused_statuses gauge\nkurator_refused_statuses{{stored=\"cut\"}} {cut}\n\
             kurator_refused_statuses{{stored=\"nothing\"}} {nothing}\nkurator_status_refusals_total 7\n"
        );
        let process = Process { refused: Some(observe::refused(&text)), ..process() };
        let findings = diagnose(&Facts::of_process(process, None), now());
        let wrong: Vec<_> = findings.iter().filter(|f| f.severity != Severity::Fine).collect();
        assert_eq!(wrong.iter().map(|f| (f.reason.as_str(), f.severity)).collect::<Vec<_>>(), expect);
        let said = output::text(&lines(&findings, SHOWN_MAX, false, usize::MAX));
        assert_eq!(said.contains("no known fault"), expect.is_empty(), "{said}");
    }
}

#[test]
fn an_object_that_says_that_its_status_is_cut_is_a_warning() {
    let old = "2026-01-01T00:00:00Z";
    let said = |type_: &str, reason: &str| condition(type_, "True", reason, "cut", old);
    let mut cluster = member("e", condition("Ready", "True", reason::CLUSTER_READY, "", old));
    let cut = [said("FactsCut", reason::TOO_MANY_FACTS), said("StatusCut", reason::STATUS_REFUSED)];
    cluster.status.as_mut().unwrap().conditions.extend(cut);
    let app = vec![
        condition("Ready", "True", reason::RECONCILIATION_SUCCEEDED, "", old),
        said("StatusCut", reason::STATUS_REFUSED),
        said("SourceStatusCut", reason::STATUS_REFUSED),
    ];
    let facts = Facts {
        members: vec![cluster],
        applications: vec![application("shop", app)],
        ..Facts::of_process(process(), None)
    };
    let findings = diagnose(&facts, now());
    let wrong = findings.iter().filter(|finding| finding.severity != Severity::Fine);
    let wrong: Vec<_> = wrong.map(|f| (f.place, f.reason.as_str(), f.severity)).collect();
    assert_eq!(
        wrong,
        [
            (Place::Member, reason::TOO_MANY_FACTS, Severity::Warning),
            (Place::Member, reason::STATUS_REFUSED, Severity::Warning),
            (Place::Application, reason::STATUS_REFUSED, Severity::Warning),
            (Place::Source, reason::STATUS_REFUSED, Severity::Warning),
        ]
    );
}

#[test]
fn a_report_that_is_older_than_what_is_decided_is_said() {
    let old = "2026-01-01T00:00:00Z";
    let decided = |epoch: u64, secs_ago: i64, suspended: bool, removal: &str| -> api::delivery::Decision {
        let written = model::clock::format_seconds(now() - std::time::Duration::from_secs(secs_ago.unsigned_abs()));
        serde_json::from_value(serde_json::json!({
            "apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision",
            "metadata": {"name": "d-0", "namespace": "default", "managedFields": [
                {"manager": "m", "operation": "Apply", "time": old}, {"manager": "m", "operation": "Apply", "time": written}]},
            "spec": {"unit": "apps.kurator.dev/Application/default/shop/base", "slice": 0, "suspended": suspended, "members": {
                "e": {"revision": "r", "epoch": epoch, "reason": "", "removal": removal}}},
        }))
        .unwrap()
    };
    let stale = |decision, deliverable: &str, statuses: Vec<MemberStatus>| {
        let mut cluster = member("e", condition("Ready", "True", reason::CLUSTER_READY, "", old));
        cluster.status.as_mut().unwrap().conditions.push(condition("Deliverable", deliverable, "", "", old));
        let facts =
            Facts { members: vec![cluster], decisions: vec![decision], statuses, ..Facts::of_process(process(), None) };
        let findings = diagnose(&facts, now());
        let is_stale = |finding: &&Finding| [fault::REPORT_STALE, fault::NOT_SENT].contains(&finding.reason.as_str());
        findings.iter().find(is_stale).map(|finding| finding.message.clone())
    };
    let report = |epoch: u64| {
        let mut slice = reported("e", UnitPhase::Applied, "", "", old);
        slice.status.as_mut().unwrap().units.values_mut().for_each(|unit| unit.epoch = epoch);
        vec![slice]
    };
    let message = |before: &str| Some(format!("epoch 3 was decided at least 60 s ago, and {before} is reported"));
    assert_eq!(stale(decided(3, 60, false, "None"), "True", report(2)), message("epoch 2"));
    assert_eq!(stale(decided(3, 60, false, "None"), "True", vec![]), message("nothing"));
    assert_eq!(stale(decided(3, 60, false, "None"), "True", report(3)), None);
    assert_eq!(stale(decided(3, 5, false, "None"), "True", report(2)), None, "it is on its way");
    let mut unsent = report(2);
    unsent[0].status.as_mut().unwrap().units.values_mut().for_each(|unit| {
        let missing = api::delivery::WaitingOn::new(api::delivery::Missing::Source, "the server does not answer");
        unit.waiting_on = Some(Box::new(missing));
    });
    let why = "epoch 3 is decided and not sent; the hub waits for its source: the server does not answer";
    assert_eq!(stale(decided(3, 60, false, "None"), "True", unsent), Some(why.to_owned()));
    assert_eq!(stale(decided(3, 60, true, "None"), "True", report(2)), None, "it is suspended");
    assert_eq!(stale(decided(3, 60, false, "Prune"), "True", vec![]), None, "it is gone");
    assert_eq!(stale(decided(3, 60, false, "None"), "False", report(2)), None, "the member is the finding");
}

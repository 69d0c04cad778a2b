//! What people see of a fleet: golden texts of every state that matters.

use api::delivery::{Decision, MemberStatus, Revision, UnitId};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use model::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::overview::Entry;
use super::world::{DECISIONS, Decided, Lists, Scope, World};
use super::{application, drift, fleet, member, near, overview, watch};
use crate::output::{self, Line};

mod row;

const SHA: &str = "main@sha1:3f2c1a97df8477b5708f63235d978e6ede475f92";
const DIGEST: &str = "sha256:119f58614a4407a1ecee652d686cc84f61f3a4f83c1df5e42d3e440494f0c596";

fn now() -> Timestamp {
    "2026-11-23T11:10:00Z".parse().unwrap()
}

fn of<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-11-23T11:08:30Z"})
}

fn cluster(name: &str, ready: Value) -> Cluster {
    of(json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": name},
        "spec": {"syncMode": "Push", "apiEndpoint": format!("https://{name}.example:6443"), "region": "cn-north"},
        "status": {"kubernetesVersion": "v1.37.2", "conditions": [ready],
            "nodeSummary": {"totalNum": 3, "readyNum": 3},
            "resourceSummary": {"allocatable": {"cpu": "12", "memory": "24Gi", "pods": "330"},
                "allocated": {"cpu": "600m", "pods": "6"}}}}))
}

fn answers() -> Value {
    condition("Ready", "True", "ClusterReady", "the member answers")
}

fn lost() -> Value {
    let message = "last seen 2026-11-23T11:08:27Z: client error (Connect): tcp connect error: Connection refused";
    condition("Ready", "Unknown", "ClusterNotReachable", message)
}

fn unit(phase: &str, health: &str, message: &str) -> Value {
    json!({"revision": "abc-1", "epoch": 1, "phase": phase, "health": health, "message": message,
        "objects": {"desired": 4, "applied": 4, "healthy": 4, "failed": 0, "inventory": 4},
        "pods": {"desired": 6, "ready": 6}, "since": "2026-11-23T11:07:00Z"})
}

fn reported(member: &str, policy: &str, unit: Value) -> MemberStatus {
    let id = format!("apps.kurator.dev/Application/default/shop/{policy}");
    of(json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "MemberStatus",
        "metadata": {"name": format!("{member}-0")}, "spec": {"member": member, "slice": 0},
        "status": {"units": {id: unit}}}))
}

fn revision() -> Revision {
    of(json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Revision", "metadata": {"name": "abc-1"},
        "spec": {"unit": "apps.kurator.dev/Application/default/shop/large", "epoch": 1, "renderer": "1",
            "inputs": {"artifact": {"artifact": {"digest": DIGEST, "revision": SHA, "url": "https://git.example/shop.git"}}},
            "time": "2026-11-23T11:00:00Z"}}))
}

fn shop(conditions: &[Value], ready: u32, held: Value) -> Application {
    of(json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": "default"}, "spec": {},
        "status": {"conditions": conditions, "held": held,
            "summary": {"placed": 2, "ready": ready, "objects": 8, "held": 0},
            "sourceStatus": {"gitRepoStatus": {"artifact": {"lastUpdateTime": "2026-11-23T11:00:00Z", "path": "p",
                "revision": SHA, "url": "https://git.example/shop.git"}}}}}))
}

/// A world as far as the namespace `default` goes.
fn world_of(
    members: Vec<Cluster>,
    applications: Vec<Application>,
    statuses: Vec<MemberStatus>,
    revisions: Vec<Revision>,
) -> World {
    let scope = Scope::Namespace("default".to_owned());
    World::new(scope, Lists { members, applications, statuses, revisions, ..Lists::default() })
}

fn overview(world: &World) -> String {
    text(&overview::lines(world, now(), false, usize::MAX))
}

fn settled() -> World {
    let conditions = [
        condition("Ready", "True", "ReconciliationSucceeded", "2 of 2 ready"),
        condition("SourceReady", "True", "Succeeded", SHA),
    ];
    world_of(
        // Not in order: lists are sorted by name whatever the hub says.
        vec![cluster("shanghai", answers()), cluster("beijing", answers())],
        vec![shop(&conditions, 2, json!([]))],
        vec![
            reported("shanghai", "small", unit("Applied", "Healthy", "")),
            reported("beijing", "large", unit("Applied", "Healthy", "")),
        ],
        vec![revision()],
    )
}

fn lost_one() -> World {
    let conditions = [condition("Ready", "Unknown", "MemberUnknown", "nothing is known of beijing; 1 of 2 ready")];
    world_of(
        vec![cluster("beijing", lost()), cluster("shanghai", answers())],
        vec![shop(&conditions, 1, json!([]))],
        vec![
            reported("beijing", "large", unit("Applied", "Healthy", "")),
            reported("shanghai", "small", unit("Applied", "Healthy", "")),
        ],
        vec![revision()],
    )
}

fn text(lines: &[Line]) -> String {
    let text = output::text(lines);
    assert!(!text.contains('\x1b'), "escape codes without colours: {text}");
    assert!(text.lines().all(|line| line.trim_end() == line), "spaces at the end of a line: {text}");
    text
}

fn application_text(world: &World) -> String {
    text(&application::lines(world, world.application("shop").unwrap(), now(), false, usize::MAX))
}

fn member_text(world: &World, name: &str) -> String {
    text(&member::lines(world, world.member(name).unwrap(), now(), false, usize::MAX))
}

#[test]
fn a_settled_fleet() {
    let world = settled();
    insta::assert_snapshot!("fleet", overview(&world));
    insta::assert_snapshot!("application", application_text(&world));
    insta::assert_snapshot!("member", member_text(&world, "beijing"));
}

#[test]
fn a_member_whose_applier_is_kept_out_is_never_green() {
    for (state, expect) in [("Blocked", "kept_out"), ("Unreachable", "cut_off")] {
        let mut beijing = reported("beijing", "large", unit("Applied", "Healthy", ""));
        let link = json!({"state": state, "since": "2026-11-23T11:08:30Z", "message": "secrets is forbidden"});
        beijing.status.as_mut().unwrap().link = Some(of(link));
        let world = world_of(vec![cluster("beijing", answers())], vec![], vec![beijing], vec![revision()]);
        insta::assert_snapshot!(format!("{expect}_fleet"), overview(&world));
        insta::assert_snapshot!(format!("{expect}_member"), member_text(&world, "beijing"));
    }
}

#[test]
fn an_empty_hub_says_what_comes_next() {
    let world = world_of(vec![], vec![], vec![], vec![]);
    insta::assert_snapshot!("empty", overview(&world));
}

#[test]
fn a_member_that_does_not_answer_is_unknown_and_never_green() {
    let world = lost_one();
    insta::assert_snapshot!("lost_fleet", overview(&world));
    insta::assert_snapshot!("lost_application", application_text(&world));
    insta::assert_snapshot!("lost_member", member_text(&world, "beijing"));
    let coloured = output::text(&member::lines(&world, world.member("beijing").unwrap(), now(), true, usize::MAX));
    assert!(!coloured.contains("\x1b[32m"), "something is green: {coloured}");
}

#[test]
fn another_cluster_at_a_members_address_is_never_green() {
    let changed = condition("Ready", "False", "IdentityChanged", "another cluster answers at this address");
    let world = world_of(
        vec![cluster("beijing", changed)],
        vec![],
        vec![reported("beijing", "large", unit("Applied", "Healthy", ""))],
        vec![revision()],
    );
    let page = member_text(&world, "beijing");
    assert!(page.contains("?/4"), "{page}");
    assert!(page.contains("MemberBlocked: the member is not delivered to; see its Ready"), "{page}");
    let overview = overview(&world);
    assert!(overview.contains("?/3") && overview.contains("?/1") && overview.contains("?/6"), "{overview}");
}

#[test]
fn a_cluster_that_was_attached_and_is_no_member_says_why() {
    let attached = |name: &str, wanted: Option<&str>, reason: &str, message: &str| {
        of(json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"kubeconfig": {"name": name, "key": "value"}, "memberName": wanted},
            "status": {"conditions": [condition("Ready", "False", reason, message)]}}))
    };
    let refused = "users[0].user.exec is refused: it would run a program on the hub";
    let attached = vec![
        attached("paris", None, "KubeconfigRefused", refused),
        attached("twin", Some("beijing"), "NameTaken", "default/beijing has made a member of this name"),
    ];
    let lists = Lists { members: vec![cluster("beijing", answers())], attached, ..Lists::default() };
    let world = World::new(Scope::Namespace("default".to_owned()), lists);
    insta::assert_snapshot!("attached_fleet", overview(&world));
    insta::assert_snapshot!("attached_member", member_text(&world, "paris"));
}

/// As other commands name it.
#[test]
fn an_attached_cluster_is_also_found_by_its_namespace_and_name() {
    let attached = |name: &str, wanted: &str| {
        of(json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": name, "namespace": "clusters"},
            "spec": {"kubeconfig": {"name": name, "key": "value"}, "memberName": wanted},
            "status": {"conditions": [condition("Ready", "False", "NameTaken", "taken")]}}))
    };
    let attached = vec![attached("twin", "beijing"), attached("beijing", "beijing")];
    let mut beijing = cluster("beijing", answers());
    let origin = "cluster.kurator.dev/AttachedCluster/default/prod".to_owned();
    beijing.metadata.annotations = Some([(api::kurator::annotation::ORIGIN.to_owned(), origin)].into());
    let lists = Lists { members: vec![beijing], attached, ..Lists::default() };
    let world = World::new(Scope::All, lists);
    for (asked, expect) in [
        ("beijing", "beijing"),
        ("default/prod", "beijing"),
        // It is shown by its own name, which is free, and by both where it is not.
        ("clusters/twin", "twin"),
        ("clusters/beijing", "clusters/beijing"),
    ] {
        assert_eq!(world.member(asked).unwrap().metadata.name.as_deref(), Some(expect), "{asked}");
    }
    assert!(world.member("clusters/prod").is_err());
}

#[test]
fn a_member_that_moves_says_so_beside_its_ready() {
    let mut beijing = cluster("beijing", answers());
    let origin = "cluster.kurator.dev/AttachedCluster/default/beijing".to_owned();
    beijing.metadata.annotations = Some([(api::kurator::annotation::ORIGIN.to_owned(), origin)].into());
    let held = "hub mxqz2ra7oykc4hbt has 12 objects of 3 units there: look and take them over with `kurator hub adopt`";
    let page = |moving: Value| {
        let attached = of(json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": "beijing", "namespace": "default"}, "spec": {"kubeconfig": {"name": "b", "key": "value"}},
            "status": {"conditions": [answers(), moving]}}));
        let lists = Lists { members: vec![beijing.clone()], attached: vec![attached], ..Lists::default() };
        let world = World::new(Scope::Namespace("default".to_owned()), lists);
        format!("{}\n{}", overview(&world), member_text(&world, "beijing"))
    };
    insta::assert_snapshot!("moving_held", page(condition("TakeOver", "False", "TakeOverHeld", held)));
    let release =
        "everything that this hub has in the member is given back before it goes: 2 units have something there";
    insta::assert_snapshot!("moving_out", page(condition("Detaching", "True", "Releasing", release)));
    let taken = page(condition("TakeOver", "True", "TakenOver", "what hub mxqz2ra7oykc4hbt had is this hub's"));
    assert!(!taken.contains("member/beijing: TakenOver") && taken.contains("TakeOver  True"), "{taken}");
}

#[test]
fn each_value_for_programs_says_what_it_is() {
    let world = settled();
    let kind = |words: &[&str]| {
        let command = crate::args::read([&["kurator", "status"], words].concat()).unwrap().command;
        let crate::args::Command::Status(what) = command else { panic!("{words:?}") };
        let value = super::value(&world, &what, now()).unwrap();
        assert_eq!(value["apiVersion"], "status.kurator.dev/v1alpha1");
        value["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind(&[]), "Overview");
    assert_eq!(kind(&["--problems"]), "Problems");
    assert_eq!(kind(&["app/shop"]), "ApplicationStatus");
    assert_eq!(kind(&["member/beijing"]), "MemberStatus");
}

#[test]
fn conditions_fit_a_narrow_terminal() {
    let world = lost_one();
    for columns in [60, 80, 100] {
        let lines = application::lines(&world, world.application("shop").unwrap(), now(), false, columns);
        let page = text(&lines);
        assert!(page.lines().all(|line| line.chars().count() <= columns), "{columns}: {page}");
        let page = text(&member::lines(&world, world.member("beijing").unwrap(), now(), false, columns));
        // A sentence that is no row of a table is broken by the terminal.
        let page: String =
            page.lines().filter(|line| !line.starts_with("app/")).map(|line| format!("{line}\n")).collect();
        assert!(page.lines().all(|line| line.chars().count() <= columns), "{columns}: {page}");
    }
}

#[test]
fn held_deletions_are_listed_with_the_command_that_releases_them() {
    let list = "beijing: Namespace shop, ConfigMap shop/settings, Service shop/web and 1 more";
    let why = "a Namespace, CustomResourceDefinition, PersistentVolume or PersistentVolumeClaim is among them";
    let message =
        format!("4 deletions wait for approval ({why}): {list}; `kurator approve app/shop` releases exactly these");
    let conditions = [
        condition("DeletionsHeld", "True", "SourceRemovesObjects", &message),
        condition("Ready", "False", "DeletionsHeld", "deletions wait for approval; 0 of 1 ready"),
        condition("SourceReady", "True", "Succeeded", SHA),
    ];
    let held = json!([{"policy": "large", "digest": DIGEST, "count": 4, "members": [list]}]);
    let world = world_of(
        vec![cluster("beijing", answers())],
        vec![shop(&conditions, 0, held)],
        vec![reported("beijing", "large", unit("DeletionsHeld", "Healthy", "4 deletions wait to be released"))],
        vec![revision()],
    );
    insta::assert_snapshot!("held_application", application_text(&world));
    insta::assert_snapshot!("held_fleet", overview(&world));

    let because = "label size is \"small\", the selector wants \"smal\"";
    let edit = json!([{"policy": "large", "digest": DIGEST, "reason": "EditRemovesMembers", "count": 4,
        "causes": [{"cause": "SelectorDiffers", "message": because, "members": 1, "objects": 4}],
        "members": ["beijing: 4 objects"]},
        {"policy": "small", "digest": DIGEST, "reason": "EditRemovesMembers", "count": 0,
        "causes": [{"cause": "UnitRemoved", "message": "policy small was removed or renamed", "members": 101, "objects": 1},
            {"cause": "NotListed", "message": "fleet all does not list it", "members": 1, "objects": 3}],
        "members": ["shanghai: 1 object that stays (policy small was removed or renamed)"]},
        {"policy": "source", "digest": DIGEST, "reason": "SourceRemovesObjects", "count": 12,
        "causes": [{"cause": "Empties", "message": "nothing would be left of it", "members": 1, "objects": 12}],
        "members": ["beijing: Namespace shop, ConfigMap shop/settings, Service shop/web and 9 more"]}]);
    let message =
        format!("4 deletions wait for approval ({because}): beijing: 4 objects; `kurator approve app/shop` …");
    let conditions = [
        condition("DeletionsHeld", "True", "EditRemovesMembers", &message),
        condition("Ready", "False", "DeletionsHeld", "deletions wait for approval; 1 of 1 ready"),
        condition("SourceReady", "True", "Succeeded", SHA),
    ];
    // A commit that empties the policy: nothing is wanted, and all of it runs.
    let mut emptied = unit("DeletionsHeld", "Healthy", "12 deletions wait to be released");
    emptied["objects"] = json!({"desired": 0, "applied": 0, "healthy": 0, "failed": 0, "inventory": 12});
    emptied["pods"] = json!({"desired": 10, "ready": 10});
    emptied["held"] = json!({"digest": DIGEST, "count": 12, "state": "Waiting"});
    let reports = ["large", "source"].into_iter().zip([unit("Applied", "Healthy", ""), emptied]);
    let world = world_of(
        vec![cluster("beijing", answers())],
        vec![shop(&conditions, 1, edit)],
        reports.map(|(policy, unit)| reported("beijing", policy, unit)).collect(),
        vec![revision()],
    );
    insta::assert_snapshot!("held_edit_application", application_text(&world));
    insta::assert_snapshot!("held_edit_fleet", overview(&world));

    let growing = json!([{"policy": "large", "digest": DIGEST, "count": 4, "members": [list], "waitingOn": ["tokyo"]}]);
    let app = shop(&conditions, 0, growing);
    let text = application_text(&world_of(vec![], vec![app], vec![], vec![]));
    assert!(text.contains("and 1 more\n  not reported yet: tokyo\n"), "{text}");
}

#[test]
fn failures_say_why_in_full_on_the_page_and_in_short_in_the_overview() {
    let why = "policy large: shop/web.yaml: document 1: line 7: a mapping is expected here, and a sequence was found; what \
               runs stays, and the next commit that can be read is delivered";
    let conditions = [
        condition(
            "NotImplemented",
            "True",
            "FieldsNotHonoured",
            "accepted, not honoured yet: spec.syncPolicies[0].helm",
        ),
        condition("Ready", "False", "BuildFailed", why),
        condition("SourceReady", "False", "FetchFailed", "https://git.example/shop.git: 503 Service Unavailable"),
    ];
    let world = world_of(
        vec![cluster("beijing", answers())],
        vec![shop(&conditions, 0, json!([]))],
        vec![reported(
            "beijing",
            "large",
            unit("Failed", "Degraded", "Deployment.apps shop/web: spec.replicas is invalid"),
        )],
        vec![revision()],
    );
    insta::assert_snapshot!("failed_application", application_text(&world));
    insta::assert_snapshot!("failed_fleet", overview(&world));
}

#[test]
fn changes_by_hand_are_one_line_each() {
    let deleted = json!({"object": "Service shop/web", "deleted": true, "seen": "2026-11-23T11:09:59.217502373Z",
        "reverted": true});
    let edited = json!({"object": "Deployment.apps shop/web", "seen": "2026-11-23T11:09:59.2Z", "reverted": true,
        "fields": [{"path": "spec.replicas", "manager": "kubectl", "time": "2026-11-23T11:09:58Z"},
            {"path": "metadata.labels.app"}]});
    let scaled = json!({"object": "Deployment.apps shop/web", "seen": "2026-11-23T11:09:59.2Z", "reverted": false,
        "fields": [{"path": "spec.replicas", "manager": "kubectl"}]});
    let lines: Vec<String> = [deleted, edited.clone(), scaled].into_iter().map(|d| drift(&of(d))).collect();
    insta::assert_snapshot!("drift", text(&lines.into_iter().map(Line::from).collect::<Vec<_>>()));
    let mut unit = unit("Applied", "Healthy", "");
    unit["lastDrift"] = edited;
    let mut world = settled();
    let id = world.statuses.keys().find(|(_, member)| member == "beijing").unwrap().clone();
    world.statuses.insert(id, of(unit));
    insta::assert_snapshot!("drift_application", application_text(&world));
}

#[test]
fn unknown_names_list_the_known_ones() {
    let world = settled();
    let empty = World::new(Scope::Namespace("team".to_owned()), Lists::default());
    let errors = [
        world.application("shopp").unwrap_err(),
        world.member("paris").unwrap_err(),
        empty.application("shop").unwrap_err(),
        empty.member("beijing").unwrap_err(),
        empty.fleet("europe").unwrap_err(),
    ];
    insta::assert_snapshot!("errors", errors.map(|e| e.to_string()).join("\n"));
}

#[test]
fn json_has_a_settled_shape() {
    insta::assert_json_snapshot!("value", overview::value(&settled()));
}

/// Everything that is not as it should be, one of each kind.
fn broken() -> World {
    let fleet = |name: &str, clusters: Value, phase: &str, ready: Value, counts: (i32, i32)| -> Fleet {
        of(json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
            "metadata": {"name": name, "namespace": "default"}, "spec": {"clusters": clusters},
            "status": {"phase": phase, "conditions": [ready], "readyClusters": counts.0, "unReadyClusters": counts.1}}))
    };
    let listed = |names: &[&str]| names.iter().map(|n| json!({"kind": "AttachedCluster", "name": n})).collect();
    let attached = |name: &str| -> AttachedCluster {
        of(json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": name, "namespace": "default"}, "spec": {"kubeconfig": {"name": name}}}))
    };
    let with_origin = |name: &str, ready: Value| {
        let mut member = cluster(name, ready);
        let origin = format!("cluster.kurator.dev/AttachedCluster/default/{name}");
        member.metadata.annotations = Some([("kurator.dev/origin".to_owned(), origin)].into());
        member
    };
    let why = "the member refuses the credential: 401 Unauthorized; replace the kubeconfig in its Secret";
    let app = |name: &str, ready: Value, count: (u32, u32)| -> Application {
        let mut app = shop(&[ready], count.0, json!([]));
        app.metadata.name = Some(name.to_owned());
        app.spec.destination = Some(of(json!({"fleet": "asia"})));
        app.status.as_mut().unwrap().summary.as_mut().unwrap().placed = count.1;
        app
    };
    let gone =
        "the source cannot be fetched: https://git.example/shop.git: 404; what was fetched last runs on: 2 of 2 ready";
    let absent = "not found in this namespace: tokyo; 1 of 3 members are ready";
    let shanghai_well = unit("Applied", "Healthy", "");
    let lists = Lists {
        hidden: Vec::new(),
        members: vec![
            with_origin("beijing", condition("Ready", "Unknown", "CredentialRefused", why)),
            with_origin("shanghai", answers()),
        ],
        attached: vec![attached("beijing"), attached("shanghai")],
        fleets: vec![
            fleet(
                "asia",
                listed(&["beijing", "shanghai", "tokyo"]),
                "NotReady",
                condition("Ready", "False", "MemberNotFound", absent),
                (1, 2),
            ),
            fleet(
                "east",
                listed(&["shanghai"]),
                "Ready",
                condition("Ready", "True", "AllMembersReady", "1 of 1 members are ready"),
                (1, 0),
            ),
        ],
        applications: vec![
            app("shop", condition("Ready", "False", "FetchFailed", gone), (2, 2)),
            app(
                "stopped",
                condition(
                    "Ready",
                    "False",
                    "Suspended",
                    "spec.source.gitRepository.suspend is set; what runs stays: 1 of 1 ready",
                ),
                (1, 1),
            ),
            app("web", condition("Ready", "True", "ReconciliationSucceeded", "1 of 1 ready"), (1, 1)),
        ],
        statuses: vec![
            reported("beijing", "large", unit("Applied", "Healthy", "")),
            reported("shanghai", "small", shanghai_well),
        ],
        revisions: vec![revision()],
        ..Lists::default()
    };
    World::new(Scope::Namespace("default".to_owned()), lists)
}

#[test]
fn what_is_broken_is_green_nowhere_and_the_cause_comes_first() {
    let world = broken();
    insta::assert_snapshot!("broken", overview(&world));
    insta::assert_snapshot!("broken_problems", text(&overview::problem_lines(&world, now(), false, usize::MAX)));
    insta::assert_snapshot!(
        "broken_fleet",
        text(&fleet::lines(&world, world.fleet("asia").unwrap(), now(), false, usize::MAX))
    );
    insta::assert_snapshot!("broken_member", member_text(&world, "shanghai"));
    let page = output::text(&member::lines(&world, world.member("beijing").unwrap(), now(), true, usize::MAX));
    assert!(!page.contains("\x1b[32m"), "{page}");
    let mut all = broken();
    all.scope = Scope::All;
    insta::assert_snapshot!("broken_everywhere", text(&overview::problem_lines(&all, now(), false, usize::MAX)));
    let calm = text(&overview::problem_lines(&settled(), now(), false, usize::MAX));
    assert_eq!(calm, "nothing is wrong: 2 members, 0 fleets, 1 application are ready\n");
    let mut warned = settled();
    let status = warned.applications[0].status.as_mut().unwrap();
    status.conditions.push(of(condition("SourceWarnings", "True", "LikelyMistake", "there is no object in ./docs")));
    assert_eq!(
        text(&overview::problem_lines(&warned, now(), false, usize::MAX)),
        format!("{calm}1 application with a likely mistake in the source (`kurator doctor` says which): shop\n")
    );
    assert_eq!(overview::problem_value(&warned, now())["warned"], json!(["shop"]));
}

#[test]
fn only_a_terminal_cuts_and_only_at_its_width() {
    let world = broken();
    let whole = overview(&world);
    assert!(whole.contains("replace the kubeconfig in its Secret\n"), "{whole}");
    let narrow = text(&overview::lines(&world, now(), false, 100));
    assert!(narrow.lines().all(|line| line.chars().count() <= 100), "{narrow}");
    let starts = |line: &&str| {
        line.starts_with("beijing   cn-north  v1.37.2  ?/3    ?/1    ?/6   Unknown for 90s, CredentialRefused")
    };
    assert!(narrow.lines().any(|line| starts(&line)), "{narrow}");
}

/// An application with the policy that is delivered.
fn placed(mut app: Application) -> Application {
    app.spec.sync_policies = of(json!([{"name": "large"}]));
    app
}

#[test]
fn a_unit_is_compared_with_what_is_decided_for_it() {
    let decided = |revision: &str| -> Decision {
        of(json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": "d"},
            "spec": {"unit": "apps.kurator.dev/Application/default/shop/large", "slice": 0, "prune": true,
                "members": {"beijing": {"revision": revision, "epoch": 2, "reason": "r"}}, "explanation": {"revision": revision, "passedOver": [
                    {"name": "shanghai", "reason": "label size is \"small\", the selector wants \"large\""},
                    {"name": "virginia", "reason": "label size is \"small\", the selector wants \"large\""}]}}}))
    };
    let page = |revision: &str, status: &str, reason: &str| {
        let conditions = [condition("Ready", status, reason, "1 of 1 ready")];
        let lists = Lists {
            members: vec![cluster("beijing", answers())],
            applications: vec![placed(shop(&conditions, 1, json!([])))],
            statuses: vec![reported("beijing", "large", unit("Applied", "Healthy", ""))],
            decisions: vec![decided(revision)],
            decided: Decided::All,
            revisions: vec![self::revision()],
            ..Lists::default()
        };
        application_text(&World::new(Scope::Namespace("default".to_owned()), lists))
    };
    assert!(
        page("abc-1", "True", "ReconciliationSucceeded").contains("  Ready  "),
        "{}",
        page("abc-1", "True", "ReconciliationSucceeded")
    );
    let left_out = "not delivered to, by selection:\n  policy large: shanghai, virginia: label size is \"small\", the selector wants \"large\"\n";
    assert!(
        page("abc-1", "True", "ReconciliationSucceeded").contains(left_out),
        "{}",
        page("abc-1", "True", "ReconciliationSucceeded")
    );
    let older = page("abc-2", "True", "ReconciliationSucceeded");
    assert!(older.contains("Progressing  3m     has main@3f2c1a, wanted a newer one; Applied, Healthy"), "{older}");
    // What the member has is as it was. Its state is of the application, and so is its time.
    let newer = page("abc-2", "False", "Progressing");
    assert!(newer.contains("Progressing  90s    has main@3f2c1a"), "{newer}");
}

#[test]
fn the_problems_name_why_deletions_are_held() {
    let held = |policy: &str| {
        json!({"policy": policy, "digest": "sha256:0", "reason": "EditRemovesMembers", "count": 4, "memberCount": 1, "objectCount": 4,
            "causes": [{"cause": "SelectorDiffers", "message": "label size is \"small\", the selector wants \"smal\"",
                "members": 1, "objects": 4}]})
    };
    let conditions = [condition("Ready", "False", "DeletionsHeld", "deletions wait for approval")];
    let lists =
        Lists { applications: vec![shop(&conditions, 0, json!([held("large"), held("small")]))], ..Lists::default() };
    let world = World::new(Scope::Namespace("default".to_owned()), lists);
    let expect =
        "deletions wait for approval; policies large, small: label size is \"small\", the selector wants \"smal\"";
    assert_eq!(overview::problems(&world, now())[0].message, expect);
}

#[test]
fn of_many_names_those_that_are_near_are_suggested() {
    let names =
        || (0..200).map(|n| format!("app/team-{n:03}")).chain(["app/shop".to_owned(), "app/shopping".to_owned()]);
    let errors =
        ["app/shpo", "app/team-0011", "app/\u{5317}", "app/zzzzzzzz"].map(|name| near::there_is(name, names()));
    insta::assert_snapshot!("near", errors.join("\n"));
}

#[test]
fn a_watch_says_each_change_of_a_state_or_its_cause_once() {
    let entry = |object: &str, state, reason: &str, message: &str| Entry {
        object: object.to_owned(),
        namespace: None,
        state,
        reason: reason.to_owned(),
        message: message.to_owned(),
        since: Some(now()),
    };
    use plan::state::State;
    let mut known = Default::default();
    let mut said = |entries: Vec<Entry>| -> Vec<String> {
        let changes = watch::changes(entries, &mut known, false);
        changes.into_iter().map(|(text, _)| text.split_once("  ").unwrap().1.to_owned()).collect()
    };
    let ready = || entry("member/a", State::Ready, "ClusterReady", "");
    let lost = |message: &str| entry("member/a", State::Unknown, "ClusterNotReachable", message);
    assert_eq!(said(vec![ready()]), ["member/a  Ready"]);
    assert_eq!(said(vec![ready()]), [""; 0]);
    assert_eq!(said(vec![lost("for 2 s")]), ["member/a  Unknown, ClusterNotReachable: for 2 s"]);
    assert_eq!(said(vec![lost("for 3 s")]), [""; 0], "the same with another number");
    assert_eq!(said(vec![]), ["member/a  Gone"]);
}

#[test]
fn a_watch_of_problems_is_silent_about_what_is_well_until_it_gets_well() {
    use plan::state::State;
    let entry = |state| Entry {
        object: "member/a".to_owned(),
        namespace: None,
        state,
        reason: String::new(),
        message: "why".to_owned(),
        since: None,
    };
    let mut known = Default::default();
    let mut said = |state: Option<State>| -> Vec<String> {
        let changes = watch::changes(state.map(entry).into_iter().collect(), &mut known, true);
        changes.into_iter().map(|(text, _)| text.split_once("  ").unwrap().1.to_owned()).collect()
    };
    for (state, expect) in [
        (Some(State::Ready), None),
        (Some(State::Unknown), Some("member/a  Unknown: why")),
        (Some(State::Ready), Some("member/a  Ready")),
        (Some(State::Ready), None),
        (None, None),
        (Some(State::NotReady), Some("member/a  NotReady: why")),
        (None, Some("member/a  Gone")),
    ] {
        assert_eq!(said(state), expect.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{state:?}");
    }
}

#[test]
fn what_was_agreed_to_and_waits_for_a_member_is_shown() {
    let decided = |policy: &str, entry: Value| -> Decision {
        of(json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": policy},
            "spec": {"unit": format!("apps.kurator.dev/Application/default/shop/{policy}"), "slice": 0, "prune": true,
                "members": {"beijing": entry, "shanghai": entry}}}))
    };
    let entry = |removal: &str| json!({"revision": "abc-1", "epoch": 2, "reason": "r", "removal": removal});
    let mut expected = entry("None");
    expected["expected"] =
        json!({"digest": DIGEST, "count": 3, "approval": DIGEST, "objects": api::delivery::ObjectSet::default()});
    let lists = Lists {
        members: vec![cluster("beijing", lost()), cluster("shanghai", answers())],
        applications: vec![shop(&[], 1, json!([]))],
        statuses: vec![reported("beijing", "large", unit("Applied", "Healthy", ""))],
        decisions: vec![
            decided("large", entry("Prune")),
            decided("medium", entry("Release")),
            decided("none", entry("None")),
            decided("small", expected),
        ],
        decided: Decided::All,
        ..Lists::default()
    };
    let page = application_text(&World::new(Scope::Namespace("default".to_owned()), lists));
    let expect = "agreed to, and done as soon as the member answers:
  beijing: policy large leaves it: up to 4 objects there will be deleted
  beijing: policy medium leaves it: what it has there will be let go of
  beijing: 3 objects of policy small will be deleted
";
    assert!(page.contains(expect), "{page}");
}

#[test]
fn what_may_not_be_seen_is_not_called_ready() {
    let world = |hidden: &[&'static str]| {
        let lists = Lists { hidden: hidden.to_vec(), ..Lists::default() };
        World::new(Scope::All, lists)
    };
    let said = |hidden: &[&'static str]| text(&overview::problem_lines(&world(hidden), now(), false, usize::MAX));
    assert_eq!(said(&[]), "nothing is wrong: 0 members, 0 fleets, 0 applications are ready\n");
    assert_eq!(
        said(&["members", "what members report"]),
        "nothing is wrong in what can be seen: 0 fleets, 0 applications are ready\n\
         not looked at, since this credential may not list it: members, what members report\n"
    );
    assert!(said(&["members", "fleets", "applications"]).starts_with("nothing is known\n"));
    assert_eq!(overview::problem_value(&world(&["members"]), now())["hidden"], json!(["members"]));
    assert!(overview::problem_value(&world(&[]), now()).get("hidden").is_none());
}

#[test]
fn a_unit_whose_decision_may_be_read_nowhere_is_compared_with_itself_and_that_is_said() {
    let report = unit("Applied", "Healthy", "");
    let status: api::delivery::UnitStatus = of(report.clone());
    let id: api::delivery::UnitId = "apps.kurator.dev/Application/default/shop/large".parse().unwrap();
    let hidden = vec![DECISIONS];
    for (decided, wanted) in [
        (Decided::Nothing, Some("abc-1")),
        (Decided::Namespace("other".to_owned()), Some("abc-1")),
        // It is known that nothing is decided there: the member is not as it should be.
        (Decided::Namespace("default".to_owned()), None),
        (Decided::All, None),
    ] {
        let lists = Lists {
            members: vec![cluster("beijing", answers())],
            statuses: vec![reported("beijing", "large", report.clone())],
            decided: decided.clone(),
            hidden: hidden.clone(),
            ..Lists::default()
        };
        let world = World::new(Scope::Namespace("default".to_owned()), lists);
        assert_eq!(world.unit(&id, "beijing", &status).wanted.map(String::as_str), wanted, "{decided:?}");
        let what = crate::args::Status { object: None, all_namespaces: false, problems: false, watch: false };
        let said = text(&super::lines(&world, &what, now(), false, usize::MAX).unwrap());
        assert!(said.contains("is not compared with what is wanted: this credential may not list decisions"), "{said}");
    }
}

#[test]
fn what_hangs_on_its_way_out_of_a_member_is_a_problem_though_its_application_is_gone() {
    let held = "2 objects are left; ConfigMap n1/x is being deleted, and waits for finalizer example.com/hold";
    let said = |reason: &str, message: &str, since: &str, applications: Vec<Application>| {
        let mut status = unit("Removing", "Progressing", message);
        (status["reason"], status["since"]) = (json!(reason), json!(since));
        let lists = Lists {
            members: vec![cluster("beijing", answers())],
            applications,
            statuses: vec![reported("beijing", "large", status)],
            ..Lists::default()
        };
        text(&overview::problem_lines(&World::new(Scope::All, lists), now(), false, usize::MAX))
    };
    let (now_, before) = (now().to_string(), "2025-01-01T00:00:00Z");
    let page = said("BeingDeleted", held, before, vec![]);
    assert!(
        page.contains("app/shop/large in beijing") && page.contains("BeingDeleted") && page.contains(held),
        "{page}"
    );
    let page = said("Removing", "2 objects are left", before, vec![]);
    assert!(page.contains("app/shop/large in beijing") && page.contains("2 objects are left"), "{page}");
    let page = said("Removing", "2 objects are left", &now_, vec![]);
    assert!(page.starts_with("nothing is wrong"), "{page}");
    // The application says it itself.
    let leaving = [condition(
        "Ready",
        "False",
        "Deleting",
        &format!("it is being taken out of its members: beijing; beijing: {held}"),
    )];
    let page = said("BeingDeleted", held, before, vec![shop(&leaving, 0, json!([]))]);
    assert_eq!(page.matches(held).count(), 1, "{page}");
}

//! Kubeconfigs as people have them, programs that log in, and what is shown.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use api::kurator::cluster::v1alpha1::AttachedCluster;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::hub::{Names, Present, Progress, look_up, progress, refuse_own, write_attached};
use super::kubeconfig::{Chosen, Files, Merged};
use super::proposal::Proposal;
use super::surplus::Surplus;
use super::way::Way;
use super::{
    Api, HubId, Mark, Minted, NAMESPACE, Place, Resource, SERVICE_ACCOUNT, Withdrawn, advice, again, exec, is_near,
    left_after, login, name_of_context, next, object, reason, rights, undone_with,
};
use crate::args::{self, Command};
use crate::output;

const RIGHTS: &str = include_str!("../../../../docs/rights.md");

fn merged(dir: &Path, files: &[(&str, &str)]) -> Merged {
    let paths = files.iter().map(|(name, text)| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    });
    Files::Some(paths.collect()).load().unwrap()
}

/// A kubeconfig of one context `prod`.
fn one(cluster: &str, user: &str) -> String {
    format!(
        "contexts: [{{name: prod, context: {{cluster: k, user: u}}}}]\nclusters: [{{name: k, cluster: {{{cluster}}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n"
    )
}

fn chosen(cluster: &str, user: &str) -> Chosen {
    let dir = TempDir::new().unwrap();
    merged(dir.path(), &[("config", &one(cluster, user))]).choose("prod").unwrap_or_else(|e| panic!("{e:#}"))
}

#[test]
fn the_files_are_those_of_kubectl() {
    let find = |given: Option<&str>, variable: Option<&str>, home: Option<&str>| {
        Files::find(given.map(Path::new), variable.map(Into::into), home.map(PathBuf::from)).map_err(|e| e.to_string())
    };
    assert_eq!(find(Some("/f"), Some("/a:/b"), Some("/home")), Ok(Files::One("/f".into())));
    assert_eq!(find(None, Some("/a::/b"), Some("/home")), Ok(Files::Some(vec!["/a".into(), "/b".into()])));
    assert_eq!(find(None, Some(""), Some("/home")), Ok(Files::One("/home/.kube/config".into())));
    assert!(find(None, None, None).unwrap_err().contains("--kubeconfig FILE"));
    let gone = Files::One("/nowhere/config".into()).load().unwrap_err();
    assert_eq!(gone.to_string(), "there is no kubeconfig /nowhere/config; say another with --kubeconfig FILE");
    let gone = Files::Some(vec!["/nowhere/a".into(), "/nowhere/b".into()]).load().unwrap_err().to_string();
    assert!(gone.contains("/nowhere/a, /nowhere/b"), "{gone}");
}

#[test]
fn the_first_file_that_has_a_name_wins_and_paths_begin_at_its_folder() {
    let dir = TempDir::new().unwrap();
    let first = "contexts: [{name: prod, context: {cluster: k, user: u}}]\n\
                 clusters: [{name: k, cluster: {server: 'https://first', certificate-authority: ca.pem}}]\n";
    let second = "contexts: [{name: prod, context: {cluster: other, user: other}}, {name: dev, context: {cluster: k}}]\n\
                  clusters: [{name: k, cluster: {server: 'https://second', proxy-url: 'http://p'}}]\n\
                  users: [{name: u, user: {client-key: ../key, tokenFile: /abs/token, exec: {command: ./bin/login}}}]\n";
    let merged = merged(dir.path(), &[("a/config", first), ("b/config", second), ("c/empty", "")]);
    let found = merged.choose("prod").unwrap_or_else(|e| panic!("{e:#}"));
    let at = |path: &str| dir.path().join(path).display().to_string();
    assert_eq!(found.cluster, json!({"server": "https://first", "certificate-authority": at("a/ca.pem")}));
    assert_eq!(found.user["client-key"], at("b/../key"));
    assert_eq!(found.user["tokenFile"], "/abs/token");
    assert_eq!(found.user["exec"]["command"], at("b/./bin/login"));
    assert_eq!(merged.choose("dev").unwrap_or_else(|e| panic!("{e:#}")).user, json!({}));
    let none = merged.choose("nope").map(|_| ()).unwrap_err().to_string();
    assert_eq!(none, "your kubeconfig has no context nope; it has dev, prod");
    fs::write(dir.path().join("bad"), "token: hunter2: 3").unwrap();
    let bad = Files::One(dir.path().join("bad")).load().unwrap_err().to_string();
    assert!(bad.ends_with("is no YAML of a kubeconfig") && !bad.contains("hunter2"), "{bad}");
}

#[tokio::test]
async fn what_is_in_files_is_read_here_and_what_cannot_be_used_is_said() {
    let dir = TempDir::new().unwrap();
    for (name, text) in [("token", "file-token\n"), ("ca", "CA"), ("cert", "CERT"), ("key", "KEY")] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let at = |name: &str| dir.path().join(name).display().to_string();
    let cluster = format!("server: 'https://a.example/k8s/clusters/c', certificate-authority: {}", at("ca"));
    let user = format!(
        "token: old, tokenFile: {}, client-certificate: {}, client-key: {}",
        at("token"),
        at("cert"),
        at("key")
    );
    let found = login::log_in(&chosen(&cluster, &user), None, false).await.unwrap_or_else(|e| panic!("{e:#}"));
    assert_eq!(
        found.cluster,
        json!({"server": "https://a.example/k8s/clusters/c", "certificate-authority-data": "Q0E="})
    );
    let used = found.credential.identity();
    assert!(used.contains("file-token") && used.contains("Q0VSVA==") && used.contains("S0VZ"), "{used}");
    assert!(!used.contains("old"), "{used}");
    let insecure = "server: 'https://a.example', insecure-skip-tls-verify: true";
    let ca = dir.path().join("ca");
    let given =
        login::log_in(&chosen(insecure, "token: x"), Some(&ca), false).await.unwrap_or_else(|e| panic!("{e:#}"));
    assert_eq!(given.cluster["certificate-authority-data"], "Q0E=");

    let mut said = String::new();
    for (cluster, user) in [
        (insecure, "token: x"),
        ("proxy-url: 'http://p'", "token: x"),
        ("server: 'http://a.example'", "token: x"),
        ("server: 'https://a.example', proxy-url: 'socks5://p:1'", "token: x"),
        ("server: 'https://a.example'", "auth-provider: {name: gcp}"),
        ("server: 'https://a.example'", "auth-provider: {name: azure}"),
        ("server: 'https://a.example'", "auth-provider: {name: oidc}"),
        ("server: 'https://a.example'", "tokenFile: /nowhere/token"),
        ("server: 'https://a.example', certificate-authority: /nowhere/ca", "token: x"),
    ] {
        let error = login::log_in(&chosen(cluster, user), None, false).await.map(|_| ()).unwrap_err();
        said.push_str(&format!("{cluster} | {user}\n  {}\n", output::chain(&error)));
    }
    insta::assert_snapshot!("refused_logins", said);
}

/// A script of this text as a user's `exec`, with more fields.
async fn exec(dir: &Path, script: &str, more: Value, terminal: bool) -> Result<Value, String> {
    let path = dir.join("login");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut chosen = chosen("server: 'https://a.example', tls-server-name: b.example", "token: x");
    chosen.cluster["extensions"] =
        json!([{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "me"}}]);
    chosen.user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": path}});
    for (field, value) in more.as_object().unwrap() {
        chosen.user["exec"][field] = value.clone();
    }
    exec::run(&chosen, terminal).await.map_err(|e| output::chain(&e).replace(&dir.display().to_string(), "DIR"))
}

#[tokio::test]
async fn a_program_logs_in_as_with_kubectl() {
    let dir = TempDir::new().unwrap();
    let answer = |status: &str| {
        format!(
            r#"echo '{{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{status}}}'"#
        )
    };
    let told = dir.path().join("told");
    let script = format!(
        "printf '%s|%s|%s' \"$KUBERNETES_EXEC_INFO\" \"$REGION\" \"$*\" > {}; cat > /dev/null\n{}",
        told.display(),
        answer(r#"{"token":"t1"}"#)
    );
    let more =
        json!({"args": ["get", "token"], "env": [{"name": "REGION", "value": "eu"}], "provideClusterInfo": true});
    assert_eq!(exec(dir.path(), &script, more, false).await, Ok(json!({"token": "t1"})));
    let told = fs::read_to_string(told).unwrap();
    let mut told = told.splitn(3, '|');
    let info: Value = serde_json::from_str(told.next().unwrap()).unwrap();
    assert_eq!(
        info,
        json!({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "spec": {
            "interactive": false,
            "cluster": {"server": "https://a.example", "tls-server-name": "b.example", "config": {"audience": "me"}}}})
    );
    assert_eq!((told.next(), told.next()), (Some("eu"), Some("get token")));
    let certificate = answer(r#"{"clientCertificateData":"CERT","clientKeyData":"KEY"}"#);
    assert_eq!(
        exec(dir.path(), &certificate, json!({}), false).await,
        Ok(json!({"client-certificate-data": "Q0VSVA==", "client-key-data": "S0VZ"}))
    );
    let v1 = json!({"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"});
    let script = answer(r#"{"token":"t1"}"#).replace("v1beta1", "v1");
    assert_eq!(exec(dir.path(), &script, v1, false).await, Ok(json!({"token": "t1"})));

    let mut said = String::new();
    let ok = answer(r#"{"token":"hunter2"}"#);
    for (what, script, more) in [
        ("an old protocol", ok.as_str(), json!({"apiVersion": "client.authentication.k8s.io/v1alpha1"})),
        ("v1 without a mode", &ok, json!({"apiVersion": "client.authentication.k8s.io/v1"})),
        ("it must ask", &ok, json!({"interactiveMode": "Always"})),
        ("another mode", &ok, json!({"interactiveMode": "Perhaps"})),
        ("not installed", &ok, json!({"command": "no-such-login", "installHint": "brew install it"})),
        ("it fails", "echo hunter2; exit 3", json!({})),
        ("no JSON", "echo hunter2", json!({})),
        ("another kind", r#"echo '{"kind":"Token","apiVersion":"v1"}'"#, json!({})),
        ("another version", &ok.replace("v1beta1", "v1"), json!({})),
        ("nothing", &answer("{}"), json!({})),
        ("half a certificate", &answer(r#"{"clientCertificateData":"C"}"#), json!({})),
    ] {
        let error = exec(dir.path(), script, more, false).await.unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        said.push_str(&format!("{what}\n  {error}\n"));
    }
    insta::assert_snapshot!("failed_programs", said);
}

#[tokio::test]
async fn a_program_that_says_too_much_is_stopped() {
    let dir = TempDir::new().unwrap();
    let said = exec(dir.path(), "yes hunter2 | head -c 4000000; sleep 1000", json!({}), false).await.unwrap_err();
    assert!(said.contains("it said more than 1048576 bytes, and was stopped") && !said.contains("hunter2"), "{said}");
}

pub(super) fn names(fleet: Option<&str>) -> Names {
    Names { namespace: "default".into(), name: "paris".into(), fleet: fleet.map(str::to_owned), namespaces: Vec::new() }
}

pub(super) fn attached(status: Value, secret: &str) -> AttachedCluster {
    serde_json::from_value(json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
        "metadata": {"name": "paris", "namespace": "default"},
        "spec": {"kubeconfig": {"name": secret, "key": "value"}}, "status": status}))
    .unwrap()
}

#[test]
fn what_will_be_made_is_shown_before() {
    let fleet = |members: Value| {
        let fleet = json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet",
            "metadata": {"name": "europe", "namespace": "default"}, "spec": {"clusters": members}});
        serde_json::from_value(fleet).unwrap()
    };
    let secret = json!({"metadata": {"name": "paris-kubeconfig"}, "data": {"kubeconfig": STANDARD.encode(
        "{current-context: m, contexts: [{name: m, context: {cluster: m}}], clusters: [{name: m, cluster: {server: 'https://192.0.2.7'}}]}"
    )}});
    let secret = serde_json::from_value(secret).unwrap();
    let again = Present {
        attached: Some(attached(json!({}), "paris-kubeconfig")),
        secret: Some(secret),
        fleet: Some(fleet(json!([{"kind": "AttachedCluster", "name": "paris"}]))),
    };
    let by_hand = Present {
        attached: Some(attached(json!({}), "own")),
        secret: None,
        fleet: Some(fleet(json!([{"kind": "AttachedCluster", "name": "berlin"}]))),
    };
    let mut shown = String::new();
    for (what, present, fleet, there, elsewhere) in [
        ("new", Present::default(), None, false, false),
        ("new, with a fleet that is new", Present::default(), Some("europe"), false, true),
        ("again", again, Some("europe"), true, false),
        ("by hand before, with a fleet", by_hand, Some("europe"), false, false),
    ] {
        let (names, grants) =
            (names(fleet), rights::grants(&[]).into_iter().map(|grant| (grant, there)).collect::<Vec<_>>());
        let mut cluster = json!({"server": "https://paris.example.com:6443"});
        if elsewhere {
            cluster["proxy-url"] = "http://me:hunter2@proxy.example:3128".into();
        }
        let way = Way::choose(&cluster, None, present.secret.as_ref());
        let proposal = Proposal {
            context: "arn:aws:eks:eu-west-1:1234:cluster/paris",
            way: &way,
            own_server: elsewhere.then_some("https://127.0.0.1:6443"),
            version: "v1.37.2",
            hub: "https://hub.example.com:6443",
            names: &names,
            present: &present,
            grants: &grants,
            surplus: &Surplus::default(),
            foreign: &super::foreign::Choice::default(),
        };
        shown.push_str(&format!("== {what}\n{}\n", output::text(&proposal.lines())));
    }
    insta::assert_snapshot!("proposals", shown);
}

pub(super) fn list(namespaces: &[&str]) -> Vec<String> {
    namespaces.iter().map(|namespace| (*namespace).to_owned()).collect()
}

#[test]
fn what_rights_in_namespaces_are_and_what_they_replace_is_shown_before() {
    let mut shown = String::new();
    for (what, before, now, kept) in [
        ("new, in two namespaces", None, list(&["billing", "shop"]), None),
        ("narrower than the whole cluster", Some(list(&[])), list(&["shop"]), None),
        (
            "narrower, beside another hub",
            Some(list(&[])),
            list(&["shop"]),
            Some("another hub works as this account: https://b.example.com team/paris"),
        ),
        ("other namespaces", Some(list(&["billing", "shop"])), list(&["shop", "stock"]), None),
        ("the whole cluster again", Some(list(&["billing", "shop"])), list(&[]), None),
        ("the same again", Some(list(&["shop"])), list(&["shop"]), None),
    ] {
        let names = Names { namespaces: now.clone(), ..names(None) };
        let before_attached = before.clone().map(|before| {
            let mut attached = attached(json!({}), "paris-kubeconfig");
            attached.spec.namespaces = before;
            attached
        });
        let present = Present { attached: before_attached, ..Present::default() };
        // Namespace `shop` is there, and others are not.
        let is_there = |grant: &rights::Grant| grant.only_if_missing && grant.name() == "Namespace shop";
        let grants: Vec<(rights::Grant, bool)> =
            rights::grants(&now).into_iter().filter(|grant| !is_there(grant)).map(|grant| (grant, false)).collect();
        let replaced =
            before.map(|before| rights::surplus(&rights::Before::recorded(before), &now)).unwrap_or_default();
        // The ClusterRole is there where rights were in the whole cluster.
        let had_all = present.attached.as_ref().is_some_and(|attached| attached.spec.namespaces.is_empty());
        let found = |grant: &rights::Grant| had_all || !grant.resource.kind.starts_with("Cluster");
        let rights = replaced.into_iter().filter(found).map(|grant| (grant, json!({}))).collect();
        // Who may not read bindings of the cluster does not see this one.
        let unseen = if what == "the same again" { list(&["ClusterRoleBinding kurator"]) } else { Vec::new() };
        let surplus = Surplus { rights, kept: kept.map(str::to_owned), unseen };
        let proposal = Proposal {
            context: "paris",
            way: &Way::choose(&json!({"server": "https://paris.example.com:6443"}), None, None),
            own_server: None,
            version: "v1.37.2",
            hub: "https://hub.example.com:6443",
            names: &names,
            present: &present,
            grants: &grants,
            surplus: &surplus,
            foreign: &super::foreign::Choice::default(),
        };
        shown.push_str(&format!("== {what}\n{}\n", output::text(&proposal.lines())));
    }
    insta::assert_snapshot!("proposals_in_namespaces", shown);
}

#[test]
fn namespaces_that_cannot_be_given_are_refused() {
    let asked = |namespaces: &[&str]| rights::asked(&list(namespaces)).map_err(|why| why.to_string());
    assert_eq!(asked(&["b", "a", "b"]), Ok(list(&["a", "b"])));
    assert_eq!(asked(&[]), Ok(list(&[])));
    for reserved in plan::rights::RESERVED_NAMESPACES {
        let why = asked(&["a", reserved]).unwrap_err();
        assert!(why.starts_with(&format!("--namespaces {reserved}: ")), "{why}");
    }
    let many: Vec<String> = (0..65).map(|n| format!("n{n}")).collect();
    let why = rights::asked(&many).unwrap_err().to_string();
    assert!(why.contains("65 namespaces, and at most 64"), "{why}");
    for (words, expect) in [("a,b", list(&["a", "b"])), ("a --namespaces c", list(&["a", "c"]))] {
        let words = ["kurator", "attach", "x", "--namespaces"].into_iter().chain(words.split(' '));
        let Ok(args::Args { command: Command::Attach(what), .. }) = args::read(words) else {
            panic!("it is a command")
        };
        assert_eq!(what.namespaces, expect);
    }
    assert!(args::read(["kurator", "attach", "x", "--namespaces", "a,B"]).is_err());
}

#[test]
fn the_hub_has_reached_it_when_it_says_so_of_this_credential() {
    let condition = |type_: &str, status: &str, reason: &str| json!({"type": type_, "status": status, "reason": reason, "message": "why", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let with = |version: &str, conditions: Vec<Value>| {
        attached(json!({"ready": true, "observedSecretVersion": version, "conditions": conditions}), "s")
    };
    let ready = || condition("Ready", "True", "ClusterReady");
    let why = |reason: &str| format!("{reason}: why");
    for (status, expect) in [
        (with("6", vec![ready()]), Progress::Unheard),
        (with("7", vec![]), Progress::Unheard),
        (with("7", vec![ready()]), Progress::Reached),
        (with("7", vec![condition("CredentialCurrent", "False", "RenewalFailed"), ready()]), Progress::Reached),
        (
            with("7", vec![condition("CredentialCurrent", "False", "ClusterNotReachable"), ready()]),
            Progress::Trying(why("ClusterNotReachable")),
        ),
        (
            with("7", vec![condition("CredentialCurrent", "False", "KubeconfigRefused"), ready()]),
            Progress::Failed(why("KubeconfigRefused")),
        ),
        (with("7", vec![condition("Ready", "Unknown", "Probing")]), Progress::Trying(why("Probing"))),
        (with("7", vec![condition("Ready", "False", "SameCluster")]), Progress::Failed(why("SameCluster"))),
        (with("7", vec![condition("Ready", "False", "CredentialRefused")]), Progress::Trying(why("CredentialRefused"))),
    ] {
        assert_eq!(progress(&status, "7"), expect, "{status:?}");
    }
    // It has reached it, and has not read yet what is in the spec now: in which namespaces it has rights.
    let mut edited = with("7", vec![ready()]);
    edited.metadata.generation = Some(2);
    for (observed, expect) in [
        (None, Progress::Unheard),
        (Some(1), Progress::Unheard),
        (Some(2), Progress::Reached),
        (Some(3), Progress::Reached),
    ] {
        edited.status.as_mut().unwrap().observed_generation = observed;
        assert_eq!(progress(&edited, "7"), expect, "{observed:?}");
    }
}

#[tokio::test]
async fn what_is_being_detached_is_not_attached_over() {
    let (mut going, mut told) =
        (json!(attached(json!({}), "paris-kubeconfig")), json!(attached(json!({}), "paris-kubeconfig")));
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    told["metadata"]["annotations"] = json!({"kurator.dev/on-detach": "remove"});
    for going in [going, told] {
        let hub = crate::approve::tests::Hub::new([(200, going)]);
        let said = look_up(&Api::new(hub.client(), "tester"), &names(None)).await.unwrap_err().to_string();
        assert!(
            said.starts_with("AttachedCluster default/paris is on its way out, as after `kurator detach`"),
            "{said}"
        );
    }
}

fn attached_in(namespaces: &[&str], version: &str) -> AttachedCluster {
    let mut attached = attached(json!({}), "paris-kubeconfig");
    attached.spec.namespaces = list(namespaces);
    attached.metadata.resource_version = Some(version.to_owned());
    attached
}

/// A question may be open for an hour, and another person answers the same one meanwhile.
#[tokio::test]
async fn what_was_changed_since_it_was_shown_is_not_written_over() {
    let member = member_sim::Member::start(member_sim::Options::new("prod")).await.unwrap();
    let member = Api::new(member.client(), "tester");
    let mut told = json!(attached_in(&["a"], "8"));
    told["metadata"]["annotations"] = json!({"kurator.dev/on-detach": "remove"});
    let mut again = json!(attached_in(&["a"], "8"));
    again["metadata"]["uid"] = "another".into();
    for now in [json!(attached_in(&["a", "b"], "8")), told, again] {
        let hub = crate::approve::tests::Hub::new([(200, now)]);
        let api = Api::new(hub.client(), "tester");
        let attaching = Attaching::new(1, &["a", "c"]);
        let place = Place { hub: &api, ..attaching.place(&member) };
        let present = Present { attached: Some(attached_in(&["a"], "7")), ..Present::default() };
        let refused = place.attach(&json!({"server": "https://paris"}), &present).await.map(|_| ());
        let refused = refused.unwrap_err().to_string();
        assert!(refused.starts_with("nothing was changed: AttachedCluster default/paris was changed"), "{refused}");
        let found = member.get(&super::accounts().target("kurator-system", "kurator")).await.unwrap();
        assert!(found.is_none(), "nothing was made: {found:?}");
    }
}

#[tokio::test]
async fn namespaces_are_written_over_what_was_shown_and_nothing_else() {
    let conflict = || (409, crate::approve::tests::refusal(409, "the object has been modified"));
    let names = Names { namespaces: list(&["a", "c"]), ..names(None) };
    let present = Present { attached: Some(attached_in(&["a"], "7")), ..Present::default() };
    let mut reached = attached_in(&["a"], "9");
    reached.status = Some(api::kurator::cluster::v1alpha1::AttachedClusterStatus { ready: true, ..Default::default() });
    for (meanwhile, expect) in [(json!(reached), true), (json!(attached_in(&["a", "b"], "9")), false)] {
        let done = (200, json!(attached_in(&["a", "c"], "10")));
        let hub = crate::approve::tests::Hub::new([
            (200, json!(attached_in(&["a"], "8"))),
            conflict(),
            (200, meanwhile.clone()),
            done,
        ]);
        let written = write_attached(&Api::new(hub.client(), "tester"), &names, &present).await;
        assert_eq!(written.is_ok(), expect, "{written:?} {meanwhile}");
        let asked = hub.asked.lock().unwrap();
        let writes: Vec<&Value> =
            asked.iter().filter(|(what, _)| what.starts_with("PATCH ")).map(|(_, body)| body).collect();
        let versions: Vec<&Value> = writes.iter().map(|body| &body["metadata"]["resourceVersion"]).collect();
        assert_eq!(versions, if expect { vec!["8", "9"] } else { vec!["8"] });
        assert!(writes.iter().all(|body| body["spec"]["namespaces"] == json!(["a", "c"])), "{writes:?}");
    }
}

#[tokio::test]
async fn a_credential_that_the_hub_does_not_get_leaves_no_mark_on_the_account() {
    let member = member_sim::Member::start(member_sim::Options::new("prod")).await.unwrap();
    let member = Api::new(member.client(), "tester");
    let not_found = || (404, crate::approve::tests::refusal(404, "not there"));
    let refused = (403, crate::approve::tests::refusal(403, "forbidden"));
    let hub = crate::approve::tests::Hub::new([not_found(), not_found(), refused, not_found()]);
    let api = Api::new(hub.client(), "tester");
    let attaching = Attaching::new(1, &[]);
    let place = Place { hub: &api, ..attaching.place(&member) };
    let why = place.attach(&json!({"server": "https://paris"}), &Present::default()).await.map(|_| ());
    let why = why.unwrap_err().to_string();
    assert!(why.contains("cannot write Secret default/paris-kubeconfig"), "{why}");
    let account = member.get(&super::accounts().target("kurator-system", "kurator")).await.unwrap().unwrap();
    assert_eq!(api::kurator::minted::marks(&account).count(), 0, "{account}");
    let secrets = Resource::core("Secret", "secrets", true);
    let left = member.list(&secrets, "kurator-system", &client::Selection::default()).await.unwrap().items;
    assert!(left.is_empty(), "{left:?}");
}

/// The hub works with another member's credential there, and the mark would keep the account when that member leaves.
#[tokio::test]
async fn what_is_for_nothing_leaves_no_mark_and_no_token_in_the_cluster() {
    let member = member_sim::Member::start(member_sim::Options::new("prod")).await.unwrap();
    let api = Api::new(member.client(), "tester");
    let first = Attaching::new(1, &[]);
    let names = Names { name: "twin".into(), ..names(None) };
    let mark = Mark::of("https://hub.example.com", Some(&first.id), None, &names);
    let twin = Attaching { id: first.id.clone(), names, mark };
    let works = first.place(&api).make_account().await.unwrap().mark;
    let secrets = Resource::core("Secret", "secrets", true);
    for name in ["token-of-paris", "token-of-twin"] {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"namespace": NAMESPACE, "name": name, "labels": {"kurator.dev/token-of": "kurator"},
                "annotations": {"kubernetes.io/service-account.name": "kurator"}}});
        api.create(&secrets, NAMESPACE, &secret).await.unwrap();
    }
    // Also again, when the mark was there before.
    for _ in 0..2 {
        let own = twin.place(&api).make_account().await.unwrap().mark;
        let made = Minted { token_secret: Some("token-of-twin".to_owned()), ..minted(&own) };
        let end = twin.place(&api).withdraw(&made).await;
        assert_eq!((end.trouble.as_str(), end.others.as_ref().map(Vec::len)), ("", Some(1)));
        let account = api.get(&super::accounts().target(NAMESPACE, SERVICE_ACCOUNT)).await.unwrap().unwrap();
        let marks: Vec<&String> = api::kurator::minted::marks(&account).map(|(name, _)| name).collect();
        assert_eq!(marks, [&works]);
        let left = api.list(&secrets, NAMESPACE, &client::Selection::default()).await.unwrap().items;
        let left: Vec<_> = left.iter().filter_map(model::object::name).collect();
        assert_eq!(left, ["token-of-paris"]);
    }
    // It cannot be taken off.
    let own = twin.place(&api).make_account().await.unwrap().mark;
    let refused = refusing(&member, "PATCH /api/v1/namespaces/kurator-system/serviceaccounts/kurator");
    let end = twin.place(&refused).withdraw(&minted(&own)).await;
    assert!(end.trouble.contains(&format!("annotation {own} stays on ServiceAccount")), "{}", end.trouble);
}

#[test]
fn what_was_made_for_nothing_is_said_with_who_works_as_the_account() {
    let hub = attach("attach prod").0;
    let end = |others: Option<&[&str]>| Withdrawn {
        others: others.map(|all| all.iter().map(ToString::to_string).collect()),
        trouble: String::new(),
    };
    let said = |reason, end: Withdrawn| undone_with(&hub, &names(Some("all")), reason, &end);
    let same = said(reason::SAME_CLUSTER, end(Some(&["default/beijing (hub x)"])));
    assert!(
        same.ends_with("ServiceAccount kurator-system/kurator stays, since another member of this hub works as it"),
        "{same}"
    );
    let theirs = said(reason::NAME_TAKEN, end(Some(&["default/beijing (hub x)"])));
    assert!(theirs.ends_with("stays, since others work as it: default/beijing (hub x)"), "{theirs}");
    let nobodys = said(reason::NAME_TAKEN, end(Some(&[])));
    assert!(
        nobodys.contains("nobody is noted on it") && nobodys.contains("kubectl delete clusterrolebinding/kurator"),
        "{nobodys}"
    );
    let unseen = said(reason::NAME_TAKEN, end(None));
    assert!(unseen.ends_with("stays with its rights") && !unseen.contains("kubectl delete"), "{unseen}");
    let mut clusters = names(None);
    clusters.namespace = "clusters".to_owned();
    let typed = undone_with(&hub, &clusters, reason::SAME_CLUSTER, &end(None));
    assert!(typed.contains("`kurator detach member/clusters/paris --keep`"), "{typed}");
}

#[test]
fn names_come_from_contexts_and_advice_from_addresses() {
    for (context, name) in [
        ("prod", "prod"),
        ("arn:aws:eks:eu-west-1:1234:cluster/prod", "prod"),
        ("kubernetes-admin@kubernetes", "kubernetes"),
        ("gke_project_europe-west1_prod", "gke-project-europe-west1-prod"),
        ("Prod.EU", "prod-eu"),
        ("admin@", ""),
    ] {
        assert_eq!(name_of_context(context), name, "{context}");
    }
    for (server, near) in [
        ("https://127.0.0.1:6443", true),
        ("https://10.1.2.3", true),
        ("https://[fd00::1]:6443", true),
        ("https://localhost:1", true),
        ("https://nas:6443", true),
        ("https://192.0.2.7:6443", false),
        ("https://prod.example.com", false),
    ] {
        assert_eq!(is_near(server), near, "{server}");
    }
    let (common, what) = attach("attach it's");
    assert_eq!(
        advice("https://10.1.2.3:6443", &common, &what, "it's", &names(None)),
        "https://10.1.2.3:6443 is an address of this machine or of a private network: if the hub is elsewhere, say one that \
         it reaches with `kurator attach 'it'\\''s' --name paris --server https://HOST:PORT`"
    );
}

/// Also where the take-over that follows fails.
#[test]
fn what_is_left_of_the_rights_before_is_said_whether_it_stays_or_cannot_be_deleted() {
    assert_eq!(left_after(&Ok(None)), None);
    assert_eq!(left_after(&Ok(Some("it stays".to_owned()))), Some("it stays".to_owned()));
    let refused = anyhow::anyhow!("forbidden").context("it cannot be deleted");
    assert_eq!(left_after(&Err(refused)), Some("it cannot be deleted: forbidden".to_owned()));
}

/// The command's arguments.
fn attach(line: &str) -> (args::Common, args::Attach) {
    let words = std::iter::once("kurator").chain(line.split(' '));
    match args::read(words) {
        Ok(args::Args { common, command: Command::Attach(what), .. }) => (common, what),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_commands_that_come_next_are_for_the_same_hub_and_cluster() {
    let of = |line: &str, fleets: &[&str]| {
        let (common, what) = attach(line);
        let hub = args::Common {
            kubeconfig: what.hub_kubeconfig.clone(),
            context: what.hub_context.clone(),
            ..common.clone()
        };
        let fleets: Vec<String> = fleets.iter().map(ToString::to_string).collect();
        next(&hub, &again(&common, &what, "kind-paris", &names(None)), &names(None), &fleets)
    };
    assert_eq!(
        of("attach kind-paris --kubeconfig /k/c --dir /hub --server https://paris:6443", &[]),
        "`kurator status member/paris --dir /hub` to see it, and `kurator attach kind-paris --name paris --dir /hub --kubeconfig \
         /k/c --server https://paris:6443 --fleet FLEET` to put it into a fleet"
    );
    assert_eq!(
        of("attach kind-paris --hub-kubeconfig /h --hub-context a", &["all"]),
        "`kurator status member/paris --kubeconfig /h --context a` to see it"
    );
}

#[test]
fn the_command_that_goes_on_does_all_that_was_asked_for() {
    for rest in ["--fleet europe", "--take-over", "--fleet europe --take-over mxqz2ra7oykc4hbt"] {
        let line = format!("attach kind-paris --hub-kubeconfig /h {rest}");
        let (common, what) = attach(&line);
        let expect = format!("`kurator attach kind-paris --name paris --hub-kubeconfig /h {rest}`");
        let said = advice("https://203.0.113.7:6443", &common, &what, "kind-paris", &names(None));
        assert!(said.contains(&expect), "{said}");
        let near = advice("https://127.0.0.1:6443", &common, &what, "kind-paris", &names(None));
        assert!(near.contains(&format!("{} --server https://HOST:PORT`", expect.trim_end_matches('`'))), "{near}");
    }
}

/// With `--namespaces` and the sum of both, rights would go that are left where namespaces are added.
#[test]
fn the_command_that_adds_namespaces_is_said_as_it_was() {
    let (common, what) = attach("attach kind-paris --add-namespaces b,c");
    let mut names = names(None);
    names.namespaces = list(&["a", "b", "c"]);
    let said = again(&common, &what, "kind-paris", &names);
    assert_eq!(said, "kurator attach kind-paris --name paris --add-namespaces b,c");
}

#[test]
fn namespaces_are_added_to_those_that_there_are() {
    let (before, more) = (list(&["b", "a"]), list(&["c", "a"]));
    assert_eq!(rights::added("paris", Some(&before), &more).unwrap(), list(&["a", "b", "c"]));
    for (before, expect) in [(None, "is not attached yet"), (Some(&[][..]), "rights in the whole cluster already")] {
        let refused = rights::added("paris", before, &more).unwrap_err().to_string();
        assert!(refused.contains(expect), "{refused}");
    }
}

#[tokio::test]
async fn the_hub_itself_is_not_attached() {
    let server = member_sim::Member::start(member_sim::Options::new("hub")).await.unwrap();
    let hub = Api::new(server.client(), "tester");
    let namespaces = Resource::core("Namespace", "namespaces", false);
    let target = namespaces.target("", "kube-system");
    let system = hub.get(&target).await.unwrap().unwrap();
    let uid = object::uid(&system).unwrap();
    let refused = refuse_own(&hub, "hub", uid).await.unwrap_err().to_string();
    assert!(refused.starts_with("context hub is the hub itself"), "{refused}");
    refuse_own(&hub, "paris", "another").await.unwrap();
}

#[test]
fn the_document_lists_the_rights_that_are_given() {
    for namespaces in [list(&[]), list(&["a"])] {
        let table = rights::table(&namespaces);
        assert!(RIGHTS.contains(&table), "docs/rights.md needs this table:\n{table}");
    }
    for command in rights::removal(&[]).into_iter().chain(rights::removal(&list(&["a"]))) {
        assert!(RIGHTS.lines().any(|line| line == command), "docs/rights.md needs this command: {command}");
    }
}

#[test]
fn only_what_attach_made_is_written_again() {
    let labelled = |value: &str| json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": value}}});
    for grant in rights::grants(&[]).into_iter().chain(rights::grants(&list(&["a"]))) {
        let is_namespace = grant.resource.kind == "Namespace";
        let may = |found: Value| grant.may_be_written(&found);
        assert!(may(grant.object.clone()) && may(labelled("kurator")), "{}", grant.name());
        assert_eq!(may(labelled("Helm")), is_namespace, "{}", grant.name());
        assert_eq!(may(json!({"metadata": {"name": "kurator"}})), is_namespace, "{}", grant.name());
    }
}

/// One of several hubs that attach a cluster, with rights in these namespaces.
pub(super) struct Attaching {
    pub(super) id: HubId,
    pub(super) names: Names,
    mark: Mark,
}

impl Attaching {
    pub(super) fn new(id: u8, namespaces: &[&str]) -> Self {
        let id = HubId::from_random([id; 10]);
        let names = Names { namespaces: list(namespaces), ..names(None) };
        Self { mark: Mark::of("https://hub.example.com", Some(&id), None, &names), id, names }
    }

    pub(super) fn place<'a>(&'a self, member: &'a Api) -> Place<'a> {
        let Self { id, names, mark } = self;
        Place { member, hub: member, mark, own_id: Some(id), names, context: "prod" }
    }
}

/// How a credential was made by a hub that has this mark on the account.
pub(super) fn minted(mark: &str) -> Minted {
    let mut minted = Minted::parse(r#"{"context": "prod", "issued": "2026-01-01T00:00:00Z"}"#).unwrap();
    minted.used_by = Some(mark.to_owned());
    minted
}

/// A cluster, which refuses what begins with this: a method, and a path with its query.
pub(super) fn refusing(member: &member_sim::Member, what: &'static str) -> Api {
    let inner = member.client();
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let inner = inner.clone();
        async move {
            if !format!("{} {}", request.method(), request.uri()).starts_with(what) {
                return inner.send(request).await;
            }
            let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Forbidden",
                "code": 403, "message": "forbidden"});
            let body = kube::client::Body::from(status.to_string().into_bytes());
            let response = http::Response::builder().status(403).header("content-type", "application/json");
            Ok(response.body(body).unwrap())
        }
    });
    Api::new(kube::Client::new(service, "default"), "tester")
}

/// A cluster in which `happening` happens once, before it is asked for what begins with this.
pub(super) fn interrupted<F: Future<Output = ()> + Send + 'static>(
    member: &member_sim::Member,
    what: &'static str,
    happening: impl FnOnce() -> F + Send + 'static,
) -> Api {
    let (inner, happening) = (member.client(), std::sync::Arc::new(std::sync::Mutex::new(Some(happening))));
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let is_it = format!("{} {}", request.method(), request.uri()).starts_with(what);
        let happening = if is_it { happening.lock().unwrap().take() } else { None };
        let inner = inner.clone();
        async move {
            if let Some(happening) = happening {
                happening().await;
            }
            inner.send(request).await
        }
    });
    Api::new(kube::Client::new(service, "default"), "tester")
}

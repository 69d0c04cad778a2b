//! A hub without a demo.

use api::kurator::cluster::v1alpha1::AttachedCluster;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};

use crate::process::Place;

#[test]
fn a_hub_alone_says_what_comes_next_and_ends_with_ctrl_c() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    let once = place.run(&format!("up --dir {dir} --exit-when-ready"));
    assert_eq!(once.code, Some(0), "{}", once.err);
    let lines: Vec<&str> = once.out.lines().collect();
    let [ready, converged] = lines[..] else { panic!("{}", once.out) };
    assert!(ready.starts_with("hub ready "), "{ready}");
    assert!(ready.ends_with(&format!("kubeconfig {dir}/kubeconfig (context hub)")), "{ready}");
    assert!(converged.starts_with("converged ") && converged.contains("nothing to wait for"), "{converged}");
    assert_eq!(once.err, "");

    place.up("", "hub ready");
    let empty = place.ok("status");
    let expected = "no members yet: `kurator attach CONTEXT`, or apply an AttachedCluster to the hub\n\nno applications in \
                    namespace default: apply an Application, or choose with -n or -A\n";
    assert_eq!(empty, expected);
    let file = format!("--kubeconfig {dir}/kubeconfig");
    let pasted = expected.replace("CONTEXT`", &format!("CONTEXT --hub-kubeconfig {dir}/kubeconfig`"));
    assert_eq!(place.ok(&format!("status {file}")), pasted);
    assert!(place.fails("demo commit").contains("start one with `kurator up --demo`"));
    assert!(place.fails("status member/beijing").contains("there is none yet"));
    place.signal("INT");
    assert_eq!(place.ended(), Some(0));

    place.up("", "hub ready");
    place.signal("TERM");
    assert_eq!(place.ended(), Some(0));
    assert!(place.fails(&format!("status --dir {dir}")).contains("does not answer; is it running?"));
}

#[test]
fn a_hub_that_listens_everywhere_is_told_to_this_machine_as_loopback_and_says_what_others_need() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    let once = place.run(&format!("up --dir {dir} --listen 0.0.0.0:0 --exit-when-ready"));
    assert_eq!(once.code, Some(0), "{}", once.err);
    place.up("--listen 0.0.0.0:0", "hub ready");
    let kubeconfig = std::fs::read_to_string(place.dir().join("kubeconfig")).unwrap();
    assert!(kubeconfig.contains("https://127.0.0.1:"), "{kubeconfig}");
    assert!(place.ok("status").contains("no members yet"));
}

#[test]
fn the_hub_is_found_by_the_first_that_names_it() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    place.up("", "hub ready");
    let kubeconfig = format!("{dir}/kubeconfig");
    let elsewhere = place.dir().join("elsewhere").display().to_string();
    // `XDG_STATE_HOME` elsewhere: no hub is known to run here.
    for (variables, words, expect) in [
        // Nothing names one.
        (vec![("XDG_STATE_HOME", "/nowhere")], "", "no hub runs on this machine"),
        (vec![("XDG_STATE_HOME", "/nowhere"), ("KUBECONFIG", kubeconfig.as_str())], "", ""),
        (vec![("XDG_STATE_HOME", "/nowhere"), ("KUBECONFIG", elsewhere.as_str())], "", "cannot read the kubeconfig"),
        (
            vec![("XDG_STATE_HOME", "/nowhere"), ("KUBECONFIG", elsewhere.as_str()), ("KURATOR_DIR", dir.as_str())],
            "",
            "",
        ),
        (vec![("KURATOR_DIR", elsewhere.as_str())], &format!(" --kubeconfig {kubeconfig}"), ""),
        (vec![("KURATOR_DIR", elsewhere.as_str())], &format!(" --dir {dir}"), ""),
        // The hub that runs here is meant, whatever kubectl uses otherwise.
        (vec![("KUBECONFIG", elsewhere.as_str())], "", ""),
        (vec![("KURATOR_DIR", "")], "", ""),
    ] {
        let run = place.command(&format!("status{words}")).envs(variables.clone()).output().unwrap();
        let said = String::from_utf8(run.stderr).unwrap();
        let is_found = expect.is_empty();
        assert_eq!(run.status.success(), is_found, "{variables:?}{words}: {said}");
        assert!(said.contains(expect), "{variables:?}{words}: {said}");
    }
}

#[test]
fn hub_and_namespace_come_from_the_same_kubeconfig() {
    let mut place = Place::new();
    place.up("", "hub ready");
    let own = place.dir().join("kubeconfig");
    let text = std::fs::read_to_string(&own).unwrap();
    let in_team = |path: &str, server: Option<&str>| {
        let mut kubeconfig = kube::config::Kubeconfig::from_yaml(&text).unwrap();
        let contexts = kubeconfig.contexts.iter_mut().filter_map(|context| context.context.as_mut());
        contexts.for_each(|context| context.namespace = Some("team-a".to_owned()));
        let clusters = kubeconfig.clusters.iter_mut().filter_map(|cluster| cluster.cluster.as_mut());
        clusters.for_each(|cluster| cluster.server = server.map(str::to_owned).or(cluster.server.take()));
        let file = place.dir().join(path);
        std::fs::write(&file, serde_json::to_string(&kubeconfig).unwrap()).unwrap();
        file.display().to_string()
    };
    let (same, other) = (in_team("same", None), in_team("other", Some("https://127.0.0.1:1")));
    let own = own.display().to_string();
    for (variable, words, namespace) in [
        // A hub answers there, beside the one that runs here.
        (same.as_str(), "", "team-a"),
        (&same, " -n east", "east"),
        // No hub answers there: the one that runs here is meant, and its own namespace.
        (&other, "", "default"),
        (&own, "", "default"),
        (&other, &format!(" --kubeconfig {same}"), "team-a"),
        (&same, &format!(" --dir {}", place.dir().display()), "default"),
    ] {
        let run = place.command(&format!("status{words}")).env("KUBECONFIG", variable).output().unwrap();
        let said = String::from_utf8(run.stdout).unwrap() + &String::from_utf8(run.stderr).unwrap();
        assert!(said.contains(&format!("no applications in namespace {namespace}:")), "{variable}{words}: {said}");
    }
}

#[test]
fn a_start_can_be_read_by_programs() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    let events = place.ok(&format!("up --dir {dir} --exit-when-ready -o json"));
    let events: Vec<serde_json::Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [ready, converged] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&converged["event"], &converged["converged"]), (&"converged".into(), &true.into()));
    assert_eq!(ready["kubeconfig"], format!("{dir}/kubeconfig"));
    assert_eq!(ready["contexts"], serde_json::json!(["hub"]));
    assert!(ready["hub"].as_str().is_some_and(|url| url.starts_with("https://127.0.0.1:")), "{ready}");
    place.up("", "hub ready");
    let absent = place.fails("suspend app/nobody -o json");
    assert!(absent.contains("there is no app/nobody"), "{absent}");
}

#[test]
fn a_hub_is_found_on_its_machine_though_the_name_that_it_advertises_is_known_to_others_only() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    // RFC 6761: no name server knows a name below `invalid`.
    place.up("--listen 0.0.0.0:0 --advertise hub.invalid", "hub ready");
    let file = place.dir().join("kubeconfig");
    let kubeconfig = std::fs::read_to_string(&file).unwrap();
    assert!(kubeconfig.contains("https://hub.invalid:"), "others are told the name that is advertised: {kubeconfig}");
    assert!(place.ok("status").contains("no members yet"), "found without --dir");
    assert!(place.ok(&format!("status --dir {dir} --context hub")).contains("no members yet"));
    assert!(place.ok("doctor").contains("https://127.0.0.1:"), "doctor says where it asked");
    let named = place.fails(&format!("status --kubeconfig {dir}/kubeconfig"));
    assert!(named.contains("the hub's name is not known here; on the machine of the hub say --dir"), "{named}");
    assert!(!named.contains("ServiceError") && named.lines().count() == 1, "{named}");

    // The same address with the authority of another hub.
    let mut other = Place::new();
    other.up("", "hub ready");
    let theirs = std::fs::read_to_string(other.dir().join("kubeconfig")).unwrap();
    let line = |text: &str, field: &str| text.lines().find(|line| line.contains(field)).unwrap().to_owned();
    let mixed =
        theirs.replace(&line(&theirs, "server:"), &line(&kubeconfig, "server:").replace("hub.invalid", "localhost"));
    std::fs::write(other.dir().join("mixed"), mixed).unwrap();
    let mixed = format!("{}/mixed", other.dir().display());
    let stranger = place.fails(&format!("status --kubeconfig {mixed}"));
    assert!(stranger.contains("fetch the hub's kubeconfig again"), "{stranger}");
    for (file, reason) in [(mixed.as_str(), "HubUntrusted"), (&format!("{dir}/kubeconfig"), "HubNameUnknown")] {
        let found = place.run(&format!("doctor --kubeconfig {file}"));
        assert_eq!(found.code, Some(1), "{}{}", found.out, found.err);
        assert!(found.out.contains(reason), "{}", found.out);
    }
    let absent = place.fails(&format!("status --kubeconfig {mixed} --context nope"));
    assert!(absent.contains("it has no context nope; choose with --context: it has hub"), "{absent}");
    std::fs::write(&mixed, "users: [{name: a, user: {token: s3cret}}\n").unwrap();
    let broken = place.fails(&format!("status --kubeconfig {mixed}"));
    assert!(broken.contains("is no YAML of a kubeconfig: line ") && !broken.contains("s3cret"), "{broken}");
    assert_eq!(broken.lines().count(), 1, "{broken}");
    let unread = place.fails("status --kubeconfig /nowhere/x");
    assert_eq!(unread, "error: cannot read the kubeconfig /nowhere/x: No such file or directory (os error 2)\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_to_end_when_all_is_ready_waits_for_all() {
    // A second call only finds it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    place.up("", "hub ready");
    let client = crate::guide::client(&place).await;
    let attached: Api<AttachedCluster> = Api::namespaced(client.clone(), "default");
    let paris = serde_json::json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
        "metadata": {"name": "paris"}, "spec": {"kubeconfig": {"name": "paris-kubeconfig", "key": "value"}}});
    attached.patch("paris", &PatchParams::apply("test"), &Patch::Apply(&paris)).await.unwrap();
    place.signal("TERM");
    assert_eq!(place.ended(), Some(0));

    let late = place.run(&format!("up --dir {dir} --exit-when-ready --timeout 3s"));
    assert_eq!(late.code, Some(1), "{}{}", late.out, late.err);
    assert!(late.err.starts_with("error: not converged after "), "{}", late.err);
    assert!(
        late.err.contains("member/paris NotReady, SecretNotFound: Secret default/paris-kubeconfig"),
        "{}",
        late.err
    );
    let late = place.run(&format!("up --dir {dir} --exit-when-ready --timeout 2s -o json"));
    let last: serde_json::Value = serde_json::from_str(late.out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["converged"], &last["waiting"][0]["reason"]), (&false.into(), &"SecretNotFound".into()));

    place.up("", "hub ready");
    attached_at(&place).await.delete("paris", &DeleteParams::default()).await.unwrap();
    place.signal("TERM");
    assert_eq!(place.ended(), Some(0));
    let done = place.ok(&format!("up --dir {dir} --exit-when-ready --timeout 30s"));
    assert!(done.contains("nothing to wait for"), "{done}");
}

/// A client that knows where the hub of this place listens now.
async fn attached_at(place: &Place) -> Api<AttachedCluster> {
    Api::namespaced(crate::guide::client(place).await, "default")
}

#[test]
fn a_directory_is_used_for_what_it_was_made_for_and_a_hub_that_moved_says_so() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    place.ok(&format!("up --dir {dir} --listen 0.0.0.0:0 --advertise hub.example.com --exit-when-ready"));
    let demo = place.fails(&format!("up --demo --dir {dir} --exit-when-ready"));
    assert!(demo.contains("is the directory of a hub") && demo.contains("--anyway"), "{demo}");
    assert!(!place.dir().join("demo").exists(), "nothing was made");
    let moved = place.run(&format!("up --dir {dir} --exit-when-ready"));
    assert!(
        moved.code == Some(0) && moved.err.contains("note: the hub was at https://hub.example.com:"),
        "{}",
        moved.err
    );
    let again = place.run(&format!("up --dir {dir} --exit-when-ready"));
    assert_eq!((again.code, again.err.as_str()), (Some(0), ""), "it is said once");
    place.up("", "hub ready");
    assert!(place.fails("demo commit").contains("no demo runs on this machine"));
    assert!(place.fails("status --dir /tmp").contains("there is no hub in /tmp: start one with"));
}

#[test]
fn push_hooks_arrive_where_it_was_said() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut place = Place::new();
    place.up(&format!("--hook-listen {free}"), "hub ready");
    assert!(std::net::TcpStream::connect(free).is_ok());
    assert!(place.ok("status").contains("no applications"), "the API has an address of its own");
}

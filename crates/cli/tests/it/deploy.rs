//! What `deploy/` holds is understood by those who read it: systemd, an API server, and this program.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config};
use serde_json::Value;

use crate::process::Place;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// Every flag and value is one that the program takes. Nothing starts.
fn assert_taken(place: &Place, words: &[String]) {
    let mut command = place.command("");
    let printed = command.args(words).arg("--help").output().unwrap();
    let why = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(printed.status.success(), "kurator {words:?}: {why}");
    assert!(String::from_utf8_lossy(&printed.stdout).contains("Run a hub on this machine"), "{words:?}");
}

#[test]
fn the_unit_starts_the_program_with_options_that_it_has_and_systemd_takes_it() {
    let place = Place::new();
    let unit = fs::read_to_string(deploy().join("systemd/kurator.service")).unwrap();
    let value = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let options = |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    let start = value("ExecStart").unwrap();
    let usual = value("Environment").unwrap().trim_matches('"').strip_prefix("KURATOR_OPTIONS=").unwrap();
    // What the comment proposes for `/etc/kurator/options`.
    let comment = unit.lines().find_map(|line| line.split_once("KURATOR_OPTIONS=")).unwrap().1;
    for given in [usual, comment] {
        let words = options(&start.replace("$KURATOR_OPTIONS", given));
        assert_eq!(words[0], "/usr/local/bin/kurator");
        assert_taken(&place, &words[1..]);
    }
    let state = value("StateDirectory").unwrap();
    assert!(start.contains(&format!("--dir /var/lib/{state} ")), "{start}");

    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is not here");
        return;
    }
    // systemd looks whether the program is there.
    let copy = place.dir().parent().unwrap().join("kurator.service");
    fs::write(&copy, unit.replace("/usr/local/bin/kurator", env!("CARGO_BIN_EXE_kurator"))).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&copy).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // Other units of the machine may have faults of their own.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("kurator")).collect();
    assert!(ours.is_empty(), "{ours:?}");
}

#[test]
fn a_service_manager_is_told_when_the_hub_is_ready_and_when_it_ends() {
    let mut place = Place::new();
    let socket = place.dir().parent().unwrap().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let told = || {
        let mut text = [0; 64];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    place.start_with("", &[("NOTIFY_SOCKET", socket.as_os_str())]);
    assert_eq!(told(), "READY=1");
    // Ready means that it answers.
    assert!(place.ok("status").contains("no members yet"));
    place.signal("TERM");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(place.ended(), Some(0));
}

fn manifests() -> Vec<Value> {
    let folder = deploy().join("kubernetes");
    let list = fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    let list = model::yaml::parse(&list).unwrap();
    let files: Vec<String> =
        list["resources"].as_array().unwrap().iter().map(|file| file.as_str().unwrap().to_owned()).collect();
    let there = fs::read_dir(&folder).unwrap().count();
    assert_eq!(there, files.len() + 1, "each file is in the kustomization");
    files
        .iter()
        .flat_map(|file| model::yaml::documents(&fs::read_to_string(folder.join(file)).unwrap()).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manifests_are_valid_and_run_the_program_with_options_that_it_has() {
    // A second call only finds it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut place = Place::new();
    place.up("", "hub ready");
    let config = Kubeconfig::read_from(place.dir().join("kubeconfig")).unwrap();
    let mut config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    config.proxy_url = None;
    let client = Client::try_from(config).unwrap();
    let params = PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply("deploy") };
    let all = manifests();
    for object in &all {
        let gvk = model::object::gvk(object).unwrap();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind));
        let api: Api<DynamicObject> = match model::object::namespace(object) {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        api.patch(model::object::name(object).unwrap(), &params, &Patch::Apply(object)).await.unwrap();
    }
    let of = |kind: &str| all.iter().find(|object| object["kind"] == kind).unwrap();
    let (set, service, policy) = (of("StatefulSet"), of("Service"), of("NetworkPolicy"));
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let args: Vec<String> =
        container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap().to_owned()).collect();
    assert_taken(&place, &args);

    // What one file says of another.
    assert_eq!(set["spec"]["replicas"], 1);
    assert_eq!(set["spec"]["serviceName"], service["metadata"]["name"]);
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&service["spec"]["selector"], labels);
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels);
    let name = format!("{}.{}.svc", service["metadata"]["name"].as_str().unwrap(), "kurator-hub");
    assert!(args.contains(&format!("--advertise={name}")), "the certificate is good for the Service: {args:?}");
    let mount = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    assert!(args.iter().any(|arg| arg.starts_with(&format!("--dir={mount}/"))), "{args:?}");
    let listens = |port: &Value| args.iter().any(|arg| arg.ends_with(&format!("listen=0.0.0.0:{port}")));
    for (port, open) in service["spec"]["ports"].as_array().unwrap().iter().zip(container["ports"].as_array().unwrap())
    {
        assert_eq!(port["targetPort"], open["name"]);
        assert!(port["port"] == open["containerPort"] && listens(&port["port"]), "{port}");
        let admitted = policy["spec"]["ingress"][0]["ports"].as_array().unwrap();
        assert!(admitted.iter().any(|rule| rule["port"] == port["port"]), "{port}");
    }
    for (probe, path) in [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        assert_eq!(container[probe]["httpGet"]["path"], path);
        assert_eq!(container[probe]["httpGet"]["scheme"], "HTTPS");
    }
}

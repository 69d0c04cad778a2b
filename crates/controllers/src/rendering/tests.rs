use std::convert::Infallible;

use api::delivery::{Artifact as ArtifactRecord, ArtifactInputs, ChartInputs, UnitId};
use kube::client::Body;
use model::tree::{Entry, FileTree};
use render::Question;
use serde_json::json;

use super::kept::{KEPT_BYTES_MAX, KNOWN_MAX};
use super::*;

fn rendering(bytes: usize) -> Arc<Rendering> {
    let (digest, refusals, remotes) = (Digest::of(&bytes.to_le_bytes()), Refusals::default(), Arc::default());
    let summary = Summary { digest, objects: 1, refusals, remotes, warnings: Arc::default(), misspelt: Arc::default() };
    Arc::new(Rendering { payload: Arc::default(), summary, bytes })
}

fn input(n: usize) -> Digest {
    Digest::of(&n.to_be_bytes())
}

#[test]
fn objects_are_kept_up_to_a_limit_and_what_a_decision_needs_of_them_longer() {
    let mut kept = Kept::default();
    for n in 0..10 {
        kept.remember(&input(n), rendering(KEPT_BYTES_MAX / 4));
        kept.find(&input(0));
    }
    let at_hand: Vec<usize> = (0..10).filter(|n| kept.by_key[&input(*n)].rendering.is_some()).collect();
    assert_eq!(at_hand, [0, 7, 8, 9], "what is used stays");
    assert!(kept.bytes <= KEPT_BYTES_MAX);
    assert!((0..10).all(|n| kept.by_key[&input(n)].outcome.is_some()));
    // One that is larger than the limit is kept alone, since it is about to be used.
    kept.remember(&input(20), rendering(2 * KEPT_BYTES_MAX));
    assert_eq!(kept.by_key.values().filter(|e| e.rendering.is_some()).count(), 1);
    assert_eq!(kept.bytes, 2 * KEPT_BYTES_MAX);
}

#[test]
fn inputs_are_forgotten_half_at_a_time() {
    let mut kept = Kept::default();
    for n in 0..=KNOWN_MAX {
        kept.find(&input(n));
    }
    assert!((KNOWN_MAX / 2..KNOWN_MAX / 2 + 3).contains(&kept.by_key.len()), "{}", kept.by_key.len());
    assert!(kept.by_key.contains_key(&input(KNOWN_MAX)) && !kept.by_key.contains_key(&input(0)));
}

#[test]
fn the_bytes_that_are_kept_are_counted_also_when_inputs_are_forgotten_meanwhile() {
    let mut kept = Kept::default();
    for n in 0..KNOWN_MAX {
        kept.remember(&input(n), rendering(100));
    }
    // Adding it forgets half of the others.
    kept.remember(&input(KNOWN_MAX), rendering(100));
    let at_hand: usize = kept.by_key.values().filter_map(|e| e.rendering.as_ref()).map(|r| r.bytes).sum();
    assert_eq!(kept.bytes, at_hand);
}

/// Which objects are in which phase, and how long each phase is waited for.
fn phases(objects: Vec<Value>, timeout: Option<Duration>) -> Vec<String> {
    let rendering = in_phases(objects, timeout).unwrap();
    let line = |phase: &api::feed::Phase| {
        let keys: Vec<String> = phase.objects.iter().map(|o| model::ObjectKey::of(o).to_string()).collect();
        format!("{} {:?} {}s: {}", phase.name, phase.wait, phase.timeout_secs, keys.join(", "))
    };
    rendering.payload.phases.iter().map(line).collect()
}

#[test]
fn the_phases_of_the_same_objects_change_only_with_the_version() {
    let object = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}});
    let objects = vec![
        object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
        object("apps/v1", "Deployment"),
        object("v1", "Service"),
        object("v1", "ConfigMap"),
        object("rbac.authorization.k8s.io/v1", "ClusterRole"),
        object("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        object("v1", "Namespace"),
    ];
    let expect = [
        "namespaces Accepted 60s: Namespace a",
        "definitions Established 60s: CustomResourceDefinition.apiextensions.k8s.io a",
        "settings Accepted 60s: ConfigMap default/a, ClusterRole.rbac.authorization.k8s.io a",
        "workloads Accepted 60s: Service default/a, Deployment.apps default/a",
        "interceptors Accepted 60s: ValidatingWebhookConfiguration.admissionregistration.k8s.io a",
    ];
    let found = phases(objects.clone(), None);
    assert_eq!(found, expect);
    // One row: the version, a name, the digests of what goes in and of what comes out. A version's row never changes:
    // `cargo xtask tidy` compares with every row that was ever committed.
    let digest = |lines: &Value| Digest::of_json(lines).to_string();
    let row = |version: &str| format!("{version} phases {} {}\n", digest(&json!(objects)), digest(&json!(found)));
    let committed = std::fs::read_to_string(golden()).unwrap_or_default();
    let version = committed.split(' ').next().unwrap_or_default();
    if std::env::var_os("KURATOR_BLESS").is_some() && version != render::VERSION {
        return std::fs::write(golden(), row(render::VERSION)).unwrap();
    }
    let why =
        "other phases for the same objects: bump render::VERSION and bless (cargo xtask bless kurator-controllers)";
    assert_eq!(committed, row(render::VERSION), "{why}");
}

/// The row of the version that renders now.
fn golden() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rendering/version.txt")
}

#[test]
fn a_timeout_of_the_policy_is_that_of_each_phase() {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}});
    let bounded = phases(vec![map, namespace], Some(Duration::from_millis(200)));
    assert_eq!(bounded.len(), 2);
    assert!(bounded.iter().all(|line| line.contains(" 1s: ")), "{bounded:?}");
}

#[test]
fn what_a_rendering_asks_for_is_loaded_until_it_is_whole() {
    let files = [
        ("app/kustomization.yaml", "resources: [../base]\n"),
        ("base/kustomization.yaml", "resources: [../part/m.yaml]\n"),
        ("part/m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n"),
    ];
    let mut tree = FileTree::new();
    files.iter().for_each(|(path, _)| tree.insert(*path, Entry::Known));
    let inputs = KustomizeInputs { path: Some("app".into()), ..KustomizeInputs::default() };
    let mut loaded = Vec::new();
    let given = || Given { tree: tree.clone(), remotes: render::Remotes::new() };
    let rendered = answer::render(&mut given(), &inputs, &mut |given, questions| {
        for question in questions {
            let Question::Directory(directory) = question else { panic!("{question:?}") };
            for (path, text) in files.iter().filter(|(path, _)| path.starts_with(&directory)) {
                given.tree.insert_file(*path, text.as_bytes().to_vec());
            }
            loaded.push(directory);
        }
        Ok(())
    });
    assert_eq!(rendered.unwrap().objects.len(), 1);
    assert_eq!(loaded, ["app", "base", "part"]);
    // A loader that loads nothing is asked a limited number of times.
    let mut turns = 0;
    let endless = answer::render(&mut given(), &inputs, &mut |_, _| {
        turns += 1;
        Ok(())
    });
    assert!(matches!(endless, Err(Failure::Manifests(why)) if why.contains("asks for files more than 1000 times")));
    assert_eq!(turns, 1000);
    let broken = answer::render(&mut given(), &inputs, &mut |_, _| Err(Failure::Disk("x".into())));
    assert_eq!(broken, Err(Failure::Disk("x".into())));
}

#[test]
fn a_directory_in_which_nothing_is_an_object_is_said() {
    let warnings = |path: &str, files: &[(&str, &str)]| -> Vec<String> {
        let mut tree = FileTree::new();
        files.iter().for_each(|(path, text)| tree.insert_file(*path, text.as_bytes().to_vec()));
        let inputs = KustomizeInputs { path: Some(path.into()), ..KustomizeInputs::default() };
        let mut given = Given { tree, remotes: render::Remotes::new() };
        let rendered = answer::render(&mut given, &inputs, &mut |_, questions| panic!("{questions:?}")).unwrap();
        of_tree(rendered, &inputs).unwrap().summary.warnings.to_vec()
    };
    let said = ["there is no object in ./app"];
    assert_eq!(warnings("./app", &[("app/README.md", "# later\n")]), said);
    assert_eq!(warnings("./app", &[("app/kustomization.yaml", "kind: Kustomization\n")]), said);
    assert_eq!(warnings("./app", &[("app/later.yaml", "# apiVersion: v1\n")]), said);
    assert_eq!(warnings("", &[("README.md", "# later\n")]), ["there is no object in the root of the source"]);
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n";
    assert_eq!(warnings("./app", &[("app/m.yaml", map)]), [""; 0]);
}

fn revision(policy: Value) -> RevisionSpec {
    let artifact = ArtifactRecord {
        digest: Digest::of(b"none"),
        revision: "main".into(),
        url: "http://x".into(),
        secret: None,
        ignore: None,
        submodules: false,
    };
    let (kustomize, remotes) = (serde_json::from_value(policy).unwrap(), BTreeMap::new());
    of_inputs(Inputs::Artifact(ArtifactInputs { artifact, kustomize, remotes }))
}

fn of_inputs(inputs: Inputs) -> RevisionSpec {
    RevisionSpec {
        unit: UnitId::new("apps.kurator.dev", "Application", "ns", "a", Some("p")),
        epoch: 1,
        inputs,
        overrides: Default::default(),
        answers: Default::default(),
        renderer: render::VERSION.into(),
        time: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

/// A hub that answers every request with this.
fn hub(status: u16, answer: Value) -> Api {
    let service = tower::service_fn(move |_: http::Request<Body>| {
        let body = Body::from(answer.to_string().into_bytes());
        async move { Ok::<_, Infallible>(http::Response::builder().status(status).body(body).unwrap()) }
    });
    Api::new(kube::Client::new(service, "default"), "test")
}

fn renderings(dir: &std::path::Path, hub: Api) -> Renderings {
    Renderings::new(Cache::open(dir, 1 << 20).unwrap(), hub, &Metrics::default())
}

#[tokio::test]
async fn objects_of_the_hub_are_rendered_in_phases_with_the_secrets_that_are_kept_beside_them() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}});
    let objects = [secret.clone(), namespace.clone()];
    let (inputs, sealed) = plan::unit::objects::pack(
        &objects,
        &"abcdefghij".parse().unwrap(),
        &plan::authenticator::HubKey::from_random([1; 32]),
    )
    .unwrap();
    let data = k8s_openapi::ByteString(sealed.unwrap().data);
    let stored = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": inputs.sealed, "namespace": "ns"},
        "data": {ObjectInputs::SEALED_KEY: data}});
    let dir = tempfile::tempdir().unwrap();
    let name = inputs.sealed.clone();
    let revision = of_inputs(Inputs::Objects(inputs));
    let rendering = renderings(dir.path(), hub(200, stored)).render(&revision, false).await.unwrap();
    let objects: Vec<&Value> = rendering.payload.objects().map(|object| object.as_ref()).collect();
    assert_eq!(objects, [&namespace, &secret], "the namespace's phase is the first");
    // Without the Secret nothing is rendered: what is missing must not be taken for what was removed.
    let gone = hub(
        404,
        json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "gone",
        "details": {"name": name}}),
    );
    let failed = renderings(dir.path(), gone).render(&revision, false).await.map(drop);
    assert!(matches!(failed, Err(Failure::Hub(_))), "{failed:?}");
}

#[tokio::test]
async fn two_revisions_of_which_nothing_is_lost_are_rendered_once() {
    let map =
        |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}});
    let of = |names: &[&str]| {
        let objects: Vec<Value> = names.iter().map(|name| map(name)).collect();
        let hub = plan::authenticator::HubKey::from_random([1; 32]);
        let (inputs, _) = plan::unit::objects::pack(&objects, &"abcdefghij".parse().unwrap(), &hub).unwrap();
        of_inputs(Inputs::Objects(inputs))
    };
    let dir = tempfile::tempdir().unwrap();
    let renderings = renderings(dir.path(), hub(500, json!({})));
    let (one, two) = (of(&["a"]), of(&["a", "b"]));
    // Neither is at hand any more at the next look.
    let lost = async |earlier, later| {
        renderings.kept().by_key.clear();
        crate::lost::between(&renderings, earlier, later).await.unwrap().len()
    };
    assert_eq!((lost(&one, &two).await, renderings.count()), (0, 2));
    assert_eq!((lost(&one, &two).await, renderings.count()), (0, 2), "it is known");
    assert_eq!((lost(&two, &one).await, renderings.count()), (1, 4), "the other way round something is lost");
    assert_eq!((lost(&two, &one).await, renderings.count()), (1, 6));
}

#[tokio::test]
async fn a_failure_is_remembered_only_when_it_is_lasting() {
    let dir = tempfile::tempdir().unwrap();
    let renderings = renderings(dir.path(), hub(500, json!({})));
    let lost = Failure::ArtifactLost(Digest::of(b"none"));
    for turn in 1..=2 {
        assert_eq!(renderings.summary(&revision(json!({"path": "a"})), true).await, Err(lost.clone()));
        assert_eq!(renderings.count(), turn);
    }
    let chart = ChartInputs {
        digest: Digest::of(b"chart"),
        name: "c".into(),
        version: "1".into(),
        url: "http://x".into(),
        values: Default::default(),
    };
    let wrong = renderings.summary(&of_inputs(Inputs::Chart(chart)), true).await;
    assert!(matches!(wrong, Err(Failure::Manifests(why)) if why.starts_with("charts are not rendered")));
    assert_eq!(renderings.count(), 2);
}

#[tokio::test]
async fn a_directory_that_is_missing_is_looked_for_once_whatever_it_stands_for() {
    let dir = tempfile::tempdir().unwrap();
    let renderings = renderings(dir.path(), hub(500, json!({})));
    let revision = revision(json!({"path": "gone"}));
    let key = renderings.work(&revision).await.unwrap().key();
    let missing = Failure::NoDirectory("kustomization.path: gone: no such file".into());
    renderings.kept().find(&key).outcome = Some(Err(missing.clone()));
    assert_eq!(renderings.summary(&revision, false).await, Err(missing.clone()));
    assert_eq!(renderings.render(&revision, false).await.map(drop), Err(missing));
    let empty = renderings.summary(&revision, true).await.unwrap();
    assert_eq!((empty.objects, empty.digest), (0, Payload::default().digest()));
    assert_eq!(*empty.warnings, ["kustomization.path: gone: no such file, so that it has no objects"]);
    assert_eq!(renderings.render(&revision, true).await.unwrap().summary, empty);
    assert_eq!(renderings.count(), 0);
}

#[test]
fn a_name_that_no_server_takes_is_said_with_its_file() {
    let mut tree = FileTree::new();
    let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n", "n".repeat(300));
    tree.insert_file("app/a.yaml", text.into_bytes());
    let inputs = KustomizeInputs { path: Some("app".into()), ..KustomizeInputs::default() };
    let mut given = Given { tree, remotes: render::Remotes::new() };
    let rendered = answer::render(&mut given, &inputs, &mut |_, _| Ok(())).unwrap();
    let named = named_as_they_may_be(rendered.objects);
    let Err(Failure::Manifests(why)) = named else { panic!("{named:?}") };
    assert!(why.starts_with("app/a.yaml document 1: metadata.name \"nnn"), "{why}");
    assert!(why.ends_with("has 300 bytes, and Kubernetes takes 253; give it another one"), "{why}");
}

#[test]
fn what_an_object_asks_for_in_words_that_mean_nothing_is_likely_to_be_a_mistake() {
    let object = |name: &str, annotations: Value| render::Object {
        value: json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "shop", "annotations": annotations}}),
        location: render::Location::default(),
    };
    let warnings = |objects: Vec<render::Object>| {
        let rendered = render::Rendered { objects, remotes: Vec::new(), warnings: vec!["known".to_owned()] };
        let summary = of_tree(rendered, &KustomizeInputs::default()).unwrap().summary;
        assert_eq!(*summary.warnings, ["known".to_owned()], "they do not take the place of what is worse");
        summary.misspelt
    };
    let said = warnings(vec![
        object("a", json!({"kurator.dev/on-delete": "orphn"})),
        object("b", json!({"kurator.dev/on-delete": "orphan"})),
    ]);
    let expect = "ConfigMap shop/a: kurator.dev/on-delete is \"orphn\": known are \"orphan\", \"prune\"";
    assert_eq!(*said, [expect.to_owned()]);
    let many = (0..100).map(|n| object(&n.to_string(), json!({"kurator.dev/on-delte": "orphan"}))).collect();
    assert_eq!(warnings(many).len(), MISSPELT_MAX);
}

//! The guide is played as it is written: every command runs, every YAML example is applied, and both languages show the
//! same.

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config};
use model::GroupKind;
use serde_json::Value;

use crate::document::{Section, commands, sections};
use crate::process::{Place, until};

const ENGLISH: &str = include_str!("../../../../docs/guide.md");
const CHINESE: &str = include_str!("../../../../docs/zh/guide.md");
const README: &str = include_str!("../../../../README.md");
const README_CHINESE: &str = include_str!("../../../../docs/zh/README.md");

/// Sections whose commands are for the demo, in the order in which they are played.
const DEMO: [&str; 6] =
    ["Run the demo", "Look", "Sync now, suspend, resume", "See what would change", "Held deletions", "Play the scenes"];
/// The section whose commands take members of a demo out of it, in their order.
const MOVE: &str = "Remove, detach, move";
/// Sections whose commands are for a hub with clusters of one's own.
const OWN: [&str; 4] =
    ["Use your own clusters", "Attach a cluster", "Attach a cluster by hand", "Attach a cluster with fewer rights"];
/// The section whose commands move a hub into a file and back.
const BACKUP: &str = "Backup and restore";

fn guide() -> Vec<Section> {
    sections(ENGLISH)
}

/// The commands of a section that are to be run.
fn shown(guide: &[Section], title: &str) -> Vec<String> {
    let section = guide.iter().find(|s| s.title == title).unwrap_or_else(|| panic!("the guide has no {title:?}"));
    section
        .blocks
        .iter()
        .filter(|(mark, _)| mark == "sh test")
        .flat_map(|(_, block)| commands(block, "kurator"))
        .collect()
}

/// What a command of the guide says, if it is worth a look.
fn expected(command: &str) -> &'static [&'static str] {
    match command {
        "status" => &["beijing", "3/3", "shop"],
        "status --problems -A" => &["nothing is wrong: 3 members, 1 fleet, 1 application are ready"],
        "status app/shop" => &["Ready        True", "beijing   large"],
        "status member/beijing" => &["member/beijing  v1.37", "ALLOCATABLE", "default/shop"],
        "tree app/shop" => &["beijing (policy large)  Ready", "└─", "Synced"],
        "status app/shop -o json" => &["\"policy\": \"large\""],
        "render app/shop --member beijing" => &["kind: Deployment", "policy large in beijing"],
        "diff app/shop" => &["app/shop: 3 members: nothing differs"],
        "diff app/shop --member beijing" => &["app/shop: 1 member: nothing differs"],
        "diff app/shop --commit main" => &["app/shop: 3 members: nothing would change"],
        "events app/shop" => &["LAST SEEN", "Fetched", "application/shop"],
        "doctor" => &["ok  member", "no known fault"],
        "sync app/shop" => &["3 of 3 ready"],
        "sync app/shop --no-wait" => &["asked to sync"],
        "suspend app/shop" => &["suspended; what runs stays"],
        "resume app/shop" => &["resumed"],
        // Once with all members, once while one does not answer.
        "demo commit" => &["virginia: 4 objects", "all members"],
        "demo edit" => &["spec.replicas set by demo-hand at", "; reverted", "Kubernetes does not record by whom"],
        "demo wipe" => &["nothing was deleted", "policy small: 8 deletions wait for approval"],
        "demo restore" => &["all members run"],
        "demo unplug beijing" => &["beijing is Unknown after", "shanghai: Ready True", "virginia: Ready True"],
        "demo plug beijing" => &["beijing is Ready after", "it has caught up after"],
        "demo restart" => &["objects as before", "mutating requests since the start"],
        "demo counters" => &["virginia:", "mutating requests"],
        "fleet remove virginia --yes" => &["member/virginia: has left fleet/demo in", "4 objects deleted"],
        "detach virginia --keep --yes" => &["member/virginia: detached in", "in the member nothing is touched"],
        "detach shanghai --release --yes" => &["member/shanghai: detached in", "stay and are nobody's"],
        "delete app/shop --yes" => &["app/shop: deleted in", "4 objects deleted in 1 member"],
        "delete fleet/demo --yes" => &["fleet/demo: deleted"],
        _ => &[],
    }
}

/// Runs a command of the guide and looks at what it says.
fn play(place: &Place, command: &str) {
    let said = place.run(command);
    assert_eq!(said.code, Some(0), "kurator {command}: {}{}", said.out, said.err);
    for words in expected(command) {
        assert!(said.out.contains(words) || said.err.contains(words), "kurator {command}: {}{}", said.out, said.err);
    }
}

#[test]
fn the_demo_can_be_played_as_the_guide_says() {
    let guide = guide();
    let [run, look, sync, see, held, scenes] = DEMO.map(|title| shown(&guide, title));
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    let [first, once] = run.as_slice() else { panic!("{run:?}") };
    let converged = place.ok(&once.replace("/tmp/demo", &dir));
    assert!(converged.contains("converged "), "{converged}");
    place.up(first.strip_prefix("up").unwrap(), "converged");

    look.iter().chain(&sync).chain(&see).for_each(|command| play(&place, command));

    // The first example releases what is shown, the second one of the lists: here in the other order.
    place.ok("demo wipe");
    let app = place.json("status app/shop");
    let digests: Vec<&str> =
        app["status"]["held"].as_array().unwrap().iter().map(|h| h["digest"].as_str().unwrap()).collect();
    let [all, one] = held.as_slice() else { panic!("{held:?}") };
    let (before, _) = one.split_once("sha256:").unwrap();
    play(&place, &format!("{before}{}", digests[0]));
    until("the first list to be released", || {
        let app = place.json("status app/shop");
        let left = app["status"]["held"].as_array().map_or(0, Vec::len);
        (left == 1).then_some(()).ok_or(app.to_string())
    });
    play(&place, all);
    until("the deletions", || {
        let summary = place.json("status")["applications"][0]["status"]["summary"].clone();
        (summary["held"] == 0 && summary["ready"] == 3).then_some(()).ok_or(summary.to_string())
    });
    place.ok("demo restore");

    scenes.iter().for_each(|command| play(&place, command));
    assert_eq!(place.ended(), Some(0));

    let played = [run, look, sync, see, held, scenes].concat();
    let readme: Vec<String> =
        sections(README).iter().flat_map(|s| &s.blocks).flat_map(|(_, b)| commands(b, "$kurator")).collect();
    assert!(readme.len() >= 8, "{readme:?}");
    for command in readme {
        assert!(
            played.contains(&command),
            "the README shows {command:?}, which the guide does not: nobody has tried it"
        );
    }
}

#[test]
fn members_leave_as_the_guide_says() {
    let moves = shown(&guide(), MOVE);
    let mut place = Place::new();
    place.up("--demo", "converged");
    moves.iter().for_each(|command| play(&place, command));
    place.ok("demo stop");
}

/// A client made from the kubeconfig that `up` names, as kubectl would.
pub(crate) async fn client(place: &Place) -> Client {
    let config = Kubeconfig::read_from(place.dir().join("kubeconfig")).unwrap();
    let mut config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_of_ones_own_can_be_set_up_as_the_guide_says() {
    // A second call only finds it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let guide = guide();
    let mut place = Place::new();
    let [up] = &shown(&guide, OWN[0])[..] else { panic!("one command starts the hub") };
    let up = up.strip_prefix("up --dir /srv/kurator").expect("the guide says where it lies");
    // This machine's own name, and a port that is free.
    let up = up.replace("hub.example.com", "localhost").replace(":6443", ":0");
    // The cluster that is attached is one of this machine.
    place.up(&format!("{up} --allow-loopback-members"), "hub ready");
    let kubeconfig = std::fs::read_to_string(place.dir().join("kubeconfig")).unwrap();
    assert!(kubeconfig.contains("https://localhost:"), "others are told the name that is advertised");

    let client = client(&place).await;
    let params =
        PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply("guide").force() };
    let mut kinds = Vec::new();
    for (_, block) in guide.iter().flat_map(|s| &s.blocks).filter(|(mark, _)| mark == "yaml test") {
        for object in model::yaml::documents(block).unwrap() {
            let gvk = model::object::gvk(&object).unwrap();
            let (namespace, name) = (model::object::namespace(&object).unwrap(), model::object::name(&object).unwrap());
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind));
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
            if let Err(error) = api.patch(name, &params, &Patch::Apply(&object)).await {
                panic!("{block}: {error}");
            }
            let unhonoured = admit::not_implemented(&GroupKind::new(&gvk.group, &gvk.kind), &object);
            assert!(unhonoured.is_empty(), "the guide shows what does not work yet: {unhonoured:?}");
            kinds.push(gvk.kind);
        }
    }
    assert_eq!(kinds, ["Secret", "AttachedCluster", "Fleet", "Application", "Secret"]);

    let [attach] = &shown(&guide, OWN[1])[..] else { panic!("one command attaches a cluster") };
    let (_berlin, file) = crate::attach::cluster(&place, "berlin", &["berlin-admin"]).await;
    let said = place.run(&format!("{attach} --yes --kubeconfig {file}"));
    assert!(
        said.code == Some(0) && said.err.contains("member/berlin: the hub has reached it"),
        "{}{}",
        said.out,
        said.err
    );

    let [narrow] = &shown(&guide, OWN[3])[..] else { panic!("one command gives fewer rights") };
    let said = place.run(&format!("{narrow} --yes --kubeconfig {file}"));
    assert!(
        said.code == Some(0) && said.err.contains("delete  ClusterRoleBinding kurator"),
        "{}{}",
        said.out,
        said.err
    );
    let status = place.ok("status member/berlin");
    assert!(status.contains("rights in billing, shop only"), "{status}");

    let [status] = &shown(&guide, OWN[2])[..] else { panic!("one command looks at the member") };
    until("the member to be probed", || {
        let said = place.run(status);
        // Nobody answers at an example's address.
        (said.code == Some(0) && said.out.contains("ClusterNotReachable")).then_some(()).ok_or(said.out + &said.err)
    });
}

#[test]
fn a_hub_is_backed_up_and_restored_as_the_guide_says() {
    let mut place = Place::new();
    place.up("", "hub ready");
    let home = place.dir().parent().unwrap().display().to_string();
    let commands = shown(&guide(), BACKUP);
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        if command.starts_with("up ") {
            place.signal("TERM");
            assert_eq!(place.ended(), Some(0));
        }
        place.ok(&command.replace("hub.backup", &format!("{home}/hub.backup")).replace("/srv", &home));
    }
}

#[test]
fn every_example_is_played_or_said_to_need_another_program() {
    for section in guide() {
        for (mark, block) in &section.blocks {
            match mark.as_str() {
                "sh test" => {
                    let title = section.title.as_str();
                    let is_played = DEMO.contains(&title) || OWN.contains(&title) || [BACKUP, MOVE].contains(&title);
                    assert!(is_played, "nobody plays {title:?}");
                    let other = block.lines().find(|line| !line.starts_with("kurator "));
                    assert_eq!(other, None, "in {title:?}");
                }
                "yaml test" => {}
                // For systemd, or for a cluster that is not the demo's; what is in `deploy` has tests of its own.
                "sh outside" => {
                    let is_of_others = ["kubectl", "systemctl"].iter().any(|program| block.contains(program));
                    assert!(is_of_others && commands(block, "kurator").is_empty(), "{block}");
                }
                // Played by `cargo xtask e2e kubectl`.
                "sh" => {
                    let is_of_others = ["kubectl", "openssl"].iter().any(|program| block.contains(program));
                    assert!(is_of_others && commands(block, "kurator").is_empty(), "{block}");
                }
                other => panic!("{other:?} in {:?}", section.title),
            }
        }
    }
}

/// The same sections of the same depth, with the same examples, the same words in backticks and as many items.
fn assert_same(english: &str, chinese: &str) {
    let (english, chinese) = (sections(english), sections(chinese));
    let depths = |sections: &[Section]| sections.iter().map(|s| s.depth).collect::<Vec<_>>();
    assert_eq!(depths(&english), depths(&chinese));
    for (one, other) in english.iter().zip(&chinese) {
        let (title, other_title) = (&one.title, &other.title);
        let bare = |section: &Section| -> Vec<(String, Vec<String>)> {
            let lines = |b: &String| {
                b.lines().map(|l| l.split(" #").next().unwrap_or_default().trim_end().to_owned()).collect()
            };
            section.blocks.iter().map(|(mark, block)| (mark.clone(), lines(block))).collect()
        };
        assert_eq!(bare(one), bare(other), "{title} / {other_title}");
        assert_eq!(one.words, other.words, "in {title} / {other_title}");
        assert_eq!(one.items, other.items, "items of {title} / {other_title}");
    }
}

#[test]
fn both_languages_say_the_same() {
    assert_same(ENGLISH, CHINESE);
    assert_same(README, README_CHINESE);
}

#[test]
fn values_for_programs_are_one_document_each() {
    let place = Place::new();
    let json: Value = serde_json::from_str(&place.ok("version -o json")).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(place.ok("version -o yaml"), format!("---\nversion: \"{}\"\n", env!("CARGO_PKG_VERSION")));
}

//! The tree, in order and aligned.

use serde_json::{Value, json};

use super::page;
use crate::args::Target;
use crate::output::{self, Line};

fn lines(name: &str, tree: &Value, colour: bool) -> Vec<Line> {
    super::lines(name, &format!("kurator status {name}"), tree, colour)
}

fn object(kind: &str, name: &str, sync: &str, health: &str) -> Value {
    json!({"key": {"kind": kind, "namespace": "shop", "name": name}, "sync": sync, "health": health, "reverts": 0})
}

fn unit(member: &str, policy: &str, phase: &str, health: &str, details: Vec<Value>) -> Value {
    let revision = format!("main@sha1:3f2c1a{}", "0".repeat(34));
    json!({"member": member, "sourceRevision": revision, "unit": format!("apps.kurator.dev/Application/default/shop/{policy}"), "policy": policy,
        "phase": phase, "health": health, "details": details})
}

fn tree() -> Value {
    let mut web = object("Deployment", "web", "Synced", "Healthy");
    web["message"] = json!("2 of 2 ready");
    web["reverts"] = json!(2);
    let mut service = object("Service", "web", "Failed", "Missing");
    service["message"] = json!("spec.ports: Required value");
    let mut config = object("ConfigMap", "settings", "Synced", "Healthy");
    config["changedByAdmission"] = json!(["data.greeting"]);
    config["adopted"] = json!(true);
    let namespace = json!({"key": {"kind": "Namespace", "name": "shop"}, "sync": "Synced", "health": "Healthy",
        "reverts": 1});
    json!({"units": [
        unit("shanghai", "small", "Applied", "Healthy", vec![namespace, config, web]),
        unit("tokyo", "small", "Applied", "Healthy", vec![]),
        unit("virginia", "small", "Unknown", "Unknown", vec![object("ConfigMap", "settings", "Synced", "Unknown")]),
        unit("beijing", "large", "Failed", "Missing", vec![service]),
    ]})
}

#[test]
fn members_are_in_order_and_all_objects_share_their_columns() {
    insta::assert_snapshot!("application", output::text(&lines("app/shop", &tree(), false)));
    insta::assert_snapshot!("member", output::text(&lines("member/beijing", &tree(), false)));
    assert_eq!(
        lines("app/shop", &json!({}), false),
        ["app/shop", "  no member reports anything of it; see `kurator status app/shop`"]
    );
}

#[test]
fn the_page_that_says_why_there_is_nothing_is_in_the_same_namespace() {
    let app = Target::App("shop".to_owned());
    assert_eq!(page("app/shop", &app, "default"), "kurator status app/shop");
    assert_eq!(page("app/shop", &app, "east"), "kurator status app/shop -n east");
    let member = Target::Member("beijing".to_owned());
    assert_eq!(page("member/beijing", &member, "east"), "kurator status member/beijing");
}

#[test]
fn colours_change_nothing_but_colours() {
    let coloured = output::text(&lines("app/shop", &tree(), true));
    assert!(coloured.contains("\x1b[31mFailed\x1b[0m") && coloured.contains("\x1b[32mSynced\x1b[0m"), "{coloured}");
    let plain =
        ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"].iter().fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(plain, output::text(&lines("app/shop", &tree(), false)));
}

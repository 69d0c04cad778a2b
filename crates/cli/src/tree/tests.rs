//! The tree, in order and aligned.

use serde_json::{Value, json};

use super::page;
use crate::args::Target;
use crate::output::{self, Line};

fn lines(name: &str, tree: &Value, colour: bool) -> Vec<Line> {
    super::lines(name, &format!("`kurator status {name}`"), tree, colour)
}

fn object(kind: &str, name: &str, sync: &str, health: &str) -> Value {
    json!({"key": {"kind": kind, "namespace": "shop", "name": name}, "sync": sync, "health": health, "reverts": 0})
}

fn unit(member: &str, policy: &str, (state, reason, message): (&str, &str, &str), details: Vec<Value>) -> Value {
    json!({"member": member, "unit": format!("apps.kurator.dev/Application/default/shop/{policy}"), "policy": policy,
        "state": state, "stateReason": reason, "stateMessage": message, "details": details})
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
    config["notes"] =
        json!(["its adoption changed data.greeting", "not sent, since only a server sets it: metadata.uid"]);
    let namespace = json!({"key": {"kind": "Namespace", "name": "shop"}, "sync": "Synced", "health": "Healthy",
        "reverts": 1});
    let ready = ("Ready", "ReconciliationSucceeded", "Applied, Healthy");
    let failed = ("NotReady", "ReconciliationFailed", "Service shop/web: spec.ports: Required value");
    let unknown = ("Unknown", "MemberUnknown", "nothing is known of the member now; see its Ready");
    let suspended = ("Suspended", "Suspended", "observed only");
    json!({"revision": "main@sha1:3f2c1a97df8477b5708f63235d978e6ede475f92", "state": "NotReady",
        "reason": "FetchFailed", "message": "the source cannot be fetched: 404", "units": [
        unit("shanghai", "small", ready, vec![namespace, config, web]),
        unit("tokyo", "small", suspended, vec![]),
        unit("virginia", "small", unknown, vec![object("ConfigMap", "settings", "Synced", "Healthy")]),
        unit("beijing", "large", failed, vec![service]),
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
    assert_eq!(page(&app, "default"), "`kurator status app/shop -n default`");
    assert_eq!(page(&app, "east"), "`kurator status app/shop -n east`");
    let member = Target::Member("beijing".to_owned());
    assert_eq!(page(&member, "east"), "`kurator status member/beijing`");
}

#[test]
fn colours_change_nothing_but_colours() {
    let coloured = output::text(&lines("app/shop", &tree(), true));
    assert!(coloured.contains("\x1b[31mFailed\x1b[0m") && coloured.contains("\x1b[32mSynced\x1b[0m"), "{coloured}");
    let plain =
        ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"].iter().fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(plain, output::text(&lines("app/shop", &tree(), false)));
}

#[test]
fn nothing_of_a_member_that_is_unknown_is_green() {
    for unit in ["MemberUnknown", "MemberGone", "MemberBlocked"] {
        let mut tree = tree();
        tree["units"] = json!([tree["units"][2]]);
        tree["units"][0]["stateReason"] = json!(unit);
        let coloured = output::text(&lines("app/shop", &tree, true));
        assert!(!coloured.contains("\x1b[32m"), "{unit}: {coloured}");
        assert!(coloured.contains("last known: Synced, Healthy"), "{coloured}");
        tree["units"][0]["details"][0]["health"] = json!("Unknown");
        let text = output::text(&lines("app/shop", &tree, false));
        assert!(text.contains("last known: Synced\n"), "{text}");
    }
}

#[test]
fn what_was_agreed_to_and_waits_for_a_member_comes_last() {
    let mut tree = tree();
    tree["agreed"] = json!([{"unit": "apps.kurator.dev/Application/default/shop/large", "member": "beijing",
        "message": "policy large leaves it: 4 objects there will be deleted"}]);
    let end = |name: &str, expect: &str| {
        let text = output::text(&lines(name, &tree, false));
        let head = "agreed to, and done as soon as the member answers:\n";
        assert!(text.ends_with(&format!("{head}{expect}\n")), "{text}");
    };
    end("app/shop", "  beijing (policy large): policy large leaves it: 4 objects there will be deleted");
    end(
        "member/beijing",
        "  app/shop in namespace default (policy large): policy large leaves it: 4 objects there will be deleted",
    );
}

#[test]
fn what_is_not_known_is_not_called_nothing() {
    let rows = |state: (&str, &str, &str), phase: &str, inventory: u32| {
        let mut one = unit("beijing", "large", state, vec![]);
        one["phase"] = json!(phase);
        one["objects"] = json!({"inventory": inventory});
        output::text(&lines("app/shop", &json!({"units": [one]}), false))
    };
    let ready = ("Ready", "ReconciliationSucceeded", "");
    let blocked = ("NotReady", "MemberBlocked", "another cluster answers");
    for (state, phase, inventory, is_known) in [
        (ready, "Applied", 0, true),
        (ready, "Applied", 4, false),
        (blocked, "Unknown", 0, false),
        (ready, "Failed", 0, false),
    ] {
        let said = rows(state, phase, inventory);
        assert_eq!(said.contains("no objects"), is_known, "{said}");
        assert_eq!(said.contains("what it has there is not known"), !is_known, "{said}");
    }
}

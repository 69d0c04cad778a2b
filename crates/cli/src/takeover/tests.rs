//! What is said of other hubs.

use api::delivery::TakenUnit;

use super::*;

fn hub(text: &str) -> HubId {
    text.parse().unwrap()
}

fn name(text: &str) -> MemberName {
    text.parse().unwrap()
}

#[test]
fn the_other_hub_need_not_be_named_when_there_is_one() {
    let found = |all: &[(&str, &[(&str, u32)])]| -> BTreeMap<MemberName, BTreeMap<HubId, u32>> {
        let hubs = |hubs: &[(&str, u32)]| hubs.iter().map(|(id, units)| (hub(id), *units)).collect();
        all.iter().map(|(member, theirs)| (name(member), hubs(theirs))).collect()
    };
    let one = found(&[("a", &[("lost", 2)]), ("b", &[("lost", 1)]), ("c", &[])]);
    assert_eq!(only_hub(&one).unwrap(), hub("lost"));
    let none = only_hub(&found(&[("a", &[])])).unwrap_err().to_string();
    assert_eq!(none, "no other hub has inventories in what was looked at");
    let two = only_hub(&found(&[("a", &[("lost", 2), ("other", 1)]), ("b", &[("lost", 1)])])).unwrap_err().to_string();
    assert_eq!(
        two,
        "there is more than one other hub: say which with --from; hub lost has 3 units in a, b; hub other has 1 unit in a"
    );
}

#[test]
fn the_list_names_units_and_the_first_of_their_objects() {
    let unit = |policy: &str, objects, adopted, first: &[&str]| TakenUnit {
        unit: format!("apps.kurator.dev/Application/default/shop/{policy}").parse().unwrap(),
        objects,
        adopted,
        first: first.iter().map(ToString::to_string).collect(),
    };
    let list = |state, units, list: Vec<TakenUnit>, message: &str| MemberTakeOver {
        from: hub("lost"),
        state,
        digest: model::Digest::of(b"x"),
        units,
        objects: list.iter().map(|unit| unit.objects).sum(),
        list,
        message: message.to_owned(),
    };
    let taken = |member: &str, list| Taken {
        member: name(member),
        origin: Origin::new("cluster.kurator.dev", "AttachedCluster", "default", member),
        list,
    };
    let all = [
        taken(
            "beijing",
            list(
                TakeOverState::Held,
                3,
                vec![unit("web", 7, 1, &["Namespace shop", "ConfigMap shop/settings"]), unit("empty", 0, 0, &[])],
                "1 of its inventories cannot be taken over, and stay: of app/shop: shard 0 is not readable",
            ),
        ),
        taken("shanghai", list(TakeOverState::Done, 0, vec![], "")),
        taken("virginia", list(TakeOverState::Stuck, 0, vec![], "shard 0 is not readable")),
    ];
    insta::assert_snapshot!("lines", lines(&hub("lost"), &all).join("\n"));
}

#[test]
fn it_is_done_when_the_wish_is_gone_and_this_hub_said_so_of_that_one() {
    let attached = |wish: Option<&str>, reason: &str| -> AttachedCluster {
        let spec =
            json!({"kubeconfig": {"name": "k", "key": "value"}, "takeOver": wish.map(|hub| json!({"hub": hub}))});
        let condition = json!({"type": "TakeOver", "status": "True", "reason": reason, "lastTransitionTime": "2026-01-01T00:00:00Z",
            "message": "what hub lost had in the member is this hub's"});
        serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": spec, "status": {"conditions": [condition]}}))
            .unwrap()
    };
    for (wish, reason, from, expect) in [
        (None, "TakenOver", "lost", true),
        (None, "TakenOver", "other", false),
        (Some("lost"), "TakenOver", "lost", false),
        (None, "TakeOverHeld", "lost", false),
    ] {
        assert_eq!(has_taken(&attached(wish, reason), &hub(from)), expect, "{wish:?} {reason} {from}");
    }
}

//! The list of an approval, as people and programs read it.

use super::*;

fn deletions() -> HeldDeletions {
    serde_json::from_value(
        json!({"policy": "web", "digest": "sha256:1", "reason": "SourceRemovesObjects", "count": 128,
        "memberCount": 60, "objectCount": 128, "away": ["tokyo"], "awayCount": 1,
        "causes": [{"cause": "Empties", "message": "nothing would be left of it", "members": 60, "objects": 128},
            {"cause": "Guarded", "message": "a Namespace is among them", "members": 60, "objects": 128}],
        "members": ["m00: Namespace shop"]}),
    )
    .unwrap()
}

fn named() -> HeldObjects {
    let object = |kind: &str, namespace: &str, name: &str| json!({"kind": kind, "namespace": namespace, "name": name});
    let members: Vec<String> = (0..57).map(|n| format!("m{n:02}")).collect();
    let both = [object("Namespace", "", "shop"), object("ConfigMap", "shop", "settings")];
    let stays = json!({"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web",
        "stays": "policy new takes it over"});
    serde_json::from_value(json!({"policy": "web", "digest": "sha256:1", "groups": [
            {"members": members, "objects": both},
            {"members": ["paris"], "objects": [object("ConfigMap", "shop", "settings"), stays]},
            {"members": ["tokyo"], "away": true, "objects": both, "uids": {"tokyo": ["u1", ""]}},
        ], "unnamed": [{"members": ["lima"], "why": "what it has is not known by name"}]}))
    .unwrap()
}

#[test]
fn every_object_is_named_members_with_the_same_are_one_block_and_those_away_say_so() {
    insta::assert_snapshot!("list", lines(&deletions(), &named(), false).join("\n"));
}

#[test]
fn members_that_differ_beyond_a_page_are_counted() {
    let mut all = named();
    all.unnamed.clear();
    let one = all.groups[1].clone();
    all.groups = (0..25).map(|_| one.clone()).collect();
    let cut = lines(&deletions(), &all, false);
    assert_eq!(cut.last().unwrap(), "  in 5 more members other objects: -v shows them");
    assert_eq!(lines(&deletions(), &all, true).iter().filter(|line| line.starts_with("  in member paris")).count(), 25);
}

#[test]
fn programs_get_objects_as_data() {
    let mut all = named();
    all.groups[0].members.truncate(1);
    insta::assert_snapshot!("value", format!("{:#}", value(&deletions(), Some(&all))));
    assert!(value(&deletions(), None).get("objects").is_none(), "a hub of an earlier version");
}

#[tokio::test]
async fn only_a_hub_that_has_no_such_lists_is_one_of_an_earlier_version() {
    let status = |message: &str, details: Value| {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound",
            "message": message, "details": details});
        (404, status)
    };
    let read = async |answer| {
        let hub = crate::approve::tests::Hub::new([answer]);
        read(&hub.client(), "default", "shop", false).await.unwrap()
    };
    let unknown = status("the server could not find the requested resource", json!({}));
    assert!(matches!(read(unknown).await, Named::Earlier));
    let missing = status("heldlists \"shop\" not found", json!({"name": "shop", "kind": "heldlists"}));
    assert!(matches!(read(missing).await, Named::Missing(why) if why.contains("not found")));
}

#[test]
fn the_heading_has_the_numbers_of_the_list() {
    let object =
        |name: &str, stays: &str| json!({"kind": "ConfigMap", "namespace": "shop", "name": name, "stays": stays});
    let list = |reason: &str| -> HeldDeletions {
        serde_json::from_value(
            json!({"policy": "web", "digest": "sha256:1", "reason": reason, "count": 4, "memberCount": 2,
            "objectCount": 4, "causes": [{"cause": "Empties", "message": "why", "members": 2, "objects": 4}]}),
        )
        .unwrap()
    };
    let named = |objects: &[Value]| -> HeldObjects {
        serde_json::from_value(json!({"policy": "web", "digest": "sha256:1",
            "groups": [{"members": ["a", "b"], "objects": objects}]}))
        .unwrap()
    };
    let (goes, kept) = (object("a", ""), object("b", "an annotation on it asks that it stays"));
    let (taken, adopted) = (object("c", "policy new takes it over"), object("d", "it was there before Kurator"));
    let (source, edit) = ("SourceRemovesObjects", "EditRemovesMembers");
    for (reason, objects, expect) in [
        (source, vec![goes.clone(), kept.clone()], "2 deletions"),
        (source, vec![kept.clone()], "nothing that would be deleted"),
        (edit, vec![goes.clone(), adopted.clone()], "2 deletions in 2 members that it would leave"),
        (edit, vec![taken.clone(), adopted], "it would leave 2 members; 2 objects stay there, without Kurator"),
        (edit, vec![taken], "it would leave 2 members; no deletion is known there"),
    ] {
        let (list, named) = (list(reason), named(&objects));
        assert_eq!(held::what(&numbered(&list, Some(&named))), expect);
        assert!(lines(&list, &named, false)[0].contains(expect));
    }
    let mut part = named(&[goes]);
    part.unnamed = serde_json::from_value(json!([{"members": ["lima"], "why": "not known"}])).unwrap();
    assert_eq!(numbered(&list(source), Some(&part)).count, 4, "not everything is named");
    assert_eq!(numbered(&list(source), None).count, 4);
}

#[test]
fn a_namespace_that_its_member_did_not_look_into_says_so_on_its_row() {
    let looked = "    - Namespace shop";
    let later = "    - Namespace shop (stays if others have something in it)";
    for (reason, away, expect) in [
        ("SourceRemovesObjects", false, looked),
        ("SourceRemovesObjects", true, later),
        ("EditRemovesMembers", false, later),
    ] {
        let list = HeldDeletions { reason: reason.into(), ..deletions() };
        let group = json!({"members": ["a"], "away": away, "objects": [{"kind": "Namespace", "name": "shop"}]});
        let named: HeldObjects =
            serde_json::from_value(json!({"policy": "web", "digest": "sha256:1", "groups": [group]})).unwrap();
        let lines = lines(&list, &named, false);
        assert!(lines.iter().any(|line| line == expect), "{lines:?}");
        // What is said of all of them below the list is of those that were looked into.
        assert_eq!(has_looked_into(&list, &named), expect == looked, "{reason} {away}");
    }
}

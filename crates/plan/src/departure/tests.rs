//! What a person is shown before something goes.

use super::*;

fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey { kind: kind.into(), namespace: namespace.into(), name: name.into(), ..ObjectKey::default() }
}

fn objects(rows: &[(&str, &str, &str, bool, bool)], removal: Removal) -> Objects {
    let rows: Vec<(Arc<HashedKey>, bool, bool)> = rows
        .iter()
        .map(|(kind, namespace, name, adopted, kept)| (key(kind, namespace, name).into(), *adopted, *kept))
        .collect();
    Objects::of(rows.iter().map(|(key, adopted, kept)| (key, *adopted, *kept)), removal)
}

fn words(objects: &Objects) -> Vec<String> {
    let goes = objects.goes.iter().map(|key| format!("- {key}"));
    goes.chain(objects.stays.iter().map(|(key, why)| format!("= {key}: {}", why.in_words()))).collect()
}

#[test]
fn a_namespace_stays_with_what_stays_in_it() {
    let rows = [
        ("Namespace", "", "shop", false, false),
        ("Namespace", "", "other", false, false),
        ("ConfigMap", "shop", "a", false, false),
        ("ConfigMap", "shop", "theirs", true, false),
    ];
    let all = objects(&rows, Removal::Prune);
    let expect = [
        "- ConfigMap shop/a",
        "- Namespace other",
        "= ConfigMap shop/theirs: it was there before Kurator",
        "= Namespace shop: something in it stays",
    ];
    assert_eq!(words(&all), expect);
    assert!(all.has_containers());
    let released = objects(&rows, Removal::Release);
    assert_eq!((released.goes.len(), released.stays.len()), (0, 4));
}

#[test]
fn what_another_policy_has_too_is_handed_over() {
    let mut all = objects(
        &[
            ("Namespace", "", "shop", false, false),
            ("ConfigMap", "shop", "a", false, false),
            ("ConfigMap", "x", "b", false, false),
        ],
        Removal::Prune,
    );
    let theirs: KeySet = [Arc::<HashedKey>::from(key("ConfigMap", "shop", "a"))].into_iter().collect();
    all.hand_over(&theirs, "web");
    let expect =
        ["- ConfigMap x/b", "= ConfigMap shop/a: policy web takes it over", "= Namespace shop: something in it stays"];
    assert_eq!(words(&all), expect);
}

#[test]
fn members_with_the_same_objects_are_one_group_and_those_away_another() {
    let known = |member: &str, away: bool, names: &[&str]| {
        let goes = names.iter().map(|name| key("ConfigMap", "shop", name)).collect();
        let uids =
            names.iter().map(|name| (key("ConfigMap", "shop", name), Uid::from(format!("{member}-{name}")))).collect();
        Known { member: member.parse().unwrap(), away, objects: Ok(Objects { goes, stays: BTreeMap::new() }), uids }
    };
    let lost = Known { objects: Err("it has said nothing yet".into()), ..known("z", true, &[]) };
    let all = vec![
        known("x", true, &["a", "b"]),
        known("d", false, &["a"]),
        known("a", false, &["a", "b"]),
        known("b", false, &["a", "b"]),
        lost,
    ];
    let (groups, unnamed) = grouped(all.clone(), false);
    let members: Vec<(String, bool, usize)> = groups
        .iter()
        .map(|g| (g.members.iter().map(MemberName::as_str).collect::<Vec<_>>().join(" "), g.away, g.objects.len()))
        .collect();
    assert_eq!(members, [("a b".into(), false, 2), ("d".into(), false, 1), ("x".into(), true, 2)]);
    assert!(groups.iter().all(|group| group.uids.is_empty()), "they are as many as there are objects in all members");
    assert_eq!((unnamed.len(), unnamed[0].why.as_str()), (1, "it has said nothing yet"));
    let (groups, _) = grouped(all, true);
    assert_eq!(groups[0].uids[&"b".parse::<MemberName>().unwrap()], ["b-a", "b-b"]);
}

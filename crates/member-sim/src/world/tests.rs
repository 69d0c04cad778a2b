use serde_json::json;

use super::*;

fn pod(name: &str, uid: &str, version: u64, owner: Option<&str>) -> Pod {
    let owners = owner.map(|uid| json!([{"uid": uid, "controller": true}])).unwrap_or_default();
    let meta = json!({"name": name, "namespace": "a", "uid": uid, "resourceVersion": version.to_string(), "ownerReferences": owners});
    Pod::read(&json!({"metadata": meta})).unwrap()
}

fn owned(objects: &Objects<Pod>, owner: &str) -> Vec<String> {
    objects.owned_by(&owner.into()).iter().map(|pod| pod.meta.name.clone()).collect()
}

#[test]
fn older_news_is_no_news() {
    let mut objects = Objects::default();
    assert!(objects.apply(pod("p", "1", 5, Some("o"))).is_some());
    assert!(objects.apply(pod("p", "1", 4, None)).is_none());
    assert_eq!(owned(&objects, "o"), ["p"]);
    assert!(objects.apply(pod("p", "1", 6, Some("other"))).is_some());
    assert_eq!((owned(&objects, "o").len(), owned(&objects, "other").len()), (0, 1));
}

#[test]
fn what_went_does_not_come_back_whichever_way_the_news_came() {
    let mut objects = Objects::default();
    objects.apply(pod("p", "1", 5, Some("o")));
    assert!(objects.bury(("a".to_owned(), "p".to_owned()), &"1".into()).is_some());
    assert!(objects.apply(pod("p", "1", 6, Some("o"))).is_none(), "an event from before our delete");
    assert!(objects.remove(&pod("q", "2", 8, None)).is_none());
    assert!(
        objects.apply(pod("q", "2", 7, Some("o"))).is_none(),
        "the answer to a create, after the event of the delete"
    );
    assert!(objects.apply(pod("p", "3", 9, Some("o"))).is_some(), "another object by that name is welcome");
    assert!(objects.by_uid(&"1".into()).is_none() && objects.by_uid(&"3".into()).is_some());
}

#[test]
fn a_list_replaces_everything() {
    let mut objects = Objects::default();
    objects.apply(pod("p", "1", 5, Some("o")));
    objects.apply(pod("q", "2", 6, Some("o")));
    let changes = objects.replace(vec![pod("q", "2", 6, Some("o")), pod("r", "3", 7, None)]);
    assert_eq!(
        changes.iter().map(|c| (c.old.is_some(), c.new.is_some())).collect::<Vec<_>>(),
        [(true, false), (false, true)]
    );
    assert_eq!(owned(&objects, "o"), ["q"]);
}

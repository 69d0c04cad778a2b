//! What is stored of objects that stay when their unit leaves.

use super::*;

#[test]
fn which_objects_were_there_before_is_stored_as_long_as_they_are_few() {
    let row = |name: String| {
        let key = model::ObjectKey { kind: "ConfigMap".into(), name, ..model::ObjectKey::default() };
        let row =
            serde_json::json!({"key": key, "version": "v1", "sync": "Synced", "health": "Healthy", "adopted": true});
        Arc::new(serde_json::from_value(row).unwrap())
    };
    let report = |adopted: u32| Reported {
        objects: UnitCounts { adopted, inventory: adopted + 1, ..UnitCounts::default() },
        details: (0..adopted).map(|n| row(format!("c{n}"))).collect(),
        ..reported(UnitPhase::Applied, b"p")
    };
    let stored = |adopted, before| merge_report(&report(adopted), before, now()).unwrap();
    let few = stored(2, None);
    assert_eq!(few.adopted.len(), 2);
    let payload = |status| crate::inventory::Recollection::of(status).unwrap().payload;
    assert!(payload(&few).is_some());
    // A report without rows says nothing of them.
    let blank = Reported { details: Vec::new(), ..report(2) };
    assert_eq!(merge_report(&blank, Some(&few), now()).unwrap().adopted, few.adopted);
    assert!(stored(0, Some(&few)).adopted.is_empty());
    let many = stored(u32::try_from(UnitStatus::ADOPTED_MAX).unwrap() + 1, Some(&few));
    assert!(many.adopted.is_empty());
    assert_eq!(payload(&many), None);
}

#[test]
fn what_asks_to_stay_and_what_the_unit_has_not_made_is_stored_as_long_as_it_is_little() {
    let row = |name: &str, more: serde_json::Value| {
        let key = model::ObjectKey { kind: "ConfigMap".into(), name: name.into(), ..model::ObjectKey::default() };
        let mut row = serde_json::json!({"key": key, "version": "v1", "sync": "Synced", "health": "Healthy"});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Arc::new(serde_json::from_value(row).unwrap())
    };
    let report = |details| Reported {
        objects: UnitCounts { desired: 4, inventory: 2, ..UnitCounts::default() },
        details,
        ..reported(UnitPhase::Applied, b"p")
    };
    let some = report(vec![
        row("plain", serde_json::json!({})),
        row("kept", serde_json::json!({"kept": true})),
        row("left", serde_json::json!({"kept": true, "unmade": true, "sync": "LeftAlone"})),
        row("both", serde_json::json!({"unmade": true})),
        // It is to be made.
        row("new", serde_json::json!({"unmade": true, "sync": "Pending"})),
    ]);
    let names = |set: &api::delivery::ObjectSet| {
        let key = |name: &str| model::ObjectKey { kind: "ConfigMap".into(), name: name.into(), ..Default::default() };
        let all = ["plain", "kept", "left", "both", "new"].into_iter();
        all.filter(|name| set.contains(&key(name))).collect::<Vec<_>>().join(" ")
    };
    let stored = merge_report(&some, None, now()).unwrap();
    assert_eq!((names(&stored.kept), names(&stored.unmade)), ("kept left".to_owned(), "left both".to_owned()));
    let blank = merge_report(&report(Vec::new()), Some(&stored), now()).unwrap();
    assert_eq!(
        (&blank.kept, &blank.unmade),
        (&stored.kept, &stored.unmade),
        "a report without rows says nothing of it"
    );
    let many = (0..=UnitStatus::KEPT_MAX).map(|n| row(&format!("c{n}"), serde_json::json!({"kept": true})));
    assert!(merge_report(&report(many.collect()), Some(&stored), now()).unwrap().kept.is_empty());
}

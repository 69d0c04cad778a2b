use serde_json::json;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn live() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "managedFields": [
            {"manager": "kurator", "operation": "Apply", "time": "2026-11-23T10:00:00Z", "fieldsV1": {"f:spec": {
                "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}, "f:ports": {
                    "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}}},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "time": "2026-11-23T10:05:00Z",
             "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
        "spec": {"replicas": 5, "template": {"spec": {"containers": [
            {"name": "web", "image": "nginx", "ports": [{"containerPort": 80, "protocol": "TCP"}],
             "resources": {"limits": {"cpu": "500m"}}}]}}},
    })
}

fn sent() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": null},
        "spec": {"replicas": 2, "strategy": {}, "template": {"spec": {"containers": [
            {"name": "web", "image": "nginx", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": 0.5}}}]}}},
        "status": {},
    })
}

#[test]
fn a_diff_names_changed_fields_and_no_defaults() {
    let paths: Vec<String> = diff(&sent(), &live()).iter().map(Path::to_string).collect();
    assert_eq!(paths, ["spec.replicas"]);
    let mut other = sent();
    other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("httpd");
    other["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["-v"]);
    let paths: Vec<String> = diff(&other, &live()).iter().map(Path::to_string).collect();
    let container = "spec.template.spec.containers[name=\"web\"]";
    assert_eq!(paths, ["spec.replicas".to_owned(), format!("{container}.args"), format!("{container}.image")]);
}

#[test]
fn a_record_says_field_manager_and_time() {
    let key = ObjectKey::of(&live());
    let seen = at(0);
    let record = record(&key, Some(changed(&sent(), &live(), &[], false)), seen);
    assert_eq!(record.object, "Deployment.apps shop/web");
    assert_eq!(record.fields.len(), 1);
    assert_eq!(record.fields[0].manager.as_deref(), Some("kubectl"));
    assert_eq!(record.fields[0].time.unwrap().to_string(), "2026-11-23T10:05:00Z");
    assert!(!record.deleted);
}

#[test]
fn a_record_of_a_deletion_names_no_actor() {
    let record = record(&ObjectKey::of(&live()), None, at(0));
    assert!(record.deleted && record.fields.is_empty());
}

#[test]
fn replicas_of_an_autoscaled_object_are_not_ours() {
    let hpa = json!({"metadata": {"namespace": "shop", "name": "h"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    assert!(is_autoscaled(&ObjectKey::of(&live()), std::slice::from_ref(&hpa)));
    let mut elsewhere = hpa;
    elsewhere["metadata"]["namespace"] = json!("other");
    assert!(!is_autoscaled(&ObjectKey::of(&live()), &[elsewhere]));
    assert!(changed_by_admission(&sent(), &live(), true).is_empty());
}

#[test]
fn the_projection_changes_when_another_manager_takes_a_field() {
    let owned = |replicas: i64, ours: bool| {
        let fields = if ours {
            json!({"f:spec": {"f:replicas": {}, "f:paused": {}}})
        } else {
            json!({"f:spec": {"f:paused": {}}})
        };
        json!({"metadata": {"managedFields": [{"manager": "kurator", "operation": "Apply", "fieldsV1": fields}]},
               "spec": {"replicas": replicas, "paused": false}})
    };
    assert_ne!(projection(&owned(2, true), false), projection(&owned(5, false), false));
    assert_eq!(projection(&owned(2, true), true), projection(&owned(5, false), true));
}

#[test]
fn three_reverts_in_ten_minutes_are_a_contest_that_backs_off() {
    let revert = |s: i64| Revert { at: at(s), manager: Some("hpa".into()) };
    let mut history = vec![revert(0), revert(100)];
    assert_eq!(contest(&history, Some("hpa"), at(150)), Reverting::Revert);
    history.push(revert(200));
    assert_eq!(contest(&history, Some("hpa"), at(201)), Reverting::Contested { until: at(800) });
    assert_eq!(contest(&history, Some("other"), at(201)), Reverting::Revert);
    assert_eq!(contest(&history, Some("hpa"), at(800)), Reverting::Revert);
    history.push(revert(800));
    assert_eq!(contest(&history, Some("hpa"), at(801)), Reverting::Contested { until: at(2_000) });
    history.push(revert(2_000));
    history.push(revert(4_400));
    assert_eq!(contest(&history, Some("hpa"), at(4_401)), Reverting::Contested { until: at(8_000) });
    // Quiet for long enough: a fresh start.
    history.push(revert(100_000));
    assert_eq!(contest(&history, Some("hpa"), at(100_001)), Reverting::Revert);
}

#[test]
fn slow_edits_are_no_contest() {
    let history: Vec<Revert> = (0..6).map(|i| Revert { at: at(i * 400), manager: None }).collect();
    assert_eq!(contest(&history, None, at(2_001)), Reverting::Revert);
}

#[test]
fn our_own_annotation_is_nobodys_drift() {
    let mut sent = sent();
    sent["metadata"]["annotations"] = json!({label::APPLIED: "sha256:new"});
    sent["spec"]["replicas"] = json!(5);
    let mut live = live();
    assert_eq!(diff(&sent, &live), []);
    live["metadata"]["annotations"] = json!({label::APPLIED: "sha256:old", "team": "x"});
    assert_eq!(diff(&sent, &live), []);
    sent["metadata"]["annotations"]["team"] = json!("y");
    let paths: Vec<String> = diff(&sent, &live).iter().map(Path::to_string).collect();
    assert_eq!(paths, ["metadata.annotations.team"]);
}

#[test]
fn long_lists_take_time_in_proportion_to_their_length() {
    const COUNT: usize = 8_000;
    let object = |value: &str| {
        let env: Vec<Value> = (0..COUNT).map(|n| json!({"name": format!("a{n}"), "value": value})).collect();
        let finalizers: Vec<String> = (0..COUNT).map(|n| format!("f{n}")).collect();
        json!({"metadata": {"finalizers": finalizers}, "env": env})
    };
    let keys = (0..COUNT).map(|n| (format!("k:{{\"name\":\"a{n}\"}}"), json!({"f:value": {}})));
    let values = (0..COUNT).map(|n| (format!("v:\"f{n}\""), json!({})));
    let fields = json!({
        "f:env": Value::Object(keys.collect()),
        "f:metadata": {"f:finalizers": Value::Object(values.collect())},
    });
    let (sent, mut live) = (object("x"), object("x"));
    live["metadata"]["managedFields"] =
        json!([{"manager": label::FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}]);
    live["env"][COUNT - 1]["value"] = "y".into();
    #[allow(clippy::disallowed_methods, reason = "this is about the time that it takes")]
    let start = std::time::Instant::now();
    let found: Vec<String> = diff(&sent, &live).iter().map(Path::to_string).collect();
    assert_eq!(found, [format!("env[name=\"a{}\"].value", COUNT - 1)]);
    let before = projection(&live, false);
    live["env"][0]["value"] = "z".into();
    assert_ne!(projection(&live, false), before);
    // time: this took minutes in a debug build, and takes a second or two.
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn what_a_member_calls_managers_and_fields_is_cut() {
    let long = "z".repeat(2_000_000);
    let keyed = format!("k:{{\"name\":\"{long}\"}}");
    let mut live = live();
    live["metadata"]["managedFields"][1]["manager"] = json!(format!("\u{1b}[31m{long}"));
    live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:list"] = json!({keyed: {"f:v": {}}});
    live["spec"]["list"] = json!([{"name": long, "v": 1}]);
    let mut sent = sent();
    sent["spec"]["list"] = json!([{"name": long, "v": 2}]);
    let fields = changed(&sent, &live, &[], false);
    assert_eq!(fields.len(), 2);
    for field in &fields {
        let manager = field.manager.as_deref().unwrap();
        assert!(manager.starts_with("\u{fffd}[31mzzz"), "{manager}");
        assert_eq!(manager.chars().count(), ChangedField::MANAGER_MAX);
        assert!(field.path.chars().count() <= ChangedField::PATH_MAX);
    }
    // A path that admission changed is known again, though it is cut.
    let known = changed_by_admission(&sent, &live, true);
    assert!(known[0].starts_with("spec.list[name=\"zzz") && known[0].len() < 500, "{}", known[0].len());
    assert_eq!(changed(&sent, &live, &known, true), []);
}

/// A live object, with what our manager and another one own.
fn owned_by(object: Value, ours: Value, theirs: Value) -> Value {
    let mut live = object;
    live["metadata"]["managedFields"] = json!([
        {"manager": "kurator", "operation": "Apply", "time": "2026-11-23T10:00:00Z", "fieldsV1": ours},
        {"manager": "filler", "operation": "Update", "time": "2026-11-23T10:05:00Z", "fieldsV1": theirs}]);
    live
}

fn words(paths: &[Path]) -> Vec<String> {
    paths.iter().map(Path::words).collect()
}

#[test]
fn a_placeholder_that_another_manager_filled_is_left_to_it() {
    let with = |kind: &str, value: &Value| json!({"kind": kind, "data": {"a": value}, "secrets": [], "x": []});
    let (theirs, nobody) = (json!({"f:data": {"f:a": {}}}), json!({}));
    // kind, sent, live, owned by the other -> left, and what differs besides
    for (sent, live, owned, left, differs) in [
        (json!("Cg=="), json!("Y2E="), &theirs, true, false),
        (json!(""), json!("Y2E="), &theirs, true, false),
        (json!(null), json!("Y2E="), &theirs, true, false),
        // Nobody but a default is behind it, and then it is not another's work.
        (json!(""), json!("Y2E="), &nobody, false, true),
        (json!(null), json!("Y2E="), &nobody, false, false),
        // A value is a value, and what says nothing is not filled.
        (json!("YQ=="), json!("Y2E="), &theirs, false, true),
        (json!("Cg=="), json!(""), &theirs, false, true),
        // "None" and "all" are decisions.
        (json!([]), json!(["x"]), &theirs, false, true),
        (json!({}), json!({"x": 1}), &theirs, false, false),
        (json!(false), json!(true), &theirs, false, true),
        (json!(0), json!(1), &theirs, false, true),
    ] {
        let object = with("Secret", &live);
        let found = compare(&with("Secret", &sent), &owned_by(object, json!({"f:x": {}}), owned.clone()));
        assert_eq!((!found.1.is_empty(), !found.0.is_empty()), (left, differs), "{sent} {live} {owned}");
    }
    let account = |secrets: Value| json!({"kind": "ServiceAccount", "secrets": secrets, "imagePullSecrets": []});
    let live = owned_by(account(json!([{"name": "token"}])), json!({}), json!({"f:secrets": {}}));
    let (paths, left) = compare(&account(json!([])), &live);
    assert_eq!((words(&paths), left_words(&left)), (vec![], vec!["secrets (filler)".to_owned()]));
    for (object, has) in [
        (json!({"data": {"a": "x"}, "metadata": {"creationTimestamp": null}}), false),
        (json!({"data": {"a": ""}}), true),
        (json!({"webhooks": [{"clientConfig": {"caBundle": "Cg=="}}]}), true),
        // The core group in a rule is no place that somebody fills.
        (json!({"rules": [{"apiGroups": [""]}]}), false),
        (account(json!([])), true),
        (json!({"kind": "NetworkPolicy", "spec": {"ingress": []}}), false),
    ] {
        assert_eq!(has_placeholders(&object), has, "{object}");
    }
}

#[test]
fn what_a_server_writes_otherwise_is_what_was_sent_while_it_is_ours() {
    let object = |value: Value| json!({"spec": {"a": value}});
    let ours = json!({"f:spec": {"f:a": {}}});
    let theirs = json!({"f:spec": {"f:b": {}}});
    for (sent, live, owned, same) in [
        (json!(0), json!({"spec": {}}), &ours, true),
        (json!(false), json!({"spec": {}}), &ours, true),
        (json!(""), json!({"spec": {}}), &ours, true),
        (json!(0), json!({"spec": {}}), &theirs, false),
        (json!(1), json!({"spec": {}}), &ours, false),
        (json!("1000m"), object(json!("1")), &ours, true),
        (json!("1000m"), object(json!("1")), &theirs, false),
        (json!("1000m"), object(json!("2")), &ours, false),
        (json!(0), object(json!(5)), &ours, false),
        // Before the first apply nothing is ours.
        (json!(false), json!({"spec": {}}), &json!({}), true),
    ] {
        let live = owned_by(live, owned.clone(), json!({}));
        assert_eq!(diff(&object(sent.clone()), &live).is_empty(), same, "{sent} {live}");
    }
}

#[test]
fn what_was_taken_from_us_is_named_and_never_as_managed_fields() {
    let mark = json!({"f:annotations": {"f:kurator.dev/applied": {}}});
    let all = json!({"f:metadata": mark, "f:spec": {"f:a": {}, "f:b": {}}});
    let object =
        json!({"metadata": {"annotations": {"kurator.dev/applied": "x"}}, "spec": {"a": 1, "b": 2, "c": null}});
    let named = |ours: Value, theirs: Value, change: &dyn Fn(&mut Value)| {
        let mut live = object.clone();
        live["spec"].as_object_mut().unwrap().remove("c");
        change(&mut live);
        let fields = taken_over(&object, &owned_by(live, ours, theirs), false);
        fields.into_iter().map(|field| (field.path, field.manager.unwrap_or_default())).collect::<Vec<_>>()
    };
    let text = |path: &str, manager: &str| (path.to_owned(), manager.to_owned());
    assert_eq!(named(all.clone(), json!({}), &|_| {}), []);
    let without = json!({"f:metadata": mark, "f:spec": {"f:a": {}}});
    assert_eq!(named(without, json!({"f:spec": {"f:b": {}}}), &|_| {}), [text("spec.b", "filler")]);
    let unmarked = json!({"f:spec": {"f:a": {}, "f:b": {}}});
    assert_eq!(named(unmarked, json!({}), &|_| {}), [text("metadata.annotations[kurator.dev/applied]", "")]);
    let more = json!({"f:metadata": mark, "f:spec": {"f:a": {}, "f:b": {}, "f:evil": {}}});
    let evil = |live: &mut Value| live["spec"]["evil"] = json!(1);
    assert_eq!(named(more, json!({}), &evil), [text("spec.evil", "")]);
    let record = record(&ObjectKey::default(), Some(Vec::new()), at(0));
    assert_eq!(record.fields[0].path, "the ownership of its fields");
}

#[test]
fn a_zero_that_the_server_left_out_is_missed_when_somebody_sets_another_value() {
    let live = |host: Option<bool>, ours: &Value| {
        let mut object = json!({"spec": {"paused": true}});
        if let Some(host) = host {
            object["spec"]["hostNetwork"] = json!(host);
        }
        owned_by(object, ours.clone(), json!({}))
    };
    let (both, one) = (json!({"f:spec": {"f:paused": {}, "f:hostNetwork": {}}}), json!({"f:spec": {"f:paused": {}}}));
    assert_ne!(projection(&live(None, &both), false), projection(&live(Some(true), &one), false));
}

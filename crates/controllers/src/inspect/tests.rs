use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::edit::{merged, named};

fn fleet(name: &str, namespace: Option<&str>) -> Value {
    json!({"apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Fleet", "metadata": {"name": name, "namespace": namespace}})
}

#[test]
fn what_cannot_be_previewed_is_refused_with_its_path() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    let other = json!({"apiVersion": "fleet.kurator.dev/v2", "kind": "Fleet", "metadata": {"name": "a"}});
    for (objects, expect) in [
        (vec![fleet("a", None), secret], "spec.objects[1].kind: is \"Secret\": only an Application, a Fleet or"),
        (vec![other], "spec.objects[0].kind: is \"Fleet\": only"),
        (vec![fleet("", None)], "spec.objects[0].metadata.name: is no name"),
        (vec![fleet("a/b", None)], "spec.objects[0].metadata.name: is no name"),
        (vec![fleet("a", Some("west"))], "spec.objects[0].metadata.namespace: is \"west\"; one namespace"),
        (vec![fleet("a", None); 21], "spec.objects: has 21 objects; at most 20"),
    ] {
        let refused = named("east", &objects).unwrap_err().to_string();
        assert!(refused.starts_with(expect), "{refused}");
    }
    let found = named("east", &[fleet("a", Some("east"))]).unwrap();
    assert_eq!((found[0].plural, found[0].name.as_str()), ("fleets", "a"));
}

fn metadata(value: Value) -> ObjectMeta {
    serde_json::from_value(value).unwrap()
}

#[test]
fn an_edit_takes_away_what_an_apply_had_set_and_leaves_what_others_set() {
    let noted = json!({"metadata": {"labels": {"size": "small", "tier": "a"}}}).to_string();
    let by_kubectl = json!({"labels": {"size": "small", "tier": "a", "fleet": "all"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": noted}});
    let owned = |manager: &str, operation: &str| {
        json!({"labels": {"size": "small", "tier": "a", "fleet": "all"}, "managedFields": [
            {"manager": manager, "operation": operation, "fieldsV1": {"f:metadata": {"f:labels": {"f:size": {}, "f:tier": {}}}}},
        ]})
    };
    for (stored, expect) in [
        (Some(by_kubectl), json!({"size": "big", "fleet": "all"})),
        (Some(owned("kubectl", "Apply")), json!({"size": "big", "fleet": "all"})),
        // Nothing says that an apply had set it.
        (Some(owned("kubectl-label", "Update")), json!({"size": "big", "tier": "a", "fleet": "all"})),
        (Some(owned("kurator-fleet", "Apply")), json!({"size": "big", "tier": "a", "fleet": "all"})),
        (None, json!({"size": "big"})),
    ] {
        let after = merged(metadata(json!({"labels": {"size": "big"}})), stored.clone().map(metadata));
        assert_eq!(json!(after.labels), expect, "{stored:?}");
    }
}

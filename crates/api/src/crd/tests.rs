use serde_json::{Value, json};

use super::*;
use crate::kurator::apps::v1alpha1::{Application, ApplicationSpec};

fn crd(name: &str) -> Value {
    all().into_iter().find(|c| model::object::name(c) == Some(name)).unwrap()
}

fn schema<'a>(crd: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], |at, f| &at["properties"][*f])
}

#[test]
fn every_crd_names_itself_as_the_api_server_demands() {
    for crd in all() {
        let names = &crd["spec"]["names"];
        let expect = format!("{}.{}", names["plural"].as_str().unwrap(), crd["spec"]["group"].as_str().unwrap());
        assert_eq!(model::object::name(&crd), Some(expect.as_str()));
    }
}

#[test]
fn every_kind_shows_its_age() {
    for crd in all() {
        let columns = crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
        let ages = columns.iter().filter(|column| column["name"] == "Age" && column["type"] == "date").count();
        assert_eq!(ages, 1, "{}", crd["metadata"]["name"]);
    }
}

/// People type them to kubectl.
#[test]
fn kinds_that_people_write_have_short_names() {
    for (name, expect) in [
        ("applications.apps.kurator.dev", "kuapp"),
        ("fleets.fleet.kurator.dev", "kufleet"),
        ("attachedclusters.cluster.kurator.dev", "kuac"),
    ] {
        assert_eq!(crd(name)["spec"]["names"]["shortNames"], json!([expect]), "{name}");
    }
}

#[test]
fn added_fields_are_optional_and_published_ones_stay() {
    let attached = crd("attachedclusters.cluster.kurator.dev");
    assert_eq!(schema(&attached, &["spec", "memberName"])["maxLength"], json!(48));
    assert_eq!(schema(&attached, &["spec"]).get("required"), None);
    // None means the whole cluster, so an empty list must not be written by mistake.
    let namespaces = schema(&attached, &["spec", "namespaces"]);
    assert_eq!((&namespaces["minItems"], &namespaces["maxItems"]), (&json!(1), &json!(64)));
    assert_eq!(schema(&attached, &["spec", "kubeconfig", "key"])["default"], json!("value"));
    let application = crd("applications.apps.kurator.dev");
    assert_eq!(schema(&application, &["status", "conditions"])["type"], json!("array"));
    assert_eq!(schema(&application, &["spec", "source", "gitRepository", "timeout"])["default"], json!("60s"));
}

#[test]
fn texts_of_an_application_have_a_limit_in_the_published_schema() {
    let published = published(APPLICATIONS);
    let ours = crd("applications.apps.kurator.dev");
    let mut paths: Vec<&str> = APPLICATION_TEXTS.iter().map(|(path, _)| *path).collect();
    paths.push("spec.syncPolicies");
    for path in paths {
        let at = |crd| {
            path.split('.').fold(schema(crd, &[]), |at, f| if f == "*" { &at["items"] } else { &at["properties"][f] })
        };
        let (before, after) = (at(&published), at(&ours));
        let kind = before["type"].as_str().unwrap_or_else(|| panic!("{path} is not in the published schema"));
        let rule = if kind == "array" { "maxItems" } else { "maxLength" };
        assert!(before.get(rule).is_none() && after[rule].as_u64() >= Some(64), "{path}: {after}");
    }
}

#[test]
fn every_field_that_we_read_exists_in_the_published_schema() {
    let full = json!({
        "source": {"gitRepository": {"url": "https://x", "interval": "1m", "ref": {"branch": "a", "tag": "b",
            "semver": "c", "name": "d", "commit": "e"}, "secretRef": {"name": "s"}, "timeout": "1s", "ignore": "x",
            "suspend": true}},
        "destination": {"fleet": "f", "clusterSelector": {"matchLabels": {"a": "b"}}},
        "syncPolicies": [{"name": "p", "kustomization": {"interval": "1m", "retryInterval": "1m", "timeout": "1m",
            "path": "x", "prune": true, "targetNamespace": "n", "force": true, "suspend": true, "components": ["c"],
            "patches": [{"patch": "x"}], "images": [{"name": "i"}], "commonMetadata": {"labels": {"a": "b"}}}}],
    });
    let typed: ApplicationSpec = serde_json::from_value(full.clone()).unwrap();
    let mut again = serde_json::to_value(&typed).unwrap();
    again["syncPolicies"][0].as_object_mut().unwrap().retain(|_, v| !v.is_null());
    assert_eq!(again, full, "types drop nothing");
    walk(&full, schema(&crd("applications.apps.kurator.dev"), &["spec"]), "spec");
}

fn walk(value: &Value, schema: &Value, path: &str) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                let at = schema["properties"].get(key).or(schema.get("additionalProperties"));
                walk(child, at.unwrap_or_else(|| panic!("{path}.{key} is not in the CRD")), &format!("{path}.{key}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, &schema["items"], path)),
        _ => {}
    }
}

#[test]
fn an_application_reads_back() {
    let object = json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": "a", "namespace": "default"}, "spec": {"source": {}, "syncPolicies": []}});
    let application: Application = serde_json::from_value(object).unwrap();
    assert_eq!(application.spec.sync_policies.len(), 0);
}

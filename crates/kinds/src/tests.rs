use model::GroupVersionKind;

use super::*;
use crate::schema::{ListType, MapType, Schema, Type};

fn schema(group: &str, version: &str, kind: &str) -> &'static Schema {
    find(&GroupVersionKind::new(group, version, kind)).unwrap().schema()
}

/// Follows fields, and `[]` for items.
fn at(mut schema: &'static Schema, path: &str) -> &'static Schema {
    for name in path.split('.') {
        let (name, items) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
        schema = schema.field(name).unwrap_or_else(|| panic!("no field {name} of {path}"));
        if items {
            schema = schema.items().unwrap_or_else(|| panic!("{name} of {path} has no items"));
        }
    }
    schema
}

#[test]
fn every_line_of_the_table_parses() {
    for line in table::lines() {
        assert!(table::field(line).is_some(), "{line}");
    }
}

#[test]
fn every_served_kind_has_a_type_with_metadata_and_its_status() {
    assert!(all().len() > 60);
    for kind in all() {
        let index = kind.type_index().unwrap_or_else(|| panic!("{} has no type", kind.kind));
        assert!(schema_at(index).fields.contains_key("metadata"), "{}", kind.kind);
        assert!(!kind.status || schema_at(index).fields.contains_key("status"), "{}", kind.kind);
        assert_eq!(kind.singular, kind.kind.to_lowercase());
    }
}

#[test]
fn every_type_has_a_schema() {
    for index in 0..table::len() {
        let index = u16::try_from(index).unwrap();
        assert_eq!(schema_at(index).ty, Type::Object, "{}", table::row(index).name);
    }
}

#[test]
fn the_merge_rules_of_metadata_are_known() {
    let metadata = at(schema("", "v1", "Pod"), "metadata");
    assert_eq!(at(metadata, "ownerReferences").list, ListType::Map(vec!["uid".into()]));
    assert_eq!(at(metadata, "finalizers").list, ListType::Set);
    assert_eq!(at(metadata, "managedFields").list, ListType::Atomic);
    assert_eq!(metadata.field("labels").unwrap().values().unwrap().ty, Type::String);
}

#[test]
fn embedded_structs_are_flat_in_json() {
    let pod = schema("", "v1", "Pod");
    assert_eq!(at(pod, "spec.volumes[].configMap.name").ty, Type::String);
    assert_eq!(at(pod, "spec.containers[].livenessProbe.httpGet.port").ty, Type::IntOrString);
    assert_eq!(at(pod, "spec.volumes").patch.as_ref().unwrap().merge_key.as_deref(), Some("name"));
    assert!(at(pod, "spec.volumes").patch.as_ref().unwrap().retain_keys);
}

#[test]
fn list_keys_and_their_defaults_are_known() {
    let ports = at(schema("apps", "v1", "Deployment"), "spec.template.spec.containers[].ports");
    assert_eq!(ports.list, ListType::Map(vec!["containerPort".into(), "protocol".into()]));
    assert_eq!(at(ports.items().unwrap(), "protocol").default, Some("TCP".into()));
    assert_eq!(at(schema("", "v1", "Service"), "spec.selector").map, MapType::Atomic);
    assert_eq!(schema_at(at(schema("apps", "v1", "Deployment"), "spec.selector").named.unwrap()).map, MapType::Atomic);
}

#[test]
fn a_field_may_be_granular_where_its_type_is_atomic() {
    let claim = at(schema("", "v1", "PersistentVolume"), "spec.claimRef");
    assert_eq!((claim.named, claim.map), (None, MapType::Granular));
    assert_eq!(at(claim, "name").ty, Type::String);
}

#[test]
fn a_kind_finds_recursive_types() {
    let crd = schema("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let open = at(crd, "spec.versions[].schema.openAPIV3Schema");
    assert!(open.field("properties").unwrap().field("spec").unwrap().field("$ref").is_some());
    assert_eq!(open.field("x-kubernetes-preserve-unknown-fields").unwrap().ty, Type::Boolean);
}

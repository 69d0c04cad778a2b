use api::delivery::UnitId;
use serde_json::json;

use super::*;

fn hub() -> HubId {
    HubId::from_random([3; 10])
}

fn unit(name: &str) -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", "default", name, None)
}

fn key(kind: &str, name: &str) -> ObjectKey {
    ObjectKey { kind: kind.into(), namespace: "shop".into(), name: name.into(), ..ObjectKey::default() }
}

fn namespace() -> ObjectKey {
    ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() }
}

fn who(objects: &[Value]) -> Inhabitants {
    who_in(&namespace(), objects)
}

/// A member in whose namespace `shop` unit a deletes ConfigMap a with UID a and keeps ConfigMap stays, and unit b has
/// ConfigMap b.
fn who_in(container: &ObjectKey, objects: &[Value]) -> Inhabitants {
    let mut inventory = Inventory::empty(unit("a"));
    inventory.put_entry(key("ConfigMap", "stays"), Entry { adopted: true, ..Entry::default() });
    inventory.put_entry(key("ConfigMap", "a"), Entry { uid: Some("a".into()), ..Entry::default() });
    let mut claims = Claims::default();
    claims.set_entries(&unit("a"), 1, inventory.entries());
    claims.set_desires(&unit("b"), [&key("ConfigMap", "b").into()]);
    let read = |object: &Value| {
        let (group, kind) = (object["group"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap());
        Inside::read(group, kind, object, &hub(), |_, kind| kind != "Node")
    };
    let is_deleted = |key: &HashedKey| inventory.get(key).map(|entry| !entry.is_only_released());
    inhabitants(container, &claims, is_deleted, &objects.iter().map(read).collect::<Vec<_>>())
}

/// An object that no unit delivers, with a UID that is its name.
fn object(kind: &str, name: &str) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": name}})
}

fn labelled(mut object: Value) -> Value {
    object["metadata"]["labels"] = json!({label::HUB: hub().as_str()});
    object
}

fn owned(mut object: Value, owners: &[(&str, &str)]) -> Value {
    let owner = |(kind, uid): &(&str, &str)| json!({"apiVersion": "v1", "kind": kind, "name": uid, "uid": uid});
    object["metadata"]["ownerReferences"] = owners.iter().map(owner).collect();
    object
}

#[test]
fn what_is_delivered_goes_with_its_container_and_what_others_made_keeps_it() {
    let config = |name: &str| object("ConfigMap", name);
    let going = |mut object: Value| {
        object["metadata"]["deletionTimestamp"] = json!("2026-11-26T10:00:00Z");
        object
    };
    let kept = |mut object: Value| {
        object["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
        object
    };
    let token = |mut object: Value| {
        object["metadata"]["annotations"] = json!({TOKEN_OF: "default"});
        object
    };
    let slice = |by: &str| {
        let mut slice = object("EndpointSlice", "web-1");
        slice["group"] = json!("discovery.k8s.io");
        slice["metadata"]["labels"] = json!({ENDPOINTS_BY: by});
        slice
    };
    for (object, is_stranger) in [
        (labelled(config("a")), false),
        (labelled(config("b")), false),
        (config("mine"), true),
        // Somebody took the labels off, or put them on, or asks that it stays.
        (config("a"), true),
        (config("b"), true),
        (labelled(config("stays")), true),
        (kept(labelled(config("a"))), true),
        (labelled(config("mine")), true),
        (going(config("mine")), false),
        (config("kube-root-ca.crt"), false),
        (object("ServiceAccount", "default"), false),
        (object("ServiceAccount", "mine"), true),
        (object("Event", "web.1"), false),
        (object("Endpoints", "web"), false),
        (object("Secret", "mine"), true),
        (token(object("Secret", "default-token")), false),
        (slice("endpointslice-controller.k8s.io"), false),
        (slice("me"), true),
        (object("PersistentVolumeClaim", "data-web-0"), true),
    ] {
        assert_eq!(who(std::slice::from_ref(&object)).strangers().is_some(), is_stranger, "{object}");
    }
    let two = who(&[config("y"), config("x"), labelled(config("a"))]);
    assert_eq!(two, Inhabitants::Strangers { count: 2, first: "ConfigMap shop/x".into() });
    assert_eq!(two.strangers().unwrap(), "ConfigMap shop/x and 1 more");
}

#[test]
fn what_is_owned_goes_with_its_owners() {
    let ours = || labelled(object("ConfigMap", "a"));
    let set = |owner: &str| owned(object("ReplicaSet", "set"), &[("Deployment", owner)]);
    let pod = |owners: &[(&str, &str)]| owned(object("Pod", "pod"), owners);
    let check = |objects: &[Value], strangers: usize| {
        let count = match who(objects) {
            Inhabitants::Strangers { count, .. } => count,
            Inhabitants::Nobody => 0,
            Inhabitants::Unseen(why) => panic!("{why}"),
        };
        assert_eq!(count, strangers, "{objects:?}");
    };
    // Listed in any order.
    check(&[pod(&[("ReplicaSet", "set")]), set("a"), ours()], 0);
    // The owner is gone already, and what it owned is about to go.
    check(&[pod(&[("ReplicaSet", "gone")])], 0);
    // A stranger's Deployment keeps all that is its own.
    check(&[object("Deployment", "mine"), set("mine"), pod(&[("ReplicaSet", "set")])], 3);
    check(&[object("Deployment", "mine"), pod(&[("Deployment", "mine"), ("Deployment", "a")]), ours()], 2);
    // An owner that lives in no namespace is not seen here.
    check(&[pod(&[("Node", "n1")])], 1);
    // They own each other.
    check(&[owned(object("Pod", "x"), &[("Pod", "y")]), owned(object("Pod", "y"), &[("Pod", "x")])], 2);
}

#[test]
fn what_owns_an_object_of_a_definition_may_be_anywhere() {
    let definition = ObjectKey {
        group: "apiextensions.k8s.io".into(),
        kind: "CustomResourceDefinition".into(),
        name: "gadgets.example.com".into(),
        ..ObjectKey::default()
    };
    let gadget = owned(object("Gadget", "mine"), &[("Ingress", "theirs")]);
    assert_eq!(who(std::slice::from_ref(&gadget)), Inhabitants::Nobody, "of a namespace everything is seen");
    assert!(who_in(&definition, &[gadget]).strangers().is_some());
}

#[test]
fn a_definition_has_its_objects_wherever_they_are() {
    let (definition, gadget) = (
        ObjectKey {
            group: "apiextensions.k8s.io".into(),
            kind: "CustomResourceDefinition".into(),
            name: "gadgets.example.com".into(),
            ..ObjectKey::default()
        },
        ObjectKey { group: "example.com".into(), ..key("Gadget", "mine") },
    );
    assert!(is_within(&definition, &gadget) && !is_within(&definition, &key("Gadget", "mine")));
    let namespace = ObjectKey { kind: "Namespace".into(), name: "shop".into(), ..ObjectKey::default() };
    assert!(is_within(&namespace, &gadget) && !is_within(&gadget, &namespace));
}

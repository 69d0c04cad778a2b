use api::delivery::{HubId, UnitId, label};
use serde_json::json;

use super::*;

const PART_OF: &str = "applyset-a";

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

/// A member in whose namespace `shop` unit a deletes ConfigMap a with UID a and `begun`, whose UID is not recorded yet, and keeps
/// ConfigMap stays.
fn who_in(container: &ObjectKey, objects: &[Value]) -> Inhabitants {
    let mut inventory = Inventory::empty(unit("a"));
    let entry = |uid: &str| Entry { uid: Some(uid.into()), ..Entry::default() };
    inventory.put_entry(key("ConfigMap", "stays"), Entry { adopted: true, ..entry("stays") });
    inventory.put_entry(key("ConfigMap", "wanted"), entry("wanted"));
    inventory.put_entry(key("ConfigMap", "a"), entry("a"));
    inventory.put_entry(key("ConfigMap", "begun"), Entry::default());
    let (hub, desired) = (hub(), KeySet::from_iter([key("ConfigMap", "wanted").into()]));
    let asks = Claimant { hub: &hub, part_of: PART_OF };
    let read = |object: &Value| {
        let (group, kind) = (object["group"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap());
        Inside::read(group, kind, object, Some(&asks), |_, kind| kind != "Node")
    };
    let deletes = Deletes { inventory: &inventory, desired: &desired, leaving: false };
    inhabitants(container, Some(deletes), &objects.iter().map(read).collect::<Vec<_>>())
}

/// An object that no unit delivers, with a UID that is its name.
fn object(kind: &str, name: &str) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": name}})
}

fn labelled(mut object: Value) -> Value {
    object["metadata"]["labels"] = json!({label::HUB: hub().as_str(), label::APPLYSET_PART_OF: PART_OF});
    object
}

/// The same with another UID.
fn replaced(mut object: Value) -> Value {
    object["metadata"]["uid"] = json!("another");
    object
}

fn going(mut object: Value) -> Value {
    object["metadata"]["deletionTimestamp"] = json!("2026-11-26T10:00:00Z");
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
    let kept = |mut object: Value| {
        object["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
        object
    };
    for (object, is_stranger) in [
        (labelled(config("a")), false),
        (labelled(config("begun")), false),
        (config("mine"), true),
        // Somebody took the labels off, or put them on, or asks that it stays.
        (config("a"), true),
        (config("begun"), true),
        (noted(labelled(config("begun")), "labels", &[(label::APPLYSET_PART_OF, "applyset-b")]), true),
        (labelled(config("stays")), true),
        (labelled(config("wanted")), true),
        // Somebody made it again under its name, with its labels.
        (replaced(labelled(config("a"))), true),
        (kept(labelled(config("a"))), true),
        (labelled(config("mine")), true),
        (going(config("mine")), false),
        (object("ServiceAccount", "default"), false),
        (object("ServiceAccount", "mine"), true),
        (object("Event", "web.1"), false),
        (object("Secret", "mine"), true),
        (object("PersistentVolumeClaim", "data-web-0"), true),
    ] {
        assert_eq!(who(std::slice::from_ref(&object)).strangers().is_some(), is_stranger, "{object}");
    }
    let two = who(&[config("y"), config("x"), labelled(config("a"))]);
    assert_eq!(two, Inhabitants::Strangers { count: 2, first: "ConfigMap shop/x".into() });
    assert_eq!(two.strangers().unwrap(), "ConfigMap shop/x and 1 more");
}

/// The same with data of these keys, written by somebody.
fn written(mut object: Value, manager: &str, keys: &[&str]) -> Value {
    let data: serde_json::Map<String, Value> = keys.iter().map(|key| (format!("f:{key}"), json!({}))).collect();
    let entry = json!({"manager": manager, "operation": "Update", "fieldsV1": {"f:data": data, "f:type": {}}});
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    object["metadata"]["managedFields"] = entries.into_iter().chain([entry]).collect();
    object
}

fn noted(mut object: Value, field: &str, notes: &[(&str, &str)]) -> Value {
    for (key, value) in notes {
        object["metadata"][field][*key] = json!(value);
    }
    object
}

#[test]
fn what_the_cluster_makes_by_itself_is_told_from_what_others_call_so() {
    let config = |name: &str| object("ConfigMap", name);
    let (root, istio, openshift) = (ROOT_CA.0, ISTIO_CA.0, OPENSHIFT_CA.0);
    let by_istio = |value: &str| noted(config(istio), "labels", &[(ISTIO_CA.1, value)]);
    let by_openshift = || noted(config(openshift), "annotations", &[(OPENSHIFT_CA.1, "true")]);
    let token = |uid: &str| {
        noted(object("Secret", "robot-token"), "annotations", &[(TOKEN_OF[0], "robot"), (TOKEN_OF[1], uid)])
    };
    let only_name = || noted(object("Secret", "robot-token"), "annotations", &[(TOKEN_OF[0], "default")]);
    let keys = &["token", "ca.crt", "namespace"];
    let robot = || labelled(object("ServiceAccount", "robot"));
    let endpoints = || object("Endpoints", "web");
    let slice = |by: &str| {
        let mut slice = noted(object("EndpointSlice", &format!("web-{by}")), "labels", &[(SLICE_BY.0, by)]);
        slice["group"] = json!("discovery.k8s.io");
        slice
    };
    let kcm = CONTROLLERS[0];
    for (about, objects, strangers) in [
        ("as it is written", vec![written(config(root), kcm, &["ca.crt"])], 0),
        ("by another program", vec![written(config(root), "kurator-housekeeping", &["ca.crt"])], 0),
        ("described, and nobody kept who wrote it", vec![noted(config(root), "annotations", &[(DESCRIPTION, "x")])], 0),
        ("the name alone", vec![config(root)], 1),
        ("other data under the name", vec![written(config(root), "kubectl", &["mine"])], 1),
        ("and beside it", vec![written(written(config(root), kcm, &["ca.crt"]), "kubectl", &["mine"])], 1),
        ("Istio's", vec![by_istio("true")], 0),
        ("no Istio there", vec![config(istio), by_istio("false")], 2),
        ("OpenShift's", vec![by_openshift(), object("ServiceAccount", "builder")], 0),
        ("no OpenShift there", vec![config(openshift), object("ServiceAccount", "builder")], 2),
        ("a token whose account has gone", vec![written(token("gone"), kcm, keys)], 0),
        (
            "a token of an account that is there",
            vec![written(token("robot"), "k8s", keys), owned(robot(), &[("Pod", "gone")])],
            0,
        ),
        ("a token of nobody", vec![written(token("gone"), "kubectl", keys)], 1),
        ("any Secret with the annotation", vec![written(only_name(), "kubectl", &["password"])], 1),
        (
            "or with both",
            vec![written(token("robot"), "kubectl", &["password"]), owned(robot(), &[("Pod", "gone")])],
            1,
        ),
        ("or with none who wrote it", vec![token("robot"), owned(robot(), &[("Pod", "gone")])], 1),
        ("endpoints of a Service", vec![endpoints(), going(object("Service", "web"))], 0),
        ("endpoints of none", vec![endpoints(), going(object("Service", "other"))], 1),
        ("endpoints that others keep", vec![written(endpoints(), "Patroni", &[])], 1),
        ("endpoints of a Service that has gone", vec![written(endpoints(), kcm, &[])], 0),
        ("the same by label", vec![noted(endpoints(), "labels", &[(ENDPOINTS_BY.0, ENDPOINTS_BY.1[0])])], 0),
        ("slices", vec![slice(SLICE_BY.1[0]), slice("me"), slice("me.k8s.io")], 2),
    ] {
        let count = match who(&objects) {
            Inhabitants::Strangers { count, .. } => count,
            Inhabitants::Nobody => 0,
            Inhabitants::Unseen(why) => panic!("{why}"),
        };
        assert_eq!(count, strangers, "{about}");
    }
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
    // A controller copies the annotations of its object to what it makes (a Deployment's to its ReplicaSets, where they stay): what is owned
    // goes with its owners, whatever it asks.
    let asks = |object: Value| noted(object, "annotations", &[("kurator.dev/reconcile", "disabled")]);
    check(&[pod(&[("ReplicaSet", "set")]), asks(set("a")), ours()], 0);
    check(&[asks(pod(&[("ReplicaSet", "gone")]))], 0);
    check(&[asks(set("mine")), object("Deployment", "mine")], 2);
    check(&[asks(object("ConfigMap", "free")), ours()], 1);
    check(&[asks(ours())], 1);
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

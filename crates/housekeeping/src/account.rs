//! What each namespace gets: the `default` service account, and the cluster's CA in `kube-root-ca.crt`.
//!
//! Follows `pkg/controller/serviceaccount/serviceaccounts_controller.go` and
//! `pkg/controller/certificates/rootcacertpublisher/publisher.go`.

use model::object;
use serde_json::{Value, json};

/// Name of the service account.
pub const ACCOUNT: &str = "default";
/// Name of the ConfigMap.
pub const ROOT_CA: &str = "kube-root-ca.crt";
/// Annotation of the ConfigMap that says what it is for.
const DESCRIPTION: &str = "kubernetes.io/description";

/// What a namespace has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Is the namespace on its way out?
    pub deleting: bool,
    /// Is the service account there?
    pub account: bool,
    /// The ConfigMap, if it is there.
    pub root_ca: Option<Value>,
}

/// What to write in a namespace: the service account, then the ConfigMap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// A service account to create.
    pub account: Option<Value>,
    /// A ConfigMap to create.
    pub root_ca: Option<Value>,
    /// A ConfigMap to put in place of one that says something else; it replaces exactly what was read.
    pub changed_ca: Option<Value>,
}

/// Decides for one namespace. Without a CA in PEM no ConfigMap is kept.
pub fn plan(namespace: &str, observed: Observed, ca: Option<&str>) -> Plan {
    if observed.deleting {
        return Plan::default();
    }
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": namespace},
    });
    let root_ca = |ca: &str| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": ROOT_CA, "namespace": namespace,
                "annotations": {DESCRIPTION: "The CA bundle that verifies this cluster's API server."},
            },
            "data": {"ca.crt": ca},
        })
    };
    let mut plan = Plan { account: (!observed.account).then_some(account), ..Plan::default() };
    match (ca, observed.root_ca) {
        (None, _) => {}
        (Some(ca), None) => plan.root_ca = Some(root_ca(ca)),
        (Some(ca), Some(mut stored)) => {
            let wanted = root_ca(ca);
            let described = object::annotation(&stored, DESCRIPTION).is_some_and(|text| !text.is_empty());
            if stored.get("data") != wanted.get("data") || stored.get("binaryData").is_some() || !described {
                stored["data"] = wanted["data"].clone();
                object::remove(&mut stored, &["binaryData"]);
                if !described {
                    *object::slot(&mut stored, &["metadata", "annotations", DESCRIPTION]) =
                        wanted["metadata"]["annotations"][DESCRIPTION].clone();
                }
                plan.changed_ca = Some(stored);
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_created_and_nothing_while_the_namespace_goes() {
        let nothing = Plan::default();
        let stored = plan("a", Observed::default(), Some("pem")).root_ca;
        let all = Observed { deleting: false, account: true, root_ca: stored };
        assert_eq!(plan("a", all, Some("pem")), nothing);
        assert_eq!(plan("a", Observed { deleting: true, ..Observed::default() }, Some("pem")), nothing);
        let fresh = plan("a", Observed::default(), None);
        assert!(fresh.account.is_some() && fresh.root_ca.is_none());
        assert_eq!(
            plan("a", Observed { account: true, ..Observed::default() }, Some("pem")).root_ca.unwrap()["data"]["ca.crt"],
            "pem"
        );
    }

    #[test]
    fn a_changed_bundle_is_put_back_and_what_others_added_beside_it_stays() {
        let right = plan("a", Observed::default(), Some("pem")).root_ca.unwrap();
        let check = |edit: &dyn Fn(&mut Value), changes: bool| {
            let mut stored = right.clone();
            stored["metadata"]["labels"] = json!({"own": "label"});
            let mut wanted = stored.clone();
            wanted["metadata"]["resourceVersion"] = json!("7");
            edit(&mut stored);
            stored["metadata"]["resourceVersion"] = json!("7");
            let observed = Observed { deleting: false, account: true, root_ca: Some(stored.clone()) };
            let plan = plan("a", observed, Some("pem"));
            assert_eq!((plan.root_ca, plan.changed_ca), (None, changes.then_some(wanted)), "{stored}");
        };
        check(&|_| {}, false);
        check(&|map| map["data"]["ca.crt"] = json!("another"), true);
        check(&|map| map["data"]["more"] = json!("x"), true);
        check(&|map| drop(object::remove(map, &["data"])), true);
        check(&|map| map["binaryData"] = json!({"more": "eA=="}), true);
        check(&|map| drop(object::remove(map, &["metadata", "annotations", DESCRIPTION])), true);
    }
}

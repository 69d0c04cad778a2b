//! What each namespace gets: the `default` service account, and the cluster's CA in `kube-root-ca.crt`.
//!
//! Follows `pkg/controller/serviceaccount/serviceaccounts_controller.go` and
//! `pkg/controller/certificates/rootcacertpublisher/publisher.go`.

use serde_json::{Value, json};

/// Name of the service account.
pub const ACCOUNT: &str = "default";
/// Name of the ConfigMap.
pub const ROOT_CA: &str = "kube-root-ca.crt";

/// What a namespace has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Is the namespace on its way out?
    pub deleting: bool,
    /// Is the service account there?
    pub account: bool,
    /// Is the ConfigMap there?
    pub root_ca: bool,
}

/// What to create in a namespace: service accounts, then config maps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// A service account.
    pub account: Option<Value>,
    /// A ConfigMap.
    pub root_ca: Option<Value>,
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
                "annotations": {"kubernetes.io/description": "The CA bundle that verifies this cluster's API server."},
            },
            "data": {"ca.crt": ca},
        })
    };
    Plan { account: (!observed.account).then_some(account), root_ca: ca.filter(|_| !observed.root_ca).map(root_ca) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_created_and_nothing_while_the_namespace_goes() {
        let nothing = Plan::default();
        let all = Observed { deleting: false, account: true, root_ca: true };
        assert_eq!(plan("a", all, Some("pem")), nothing);
        assert_eq!(plan("a", Observed { deleting: true, ..Observed::default() }, Some("pem")), nothing);
        let fresh = plan("a", Observed::default(), None);
        assert!(fresh.account.is_some() && fresh.root_ca.is_none());
        assert_eq!(
            plan("a", Observed { account: true, ..Observed::default() }, Some("pem")).root_ca.unwrap()["data"]["ca.crt"],
            "pem"
        );
    }
}

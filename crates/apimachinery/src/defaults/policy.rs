//! Rules, webhooks, priorities, replication controllers and custom resource definitions: everything that is neither a
//! pod nor a way to run, reach or store for one.

use serde_json::{Value, json};

use super::field::{Fields, filled, inside, items, set, set_number, text};

/// Group of roles and of the users and groups that they are bound to.
const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn rule(name: &str, map: &mut Fields) {
    match name {
        "ClusterRoleBinding" | "RoleBinding" => {
            if let Some(role) = inside(map, "roleRef") {
                set(role, "apiGroup", RBAC);
            }
        }
        // Subjects of flowcontrol have no such field, and kinds of their own.
        "Subject" if matches!(text(map, "kind"), "User" | "Group") && map.contains_key("name") => {
            set(map, "apiGroup", RBAC);
        }
        "PriorityClass" => set(map, "preemptionPolicy", "PreemptLowerPriority"),
        "ValidatingWebhook" | "MutatingWebhook" => {
            set(map, "failurePolicy", "Fail");
            match_rules(map);
            set(map, "timeoutSeconds", 10);
            if name == "MutatingWebhook" {
                set(map, "reinvocationPolicy", "Never");
            }
        }
        "Rule" => set(map, "scope", "*"),
        "ServiceReference" => set(map, "port", 443),
        "ValidatingAdmissionPolicySpec" | "MutatingAdmissionPolicySpec" => set(map, "failurePolicy", "Fail"),
        "MatchResources" => match_rules(map),
        "FlowSchemaSpec" => set_number(map, "matchingPrecedence", 1000),
        "ExemptPriorityLevelConfiguration" => {
            set(map, "nominalConcurrencyShares", 0);
            set(map, "lendablePercent", 0);
        }
        "LimitedPriorityLevelConfiguration" => {
            set(map, "nominalConcurrencyShares", 30);
            set(map, "lendablePercent", 0);
        }
        "QueuingConfiguration" => {
            set_number(map, "handSize", 8);
            set_number(map, "queues", 64);
            set_number(map, "queueLengthLimit", 50);
        }
        "ExactDeviceRequest" | "DeviceSubRequest" => {
            set(map, "allocationMode", "ExactCount");
            if text(map, "allocationMode") == "ExactCount" {
                set_number(map, "count", 1);
            }
        }
        "TokenRequestSpec" => set(map, "expirationSeconds", 3600),
        "CustomResourceDefinition" => definition(map),
        _ => {}
    }
}

fn match_rules(map: &mut Fields) {
    set(map, "matchPolicy", "Equivalent");
    set(map, "namespaceSelector", json!({}));
    set(map, "objectSelector", json!({}));
}

fn definition(map: &mut Fields) {
    let Some(spec) = inside(map, "spec") else { return };
    if let Some(names) = inside(spec, "names") {
        let kind = text(names, "kind").to_owned();
        if !kind.is_empty() {
            set(names, "singular", kind.to_lowercase());
            set(names, "listKind", format!("{kind}List"));
        }
    }
    set(spec, "conversion", json!({"strategy": "None"}));
    let storage = items(spec, "versions").find(|v| v.get("storage") == Some(&Value::Bool(true)));
    let stored = storage.and_then(|v| v.get("name").cloned());
    if let (Some(stored), Some(status)) = (stored, inside(map, "status"))
        && !filled(status, "storedVersions")
    {
        status.insert("storedVersions".to_owned(), json!([stored]));
    }
}

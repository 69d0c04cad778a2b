//! Services, endpoints, network policies (`pkg/apis/{core,networking,discovery}/v1/defaults.go`).

use serde_json::{Value, json};

use super::field::{Fields, filled, inside, items, set, text};

/// How long a client sticks to a backend: three hours, in seconds.
const AFFINITY_SECS: i32 = 10_800;

pub(super) fn core_rule(name: &str, map: &mut Fields) {
    match name {
        "Service" => service(map),
        "EndpointPort" => set(map, "protocol", "TCP"),
        "Namespace" => namespace(map),
        "NamespaceStatus" => set(map, "phase", "Active"),
        _ => {}
    }
}

fn service(map: &mut Fields) {
    let Some(spec) = inside(map, "spec") else { return };
    set(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "None" => {
            spec.remove("sessionAffinityConfig");
        }
        "ClientIP" => {
            let seconds = spec.get("sessionAffinityConfig").and_then(|c| c.pointer("/clientIP/timeoutSeconds"));
            if seconds.is_none_or(Value::is_null) {
                let config = json!({"clientIP": {"timeoutSeconds": AFFINITY_SECS}});
                spec.insert("sessionAffinityConfig".to_owned(), config);
            }
        }
        _ => {}
    }
    set(spec, "type", "ClusterIP");
    for port in items(spec, "ports") {
        set(port, "protocol", "TCP");
        // Go's zero of an integer or text; what is left of a missing value.
        if port.get("targetPort").is_none_or(|t| t.is_null() || t == 0 || t == "")
            && let Some(number) = port.get("port").cloned()
        {
            port.insert("targetPort".to_owned(), number);
        }
    }
    let balanced = text(spec, "type") == "LoadBalancer";
    if balanced || text(spec, "type") == "NodePort" || text(spec, "type") == "ClusterIP" && filled(spec, "externalIPs")
    {
        set(spec, "externalTrafficPolicy", "Cluster");
    }
    if text(spec, "type") != "ExternalName" {
        set(spec, "internalTrafficPolicy", "Cluster");
    }
    if balanced {
        set(spec, "allocateLoadBalancerNodePorts", true);
        if let Some(balancer) = inside(map, "status").and_then(|s| inside(s, "loadBalancer")) {
            for ingress in items(balancer, "ingress").filter(|i| filled(i, "ip")) {
                set(ingress, "ipMode", "VIP");
            }
        }
    }
}

/// Every namespace with a name carries it as a label.
fn namespace(map: &mut Fields) {
    let Some(metadata) = inside(map, "metadata") else { return };
    let name = text(metadata, "name").to_owned();
    if !name.is_empty()
        && let Some(labels) = inside(metadata, "labels")
    {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
    }
}

/// Rules of `networking.k8s.io/v1` and `discovery.k8s.io/v1`.
pub(super) fn rule(name: &str, map: &mut Fields) {
    match name {
        "NetworkPolicyPort" => set(map, "protocol", "TCP"),
        "NetworkPolicySpec" if !filled(map, "policyTypes") => {
            let types = if filled(map, "egress") { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            map.insert("policyTypes".to_owned(), types);
        }
        "IngressClassParametersReference" => set(map, "scope", "Cluster"),
        "EndpointPort" => {
            set(map, "name", "");
            set(map, "protocol", "TCP");
        }
        _ => {}
    }
}

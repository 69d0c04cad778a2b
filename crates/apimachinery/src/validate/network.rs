//! Services, ingresses and network policies.

use std::collections::HashSet;

use model::name::{check_dns_label, check_dns_subdomain};
use model::{FieldError, LabelSelector};
use serde_json::{Map, Value, json};

use super::collect::{At, FieldErrors, check_port_name, get, list, text};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

pub(super) fn service(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    let at = At::from("spec");
    let empty = Value::Object(Map::new());
    let spec = new.get("spec").unwrap_or(&empty);
    let kind = text(spec, "type");
    let headless = text(spec, "clusterIP") == "None";
    let ports = list(spec, "ports");
    if ports.is_empty() && !headless && kind != "ExternalName" {
        found.required(at.field("ports"), "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let why = format!("may not be set to 'None' for {kind} services");
            found.invalid(at.field("clusterIPs[0]"), "None", why);
        }
        "ExternalName" => external_name(spec, &at, found),
        _ => {}
    }
    service_ports(ports, kind, &at, found);
    found.labels(get(spec, "selector"), &at.field("selector"));
    found.one_of(spec, "type", &at, &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    found.one_of(spec, "sessionAffinity", &at, &["ClientIP", "None"]);
    for (field, allowed) in
        [("externalTrafficPolicy", ["Cluster", "Local"]), ("internalTrafficPolicy", ["Cluster", "Local"])]
    {
        found.one_of(spec, field, &at, &allowed);
    }
    let address = text(spec, "clusterIP");
    if !address.is_empty() && address != "None" && address.parse::<std::net::IpAddr>().is_err() {
        let why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        found.invalid(at.field("clusterIPs[0]"), address, why);
    }
    if let Some(old) = old {
        kept_address(spec, old, &at, found);
    }
}

/// The cluster address stays, unless the service stops or starts being an external name.
fn kept_address(spec: &Value, old: &Value, at: &At, found: &mut FieldErrors) {
    let before = text(old, "spec.clusterIP");
    let now = text(spec, "clusterIP");
    let external = text(spec, "type") == "ExternalName" || text(old, "spec.type") == "ExternalName";
    if !external && !before.is_empty() && before != now {
        let given = get(spec, "clusterIPs").cloned().unwrap_or_else(|| json!([now]));
        found.invalid(at.field("clusterIPs[0]"), given, "may not change once set");
    }
}

fn external_name(spec: &Value, at: &At, found: &mut FieldErrors) {
    let name = text(spec, "externalName");
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        found.required(at.field("externalName"), "");
    } else {
        found.rule(at.field("externalName"), name, check_dns_subdomain);
    }
    if !list(spec, "clusterIPs").is_empty() {
        found.forbidden(at.field("clusterIPs"), "may not be set for ExternalName services");
    }
}

fn service_ports(ports: &[Value], kind: &str, at: &At, found: &mut FieldErrors) {
    let (mut names, mut numbers, mut node_ports) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (index, port) in ports.iter().enumerate() {
        let place = at.field("ports").index(index);
        let name = text(port, "name");
        if name.is_empty() && ports.len() > 1 {
            found.required(place.field("name"), "");
        } else if !name.is_empty() {
            found.rule(place.field("name"), name, check_dns_label);
            found.unique(place.field("name"), name, &mut names);
        }
        let number = get(port, "port").and_then(Value::as_i64).unwrap_or(0);
        found.port(place.field("port"), number);
        found.one_of(port, "protocol", &place, &PROTOCOLS);
        match get(port, "targetPort") {
            Some(Value::String(name)) => found.rule(place.field("targetPort"), name, check_port_name),
            Some(target) => found.port(place.field("targetPort"), target.as_i64().unwrap_or(0)),
            None => {}
        }
        let protocol = text(port, "protocol");
        if !numbers.insert((protocol, number)) {
            found.duplicate(place.clone(), json!({"port": number, "protocol": protocol}));
        }
        let Some(node_port) = get(port, "nodePort").and_then(Value::as_i64).filter(|n| *n != 0) else { continue };
        if kind == "ClusterIP" {
            found.forbidden(place.field("nodePort"), "may not be used when `type` is 'ClusterIP'");
        }
        if !node_ports.insert((protocol, node_port)) {
            found.duplicate(place.field("nodePort"), node_port);
        }
    }
}

pub(super) fn ingress(new: &Value, found: &mut FieldErrors) {
    let at = At::from("spec");
    let empty = Value::Object(Map::new());
    let spec = new.get("spec").unwrap_or(&empty);
    let rules = list(spec, "rules");
    let default = get(spec, "defaultBackend");
    if rules.is_empty() && default.is_none() {
        found.invalid(at.clone(), Value::Null, "either `defaultBackend` or `rules` must be specified");
    }
    if let Some(default) = default {
        backend(default, &at.field("defaultBackend"), found);
    }
    for (index, rule) in rules.iter().enumerate() {
        let place = at.field("rules").index(index);
        let host = text(rule, "host");
        if host.parse::<std::net::IpAddr>().is_ok() {
            found.invalid(place.field("host"), host, "must be a DNS name, not an IP address");
        } else if !host.is_empty() {
            found.rule(place.field("host"), host, |h| check_dns_subdomain(h.strip_prefix("*.").unwrap_or(h)));
        }
        let Some(http) = get(rule, "http") else { continue };
        let paths = list(http, "paths");
        if paths.is_empty() {
            found.required(place.field("http.paths"), "");
        }
        for (index, path) in paths.iter().enumerate() {
            http_path(path, &place.field("http.paths").index(index), found);
        }
    }
    let class = text(spec, "ingressClassName");
    if !class.is_empty() {
        found.rule(at.field("ingressClassName"), class, check_dns_subdomain);
    }
}

fn http_path(path: &Value, at: &At, found: &mut FieldErrors) {
    let given = text(path, "path");
    match text(path, "pathType") {
        "" => found.required(at.field("pathType"), "pathType must be specified"),
        "Exact" | "Prefix" if !given.starts_with('/') => {
            found.invalid(at.field("path"), given, "must be an absolute path");
        }
        "Exact" | "Prefix" => {
            for sequence in ["//", "/./", "/../", "%2f", "%2F"] {
                if given.contains(sequence) {
                    found.invalid(at.field("path"), given, format!("must not contain '{sequence}'"));
                }
            }
        }
        "ImplementationSpecific" if !given.is_empty() && !given.starts_with('/') => {
            found.invalid(at.field("path"), given, "must be an absolute path");
        }
        "ImplementationSpecific" => {}
        other => {
            let kinds = ["Exact", "ImplementationSpecific", "Prefix"];
            found.push(FieldError::not_supported(at.field("pathType").path(), other, &kinds));
        }
    }
    let empty = Value::Object(Map::new());
    backend(get(path, "backend").unwrap_or(&empty), &at.field("backend"), found);
}

fn backend(backend: &Value, at: &At, found: &mut FieldErrors) {
    match (get(backend, "service"), get(backend, "resource")) {
        (Some(_), Some(_)) => found.invalid(at.clone(), "", "cannot set both resource and service backends"),
        (None, None) => found.invalid(at.clone(), "", "resource or service backend is required"),
        (None, Some(_)) => {}
        (Some(service), None) => {
            let name = text(service, "name");
            if name.is_empty() {
                found.required(at.field("service.name"), "");
            } else {
                found.rule(at.field("service.name"), name, check_dns_label);
            }
            let number = get(service, "port.number").and_then(Value::as_i64).filter(|n| *n != 0);
            match (text(service, "port.name"), number) {
                ("", None) => found.required(at.clone(), "port name or number is required"),
                ("", Some(number)) => found.port(at.field("service.port.number"), number),
                (name, None) => found.rule(at.field("service.port.name"), name, check_port_name),
                _ => found.invalid(at.clone(), "", "cannot set both port name & port number"),
            }
        }
    }
}

pub(super) fn network_policy(new: &Value, found: &mut FieldErrors) {
    let at = At::from("spec");
    let empty = Value::Object(Map::new());
    let spec = new.get("spec").unwrap_or(&empty);
    if let Some(selector) = get(spec, "podSelector") {
        found.selector(selector, &at.field("podSelector"));
    }
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(spec, direction).iter().enumerate() {
            let place = at.field(direction).index(index);
            for (index, port) in list(rule, "ports").iter().enumerate() {
                policy_port(port, &place.field("ports").index(index), found);
            }
            for (index, peer) in list(rule, peers).iter().enumerate() {
                policy_peer(peer, &place.field(peers).index(index), found);
            }
        }
    }
    let types = list(spec, "policyTypes");
    if types.len() > 2 {
        found.invalid(at.field("policyTypes"), types.to_vec(), "may not specify more than two policyTypes");
    }
    for (index, ty) in types.iter().enumerate() {
        let ty = ty.as_str().unwrap_or_default();
        if !["Ingress", "Egress"].contains(&ty) {
            let path = at.field("policyTypes").index(index).path();
            found.push(FieldError::not_supported(path, ty, &["Ingress", "Egress"]));
        }
    }
}

fn policy_port(port: &Value, at: &At, found: &mut FieldErrors) {
    found.one_of(port, "protocol", at, &["TCP", "UDP", "SCTP"]);
    let end = get(port, "endPort").and_then(Value::as_i64);
    match get(port, "port") {
        Some(Value::String(name)) => {
            found.rule(at.field("port"), name, check_port_name);
            if let Some(end) = end {
                found.invalid(at.field("endPort"), end, "may not be specified when `port` is non-numeric");
            }
        }
        Some(number) => {
            let number = number.as_i64().unwrap_or(0);
            found.port(at.field("port"), number);
            if let Some(end) = end.filter(|end| *end < number) {
                found.invalid(at.field("endPort"), end, "must be greater than or equal to `port`");
            }
        }
        None => {
            if let Some(end) = end {
                found.invalid(at.field("endPort"), end, "may not be specified when `port` is not specified");
            }
        }
    }
}

fn policy_peer(peer: &Value, at: &At, found: &mut FieldErrors) {
    let selectors = ["podSelector", "namespaceSelector"];
    let given: Vec<&str> = selectors.into_iter().filter(|field| get(peer, field).is_some()).collect();
    for field in &given {
        let selector = &peer[*field];
        found.selector(selector, &at.field(field));
        if LabelSelector::from_object(selector).is_err() {
            found.invalid(at.field(field), selector.clone(), "invalid label selector");
        }
    }
    match (get(peer, "ipBlock"), given.is_empty()) {
        (None, true) => found.required(at.clone(), "must specify a peer"),
        (Some(_), false) => found.forbidden(at.clone(), "may not specify both ipBlock and another peer"),
        (Some(block), true) if text(block, "cidr").is_empty() => found.required(at.field("ipBlock.cidr"), ""),
        _ => {}
    }
}

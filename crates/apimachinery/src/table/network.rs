//! Services and what leads traffic to them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cell::{NONE, Row, UNKNOWN, UNSET, get, int, list, or, plain, some, text};

/// As upstream's printers: more than these are counted, not shown.
const SHOWN_MAX: usize = 3;

pub(super) fn service(row: &Row<'_>) -> Vec<Value> {
    let addresses = row.list("spec.clusterIPs");
    let cluster_ip = match addresses.first() {
        Some(first) => plain(first),
        None => row.text_or("spec.clusterIP", NONE).to_owned(),
    };
    let ports: Vec<String> = row.list("spec.ports").iter().map(service_port).collect();
    vec![
        row.name().into(),
        row.text("spec.type").into(),
        cluster_ip.into(),
        external_ip(row).into(),
        or(ports.join(","), NONE).into(),
        row.age().into(),
        row.labels("spec.selector").into(),
    ]
}

fn service_port(port: &Value) -> String {
    let (number, protocol) = (int(port, "port"), text(port, "protocol"));
    match int(port, "nodePort") {
        0 => format!("{number}/{protocol}"),
        node => format!("{number}:{node}/{protocol}"),
    }
}

fn external_ip(row: &Row<'_>) -> String {
    let external: Vec<String> = row.list("spec.externalIPs").iter().map(plain).collect();
    match row.text("spec.type") {
        "ClusterIP" | "NodePort" => or(external.join(","), NONE),
        "LoadBalancer" => {
            let balanced = load_balancer(row);
            let all: Vec<String> = balanced.into_iter().chain(external).collect();
            or(all.join(","), "<pending>")
        }
        "ExternalName" => row.text("spec.externalName").to_owned(),
        _ => UNKNOWN.to_owned(),
    }
}

/// Addresses that a load balancer gave, sorted.
fn load_balancer(row: &Row<'_>) -> BTreeSet<String> {
    let address = |ingress: &Value| or(text(ingress, "ip").to_owned(), text(ingress, "hostname"));
    row.list("status.loadBalancer.ingress").iter().map(address).filter(|a| !a.is_empty()).collect()
}

pub(super) fn ingress(row: &Row<'_>) -> Vec<Value> {
    let rules = row.list("spec.rules");
    let shown = &rules[..rules.len().min(SHOWN_MAX)];
    let mut hosts = shown.iter().map(|r| text(r, "host")).filter(|h| !h.is_empty()).collect::<Vec<_>>().join(",");
    if hosts.is_empty() {
        hosts = "*".to_owned();
    } else if rules.len() > SHOWN_MAX {
        hosts = format!("{hosts} + {} more...", rules.len() - SHOWN_MAX);
    }
    let address: Vec<String> = load_balancer(row).into_iter().collect();
    let ports = if row.list("spec.tls").is_empty() { "80" } else { "80, 443" };
    vec![
        row.name().into(),
        row.text_or("spec.ingressClassName", NONE).into(),
        hosts.into(),
        address.join(",").into(),
        ports.into(),
        row.age().into(),
    ]
}

pub(super) fn ingress_class(row: &Row<'_>) -> Vec<Value> {
    let is_default =
        model::object::annotation(row.object, "ingressclass.kubernetes.io/is-default-class") == Some("true");
    let name = if is_default { format!("{} (default)", row.name()) } else { row.name().to_owned() };
    let parameters = row.get("spec.parameters").map_or_else(
        || NONE.to_owned(),
        |parameters| {
            let group = text(parameters, "apiGroup");
            let dot = if group.is_empty() { "" } else { "." };
            format!("{}{dot}{group}/{}", text(parameters, "kind"), text(parameters, "name"))
        },
    );
    vec![name.into(), row.text("spec.controller").into(), parameters.into(), row.age().into()]
}

pub(super) fn endpoint_slice(row: &Row<'_>) -> Vec<Value> {
    let port = |p: &Value| match (get(p, "port"), text(p, "name")) {
        (Some(number), _) => plain(number),
        (None, "") => "*".to_owned(),
        (None, name) => name.to_owned(),
    };
    let ports: Vec<String> = row.list("ports").iter().map(port).collect();
    let addresses: Vec<String> = row.list("endpoints").iter().flat_map(|e| list(e, "addresses")).map(plain).collect();
    vec![
        row.name().into(),
        row.text("addressType").into(),
        or(some(&ports, SHOWN_MAX), UNSET).into(),
        or(some(&addresses, SHOWN_MAX), UNSET).into(),
        row.age().into(),
    ]
}

pub(super) fn endpoints(row: &Row<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in row.list("subsets") {
        let addresses = list(subset, "addresses").iter().map(|a| text(a, "ip"));
        match list(subset, "ports") {
            [] => all.extend(addresses.map(ToOwned::to_owned)),
            ports => {
                for port in ports {
                    let number = int(port, "port");
                    all.extend(addresses.clone().map(|ip| match ip.contains(':') {
                        true => format!("[{ip}]:{number}"),
                        false => format!("{ip}:{number}"),
                    }));
                }
            }
        }
    }
    vec![row.name().into(), or(some(&all, SHOWN_MAX), NONE).into(), row.age().into()]
}

pub(super) fn network_policy(row: &Row<'_>) -> Vec<Value> {
    vec![row.name().into(), row.selector("spec.podSelector").into(), row.age().into()]
}

//! Addresses and node ports of Services, as pure functions over what exists.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use model::{FieldError, FieldPath, Status, object};
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use crate::key;
use crate::registry::Served;
use crate::state::State;

/// kube-apiserver's usual service range as kubeadm sets it: 10.96.0.0/12.
const FIRST: u32 = u32::from_be_bytes([10, 96, 0, 0]);
const SIZE: u32 = 1 << 20;
/// Kept free: the network's address, the `kubernetes` Service and cluster DNS.
const RESERVED: u32 = 16;
/// kube-apiserver's `--service-node-port-range`.
const PORT_FIRST: u32 = 30_000;
const PORTS: u32 = 2_768;

/// Gives a Service the addresses it has none of. The guard is held until the Service is stored, so that two Services
/// never take the same.
pub(crate) async fn allocate<'a>(
    state: &'a Arc<State>,
    served: &Served,
    new: &mut Value,
    old: Option<&Value>,
) -> Result<Option<MutexGuard<'a, ()>>, Status> {
    if !served.strategy.allocates_addresses {
        return Ok(None);
    }
    let guard = state.network.lock().await;
    let mut taken = InUse::default();
    let own = (object::namespace(new).unwrap_or_default(), object::name(new).unwrap_or_default());
    for entry in state.entries(&key::prefix("", "services", None)) {
        if (&*entry.meta.namespace, &*entry.meta.name) == own {
            continue;
        }
        if let Some(address) = entry.meta.field("spec.clusterIP").and_then(|ip| ip.parse::<Ipv4Addr>().ok()) {
            taken.addresses.insert(address.into());
        }
        // Only these have node ports, which the index does not hold.
        if matches!(entry.meta.field("spec.type"), Some("NodePort" | "LoadBalancer"))
            && let Ok((_, service)) = state.parse(served, &entry)
        {
            taken.ports.extend(ports(&service).filter_map(|(_, port)| port));
        }
    }
    fill(new, old, &taken).map_err(|error| {
        let name = object::name(new).unwrap_or_default();
        Status::invalid(&served.gvk.group_kind(), name, &[error])
    })?;
    Ok(Some(guard))
}

/// What other Services have.
#[derive(Debug, Default)]
struct InUse {
    addresses: BTreeSet<u32>,
    ports: BTreeSet<u32>,
}

fn ports(service: &Value) -> impl Iterator<Item = (usize, Option<u32>)> + '_ {
    let list = object::get(service, &["spec", "ports"]).and_then(Value::as_array);
    let number = |port: &Value| port.get("nodePort").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    list.into_iter().flatten().enumerate().map(move |(index, port)| (index, number(port).filter(|n| *n > 0)))
}

fn fill(new: &mut Value, old: Option<&Value>, taken: &InUse) -> Result<(), FieldError> {
    let ty = object::get_str(new, &["spec", "type"]).unwrap_or("ClusterIP").to_owned();
    if ty == "ExternalName" {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            object::remove(new, &["spec", field]);
        }
        return Ok(());
    }
    let seed = seed(new);
    address(new, old, taken, seed)?;
    if wants_ports(new) {
        return node_ports(new, old, taken, seed);
    }
    if let Some(old) = old.filter(|old| wants_ports(old)) {
        release(new, old);
    }
    Ok(())
}

fn wants_ports(service: &Value) -> bool {
    match object::get_str(service, &["spec", "type"]) {
        Some("NodePort") => true,
        Some("LoadBalancer") => {
            object::get(service, &["spec", "allocateLoadBalancerNodePorts"]).and_then(Value::as_bool) != Some(false)
        }
        _ => false,
    }
}

/// A Service that stops being reachable from outside gives back what came with it, unless the client changed it in the
/// same write (`pkg/registry/core/service/strategy.go`, dropTypeDependentFields).
fn release(new: &mut Value, old: &Value) {
    let before: BTreeSet<u32> = ports(old).filter_map(|(_, port)| port).collect();
    let list = new.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    for port in list.into_iter().flatten().filter_map(Value::as_object_mut) {
        let number = port.get("nodePort").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        if number.is_some_and(|n| before.contains(&n)) {
            port.remove("nodePort");
        }
    }
    for field in ["externalTrafficPolicy", "healthCheckNodePort", "allocateLoadBalancerNodePorts", "loadBalancerClass"]
    {
        if object::get(new, &["spec", field]) == object::get(old, &["spec", field]) {
            object::remove(new, &["spec", field]);
        }
    }
}

fn address(new: &mut Value, old: Option<&Value>, taken: &InUse, seed: u32) -> Result<(), FieldError> {
    let given = object::get_str(new, &["spec", "clusterIP"]).filter(|ip| !ip.is_empty()).map(str::to_owned);
    let given = given.or_else(|| {
        let list = object::get(new, &["spec", "clusterIPs"]).and_then(Value::as_array);
        list.and_then(|l| l.first()).and_then(Value::as_str).map(str::to_owned)
    });
    let kept = old.and_then(|old| object::get_str(old, &["spec", "clusterIP"])).filter(|ip| !ip.is_empty());
    let ip = match given.or_else(|| kept.map(str::to_owned)) {
        Some(ip) => {
            let outside = ip.parse::<Ipv4Addr>().is_ok_and(|ip| !(FIRST..FIRST + SIZE).contains(&u32::from(ip)));
            if outside {
                let why = format!("failed to allocate IP {ip}: the provided network does not match the current range");
                return Err(FieldError::invalid(FieldPath::of("spec.clusterIPs"), json!([ip]), why));
            }
            let held = ip.parse::<Ipv4Addr>().is_ok_and(|ip| taken.addresses.contains(&u32::from(ip)));
            if held {
                let why = format!("failed to allocate IP {ip}: provided IP is already allocated");
                return Err(FieldError::invalid(FieldPath::of("spec.clusterIPs"), json!([ip]), why));
            }
            ip
        }
        None => {
            let free = (0..SIZE - RESERVED)
                .map(|step| FIRST + RESERVED + (seed % (SIZE - RESERVED) + step) % (SIZE - RESERVED))
                .find(|address| !taken.addresses.contains(address));
            let free = free.ok_or_else(|| {
                FieldError::invalid(FieldPath::of("spec.clusterIPs"), json!([]), "the service range is full")
            })?;
            Ipv4Addr::from(free).to_string()
        }
    };
    // Without a selector the families of a headless Service's endpoints are not known: upstream sets both.
    let selects = object::get(new, &["spec", "selector"]).and_then(Value::as_object).is_some_and(|s| !s.is_empty());
    let (families, policy) = if ip == "None" && !selects {
        (json!(["IPv4", "IPv6"]), "RequireDualStack")
    } else {
        (json!(["IPv4"]), "SingleStack")
    };
    let spec = object::slot(new, &["spec"]);
    spec["clusterIPs"] = json!([ip]);
    spec["clusterIP"] = json!(ip);
    if spec.get("ipFamilies").is_none_or(Value::is_null) {
        spec["ipFamilies"] = families;
    }
    if spec.get("ipFamilyPolicy").is_none_or(Value::is_null) {
        spec["ipFamilyPolicy"] = json!(policy);
    }
    Ok(())
}

fn node_ports(new: &mut Value, old: Option<&Value>, taken: &InUse, seed: u32) -> Result<(), FieldError> {
    let path = |index: usize| FieldPath::of("spec.ports").index(index).field("nodePort");
    let mut used = taken.ports.clone();
    let mut open = Vec::new();
    for (index, port) in ports(new) {
        match port {
            Some(port) if !used.insert(port) => {
                return Err(FieldError::invalid(path(index), port, "provided port is already allocated"));
            }
            Some(_) => {}
            None => open.push(index),
        }
    }
    // A port that the Service had before stays with the same `port` number and protocol.
    let before: Vec<Value> =
        old.and_then(|o| object::get(o, &["spec", "ports"])?.as_array().cloned()).unwrap_or_default();
    for index in open {
        let Some(port) = new.pointer_mut(&format!("/spec/ports/{index}")) else { continue };
        let same = |other: &&Value| ["port", "protocol"].iter().all(|f| other.get(f) == port.get(f));
        let kept = before.iter().find(same).and_then(|p| p.get("nodePort")?.as_u64());
        let kept = kept.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0 && !used.contains(n));
        let offset = u32::try_from(index).unwrap_or(0);
        let free = || (0..PORTS).map(|step| PORT_FIRST + (seed + offset + step) % PORTS).find(|p| !used.contains(p));
        let Some(number) = kept.or_else(free) else {
            return Err(FieldError::invalid(path(index), 0, "no node port is free"));
        };
        used.insert(number);
        port["nodePort"] = json!(number);
    }
    Ok(())
}

/// Where the search for a free address begins: by name, so that the same Services get the same addresses.
fn seed(service: &Value) -> u32 {
    let text =
        format!("{}/{}", object::namespace(service).unwrap_or_default(), object::name(service).unwrap_or_default());
    // FNV-1a: small, and the same on every machine and in every version of Rust.
    text.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) >> 4
}

#[cfg(test)]
mod tests;

//! Addresses of load balancers: those of all members, each once.

use std::collections::{BTreeMap, BTreeSet};

use model::FieldPath;
use serde_json::{Map, Value, json};

use super::{changed, entries, fit};
use crate::fault::Fault;
use crate::interpreter::Reported;
use crate::read::text;

pub(super) struct Addresses {
    /// Does the mode of an address (`ipMode`) tell addresses apart? Of a Service, and not of an Ingress.
    has_mode: bool,
    found: BTreeMap<Address, BTreeSet<Port>>,
}

/// Ordered as Karmada's `DedupeAndSort…`: by host name, those without one last; by IP; by mode, those without one last.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    has_no_hostname: bool,
    hostname: String,
    ip: String,
    has_no_mode: bool,
    mode: String,
}

/// Ordered by number, by protocol, and those without an error first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    number: i64,
    protocol: String,
    error: Option<String>,
}

impl Addresses {
    pub(super) fn new(has_mode: bool) -> Self {
        Self { has_mode, found: BTreeMap::new() }
    }

    /// What a member that does not answer reported last stays: traffic does not go through the hub, and reaches the
    /// member all the same.
    pub(super) fn add(&mut self, reported: Reported<'_>) -> Result<(), Fault> {
        let (Reported::Status(status) | Reported::Unreachable(Some(status))) = reported else { return Ok(()) };
        let Some(balancer) = status.get("loadBalancer").filter(|found| !found.is_null()) else { return Ok(()) };
        if !balancer.is_object() {
            return Err(Fault::field("status.loadBalancer", "an object"));
        }
        let at = FieldPath::of("status.loadBalancer.ingress");
        let mut read = Vec::new();
        for (index, entry) in entries(balancer, "ingress")?.iter().enumerate() {
            read.push((self.address(entry), ports(entry, &at.index(index))?));
        }
        for (address, ports) in read {
            self.found.entry(address).or_default().extend(ports);
        }
        Ok(())
    }

    fn address(&self, entry: &Value) -> Address {
        let hostname = text(entry, "hostname").to_owned();
        let mode = if self.has_mode { text(entry, "ipMode") } else { "" };
        Address {
            has_no_hostname: hostname.is_empty(),
            hostname,
            ip: text(entry, "ip").to_owned(),
            has_no_mode: mode.is_empty(),
            mode: mode.to_owned(),
        }
    }

    pub(super) fn finish(self, template: &Value) -> (Option<Value>, Vec<String>) {
        let (ingress, word) = fit("addresses of load balancers", self.found.into_iter().map(written));
        let balancer = if ingress.is_empty() { json!({}) } else { json!({ "ingress": ingress }) };
        let status = Map::from_iter([("loadBalancer".to_owned(), balancer)]);
        (changed(template, status), word.into_iter().collect())
    }
}

fn ports(entry: &Value, at: &FieldPath) -> Result<Vec<Port>, Fault> {
    let wrong = || Fault::Field { path: at.field("ports"), wanted: "a list of ports with numbers from 0 to 65535" };
    let list = match entry.get("ports") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(found) => found.as_array().ok_or_else(wrong)?,
    };
    let port = |port: &Value| {
        let number = port.get("port").and_then(Value::as_i64).filter(|number| (0..=65535).contains(number));
        let error = port.get("error").and_then(Value::as_str).map(str::to_owned);
        Ok(Port { number: number.ok_or_else(wrong)?, protocol: text(port, "protocol").to_owned(), error })
    };
    list.iter().map(port).collect()
}

fn written((address, ports): (Address, BTreeSet<Port>)) -> Value {
    let mut entry = Map::new();
    for (name, text) in [("hostname", address.hostname), ("ip", address.ip), ("ipMode", address.mode)] {
        if !text.is_empty() {
            entry.insert(name.to_owned(), json!(text));
        }
    }
    if !ports.is_empty() {
        let port = |port: Port| match port.error {
            Some(error) => json!({"port": port.number, "protocol": port.protocol, "error": error}),
            None => json!({"port": port.number, "protocol": port.protocol}),
        };
        entry.insert("ports".to_owned(), ports.into_iter().map(port).collect());
    }
    Value::Object(entry)
}

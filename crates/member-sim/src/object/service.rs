//! Services and their slices.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::object;
use serde_json::{Value, json};

use super::{Meta, Object, flag, int, list, text};

/// A port of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServicePort {
    /// Name, perhaps empty.
    pub name: String,
    /// Protocol.
    pub protocol: String,
    /// `appProtocol`.
    pub app_protocol: Option<String>,
    /// A number, or the name of a container's port.
    pub target: Result<i64, String>,
}

/// A service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Metadata.
    pub meta: Meta,
    /// Which pods; empty means that somebody else writes its endpoints.
    pub selector: BTreeMap<String, String>,
    /// Ports.
    pub ports: Vec<ServicePort>,
    /// Does it publish pods that are not ready?
    pub publish_not_ready: bool,
    /// Is it no more than a name elsewhere?
    pub external_name: bool,
    /// Has it no cluster address?
    pub headless: bool,
    /// `IPv4` or `IPv6`.
    pub family: String,
}

impl Object for Service {
    fn read(object: &Value) -> Option<Self> {
        let port = |p: &Value| {
            let target = match &p["targetPort"] {
                Value::String(name) => Err(name.clone()),
                Value::Number(number) => Ok(number.as_i64().unwrap_or_default()),
                _ => Ok(int(p, "/port", 0)),
            };
            ServicePort {
                name: text(p, "/name").to_owned(),
                protocol: p["protocol"].as_str().unwrap_or("TCP").to_owned(),
                app_protocol: p["appProtocol"].as_str().map(str::to_owned),
                target,
            }
        };
        Some(Self {
            meta: Meta::read(object)?,
            selector: object::string_map(object.pointer("/spec/selector")),
            ports: list(object, "/spec/ports").iter().map(port).collect(),
            publish_not_ready: flag(object, "/spec/publishNotReadyAddresses"),
            external_name: text(object, "/spec/type") == "ExternalName",
            headless: text(object, "/spec/clusterIP") == "None",
            family: object.pointer("/spec/ipFamilies/0").and_then(Value::as_str).unwrap_or("IPv4").to_owned(),
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// An EndpointSlice.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Metadata.
    pub meta: Meta,
    /// The service it belongs to.
    pub service: String,
    /// Who writes it.
    pub manager: String,
    /// `addressType`, `ports` and `endpoints`.
    pub content: Arc<Value>,
}

/// Label that names the service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Label that names the writer.
pub(crate) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

impl Object for Slice {
    fn read(object: &Value) -> Option<Self> {
        let meta = Meta::read(object)?;
        let label = |key: &str| meta.labels.get(key).cloned().unwrap_or_default();
        let content = json!({
            "addressType": object["addressType"], "ports": object["ports"], "endpoints": object["endpoints"],
        });
        Some(Self { service: label(SERVICE_NAME), manager: label(MANAGED_BY), content: Arc::new(content), meta })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}

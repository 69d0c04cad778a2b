//! The Service `default/kubernetes` with its endpoints: where programs look for the API server of the cluster they are in.
//!
//! Follows `pkg/controlplane/controller/kubernetesservice` and `pkg/controlplane/reconcilers`, for one server.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use model::{Reason, Status, object};
use serde_json::{Value, json};
use store::Revision;
use tokio_util::sync::CancellationToken;

use crate::bootstrap::{self, MERGE_PATCH};
use crate::server::ApiServer;
use crate::state::State;
use crate::{key, network};

/// Time between looks whether the objects are as they should be (kube-apiserver: 10 s).
const PERIOD: Duration = Duration::from_secs(10);
/// Name of the Service and of its endpoints.
const NAME: &str = "kubernetes";

/// One of the objects.
struct Wanted {
    group: &'static str,
    resource: &'static str,
    object: Value,
    /// The revision that was found to be right.
    right_at: Option<Revision>,
}

impl ApiServer {
    /// Makes the Service `default/kubernetes` and endpoints that say that this server is at an address, and keeps them so
    /// until the server is closed or dropped. Returns at once.
    pub fn publish(&self, address: SocketAddr) {
        tokio::spawn(keep_published(Arc::downgrade(&self.0), self.0.closing.clone(), wanted(address)));
    }
}

fn wanted(address: SocketAddr) -> [Wanted; 3] {
    let metadata = |labels: Value| json!({"name": NAME, "namespace": "default", "labels": labels});
    let ports = json!([{"name": "https", "port": address.port(), "protocol": "TCP"}]);
    let family = if matches!(address.ip(), IpAddr::V4(_)) { "IPv4" } else { "IPv6" };
    let ip = address.ip().to_string();
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": metadata(json!({"component": "apiserver", "provider": NAME})),
        "spec": {
            "type": "ClusterIP", "clusterIP": network::first_address().to_string(), "sessionAffinity": "None",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": address.port()}],
        },
    });
    // Nothing copies these endpoints to a slice: the slice is here.
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": metadata(json!({"endpointslice.kubernetes.io/skip-mirror": "true"})),
        "subsets": [{"addresses": [{"ip": ip}], "ports": ports}],
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": metadata(json!({"kubernetes.io/service-name": NAME})),
        "addressType": family, "endpoints": [{"addresses": [ip], "conditions": {"ready": true}}], "ports": ports,
    });
    let object = |group, resource, object| Wanted { group, resource, object, right_at: None };
    [
        object("", "services", service),
        object("", "endpoints", endpoints),
        object("discovery.k8s.io", "endpointslices", slice),
    ]
}

async fn keep_published(state: Weak<State>, closing: CancellationToken, mut objects: [Wanted; 3]) {
    let mut said = String::new();
    loop {
        let Some(state) = state.upgrade() else { return };
        let mut failures = Vec::new();
        for wanted in &mut objects {
            if let Err(status) = ensure(&state, wanted).await {
                failures.push(format!("{}: {}", wanted.resource, status.message));
            }
        }
        drop(state);
        let failure = failures.join("; ");
        if !failure.is_empty() && failure != said {
            tracing::warn!(failure, "default/kubernetes cannot be kept as it should be");
        }
        said = failure;
        tokio::select! {
            () = closing.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// Makes or mends one object. One that did not change since the last look is not read.
async fn ensure(state: &Arc<State>, wanted: &mut Wanted) -> Result<(), Status> {
    let entry = state.store.snapshot().get(&key::object(wanted.group, wanted.resource, "default", NAME));
    let collection = match wanted.group {
        "" => format!("/api/v1/namespaces/default/{}", wanted.resource),
        group => format!("/apis/{group}/v1/namespaces/default/{}", wanted.resource),
    };
    let body = || Bytes::from(wanted.object.to_string());
    let Some(entry) = entry else {
        return bootstrap::request_as_system(state, Method::POST, &collection, "", body()).await;
    };
    if wanted.right_at == Some(entry.modified) {
        return Ok(());
    }
    let stored: Value = serde_json::from_slice(&state.read(&entry)?).map_err(Status::internal)?;
    if object::holds(&stored, &wanted.object) {
        wanted.right_at = Some(entry.modified);
        return Ok(());
    }
    let path = format!("{collection}/{NAME}");
    match bootstrap::request_as_system(state, Method::PATCH, &path, MERGE_PATCH, body()).await {
        // Another address family, or the address of a Service that a client made: the next look makes it again.
        Err(status) if status.is(Reason::Invalid) => {
            bootstrap::request_as_system(state, Method::DELETE, &path, "", Bytes::new()).await
        }
        other => other,
    }
}

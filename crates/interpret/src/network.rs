//! Services and ingresses.

use serde_json::Value;

use crate::health::{Health, State};
use crate::read::{list, text};

/// Addresses that a load balancer gave.
fn addresses(object: &Value) -> String {
    let ingress = list(object, "status.loadBalancer.ingress");
    let address =
        |i: &Value| [text(i, "ip"), text(i, "hostname")].into_iter().find(|a| !a.is_empty()).map(str::to_owned);
    ingress.iter().filter_map(address).collect::<Vec<_>>().join(",")
}

pub(crate) fn service(object: &Value) -> Health {
    if text(object, "spec.type") != "LoadBalancer" {
        return Health::healthy();
    }
    match addresses(object) {
        none if none.is_empty() => Health::progressing("LoadBalancerPending", "the load balancer has no address yet"),
        some => Health::new(State::Healthy, "", some),
    }
}

/// Controllers that publish no address are common, so its absence means nothing, as in kstatus.
pub(crate) fn ingress(object: &Value) -> Health {
    Health::new(State::Healthy, "", addresses(object))
}

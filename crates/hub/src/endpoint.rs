//! How clients are told to reach the hub: the host in its kubeconfig and in its hooks' addresses, which its certificate
//! covers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The host that clients are told: what is advertised, else the address of the listener. One that listens everywhere
/// and advertises nothing is told as loopback, since "everywhere" is no address that a client can connect to.
pub(crate) fn host(listen: IpAddr, advertise: Option<&str>) -> String {
    match (advertise, listen) {
        (Some(host), _) => host.to_owned(),
        (None, IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        (None, IpAddr::V6(ip)) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
        (None, ip) => ip.to_string(),
    }
}

/// `https://HOST:PORT`.
pub(crate) fn url(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(IpAddr::V6(ip)) => format!("https://[{ip}]:{port}"),
        _ => format!("https://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests;

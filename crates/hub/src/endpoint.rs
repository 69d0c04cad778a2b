//! How clients are told to reach the hub: the host in its kubeconfig and in its hooks' addresses, which its certificate
//! covers.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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

/// The address in the endpoints of `default/kubernetes`: what clients are told, when that is an address.
pub(crate) fn published(listen: SocketAddr, host: &str) -> SocketAddr {
    let told = host.parse().ok();
    let ip = told.unwrap_or(if listen.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { listen.ip() });
    SocketAddr::new(ip, listen.port())
}

/// `https://HOST:PORT`.
pub(crate) fn url(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(IpAddr::V6(ip)) => format!("https://[{ip}]:{port}"),
        _ => format!("https://{host}:{port}"),
    }
}

/// Why an address cannot be listened on, in words.
pub(crate) fn unusable(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AddrInUse => "another process listens there",
        ErrorKind::AddrNotAvailable => "it is no address of this machine",
        ErrorKind::PermissionDenied => "this user may not (ports below 1024 are often for root)",
        _ => "the system refuses it",
    }
}

#[cfg(test)]
mod tests;

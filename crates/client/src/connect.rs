//! Connections to one server: how many there are, how long they are kept, and how one that died is noticed.
//!
//! The client library's own settings keep every connection that a burst of requests opened until its peer says no more
//! (its pool has no timer), and speak HTTP/1.1 only: one connection for each watch and for each request in flight. With
//! HTTP/2 a member costs one connection, whatever is asked of it.

pub(crate) mod connections;
mod http1;
mod http2;
mod resolver;
mod session;
#[cfg(test)]
mod tests;
mod tunnel;

use std::sync::Arc;

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::client::legacy::connect::HttpConnector;
use kube::Config;
use kube::client::ConfigExt as _;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use tower::{BoxError, Service, ServiceBuilder};

use crate::limit;
use crate::transport::Transport;
use connections::Connections;
use resolver::NamedResolver;
use session::LastSession;
use tunnel::Through;

/// Makes the way to the server of a configuration, through its proxy if it has one. Nothing is connected yet.
///
/// # Errors
/// What is wrong with certificates, keys, the proxy or the server's name.
pub(crate) fn connect(config: &Config) -> Result<Transport, BoxError> {
    let mut sockets = HttpConnector::new_with_resolver(NamedResolver::new());
    sockets.enforce_http(false);
    // Small requests must not wait for the acknowledgement of what was sent before.
    sockets.set_nodelay(true);
    sockets.set_keepalive(Some(limit::KEEPALIVE));
    sockets.set_keepalive_interval(Some(limit::KEEPALIVE_INTERVAL));
    sockets.set_keepalive_retries(Some(limit::KEEPALIVE_RETRIES));
    let mut tls = config.rustls_client_config()?;
    let given = config.root_cert.iter().flatten().map(|der| CertificateDer::from(der.clone()));
    let given: Vec<CertificateDer<'static>> = given.collect();
    // A file of the machine is read again and again; what came with the configuration is trusted as our servers are.
    if !given.is_empty() && !config.accept_invalid_certs && config.root_cert_file.is_none() {
        tls.dangerous().set_certificate_verifier(pki::server_verifier(&given, pki::Besides::Nobody)?);
    }
    tls.resumption = Resumption::store(Arc::new(LastSession::default()));
    match &config.proxy_url {
        None => over(config, tls, sockets),
        Some(proxy) => over(config, tls, Through::new(proxy, &given, sockets)?),
    }
}

/// The way to the server over connections that `sockets` makes.
fn over<C>(config: &Config, tls: ClientConfig, sockets: C) -> Result<Transport, BoxError>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send + 'static> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
{
    let mut secured = HttpsConnectorBuilder::new().with_tls_config(tls).https_only();
    if let Some(name) = &config.tls_server_name {
        secured = secured.with_server_name_resolver(FixedServerNameResolver::new(name.clone().try_into()?));
    }
    let connections =
        Connections::new(secured.enable_all_versions().wrap_connector(sockets), config.cluster_url.clone());
    let newest = Arc::clone(connections.newest());
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(connections);
    Ok(Transport::renewing(service, newest))
}

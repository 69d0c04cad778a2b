//! The way through a proxy: `CONNECT` over HTTP/1.1, on a plain or an encrypted connection to the proxy. What goes through
//! it is encrypted to the server and checked there as without a proxy.

use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http::{HeaderValue, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tower::{BoxError, Service};

use super::resolver::NamedResolver;

/// Why no connection came about through a proxy. Its user and password are not shown.
#[derive(Debug, thiserror::Error)]
#[error("through proxy {proxy}: {why}")]
struct TunnelError {
    proxy: Arc<str>,
    why: String,
}

/// Connects to servers through one proxy.
#[derive(Clone)]
pub(super) struct Through {
    tunnel: Tunnel<HttpsConnector<HttpConnector<NamedResolver>>>,
    shown: Arc<str>,
}

impl Through {
    /// `given`: certificates that an encrypted proxy may show, besides those that the machine trusts.
    ///
    /// # Errors
    /// The URL is not one of an HTTP proxy, or a certificate is none.
    pub(super) fn new(
        proxy: &Uri,
        given: &[CertificateDer<'static>],
        sockets: HttpConnector<NamedResolver>,
    ) -> Result<Self, BoxError> {
        let authority = proxy.authority().ok_or("proxy-url names no host")?.as_str();
        let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(login, host)| (Some(login), host));
        let scheme = proxy.scheme_str().unwrap_or("http");
        let plain = Uri::builder().scheme(scheme).authority(host).path_and_query("/").build()?;
        let tls = pki::client_config(given, pki::Besides::Machine)?;
        // A proxy is spoken to in HTTP/1.1: nothing else is offered to it.
        let secured = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let mut tunnel = Tunnel::new(plain, secured.wrap_connector(sockets));
        if let Some(login) = login {
            let login: Vec<u8> = percent_decode_str(login).collect();
            tunnel = tunnel.with_auth(HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(login)))?);
        }
        Ok(Self { tunnel, shown: host.into() })
    }
}

impl Service<Uri> for Through {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tunnel.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let (connecting, proxy) = (self.tunnel.call(server), self.shown.clone());
        Box::pin(async move {
            connecting.await.map_err(|error| {
                let why = match model::cause::innermost(&error).to_string().as_str() {
                    "tunnel error: proxy authorization required" => {
                        "it wants a user and a password; put them into proxy-url".to_owned()
                    }
                    "tunnel error: unsuccessful" => "it does not connect to the server".to_owned(),
                    other => other.trim_start_matches("tunnel error: ").to_owned(),
                };
                BoxError::from(TunnelError { proxy, why })
            })
        })
    }
}

//! A server behind TLS, and clients that come through it.

use std::time::Duration;

use apiserver::{ApiServer, TokenKey};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use model::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::config;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A server and its listener; dropping it closes the listener.
pub(crate) struct Front {
    pub(crate) server: ApiServer,
    pub(crate) url: String,
    pub(crate) authority: pki::Authority,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: tokio::task::JoinHandle<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Front {
    pub(crate) async fn start() -> Self {
        Self::start_with(apiserver::Limits::default()).await
    }

    pub(crate) async fn start_with(limits: apiserver::Limits) -> Self {
        let (private, public) = pki::token_key().expect("makes");
        let mut config = config();
        config.limits = limits;
        config.token_key = Some(TokenKey::from_pem(&private, &public).expect("reads"));
        config.tokens = [("t0ken".to_owned(), apiserver::UserInfo::new("ann", ["staff"]))].into();
        let server = ApiServer::start(config).await.expect("starts");
        let now = Timestamp::now();
        let authority = pki::Authority::new("test", now).expect("makes");
        let pair = authority.server(&[], now, DAY).expect("signs");
        let tls = pki::server_config(&pair, authority.certificate_pem()).expect("configures");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("https://{}", listener.local_addr().expect("bound"));
        let stop = CancellationToken::new();
        let (front, token) = (server.clone(), stop.clone());
        let ended = tokio::spawn(async move { front.serve(listener, tls, token).await });
        Self { server, url, authority, stop, ended }
    }

    /// A kubeconfig for a user with a client certificate.
    pub(crate) fn kubeconfig(&self, user: &str, groups: &[&str]) -> String {
        let pair = self.authority.client(user, groups, Timestamp::now(), DAY).expect("signs");
        self.context(pki::Credential::Certificate(&pair))
    }

    fn context(&self, credential: pki::Credential<'_>) -> String {
        let authority_pem = self.authority.certificate_pem();
        pki::kubeconfig(&[pki::Context { name: "hub", server: &self.url, authority_pem, credential }])
    }

    /// A connection of a stranger, after its handshake.
    pub(crate) async fn connect(&self, alpn: &[u8]) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
        use rustls_pki_types::pem::PemObject as _;
        let mut roots = rustls::RootCertStore::empty();
        let authority = self.authority.certificate_pem().as_bytes();
        roots.add(rustls_pki_types::CertificateDer::from_pem_slice(authority).expect("PEM")).expect("a certificate");
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = if alpn.is_empty() { Vec::new() } else { vec![alpn.to_vec()] };
        let stream = tokio::net::TcpStream::connect(self.url.trim_start_matches("https://")).await.expect("connects");
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        connector.connect("localhost".try_into().expect("a name"), stream).await.expect("shakes hands")
    }

    pub(crate) async fn client_as(&self, user: &str, groups: &[&str]) -> Client {
        connect(&self.kubeconfig(user, groups)).await
    }

    pub(crate) async fn client_with_token(&self, token: &str) -> Client {
        connect(&self.context(pki::Credential::Token(token))).await
    }
}

async fn connect(kubeconfig: &str) -> Client {
    let parsed = Kubeconfig::from_yaml(kubeconfig).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.expect("reads");
    Client::try_from(config).expect("connects")
}

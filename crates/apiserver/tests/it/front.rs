//! A server behind TLS, and clients that come through it.

use std::time::Duration;

use apiserver::{ApiServer, TokenKey, pki};
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
        let (private, public) = pki::token_key().expect("makes");
        let mut config = config();
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

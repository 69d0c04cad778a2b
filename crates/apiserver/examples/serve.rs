//! A server in memory behind TLS, for trying things with kubectl or curl: `cargo run -p kurator-apiserver --example serve
//! DIRECTORY` writes `DIRECTORY/kubeconfig` and serves until it is stopped.

#![allow(clippy::disallowed_methods, reason = "an example is a composition root")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apiserver::{ApiServer, Config, Ids, JsonProjection, TokenKey, UserInfo};
use model::{Clock, Timestamp};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

struct Real;

impl Clock for Real {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Unique within one run, which is all that a store in memory needs.
#[derive(Default)]
struct Counting(AtomicU64);

impl Ids for Counting {
    fn uid(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn suffix(&self) -> String {
        format!("{:05}", self.0.fetch_add(1, Ordering::Relaxed)).replace(['0', '1', '3'], "x")
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: serve DIRECTORY")?);
    std::fs::create_dir_all(&directory)?;
    let store = store::memory::open(JsonProjection, store::memory::Options::default());
    let mut config = Config::new(store, Arc::new(Real), Arc::new(Counting::default()));
    let (private, public) = pki::token_key()?;
    config.token_key = Some(TokenKey::from_pem(&private, &public)?);
    config.tokens = [("admin-token".to_owned(), UserInfo::master("admin"))].into();
    let server = ApiServer::start(config).await?;
    let (now, day) = (Timestamp::now(), Duration::from_secs(24 * 3600));
    let authority = pki::Authority::new("example", now)?;
    let tls = pki::server_config(&authority.server(&[], now, day)?, authority.certificate_pem())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("https://{}", listener.local_addr()?);
    let admin = authority.client("admin", &["system:masters"], now, day)?;
    let context = pki::Context {
        name: "example",
        server: &url,
        authority_pem: authority.certificate_pem(),
        credential: pki::Credential::Certificate(&admin),
    };
    std::fs::write(directory.join("kubeconfig"), pki::kubeconfig(&[context]))?;
    println!("{url}  (bearer token: admin-token)");
    let stop = CancellationToken::new();
    let on_signal = stop.clone();
    tokio::spawn(async move {
        // Without signals there is nothing to wait for: then the process is simply killed.
        if tokio::signal::ctrl_c().await.is_ok() {
            on_signal.cancel();
        }
    });
    server.serve(listener, tls, stop).await;
    Ok(())
}

//! Keeps house in the cluster of a kubeconfig: `KUBECONFIG=F cargo run --example keep`. For an API server that runs
//! without kube-controller-manager.

use std::sync::Arc;

use client::Api;
use housekeeping::{Housekeeper, Options};
use model::{Clock, Timestamp};

struct Wall;

impl Clock for Wall {
    #[allow(clippy::disallowed_methods, reason = "a composition root")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = kube::Client::try_default().await?;
    let options = Options { ca: std::env::var("ROOT_CA").ok(), clock: Arc::new(Wall), events: None };
    Housekeeper::new(&Api::new(client, "housekeeping"), options).run().await;
    Ok(())
}

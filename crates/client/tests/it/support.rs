//! An API server in memory.

use apiserver::ApiServer;
use client::Api;

/// A server, and a client of it that may do everything.
pub(crate) async fn start() -> (ApiServer, Api) {
    let server = test_apiserver::start().await;
    let api = Api::new(test_apiserver::client_of(&server), "test");
    (server, api)
}

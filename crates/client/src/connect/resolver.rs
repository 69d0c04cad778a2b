//! Names of servers become addresses; a name that does not is in the error.

use std::io;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use tower::Service;

/// The resolver of the machine. What it says of a failure names no host, and a person who attaches two hundred clusters must know
/// which one is mistyped.
#[derive(Clone, Debug)]
pub(super) struct NamedResolver(GaiResolver);

impl NamedResolver {
    pub(super) fn new() -> Self {
        Self(GaiResolver::new())
    }
}

impl Service<Name> for NamedResolver {
    type Response = GaiAddrs;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<GaiAddrs, io::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let host = name.to_string();
        let found = self.0.call(name);
        Box::pin(async move {
            let unknown =
                |error: io::Error| io::Error::new(error.kind(), format!("host {host} has no address: {error}"));
            found.await.map_err(unknown)
        })
    }
}

//! The server: how it starts, and its face to the outside.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::config::Config;
use crate::counter::Counters;
use crate::error::Error;
use crate::service::Service;
use crate::state::State;
use crate::user::UserInfo;
use crate::{bootstrap, cleanup};

/// An API server; cheap to clone. All clones share one store, registry and set of counters.
///
/// # Guarantees
/// A write is durable before it is answered. Answers of reads come from one revision each. Dropping every clone and every
/// service ends watches.
#[derive(Clone)]
pub struct ApiServer(pub(crate) Arc<State>);

impl ApiServer {
    /// Opens a server over a store: reads the CRDs, and makes the system namespaces and roles that are missing.
    ///
    /// # Errors
    /// A store whose content cannot be read, or that takes no writes.
    pub fn start(config: Config) -> BoxFuture<'static, Result<Self, Error>> {
        // Boxed, so that it is compiled here and not in each crate that calls it.
        async {
            let state = Arc::new(State::open(config, cleanup::start)?);
            bootstrap::run(&state).await?;
            cleanup::resume(&state);
            Ok(Self(state))
        }
        .boxed()
    }

    /// A tower service whose requests are made by this user, without authentication: for clients in the process.
    pub fn service_as(&self, user: UserInfo) -> Service {
        Service::new(self.0.clone(), user)
    }

    /// What was asked so far.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Ends all watches and refuses new ones; used when the process stops.
    pub fn close(&self) {
        self.0.closing.cancel();
    }
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiServer").field("revision", &self.0.store.revision()).finish_non_exhaustive()
    }
}

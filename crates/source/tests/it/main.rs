//! Git sources against repositories that the real `git` made, served by our server.

mod fetch;
mod hostile;
mod resolve;
mod secure;
mod world;

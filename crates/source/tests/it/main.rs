//! Git sources against repositories that the real `git` made, served by our server.

mod backend;
mod base;
mod fetch;
mod hostile;
mod old;
mod resolve;
mod secure;
mod ssh;
mod submodule;
mod world;

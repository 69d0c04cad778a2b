//! The server through `kube::Client` in process and over TLS, and through the real kubectl.

mod access;
mod bound;
mod cleanup;
mod crowd;
mod custom;
mod expected;
mod extension;
#[allow(clippy::disallowed_methods, reason = "TLS checks certificates against real time")]
mod front;
mod fuzz;
mod grant;
mod kubectl;
mod model;
mod object;
mod ownership;
mod ready;
mod rule;
mod support;
mod watching;

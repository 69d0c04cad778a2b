//! The server through `kube::Client` in process and over TLS, and through the real kubectl.

mod access;
mod custom;
mod extension;
mod front;
mod kubectl;
mod model;
mod object;
mod support;
mod watching;

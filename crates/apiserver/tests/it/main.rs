//! The server through `kube::Client`, in process.

mod custom;
mod kubectl;
mod object;
mod support;
mod watching;

//! The server through `kube::Client`, in process.

mod custom;
mod object;
mod support;
mod watching;

//! Members, whole: in process under paused time, and over TLS.

mod claim;
mod disruption;
mod fault;
mod lab;
mod restart;
mod stateful;
mod workload;

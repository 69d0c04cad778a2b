//! Members, whole: in process under paused time, and over TLS.

mod fault;
mod lab;
mod restart;
mod workload;

//! The real binary, and the guide's examples.
#![allow(clippy::disallowed_methods, reason = "these tests wait for another process, on the machine's own clock")]

mod attach;
mod backup;
mod demo;
mod deploy;
mod document;
mod guide;
mod leave;
mod process;
mod rights;
mod signal;
mod single;
mod socket;
mod stream;
mod team;

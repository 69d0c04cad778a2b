//! The real binary, and the guide's examples.

mod demo;
mod guide;
mod process;
mod single;

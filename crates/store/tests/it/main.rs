//! Both drivers against a naive map, and the disk driver against a process that is killed.

mod crash;
mod model;

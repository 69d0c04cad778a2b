//! Commands that take something out of members: they list what goes and what stays, ask, make the change together with the
//! consent for exactly that list, and wait until it is done.

pub(crate) mod delete;
pub(crate) mod detach;
pub(crate) mod fleet;
pub(crate) mod left;
pub(crate) mod list;
mod wait;

pub(crate) use fleet::origin;
pub(crate) use list::counted;

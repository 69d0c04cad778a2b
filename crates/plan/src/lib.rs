//! Every other decision as a function from values to values.
//!
//! One module per decision. A decision that chooses among actions for a whole (a unit, a member, a list of objects) returns
//! `(Plan, Report)`: what to do, and in typed words why that and nothing else. A decision about one thing, such as
//! [`ownership`] or [`recall`], returns one enum whose variants hold the reason. `docs/adr/0028-where-the-why-is.md` says
//! where each why is stored. Nothing here does I/O, reads the time or draws a random number: time and jitter are arguments.
//!
//! What members rely on: [`prune`] deletes nothing that is not in the inventory, nothing that was adopted and nothing
//! that another unit wants; [`guard`] lets no source empty a unit; [`drift`] compares with what the server accepted;
//! [`apply`] asks for nothing when everything holds.

pub mod adopt;
pub mod application;
pub mod apply;
pub mod authenticator;
pub mod credential;
pub mod delivery;
pub mod departure;
pub mod difference;
pub mod drift;
pub mod event;
pub mod field;
pub mod fleet;
pub mod guard;
pub mod handover;
pub mod health;
pub mod immutable;
pub mod inhabitant;
pub mod instruction;
pub mod inventory;
pub mod journal;
pub mod keep;
pub mod mark;
pub mod member;
pub mod overrides;
pub mod ownership;
pub mod phase;
pub mod pool;
pub mod prepare;
pub mod prune;
pub mod reach;
pub mod recall;
pub mod report;
pub mod retry;
pub mod rights;
pub mod send;
pub mod serverside;
pub mod sibling;
pub mod state;
pub mod takeover;
pub mod team;
pub mod unit;
pub mod wait;

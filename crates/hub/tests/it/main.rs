//! The hub with simulated members and a git repository, all in this process: what a user declares, and what comes of it.

mod acceptance;
mod credential;
mod delivery;
mod event;
mod external;
mod fleet;
mod green;
mod guide;
mod hook;
mod house;
mod inspect;
mod limited;
mod member;
mod metrics;
mod moving;
mod orphan;
mod person;
mod restored;
mod settled;
mod source;
mod split;
mod stage;
mod takeover;
mod team;
mod trace;
mod untaken;

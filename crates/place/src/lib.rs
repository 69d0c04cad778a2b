//! Which members a unit goes to

//! Defaults and validation of the fleet kinds

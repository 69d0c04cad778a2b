//! Applies, prunes, watches and reports for one member

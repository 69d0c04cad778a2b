//! Kinds and wire types of the fleet, and their CRDs

//! What an object means: health, replicas, phases

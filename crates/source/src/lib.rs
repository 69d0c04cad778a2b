//! Fetches sources into immutable artifacts

//! The hub as one process: store, API server, controllers

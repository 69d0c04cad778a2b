//! What a cluster does for itself: garbage collection, namespaces, service accounts; a client of any API

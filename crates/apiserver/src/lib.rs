//! A Kubernetes API server as a tower service over a store; knows no fleet kind

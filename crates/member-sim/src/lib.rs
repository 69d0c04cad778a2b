//! A simulated member: API server and the behaviour of nodes, workloads and services

//! How the hub and members are reached: clients, credentials, limits

//! Time as a value that is handed in.

pub use jiff::Timestamp;

/// Tells the time. The composition root passes a real one, tests and simulations a virtual one.
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// Formats a time as Kubernetes' `metav1.Time`: RFC 3339 in UTC with whole seconds.
pub fn format_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Formats a time as Kubernetes' `metav1.MicroTime`: RFC 3339 in UTC with six fractional digits.
pub fn format_micros(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

//! What a failed request to a member means for what happens next.

/// Who has to act on a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered: the member is unreachable. Retry with back-off; nothing is known of it meanwhile.
    Unreachable,
    /// It answered that it cannot now (429, 5xx, a lost race). Retry with back-off.
    Busy,
    /// It refused the credential (401, 403).
    Denied,
    /// It answered that the object is not there.
    NotFound,
    /// The write was based on an older state. Read again.
    Conflict,
    /// It refused the request: only a change of the object or the member helps.
    Rejected,
}

/// Sorts a client's error.
pub fn classify(error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => match status.code {
            401 | 403 => Failure::Denied,
            404 => Failure::NotFound,
            409 => Failure::Conflict,
            408 | 429 | 500..=599 => Failure::Busy,
            _ => Failure::Rejected,
        },
        kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) => Failure::Rejected,
        _ => Failure::Unreachable,
    }
}

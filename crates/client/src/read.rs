//! Reading from a member that may say anything: what it answers is read up to a limit.

use http::{Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;
use kube::core::Status;

use crate::limit;
use crate::transport::{AnswerBody, Transport};

/// The body of a path of a member's API, of at most `bytes_max` bytes.
///
/// # Errors
/// The member's refusal, with its words cut to [`limit::WORDS_MAX`]; an answer beyond the limit is refused with 413.
pub async fn read(transport: &Transport, path: &str, bytes_max: usize) -> Result<Vec<u8>, kube::Error> {
    let request = Request::get(path).body(Body::empty()).map_err(kube::Error::HttpError)?;
    let answer = transport.send(request).await?;
    let status = answer.status();
    if !status.is_success() {
        // A refusal is a few hundred bytes; one that is not says nothing that anybody could use.
        let body = collect(answer.into_body(), limit::REFUSAL_BYTES_MAX).await.unwrap_or_default();
        return Err(refusal(status, &body));
    }
    collect(answer.into_body(), bytes_max).await
}

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

fn refusal(status: StatusCode, body: &[u8]) -> kube::Error {
    let said = match serde_json::from_slice::<Status>(body) {
        Ok(said) if !said.message.is_empty() => said.message,
        _ => String::from_utf8_lossy(body).trim().to_owned(),
    };
    let said = if said.is_empty() { status.to_string() } else { said };
    let words: String = said.chars().filter(|c| !c.is_control()).take(limit::WORDS_MAX).collect();
    kube::Error::Api(Status::failure(&words, "").with_code(status.as_u16()).boxed())
}

async fn collect(body: AnswerBody, bytes_max: usize) -> Result<Vec<u8>, kube::Error> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(whole) => Ok(whole.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => {
            let why = format!("the answer is larger than {bytes_max} bytes");
            Err(kube::Error::Api(Status::failure(&why, "").with_code(413).boxed()))
        }
        Err(error) => Err(error.downcast::<kube::Error>().map_or_else(kube::Error::Service, |error| *error)),
    }
}

#[cfg(test)]
mod tests;

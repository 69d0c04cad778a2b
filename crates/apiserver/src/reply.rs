//! Answers.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY};
use http::{Response, StatusCode};
use model::Status;
use serde_json::Value;

use crate::body::{ResponseBody, gzip};

/// An answer of the server.
pub type Answer = Response<ResponseBody>;

/// JSON bytes with a code.
pub(crate) fn json(code: u16, bytes: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(ResponseBody::full(bytes));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// A JSON value with a code.
pub(crate) fn value(code: u16, value: &Value) -> Answer {
    json(code, crate::stored::json_bytes(value))
}

/// JSON bytes, compressed when the client takes it and they are many.
pub(crate) fn compressible(chunks: Vec<Bytes>, accepts_gzip: bool) -> Answer {
    let Some(small) = accepts_gzip.then(|| gzip(&chunks)).flatten() else {
        let mut answer = json(200, Bytes::new());
        *answer.body_mut() = ResponseBody::chunks(chunks);
        return answer;
    };
    let mut answer = json(200, small);
    answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    answer
}

/// Plain text.
pub(crate) fn text(code: u16, text: impl Into<Bytes>) -> Answer {
    let mut answer = json(code, text);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

/// Metrics, in the OpenMetrics text format.
pub(crate) fn metrics(text: String) -> Answer {
    let mut answer = json(200, text);
    let form = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, form);
    answer
}

/// A failure.
pub(crate) fn failure(status: &Status) -> Answer {
    let mut answer = value(status.code, &status.to_value());
    if let Some(secs) = status.details.get("retryAfterSeconds").and_then(Value::as_u64) {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(secs));
    }
    answer
}

/// Adds `Warning` headers (RFC 7234, code 299), which kubectl prints.
pub(crate) fn warn(answer: &mut Answer, warnings: &[String]) {
    for warning in warnings {
        let clean: String = warning
            .chars()
            .flat_map(|c| match c {
                '"' | '\\' => vec!['\\', c],
                c if c.is_control() => vec![' '],
                c => vec![c],
            })
            .collect();
        if let Ok(header) = HeaderValue::from_bytes(format!("299 - \"{clean}\"").as_bytes()) {
            answer.headers_mut().append(http::header::WARNING, header);
        }
    }
}

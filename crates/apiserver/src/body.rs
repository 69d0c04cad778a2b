//! Bodies of requests and answers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::Stream;
use futures::stream::BoxStream;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use model::{Reason, Status, limit};

use crate::connection::InProgress;

/// Answers smaller than this are not compressed (`apiserver/pkg/endpoints/handlers/responsewriters`, gzip threshold).
const GZIP_MIN: usize = 128 * 1024;

/// The body of an answer: bytes that are there, or a stream (watch).
pub struct ResponseBody(Content, Option<InProgress>);

enum Content {
    Chunks(VecDeque<Bytes>),
    Stream(BoxStream<'static, Bytes>),
}

impl ResponseBody {
    /// No bytes.
    pub fn empty() -> Self {
        Self(Content::Chunks(VecDeque::new()), None)
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Content::Chunks(VecDeque::from([bytes.into()])), None)
    }

    /// These bytes, in pieces.
    pub(crate) fn chunks(chunks: Vec<Bytes>) -> Self {
        Self(Content::Chunks(chunks.into()), None)
    }

    /// Bytes that come over time; the body ends with the stream.
    pub fn stream(stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self(Content::Stream(Box::pin(stream)), None)
    }

    /// The body, with the request that it answers under way until it is sent or dropped.
    pub(crate) fn during(self, request: InProgress) -> Self {
        Self(self.0, Some(request))
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Chunks(chunks) => {
                write!(f, "ResponseBody({} bytes)", chunks.iter().map(Bytes::len).sum::<usize>())
            }
            Content::Stream(_) => f.write_str("ResponseBody(stream)"),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self(content, request) = &mut *self;
        if let Some(request) = request {
            // Asked for more: what came before is taken.
            request.taken();
        }
        let next = match content {
            Content::Chunks(chunks) => Poll::Ready(chunks.pop_front()),
            Content::Stream(stream) => stream.as_mut().poll_next(cx),
        };
        if let (Poll::Ready(Some(_)), Some(request)) = (&next, request) {
            request.offered();
        }
        next.map(|part| part.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Content::Chunks(chunks) if chunks.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Chunks(chunks) => SizeHint::with_exact(chunks.iter().map(|b| b.len() as u64).sum()),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

/// Reads a whole request body, up to the limit.
pub(crate) async fn read<B>(body: B) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let too_large = || {
        let message = format!("Request entity too large: limit is {}", limit::OBJECT_BYTES_MAX);
        Status::new(Reason::RequestEntityTooLarge, message)
    };
    if body.size_hint().lower() > limit::OBJECT_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut all: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Status::bad_request(format!("the request body could not be read: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.is_empty() && all.is_none() {
            first = data;
            continue;
        }
        let all = all.get_or_insert_with(|| BytesMut::from(first.as_ref()));
        if all.len() + data.len() > limit::OBJECT_BYTES_MAX {
            return Err(too_large());
        }
        all.extend_from_slice(&data);
    }
    let bytes = all.map_or(first, BytesMut::freeze);
    if bytes.len() > limit::OBJECT_BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

/// Compresses an answer when it is worth it; `None` leaves it as it is.
pub(crate) fn gzip(chunks: &[Bytes]) -> Option<Vec<u8>> {
    let length: usize = chunks.iter().map(Bytes::len).sum();
    if length < GZIP_MIN {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(length / 8), Compression::fast());
    for chunk in chunks {
        encoder.write_all(chunk).ok()?;
    }
    encoder.finish().ok()
}

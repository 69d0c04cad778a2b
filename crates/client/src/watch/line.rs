//! The lines of a body, each of limited length: the limit counts while a line is read, not when it has ended.
//!
//! The codec of the client library has no limit, so a server that never ends a line would fill our memory.

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;

use tokio::time::Instant;

use crate::failure::Error;
use crate::limit;
use crate::retry::later;
use crate::transport::AnswerBody;

/// How much a body may still say. What it says takes our time, so it has a rate: a burst, and then so many lines a second.
struct Allowance {
    lines_per_second: u32,
    /// Until when what was said so far would have lasted at that rate.
    said_until: Instant,
}

impl Allowance {
    fn new(lines_per_second: u32) -> Self {
        Self { lines_per_second: lines_per_second.max(1), said_until: Instant::now() }
    }

    /// Counts a line. An empty one counts too, and a long one more than once.
    fn charge(&mut self, bytes: usize) -> Result<(), Error> {
        let now = Instant::now();
        let lines = u32::try_from(1 + bytes / limit::WATCH_LINE_BYTES).unwrap_or(u32::MAX);
        let lasts = std::time::Duration::from_secs(1).saturating_mul(lines) / self.lines_per_second;
        self.said_until = later(self.said_until.max(now), lasts);
        if self.said_until > later(now, limit::WATCH_BURST) {
            return Err(Error::Flood { max: self.lines_per_second });
        }
        Ok(())
    }
}

/// A body, line by line.
pub(super) struct Lines {
    body: AnswerBody,
    /// The beginning of a line whose end has not been read.
    partial: Vec<u8>,
    /// What has been read and not looked at.
    rest: Bytes,
    bytes_max: usize,
    allowance: Allowance,
}

impl Lines {
    pub(super) fn new(body: AnswerBody, bytes_max: usize, lines_per_second: u32) -> Self {
        let allowance = Allowance::new(lines_per_second);
        Self { body, partial: Vec::new(), rest: Bytes::new(), bytes_max, allowance }
    }

    /// The next line that is not empty, without its end; `None` at the end of the body. What is left of a line that was
    /// cut off is dropped. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::Flood`]; [`Error::Transport`].
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let end = self.rest.iter().position(|byte| *byte == b'\n');
            if self.partial.len() + end.unwrap_or(self.rest.len()) > self.bytes_max {
                return Err(Error::TooLarge { max: self.bytes_max, of: "bytes" });
            }
            if let Some(end) = end {
                let line = self.rest.split_to(end);
                self.rest.advance(1);
                let line = if self.partial.is_empty() {
                    line
                } else {
                    self.partial.extend_from_slice(&line);
                    Bytes::from(std::mem::take(&mut self.partial))
                };
                if self.rest.is_empty() {
                    // A slice, however short, keeps the whole buffer that was read.
                    self.rest = Bytes::new();
                }
                self.allowance.charge(line.len())?;
                if !line.is_empty() {
                    return Ok(Some(line));
                }
                continue;
            }
            self.partial.extend_from_slice(&std::mem::take(&mut self.rest));
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(Error::transport(error)),
                // Trailers say nothing that matters here.
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
            }
        }
    }
}

#[cfg(test)]
mod tests;

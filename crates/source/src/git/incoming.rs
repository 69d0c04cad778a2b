//! What a server says, packet by packet as it arrives.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::packet::{self, Packet};
use crate::error::Error;

/// What a pack begins with.
pub(super) const PACK_MAGIC: &[u8] = b"PACK";

/// A message that is being read. What is held is one packet and one chunk of the transport at most.
pub(super) struct Incoming<'a> {
    chunks: BoxStream<'a, Result<Bytes, Error>>,
    url: &'a str,
    held: Vec<u8>,
    /// How much of `held` was taken.
    taken: usize,
    /// Bytes that have arrived so far.
    received: usize,
    /// Most bytes, and what they are, for the error.
    limit: Option<(usize, &'static str)>,
    /// Whether the transport ends where the message ends, and is used once more when it was read to its end.
    ends: bool,
}

impl<'a> Incoming<'a> {
    /// The body of an HTTP answer: it ends where the message ends.
    pub(super) fn body(url: &'a str, chunks: BoxStream<'a, Result<Bytes, Error>>) -> Self {
        Self { chunks, url, held: Vec::new(), taken: 0, received: 0, limit: None, ends: true }
    }

    /// What comes through a channel, which goes on after the message.
    pub(super) fn channel(url: &'a str, chunks: BoxStream<'a, Result<Bytes, Error>>) -> Self {
        Self { ends: false, ..Self::body(url, chunks) }
    }

    /// Refuses more than so many bytes.
    pub(super) fn limited(mut self, bytes: usize, what: &'static str) -> Self {
        self.limit = Some((bytes, what));
        self
    }

    /// The next packet; `None` at the end.
    pub(super) async fn packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        loop {
            let mut rest = &self.held[self.taken..];
            if packet::take_packet(&mut rest).map_err(|why| self.protocol(why))?.is_some() {
                break;
            }
            if !self.more().await? {
                return match self.held.len() == self.taken {
                    true => Ok(None),
                    false => Err(self.protocol("the message ends within a packet".to_owned())),
                };
            }
        }
        let mut rest = &self.held[self.taken..];
        let before = rest.len();
        let packet = packet::take_packet(&mut rest).map_err(|why| self.protocol(why))?;
        self.taken += before - rest.len();
        Ok(packet)
    }

    /// Whether a pack begins here, without packets around it.
    pub(super) async fn at_raw_pack(&mut self) -> Result<bool, Error> {
        while self.held.len() - self.taken < PACK_MAGIC.len() {
            if !self.more().await? {
                return Ok(false);
            }
        }
        Ok(self.held[self.taken..].starts_with(PACK_MAGIC))
    }

    /// The next bytes as they are; `None` at the end.
    pub(super) async fn raw(&mut self) -> Result<Option<&[u8]>, Error> {
        if self.held.len() == self.taken && !self.more().await? {
            return Ok(None);
        }
        let from = std::mem::replace(&mut self.taken, self.held.len());
        Ok(Some(&self.held[from..]))
    }

    /// Reads to the end what means nothing, so that the connection can be used once more.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        self.taken = self.held.len();
        while self.ends && self.more().await? {
            self.taken = self.held.len();
        }
        Ok(())
    }

    /// Reads on; `false` at the end.
    async fn more(&mut self) -> Result<bool, Error> {
        let Some(chunk) = self.chunks.next().await.transpose()? else { return Ok(false) };
        self.received += chunk.len();
        if let Some((limit, what)) = self.limit.filter(|(limit, _)| self.received > *limit) {
            return Err(Error::TooLarge { url: self.url.to_owned(), what: what.to_owned(), limit: limit as u64 });
        }
        self.held.drain(..std::mem::take(&mut self.taken));
        self.held.extend_from_slice(&chunk);
        Ok(true)
    }

    fn protocol(&self, why: String) -> Error {
        Error::Protocol { url: self.url.to_owned(), why }
    }
}

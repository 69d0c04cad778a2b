//! The bytes of the log: segment headers and frames. Pure; numbers are little-endian. The format is described in
//! `docs/adr/0001-store-log.md`.

/// Version of the format. A build reads exactly one.
pub(super) const VERSION: u32 = 1;

/// Bytes of a segment's header.
pub(super) const HEADER: usize = 64;

/// Bytes of a frame before its key.
pub(super) const FRAME: usize = 40;

const MAGIC: [u8; 8] = *b"KURSTORE";

/// The head of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Number of this segment; segments follow each other without gaps.
    pub(super) number: u64,
    /// The store's newest revision when the segment was begun.
    pub(super) base: u64,
    /// Length at which the previous segment was sealed; 0 for the very first.
    pub(super) sealed: u64,
    /// The oldest segment that belonged to the store then.
    pub(super) first: u64,
    /// The oldest revision after which a watch could start then.
    pub(super) compacted: u64,
}

/// Why a header cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    Version(u32),
    Damaged(&'static str),
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        for (at, number) in
            [(16, self.number), (24, self.base), (32, self.sealed), (40, self.first), (48, self.compacted)]
        {
            out[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let Some(bytes) = bytes.get(..HEADER) else { return Err(BadHeader::Damaged("the header is cut short")) };
        if bytes[..8] != MAGIC {
            return Err(BadHeader::Damaged("this is not a segment of a store"));
        }
        // Before the checksum: another version may have another header.
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(BadHeader::Version(version));
        }
        if crc32c::crc32c(&bytes[..60]) != u32_at(bytes, 60) {
            return Err(BadHeader::Damaged("the header's checksum is wrong"));
        }
        Ok(Self {
            number: u64_at(bytes, 16),
            base: u64_at(bytes, 24),
            sealed: u64_at(bytes, 32),
            first: u64_at(bytes, 40),
            compacted: u64_at(bytes, 48),
        })
    }
}

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key got a value, at the revision after the newest one.
    Put,
    /// A key was deleted, at the revision after the newest one.
    Delete,
    /// A copy of a put that was its key's state when it was copied out of an older segment.
    Moved,
    /// A copy of a delete that watchers may still ask for.
    MovedDelete,
    /// A copy of a put that was overwritten or deleted before it was copied, at the revision in `other`. It is never
    /// its key's state, even when the frame that ended it is gone.
    Past,
    /// The oldest revision after which a watch can start (`revision`) and the oldest segment of the store (`other`).
    Floor,
    /// Everything since the last commit is one batch of `created` bytes and `other` frames, and is valid.
    Commit,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Put => 1,
            Self::Delete => 2,
            Self::Moved => 3,
            Self::MovedDelete => 4,
            Self::Past => 5,
            Self::Floor => 6,
            Self::Commit => 7,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Put, Self::Delete, Self::Moved, Self::MovedDelete, Self::Past, Self::Floor, Self::Commit]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// One frame, borrowed from the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) revision: u64,
    pub(super) created: u64,
    pub(super) other: u64,
}

/// Bytes that a frame takes.
pub(super) fn size(key: usize, value: usize) -> u64 {
    (FRAME + key + value) as u64
}

/// Why bytes are no frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadFrame {
    /// The bytes end before the frame does. Holds how many it needs, as far as that is known.
    Short(usize),
    Damaged(&'static str),
}

impl<'a> Frame<'a> {
    /// A frame without key and value.
    pub(super) fn mark(kind: Kind, revision: u64, created: u64, other: u64) -> Self {
        Self { kind, key: &[], value: &[], revision, created, other }
    }

    pub(super) fn size(&self) -> usize {
        FRAME + self.key.len() + self.value.len()
    }

    /// Appends the frame; returns the checksum of its value.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> u32 {
        let value_crc = crc32c::crc32c(self.value);
        let from = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&[self.kind.code(), 0]);
        // Keys and values are bounded by KEY_MAX and VALUE_MAX before they come here.
        out.extend_from_slice(&(self.key.len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.value.len() as u32).to_le_bytes());
        out.extend_from_slice(&value_crc.to_le_bytes());
        for number in [self.revision, self.created, self.other] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(self.key);
        let crc = crc32c::crc32c(&out[from + 4..]);
        out[from..from + 4].copy_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(self.value);
        value_crc
    }

    /// Length of the frame at the beginning of `bytes`, which need not be there whole.
    pub(super) fn span(bytes: &[u8]) -> Result<usize, BadFrame> {
        let Some(head) = bytes.get(..FRAME) else { return Err(BadFrame::Short(FRAME)) };
        let key = usize::from(u16::from_le_bytes([head[6], head[7]]));
        let Some(checked) = bytes.get(4..FRAME + key) else { return Err(BadFrame::Short(FRAME + key)) };
        // Before the value's length is believed.
        if crc32c::crc32c(checked) != u32_at(head, 0) {
            return Err(BadFrame::Damaged("a frame's checksum is wrong"));
        }
        Ok(FRAME + key + u32_at(head, 8) as usize)
    }

    /// Reads the frame at the beginning of `bytes`; also returns the checksum of its value.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<(Self, u32), BadFrame> {
        let span = Self::span(bytes)?;
        let Some(bytes) = bytes.get(..span) else { return Err(BadFrame::Short(span)) };
        let (head, rest) = bytes.split_at(FRAME);
        let (key, value) = rest.split_at(usize::from(u16::from_le_bytes([head[6], head[7]])));
        let Some(kind) = Kind::from_code(head[4]) else { return Err(BadFrame::Damaged("a frame is of no known kind")) };
        let value_crc = u32_at(head, 12);
        if crc32c::crc32c(value) != value_crc {
            return Err(BadFrame::Damaged("a value's checksum is wrong"));
        }
        let (revision, created, other) = (u64_at(head, 16), u64_at(head, 24), u64_at(head, 32));
        Ok((Self { kind, key, value, revision, created, other }, value_crc))
    }
}

/// Is there a commit in `bytes` of a batch that begins after `bytes` do, or that ends before they do? One batch at a
/// time is written and made durable, so what precedes such a commit was durable: damage in it is not a torn write.
pub(super) fn commits_later(bytes: &[u8]) -> bool {
    let code = Kind::Commit.code();
    (0..bytes.len().saturating_sub(FRAME - 1)).any(|at| {
        if bytes[at + 4] != code {
            return false;
        }
        let Ok((frame, _)) = Frame::decode(&bytes[at..]) else { return false };
        let end = at + FRAME;
        frame.kind == Kind::Commit && (frame.created < end as u64 || end < bytes.len())
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut out = [0; 4];
    out.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(out)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(out)
}

//! Packet lines (`gitprotocol-common`): four hexadecimal digits of length, then the bytes.

/// Longest packet with its header.
pub const PACKET_MAX: usize = 65_520;

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0000`
    Flush,
    /// `0001`
    Delimiter,
    /// `0002`
    ResponseEnd,
    /// Bytes.
    Data(&'a [u8]),
}

impl Packet<'_> {
    /// The text of a line without its line feed; empty for anything else.
    pub fn line(&self) -> &str {
        match self {
            Packet::Data(bytes) => std::str::from_utf8(bytes).unwrap_or_default().trim_end_matches('\n'),
            _ => "",
        }
    }
}

/// Takes the first packet off `bytes`. `Ok(None)` when more bytes are needed.
///
/// # Errors
/// The length is not four hexadecimal digits, or out of range.
pub fn take_packet<'a>(bytes: &mut &'a [u8]) -> Result<Option<Packet<'a>>, String> {
    let Some((head, rest)) = bytes.split_at_checked(4) else { return Ok(None) };
    let digits = std::str::from_utf8(head).ok().filter(|t| t.bytes().all(|c| c.is_ascii_hexdigit()));
    let length = digits.and_then(|t| usize::from_str_radix(t, 16).ok());
    let packet = match length {
        Some(0) => Packet::Flush,
        Some(1) => Packet::Delimiter,
        Some(2) => Packet::ResponseEnd,
        Some(length @ 4..=PACKET_MAX) => {
            let Some((data, rest)) = rest.split_at_checked(length - 4) else { return Ok(None) };
            *bytes = rest;
            return Ok(Some(Packet::Data(data)));
        }
        _ => return Err(format!("{:?} is not the length of a packet", String::from_utf8_lossy(head))),
    };
    *bytes = rest;
    Ok(Some(packet))
}

/// Every packet of a whole message.
///
/// # Errors
/// As [`take_packet`], and when the message ends within a packet.
pub fn all(mut bytes: &[u8]) -> Result<Vec<Packet<'_>>, String> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        packets.push(take_packet(&mut bytes)?.ok_or("the message ends within a packet")?);
    }
    Ok(packets)
}

/// A message being written.
#[derive(Default)]
pub struct Writer(
    /// Its bytes so far.
    pub Vec<u8>,
);

impl Writer {
    /// Adds one line.
    pub fn line(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(format!("{:04x}{text}\n", text.len() + 5).as_bytes());
        self
    }

    /// Adds a delimiter.
    pub fn delimiter(&mut self) -> &mut Self {
        self.0.extend_from_slice(b"0001");
        self
    }

    /// Adds a flush.
    pub fn flush(&mut self) -> &mut Self {
        self.0.extend_from_slice(b"0000");
        self
    }
}

//! Protobuf's wire format, as far as Kubernetes uses it.

use super::error::ProtobufError;

/// One field as it lies on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32,
}

/// Why a message cannot be cut; its reader knows the place.
#[derive(Clone, Copy, Debug)]
pub(super) enum CutError {
    Truncated,
    WireType(u8),
}

impl CutError {
    /// Adds the place.
    pub(super) fn at_path(self, at: String) -> ProtobufError {
        match self {
            Self::Truncated => ProtobufError::Truncated { at },
            Self::WireType(wire) => ProtobufError::WireType { at, wire },
        }
    }
}

/// Cuts a message into fields.
pub(super) struct Cutter<'a>(&'a [u8]);

impl<'a> Cutter<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The next field's number and value.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Wire<'a>)>, CutError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| CutError::Truncated)?;
        let wire = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.array()?),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| CutError::Truncated)?;
                Wire::Bytes(self.take_bytes(length)?)
            }
            5 => {
                let [_, _, _, _] = self.array()?;
                Wire::Fixed32
            }
            // Groups: proto2 had them, Kubernetes never.
            other => return Err(CutError::WireType(other as u8)),
        };
        Ok(Some((number, wire)))
    }

    /// All of what is left as varints: a packed list.
    pub(super) fn varints(&mut self) -> Result<Vec<u64>, CutError> {
        let mut values = Vec::new();
        while !self.0.is_empty() {
            values.push(self.varint()?);
        }
        Ok(values)
    }

    fn varint(&mut self) -> Result<u64, CutError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CutError::Truncated)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CutError> {
        match self.0.split_first_chunk() {
            Some((head, rest)) => {
                self.0 = rest;
                Ok(*head)
            }
            None => Err(CutError::Truncated),
        }
    }

    fn take_bytes(&mut self, length: usize) -> Result<&'a [u8], CutError> {
        match self.0.split_at_checked(length) {
            Some((head, rest)) => {
                self.0 = rest;
                Ok(head)
            }
            None => Err(CutError::Truncated),
        }
    }
}

/// `runtime.Unknown`.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) api_version: &'a str,
    pub(super) kind: &'a str,
    pub(super) raw: &'a [u8],
    pub(super) content_encoding: &'a str,
    pub(super) content_type: &'a str,
}

/// Reads the envelope.
pub(super) fn envelope(message: &[u8]) -> Result<Envelope<'_>, ProtobufError> {
    let at = || "runtime.Unknown".to_owned();
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| ProtobufError::Utf8 { at: at() });
    let cut = |error: CutError| error.at_path(at());
    let mut envelope = Envelope::default();
    let mut fields = Cutter::new(message);
    while let Some(field) = fields.next().map_err(cut)? {
        match field {
            (1, Wire::Bytes(meta)) => {
                let mut fields = Cutter::new(meta);
                while let Some(field) = fields.next().map_err(cut)? {
                    match field {
                        (1, Wire::Bytes(bytes)) => envelope.api_version = text(bytes)?,
                        (2, Wire::Bytes(bytes)) => envelope.kind = text(bytes)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => envelope.raw = bytes,
            (3, Wire::Bytes(bytes)) => envelope.content_encoding = text(bytes)?,
            (4, Wire::Bytes(bytes)) => envelope.content_type = text(bytes)?,
            _ => {}
        }
    }
    Ok(envelope)
}

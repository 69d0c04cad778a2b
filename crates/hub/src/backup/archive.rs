//! The file of a backup: `ustar` in gzip, as far as it is needed, with a digest of each part. Regular files only.
//!
//! A name has at most 100 characters here and a file at most 8 GiB, which is all that the plain format takes; ours have
//! 40 and some 20 MiB.

use std::io::{self, BufRead, Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::Part;

/// Everything in the format is in blocks of this length.
const BLOCK: usize = 512;
/// Fields of a header: where they begin and how long they are.
const NAME: (usize, usize) = (0, 100);
const MODE: (usize, usize) = (100, 8);
const OWNER: (usize, usize) = (108, 8);
const GROUP: (usize, usize) = (116, 8);
const SIZE: (usize, usize) = (124, 12);
const TIME: (usize, usize) = (136, 12);
const CHECKSUM: (usize, usize) = (148, 8);
const KIND: usize = 156;
const MAGIC: (usize, usize) = (257, 8);
/// A regular file.
const FILE: u8 = b'0';
/// Its mode: what is in it may be secret.
const FILE_MODE: u64 = 0o600;
const USTAR: &[u8; 8] = b"ustar\x0000";
/// Bytes that are hashed, packed or unpacked at once.
const CHUNK: usize = 64 * 1024;

/// Writes an archive.
pub(super) struct Packer<W: Write> {
    out: GzEncoder<W>,
    time_secs: u64,
    parts: Vec<Part>,
}

impl<W: Write> Packer<W> {
    /// `time_secs`: when files were changed, in seconds since 1970.
    pub(super) fn new(out: W, time_secs: u64) -> Self {
        // Manifests in JSON become a tenth at any level, and a backup should not take a core for long.
        Self { out: GzEncoder::new(out, Compression::fast()), time_secs, parts: Vec::new() }
    }

    /// Begins a file; exactly `length` bytes are then written to what this returns.
    pub(super) fn begin(&mut self, name: &str, length: u64) -> io::Result<Packing<'_, W>> {
        self.out.write_all(&header(name, length, self.time_secs))?;
        let part = Part { name: name.to_owned(), bytes: length, digest: String::new() };
        Ok(Packing { packer: self, part, written: 0, hash: Sha256::new() })
    }

    /// Adds a file whose content is at hand.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut packing = self.begin(name, content.len() as u64)?;
        packing.write_all(content)?;
        packing.end()
    }

    /// What was written so far.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.finish()
    }
}

/// A file that is being written.
pub(super) struct Packing<'a, W: Write> {
    packer: &'a mut Packer<W>,
    part: Part,
    written: u64,
    hash: Sha256,
}

impl<W: Write> Packing<'_, W> {
    /// Ends the file.
    pub(super) fn end(mut self) -> io::Result<()> {
        if self.written != self.part.bytes {
            return Err(io::Error::other(format!("{} of {} bytes were written", self.written, self.part.bytes)));
        }
        self.packer.out.write_all(&vec![0; padding(self.written)])?;
        self.part.digest = digest(self.hash);
        self.packer.parts.push(self.part);
        Ok(())
    }
}

impl<W: Write> Write for Packing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.packer.out.write_all(bytes)?;
        self.hash.update(bytes);
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.packer.out.flush()
    }
}

/// Reads an archive.
pub(super) struct Unpacker<R: BufRead> {
    input: GzDecoder<R>,
}

impl<R: BufRead> Unpacker<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: GzDecoder::new(input) }
    }

    /// The next file; `None` at the end. The one before must have been read to its end.
    ///
    /// # Errors
    /// The input is no archive, or one with other things than files.
    pub(super) fn next_file(&mut self) -> io::Result<Option<Unpacking<'_, R>>> {
        let mut block = [0; BLOCK];
        self.input.read_exact(&mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let (name, length) =
            parse(&block).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no file header"))?;
        Ok(Some(Unpacking { unpacker: self, name, length, left: length, hash: Sha256::new() }))
    }

    /// Reads what follows the last file, so that the checksum of the whole is looked at; says whether nothing but blanks does.
    pub(super) fn finish(mut self) -> io::Result<bool> {
        let mut rest = [0; BLOCK];
        let mut is_blank = true;
        loop {
            match self.input.read(&mut rest)? {
                0 => break,
                count => is_blank &= rest[..count].iter().all(|byte| *byte == 0),
            }
        }
        Ok(is_blank && self.input.into_inner().read(&mut rest)? == 0)
    }
}

/// A file that is being read.
pub(super) struct Unpacking<'a, R: BufRead> {
    unpacker: &'a mut Unpacker<R>,
    pub(super) name: String,
    pub(super) length: u64,
    left: u64,
    hash: Sha256,
}

impl<R: BufRead> Unpacking<'_, R> {
    /// Reads what is left of the file, and returns what it is.
    pub(super) fn end(mut self) -> io::Result<Part> {
        let mut rest = vec![0; CHUNK];
        while self.read(&mut rest)? > 0 {}
        let mut pad = vec![0; padding(self.length)];
        self.unpacker.input.read_exact(&mut pad)?;
        Ok(Part { name: self.name, bytes: self.length, digest: digest(self.hash) })
    }
}

impl<R: BufRead> Read for Unpacking<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let want = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.unpacker.input.read(&mut out[..want])?;
        if read == 0 && want > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.hash.update(&out[..read]);
        self.left -= read as u64;
        Ok(read)
    }
}

fn digest(hash: Sha256) -> String {
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Zeros that fill a file's last block.
fn padding(length: u64) -> usize {
    (BLOCK - (length % BLOCK as u64) as usize) % BLOCK
}

fn header(name: &str, length: u64, time_secs: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[NAME.0..NAME.0 + name.len().min(NAME.1)].copy_from_slice(&name.as_bytes()[..name.len().min(NAME.1)]);
    // Numbers are octal digits with a zero byte behind them.
    let mut put = |(at, width): (usize, usize), number: u64| {
        let digits = format!("{number:0width$o}", width = width - 1);
        block[at..at + digits.len()].copy_from_slice(digits.as_bytes());
    };
    for (field, number) in [(MODE, FILE_MODE), (OWNER, 0), (GROUP, 0), (SIZE, length), (TIME, time_secs)] {
        put(field, number);
    }
    block[KIND] = FILE;
    block[MAGIC.0..MAGIC.0 + MAGIC.1].copy_from_slice(USTAR);
    let sum = checksum(&block);
    let digits = format!("{sum:06o}\0 ");
    block[CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1].copy_from_slice(digits.as_bytes());
    block
}

/// The sum of a header's bytes, those of the sum itself taken for spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let is_sum = |at: usize| (CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1).contains(&at);
    block.iter().enumerate().map(|(at, byte)| if is_sum(at) { u64::from(b' ') } else { u64::from(*byte) }).sum()
}

/// Name and length of a file's header; `None` when it is none that we write.
fn parse(block: &[u8; BLOCK]) -> Option<(String, u64)> {
    let text = |(at, width): (usize, usize)| {
        let bytes = &block[at..at + width];
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(width);
        std::str::from_utf8(&bytes[..end]).ok()
    };
    let number = |field| u64::from_str_radix(text(field)?.trim(), 8).ok();
    let is_ours = block[KIND] == FILE && number(CHECKSUM)? == checksum(block);
    is_ours.then_some((text(NAME)?.to_owned(), number(SIZE)?))
}

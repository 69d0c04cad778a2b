//! What a server says first: which version of the protocol it speaks (`gitprotocol-v2`, `gitprotocol-pack`), what it can
//! do, and in versions 0 and 1 every reference.
//!
//! A server, or a proxy before it, that does not know the request for version 2 answers as if it was not made.

use model::limit::REFERENCE_BYTES_MAX;

use super::incoming::Incoming;
use super::packet::Packet;
use super::wire;
use crate::error::Error;

/// One reference of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ref {
    /// Full name.
    pub(super) name: String,
    oid: String,
    peeled: Option<String>,
    /// What a symbolic reference names.
    pub(super) target: Option<String>,
}

impl Ref {
    /// The object it means in the end: for an annotated tag what the tag names, where the server says it.
    pub(super) fn commit(&self) -> &str {
        self.peeled.as_deref().unwrap_or(&self.oid)
    }

    /// Reads a line of `ls-refs`, or of the list of versions 0 and 1, which has no attributes.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(' ');
        let (oid, name) = (parts.next()?, parts.next()?);
        // Nothing asks for a longer name, and one that is chosen is stored.
        if !is_oid(oid) || name.len() > REFERENCE_BYTES_MAX {
            return None;
        }
        let mut found = Self { name: name.to_owned(), oid: oid.to_owned(), peeled: None, target: None };
        for attribute in parts {
            match attribute.split_once(':') {
                Some(("peeled", oid)) if is_oid(oid) => found.peeled = Some(oid.to_owned()),
                Some(("symref-target", target)) if target.len() <= REFERENCE_BYTES_MAX => {
                    found.target = Some(target.to_owned());
                }
                _ => {}
            }
        }
        Some(found)
    }
}

fn is_oid(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|c| c.is_ascii_hexdigit())
}

/// How commands and answers look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Versions 0 and 1, which differ in the first line only.
    Old,
    /// Version 2.
    Two,
}

/// What a server said it can do.
#[derive(Clone, Debug)]
pub(super) struct Abilities {
    pub(super) version: Version,
    /// A commit without its history.
    pub(super) shallow: bool,
    /// Version 2: it names objects by a hash that has to be repeated in each command.
    pub(super) object_format: bool,
    /// Versions 0 and 1: the word that asks for a pack with messages beside it, the one with larger packets first.
    pub(super) side_band: Option<&'static str>,
    /// Versions 0 and 1: which of the other words that make an answer smaller it knows.
    pub(super) savings: Vec<&'static str>,
    /// It gives commits that no reference names now.
    pub(super) any_commit: bool,
}

const SIDE_BANDS: [&str; 2] = ["side-band-64k", "side-band"];
const SAVINGS: [&str; 3] = ["ofs-delta", "thin-pack", "no-progress"];
const ANY_COMMIT: [&str; 2] = ["allow-reachable-sha1-in-want", "allow-any-sha1-in-want"];
/// What stands for the name of a reference in versions 0 and 1 when there is none.
const NO_REFERENCE: &str = "capabilities^{}";

/// Reads it, and calls `see` with each reference of versions 0 and 1.
pub(super) async fn read(
    incoming: &mut Incoming<'_>,
    url: &str,
    see: &mut impl FnMut(Ref),
) -> Result<Abilities, Error> {
    let mut reader = Reader { url, abilities: None, head: None, held: None };
    let mut service = false;
    loop {
        let packet = incoming.packet().await?;
        let packet = packet.ok_or_else(|| reader.protocol("what it says of itself has no end".to_owned()))?;
        wire::refused(url, &packet)?;
        match packet {
            // HTTP has a title before the rest.
            Packet::Flush if std::mem::take(&mut service) && reader.abilities.is_none() => {}
            Packet::Data(_) if packet.line() == "# service=git-upload-pack" => service = true,
            Packet::Data(line) => reader.line(line, see)?,
            Packet::Flush => break,
            Packet::Delimiter | Packet::ResponseEnd => {}
        }
    }
    if let Some(last) = reader.held.take() {
        see(last);
    }
    // A repository without any reference need not say what it can do in version 0.
    Ok(reader.abilities.unwrap_or_else(|| Abilities::new(Version::Old)))
}

struct Reader<'a> {
    url: &'a str,
    abilities: Option<Abilities>,
    /// What `HEAD` names, which versions 0 and 1 say among what the server can do.
    head: Option<String>,
    /// The reference before, which is not whole until the next line: that may say what it means in the end.
    held: Option<Ref>,
}

impl Reader<'_> {
    fn line(&mut self, line: &[u8], see: &mut impl FnMut(Ref)) -> Result<(), Error> {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\n');
        let Some(abilities) = &mut self.abilities else {
            return self.first(line);
        };
        if abilities.version == Version::Two {
            return match line.split_once('=').unwrap_or((line, "")) {
                ("fetch", features) => {
                    abilities.shallow = features.split(' ').any(|f| f == "shallow");
                    Ok(())
                }
                ("object-format", format) => {
                    abilities.object_format = true;
                    check_format(self.url, format)
                }
                _ => Ok(()),
            };
        }
        // Version 1 says what it can do after its number.
        let line = match line.split_once('\0') {
            Some((reference, words)) => {
                self.words(words)?;
                reference
            }
            None => line,
        };
        self.reference(line, see);
        Ok(())
    }

    fn first(&mut self, line: &str) -> Result<(), Error> {
        if line == "version 2" {
            self.abilities = Some(Abilities::new(Version::Two));
            return Ok(());
        }
        self.abilities = Some(Abilities::new(Version::Old));
        if line == "version 1" {
            return Ok(());
        }
        let (reference, words) = line.split_once('\0').unwrap_or((line, ""));
        if !reference.split(' ').next().is_some_and(is_oid) {
            let why = "it begins with a line that is neither a version of the git protocol nor a reference";
            return Err(self.protocol(why.to_owned()));
        }
        self.words(words)?;
        // The first line holds nothing back that could be shown before it.
        self.reference(reference, &mut |_| {});
        Ok(())
    }

    fn words(&mut self, words: &str) -> Result<(), Error> {
        let Some(abilities) = &mut self.abilities else { return Ok(()) };
        let words: Vec<&str> = words.split(' ').collect();
        abilities.shallow = words.contains(&"shallow");
        abilities.side_band = SIDE_BANDS.into_iter().find(|word| words.contains(word));
        abilities.savings = SAVINGS.into_iter().filter(|word| words.contains(word)).collect();
        abilities.any_commit = ANY_COMMIT.iter().any(|word| words.contains(word));
        for word in words {
            match word.split_once('=') {
                Some(("object-format", format)) => check_format(self.url, format)?,
                Some(("symref", names)) => {
                    let target = names.strip_prefix("HEAD:").filter(|t| t.len() <= REFERENCE_BYTES_MAX);
                    self.head = target.map(str::to_owned).or(self.head.take());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn reference(&mut self, line: &str, see: &mut impl FnMut(Ref)) {
        let Some(found) = Ref::parse(line).filter(|found| found.name != NO_REFERENCE) else { return };
        if let (Some(tag), Some(name)) = (&mut self.held, found.name.strip_suffix("^{}"))
            && tag.name == name
        {
            tag.peeled = Some(found.oid);
            return;
        }
        let target = self.head.clone().filter(|_| found.name == "HEAD");
        if let Some(before) = self.held.replace(Ref { target, ..found }) {
            see(before);
        }
    }

    fn protocol(&self, why: String) -> Error {
        Error::Protocol { url: self.url.to_owned(), why }
    }
}

impl Abilities {
    fn new(version: Version) -> Self {
        Self {
            version,
            shallow: false,
            object_format: false,
            side_band: None,
            savings: Vec::new(),
            // Version 2 has no word for it: its servers give what they have.
            any_commit: version == Version::Two,
        }
    }
}

fn check_format(url: &str, format: &str) -> Result<(), Error> {
    match format {
        "sha1" => Ok(()),
        other => Err(Error::Protocol {
            url: url.to_owned(),
            why: format!("its objects are named by {}; only sha1 is supported", model::limit::cut(other)),
        }),
    }
}

#[cfg(test)]
mod tests;

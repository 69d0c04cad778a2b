//! The two questions that a fetch needs, in version 2 of the protocol and in versions 0 and 1: which references there are,
//! and the objects of one commit.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::address::Address;
use super::advertisement::{self, Abilities, Ref, Version};
use super::http::{self, Http};
use super::incoming::Incoming;
use super::packet::{Packet, Writer};
use super::trailer::Trailer;
use super::{Credentials, objects::PACK_BYTES_MAX, ssh};
use crate::cache::{Pack, Repository};
use crate::error::{Error, words};

/// Largest list of references: 100,000 of 100 bytes fit. It is read as it arrives, and not kept.
const LIST_BYTES_MAX: usize = 16 << 20;

/// A server that answered by HTTP, what it can do, and where it is asked for more.
struct Known {
    abilities: Abilities,
    to: String,
}

/// How a server is reached.
enum Server {
    Http(http::Server),
    Ssh(Box<ssh::Server>),
}

/// A server that has said what it can do, and is asked for more.
enum Talk<'a> {
    /// Each question is a request of its own.
    Http(&'a http::Server, Arc<Known>),
    /// All questions go through one channel.
    Ssh(Box<ssh::Conversation>, Abilities),
}

impl Talk<'_> {
    fn abilities(&self) -> &Abilities {
        match self {
            Self::Http(_, known) => &known.abilities,
            Self::Ssh(_, abilities) => abilities,
        }
    }

    async fn send_question(&mut self, question: Writer) -> Result<Incoming<'_>, Error> {
        let two = self.abilities().version == Version::Two;
        match self {
            Self::Http(server, known) => server.send_question(&known.to, two, question).await,
            Self::Ssh(conversation, _) => conversation.send_question(question).await,
        }
    }
}

/// A repository at a server.
pub(super) struct Remote {
    server: Server,
    known: Mutex<Option<Arc<Known>>>,
}

impl Remote {
    /// Prepares credentials. Does no I/O.
    pub(super) fn new(
        http: &Http,
        address: Address,
        credentials: Option<Credentials>,
        ca: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let server = match (address, credentials) {
            (Address::Http { url, .. }, credentials) => Server::Http(http::Server::new(http, url, credentials, ca)?),
            (Address::Ssh(address), Some(Credentials::Ssh(credentials))) => {
                Server::Ssh(Box::new(ssh::Server::new(address, &credentials)?))
            }
            (Address::Ssh(address), _) => {
                let why = "`identity` and `known_hosts` are missing".to_owned();
                return Err(Error::SshCredentials { url: address.url, why });
            }
        };
        Ok(Self { server, known: Mutex::new(None) })
    }

    /// The URL without passwords.
    pub(super) fn url(&self) -> &str {
        match &self.server {
            Server::Http(server) => server.url(),
            Server::Ssh(server) => server.url(),
        }
    }

    /// Names the cache of this repository. Credentials are part of it: what one tenant may read, another may not.
    pub(super) fn cache_key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.url().as_bytes());
        hash.update([0]);
        hash.update(match &self.server {
            Server::Http(server) => server.identity(),
            Server::Ssh(server) => server.identity(),
        });
        HEXLOWER.encode(&hash.finalize()[..16])
    }

    /// Calls `see` with each reference that begins with any of `prefixes`, as they arrive. A server that speaks an older
    /// version of the protocol says all that it has.
    pub(super) async fn list(&self, prefixes: &[String], mut see: impl FnMut(Ref)) -> Result<(), Error> {
        let listed = self.list_now(prefixes, &mut see).await;
        self.forget_if(listed.is_err());
        listed
    }

    async fn list_now(&self, prefixes: &[String], see: &mut impl FnMut(Ref)) -> Result<(), Error> {
        let mut talk = match self.talk_to_known(|known| known.abilities.version == Version::Two) {
            Some(talk) => talk,
            None => self.greet(see).await?,
        };
        if talk.abilities().version == Version::Old {
            return Ok(());
        }
        let mut question = command("ls-refs", talk.abilities());
        question.line("peel").line("symrefs");
        for prefix in prefixes {
            question.line(&format!("ref-prefix {prefix}"));
        }
        question.flush();
        let answer = talk.send_question(question).await?;
        let mut answer = answer.limited(LIST_BYTES_MAX, "the list of references");
        loop {
            match answer.packet().await? {
                Some(packet @ Packet::Data(_)) => {
                    refused(self.url(), &packet)?;
                    Ref::parse(packet.line()).into_iter().for_each(&mut *see);
                }
                Some(_) => return answer.finish().await,
                None => return Err(self.protocol("the list of references has no end".into())),
            }
        }
    }

    /// Fetches the objects of one commit that `tips` do not have into a temporary file of the repository's cache. `tips`
    /// have no history, unless the server cannot leave it out. `received` counts the bytes of all packs of an artifact.
    pub(super) async fn pack(
        &self,
        sha: &str,
        tips: &[String],
        repository: &Repository,
        received: &mut u64,
    ) -> Result<Pack, Error> {
        let pack = self.pack_now(sha, tips, repository, received).await;
        self.forget_if(pack.is_err());
        pack
    }

    async fn pack_now(
        &self,
        sha: &str,
        tips: &[String],
        repository: &Repository,
        received: &mut u64,
    ) -> Result<Pack, Error> {
        let mut talk = match self.talk_to_known(|_| true) {
            Some(talk) => talk,
            None => self.greet(&mut |_| {}).await?,
        };
        let abilities = talk.abilities().clone();
        let old = abilities.version == Version::Old;
        if !abilities.shallow && !old {
            return Err(self.protocol("the server cannot send a single commit (no `fetch=shallow`)".into()));
        }
        let question = if old { old_fetch(sha, tips, &abilities) } else { fetch(sha, tips, &abilities) };
        let mut answer = talk.send_question(question).await?;
        let mut pack = repository.new_pack()?;
        let mut written = 0_u64;
        let mut trailer = Trailer::new();
        let mut write = |data: &[u8]| {
            written += data.len() as u64;
            trailer.update(data);
            *received += data.len() as u64;
            if *received > PACK_BYTES_MAX {
                let what = "the repository's content".to_owned();
                return Err(Error::TooLarge { url: self.url().to_owned(), what, limit: PACK_BYTES_MAX });
            }
            pack.file().write_all(data).map_err(|e| repository.failed(e))
        };
        let copied = match old && abilities.side_band.is_none() {
            true => raw_pack(self.url(), &mut answer, &mut write).await,
            false => side_band_pack(self.url(), &mut answer, old, &mut write).await,
        };
        match copied {
            Ok(()) if written == 0 => Err(self.protocol("the answer has no pack".into())),
            Ok(()) if !trailer.holds() => {
                Err(self.protocol(format!("the pack was cut off or changed on its way, after {written} bytes")))
            }
            Ok(()) => answer.finish().await.map(|()| pack),
            Err(Refusal::NoSuchCommit) if !abilities.any_commit => {
                Err(Error::CommitNotNamed { url: self.url().to_owned(), commit: sha.to_owned() })
            }
            Err(Refusal::NoSuchCommit) => {
                Err(Error::CommitNotFound { url: self.url().to_owned(), commit: sha.to_owned() })
            }
            Err(Refusal::Other(error)) => Err(error),
        }
    }

    /// A server that is known to be able to do something.
    fn talk_to_known(&self, able: impl Fn(&Known) -> bool) -> Option<Talk<'_>> {
        let Server::Http(server) = &self.server else { return None };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|known| able(known)).map(|known| Talk::Http(server, known))
    }

    /// Asks what the server can do, which in older versions of the protocol comes with all references.
    async fn greet(&self, see: &mut impl FnMut(Ref)) -> Result<Talk<'_>, Error> {
        let what = "what the server says of itself";
        match &self.server {
            Server::Http(server) => {
                let (answer, to) = server.greet().await?;
                let mut answer = answer.limited(LIST_BYTES_MAX, what);
                let abilities = advertisement::read(&mut answer, self.url(), see).await?;
                answer.finish().await?;
                let known = Arc::new(Known { abilities, to });
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
                Ok(Talk::Http(server, known))
            }
            Server::Ssh(server) => {
                let mut conversation = server.open().await?;
                let mut answer = conversation.incoming().limited(LIST_BYTES_MAX, what);
                let read = advertisement::read(&mut answer, self.url(), see).await;
                drop(answer);
                let abilities = read.map_err(|error| conversation.refusal(error))?;
                Ok(Talk::Ssh(Box::new(conversation), abilities))
            }
        }
    }

    /// The server may have moved or changed: it is asked again what it can do.
    fn forget_if(&self, failed: bool) {
        if failed {
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn protocol(&self, why: String) -> Error {
        Error::Protocol { url: self.url().to_owned(), why }
    }
}

/// Why there is no pack.
enum Refusal {
    /// The server does not give this commit.
    NoSuchCommit,
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

fn command(name: &str, abilities: &Abilities) -> Writer {
    let mut question = Writer::default();
    question.line(&format!("command={name}"));
    if abilities.object_format {
        question.line("object-format=sha1");
    }
    question.delimiter();
    question
}

/// The objects of a commit, in version 2.
fn fetch(sha: &str, tips: &[String], abilities: &Abilities) -> Writer {
    let mut question = command("fetch", abilities);
    question.line("thin-pack").line("ofs-delta").line("no-progress").line("deepen 1");
    for tip in tips {
        question.line(&format!("shallow {tip}"));
    }
    question.line(&format!("want {sha}"));
    for tip in tips {
        question.line(&format!("have {tip}"));
    }
    question.line("done").flush();
    question
}

/// The objects of a commit, in versions 0 and 1. Nothing is negotiated, so that the answer has one line before the pack.
fn old_fetch(sha: &str, tips: &[String], abilities: &Abilities) -> Writer {
    let mut question = Writer::default();
    let words: Vec<&str> = abilities.side_band.into_iter().chain(abilities.savings.iter().copied()).collect();
    question.line(format!("want {sha} {}", words.join(" ")).trim_end());
    if abilities.shallow {
        for tip in tips {
            question.line(&format!("shallow {tip}"));
        }
        question.line("deepen 1");
    }
    question.flush();
    for tip in tips {
        question.line(&format!("have {tip}"));
    }
    question.line("done");
    question
}

/// Copies a pack that comes in packets with messages beside it. `begun`: nothing announces it, as in versions 0 and 1.
async fn side_band_pack(
    url: &str,
    answer: &mut Incoming<'_>,
    mut begun: bool,
    write: &mut impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Refusal> {
    let mut some = false;
    while let Some(packet) = answer.packet().await? {
        match packet {
            Packet::Data([1, data @ ..]) if begun => {
                some = true;
                write(data)?;
            }
            Packet::Data([3, data @ ..]) if begun => return Err(server_refusal(url, data)),
            Packet::Data(data) if data.starts_with(b"ERR ") => return Err(server_refusal(url, &data[4..])),
            Packet::Data(_) if !begun => begun = packet.line() == "packfile",
            // Older versions end the list of commits without history like this too.
            Packet::Flush if some => break,
            _ => {}
        }
    }
    Ok(())
}

/// Copies a pack that comes as it is, after the lines that are said before it.
async fn raw_pack(
    url: &str,
    answer: &mut Incoming<'_>,
    write: &mut impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Refusal> {
    while !answer.at_raw_pack().await? {
        match answer.packet().await? {
            Some(Packet::Data(data)) if data.starts_with(b"ERR ") => return Err(server_refusal(url, &data[4..])),
            Some(_) => {}
            None => return Ok(()),
        }
    }
    while let Some(data) = answer.raw().await? {
        write(data)?;
    }
    Ok(())
}

/// The server's own words.
fn server_refusal(url: &str, data: &[u8]) -> Refusal {
    let text = words(&String::from_utf8_lossy(data));
    // What git says, what other servers say, and what JGit says (Gerrit).
    let unknown = text.contains("not our ref") || text.contains("unadvertised object");
    if unknown || (text.starts_with("want ") && text.ends_with(" not valid")) {
        return Refusal::NoSuchCommit;
    }
    Refusal::Other(Error::Protocol { url: url.to_owned(), why: format!("the server says: {text}") })
}

/// Refuses a packet in which the server says that something is wrong.
pub(super) fn refused(url: &str, packet: &Packet<'_>) -> Result<(), Error> {
    let Packet::Data([b'E', b'R', b'R', b' ', data @ ..]) = packet else { return Ok(()) };
    let text = words(&String::from_utf8_lossy(data));
    Err(Error::Protocol { url: url.to_owned(), why: format!("the server says: {text}") })
}

#[cfg(test)]
mod tests;

//! Why no answer came back from an API server.

use std::error::Error;
use std::io;

/// What is in the way, as far as the client's error tells. Each has its own remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The host's name is not known here.
    UnknownName,
    /// What answers proves to be someone whom the kubeconfig does not trust.
    Untrusted,
    /// Nothing came in time.
    Late,
    /// Nothing listens there, or something else is in the way.
    Absent,
}

impl Silence {
    /// Reads it from an error and its causes.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            if let Some(found) = named(cause) {
                return found;
            }
            next = cause.source();
        }
        Self::Absent
    }

    /// What it means for who asked the hub, and what to do.
    pub(crate) fn of_hub(self) -> &'static str {
        match self {
            Self::UnknownName => {
                "the hub's name is not known here; on the machine of the hub say --dir DIR, elsewhere make the name known"
            }
            Self::Untrusted => "what answers is not the hub of this kubeconfig; fetch the hub's kubeconfig again",
            Self::Late => "the hub does not answer in time; look at its process, and at what is between",
            Self::Absent => "the hub does not answer; is it running? (`kurator up`)",
        }
    }
}

/// What one error of the chain says by itself.
fn named(error: &(dyn Error + 'static)) -> Option<Silence> {
    if error.is::<rustls::Error>() {
        return Some(Silence::Untrusted);
    }
    if error.is::<tokio::time::error::Elapsed>() {
        return Some(Silence::Late);
    }
    if let Some(io) = error.downcast_ref::<io::Error>() {
        // An error that another one wraps is no source of it, but its content.
        return match io.get_ref() {
            Some(inner) => named(inner).or_else(|| of_kind(io.kind())),
            None => of_kind(io.kind()),
        };
    }
    // The client's connector has no type for it that can be named from outside.
    (error.to_string() == "dns error").then_some(Silence::UnknownName)
}

fn of_kind(kind: io::ErrorKind) -> Option<Silence> {
    (kind == io::ErrorKind::TimedOut).then_some(Silence::Late)
}

#[cfg(test)]
mod tests;

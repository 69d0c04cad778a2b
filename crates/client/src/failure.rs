//! What went wrong with a request, and who acts on it: the table of `docs/errors.md`.

use std::time::Duration;

use serde_json::Value;

use crate::limit;

/// Who acts on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Nobody: it is tried again with back-off.
    Retry,
    /// Nobody: the world moved. It is read again.
    Reread,
    /// Who runs the server or the network: nothing is known of the server meanwhile.
    Unreachable,
    /// Who wrote the object, or who runs the server: only a change helps.
    AwaitChange,
    /// We do: the program is wrong.
    Bug,
}

/// A request that failed. Its text does not say who was asked: the server, or which member, is known to the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with a failure.
    #[error("{message}")]
    Refused {
        /// HTTP status code.
        code: u16,
        /// Kubernetes' reason, such as `Invalid`. Empty when the answer has none.
        reason: String,
        /// The server's sentence, cut to [`limit::WORDS_MAX`].
        message: String,
        /// Fields that it names, at most [`limit::FIELDS_MAX`].
        fields: Vec<String>,
        /// What it says is not there, if it says so of an object.
        missing: Option<Box<Missing>>,
    },
    /// The object that was asked for is not there: the server says so of this object.
    #[error("{message}")]
    Gone {
        /// The server's sentence, cut to [`limit::WORDS_MAX`].
        message: String,
    },
    /// A 404 in other words than Kubernetes': of a gateway, a proxy or a load balancer in front of the server. It says nothing of
    /// what the server has.
    #[error("what is in front of the server answered 404, and not by Kubernetes{}", after_colon(.said))]
    NotKubernetes {
        /// Its first words, cut to [`limit::FOREIGN_WORDS_MAX`].
        said: String,
    },
    /// The server could not be asked, or its answer broke off.
    #[error("{cause}")]
    Transport {
        /// The innermost cause in words, such as `Connection refused (os error 111)`.
        cause: String,
        /// All of it.
        #[source]
        source: Box<kube::Error>,
    },
    /// The server did not answer in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Deadline(Duration),
    /// Something behind the server did not answer: an aggregated API, a webhook, a slow part of its store.
    #[error("{0}; the rest of it answers")]
    Unavailable(Box<Error>),
    /// Another cluster answers than the one that the client insists on: nothing was written to it.
    #[error("another cluster answers: its kube-system namespace has UID {found}, not {expected}")]
    OtherCluster {
        /// UID of the cluster's kube-system namespace that was there before.
        expected: String,
        /// The UID that answers.
        found: String,
    },
    /// The answer is larger than what is read.
    #[error("the answer is larger than {max} {of}")]
    TooLarge {
        /// The limit.
        max: usize,
        /// What it counts.
        of: &'static str,
    },
    /// A list has too many pages, objects or bytes.
    #[error("the list does not end: it has more than {max} {of}")]
    Endless {
        /// The limit.
        max: usize,
        /// What it counts.
        of: &'static str,
    },
    /// A watch says more than it may cost to read.
    #[error("the watch says more than {max} lines a second")]
    Flood {
        /// The limit.
        max: u32,
    },
    /// Watches end as soon as they are open, and have said nothing.
    #[error("watches end as soon as they are open, and say nothing")]
    Mute,
    /// The answer is no JSON, or not of the form that it should have.
    #[error("the answer is not a Kubernetes object: {0}")]
    Malformed(String),
    /// The answer is about something else than the question.
    #[error("the answer is about {found}; the question was about {asked}")]
    Mismatch {
        /// What was asked for.
        asked: String,
        /// What came.
        found: String,
    },
    /// The server does not serve the kind.
    #[error("{kind} is not served in {version}")]
    NoKind {
        /// Group and kind.
        kind: String,
        /// Group and version.
        version: String,
        /// The group and version in which the server has it instead, if it does.
        served: Option<String>,
    },
    /// The request could not be built.
    #[error("not a request: {0}")]
    Request(String),
}

/// What a 404 of Kubernetes says is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Group of its kind; empty for the core group, and where it is not said.
    pub group: String,
    /// Its kind, as a rule in the plural, such as `deployments` or `deployments/scale`; empty where it is not said.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Missing {
    /// Of an answer; `None` when that is about no object.
    fn read(status: &Value) -> Option<Box<Self>> {
        let text = |field: &str| words(model::object::get_str(status, &["details", field]).unwrap_or_default());
        let missing = Self { group: text("group"), kind: text("kind"), name: text("name") };
        let is_about_object =
            status.get("reason").and_then(Value::as_str) == Some("NotFound") && !missing.name.is_empty();
        is_about_object.then(|| Box::new(missing))
    }

    /// Is it a namespace?
    pub fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.kind == "namespaces"
    }
}

impl Error {
    /// A refusal, read from the answer's body.
    pub(crate) fn refused(code: u16, body: &[u8]) -> Self {
        let status: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |field: &str| status.get(field).and_then(Value::as_str).unwrap_or_default();
        let causes = model::object::get(&status, &["details", "causes"]).and_then(Value::as_array);
        let fields = causes.into_iter().flatten().filter_map(|c| c.get("field")?.as_str());
        let said = String::from_utf8_lossy(body);
        if code == 404 && text("kind") != "Status" && said.trim() != NO_PAGE {
            return Self::NotKubernetes { said: first_words(&said) };
        }
        let message = match (text("message"), said.trim()) {
            ("", "") => http::StatusCode::from_u16(code).map_or_else(|_| code.to_string(), |code| code.to_string()),
            ("", other) => words(other),
            (message, _) => words(message),
        };
        Self::Refused {
            code,
            reason: words(text("reason")),
            message,
            fields: fields.take(limit::FIELDS_MAX).map(words).collect(),
            missing: if code == 404 { Missing::read(&status) } else { None },
        }
    }

    /// A failure below HTTP, or what was found out about the connection before it was used.
    pub(crate) fn transport(error: kube::Error) -> Self {
        let error = match error {
            kube::Error::Service(error) => match error.downcast::<Self>() {
                Ok(ours) => return *ours,
                Err(error) => kube::Error::Service(error),
            },
            error => error,
        };
        if let kube::Error::Api(status) = &error {
            let (reason, message) = (words(&status.reason), words(&status.message));
            return Self::Refused { code: status.code, reason, message, fields: Vec::new(), missing: None };
        }
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(inner) = innermost.source() {
            innermost = inner;
        }
        let cause = advised(&innermost.to_string());
        Self::Transport { cause: words(&cause), source: Box::new(error) }
    }

    /// HTTP status code, when the server answered with a failure. None of a [`NotKubernetes`](Self::NotKubernetes), since nothing
    /// follows from it.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Gone { .. } => Some(404),
            Self::Unavailable(inner) => inner.code(),
            _ => None,
        }
    }

    /// Who acts.
    pub fn class(&self) -> Class {
        match self {
            Self::Refused { code: 404 | 409 | 410, .. } | Self::Gone { .. } => Class::Reread,
            Self::Refused { code: 401 | 502..=504, .. }
            | Self::NotKubernetes { .. }
            | Self::Transport { .. }
            | Self::Deadline(_)
            | Self::OtherCluster { .. } => Class::Unreachable,
            Self::Refused { code: 408 | 429, .. } => Class::Retry,
            Self::Refused { code: 400..=499, .. } | Self::NoKind { .. } => Class::AwaitChange,
            Self::Refused { .. }
            | Self::Unavailable(_)
            | Self::TooLarge { .. }
            | Self::Endless { .. }
            | Self::Flood { .. }
            | Self::Mute
            | Self::Malformed(_)
            | Self::Mismatch { .. } => Class::Retry,
            Self::Request(_) => Class::Bug,
        }
    }

    /// One CamelCase word for conditions and counters.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused { reason, .. } if !reason.is_empty() => reason,
            Self::Refused { .. } => "ServerError",
            Self::Gone { .. } => "NotFound",
            Self::Transport { .. } => "Unreachable",
            Self::Deadline(_) => "Timeout",
            Self::OtherCluster { .. } => "OtherCluster",
            Self::Unavailable(inner) if matches!(**inner, Self::NotKubernetes { .. }) => inner.reason(),
            Self::Unavailable(_) => "Unavailable",
            Self::NotKubernetes { .. }
            | Self::TooLarge { .. }
            | Self::Endless { .. }
            | Self::Flood { .. }
            | Self::Mute
            | Self::Malformed(_)
            | Self::Mismatch { .. } => "BadAnswer",
            Self::NoKind { .. } => "NoKind",
            Self::Request(_) => "InternalError",
        }
    }

    /// Fields that the server names as wrong.
    pub fn fields(&self) -> &[String] {
        match self {
            Self::Refused { fields, .. } => fields,
            _ => &[],
        }
    }

    /// Did another writer come first, or is the name taken?
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// Is the name taken by an object that is there?
    pub fn is_name_taken(&self) -> bool {
        matches!(self, Self::Refused { code: 409, reason, .. } if reason == "AlreadyExists")
    }

    /// Is the object that was asked for not there, or no longer? Only what the server says of this object proves that: no 404 of a
    /// path, of another object, or of what is in front of the server does.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    /// Does Kubernetes say that it does not know the path, as of a list of a kind, or of a group, that is not served at the moment?
    /// That says nothing of an object. Where one object was asked for, it is a [`NoKind`](Self::NoKind).
    pub fn is_path_unknown(&self) -> bool {
        let is_path = |message: &str| message == NO_RESOURCE || message == NO_PAGE;
        matches!(self, Self::Refused { code: 404, message, missing: None, .. } if is_path(message))
    }

    /// Was something to be written into a namespace that is not there?
    pub fn lacks_namespace(&self, namespace: &str) -> bool {
        let is_it = |missing: &Missing| missing.is_namespace() && missing.name == namespace;
        matches!(self, Self::Refused { missing: Some(missing), .. } if is_it(missing))
    }

    /// Does the server no longer keep the version that was asked for?
    pub fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// Was the credential refused?
    pub fn is_denied(&self) -> bool {
        matches!(self.code(), Some(401 | 403))
    }

    /// May this come from one part of the server while the rest of it answers?
    pub fn is_doubtful(&self) -> bool {
        matches!(self, Self::Deadline(_) | Self::NotKubernetes { .. } | Self::Refused { code: 502..=504, .. })
    }

    /// Did no answer come until a deadline?
    pub(crate) fn is_silence(&self) -> bool {
        match self {
            Self::Deadline(_) => true,
            Self::Unavailable(inner) => inner.is_silence(),
            _ => false,
        }
    }

    /// Is it unknown whether a write was carried out?
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::Refused { code, .. } => !matches!(code, 400..=407 | 409..=499),
            Self::Unavailable(inner) => inner.is_ambiguous(),
            Self::Gone { .. } | Self::NoKind { .. } | Self::Request(_) | Self::OtherCluster { .. } => false,
            _ => true,
        }
    }

    /// What the server said, when it refused the object as it would be, or the change to it (422).
    pub fn invalid(&self) -> Option<&str> {
        match self {
            Self::Refused { code: 422, message, .. } => Some(message),
            _ => None,
        }
    }
}

/// What kube-apiserver says of a path that it does not know: as a Status, and as text.
const NO_RESOURCE: &str = "the server could not find the requested resource";
/// See [`NO_RESOURCE`].
const NO_PAGE: &str = "404 page not found";

/// What is wrong with a server's certificate, and what to do. The library names the fault in one word.
fn advised(cause: &str) -> String {
    let fault = match cause.strip_prefix("invalid peer certificate: ") {
        Some(fault) => fault,
        None => return cause.to_owned(),
    };
    let advice = if fault.starts_with("UnknownIssuer") || fault.starts_with("BadSignature") {
        "no certificate authority that is trusted for it has signed it; give that of this server (in a kubeconfig: \
         certificate-authority-data)"
    } else if fault.starts_with("certificate not valid for name") || fault.starts_with("NotValidForName") {
        "reach it by a name that its certificate has (in a kubeconfig: server, or tls-server-name)"
    } else if fault.starts_with("certificate expired") || fault.starts_with("Expired") {
        "renew the server's certificate, or set the clocks"
    } else {
        return cause.to_owned();
    };
    format!("{cause}: {advice}")
}

/// A colon and what comes after it, if anything does.
fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// The first words of what is no answer of Kubernetes, such as a page, on one line.
fn first_words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(limit::FOREIGN_WORDS_MAX).collect()
}

/// A server's words: without control characters, and cut.
pub(crate) fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(limit::WORDS_MAX).collect()
}

#[cfg(test)]
mod tests;

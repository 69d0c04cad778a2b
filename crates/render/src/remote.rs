//! Entries of kustomizations that name something on another machine: the directory of a git repository, or a file.
//!
//! They are read as kustomize reads them (`kustomize/api/internal/git/repospec.go`), without asking a server. Where kustomize
//! asks first whether a URL is a file, [`RemoteAt`] says what it may be.
//!
//! Differences from kustomize, on purpose: a user in an `https://` URL is left out, and a password is refused: what is named
//! here is written into records, and credentials are those of the source. `file://` is refused.

use std::time::Duration;

use model::Digest;
use model::limit::{REFERENCE_BYTES_MAX, URL_BYTES_MAX};

/// Stands between the id of a remote repository and a path in it. No id has it: URLs with spaces are refused.
const BETWEEN: &str = ": ";

/// Schemes that are understood, in lower case.
const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", "file://"];

/// A path with a part that ends like this is that of a file, whatever comes after it: `…/files/deploy%2Fa.yaml/raw`.
const FILE_ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];

/// Parts of a path that make a repository when nothing says where it ends, as GitHub has it.
const REPOSITORY_PARTS: usize = 2;

/// Characters of a digest that tell queries apart: one in 2^48 is the same by chance.
const QUERY_DIGITS: usize = 12;

/// Something on another machine that a kustomization names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remote {
    /// Names it: in answers, in records and in errors. It has no secret in it.
    pub id: String,
    /// Where it is.
    pub at: RemoteAt,
    /// The file and the field that name it.
    pub asked_by: String,
    /// How long fetching it may take, when the entry says so.
    pub timeout: Option<Duration>,
}

/// What is on the other machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemoteAt {
    /// A git repository.
    Repository(Repository),
    /// A file. Its URL may have a secret in its query.
    File(String),
    /// A git repository; where there is none, a file with this URL.
    Either(Repository, String),
}

/// A git repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    /// `https://`, `http://` or `ssh://` URL without a password.
    pub url: String,
    /// Branch, tag, full name of a reference, or commit; empty for what `HEAD` is there.
    pub reference: String,
    /// Whether the files of submodules are part of it. They are when the entry says nothing.
    pub submodules: bool,
}

/// An entry that names something on another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) at: RemoteAt,
    /// The directory in the repository; empty for its root.
    pub(crate) path: String,
    pub(crate) timeout: Option<Duration>,
    /// What `git clone` would be called with, where there may be a repository: for `buildMetadata`.
    pub(crate) clone: Option<String>,
    /// The reference, as it is written.
    pub(crate) reference: String,
}

/// Reads an entry. `None`: it names nothing on another machine.
///
/// # Errors
/// It does, and is not fetched. Why is inside; the entry itself may hold a secret.
pub(crate) fn parse(text: &str) -> Option<Result<Entry, String>> {
    if text.starts_with('/') {
        return None;
    }
    let (before, query) = text.split_once('?').unwrap_or((text, ""));
    let before = before.split_once('#').map_or(before, |(before, _)| before);
    let unforced = strip_prefix_ignoring_case(before, "git::");
    let forced = unforced.is_some();
    let rest = unforced.unwrap_or(before);
    let (scheme, rest) = SCHEMES
        .iter()
        .find_map(|scheme| Some((*scheme, strip_prefix_ignoring_case(rest, scheme)?)))
        .unwrap_or(("", rest));
    let (user, rest) = split_user(rest);
    let github = ["github.com/", "github.com:"].iter().any(|g| strip_prefix_ignoring_case(rest, g).is_some());
    // `user@host:path`, and `github.com:path`.
    let scp = scheme.is_empty() && (!user.is_empty() || github);
    if scheme.is_empty() && !scp {
        return None;
    }
    let mut end = rest.find('/');
    if scp {
        let colon = rest.find(':').filter(|colon| *colon > 0);
        end = colon.filter(|colon| end.is_none_or(|end| *colon < end)).or(end);
    }
    let (host, path) = end.map_or((rest, ""), |end| (&rest[..end], &rest[end + 1..]));
    let written = Written { scheme, user, host, slash: end.map(|end| &rest[end..=end]), path, query, forced, github };
    written.entry()
}

/// The parts of an entry.
struct Written<'a> {
    scheme: &'static str,
    /// Without the `@`.
    user: &'a str,
    host: &'a str,
    /// What is between host and path.
    slash: Option<&'a str>,
    path: &'a str,
    query: &'a str,
    forced: bool,
    github: bool,
}

impl Written<'_> {
    fn entry(&self) -> Option<Result<Entry, String>> {
        let web = matches!(self.scheme, "http://" | "https://");
        let split = split_path(self.path);
        if !web && self.scheme != "file://" && matches!(split, Split::None) {
            // `git@host` alone may be the name of a file.
            return (!self.scheme.is_empty()).then(|| Err("it names no repository".to_owned()));
        }
        if let Err(why) = self.check() {
            return Some(Err(why));
        }
        let query = Query::read(self.query);
        if let Some(why) = wrong_reference(&query.reference) {
            return Some(Err(why));
        }
        let (repository, path, is_marked) = match split {
            Split::Leaves => return Some(Err("its path leaves the repository".to_owned())),
            Split::None => (None, "", false),
            Split::Parts { repository, path, is_marked } => (Some(repository), path, is_marked),
        };
        let is_file = web
            && !self.forced
            && (repository.is_none()
                || !is_marked && self.path.split('/').any(|part| FILE_ENDINGS.iter().any(|end| part.ends_with(end))));
        let is_repository = !web || self.forced || self.github || is_marked || query.asks_for_git;
        let Query { reference, submodules, timeout, .. } = query;
        let clone = repository.map(|repository| self.clone_url(repository));
        let repository = repository.map(|repository| Repository {
            url: self.fetch_url(repository),
            reference: reference.clone(),
            submodules,
        });
        let (id, at) = match repository {
            Some(repository) if !is_file && is_repository => (repository.id(), RemoteAt::Repository(repository)),
            Some(repository) if !is_file => (self.file_id(), RemoteAt::Either(repository, self.file_url())),
            _ => (self.file_id(), RemoteAt::File(self.file_url())),
        };
        let path = path.trim_end_matches('/').to_owned();
        Some(Ok(Entry { id, at, path, timeout, clone, reference }))
    }

    fn check(&self) -> Result<(), String> {
        let Self { scheme, user, host, slash, path, query, .. } = self;
        if *scheme == "file://" {
            return Err("file:// would read the hub's own disk".to_owned());
        }
        let length = host.len() + path.len() + query.len();
        if length > URL_BYTES_MAX {
            return Err(format!("it has {length} bytes, and {URL_BYTES_MAX} are the most of a URL"));
        }
        if [host, path, query].iter().any(|part| part.contains(|c: char| c.is_whitespace() || c.is_control())) {
            return Err("a URL has no spaces in it; write %20".to_owned());
        }
        if host.contains('@') {
            return Err(
                "a password in it would be written into records; the credentials of the source are used at the \
                        source's own server, and others are asked without any"
                    .to_owned(),
            );
        }
        if host.is_empty() {
            return Err("it names no server".to_owned());
        }
        if scheme.is_empty() && !self.github && *slash == Some("/") {
            return Err(format!("git would take it for a path; write {user}@{host}:{path}"));
        }
        Ok(())
    }

    /// Where the repository is fetched from.
    fn fetch_url(&self, repository: &str) -> String {
        let Self { scheme, user, host, github, .. } = self;
        let repository = repository.trim_end_matches('/');
        match *scheme {
            "http://" | "https://" if *github => format!("https://github.com/{repository}"),
            "http://" | "https://" => format!("{scheme}{host}/{repository}"),
            "" if *github && user.is_empty() => format!("https://github.com/{repository}"),
            _ if *github => format!("ssh://{}@github.com/{repository}", if user.is_empty() { "git" } else { user }),
            _ if user.is_empty() => format!("ssh://{host}/{repository}"),
            _ => format!("ssh://{user}@{host}/{}", repository.trim_start_matches('/')),
        }
    }

    /// What kustomize would call git with.
    fn clone_url(&self, repository: &str) -> String {
        let Self { scheme, user, host, slash, github, .. } = self;
        let at = if user.is_empty() { "" } else { "@" };
        match (*github, *scheme == "ssh://" || !user.is_empty() && !matches!(*scheme, "http://" | "https://")) {
            (true, true) => format!("{user}{at}github.com:{repository}"),
            (true, false) => format!("https://github.com/{repository}"),
            (false, _) => format!("{scheme}{user}{at}{host}{}{repository}", slash.unwrap_or_default()),
        }
    }

    fn file_url(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{}{}/{}{mark}{}", self.scheme, self.host, self.path, self.query)
    }

    /// Names a file without its query, which may be secret.
    fn file_id(&self) -> String {
        let url = format!("{}{}/{}", self.scheme, self.host, self.path);
        if self.query.is_empty() {
            return url;
        }
        let digest = Digest::of(self.query.as_bytes()).to_string();
        let digits = digest.rsplit(':').next().unwrap_or_default();
        format!("{url}?({})", &digits[..digits.len().min(QUERY_DIGITS)])
    }
}

impl Repository {
    /// Names what of a repository is meant.
    fn id(&self) -> String {
        let Self { url, reference, submodules } = self;
        let reference = (!reference.is_empty()).then(|| format!("ref={reference}"));
        let submodules = (!submodules).then(|| "submodules=false".to_owned());
        let query: Vec<String> = reference.into_iter().chain(submodules).collect();
        if query.is_empty() { url.clone() } else { format!("{url}?{}", query.join("&")) }
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// A user before an `@`: a letter, then letters, digits and `-`.
fn split_user(text: &str) -> (&str, &str) {
    let Some((user, rest)) = text.split_once('@') else { return ("", text) };
    let plain = user.starts_with(|c: char| c.is_ascii_alphabetic())
        && user.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    if plain { (user, rest) } else { ("", text) }
}

/// A path, taken apart.
enum Split<'a> {
    /// There are not enough parts for a repository.
    None,
    /// What is below the repository leads out of it.
    Leaves,
    /// The repository, and what is below it.
    Parts { repository: &'a str, path: &'a str, is_marked: bool },
}

/// Splits a path at `_git/NAME`, at `//`, or after `.git`; else after two parts.
fn split_path(text: &str) -> Split<'_> {
    let cut = |at: usize, to: usize| (&text[..at], text.get(to..).unwrap_or_default());
    let marked = if let Some(at) = text.find("_git/") {
        let from = at + "_git/".len();
        let end = text[from..].find('/').map_or(text.len(), |length| from + length);
        Some(cut(end, end + 1))
    } else if let Some(at) = text.find("//") {
        Some(cut(at, at + 2))
    } else {
        text.find(".git").map(|at| cut(at + ".git".len(), at + ".git".len()))
    };
    let second = text.match_indices('/').nth(REPOSITORY_PARTS - 1).map(|(at, _)| at);
    let enough = text.split('/').count() >= REPOSITORY_PARTS;
    let (repository, path) = match marked {
        Some(parts) => parts,
        None if enough => second.map_or((text, ""), |at| cut(at, at + 1)),
        None => return Split::None,
    };
    if repository.is_empty() || repository == "/" {
        return Split::None;
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    match model::tree::normalize("", path) {
        Ok(_) => Split::Parts { repository, path, is_marked: marked.is_some() },
        Err(_) => Split::Leaves,
    }
}

/// What the query of an entry says to kustomize.
struct Query {
    reference: String,
    submodules: bool,
    timeout: Option<Duration>,
    /// It says something that only a repository has.
    asks_for_git: bool,
}

impl Query {
    /// What is not understood counts as not said, as in kustomize.
    fn read(text: &str) -> Self {
        let pairs: Option<Vec<(String, String)>> = text
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((decode(name)?, decode(value)?))
            })
            .collect();
        // One mistake, and kustomize takes nothing of it.
        let pairs = pairs.unwrap_or_default();
        let find = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let set = |name: &str| find(name).filter(|value| !value.is_empty());
        let submodules = match set("submodules") {
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => false,
            Some(_) | None => true,
        };
        Self {
            reference: set("ref").or_else(|| set("version")).unwrap_or_default().to_owned(),
            submodules,
            timeout: set("timeout").and_then(timeout),
            asks_for_git: ["ref", "version", "submodules", "timeout"].iter().any(|name| find(name).is_some()),
        }
    }
}

/// Seconds, or a duration such as `1m1s`.
fn timeout(text: &str) -> Option<Duration> {
    let seconds = text.parse::<u64>().ok().map(Duration::from_secs);
    seconds.or_else(|| model::duration::parse(text)).filter(|timeout| !timeout.is_zero())
}

/// What is wrong with a reference: it becomes part of an id.
fn wrong_reference(text: &str) -> Option<String> {
    if text.len() > REFERENCE_BYTES_MAX {
        return Some(format!("its ref has {} bytes; a reference has at most {REFERENCE_BYTES_MAX}", text.len()));
    }
    let wrong = text.contains(|c: char| c.is_whitespace() || c.is_control() || "~^:\\?*[".contains(c));
    wrong.then(|| "its ref is not the name of a branch, a tag or a commit".to_owned())
}

/// A part of a query with `%XX` and `+` undone; `None` for what is none.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (char::from(bytes.next()?).to_digit(16)?, char::from(bytes.next()?).to_digit(16)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

/// The path of something in a remote repository, as it stands in errors.
pub(crate) fn path_in(id: &str, path: &str) -> String {
    format!("{id}{BETWEEN}{path}")
}

/// The id of a remote and the path in it; `None` for a path of the source itself, which has no empty parts. The path of a
/// remote file is its id.
pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
    let (id, rest) = path.split_once(BETWEEN).unwrap_or((path, ""));
    id.contains("://").then_some((id, rest))
}

/// [`model::tree::join`], in the source or in a remote repository.
pub(crate) fn join(dir: &str, name: &str) -> String {
    match split(dir) {
        Some((id, dir)) => path_in(id, &model::tree::join(dir, name)),
        None => model::tree::join(dir, name),
    }
}

/// [`model::tree::parent`], in the source or in a remote repository.
pub(crate) fn parent(path: &str) -> String {
    match split(path) {
        Some((id, path)) => path_in(id, model::tree::parent(path)),
        None => model::tree::parent(path).to_owned(),
    }
}

#[cfg(test)]
mod tests;

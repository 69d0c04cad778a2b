//! Where something is written: for errors, and for the paths in it.

use model::tree::TreeError;
use model::{limit, tree};

use crate::error::RenderError;
use crate::files::Files;
use crate::remote;

/// A field of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The file that an error names.
    pub(crate) file: &'a str,
    /// The directory from which paths start.
    pub(crate) dir: &'a str,
    /// The field, empty for the whole file.
    pub(crate) field: &'a str,
}

impl<'a> Place<'a> {
    /// Another field of the same file.
    pub(crate) fn at(self, field: &'a str) -> Self {
        Self { field, ..self }
    }

    /// The name of a field below: `.name` or `[0]`.
    pub(crate) fn below(self, below: &str) -> String {
        match self.field {
            "" => below.trim_start_matches('.').to_owned(),
            field => format!("{field}{below}"),
        }
    }

    /// What is wrong with a field below.
    pub(crate) fn fail(self, below: &str, why: impl Into<String>) -> RenderError {
        match self.below(below) {
            field if field.is_empty() => RenderError::Yaml { file: self.file.to_owned(), why: why.into() },
            field => RenderError::field(self.file, field, why),
        }
    }

    /// Which field asks for a file, as errors say it.
    pub(crate) fn asked_by(self, below: &str) -> String {
        format!("{}: {}", self.file, self.below(below))
    }

    /// The path from the root of the tree that a field below names.
    ///
    /// # Errors
    /// It leads out of the tree, or to another machine.
    pub(crate) fn path(self, below: &str, path: &str) -> Result<String, RenderError> {
        if path.contains("://") {
            return Err(self.remote(below, path));
        }
        let fail = |error: TreeError| self.fail(below, hidden(error).to_string());
        match remote::split(self.dir) {
            // It stays in the repository in which it is written.
            Some((id, dir)) => Ok(remote::path_in(id, &tree::normalize(dir, path).map_err(fail)?)),
            None => tree::normalize(self.dir, path).map_err(fail),
        }
    }

    /// What is wrong with a field below that names something on another machine.
    pub(crate) fn remote(self, below: &str, url: &str) -> RenderError {
        RenderError::Remote { file: self.file.to_owned(), field: self.below(below), url: shown(url) }
    }

    /// Why something on another machine, which a field below names, is not fetched.
    pub(crate) fn refuse_remote(self, below: &str, url: &str, why: String) -> RenderError {
        RenderError::RemoteRefused { file: self.file.to_owned(), field: self.below(below), url: shown(url), why }
    }

    /// The text of the file that a field below names, and its path.
    pub(crate) fn text(self, files: &Files<'_>, below: &str, path: &str) -> Result<(String, String), RenderError> {
        let path = self.path(below, path)?;
        let text = files.text(&path, &self.asked_by(below))?;
        Ok((text, path))
    }
}

/// A path that leads nowhere, as an error repeats it: it may be a URL without its scheme, with a password or a token in it.
fn masked(path: &str) -> String {
    let (before, query) = path.split_once('?').unwrap_or((path, ""));
    let mark = if query.is_empty() { "" } else { "?…" };
    let (user, rest) = before.rsplit_once('@').map_or((None, before), |(user, rest)| (Some(user), rest));
    match user {
        Some(user) if user.rsplit('/').next() == Some(USER) => format!("{before}{mark}"),
        // The `?` may be in a password: the user's name may have an `@`, and the path before it is not known here.
        _ if query.contains('@') && (rest.contains(':') || !rest.contains('/')) => "…".to_owned(),
        Some(_) => format!("…@{rest}{mark}"),
        None => format!("{before}{mark}"),
    }
}

/// The same of what is wrong with it. What is there has the name that it has.
pub(crate) fn hidden(error: TreeError) -> TreeError {
    match error {
        TreeError::NotFound { path } => TreeError::NotFound { path: masked(&path) },
        TreeError::Escapes { path } => TreeError::Escapes { path: masked(&path) },
        TreeError::TooLong { path, length } => TreeError::TooLong { path: masked(&path), length },
        error => error,
    }
}

/// The user of a repository over ssh that is no secret.
const USER: &str = "git";

/// The URL as an error repeats it: without a user name and password, and of its query the `ref` alone, as others may be
/// secret too. It is cut when it is long.
fn shown(url: &str) -> String {
    let (before, query) = url.split_once(['?', '#']).unwrap_or((url, ""));
    let (scheme, rest) = match before.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), before),
    };
    let is_password = |(_, port): (&str, &str)| !port.bytes().all(|c| c.is_ascii_digit());
    let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
    let first = host.split('/').next().unwrap_or_default();
    let is_cut = (user.is_none() && first == rest) || first.split_once(':').is_some_and(is_password);
    let rest = match user {
        // `git@host:path` has a user that everyone has, and no password. Another user may be a token.
        Some(USER) if scheme.is_empty() => rest,
        // The `?` or `#` may be in a password, and the user's name may have an `@`.
        _ if query.contains('@') && is_cut => "…",
        _ => host,
    };
    let reference = query.split(['&', '?', '#']).find(|part| part.starts_with("ref="));
    limit::cut(&format!("{scheme}{rest}{}", reference.map(|part| format!("?{part}")).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::{masked, shown};

    #[test]
    fn a_path_that_may_be_a_url_is_shown_without_secrets() {
        for (path, expect) in [
            ("base/me:secret@github.com/a//x.yaml", "…@github.com/a//x.yaml"),
            ("me:se/cret@github.com/a", "…@github.com/a"),
            ("ghp_secret@github.com/a/b", "…@github.com/a/b"),
            ("git@github.com:a/b", "git@github.com:a/b"),
            ("base/git@github.com:a/b?ref=v1", "base/git@github.com:a/b?…"),
            ("github.com/a/b?token=secret@x", "github.com/a/b?…"),
            ("me:se?cret@github.com/a", "…"),
            ("me:s/e?cret@github.com/a", "…"),
            ("base/me:se?cret@github.com/a", "…"),
            ("me@example.com:se?cret@github.com/a", "…"),
            ("git@github.com:a/b?ref=v1@2", "git@github.com:a/b?…"),
            ("ghp_se?cret@github.com/a", "…"),
            ("base/web.yaml?x@y", "base/web.yaml?…"),
            ("base/web.yaml", "base/web.yaml"),
        ] {
            assert_eq!(masked(path), expect, "{path}");
        }
    }

    #[test]
    fn urls_are_shown_without_secrets() {
        for (url, expect) in [
            ("https://example.com/x.yaml", "https://example.com/x.yaml"),
            ("https://me:secret@example.com/x.yaml", "https://example.com/x.yaml"),
            ("https://me:se@cret@example.com/x?token=abc&ref=v1&b=c", "https://example.com/x?ref=v1"),
            ("https://example.com/x?access_token=abc", "https://example.com/x"),
            ("https://example.com/x?ref=v1@2", "https://example.com/x?ref=v1@2"),
            ("https://example.com/x#token", "https://example.com/x"),
            ("git@github.com:a/b?ref=v1", "git@github.com:a/b?ref=v1"),
            ("me:secret@example.com//x", "example.com//x"),
            ("ghp_secret@github.com/a/b", "github.com/a/b"),
            ("https://me:se?cret@example.com/x", "https://…"),
            ("https://me:s/e#cret@example.com/x", "https://…"),
            ("https://me@example.com:se?cret@example.org/x", "https://…"),
            ("https://me@example.com/x?ref=v1@2", "https://example.com/x?ref=v1@2"),
            ("git@github.com:a/b?ref=v1@2", "git@github.com:a/b?ref=v1@2"),
            ("github.com/a/b//c?ref=v1&token=x", "github.com/a/b//c?ref=v1"),
        ] {
            assert_eq!(shown(url), expect, "{url}");
        }
        assert_eq!(shown(&format!("https://example.com/{}", "x".repeat(9_000))).chars().count(), 101);
    }
}

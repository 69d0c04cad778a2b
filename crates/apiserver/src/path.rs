//! What a request's URL path names.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The object or collection that a resource path names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    /// Group; empty for the core group.
    pub(crate) group: String,
    /// Version.
    pub(crate) version: String,
    /// Namespace, when the path has one.
    pub(crate) namespace: Option<String>,
    /// Plural resource name.
    pub(crate) resource: String,
    /// Object name; `None` names the collection.
    pub(crate) name: Option<String>,
    /// First segment after the name.
    pub(crate) subresource: Option<String>,
    /// What follows the subresource, decoded and joined by `/`.
    pub(crate) rest: String,
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/livez` and what is below it or the others: does the process answer?
    Health,
    /// `/readyz` and `/healthz`, and `store` below them: does it take writes, too?
    Ready,
    /// `/version`.
    Version,
    /// `/metrics`.
    Metrics,
    /// `/`: the list of paths.
    Root,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1` or `/apis/GROUP/VERSION`: group and version.
    Resources(String, String),
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`.
    OpenApiIndex,
    /// `/openapi/v3/api/v1` or `/openapi/v3/apis/GROUP/VERSION`: group and version.
    OpenApi(String, String),
    /// An object or a collection.
    Resource(ResourcePath),
    /// Nothing that is served.
    Unknown,
}

/// Subresources of a namespace itself; any other segment there is a resource within the namespace
/// (`apiserver/pkg/endpoints/request/requestinfo.go`, namespaceSubresources).
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

/// Parses a path. Segments are percent-decoded after the split, so a name may hold an encoded slash without becoming
/// two segments.
pub(crate) fn parse(path: &str) -> Target {
    let segments: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(|s| decode(s, false)).collect();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match parts.as_slice() {
        [] => Target::Root,
        ["healthz" | "readyz"] | ["healthz" | "readyz", "store"] => Target::Ready,
        ["healthz" | "readyz" | "livez", ..] => Target::Health,
        ["version"] => Target::Version,
        ["metrics"] => Target::Metrics,
        ["api"] => Target::CoreVersions,
        ["apis"] => Target::Groups,
        ["apis", group] => Target::Group((*group).to_owned()),
        ["api", version] => Target::Resources(String::new(), (*version).to_owned()),
        ["apis", group, version] => Target::Resources((*group).to_owned(), (*version).to_owned()),
        ["openapi", "v2"] => Target::OpenApiV2,
        ["openapi", "v3"] => Target::OpenApiIndex,
        ["openapi", "v3", "api", version] => Target::OpenApi(String::new(), (*version).to_owned()),
        ["openapi", "v3", "apis", group, version] => Target::OpenApi((*group).to_owned(), (*version).to_owned()),
        ["api", version, rest @ ..] => resource("", version, rest),
        ["apis", group, version, rest @ ..] => resource(group, version, rest),
        _ => Target::Unknown,
    }
}

fn resource(group: &str, version: &str, rest: &[&str]) -> Target {
    let (namespace, rest) = match rest {
        ["namespaces", _, sub, ..] if NAMESPACE_SUBRESOURCES.contains(sub) => (None, rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
        _ => (None, rest),
    };
    let Some((resource, rest)) = rest.split_first() else { return Target::Unknown };
    let at = |index: usize| rest.get(index).map(|s| (*s).to_owned());
    Target::Resource(ResourcePath {
        group: group.to_owned(),
        version: version.to_owned(),
        namespace,
        resource: (*resource).to_owned(),
        name: at(0),
        subresource: at(1),
        rest: rest.get(2..).unwrap_or_default().join("/"),
    })
}

/// Decodes percent escapes, and `+` as a blank in queries. An escape that is not one stands for itself; bytes that are
/// not UTF-8 become the replacement character, which no name may contain.
pub(crate) fn decode(text: &str, plus_is_blank: bool) -> String {
    // An escaped plus is none, so blanks come first.
    let text =
        if plus_is_blank && text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests;

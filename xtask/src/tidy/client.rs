//! API servers are asked through crate `client`, which has deadlines, limits and counters, and compares each answer with
//! its question. The client library below it has none of these, so that only the places of a table name it. Tests and
//! examples ask as outsiders do.

use super::{Breach, File};
use crate::syntax;

/// What of the client library is vocabulary, and asks nothing.
const WORDS: &[&str] = &["CustomResource", "CustomResourceExt", "Resource", "ResourceExt", "core"];

/// Where the rest of it may be named, and what for.
const PLACES: &[(&str, &str)] = &[
    ("crates/client/src/", "it is built on the library"),
    ("crates/hub/src/lib.rs", "makes clients of the hub's own API server"),
    ("crates/member-sim/src/member.rs", "makes clients of a simulated member's API server"),
    ("crates/test-apiserver/src/", "makes clients of the API servers that tests start"),
    ("crates/cli/src/", "a person's client, as kubectl is: it asks the hub of a kubeconfig once, and ends"),
];

pub(super) fn check(file: &File) -> Vec<Breach> {
    let path = file.path.to_string_lossy();
    let library = path.starts_with("crates/") && path.contains("/src/");
    if !library || !file.is_rust() || file.is_test() || PLACES.iter().any(|(place, _)| path.starts_with(place)) {
        return Vec::new();
    }
    let asks = |segments: &[String]| match segments {
        [kube, name, ..] => kube == "kube" && !WORDS.contains(&name.as_str()),
        _ => false,
    };
    let breaches = syntax::read(&file.text).paths.into_iter().filter(|named| !named.test && asks(&named.segments));
    breaches
        .map(|named| {
            let named_path = named.segments.join("::");
            (
                named.line,
                format!("{named_path}: take a client::Api; the table in xtask/src/tidy/client.rs has the places"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{File, check};

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&File { path: path.into(), text: text.to_owned() }).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn the_client_library_is_named_only_where_a_client_is_made() {
        let text = "use kube::{Api, ResourceExt};\nuse kube::api::Patch;\nfn f(_: kube::Client) {}\n\
                    use kube::Resource;\nuse kube::core::Status;\n// kube::Client\nuse kube::*;\nuse client::Api as A;\n\
                    #[cfg(test)]\nmod tests {\n    use kube::Client;\n}\n";
        assert_eq!(lines("crates/controllers/src/write.rs", text), [1, 2, 3, 7]);
        for place in
            ["crates/client/src/api.rs", "crates/cli/src/sync.rs", "crates/hub/src/lib.rs", "crates/hub/tests/it/a.rs"]
        {
            assert_eq!(lines(place, text), [0; 0], "{place}");
        }
        assert_eq!(lines("crates/controllers/src/write/tests.rs", text), [0; 0]);
        assert_eq!(lines("crates/hub/src/hook.rs", text), [1, 2, 3, 7]);
    }
}

//! Names of functions that can be found. A short verb of talk or of moving things is the name of a dozen functions and a
//! word of every comment, so that grep finds everything, and a call does not say what happens.

use super::{Breach, File};
use crate::syntax;

/// What no function of the product is called. `take` of std's types and the like are declared elsewhere, and stay; so do
/// constructors named `of`.
const NAMES: &[&str] = &[
    "ask", "asks", "by", "go", "hear", "hears", "keep", "keeps", "known", "look", "looks", "make", "makes", "note",
    "notes", "put", "puts", "said", "say", "says", "see", "seen", "sees", "take", "takes", "tell", "tells", "told",
];

pub(super) fn check(file: &File) -> Vec<Breach> {
    let path = file.path.to_string_lossy();
    let product = (path.starts_with("crates/") || path.starts_with("xtask/")) && path.contains("/src/");
    if !product || !file.is_rust() || file.is_test() {
        return Vec::new();
    }
    let functions = syntax::read(&file.text).functions.into_iter();
    let breaches = functions.filter(|function| !function.test && NAMES.contains(&function.name.as_str()));
    breaches
        .map(|function| {
            let name = function.name;
            (
                function.line,
                format!("fn {name}: say in the name what happens to what, such as `{name}_…` or a plainer verb"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{File, check};

    #[test]
    fn functions_of_the_product_have_names_that_can_be_found() {
        let text = "impl A {\n    pub fn take(&self) { b.take() }\n    fn take_packet() {}\n}\n// fn say()\n\
                    async fn say<T>() {}\nfn of() {}\n#[cfg(test)]\nmod tests {\n    fn put() {}\n}\n";
        let lines = |path: &str| -> Vec<usize> {
            check(&File { path: path.into(), text: text.to_owned() }).into_iter().map(|(line, _)| line).collect()
        };
        for path in ["crates/client/src/store.rs", "xtask/src/tools.rs"] {
            assert_eq!(lines(path), [2, 6], "{path}");
        }
        for path in
            ["crates/client/src/store/tests.rs", "crates/client/tests/it/a.rs", "crates/a/examples/b.rs", "a.md"]
        {
            assert_eq!(lines(path), [0; 0], "{path}");
        }
    }
}

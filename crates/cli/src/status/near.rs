//! Names that are near one that does not exist.

/// Most names that are listed in full: what a terminal shows in a line or two.
const LISTED_MAX: usize = 8;

/// Most near names that are suggested.
const NEAR_MAX: usize = 3;

/// How alike two names must be: a letter or two that differ, or an end that is missing.
const ALIKE_MIN: f64 = 0.85;

/// What there is instead of a name: all of a few, and of many those that are near.
pub(crate) fn there_is(missing: &str, names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return "there is none yet".to_owned();
    }
    if names.len() <= LISTED_MAX {
        return format!("there is: {}", names.join(", "));
    }
    // What stands before the slash is the same in all of them.
    let bare = |name: &str| name.split_once('/').map_or_else(|| name.to_owned(), |(_, name)| name.to_owned());
    let alike = |name: &String| strsim::jaro_winkler(&bare(missing), &bare(name));
    let mut near: Vec<(f64, &String)> = names.iter().map(|name| (alike(name), name)).collect();
    near.retain(|(alike, _)| *alike >= ALIKE_MIN);
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let near: Vec<&str> = near.iter().take(NEAR_MAX).map(|(_, name)| name.as_str()).collect();
    let count = names.len();
    match near.as_slice() {
        [] => format!("there are {count}, and none with a name like it: `kurator status` lists them"),
        near => format!("did you mean {}? `kurator status` lists all {count}", near.join(" or ")),
    }
}

//! Words that make a sentence a riddle for a reader whose first language is not English. Comments and documents say who
//! does what: subject, verb, object.

use super::File;

/// The words, in lower case. Written in halves, so that this file does not hold them.
const WORDS: &[&str] = &[concat!("who", "ever"), concat!("an", "ew"), concat!("none any", " more")];

/// Most of them in the whole project: none.
pub(super) const RIDDLES_MAX: usize = 0;

/// The lines with such a word: of a document every line, of a source its comments.
pub(super) fn lines(file: &File) -> Vec<(usize, &'static str)> {
    let document = file.path.extension().is_some_and(|e| e == "md");
    let mut found = Vec::new();
    for (number, line) in file.lines() {
        let text = if document { Some(line) } else { comment(file, line) };
        let text = text.unwrap_or_default().to_lowercase();
        found.extend(WORDS.iter().filter(|word| holds(&text, word)).map(|word| (number, *word)));
    }
    found
}

/// The comment of a line of a source or a manifest.
fn comment<'a>(file: &File, line: &'a str) -> Option<&'a str> {
    line.split_once(if file.is_rust() { "//" } else { "#" }).map(|(_, comment)| comment)
}

/// Is the word in the text, as a word of its own?
fn holds(text: &str, word: &str) -> bool {
    let bound = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        bound(before.chars().next_back()) && bound(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::{File, WORDS, lines};

    #[test]
    fn riddles_are_found_in_comments_and_documents_and_not_in_code() {
        let [who, again, none] = WORDS else { panic!("three words") };
        let text = format!("let {who} = 1; // {again}, {none}\n/// {}\n// s{who}x\n", who.to_uppercase());
        let found = |path: &str| lines(&File { path: path.into(), text: text.clone() });
        assert_eq!(found("a.rs"), [(1, *again), (1, *none), (2, *who)]);
        assert_eq!(found("a.md"), [(1, *who), (1, *again), (1, *none), (2, *who)]);
    }
}

//! The tokens of a Rust source, without comments, numbers, characters and lifetimes.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Identifier,
    /// The content of a string.
    Text,
    /// `::`, or any other single character.
    Mark,
}

/// A token and the line on which it begins.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) line: usize,
}

/// Every token of a source.
pub(super) fn all(text: &str) -> Vec<Token> {
    let mut scanner = Scanner { rest: text, line: 1, tokens: Vec::new() };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    scanner.tokens
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl Scanner<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let first = rest.chars().next().unwrap_or_default();
        if rest.starts_with("//") {
            self.advance(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.advance(comment_length(rest));
        } else if let Some(hashes) = raw_string(rest) {
            self.raw(hashes);
        } else if let Some(prefix) = ["\"", "b\"", "c\""].iter().find(|p| rest.starts_with(**p)) {
            self.text(prefix.len());
        } else if rest.starts_with('\'') || rest.starts_with("b'") {
            self.quote();
        } else if first == '_' || first.is_alphabetic() {
            let bare = rest.strip_prefix("r#").unwrap_or(rest);
            let word = &bare[..word_length(bare)];
            self.push(Kind::Identifier, word);
            self.advance(rest.len() - bare.len() + word.len());
        } else if first.is_ascii_digit() {
            self.advance(word_length(rest));
        } else if rest.starts_with("::") {
            self.push(Kind::Mark, "::");
            self.advance(2);
        } else {
            if !first.is_whitespace() {
                self.push(Kind::Mark, &rest[..first.len_utf8()]);
            }
            self.advance(first.len_utf8());
        }
    }

    /// A string with escapes; `open` is the length of what opens it.
    fn text(&mut self, open: usize) {
        let inner = &self.rest[open..];
        let length = closing(inner, '"');
        self.push(Kind::Text, &inner[..length]);
        self.advance(open + length + 1);
    }

    /// A string without escapes, between so many `#`.
    fn raw(&mut self, hashes: usize) {
        let open = self.rest.find('"').map_or(self.rest.len(), |at| at + 1);
        let inner = &self.rest[open..];
        let close = format!("\"{}", "#".repeat(hashes));
        let length = inner.find(&close).unwrap_or(inner.len());
        self.push(Kind::Text, &inner[..length]);
        self.advance(open + length + close.len());
    }

    /// A character, or a lifetime: no identifier either way.
    fn quote(&mut self) {
        let open = self.rest.find('\'').map_or(0, |at| at + 1);
        let inner = &self.rest[open..];
        let mut chars = inner.chars();
        let (first, second) = (chars.next().unwrap_or_default(), chars.next());
        let length = if first == '\\' || second == Some('\'') { closing(inner, '\'') + 1 } else { word_length(inner) };
        self.advance(open + length);
    }

    fn push(&mut self, kind: Kind, text: &str) {
        self.tokens.push(Token { kind, text: text.to_owned(), line: self.line });
    }

    /// Goes on behind so many bytes, or at the end.
    fn advance(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }
}

/// Bytes of the word at the start.
fn word_length(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len())
}

/// Bytes before the quote that closes; a backslash takes the next character's meaning.
fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at,
            _ => {}
        }
    }
    text.len()
}

/// The number of `#` of a raw string that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let rest = ["r", "br", "cr"].iter().find_map(|p| text.strip_prefix(*p))?;
    let hashes = rest.find(|c| c != '#')?;
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// Bytes of the block comment at the start; comments nest.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

//! Which paths a Rust source names and which functions it declares: as much of the language as it takes to tell a crate
//! from a module of the same name.
//!
//! No types and no macros are resolved. A path that a derive macro makes is not seen; the derive itself is.

mod token;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use token::{Kind, Token};

/// A path in a source, `use` declarations spread into one path for each name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    /// `std`, `fs`, `read` for `std::fs::read`.
    pub(crate) segments: Vec<String>,
    /// Does it stand in an item under `#[cfg(test)]`?
    pub(crate) test: bool,
}

/// A function that a source declares.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) line: usize,
    pub(crate) name: String,
    /// Does it stand in an item under `#[cfg(test)]`?
    pub(crate) test: bool,
}

/// What a source says.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Every path with more than one segment, and what `use` and `extern crate` name. Paths that begin at a module or an
    /// import of this file are left out, and so are those that begin with `crate`, `self` or `super`.
    pub(crate) paths: Vec<Named>,
    /// Every function, also those of traits and of other functions.
    pub(crate) functions: Vec<Function>,
    /// Modules in files of their own that only tests have.
    pub(crate) test_modules: BTreeSet<String>,
}

/// Reads a source.
pub(crate) fn read(text: &str) -> Source {
    let tokens = token::all(text);
    let mut reader = Reader { tokens: &tokens, source: Source::default(), local: BTreeSet::new(), test_until: 0 };
    reader.walk();
    let Reader { mut source, local, .. } = reader;
    let relative = ["crate", "self", "super", "Self"];
    source.paths.retain(|path| {
        path.segments.first().is_some_and(|first| !relative.contains(&first.as_str()) && !local.contains(first))
    });
    source
}

struct Reader<'a> {
    tokens: &'a [Token],
    source: Source,
    /// Names that this file declares or imports from its own crate.
    local: BTreeSet<String>,
    /// The index of the token behind the last item that only tests have.
    test_until: usize,
}

impl Reader<'_> {
    fn walk(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.step(at);
        }
    }

    /// Reads what begins at a token, and says where to go on.
    fn step(&mut self, at: usize) -> usize {
        if self.is(at, "#") && self.is(at + 1, "[") {
            return self.attribute(at + 1);
        }
        match self.identifier(at) {
            Some("use") if !self.is(at + 1, "<") => self.tree(&mut Vec::new(), at + 1),
            Some("extern") if self.identifier(at + 1) == Some("crate") => {
                let name = self.identifier(at + 2).unwrap_or_default().to_owned();
                self.name(at, vec![name]);
                at + 3
            }
            Some("fn") => {
                // The type of a function has no name.
                let Some(name) = self.identifier(at + 1).map(str::to_owned) else { return at + 1 };
                let line = self.tokens[at].line;
                self.source.functions.push(Function { line, name, test: at < self.test_until });
                at + 2
            }
            Some("mod") => {
                if let Some(name) = self.identifier(at + 1).map(str::to_owned) {
                    if self.is(at + 2, ";") && at < self.test_until {
                        self.source.test_modules.insert(name.clone());
                    }
                    self.local.insert(name);
                }
                at + 2
            }
            Some(_) => self.path(at),
            None => at + 1,
        }
    }

    /// An attribute, from its bracket. Its texts may name paths (`#[serde(with = "…")]`); `cfg(test)` marks what follows.
    fn attribute(&mut self, open: usize) -> usize {
        let close = self.matching(open);
        let inside = open + 1..close;
        for token in self.tokens.get(inside.clone()).unwrap_or_default() {
            if token.kind == Kind::Text {
                let test = open < self.test_until;
                let named = read(&token.text).paths.into_iter();
                self.source.paths.extend(named.map(|n| Named { line: token.line, test, ..n }));
            }
        }
        let holds = |word: &str| inside.clone().any(|i| self.identifier(i) == Some(word));
        if self.identifier(open + 1) == Some("cfg") && holds("test") && !holds("not") {
            self.test_until = self.test_until.max(self.item_end(close + 1));
        }
        // Paths in it are read like any other.
        open + 1
    }

    /// Behind the item that begins here: its `;` or the brace that closes it.
    fn item_end(&self, mut at: usize) -> usize {
        while at < self.tokens.len() {
            match self.tokens[at].text.as_str() {
                ";" if self.tokens[at].kind == Kind::Mark => return at + 1,
                "{" if self.tokens[at].kind == Kind::Mark => return self.matching(at) + 1,
                "(" | "[" if self.tokens[at].kind == Kind::Mark => at = self.matching(at) + 1,
                _ => at += 1,
            }
        }
        at
    }

    /// The bracket that closes this one; the end of the file when there is none.
    fn matching(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open).filter(|(_, t)| t.kind == Kind::Mark) {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" if depth == 1 => return at,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// One branch of a `use` declaration below `prefix`; says where to go on.
    fn tree(&mut self, prefix: &mut Vec<String>, mut at: usize) -> usize {
        let depth = prefix.len();
        loop {
            if self.is(at, "::") {
                at += 1;
            } else if self.is(at, "{") {
                at += 1;
                while at < self.tokens.len() && !self.is(at, "}") {
                    at = self.tree(prefix, at);
                    at += usize::from(self.is(at, ","));
                }
                at += 1;
                break;
            } else if self.is(at, "*") {
                prefix.push("*".to_owned());
                at = self.leaf(prefix, at + 1);
                break;
            } else if let Some(segment) = self.identifier(at) {
                prefix.push(segment.to_owned());
                at += 1;
                if !self.is(at, "::") {
                    at = self.leaf(prefix, at);
                    break;
                }
            } else {
                // Not a `use` declaration that Rust would take; the compiler says so.
                at += 1;
                break;
            }
        }
        prefix.truncate(depth);
        at
    }

    /// The end of a branch: what it imports, and as what.
    fn leaf(&mut self, path: &[String], mut at: usize) -> usize {
        let mut segments = path.to_vec();
        if segments.len() > 1 && segments.last().is_some_and(|s| s == "self") {
            segments.pop();
        }
        let mut name = segments.last().cloned().unwrap_or_default();
        if self.identifier(at) == Some("as") {
            name = self.identifier(at + 1).unwrap_or("_").to_owned();
            at += 2;
        }
        if matches!(path.first().map(String::as_str), Some("crate" | "self" | "super")) {
            self.local.insert(name);
        } else {
            self.name(at.saturating_sub(1), segments);
        }
        at
    }

    /// A path in code.
    fn path(&mut self, start: usize) -> usize {
        let absolute = start > 0 && self.is(start - 1, "::");
        let continued = absolute
            && start > 1
            && (self.identifier(start - 2).is_some() || [">", ")", "]"].iter().any(|m| self.is(start - 2, m)));
        let method = start > 0 && self.is(start - 1, ".");
        let mut segments = vec![self.identifier(start).unwrap_or_default().to_owned()];
        let mut at = start + 1;
        while self.is(at, "::") {
            let Some(next) = self.identifier(at + 1) else { break };
            segments.push(next.to_owned());
            at += 2;
        }
        if segments.len() > 1 && !continued && !method {
            self.name(start, segments);
        }
        at
    }

    fn name(&mut self, at: usize, segments: Vec<String>) {
        let line = self.tokens.get(at).map_or(0, |t| t.line);
        self.source.paths.push(Named { line, segments, test: at < self.test_until });
    }

    fn is(&self, at: usize, mark: &str) -> bool {
        self.tokens.get(at).is_some_and(|t| t.kind == Kind::Mark && t.text == mark)
    }

    fn identifier(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).filter(|t| t.kind == Kind::Identifier).map(|t| t.text.as_str())
    }
}

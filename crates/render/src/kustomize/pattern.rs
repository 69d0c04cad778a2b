//! Regular expressions of kustomization files, with a bound on what one costs.

use model::limit::cut;
use regex::{Regex, RegexBuilder};

use crate::budget::Budget;
use crate::error::RenderError;

/// Most bytes that an expression takes when it is compiled. A list of a hundred names takes 30 kB, a class of Unicode
/// letters (`\\w`) 15 kB; `.*` takes 1 kB.
const COMPILED_BYTES_MAX: usize = 256 << 10;

/// Work of compiling an expression that repeats, or that names classes: about what the largest takes. Measured in an
/// optimized build: 1.4 ms.
const COMPILE_BYTES: usize = 256 << 10;

/// Work of compiling a byte of an expression that does neither.
const TEXT_STEPS: usize = 64;

/// Longest text that is compared. No name, and no reference of an image, that a server accepts is as long; the time that
/// an expression takes grows with its size times the length of the text.
const TEXT_BYTES_MAX: usize = 4096;

/// An expression that matches whole texts.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Compiles a text that an author wrote, followed by an expression of ours.
    ///
    /// # Errors
    /// The budget is spent. What is wrong with the text is inside.
    pub(crate) fn new(text: &str, after: &str, budget: &Budget) -> Result<Result<Self, String>, RenderError> {
        let grows = text.contains(['{', '[', '\\']);
        let cost = text.len().saturating_mul(TEXT_STEPS);
        budget.spend(if grows { cost.saturating_add(COMPILE_BYTES) } else { cost })?;
        let compiled = RegexBuilder::new(&format!("^(?:{text}){after}$")).size_limit(COMPILED_BYTES_MAX).build();
        Ok(match compiled {
            Ok(regex) => Ok(Self(regex)),
            Err(regex::Error::CompiledTooBig(_)) => Err(format!("{:?} is too large a regular expression", cut(text))),
            Err(_) => Err(format!("{:?} is not a regular expression", cut(text))),
        })
    }

    /// Whether it matches the text.
    pub(crate) fn holds(&self, text: &str) -> bool {
        text.len() <= TEXT_BYTES_MAX && self.0.is_match(text)
    }
}

#[cfg(test)]
mod tests;

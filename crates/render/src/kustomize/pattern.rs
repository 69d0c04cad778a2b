//! Regular expressions of kustomization files, with a bound on what one costs.

use model::words::cut;
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

/// Smallest compiled size that is told apart.
const SIZE_MIN: usize = 2 << 10;

/// How much comparing a byte of work is, in bytes of the compiled expression times bytes of the text. Measured in an
/// optimized build: 256 kB and 4,096 bytes take 0.2 seconds at worst (`[ab]*a[ab]{3635}x`), which are 10 MB of work. An
/// expression that names what it means takes far less, and cannot be told apart.
const PAIRS_PER_BYTE: usize = 100;

/// Longest text that is compared. No name, and no reference of an image, that a server accepts is as long; the time that
/// an expression takes grows with its size times the length of the text.
const TEXT_BYTES_MAX: usize = 4096;

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Bytes that it takes at most: a power of two.
    size: usize,
}

impl Pattern {
    /// Compiles a text that an author wrote, followed by an expression of ours.
    ///
    /// # Errors
    /// The budget is spent. What is wrong with the text is inside.
    pub(crate) fn new(text: &str, after: &str, budget: &Budget) -> Result<Result<Self, String>, RenderError> {
        spend(text, budget)?;
        Ok(Self::compile(text, &format!("^(?:{text}){after}$")))
    }

    /// Compiles a text that an author wrote, which matches texts that contain it.
    ///
    /// # Errors
    /// The budget is spent. What is wrong with the text is inside.
    pub(crate) fn within(text: &str, budget: &Budget) -> Result<Result<Self, String>, RenderError> {
        spend(text, budget)?;
        Ok(Self::compile(text, text))
    }

    fn compile(text: &str, whole: &str) -> Result<Self, String> {
        let mut size = whole.len().next_power_of_two().clamp(SIZE_MIN, COMPILED_BYTES_MAX);
        loop {
            match RegexBuilder::new(whole).size_limit(size).build() {
                Ok(regex) => return Ok(Self { regex, size }),
                Err(regex::Error::CompiledTooBig(_)) if size < COMPILED_BYTES_MAX => size *= 2,
                Err(regex::Error::CompiledTooBig(_)) => {
                    return Err(format!("{:?} is too large a regular expression", cut(text)));
                }
                Err(_) => return Err(format!("{:?} is not a regular expression", cut(text))),
            }
        }
    }

    /// Whether it matches the text.
    ///
    /// # Errors
    /// The budget is spent.
    pub(crate) fn holds(&self, text: &str, budget: &Budget) -> Result<bool, RenderError> {
        if text.len() > TEXT_BYTES_MAX {
            return Ok(false);
        }
        budget.spend(self.size * text.len() / PAIRS_PER_BYTE)?;
        Ok(self.regex.is_match(text))
    }
}

/// Takes the work of compiling a text.
fn spend(text: &str, budget: &Budget) -> Result<(), RenderError> {
    let grows = text.contains(['{', '[', '\\']);
    let cost = text.len().saturating_mul(TEXT_STEPS);
    budget.spend(if grows { cost.saturating_add(COMPILE_BYTES) } else { cost })
}

#[cfg(test)]
mod tests;

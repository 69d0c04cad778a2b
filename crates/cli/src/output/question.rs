//! A question to the person at the terminal.

use std::io::{BufRead, IsTerminal, Write};

use super::visible;

/// Is there a person at a terminal who can be asked?
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on stderr and reads the answer. `None` when there is no terminal to ask at.
///
/// # Errors
/// The answer cannot be read.
pub(crate) fn prompt(question: &str) -> std::io::Result<Option<String>> {
    if !can_ask() {
        return Ok(None);
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{} ", visible(question))?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(Some(answer))
}

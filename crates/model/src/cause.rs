//! An error and its causes in one line. An error's own text leaves its causes out; the outermost often says only that
//! something failed.

use std::error::Error;

/// The error and its causes, outermost first. A cause that an earlier text contains is not repeated.
pub fn chain(error: &dyn Error) -> String {
    let mut out = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !out.contains(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        next = cause.source();
    }
    out
}

/// The innermost cause: `Connection refused`, not three layers of client around it.
pub fn innermost(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(cause) = inner.source() {
        inner = cause;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::{chain, innermost};

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn causes_follow_in_order_and_are_not_repeated() {
        for (layers, line, inner) in [
            (&["refused"][..], "refused", "refused"),
            (&["cannot fetch", "cannot connect", "refused"], "cannot fetch: cannot connect: refused", "refused"),
            (&["cannot connect: refused", "refused"], "cannot connect: refused", "refused"),
        ] {
            let wrap = |source, text: &&'static str| Some(Box::new(Layer { text, source }));
            let error = layers.iter().rev().fold(None, wrap).unwrap();
            assert_eq!((chain(&error).as_str(), innermost(&error).as_str()), (line, inner), "{layers:?}");
        }
    }
}

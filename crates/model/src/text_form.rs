//! Newtypes that are text on the wire: one error, and the conversions that serde asks for.

/// A text that is not the name, id or digest it should be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} {text:?}: {problem}")]
pub struct NameError {
    /// What the text should have been.
    pub what: &'static str,
    /// The text.
    pub text: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

impl NameError {
    /// Says what a text should have been and what is wrong with it.
    pub fn new(what: &'static str, text: &str, problem: impl Into<String>) -> Self {
        Self { what, text: text.to_owned(), problem: problem.into() }
    }
}

/// Converts a newtype with `FromStr` and `Display` from and to `String`, as `#[serde(try_from, into)]` needs.
#[macro_export]
macro_rules! text_form {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = $crate::NameError;

            fn try_from(text: String) -> Result<Self, $crate::NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.to_string()
            }
        }
    };
}

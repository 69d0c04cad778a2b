//! What is said on stderr beside a command's own words, and `KURATOR_LOG`, which filters it.

use std::env::VarError;

use tracing_subscriber::EnvFilter;

use crate::output;

/// Name of the variable.
const VARIABLE: &str = "KURATOR_LOG";

/// The words for how much is said, from least to most.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Libraries below a client or a server. What they say at `debug` is about each request and each frame, thousands of lines a
/// second of a large fleet; who wants it names them, as in `debug,tower=debug`. The client library reports each failed
/// connection as an error of its own, while whether a member answers is in its status.
const LIBRARIES: &str = "kube_client=off,h2=warn,hyper=warn,hyper_util=warn,mio=warn,russh=warn,rustls=warn,tokio_util=warn,tower=warn,want=warn";

/// Why nothing can be said.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{VARIABLE}: {directive:?} {why}; say a level ({}), or PART=LEVEL for a part of the program, separated by commas, such as \
     info,applier=debug",
    LEVELS.join(", ")
)]
pub(crate) struct LogError {
    directive: String,
    why: String,
}

/// Begins to say on stderr what happens. `level`: how much, when `KURATOR_LOG` says nothing of it.
///
/// # Errors
/// `KURATOR_LOG` says what cannot be read.
pub(crate) fn start(level: &str) -> Result<(), LogError> {
    let wanted = match std::env::var(VARIABLE) {
        Ok(text) => text,
        Err(VarError::NotPresent) => String::new(),
        Err(VarError::NotUnicode(text)) => return Err(refuse(&text.to_string_lossy(), "is no text")),
    };
    tracing_subscriber::fmt()
        .with_writer(output::log)
        .with_target(false)
        // Its colours could not be told from those that others wrote.
        .with_ansi(false)
        .with_env_filter(filter(level, &wanted)?)
        .init();
    Ok(())
}

/// The filter of a text. What comes later in it counts.
fn filter(level: &str, wanted: &str) -> Result<EnvFilter, LogError> {
    let wanted = wanted.trim();
    // Filters by span and field may have commas inside; they are few, and the library reads them strictly.
    if !wanted.is_empty() && !wanted.contains('[') {
        wanted.split(',').try_for_each(check)?;
    }
    let between = if wanted.is_empty() { "" } else { "," };
    let all = format!("{level},{LIBRARIES}{between}{wanted}");
    EnvFilter::builder().parse(all).map_err(|error| refuse(wanted, &format!("cannot be read ({error})")))
}

/// Is this a level, or a part with one? The library would take a level that is mistyped for the name of a part, and say nothing.
fn check(directive: &str) -> Result<(), LogError> {
    let is_level = |text: &str| LEVELS.iter().any(|level| text.eq_ignore_ascii_case(level));
    let is_part = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || ['_', ':', '-', '.'].contains(&c))
    };
    match directive.trim().split_once('=') {
        _ if directive.trim().is_empty() => Err(refuse(directive, "says nothing")),
        None if is_level(directive.trim()) => Ok(()),
        None => Err(refuse(directive, "is no level")),
        Some((part, _)) if !is_part(part) => Err(refuse(directive, "names no part")),
        Some((_, level)) if !is_level(level) => Err(refuse(directive, "has no level")),
        Some(_) => Ok(()),
    }
}

fn refuse(directive: &str, why: &str) -> LogError {
    LogError { directive: model::words::cut(directive), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        for (text, expect) in [
            ("inof,,=x", "\"inof\" is no level"),
            ("info,,applier=debug", "\"\" says nothing"),
            ("info,=debug", "\"=debug\" names no part"),
            ("applier=", "\"applier=\" has no level"),
            ("applier=loud", "\"applier=loud\" has no level"),
            ("a b=info", "\"a b=info\" names no part"),
            ("[span", "\"[span\" cannot be read"),
        ] {
            let said = filter("info", text).expect_err(text).to_string();
            assert!(said.starts_with(&format!("KURATOR_LOG: {expect}")), "{text}: {said}");
            assert!(said.contains("off, error, warn, info, debug, trace"), "{said}");
        }
    }

    #[test]
    fn the_last_word_counts_and_libraries_stay_quiet() {
        for (level, text, expect) in [
            ("error", "", "error"),
            ("info", " ", "info"),
            ("info", "DEBUG", "debug"),
            ("info", "warn", "warn"),
            // Of what is not named the usual level counts.
            ("info", "applier=debug", "applier=debug,info"),
            ("error", "info,applier=trace,tower=debug", "applier=trace,info"),
        ] {
            let made = filter(level, text).expect(text).to_string();
            let of_libraries = |directive: &&str| !LIBRARIES.split(',').any(|quiet| quiet == *directive);
            let mut others: Vec<&str> = made.split(',').filter(of_libraries).collect();
            others.retain(|directive| *directive != "tower=debug");
            others.sort_unstable();
            assert_eq!(others.join(","), expect, "{level} {text}: {made}");
            assert_eq!(made.contains("tower=warn"), !text.contains("tower"), "{made}");
        }
    }
}

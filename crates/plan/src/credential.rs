//! Credentials of members: when one that Kurator made is renewed, and what is said of one that is not in use.

use std::time::Duration;

use api::condition::{self, Condition, Statement};
use api::delivery::Origin;
use api::kurator::minted::Minted;
use api::reason;
use model::clock::format_seconds;
use model::{Digest, Timestamp};

use crate::member::Problem;

/// How long a credential is asked for. Servers grant less by their own limit; the managed ones a day or two.
pub const LIFE_ASKED: Duration = Duration::from_secs(365 * DAY_SECS);

/// Least time that a granted token must be good for. A hub that is down for a long weekend must find its members again; a
/// server that grants less is asked for a token Secret.
pub const LIFE_MIN: Duration = Duration::from_secs(7 * DAY_SECS);

/// A token Secret, which has no end of its own, is good for this long: it is replaced at a third of it, and deleted by the first
/// renewal after it. So a backup of a hub has a credential that works for two thirds of it, 60 days.
pub const TOKEN_SECRET_LIFE: Duration = Duration::from_secs(90 * DAY_SECS);

/// What token Secrets of Kurator are named, and some digits.
pub const TOKEN_SECRET_PREFIX: &str = "kurator-token-";

/// How many hexadecimal digits of a digest are in the name of a token Secret: 80 bits.
const TOKEN_SECRET_DIGITS: usize = 20;

/// A credential is renewed when this part of its time is over: two thirds are left for what may be in the way.
const RENEWED_AT: u32 = 3;

/// Pause after a renewal that failed. The least life of 7 days has room for 670 tries in its last two thirds.
pub const AGAIN: Duration = Duration::from_secs(600);

const DAY_SECS: u64 = 24 * 3600;

/// When a credential is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Now.
    Now,
    /// Then.
    At(Timestamp),
}

/// Decides when a credential is renewed: at a third of its life.
pub fn renewal(minted: &Minted, now: Timestamp) -> Renewal {
    let life = match minted.expires {
        Some(expires) => Duration::try_from(expires.duration_since(minted.issued)).unwrap_or_default(),
        None => TOKEN_SECRET_LIFE,
    };
    // A time beyond the end of the calendar never comes.
    let at = minted.issued.checked_add(life / RENEWED_AT).unwrap_or(Timestamp::MAX);
    if at <= now { Renewal::Now } else { Renewal::At(at) }
}

/// Is a token that was granted good for long enough? If not, a token Secret is asked for.
pub fn is_long_enough(issued: Timestamp, expires: Timestamp) -> bool {
    Duration::try_from(expires.duration_since(issued)).is_ok_and(|life| life >= LIFE_MIN)
}

/// The name of the token Secret that comes after a credential. The same credential always has the same successor: one
/// that was made and not noted, since the process ended in between, is found again by its name, also by a hub that was
/// restored from a backup of before.
///
/// `whose`: the hub and the attached cluster, for a first one, which comes after nothing.
pub fn token_secret_after(before: Option<&Minted>, whose: &str) -> String {
    let digest = match before.and_then(|before| before.token_digest) {
        Some(token) => Digest::of_texts(["after", &token.to_string()]),
        None => Digest::of_texts(["first", whose]),
    };
    format!("{TOKEN_SECRET_PREFIX}{}", &digest.hex()[..TOKEN_SECRET_DIGITS])
}

/// Is the time of a token Secret over? Its age counts, and not who made it: one that no hub remembers goes too, and another
/// hub has replaced its own long before.
pub fn is_token_secret_over(made: Timestamp, now: Timestamp) -> bool {
    made.checked_add(TOKEN_SECRET_LIFE).is_ok_and(|end| end <= now)
}

/// What is known of the credential of a member, beyond that it can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// When it ends, as it says itself.
    pub expires: Option<Timestamp>,
    /// How Kurator made it.
    pub minted: Option<Minted>,
    /// Why it is not in use: the one before is.
    pub unused: Option<Problem>,
}

/// The `CredentialCurrent` statement; `None` when there is nothing to say. One that differs from the one before in its numbers
/// only is that one: what is tried again and again may fail with the seconds since when a certificate has run out.
pub fn current(standing: &Standing, before: &[Condition]) -> Option<Statement> {
    let statement = statement(standing)?;
    let said = condition::find(before, condition::CREDENTIAL_CURRENT).filter(|said| {
        said.reason == statement.reason && without_digits(&said.message) == without_digits(&statement.message)
    });
    Some(Statement { message: said.map_or(statement.message, |said| said.message.clone()), ..statement })
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn statement(standing: &Standing) -> Option<Statement> {
    let no = |reason, message: String| Statement::new(condition::CREDENTIAL_CURRENT, Some(false), reason, message);
    if let Some(Problem { reason, message }) = &standing.unused {
        return Some(no(reason, format!("{message}; the credential before it still works and stays in use")));
    }
    let minted = standing.minted.as_ref()?;
    let problem = minted.problem.as_ref()?;
    let until = minted.expires.map_or_else(String::new, |at| format!("; it is good until {}", format_seconds(at)));
    Some(no(reason::RENEWAL_FAILED, format!("the credential cannot be renewed: {problem}{until}")))
}

/// What to say of a credential that the member refuses.
pub fn refused(
    standing: &Standing,
    origin: &Origin,
    namespaces: &[String],
    why: &str,
    now: Timestamp,
) -> (&'static str, String) {
    let mut attach = attach_command(standing.minted.as_ref(), origin);
    if !namespaces.is_empty() {
        // Without them it would give more rights than there were.
        attach.push_str(&format!(" --namespaces {}", namespaces.join(",")));
    }
    let mend = format!("make another one with `{attach}`");
    match standing.expires.filter(|at| *at <= now) {
        Some(at) => {
            let at = format_seconds(at);
            (
                reason::CREDENTIAL_EXPIRED,
                format!("the credential expired at {at}, and the member refuses it: {why}; {mend}"),
            )
        }
        None => (
            reason::CREDENTIAL_REFUSED,
            format!("the member refuses the credential: {why}; {mend}, or replace the kubeconfig in its Secret"),
        ),
    }
}

/// The command that makes another credential for an attached cluster. It names the namespace, since its reader may be in another.
pub fn attach_command(minted: Option<&Minted>, origin: &Origin) -> String {
    let context = minted.map_or_else(|| "CONTEXT".to_owned(), |minted| shell_word(&minted.context));
    format!("kurator attach {context} --name {} -n {}", origin.name, origin.namespace)
}

/// A text as one word of a shell. Contexts have names such as `arn:aws:eks:…:cluster/prod`, and may have any other.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;

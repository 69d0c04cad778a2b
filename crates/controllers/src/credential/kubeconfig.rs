//! A kubeconfig that Kurator wrote, told apart from one that a person put into the same Secret.

use api::kurator::minted::Minted;
use model::Digest;
use serde_json::{Value, json};

/// Where the one token is.
const TOKEN: &str = "/users/0/user/token";

/// A kubeconfig of the form that Kurator writes, with the token that Kurator made.
pub(crate) struct Made(Value);

impl Made {
    /// Reads it; `None` when it is a person's.
    pub(crate) fn parse(kubeconfig: &[u8], minted: &Minted) -> Option<Self> {
        let value = model::yaml::parse(std::str::from_utf8(kubeconfig).ok()?).ok()?;
        value.get("users").and_then(Value::as_array).filter(|users| users.len() == 1)?;
        let token = value.pointer(TOKEN).and_then(Value::as_str)?;
        (minted.token_digest? == Digest::of(token.as_bytes())).then_some(Self(value))
    }

    /// The text with another token.
    pub(crate) fn with_token(&self, token: &str) -> String {
        let mut value = self.0.clone();
        if let Some(place) = value.pointer_mut(TOKEN) {
            *place = json!(token);
        }
        model::yaml::to_string(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minted(token: Option<&str>) -> Minted {
        let token_digest = token.map(|token| Digest::of(token.as_bytes()).to_string());
        let mut text = json!({"context": "c", "issued": "2026-01-01T00:00:00Z"});
        if let Some(digest) = token_digest {
            text["tokenDigest"] = json!(digest);
        }
        Minted::parse(&text.to_string()).unwrap()
    }

    #[test]
    fn only_a_kubeconfig_with_the_token_that_was_made_is_ours() {
        let user = |user: Value| json!({"users": [{"name": "u", "user": user}]}).to_string();
        let ours = user(json!({"token": "made"}));
        let two = json!({"users": [{"user": {"token": "made"}}, {"user": {"token": "other"}}]}).to_string();
        for (what, kubeconfig, token, expect) in [
            ("as it was written", &ours, Some("made"), true),
            ("of an earlier version, which kept no digest", &ours, None, false),
            ("another token", &user(json!({"token": "a person's"})), Some("made"), false),
            ("a certificate", &user(json!({"client-certificate-data": "made"})), Some("made"), false),
            ("two users", &two, Some("made"), false),
            ("no YAML", &"{".to_owned(), Some("made"), false),
        ] {
            assert_eq!(Made::parse(kubeconfig.as_bytes(), &minted(token)).is_some(), expect, "{what}");
        }
        let made = Made::parse(ours.as_bytes(), &minted(Some("made"))).unwrap();
        let next = made.with_token("next");
        assert!(Made::parse(next.as_bytes(), &minted(Some("next"))).is_some(), "{next}");
        assert!(Made::parse(next.as_bytes(), &minted(Some("made"))).is_none());
    }
}

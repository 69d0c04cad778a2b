//! Where a repository is: what of a URL is used, what is refused, and what may be printed.

use model::limit::URL_BYTES_MAX;
use percent_encoding::percent_decode_str;

use super::Credentials;
use crate::error::{Error, words};

/// The URL as it may be printed, and the user information that was in it.
pub(super) fn parse(text: &str) -> Result<(String, Option<Credentials>), Error> {
    // What cannot be parsed may still hold a password or a token: only what is after the last `@` and before a query is
    // repeated.
    let shown = text.rsplit('@').next().unwrap_or(text).split(['?', '#']).next().map(words).unwrap_or_default();
    let fail = |why: &str| Error::UnsupportedUrl { url: shown.clone(), why: why.to_owned() };
    if text.len() > URL_BYTES_MAX {
        return Err(fail(&format!("it has {} bytes, and {URL_BYTES_MAX} are the most", text.len())));
    }
    let scp_like = !text.contains("://") && text.contains(':');
    let mut url = match reqwest::Url::parse(text) {
        _ if scp_like || text.starts_with("ssh://") => return Err(fail("git over ssh is not supported yet")),
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        Ok(url) if url.scheme() == "file" => return Err(fail("file:// would read the hub's own disk")),
        Ok(url) => return Err(fail(&format!("the scheme {} is not supported", url.scheme()))),
        Err(e) => return Err(fail(&format!("not a URL: {e}"))),
    };
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fail("a repository URL has no query and no fragment"));
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credentials = (!url.username().is_empty()).then(|| Credentials::Basic {
        username: decode(url.username()),
        password: decode(url.password().unwrap_or_default()),
    });
    // Both fail only for URLs without a host, which http URLs have.
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| fail("the URL has no host"))?;
    Ok((url.as_str().trim_end_matches('/').to_owned(), credentials))
}

#[cfg(test)]
mod tests;

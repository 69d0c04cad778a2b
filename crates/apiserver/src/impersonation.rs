//! Requests on behalf of another user (`staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation`): the headers
//! `Impersonate-User`, `-Group`, `-Uid` and `-Extra-*`. Each of them needs the verb `impersonate`.
//!
//! Ignoring these headers would let a request run with more rights than its sender asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use model::Status;
use percent_encoding::percent_decode_str;

use crate::authz::{self, Attributes};
use crate::state::State;
use crate::user::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// Who a request is made as: the sender, or whom the headers name if the sender may impersonate them.
///
/// # Errors
/// 403 when the sender may not; 400 when groups, uid or extra come without a user, or a header is no text.
pub(crate) fn user(state: &Arc<State>, sender: UserInfo, headers: &HeaderMap) -> Result<UserInfo, Status> {
    let Some(asked) = Impersonated::read(headers)? else { return Ok(sender) };
    let check = |what: Attributes<'_>| {
        authz::check(&state.authorizer, &sender, &Attributes { verb: "impersonate", ..what }, state.as_ref())
    };
    let account = service_account(&asked.name);
    match account {
        Some((namespace, name)) => {
            check(Attributes { resource: "serviceaccounts", namespace, name, ..Attributes::default() })?;
        }
        None => check(Attributes { resource: "users", name: &asked.name, ..Attributes::default() })?,
    }
    for group in &asked.groups {
        check(Attributes { resource: "groups", name: group, ..Attributes::default() })?;
    }
    if let Some(uid) = &asked.uid {
        check(Attributes { group: AUTHENTICATION, resource: "uids", name: uid, ..Attributes::default() })?;
    }
    for (key, values) in &asked.extra {
        for value in values {
            check(Attributes {
                group: AUTHENTICATION,
                resource: "userextras",
                subresource: key,
                name: value,
                ..Attributes::default()
            })?;
        }
    }
    Ok(UserInfo { impersonator: Some(sender.name), ..asked.into_user() })
}

/// Namespace and name of a service account's user name.
fn service_account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix("system:serviceaccount:")?.split_once(':').filter(|(ns, n)| !ns.is_empty() && !n.is_empty())
}

struct Impersonated {
    name: String,
    groups: Vec<String>,
    uid: Option<String>,
    extra: BTreeMap<String, Vec<String>>,
}

impl Impersonated {
    fn read(headers: &HeaderMap) -> Result<Option<Self>, Status> {
        let (mut name, mut groups, mut uid, mut extra) = (None, Vec::new(), None, BTreeMap::<_, Vec<_>>::new());
        for (header, value) in headers {
            let header = header.as_str();
            if !header.starts_with("impersonate-") {
                continue;
            }
            let value = value.to_str().map_err(|_| Status::bad_request(format!("{header}: not text")))?.to_owned();
            match header {
                USER => name = Some(value).filter(|v| !v.is_empty()),
                GROUP => groups.push(value),
                UID => uid = Some(value).filter(|v| !v.is_empty()),
                _ => {
                    // An impersonation that is not understood must not become one that is wider.
                    let key = header
                        .strip_prefix(EXTRA)
                        .ok_or_else(|| Status::bad_request(format!("{header}: not a known way to impersonate")))?;
                    let key = percent_decoded(key)
                        .ok_or_else(|| Status::bad_request(format!("{header}: not percent-encoded text")))?;
                    extra.entry(key).or_default().push(value);
                }
            }
        }
        match name {
            Some(name) => Ok(Some(Self { name, groups, uid, extra })),
            None if groups.is_empty() && uid.is_none() && extra.is_empty() => Ok(None),
            None => Err(Status::bad_request("groups, uid or extra are impersonated without a user")),
        }
    }

    fn into_user(self) -> UserInfo {
        let mut groups = self.groups;
        if let Some((namespace, _)) = service_account(&self.name).filter(|_| groups.is_empty()) {
            groups = vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
        }
        let everybody = if self.name == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
        if !groups.iter().any(|g| g == AUTHENTICATED || g == UNAUTHENTICATED) {
            groups.push(everybody.to_owned());
        }
        UserInfo {
            name: self.name.into(),
            uid: self.uid.map(Into::into),
            groups: groups.into(),
            extra: Arc::new(self.extra),
            impersonator: None,
        }
    }
}

/// Text whose every `%` begins an escape, and whose bytes are UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests;

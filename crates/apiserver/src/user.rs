//! Who makes a request.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The group whose members may do everything.
pub const MASTERS: &str = "system:masters";
/// The group of everybody who proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who did not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user of requests without credentials.
pub const ANONYMOUS: &str = "system:anonymous";

/// A user as authentication established it; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// User name: a certificate's CN, `system:serviceaccount:NS:NAME`, ….
    pub name: Arc<str>,
    /// Stable id, when the authenticator has one.
    pub uid: Option<Arc<str>>,
    /// Groups, `system:authenticated` among them when the user is known.
    pub groups: Arc<[String]>,
    /// Further facts, such as the pod a token is bound to.
    pub extra: Arc<BTreeMap<String, Vec<String>>>,
    /// Who sent the request, when it is made on behalf of this user.
    pub impersonator: Option<Arc<str>>,
}

impl UserInfo {
    /// A known user in these groups; `system:authenticated` is added.
    pub fn new<I, S>(name: &str, groups: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let mut groups: Vec<String> = groups.into_iter().map(Into::into).collect();
        if !groups.iter().any(|g| g == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        Self { name: name.into(), uid: None, groups: groups.into(), extra: Arc::default(), impersonator: None }
    }

    /// A user in `system:masters`.
    pub fn master(name: &str) -> Self {
        Self::new(name, [MASTERS])
    }

    /// The user of requests without credentials.
    pub fn anonymous() -> Self {
        Self {
            name: ANONYMOUS.into(),
            uid: None,
            groups: Arc::new([UNAUTHENTICATED.to_owned()]),
            extra: Arc::default(),
            impersonator: None,
        }
    }

    /// Is the user in this group?
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}

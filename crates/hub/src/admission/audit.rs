//! Tells the log who agreed to what, and who deleted what, from the requests themselves.
//!
//! The last admission: what another refuses is not told. A write that loses a race and is tried again is told twice, and one
//! that the disk refuses is told though it was not stored; a log that says too much of this is better than one that says too
//! little.

use std::borrow::Cow;

use apiserver::{Admission, AdmissionRequest, Denied, MASTERS, Operation, UserInfo};
use model::GroupResource;
use plan::journal::audit;
use serde_json::Value;

/// Kinds by which people decide what members get and lose.
const RESOURCES: [(&str, &str); 4] = [
    ("apps.kurator.dev", "applications"),
    ("cluster.karmada.io", "clusters"),
    ("cluster.kurator.dev", "attachedclusters"),
    ("fleet.kurator.dev", "fleets"),
];

/// Users of the hub itself: what they write follows from what people wrote. They are in [`MASTERS`] too, which nobody is made
/// by a certificate that the hub signs on request, so that a person who took such a name is told.
const OWN: &str = "system:";

fn is_own(user: &UserInfo) -> bool {
    user.name.starts_with(OWN) && user.is_in(MASTERS) && user.impersonator.is_none()
}

/// Who it was, in words: `ada as system:serviceaccount:shop:web`.
fn who(user: &UserInfo) -> Cow<'_, str> {
    match &user.impersonator {
        Some(sender) => format!("{sender} as {}", user.name).into(),
        None => Cow::Borrowed(&*user.name),
    }
}

/// Tells who agreed to what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Audit;

impl Admission for Audit {
    fn handles(&self, resource: &GroupResource, operation: Operation) -> bool {
        let is = |(group, plural): &(&str, &str)| resource.group == *group && resource.resource == *plural;
        // A namespace takes along all that is in it.
        RESOURCES.iter().any(is) || (operation == Operation::Delete && is(&("", "namespaces")))
    }

    fn validate(&self, request: &AdmissionRequest<'_>, object: Option<&Value>) -> Result<Vec<String>, Denied> {
        if request.dry_run || is_own(request.user) || !request.subresource.is_empty() {
            return Ok(Vec::new());
        }
        let (kind, user) = (&request.kind.kind, who(request.user));
        match (request.operation, object, request.old) {
            (Operation::Delete, _, Some(old)) => tracing::info!("{}", audit::deleted(kind, old, &user)),
            (_, Some(new), old) => {
                for line in audit::agreed(kind, new, old, &user) {
                    tracing::info!("{line}");
                }
            }
            _ => {}
        }
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hub_itself_is_not_told_and_who_acts_as_another_is_named() {
        let acting = |sender: &str, user: UserInfo| UserInfo { impersonator: Some(sender.into()), ..user };
        for (user, own, expect) in [
            (UserInfo::master("system:kurator"), true, "system:kurator"),
            (UserInfo::new("system:kurator", ["team-a"]), false, "system:kurator"),
            (UserInfo::master("ada"), false, "ada"),
            (acting("ada", UserInfo::master("system:kurator")), false, "ada as system:kurator"),
            (
                acting("ada", UserInfo::new("system:serviceaccount:shop:web", ["x"])),
                false,
                "ada as system:serviceaccount:shop:web",
            ),
        ] {
            assert_eq!((is_own(&user), &*who(&user)), (own, expect));
        }
    }

    #[test]
    fn a_deleted_namespace_is_told_and_no_other_write_of_one() {
        let namespaces = GroupResource { group: String::new(), resource: "namespaces".to_owned() };
        for (operation, expect) in [(Operation::Delete, true), (Operation::Update, false), (Operation::Create, false)] {
            assert_eq!(Audit.handles(&namespaces, operation), expect, "{operation:?}");
        }
    }
}

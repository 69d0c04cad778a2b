//! Reasons of conditions: the words that programs compare. `docs/errors.md` says who acts on each.

// Application, `Ready`

/// Everything is applied and healthy everywhere.
pub const RECONCILIATION_SUCCEEDED: &str = "ReconciliationSucceeded";

/// A member refused something; the message names the object.
pub const RECONCILIATION_FAILED: &str = "ReconciliationFailed";

/// What is applied does not become healthy.
pub const HEALTH_CHECK_FAILED: &str = "HealthCheckFailed";

/// Members are being brought to what is wanted.
pub const PROGRESSING: &str = "Progressing";

/// A member has not reported yet.
pub const PENDING: &str = "Pending";

/// Deletions wait for approval.
pub const DELETIONS_HELD: &str = "DeletionsHeld";

/// Somebody changes an object in a member again and again; it is left alone for a while.
pub const CONTESTED: &str = "Contested";

/// Somebody deletes an object in a member; it is made again when it is gone.
pub const BEING_DELETED: &str = "BeingDeleted";

/// It is being deleted, and taken out of its members before.
pub const DELETING: &str = "Deleting";

/// The hub panicked when it looked at the object: a bug. Nothing is known of it until a look succeeds.
pub const INTERNAL_ERROR: &str = "InternalError";

/// A member does not answer; all others are ready.
pub const MEMBER_UNKNOWN: &str = "MemberUnknown";

/// A member's record is gone while something is still delivered to it.
pub const MEMBER_GONE: &str = "MemberGone";

/// A member is not delivered to, for the reason that its own `Ready` gives.
pub const MEMBER_BLOCKED: &str = "MemberBlocked";

/// The source was never fetched.
pub const SOURCE_NOT_READY: &str = "SourceNotReady";

/// The Fleet that is named does not exist in the namespace.
pub const FLEET_NOT_FOUND: &str = "FleetNotFound";

/// What was fetched cannot be rendered; what runs stays.
pub const BUILD_FAILED: &str = "BuildFailed";

/// The namespace is restricted, and what was rendered has objects that it may not deliver; what runs stays.
pub const RESTRICTED_NAMESPACE: &str = "RestrictedNamespace";

/// Two policies have one name.
pub const DUPLICATE_POLICY_NAME: &str = "DuplicatePolicyName";

/// A policy selects nobody.
pub const NO_MEMBER_SELECTED: &str = "NoMemberSelected";

/// The Application has no policy, so that nothing of its source goes anywhere.
pub const NO_POLICIES: &str = "NoPolicies";

/// Nothing is delivered, since what was asked for is not built yet.
pub const NOT_IMPLEMENTED: &str = "NotImplemented";

// Application, other conditions

/// `DeletionsHeld`: a commit removes more than may go without approval.
pub const SOURCE_REMOVES_OBJECTS: &str = "SourceRemovesObjects";

/// `DeletionsHeld`: an edit takes policies out of members.
pub const EDIT_REMOVES_MEMBERS: &str = "EditRemovesMembers";

/// `NotImplemented`: fields that are accepted and not honoured yet.
pub const FIELDS_NOT_HONOURED: &str = "FieldsNotHonoured";

/// `SourceWarnings`: something has no effect, such as a patch that selects nothing; what is written otherwise is delivered.
pub const LIKELY_MISTAKE: &str = "LikelyMistake";

/// `SourceReady`: fetched.
pub const SUCCEEDED: &str = "Succeeded";

/// `SourceReady`: the last fetch failed; the message says why.
pub const FETCH_FAILED: &str = "FetchFailed";

/// `SourceReady`: the first fetch is under way.
pub const FETCHING: &str = "Fetching";

/// Stopped by hand.
pub const SUSPENDED: &str = "Suspended";

// Fleet

// AttachedCluster, `Detaching`

/// What this hub has in the member is being given back.
pub const RELEASING: &str = "Releasing";

// AttachedCluster, `TakeOver`

/// The list of what is taken over waits for an approval.
pub const TAKE_OVER_HELD: &str = "TakeOverHeld";

/// It is on its way, or the member was not asked yet.
pub const TAKING_OVER: &str = "TakingOver";

/// Everything that the other hub had in the member is this hub's.
pub const TAKEN_OVER: &str = "TakenOver";

/// What the other hub has there cannot be read.
pub const TAKE_OVER_STUCK: &str = "TakeOverStuck";

/// Every member answers.
pub const ALL_MEMBERS_READY: &str = "AllMembersReady";

/// The Fleet lists no cluster.
pub const NO_MEMBERS: &str = "NoMembers";

/// A cluster that the Fleet lists does not exist.
pub const MEMBER_NOT_FOUND: &str = "MemberNotFound";

/// A member is not ready.
pub const MEMBER_NOT_READY: &str = "MemberNotReady";

// AttachedCluster and Cluster, `Ready`

/// It answers.
pub const CLUSTER_READY: &str = "ClusterReady";

/// `Deliverable`: it is known which cluster it is, and its credential can be used.
pub const IDENTITY_KNOWN: &str = "IdentityKnown";

/// It answers, and says that it is not well.
pub const CLUSTER_NOT_READY: &str = "ClusterNotReady";

/// No answer; the message has the time last seen.
pub const CLUSTER_NOT_REACHABLE: &str = "ClusterNotReachable";

/// It refuses the credential, which has not expired.
pub const CREDENTIAL_REFUSED: &str = "CredentialRefused";

/// It refuses the credential, whose token or certificate has expired.
pub const CREDENTIAL_EXPIRED: &str = "CredentialExpired";

/// The credential cannot be renewed before it expires.
pub const RENEWAL_FAILED: &str = "RenewalFailed";

/// It answers its prober, and not its applier.
pub const APPLIER_NOT_ANSWERED: &str = "ApplierNotAnswered";

/// It answers its prober, and refuses its applier.
pub const APPLIER_REFUSED: &str = "ApplierRefused";

/// The first look is under way.
pub const PROBING: &str = "Probing";

/// Another object made a member of this name.
pub const NAME_TAKEN: &str = "NameTaken";

/// The name cannot be a member's.
pub const NAME_INVALID: &str = "NameInvalid";

/// The same cluster is a member already.
pub const SAME_CLUSTER: &str = "SameCluster";

/// Another cluster answers at this address.
pub const IDENTITY_CHANGED: &str = "IdentityChanged";

/// A cluster answers that does not say which one it is.
pub const IDENTITY_UNKNOWN: &str = "IdentityUnknown";

/// A member names more resources than are added up.
pub const TOO_MANY_FACTS: &str = "TooManyFacts";

/// The hub's API refused a status as it was.
pub const STATUS_REFUSED: &str = "StatusRefused";

/// The Secret of the kubeconfig does not exist.
pub const SECRET_NOT_FOUND: &str = "SecretNotFound";

/// The Secret has no such key.
pub const SECRET_KEY_NOT_FOUND: &str = "SecretKeyNotFound";

/// The Secret cannot be read.
pub const SECRET_UNREADABLE: &str = "SecretUnreadable";

/// The kubeconfig would run code or read files on the hub, or is not safe; the message has the path.
pub const KUBECONFIG_REFUSED: &str = "KubeconfigRefused";

/// The kubeconfig is none.
pub const KUBECONFIG_MALFORMED: &str = "KubeconfigMalformed";

/// Every reason.
pub const ALL: &[&str] = &[
    RECONCILIATION_SUCCEEDED,
    RECONCILIATION_FAILED,
    HEALTH_CHECK_FAILED,
    PROGRESSING,
    PENDING,
    DELETIONS_HELD,
    CONTESTED,
    BEING_DELETED,
    DELETING,
    INTERNAL_ERROR,
    MEMBER_UNKNOWN,
    MEMBER_GONE,
    MEMBER_BLOCKED,
    SOURCE_NOT_READY,
    FLEET_NOT_FOUND,
    BUILD_FAILED,
    RESTRICTED_NAMESPACE,
    DUPLICATE_POLICY_NAME,
    NO_MEMBER_SELECTED,
    NO_POLICIES,
    NOT_IMPLEMENTED,
    SOURCE_REMOVES_OBJECTS,
    EDIT_REMOVES_MEMBERS,
    FIELDS_NOT_HONOURED,
    LIKELY_MISTAKE,
    SUCCEEDED,
    FETCH_FAILED,
    FETCHING,
    SUSPENDED,
    ALL_MEMBERS_READY,
    NO_MEMBERS,
    MEMBER_NOT_FOUND,
    MEMBER_NOT_READY,
    CLUSTER_READY,
    CLUSTER_NOT_READY,
    CLUSTER_NOT_REACHABLE,
    CREDENTIAL_REFUSED,
    CREDENTIAL_EXPIRED,
    RENEWAL_FAILED,
    APPLIER_NOT_ANSWERED,
    APPLIER_REFUSED,
    PROBING,
    NAME_TAKEN,
    NAME_INVALID,
    SAME_CLUSTER,
    IDENTITY_CHANGED,
    IDENTITY_UNKNOWN,
    TOO_MANY_FACTS,
    STATUS_REFUSED,
    SECRET_NOT_FOUND,
    SECRET_KEY_NOT_FOUND,
    SECRET_UNREADABLE,
    KUBECONFIG_REFUSED,
    KUBECONFIG_MALFORMED,
    RELEASING,
    TAKE_OVER_HELD,
    TAKING_OVER,
    TAKEN_OVER,
    TAKE_OVER_STUCK,
];

#[cfg(test)]
mod tests {
    const DOCUMENT: &str = include_str!("../../../docs/errors.md");

    #[test]
    fn each_reason_has_a_row_that_says_who_acts() {
        for reason in super::ALL {
            let cell = format!("`{reason}`");
            let row = DOCUMENT.lines().find(|line| line.starts_with('|') && line.contains(&cell));
            assert!(row.is_some(), "docs/errors.md does not say who acts on {reason}");
        }
    }
}

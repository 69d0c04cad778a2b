//! Labels, annotations and fixed names that delivery puts into members. What people write on the hub is in
//! [`crate::kurator::annotation`].

/// Field manager of everything that an applier applies.
pub const FIELD_MANAGER: &str = "kurator";

/// Namespace of inventories in members and of Kurator's own records on the hub.
pub const SYSTEM_NAMESPACE: &str = "kurator-system";

/// Label on every delivered object and on inventories: the id of the hub that delivered it. Appliers watch by it.
pub const HUB: &str = "kurator.dev/hub";

/// Annotation on every delivered object: the digest of what was sent, `sha256:…`; of a Secret keyed, `hmac-sha256:…`.
pub const APPLIED: &str = "kurator.dev/applied";

/// Label on inventories: the short id of the owner group, which today is one unit.
pub const GROUP: &str = "kurator.dev/group";

/// Annotation on inventories: the owner group's id in full, for people who read the member.
pub const GROUP_ID: &str = "kurator.dev/group-id";

/// Label on inventories: the number of the shard, from 0.
pub const SHARD: &str = "kurator.dev/shard";

/// Label on delivered objects: the ApplySet that the object is part of (KEP-3659).
pub const APPLYSET_PART_OF: &str = "applyset.kubernetes.io/part-of";

/// Label on an ApplySet's parent, which is the first shard of an inventory: its id (KEP-3659).
pub const APPLYSET_ID: &str = "applyset.kubernetes.io/id";

/// Annotation on an ApplySet's parent: the tool that manages it, `NAME/VERSION` (KEP-3659).
pub const APPLYSET_TOOLING: &str = "applyset.kubernetes.io/tooling";

/// Annotation on an ApplySet's parent: the group-kinds of its members, sorted and joined by commas (KEP-3659).
pub const APPLYSET_GROUP_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";

/// Annotation on an ApplySet's parent: namespaces of its members other than its own (KEP-3659).
pub const APPLYSET_NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";

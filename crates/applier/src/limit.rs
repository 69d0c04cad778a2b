//! What one applier may use of its member and of the hub.

use std::time::Duration;

use api::delivery::ExpectedDeletions;

/// Limits of one member's applier.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most requests in flight for one unit; fewer while many units have some ([`Shared`](crate::Shared)). A kube-apiserver's fair queuing gives one user about ten seats on a small
    /// control plane; eight leave room for the watches.
    pub objects_in_flight: usize,
    /// Units worked on at a time, so that one with many objects does not keep the others waiting.
    pub units_in_flight: usize,
    /// Longest time between two looks at a unit, for what no watch announces (an autoscaler that went away).
    pub resync: Duration,
    /// Largest shard of an inventory as JSON, in bytes.
    pub shard_bytes: usize,
    /// What requests, lists and watches may use.
    pub api: client::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            objects_in_flight: 8,
            units_in_flight: 4,
            resync: Duration::from_secs(600),
            shard_bytes: plan::inventory::shard::SHARD_BYTES_MAX,
            api: client::Limits {
                watch_life: WATCH_LIFE,
                list_objects: LIST_OBJECTS_MAX,
                list_memory: LIST_MEMORY_MAX,
                list_kept: OBSERVATIONS_BYTES_MAX,
                watch_lines: WATCH_LINES_MAX,
                ..client::Limits::default()
            },
        }
    }
}

/// How long a watch request lives. Bounds how long a connection that died silently goes unnoticed where nothing else
/// does; client-go uses 5 to 10 minutes.
const WATCH_LIFE: Duration = Duration::from_secs(300);

/// Objects of one kind that this hub has in one member. A hub is made for 100,000 in all its members; as many
/// observations with their keys are 60 MB.
const LIST_OBJECTS_MAX: usize = 100_000;

/// Memory that the list of a hub's inventories in a member may take. 100,000 keys and UIDs are 4 MB when they are
/// compressed, and a parsed Secret is hardly larger than its text; sixteen times as much is a member that lies.
const LIST_MEMORY_MAX: usize = 64 * 1024 * 1024;

/// Observations of a member, beyond which only those of objects that a unit wants or has are kept: as many as a list may
/// have.
pub(crate) const OBSERVATIONS_MAX: usize = LIST_OBJECTS_MAX;

/// How long the list of a kind may take, before nothing is said of its objects that was true earlier. The lists of a start
/// of the hub, of 1,000 members, are read within a few seconds; a request has as long.
pub(crate) const LISTED_WITHIN: Duration = Duration::from_secs(30);

/// How long a unit may be without a report after its member was reached, before what it reported earlier counts no more. A short
/// reconnect lists what a member has within a second or two, and shows nothing; a member that is gone is Unknown within 15 s (ADR 40), and
/// so is one that has come back and does not say what it has.
pub(crate) const REPORTED_WITHIN: Duration = Duration::from_secs(10);

/// How long a pass may last, or a change wait for one, before it is reported what is known to be otherwise than was reported. An
/// ordinary pass takes milliseconds; with the time in which a change is seen and stored it stays below the 15 s of ADR 40.
pub(crate) const CHANGED_WITHIN: Duration = Duration::from_secs(5);

/// Longest sentence that says why a kind cannot be seen, in characters. A server's own has up to 300.
pub(crate) const HIDDEN_WORDS_MAX: usize = 500;

/// Bytes in memory of the same, with their keys, and of a list of them. An ordinary one takes about 500, and the longest
/// names and messages are rare.
pub(crate) const OBSERVATIONS_BYTES_MAX: usize = 1_024 * OBSERVATIONS_MAX;

/// Lines a second that a watch of a member may say for long. Twenty times as many may come at once, which is a fifth of all
/// that a hub is made for; a list tells of more for less. To read so many takes less than a twentieth of a core.
const WATCH_LINES_MAX: u32 = 1_000;

/// Pause between two looks at which inventories are in the member: one list of metadata for all its units. Of 1,000 members
/// it is six small requests a second, and a watch would cost memory in each.
pub(crate) const INVENTORIES_LOOK: Duration = Duration::from_secs(180);

/// A look that a person asked for comes so soon, and so long after the one before it at the earliest: what asks may be a push hook,
/// whose commit is on its way, and there may be many.
pub(crate) const INVENTORIES_SOON: Duration = Duration::from_secs(3);
/// See [`INVENTORIES_SOON`].
pub(crate) const INVENTORIES_REST: Duration = Duration::from_secs(30);

/// How long passes may go on when their connection is over. Where the member is gone, their requests fail at once.
pub(crate) const LAST_PASSES: Duration = Duration::from_secs(1);

/// How long it is believed that the Secrets of an inventory are still there, when no look says so. Then each unit looks for itself.
pub(crate) const INVENTORY_SEEN: Duration = Duration::from_secs(2 * INVENTORIES_LOOK.as_secs());

/// Bytes of JSON that the inventories of a member may have when they are unpacked: an entry has about 400, and a hub
/// is made for 100,000. Gzip makes a thousandth of what repeats itself, so what is read bounds nothing.
pub(crate) const INVENTORIES_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Shards of one unit, by their numbers: more than [`INVENTORIES_BYTES_MAX`] has.
pub(crate) const SHARDS_MAX: u32 = 1_024;

/// Objects that are looked at in a Namespace, or of a definition, before it is deleted: metadata alone, 400 bytes each. In one
/// that has more, others work.
pub(crate) const INSIDE_MAX: usize = 50_000;

/// How long it is believed who lives in a Namespace, while its deletion waits. A look is one list of each kind, some 60
/// requests.
pub(crate) const LOOK_KEPT: Duration = Duration::from_secs(30);

/// How long it is believed who has an object whose deletion waits and that no watch shows. A look is one request for each.
pub(crate) const HOLDER_KEPT: Duration = LOOK_KEPT;

/// Most objects of a unit of which that is asked in one pass: the objects of a list that are named where a member is away. More are asked
/// about in later passes.
pub(crate) const HOLDERS_MAX: usize = ExpectedDeletions::OBJECTS_MAX;

/// The same as [`LOOK_KEPT`], when it is deleted, within the pass that looked. In a later one, and after this, it is looked into again.
pub(crate) const LOOK_FRESH: Duration = Duration::from_secs(1);

/// How long a unit that leaves waits for others to leave the Namespaces that it made. Applications that are deleted by one
/// command come one after the other, each with a few writes of the hub: many within a second or two.
pub(crate) const LEAVING_TOGETHER: Duration = Duration::from_secs(10);

/// How long a unit that leaves waits for those that take over what it has. They may apply thousands of objects first, and wait for
/// phases, each for some minutes as a rule; one whose object the member refuses is waited for that long as well.
pub(crate) const HANDED_OVER_WITHIN: Duration = Duration::from_secs(3_600);

/// How long a unit that leaves without an inventory waits for the payload that it had. The hub has it with the first snapshot, unless its
/// disk or its own API fails for a moment; it tries again each second.
pub(crate) const LEFT_PAYLOAD_WITHIN: Duration = Duration::from_secs(30);

/// Watch events on their way to the applier. Each holds digests only, about 400 bytes; a full channel slows the watch,
/// which the server buffers.
pub(crate) const EVENTS_MAX: usize = 256;

/// Reports on their way to the hub's controllers, over all members. At 2 kB each, 8 MB.
pub(crate) const REPORTS_MAX: usize = 4_096;

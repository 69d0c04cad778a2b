//! Limits of one server's client. Each server has its own client, so that a slow or lying one delays only itself.

use std::time::Duration;

/// Longest wait for a connection. A member across the world answers a TCP and TLS handshake in under 1.5 s; one that
/// needs longer is treated as not there.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an unused connection with HTTP/1.1 is kept. Probes come more often, so the one that they use stays; those that a
/// burst of requests opened go with the next one: each costs about 50 KiB.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Unused connections that are kept to a server that speaks HTTP/1.1 only: one for probes, one for what is delivered.
pub const IDLE_CONNECTIONS_MAX: usize = 2;

/// Silence on a connection after which HTTP/2 asks whether the peer is there. Longer than the pause between two probes of a
/// member, so that those that answer are not asked twice. A connection on which nobody waits for an answer is closed then.
pub const PING_INTERVAL: Duration = Duration::from_secs(12);

/// Longest wait for the answer to that. With [`PING_INTERVAL`] a connection that died is replaced within 16 s: until
/// then all requests share it.
pub const PING_TIMEOUT: Duration = Duration::from_secs(4);

/// The same by TCP itself, for HTTP/1.1: silence after which the peer is asked, the pause between two questions, and how
/// many remain without an answer. The kernel does it, so that it costs us nothing.
pub const KEEPALIVE: Duration = Duration::from_secs(10);
/// See [`KEEPALIVE`].
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// See [`KEEPALIVE`].
pub const KEEPALIVE_RETRIES: u32 = 2;

/// Bytes of one answer that the peer may send before they are read. Bounds what is held of a watch that is not read at
/// the moment; with 150 ms to the other side of the world an answer still comes with 7 MB a second.
pub const STREAM_BYTES_MAX: u32 = 1024 * 1024;

/// The same of all answers on a connection. A watch that is not read must not hold up the others: eight of them may wait.
pub const CONNECTION_BYTES_MAX: u32 = 8 * STREAM_BYTES_MAX;

/// Connections that one request tries: the unused ones that are kept, which their server may have closed, and two new ones. A
/// server that closes those right after they were made is not served by more.
pub const CONNECTIONS_TRIED_MAX: usize = IDLE_CONNECTIONS_MAX + 2;

/// Requests that a connection takes before its peer has said how many it allows: the least that a peer should allow (RFC
/// 9113, section 6.5.2), and what kube-apiserver allows.
pub const FIRST_STREAMS_MAX: usize = 100;

/// Largest head of an answer, in bytes. Those of API servers are below 2 KiB.
pub const HEAD_BYTES_MAX: u32 = 16 * 1024;

/// Longest time for one request that is not a watch. A kube-apiserver gives up after 60 s; webhooks time out after 10 s
/// by default, and a request may pass two of them.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time for a whole list with all its pages. A kube-apiserver keeps what a `continue` token points at for five
/// minutes, so a list that takes longer cannot end well.
pub const LIST_TIMEOUT: Duration = Duration::from_secs(300);

/// Largest answer about one object, in bytes, and largest line of a watch. etcd takes 1.5 MiB for a value, and JSON of a
/// built-in kind is up to twice as long as what is stored.
pub const OBJECT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Memory that one parsed object may take, in bytes. Real objects take up to twelve times their JSON (many small maps, as
/// in `managedFields`); JSON that is made for it takes eighty times as much.
pub const OBJECT_MEMORY_MAX: usize = 12 * OBJECT_BYTES_MAX;

/// Objects per page of a list: the usual chunk of kube-apiserver's clients. 500 objects of 4 kB are 2 MB.
pub const PAGE_OBJECTS: usize = 500;

/// Largest page of a list, in bytes: four times the largest object, so that a page of one object always fits. Where
/// objects are so large that [`PAGE_OBJECTS`] of them do not fit, fewer are asked for.
pub const PAGE_BYTES_MAX: usize = 4 * OBJECT_BYTES_MAX;

/// When a page is too large, the next try asks for so many times fewer objects: 500, 62, 7, 1.
pub const PAGE_SHRINK: usize = 8;

/// Objects of a list in total: five times the pods of the largest cluster that Kubernetes is tested with (150,000 by its
/// scalability thresholds). More is a server that does not end.
pub const LIST_OBJECTS_MAX: usize = 750_000;

/// Pages of a list, also of those without objects: [`LIST_OBJECTS_MAX`] in pages of 500, and twice as many again for
/// pages that had to shrink.
pub const LIST_PAGES_MAX: usize = 4_500;

/// Pages of a list without any object, one after the other. A page may have none while the list goes on: a server that looks
/// at [`PAGE_OBJECTS`] objects for each page has left out 8,000 by selectors then.
pub const EMPTY_PAGES_MAX: usize = 16;

/// Memory that a list of whole objects may take, in bytes. Who lists more keeps projections.
pub const LIST_MEMORY_MAX: usize = 256 * 1024 * 1024;

/// Memory that may be kept of a list's objects where each is projected, in bytes: 350 for each of [`LIST_OBJECTS_MAX`],
/// which is a name, a namespace, a UID and a few words.
pub const LIST_KEPT_MAX: usize = 256 * 1024 * 1024;

/// Bytes of a list in total, projected or not: [`LIST_OBJECTS_MAX`] objects of 4 kB.
pub const LIST_BYTES_MAX: usize = 3 * 1024 * 1024 * 1024;

/// Longest name of an object that a server names to us, in bytes. Kubernetes takes 253 for nearly all kinds. Names of RBAC's
/// kinds and of some aggregated APIs are segments of a path, to which it sets no limit; none in use comes near this one.
pub const NAME_BYTES_MAX: usize = 1_024;

/// Longest namespace, in bytes: a DNS label, as Kubernetes has it.
pub const NAMESPACE_BYTES_MAX: usize = 63;

/// Longest UID, in bytes. Servers use UUIDs of 36.
pub const UID_BYTES_MAX: usize = 128;

/// Longest resourceVersion, in bytes. It is a number of at most 20 digits (KEP-5504); aggregated APIs may have another form.
pub const VERSION_BYTES_MAX: usize = 64;

/// Longest time in metadata of which a text is compared with another one, in bytes: RFC 3339 with nanoseconds and a zone has 35.
pub const TIME_BYTES_MAX: usize = 64;

/// Longest `continue` token, in bytes. It is Base64 of a namespace, a name and a version: below 2 kB with
/// [`NAME_BYTES_MAX`]. It goes into a URL, for which servers take 8 kB and more.
pub const TOKEN_BYTES_MAX: usize = 4_096;

/// How long a watch request lives before it is renewed. Bounds how long a connection that died without a word goes
/// unnoticed where nothing else does; client-go uses 5 to 10 minutes.
pub const WATCH_LIFE: Duration = Duration::from_secs(570);

/// How much later than asked for the server may end a watch before we cut it, with what it says next.
pub const WATCH_GRACE: Duration = Duration::from_secs(20);

/// Longest time without a word of a watch, or of several one after the other, before everything is listed. Bookmarks come
/// each minute, and shortly before a server ends a watch.
pub const WATCH_SILENCE: Duration = Duration::from_secs(90);

/// Watches in a row that ended without a word before everything is listed. With the longest pause between them that is
/// [`WATCH_SILENCE`].
pub const WATCH_UNSAID_MAX: u32 = 3;

/// A watch that ends sooner than this is followed by a pause: a server that ends watches at once is not asked in a tight
/// loop.
pub const WATCH_LEAST: Duration = Duration::from_secs(1);

/// Longest wait for the head of a watch. API servers send it before anything happens; while it does not come nobody sees what
/// the watch is about, so that it must be said before anything that is broken may look well for 15 s.
pub const WATCH_OPEN_TIMEOUT: Duration = Duration::from_secs(8);

/// Failures of a watch in a row before it is said: one lost connection is no outage. No answer within a deadline is said at
/// once.
pub const WATCH_FAILURES_MAX: u32 = 2;

/// Lines a second that a watch may say for long. So many changes of one kind are more than an API server stores; to read
/// them takes up to half a core.
pub const WATCH_LINES_MAX: u32 = 10_000;

/// How long the lines of [`Limits::watch_lines`] may come all at once. Twenty seconds of them are more objects than change
/// together, and a list is the cheaper way to learn of more.
pub const WATCH_BURST: Duration = Duration::from_secs(20);

/// A line of a watch counts once for so many bytes: four times a usual object, with which reading it costs about as much
/// as all else that comes of an event.
pub const WATCH_LINE_BYTES: usize = 16 * 1024;

/// A watch that said too much again within this time waits longer than before.
pub const WATCH_FLOOD_MEMORY: Duration = Duration::from_secs(120);

/// Deadline of the question whether the rest of a server answers, when a part of it did not. Small reads of a busy API
/// server take below one second.
pub const JUDGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Least time between two fetches of the same discovery document.
pub const DISCOVERY_REFRESH: Duration = Duration::from_millis(500);

/// Discovery documents that are kept. A large cluster serves about 150 group versions; names of versions that it does not
/// serve come from manifests, and must not add up.
pub const DISCOVERY_DOCUMENTS_MAX: usize = 512;

/// Versions of one group that are asked for, the preferred one first. Kubernetes' own groups have at most five.
pub const DISCOVERY_VERSIONS_MAX: usize = 16;

/// Kinds of one group version of which it is remembered that another version has them. No version that Kubernetes removed had
/// more kinds.
pub const DISCOVERY_ELSEWHERE_MAX: usize = 16;

/// Kinds of one discovery document. The largest groups that we know (all of a cloud's services as CRDs) have a few hundred
/// in a version; more are a server that does not end.
pub const DISCOVERY_KINDS_MAX: usize = 2_000;

/// Kinds that are kept of a server, over all its documents: eight of the largest. At about 250 bytes each, 4 MB.
pub const DISCOVERY_KEPT_MAX: usize = 16_000;

/// Longest API group, in bytes: a DNS subdomain, as Kubernetes has it.
pub const GROUP_BYTES_MAX: usize = 253;

/// Longest version, kind and plural name of a kind, in bytes: DNS labels, as Kubernetes has it for CRDs.
pub const KIND_BYTES_MAX: usize = 63;

/// Discovery documents asked for at the same time: a server with 60 groups answers in a few round trips, and a small one
/// is not flooded.
pub const DISCOVERY_FAN_OUT: usize = 8;

/// Largest kubeconfig that is read from a Secret, in bytes. Real ones are below 20 kB.
pub const KUBECONFIG_BYTES_MAX: usize = 256 * 1024;

/// Largest refusal that is read, in bytes: a Status with a few hundred causes.
pub const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Most characters of a server's own words that are repeated in status and errors: a long sentence.
pub const WORDS_MAX: usize = 300;

/// Most characters that are repeated of a page of what is in front of a server: enough to see whose it is.
pub const FOREIGN_WORDS_MAX: usize = 80;

/// Most fields of a refusal that are repeated: more say nothing that the first ones do not.
pub const FIELDS_MAX: usize = 32;

/// What one client may use of its server. [`Limits::default`] is made of the constants above.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest time for one request that is not a watch.
    pub request: Duration,
    /// Longest time for the question whether the rest of a server answers, when a part of it did not; `None`: it is not
    /// asked. For a caller that asks a server only whether it answers.
    pub judge: Option<Duration>,
    /// Longest time for a whole list.
    pub list: Duration,
    /// Largest answer about one object and largest line of a watch, in bytes.
    pub object_bytes: usize,
    /// Objects per page of a list.
    pub page_objects: usize,
    /// Largest page of a list, in bytes.
    pub page_bytes: usize,
    /// Objects of a list in total.
    pub list_objects: usize,
    /// Pages of a list.
    pub list_pages: usize,
    /// Bytes of a list in total.
    pub list_bytes: usize,
    /// Memory that a list of whole objects may take, in bytes.
    pub list_memory: usize,
    /// Memory that may be kept of a list's objects where each is projected, in bytes.
    pub list_kept: usize,
    /// How long a watch request lives.
    pub watch_life: Duration,
    /// Longest silence of a watch.
    pub watch_silence: Duration,
    /// Lines a second that a watch may say for long.
    pub watch_lines: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: REQUEST_TIMEOUT,
            judge: Some(JUDGE_TIMEOUT),
            list: LIST_TIMEOUT,
            object_bytes: OBJECT_BYTES_MAX,
            page_objects: PAGE_OBJECTS,
            page_bytes: PAGE_BYTES_MAX,
            list_objects: LIST_OBJECTS_MAX,
            list_pages: LIST_PAGES_MAX,
            list_bytes: LIST_BYTES_MAX,
            list_memory: LIST_MEMORY_MAX,
            list_kept: LIST_KEPT_MAX,
            watch_life: WATCH_LIFE,
            watch_silence: WATCH_SILENCE,
            watch_lines: WATCH_LINES_MAX,
        }
    }
}

//! The faults that are known, and what to do about each. `docs/errors.md` explains the same reasons at length.

use std::fmt;

use api::delivery::LinkState;
use api::reason;
use kube::ResourceExt;
use plan::report::REMOVING;

use crate::connect::Silence;

/// Where a fault shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The hub's process.
    Process,
    /// The hub's directory.
    Store,
    /// A member.
    Member,
    /// A Fleet.
    Fleet,
    /// An Application.
    Application,
    /// An Application's source.
    Source,
    /// A unit in a member.
    Unit,
}

impl Place {
    /// As it is printed.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Store => "store",
            Self::Member => "member",
            Self::Fleet => "fleet",
            Self::Application => "application",
            Self::Source => "source",
            Self::Unit => "unit",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// As it should be.
    Fine,
    /// Nothing is broken yet, or time may mend it.
    Warning,
    /// Somebody has to act.
    Fault,
}

impl Severity {
    /// As it is printed.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// One known fault.
#[derive(Debug)]
pub(super) struct Fault {
    /// Where it shows.
    pub(super) place: Place,
    /// The reason in a condition or in a member's report.
    pub(super) reason: &'static str,
    /// How bad it is.
    pub(super) severity: Severity,
    /// What to do. `{name}` stands for the object, `{member}` for the member of a unit, `{-n}` for the option that chooses
    /// the object's namespace when the command line would take another one.
    pub(super) remedy: &'static str,
}

const fn fault(place: Place, reason: &'static str, remedy: &'static str) -> Fault {
    Fault { place, reason, severity: Severity::Fault, remedy }
}

const fn warning(place: Place, reason: &'static str, remedy: &'static str) -> Fault {
    Fault { place, reason, severity: Severity::Warning, remedy }
}

/// `Process`: nothing answers at its address.
pub(super) const UNANSWERED: &str = "HubDoesNotAnswer";
/// `Process`: something may be there, and says nothing in time.
pub(super) const SILENT: &str = "HubSilent";
/// `Process`: this machine does not know the name that the kubeconfig says.
pub(super) const NAME_UNKNOWN: &str = "HubNameUnknown";
/// `Process`: its certificate is not of the authority that the kubeconfig trusts.
pub(super) const UNTRUSTED: &str = "HubUntrusted";
/// `Process`: it does not know the credential.
pub(super) const UNAUTHORIZED: &str = "Unauthorized";
/// `Process`: an API server answers that is no hub.
pub(super) const NO_HUB: &str = "NoHub";
/// `Process`: it is a hub, and does not know one of its own kinds any more.
pub(super) const DEFINITION_GONE: &str = "DefinitionGone";
/// `Process`: a health check of the API server fails.
pub(super) const NOT_READY: &str = "HubNotReady";
/// `Process`: its store takes no writes.
pub(super) const NO_WRITES: &str = "TakesNoWrites";
/// `Process`: it does not give a list to this credential.
pub(super) const FORBIDDEN: &str = "Forbidden";
/// `Process`: it gives some lists of one namespace only to this credential.
pub(super) const NOT_SEEN: &str = "NotSeen";
/// `Process`: it does not give a list, for no reason of its own. `Store`: its directory cannot be looked at.
pub(super) const UNREADABLE: &str = "Unreadable";
/// `Process`: a list does not come in time.
pub(super) const SLOW: &str = "Timeout";
/// `Process`: this program and the hub are of different versions.
pub(super) const OTHER_VERSION: &str = "OtherVersion";
/// `Process`: its clock and this machine's differ.
pub(super) const CLOCK_SKEW: &str = "ClockSkew";
/// `Process`: a handler of a request or a reconcile panicked.
pub(super) const PANICKED: &str = "Panicked";
/// `Process`: statuses of objects are stored with long texts and lists cut.
pub(super) const STATUS_CUT: &str = "StatusCut";
/// `Process`: objects are stored of a kind that nothing acts on.
pub(super) const STORED_ONLY: &str = "StoredOnly";
/// `Member`: this hub has units there that no Application asks for.
pub(super) const UNASKED_UNITS: &str = "UnaskedUnits";
/// `Unit`: something was agreed to, and is done when the member answers.
pub(super) const WAITS_FOR_MEMBER: &str = "WaitsForMember";
/// `Unit`: what a member reports of a unit is older than what is decided.
pub(super) const REPORT_STALE: &str = "ReportStale";
/// `Unit`: the hub lacks something to deliver what is decided.
pub(super) const NOT_SENT: &str = "NotSent";
/// `Store`: little space is left on its disk.
pub(super) const DISK_ALMOST_FULL: &str = "DiskAlmostFull";
/// `Store`: other users of the machine can read its keys.
pub(super) const KEYS_READABLE: &str = "KeysReadable";

/// What the lack of an answer is called.
pub(super) fn of_silence(silence: Silence) -> &'static str {
    match silence {
        Silence::UnknownName => NAME_UNKNOWN,
        Silence::Untrusted => UNTRUSTED,
        Silence::Late => SILENT,
        Silence::Absent => UNANSWERED,
    }
}

/// What the link of an applier that does not get through is called.
pub(super) fn of_link(state: LinkState) -> &'static str {
    match state {
        LinkState::Blocked => reason::APPLIER_REFUSED,
        LinkState::Connected | LinkState::Unreachable => reason::APPLIER_NOT_ANSWERED,
    }
}

use Place::{Application, Fleet, Member, Process, Source, Store, Unit};

const SEE_OUTPUT: &str = "look at the hub's own output: what is missing here was not looked at";
const SEE_MEMBER: &str = "see `kurator status member/{name}`";
const SEE_REFUSED: &str = "see in the hub's own output what is too large in it";
const RELEASE: &str = "revert the change, or release them: `kurator approve app/{name}{-n}`";
const END_DELETION: &str =
    "end that deletion in {member}, or take off the finalizer that is named: the object is made again when it is gone";
const REPORT: &str = "this is a bug: report it with the hub's output";
const SEE_TREE: &str = "see which object, and why, with `kurator tree app/{name}{-n}`";

/// Every known fault. A reason that has no row here is reported as unknown, with the words that came with it.
pub(super) const FAULTS: &[Fault] = &[
    fault(Process, UNANSWERED, "start it with `kurator up`, or name another with --kubeconfig or --dir"),
    fault(
        Process,
        SILENT,
        "see that its process is not stopped or out of memory, and that no firewall is between; end it and start it again if so",
    ),
    fault(
        Process,
        NAME_UNKNOWN,
        "on the hub's own machine say --dir DIR instead of --kubeconfig; elsewhere make the name known",
    ),
    fault(Process, UNTRUSTED, "fetch the hub's kubeconfig again: another hub, or one with new keys, answers there"),
    fault(Process, UNAUTHORIZED, "use another credential, or fetch the hub's kubeconfig again"),
    fault(Process, NO_HUB, "choose another --context or --kubeconfig: this may be a member"),
    fault(
        Process,
        NO_WRITES,
        "do what it says: until then nothing new is decided; what runs in members stays, and reads are answered",
    ),
    fault(
        Process,
        DEFINITION_GONE,
        "restore the definition with its objects before anything else: after a restart the hub has an empty one",
    ),
    fault(Process, NOT_READY, "look at the hub's own output; restart it if the check stays so"),
    fault(Process, UNREADABLE, SEE_OUTPUT),
    fault(Process, SLOW, SEE_OUTPUT),
    fault(Process, FORBIDDEN, "use a credential that may list them: nothing is known of what is missing here"),
    warning(
        Process,
        NOT_SEEN,
        "use a credential that may list more to have the rest looked at; -n names another namespace",
    ),
    warning(Process, OTHER_VERSION, "run the same version of this program and of the hub"),
    warning(Process, CLOCK_SKEW, "set both clocks by NTP; certificates and times in conditions depend on it"),
    fault(Process, PANICKED, REPORT),
    fault(
        Process,
        reason::STATUS_REFUSED,
        "what these objects say is out of date: see in the hub's own output which they are, and what is too large in them",
    ),
    warning(Process, STATUS_CUT, "see in the hub's own output which objects they are, and what is too large in them"),
    warning(
        Process,
        STORED_ONLY,
        "what they ask for does not happen: use an Application, or whatever does it elsewhere, and delete them here",
    ),
    fault(Store, DISK_ALMOST_FULL, "free space on that disk; the hub refuses writes when it is full"),
    fault(Store, UNREADABLE, "ask as the user that the hub runs as"),
    fault(Store, KEYS_READABLE, "take the rights away with `chmod -R go= DIR`; the keys of all members are in it"),
    fault(Member, reason::CLUSTER_NOT_REACHABLE, "see that its API server runs and can be reached from the hub"),
    fault(Member, reason::CLUSTER_NOT_READY, "see its own `kubectl get --raw '/readyz?verbose'`"),
    fault(
        Member,
        reason::CREDENTIAL_REFUSED,
        "run the `kurator attach` that is named, or replace the kubeconfig in its Secret",
    ),
    fault(
        Member,
        reason::CREDENTIAL_EXPIRED,
        "run the `kurator attach` that is named: what it makes is renewed by itself",
    ),
    fault(
        Member,
        reason::RENEWAL_FAILED,
        "see why above: it is tried again; `kurator attach` makes another credential",
    ),
    fault(
        Member,
        reason::APPLIER_NOT_ANSWERED,
        "see that its API server answers more than /readyz: load, a proxy, its limit of streams",
    ),
    fault(
        Member,
        reason::APPLIER_REFUSED,
        "give its credential the right that is named, or replace the kubeconfig in its Secret",
    ),
    warning(Member, reason::PROBING, "wait a few seconds; the first look at it is under way"),
    fault(Member, reason::NAME_TAKEN, "set spec.memberName of one of the two AttachedClusters"),
    fault(Member, reason::NAME_INVALID, "set spec.memberName to a DNS label of at most 48 characters"),
    fault(Member, reason::SAME_CLUSTER, "delete one of the two AttachedClusters of this cluster"),
    fault(Member, reason::IDENTITY_CHANGED, "correct its kubeconfig, or accept it: `kurator approve member/{name}`"),
    fault(
        Member,
        reason::IDENTITY_UNKNOWN,
        "see its own `kubectl get namespace kube-system -o yaml`: metadata.uid must be there",
    ),
    warning(Member, reason::TOO_MANY_FACTS, "see who names so many resources, or such names, in its nodes and pods"),
    warning(Member, reason::STATUS_REFUSED, SEE_REFUSED),
    fault(Member, reason::INTERNAL_ERROR, REPORT),
    fault(Member, reason::SECRET_NOT_FOUND, "create the Secret that spec.kubeconfig names"),
    fault(Member, reason::SECRET_KEY_NOT_FOUND, "set spec.kubeconfig.key to a key of the Secret"),
    fault(Member, reason::SECRET_UNREADABLE, "see that the Secret can be read"),
    fault(Member, reason::KUBECONFIG_REFUSED, "correct the field that is named, in the kubeconfig of its Secret"),
    fault(Member, reason::KUBECONFIG_MALFORMED, "replace the kubeconfig in its Secret"),
    warning(Member, reason::TAKE_OVER_HELD, "look and agree with `kurator hub adopt {name}`"),
    warning(Member, reason::TAKING_OVER, "wait; if it stays so, see `kurator status member/{name}`"),
    fault(Member, reason::TAKE_OVER_STUCK, "restore the Secrets that are named in the member, or delete them there"),
    warning(Member, reason::RELEASING, "wait, or let it go as it is with `kurator detach {name} --keep`"),
    warning(
        Member,
        UNASKED_UNITS,
        "apply these Applications on this hub, under the same names and policies, and they have what is there; to give back \
         all that this hub has there: `kurator detach {name} --release{-n}`",
    ),
    warning(
        Fleet,
        reason::NO_MEMBERS,
        "list clusters in spec.clusters, as with `kubectl edit fleet {name}{-n}`; `kurator attach CONTEXT --fleet {name}{-n}` lists a new one",
    ),
    fault(Fleet, reason::MEMBER_NOT_FOUND, "create the cluster that is named, or take it out of spec.clusters"),
    fault(Fleet, reason::MEMBER_NOT_READY, "see its members above"),
    warning(Fleet, reason::MEMBER_UNKNOWN, "see its members above"),
    warning(
        Fleet,
        reason::NOT_IMPLEMENTED,
        "correct spec.clusters[].kind if it is mistyped: AttachedCluster is the kind that makes members so far",
    ),
    warning(Fleet, reason::STATUS_REFUSED, SEE_REFUSED),
    fault(Fleet, reason::INTERNAL_ERROR, REPORT),
    fault(Application, reason::INTERNAL_ERROR, REPORT),
    warning(Application, reason::STATUS_REFUSED, SEE_REFUSED),
    fault(Application, reason::RECONCILIATION_FAILED, SEE_TREE),
    fault(Application, reason::HEALTH_CHECK_FAILED, SEE_TREE),
    fault(Application, reason::DELETIONS_HELD, RELEASE),
    fault(
        Application,
        reason::CONTESTED,
        "let only one of the two write the field; `kurator status app/{name}{-n}` names it",
    ),
    fault(Application, reason::BEING_DELETED, SEE_TREE),
    warning(Application, reason::MEMBER_UNKNOWN, "see its members above"),
    fault(Application, reason::MEMBER_GONE, "attach the member again to have what it holds removed"),
    fault(Application, reason::MEMBER_BLOCKED, "see its members above"),
    fault(Application, reason::MEMBER_NOT_READY, "see its members above"),
    fault(Application, reason::MEMBER_NOT_FOUND, "see its Fleet above"),
    fault(Application, reason::SOURCE_NOT_READY, "see its source below"),
    fault(Application, reason::FETCH_FAILED, "see its source below"),
    fault(Application, reason::FLEET_NOT_FOUND, "create the Fleet, or correct spec.destination.fleet"),
    fault(
        Application,
        reason::RESTRICTED_NAMESPACE,
        "take the objects out that are named, or deliver them from a namespace that is not restricted",
    ),
    fault(Application, reason::BUILD_FAILED, "correct what is named, in the source (commit it) or in the Application"),
    fault(Application, reason::DUPLICATE_POLICY_NAME, "give each policy a name of its own"),
    fault(
        Application,
        reason::NO_POLICIES,
        "give it a policy that says where its objects go, or delete it: `kurator delete app/{name}{-n}`",
    ),
    fault(Application, reason::NO_MEMBER_SELECTED, "correct the selector, or label the clusters"),
    fault(Application, reason::NOT_IMPLEMENTED, "do without what is named for now"),
    warning(Application, reason::FIELDS_NOT_HONOURED, "do without these fields for now"),
    warning(Application, reason::PROGRESSING, "wait; if it stays so, see `kurator tree app/{name}{-n}`"),
    warning(Application, reason::PENDING, "wait; if it stays so, see `kurator status app/{name}{-n}`"),
    warning(Application, reason::DELETING, "see the members that are named; it goes when they have let go"),
    warning(
        Application,
        reason::SUSPENDED,
        "go on with `kurator resume app/{name}{-n}`; of a policy, take the field off that is named",
    ),
    fault(Source, reason::FETCH_FAILED, "correct URL, reference or Secret of the source, or see its server"),
    warning(Source, reason::FETCHING, "wait; the first fetch is under way"),
    warning(Source, reason::SUSPENDED, "go on with `kurator resume app/{name}{-n}`"),
    warning(Source, reason::STATUS_REFUSED, SEE_REFUSED),
    fault(Source, reason::INTERNAL_ERROR, REPORT),
    warning(
        Source,
        reason::LIKELY_MISTAKE,
        "correct what is named, or take it out of the source; nothing waits for it",
    ),
    warning(
        Unit,
        REPORT_STALE,
        "wait; if it stays so, see in the hub's own output whether the report of {member} can be stored",
    ),
    warning(Unit, NOT_SENT, "see `kurator status app/{name}{-n}`: its source cannot be read or rendered"),
    warning(
        Unit,
        WAITS_FOR_MEMBER,
        "nothing, if that is wanted; else undo it before {member} answers: take the edit or the commit back, or apply the \
         Application again",
    ),
    fault(Unit, reason::DELETIONS_HELD, RELEASE),
    fault(Unit, "Immutable", "set `force: true` in the policy, or delete the object by hand"),
    fault(
        Unit,
        "AdoptionRefused",
        "have the source say what is in {member}, or take it over: annotation kurator.dev/adopt: overwrite on the object",
    ),
    fault(Unit, "NoKind", "install the CustomResourceDefinition in {member}, or correct apiVersion and kind"),
    fault(Unit, "WrongScope", "correct metadata.namespace of the object"),
    fault(
        Unit,
        "OutsideRights",
        "take the object out of what {member} gets, or give rights there with the `kurator attach` that is named",
    ),
    fault(Unit, "Conflict", "name the object in one unit only"),
    fault(
        Unit,
        "ForeignHub",
        "take it over, or see what else it needs: `kurator hub adopt {member}`; if the other hub is to keep it, take it out of this source",
    ),
    fault(Unit, "Fenced", "stop the second hub that runs from the same backup, and start this one again"),
    fault(
        Unit,
        "InventoryUnverified",
        "this hub did not write the inventory in {member}, or it was changed: restore its Secret, or bring back the hub's key",
    ),
    fault(
        Unit,
        "InventoryUnreadable",
        "restore the Secret of the inventory, or use the newer Kurator that wrote it; nothing is deleted meanwhile",
    ),
    fault(Unit, "Forbidden", "give the member's credential that right"),
    fault(Unit, "Invalid", "correct the object in the source"),
    fault(Unit, "PhaseTimeout", SEE_TREE),
    fault(Unit, "NotFound", "deliver what is named too, or make it in {member}"),
    fault(Unit, "OtherCluster", "correct the kubeconfig, or accept it: `kurator approve member/{member}`"),
    warning(Unit, "Unreachable", "see that {member} can be reached; it is tried again"),
    warning(Unit, "Timeout", "see that {member} answers; it is tried again"),
    warning(Unit, "ServerError", "see the member's own sentence above; it is tried again"),
    warning(Unit, "Unavailable", "see the aggregated API or webhook of {member} that is named"),
    warning(Unit, "BadAnswer", "see what answers at the address of {member}: a proxy before it, say"),
    warning(Unit, "NotAnswered", "see whether {member}, or a webhook there, is slow or hangs; it is tried again"),
    warning(Unit, "NotVisible", "let the member's credential list that kind"),
    warning(
        Unit,
        "RecordLost",
        "nothing, if they may stay when they leave the source; else delete by hand those that `kurator tree app/{name}{-n}` calls adopted: \
         they are made again, and are its own then",
    ),
    fault(Unit, reason::CONTESTED, "let only one of the two write the field"),
    fault(Unit, reason::BEING_DELETED, END_DELETION),
    warning(Unit, REMOVING, super::remedy::LEAVES_SLOWLY),
    fault(Unit, reason::INTERNAL_ERROR, REPORT),
];

/// What is known of a reason in a place.
pub(super) fn find_fault(place: Place, reason: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.place == place && fault.reason == reason)
}

/// What to do about a reason, whatever its message says. One that is not known leads to where its words are shown whole.
pub(super) fn template(fault: Option<&'static Fault>, place: Place) -> &'static str {
    match (fault, place) {
        (Some(fault), _) => fault.remedy,
        (None, Place::Process) => SEE_OUTPUT,
        (None, Place::Member) => SEE_MEMBER,
        (None, Place::Application | Place::Source | Place::Unit) => SEE_TREE,
        (None, Place::Store | Place::Fleet) => "see what it says above",
    }
}

/// A template's placeholders for one object. As text: the object's own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Empty for an object of the cluster.
    pub(super) namespace: String,
    pub(super) name: String,
    /// The member of a unit.
    pub(super) member: String,
}

impl Names {
    /// Those of an object.
    pub(super) fn of(object: &impl ResourceExt) -> Self {
        Self { namespace: object.namespace().unwrap_or_default(), name: object.name_any(), member: String::new() }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// What to do for these objects. A name in which they differ is left to the reader: `app/NAME`.
pub(super) fn remedy(template: &str, objects: &[&Names]) -> String {
    let shared = |of: fn(&Names) -> &str| {
        let first = objects.first().map(|names| of(names))?;
        objects.iter().all(|names| of(names) == first).then_some(first)
    };
    let option = match shared(|names| &names.namespace) {
        Some("") => String::new(),
        Some(namespace) => format!(" -n {namespace}"),
        None => " -n NAMESPACE".to_owned(),
    };
    let name = shared(|names| &names.name).unwrap_or("NAME");
    let member = shared(|names| &names.member).unwrap_or("MEMBER");
    template.replace("{name}", name).replace("{member}", member).replace("{-n}", &option)
}

//! What to do about a fault whose reason has several causes: the words of its message choose the remedy.
//!
//! A reason alone is too coarse. What refuses a kubeconfig for its `exec` and for its loopback address has one reason, and two
//! remedies. Where no row fits, the remedy of the reason itself stands ([`super::fault`]).

use api::reason;

use super::fault::{
    Fault,
    Place::{self, Application, Member, Process, Source, Unit},
};

/// A cause of a reason, told by what the message says.
#[derive(Debug)]
pub(super) struct Cause {
    pub(super) place: Place,
    pub(super) reason: &'static str,
    /// Words in the message. They are those of the code that writes it, or of the system below it.
    pub(super) words: &'static str,
    /// What to do, with the placeholders of [`Fault::remedy`].
    pub(super) remedy: &'static str,
}

const fn cause(place: Place, reason: &'static str, words: &'static str, remedy: &'static str) -> Cause {
    Cause { place, reason, words, remedy }
}

const REFUSED: &str = reason::KUBECONFIG_REFUSED;
const UNREACHABLE: &str = reason::CLUSTER_NOT_REACHABLE;
const NOT_FETCHED: &str = reason::FETCH_FAILED;

/// Of an object that another policy of the application has until what is held is approved.
pub(super) const HANDED_OVER: &str =
    "let it be handed over with `kurator approve app/{name}{-n}`, or take the edit back that moves it";

/// Of units in a member whose Application is there, and does not place them in it.
pub(super) const NOT_PLACED: &str = "have the policy place it there again (its name, its selector, the Fleet), and the Application has what is there: \
                                     then it stays, or leaves as any edit has it leave; to give back all that this hub has there: \
                                     `kurator detach {name} --release{-n}`";

/// Of an object that a unit has for which no Application asks.
pub(super) const UNASKED: &str = "apply the Application of the unit that is named again, under the same name and policy; then name the \
                                  object in one of the two only";

/// Of an object that is deleted with its unit, and has a finalizer.
pub(super) const HELD_BY_FINALIZER: &str = "end in {member} what the finalizer that is named waits for, or take it off: the object goes then, and the unit with the last one";

/// Of a unit that has been on its way out of a member for long.
pub(super) const LEAVES_SLOWLY: &str = "see what is left with `kurator tree member/{member}`, and what keeps it there";

/// Every known cause. Of several that fit, the first one counts.
pub(super) const CAUSES: &[Cause] = &[
    cause(
        Process,
        super::fault::UNREADABLE,
        "Permission denied",
        "ask as the user that the hub runs as, as with sudo, or name another hub with --kubeconfig or --dir",
    ),
    cause(
        Application,
        reason::NO_MEMBER_SELECTED,
        "selects no member: ",
        "list clusters in the Fleet: see its Fleet above",
    ),
    cause(
        Member,
        REFUSED,
        "loopback address",
        "write the address by which the hub reaches the cluster; for a cluster on the hub's own machine start the hub with \
         --allow-loopback-members",
    ),
    cause(
        Member,
        REFUSED,
        "by https only",
        "write an https address as its server: nothing goes to a member unencrypted",
    ),
    cause(Member, REFUSED, "user name or password", "write user name and password into the kubeconfig's user"),
    cause(Member, REFUSED, "only http and https proxies", "write an http or https proxy as its proxy-url"),
    cause(
        Member,
        REFUSED,
        "it would run",
        "attach it with `kurator attach CONTEXT`, which runs that once on your machine and makes a credential of its own; or \
         write a token or a client certificate into the kubeconfig",
    ),
    cause(Member, REFUSED, "put the token in", "write the token itself into the kubeconfig's user, as `token`"),
    cause(
        Member,
        REFUSED,
        "it would read a file",
        "embed the files: `kubectl config view --flatten --minify --raw` prints a kubeconfig with them in it",
    ),
    cause(
        Member,
        reason::KUBECONFIG_MALFORMED,
        "cannot connect with this kubeconfig",
        "correct the certificate or key in the kubeconfig of its Secret",
    ),
    cause(
        Member,
        UNREACHABLE,
        "UnknownIssuer",
        "write who signed its server's certificate into the kubeconfig: certificate-authority-data",
    ),
    cause(
        Member,
        UNREACHABLE,
        "not valid for name",
        "write a server address into the kubeconfig that its certificate has, or set tls-server-name to such a name",
    ),
    cause(
        Member,
        reason::SAME_CLUSTER,
        "its kubeconfig leads to the cluster of member",
        "put the kubeconfig of its own cluster back into its Secret; one that `kurator attach` wrote, with `kurator attach CONTEXT --name {name}{-n}`",
    ),
    cause(Member, UNREACHABLE, "certificate expired", "renew the certificate of its API server"),
    cause(
        Member,
        UNREACHABLE,
        "failed to lookup address",
        "correct the host name in its kubeconfig, or make it known to the hub's machine",
    ),
    cause(
        Member,
        UNREACHABLE,
        "Connection refused",
        "see that its API server runs, and listens at the address and port of its kubeconfig",
    ),
    cause(
        Member,
        UNREACHABLE,
        "no answer within",
        "see that its API server is not overloaded, and that nothing between the hub and it drops what is sent",
    ),
    cause(Member, UNREACHABLE, "No route to host", "see that the hub's machine has a route to its address"),
    cause(Member, UNREACHABLE, "Network is unreachable", "see that the hub's machine has a route to its address"),
    cause(
        Member,
        reason::CREDENTIAL_REFUSED,
        "with the kubeconfig in Secret",
        "replace the kubeconfig in its Secret; the credential before it is still in use",
    ),
    cause(
        Member,
        reason::CREDENTIAL_REFUSED,
        "`kurator attach CONTEXT ",
        "run that command with your own context of the cluster, or replace the kubeconfig in its Secret",
    ),
    cause(
        Member,
        reason::CREDENTIAL_EXPIRED,
        "`kurator attach CONTEXT ",
        "run that command with your own context of the cluster: what it makes is renewed by itself",
    ),
    cause(
        Member,
        reason::TAKE_OVER_STUCK,
        "spec.takeOver.hub",
        "correct spec.takeOver.hub: it is the id in the label kurator.dev/hub of the other hub's objects",
    ),
    cause(Source, NOT_FETCHED, "the source cache", "see the disk of the hub's directory"),
    cause(
        Source,
        NOT_FETCHED,
        "remote base of ",
        "correct the entry that is named, in its kustomization file; when it is right, see the server that it names",
    ),
    cause(
        Source,
        NOT_FETCHED,
        "only git sources",
        "deliver it from a git repository for now: set spec.source.gitRepository",
    ),
    cause(Source, NOT_FETCHED, "use a URL that begins with", "correct spec.source.gitRepository.url"),
    cause(
        Source,
        NOT_FETCHED,
        "no git repository there",
        "correct spec.source.gitRepository.url; for a private repository name a Secret with credentials in secretRef",
    ),
    cause(Source, NOT_FETCHED, "access refused", "correct user name, password or token in the Secret of secretRef"),
    cause(
        Source,
        NOT_FETCHED,
        "does not exist; there is",
        "correct spec.source.gitRepository.ref, or push what it names",
    ),
    cause(Source, NOT_FETCHED, "has no commit yet", "push a commit to the repository"),
    cause(
        Source,
        NOT_FETCHED,
        "known_hosts",
        "ask the server's operator for its key, and do what it says about known_hosts",
    ),
    cause(Source, NOT_FETCHED, "does not accept the key", "add the public key to the account at the git server"),
    cause(Source, NOT_FETCHED, "needs a private key", "have `identity` and `known_hosts` in the Secret of secretRef"),
    cause(
        Source,
        NOT_FETCHED,
        "no answer within",
        "see the git server and the network, or raise spec.source.gitRepository.timeout",
    ),
    cause(
        Source,
        NOT_FETCHED,
        "TLS failed",
        "see the git server's certificate; that of a private authority goes into the Secret of secretRef, as ca.crt",
    ),
    cause(Source, NOT_FETCHED, "cannot connect", "see that the git server runs, and that the hub's machine reaches it"),
    cause(
        Source,
        NOT_FETCHED,
        "exceeds the limit",
        "leave out what is not delivered: spec.source.gitRepository.ignore",
    ),
    cause(
        Unit,
        "Immutable",
        "PersistentVolume",
        "have the source say what is in {member}, or delete it there by hand: with its data, and never by `force`",
    ),
    cause(Unit, "Forbidden", "exceeded quota", "raise that quota in {member}, or ask for less"),
    cause(Unit, "Forbidden", "admission webhook", "see what the webhook of {member} that is named asks for"),
    cause(Unit, "Forbidden", "violates PodSecurity", "have the pods say what that level of pod security asks for"),
    cause(Unit, reason::CONTESTED, TWIN, STOP_ONE),
    cause(Application, reason::CONTESTED, TWIN, STOP_ONE),
    cause(Unit, "NoKind", "each Kubernetes serves", "see what is in front of the API server of {member}"),
    cause(Unit, "NotFound", "namespaces \"", "deliver its namespace too, or make it in {member}"),
];

/// What is said of a second hub that runs from the same backup.
const TWIN: &str = "under Kurator's own name";
const STOP_ONE: &str = "stop one of the two hubs that run from the same backup, then `kurator sync app/{name}{-n}`";

/// What to do about a reason that came with this message. One that is not known leads to where its words are shown whole.
pub(super) fn template(fault: Option<&'static Fault>, place: Place, reason: &str, message: &str) -> &'static str {
    let fits = |cause: &&Cause| cause.place == place && cause.reason == reason && message.contains(cause.words);
    match CAUSES.iter().find(fits) {
        Some(cause) => cause.remedy,
        None => super::fault::template(fault, place),
    }
}

#[cfg(test)]
mod tests;

//! Certificates of people: an approved CertificateSigningRequest for `kubernetes.io/kube-apiserver-client` is signed by the hub's
//! authority, as kube-controller-manager signs it.
//!
//! | request | becomes |
//! |---|---|
//! | not approved yet | nothing; it is deleted after a day |
//! | approved, for this signer | a certificate in `status.certificate`, or the condition `Failed` with the reason |
//! | approved, for another signer of `kubernetes.io/` | `Failed`: nobody else signs for those here |
//! | for a signer of somebody else | nothing: that one signs |
//! | issued, denied or failed | deleted after an hour |
//!
//! A certificate cannot be revoked, which is why it has an end: what its user may do is taken away by taking its bindings away.
//!
//! Follows `pkg/controller/certificates` of Kubernetes: `signer`, `cleaner`.

use std::sync::Arc;
use std::time::Duration;

use client::{Api, Backoff, Delete, Metrics, NamespacedName, Next, Queue, Store, retry};
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use model::{Clock, Timestamp};
use pki::{Authority, Request};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// The signer that this is.
const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// Signers of Kubernetes itself; the others of these are not run here.
const OWN_SIGNERS: &str = "kubernetes.io/";

/// How long a certificate is good when the request does not say.
const LIFE: Duration = Duration::from_secs(90 * DAY_SECS);

/// The longest life that is granted, as with kube-controller-manager (`--cluster-signing-duration`); the shortest that a
/// request may ask for (`spec.expirationSeconds`).
const LIFE_MAX: Duration = Duration::from_secs(365 * DAY_SECS);
const LIFE_MIN: Duration = Duration::from_secs(600);

/// When a request that nobody approved, and one that is done with, is deleted.
const PENDING_KEPT: Duration = Duration::from_secs(DAY_SECS);
const SETTLED_KEPT: Duration = Duration::from_secs(3_600);

const DAY_SECS: u64 = 24 * 3_600;

/// What a client's certificate is for: the first must be asked for, the others may.
const CLIENT_AUTH: &str = "client auth";
const OTHER_USAGES: [&str; 2] = ["digital signature", "key encipherment"];

/// The group whose members may do everything, also without any role.
const MASTERS: &str = "system:masters";

/// How users of Kubernetes itself begin: what these do is not told as what a person did.
const SYSTEM_USERS: &str = "system:";

/// Requests looked at at the same time: each is one signature and one write, and people make them by hand.
const AT_ONCE: usize = 2;

/// Name of the queue, and field manager.
const NAME: &str = "signer";
const FIELD_MANAGER: &str = "kurator-signer";

/// Pauses before a look that failed is repeated: the server is in the process.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));

/// What becomes of a request.
#[derive(Debug)]
enum Verdict {
    /// Nothing now.
    Wait,
    /// It is signed.
    Issue(Request, Duration),
    /// It is refused, for this reason.
    Refuse(&'static str, String),
}

struct Signer {
    api: Api,
    clock: Arc<dyn Clock>,
    authority: Arc<Authority>,
    requests: Arc<Store<CertificateSigningRequest>>,
}

/// Signs until shutdown.
pub(crate) async fn run(
    api: &Api,
    clock: Arc<dyn Clock>,
    authority: Arc<Authority>,
    metrics: Metrics,
    shutdown: CancellationToken,
) {
    let api = api.with_manager(FIELD_MANAGER);
    let requests = Store::without_managed_fields(Vec::new());
    let queue: Queue<NamespacedName> = Queue::with(NAME, BACKOFF, retry::steady(), &metrics);
    let changed = queue.clone();
    requests.on_change(move |key, _: Option<&Arc<CertificateSigningRequest>>| changed.add(key.clone()));
    let watched = requests.run(requests.watch(api.clone()), shutdown.clone());
    let signer = Arc::new(Signer { api, clock, authority, requests: requests.clone() });
    let work = queue.run(AT_ONCE, shutdown, move |key| {
        let signer = signer.clone();
        async move { signer.look_at(&key).await }
    });
    tokio::join!(watched, work);
}

impl Signer {
    async fn look_at(&self, key: &NamespacedName) -> Next {
        let Some(request) = self.requests.get(key) else { return Next::Wait };
        let now = self.clock.now();
        let done = match judge(&request) {
            Verdict::Wait => return self.delete_old(key, &request, now).await,
            Verdict::Issue(asked, life) => match self.authority.requested_client(&asked, now, life) {
                Ok(pem) => {
                    tracing::info!(request = %key.name, user = asked.user(), groups = ?asked.groups(), "signed a client certificate");
                    self.write(key, &request, json!({"certificate": ByteString(pem.into_bytes())})).await
                }
                Err(error) => self.refuse(key, &request, "SigningError", &error.to_string()).await,
            },
            Verdict::Refuse(reason, why) => self.refuse(key, &request, reason, &why).await,
        };
        match done {
            Ok(()) => Next::Wait,
            Err(error) => {
                if !error.is_conflict() {
                    tracing::warn!(request = %key.name, %error, "a certificate request cannot be written, and is tried again");
                }
                Next::Retry
            }
        }
    }

    async fn refuse(
        &self,
        key: &NamespacedName,
        request: &CertificateSigningRequest,
        reason: &str,
        why: &str,
    ) -> Result<(), client::Error> {
        let now = Time(self.clock.now());
        let mut conditions = conditions(request).to_vec();
        conditions.push(CertificateSigningRequestCondition {
            type_: "Failed".to_owned(),
            status: "True".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(why.to_owned()),
            last_update_time: Some(now.clone()),
            last_transition_time: Some(now),
        });
        self.write(key, request, json!({"conditions": conditions})).await
    }

    async fn write(
        &self,
        key: &NamespacedName,
        request: &CertificateSigningRequest,
        status: serde_json::Value,
    ) -> Result<(), client::Error> {
        let patch = json!({"metadata": {"resourceVersion": request.metadata.resource_version}, "status": status});
        self.api.typed::<CertificateSigningRequest>().merge("", &key.name, "status", &patch).await.map(drop)
    }

    /// Deletes what has been there for long; else says when that is.
    async fn delete_old(&self, key: &NamespacedName, request: &CertificateSigningRequest, now: Timestamp) -> Next {
        let Some(end) = end_of(request) else { return Next::Wait };
        if let Ok(left) = Duration::try_from(end.duration_since(now))
            && !left.is_zero()
        {
            return Next::After(left);
        }
        let exactly = Delete {
            uid: request.metadata.uid.as_deref(),
            resource_version: request.metadata.resource_version.as_deref(),
            ..Delete::default()
        };
        match self.api.typed::<CertificateSigningRequest>().delete("", &key.name, &exactly).await {
            Ok(_) => Next::Wait,
            Err(_) => Next::Retry,
        }
    }
}

fn conditions(request: &CertificateSigningRequest) -> &[CertificateSigningRequestCondition] {
    let status = request.status.as_ref();
    status.and_then(|status: &CertificateSigningRequestStatus| status.conditions.as_deref()).unwrap_or_default()
}

fn has(request: &CertificateSigningRequest, type_: &str) -> bool {
    conditions(request).iter().any(|condition| condition.type_ == type_ && condition.status != "False")
}

fn is_issued(request: &CertificateSigningRequest) -> bool {
    let certificate = request.status.as_ref().and_then(|status| status.certificate.as_ref());
    certificate.is_some_and(|certificate| !certificate.0.is_empty())
}

/// When a request is deleted.
fn end_of(request: &CertificateSigningRequest) -> Option<Timestamp> {
    let last =
        conditions(request).iter().filter_map(|condition| condition.last_update_time.as_ref()).map(|at| at.0).max();
    let made = request.metadata.creation_timestamp.as_ref().map(|at| at.0);
    match is_issued(request) || has(request, "Denied") || has(request, "Failed") {
        true => last.or(made)?.checked_add(SETTLED_KEPT).ok(),
        // One that somebody else is to sign is theirs for as long as it takes.
        false if has(request, "Approved") => None,
        false => made?.checked_add(PENDING_KEPT).ok(),
    }
}

/// Decides.
fn judge(request: &CertificateSigningRequest) -> Verdict {
    let spec = &request.spec;
    let is_settled = is_issued(request) || has(request, "Denied") || has(request, "Failed");
    if is_settled || !has(request, "Approved") || !spec.signer_name.starts_with(OWN_SIGNERS) {
        return Verdict::Wait;
    }
    if spec.signer_name != SIGNER {
        let why = format!("this hub signs for {SIGNER} only, and {} was asked for", spec.signer_name);
        return Verdict::Refuse("SignerNotServed", why);
    }
    let usages = spec.usages.as_deref().unwrap_or_default();
    let wrong = usages.iter().find(|usage| *usage != CLIENT_AUTH && !OTHER_USAGES.contains(&usage.as_str()));
    if wrong.is_some() || !usages.iter().any(|usage| usage == CLIENT_AUTH) {
        let others = OTHER_USAGES.join("\" and \"");
        let why =
            format!("spec.usages must have \"{CLIENT_AUTH}\", and may have \"{others}\"; it has {}", usages.join(", "));
        return Verdict::Refuse("SignerValidationFailure", why);
    }
    let asked = match Request::parse(&spec.request.0) {
        Ok(asked) => asked,
        Err(error) => return Verdict::Refuse("SignerValidationFailure", format!("spec.request: {error}")),
    };
    if asked.user().starts_with(SYSTEM_USERS) {
        let why = format!(
            "spec.request: nobody gets a certificate with a user that begins with {SYSTEM_USERS}, as those of the hub itself \
             do; choose another CN"
        );
        return Verdict::Refuse("SignerValidationFailure", why);
    }
    if asked.groups().iter().any(|group| group == MASTERS) {
        let why = format!(
            "spec.request: nobody gets a certificate with the group {MASTERS}, which no role can be taken from again; bind \
             ClusterRole cluster-admin to the user, or to another group"
        );
        return Verdict::Refuse("SignerValidationFailure", why);
    }
    let life = match spec.expiration_seconds {
        Some(secs) => Duration::from_secs(u64::try_from(secs).unwrap_or(0)).clamp(LIFE_MIN, LIFE_MAX),
        None => LIFE,
    };
    Verdict::Issue(asked, life)
}

#[cfg(test)]
mod tests;

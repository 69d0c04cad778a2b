//! Reads the hub's API, and its directory when it lies on this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::delivery::{Decision, MemberStatus};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use http::Request;
use kinds::Wire;
use kube::Client;
use kube::api::ListParams;
use model::Clock;

use super::diagnose::{self, Facts, Process, Refused, Store, Unread};
use super::{fault, stored};
use crate::args::Common;
use crate::connect::{Api, Means, Silence};
use crate::{connect, status};

/// Longest wait for an answer of a health check: one that needs longer is a finding.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Most bytes of the metrics that are read: 1,000 times what a hub with every metric has.
const METRICS_BYTES_MAX: usize = 16 << 20;

/// # Errors
/// What the command line names and is not there. A hub that is sick, or of which this machine has no kubeconfig, is a finding.
pub(super) async fn observe(common: &Common) -> anyhow::Result<Facts> {
    let dir = match connect::means(common).await? {
        Means::Dir(dir) => dir,
        Means::File(_) | Means::Environment => {
            let hub = connect::reach_hub(common).await?;
            return Ok(facts(&hub.client, hub.server, None, &common.namespace).await);
        }
    };
    let store = store(&dir.join("hub"));
    // A hub that never came up has written no kubeconfig, or half of one.
    Ok(match connect::reach_hub(common).await {
        Ok(hub) => facts(&hub.client, hub.server, store, &common.namespace).await,
        Err(error) => Facts::of_process(unanswered(&dir, &error), store),
    })
}

/// A hub that could not even be asked. One whose directory this user may not read may run well.
pub(super) fn unanswered(dir: &Path, error: &anyhow::Error) -> Process {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    let is_closed = causes.any(|cause| cause.kind() == std::io::ErrorKind::PermissionDenied);
    let reason = if is_closed { fault::UNREADABLE } else { fault::UNANSWERED };
    Process::silent(dir.display().to_string(), reason, format!("{error:#}"))
}

/// Reads the hub's API. One part of it that fails is a fact among the others.
/// What may not be listed everywhere is listed in `namespace`.
pub(super) async fn facts(
    client: &Client,
    server: String,
    store: Option<Result<Store, String>>,
    namespace: &str,
) -> Facts {
    let process = process(client, server).await;
    let mut facts = Facts::of_process(process, store);
    if facts.process.version.is_err() {
        return facts;
    }
    let (members, attached, fleets, applications, decisions, statuses, stored) = tokio::join!(
        list::<Cluster>(client),
        list_near::<AttachedCluster>(client, namespace),
        list_near::<Fleet>(client, namespace),
        list_near::<Application>(client, namespace),
        list_near::<Decision>(client, namespace),
        list::<MemberStatus>(client),
        stored::count(client),
    );
    facts.stored = stored;
    let near = [("attached clusters", attached.1), ("fleets", fleets.1), ("applications", applications.1)];
    let near: Vec<&str> = near.into_iter().filter(|(_, is_near)| *is_near).map(|(what, _)| what).collect();
    facts.near = (!near.is_empty()).then(|| format!("{} in namespace {namespace}", near.join(", ")));
    let members = facts.listed(diagnose::MEMBERS, members);
    let attached = facts.listed("attached clusters", attached.0);
    facts.members = status::members(members, attached);
    facts.fleets = facts.listed("fleets", fleets.0);
    facts.applications = facts.listed("applications", applications.0);
    facts.decisions = facts.listed(diagnose::DECISIONS, decisions.0);
    facts.statuses = facts.listed("what members report", statuses);
    facts
}

/// Every object of a kind.
async fn list<K>(client: &Client) -> Result<Vec<K>, Unread>
where
    K: kube::Resource<DynamicType = ()> + Wire + Clone,
{
    items(Api::all(client.clone())).await
}

/// Every object of a kind, or those in one namespace where this credential may not list all of them. Says whether that is so.
async fn list_near<K>(client: &Client, namespace: &str) -> (Result<Vec<K>, Unread>, bool)
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Wire + Clone,
{
    let all = list::<K>(client).await;
    if all.as_ref().is_err_and(|why| why.reason == fault::FORBIDDEN) {
        let near = items(Api::<K>::namespaced(client.clone(), namespace)).await;
        if near.is_ok() {
            return (near, true);
        }
    }
    (all, false)
}

/// What a list has.
async fn items<K: Wire + Clone>(api: Api<K>) -> Result<Vec<K>, Unread> {
    match tokio::time::timeout(ANSWER_WITHIN, api.list(&ListParams::default())).await {
        Ok(Ok(list)) => Ok(list.items),
        Ok(Err(kube::Error::Api(status))) => {
            // A proxy before the hub gives no reason, and kube puts a sentence in its place.
            let is_word = !status.reason.is_empty() && status.reason.chars().all(|c| c.is_ascii_alphanumeric());
            let reason = if is_word { status.reason.as_str() } else { fault::UNREADABLE };
            Err(Unread { reason: reason.to_owned(), message: format!("{}: {}", status.code, status.message) })
        }
        Ok(Err(error)) => {
            Err(Unread { reason: fault::UNREADABLE.to_owned(), message: model::cause::innermost(&error) })
        }
        Err(_) => {
            let message = format!("no answer within {} s", ANSWER_WITHIN.as_secs());
            Err(Unread { reason: fault::SLOW.to_owned(), message })
        }
    }
}

async fn process(client: &Client, server: String) -> Process {
    let (version, ahead_secs) = match answer(client, "/version").await {
        Ok((body, date)) => {
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let version = value["gitVersion"].as_str().unwrap_or("unknown").to_owned();
            let now = hub::SystemClock.now();
            (Ok(version), date.map(|date| date.as_second() - now.as_second()))
        }
        // Nothing else would be answered, and each question may take its whole time.
        Err(why) => return Process { version: Err(why), ..Process::unknown(server) },
    };
    let ready = answer(client, "/readyz").await;
    let metrics = answer(client, "/metrics").await.ok();
    let metrics = metrics.map(|(body, _)| String::from_utf8_lossy(&body).into_owned());
    let (panics, refused) = (metrics.as_deref().map(panics), metrics.as_deref().map(refused));
    Process { server, version, unready: ready.err().map(|why| why.message), ahead_secs, panics, refused }
}

/// The sum of every metric that counts panics.
pub(super) fn panics(metrics: &str) -> u64 {
    sum(metrics, |sample| sample.split('{').next().is_some_and(|name| name.contains("panic")))
}

/// How many statuses are refused, by what is stored of them.
pub(super) fn refused(metrics: &str) -> Refused {
    let of = |stored: &str| sum(metrics, |sample| sample == format!("kurator_refused_statuses{{stored=\"{stored}\"}}"));
    Refused { cut: of("cut"), nothing: of("nothing") }
}

/// The sum of the samples, as name and labels, that are wanted.
fn sum(metrics: &str, is_wanted: impl Fn(&str) -> bool) -> u64 {
    let samples = metrics.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    let wanted = samples.filter(|(sample, _)| is_wanted(sample));
    wanted.filter_map(|(_, value)| value.parse::<f64>().ok()).sum::<f64>() as u64
}

/// A body and the time at which the server says that it answered.
pub(super) async fn answer(client: &Client, path: &str) -> Result<(Vec<u8>, Option<model::Timestamp>), Unread> {
    let unread = |reason: &str, message: String| Unread { reason: reason.to_owned(), message };
    let broken = |message: String| unread(fault::UNANSWERED, message);
    let ask = async {
        let request = Request::get(path).body(kube::client::Body::empty()).map_err(|e| broken(e.to_string()))?;
        let silent = |e| unread(fault::of_silence(Silence::of(&e)), model::cause::innermost(&e));
        let answer = client.send(request).await.map_err(silent)?;
        let code = answer.status();
        let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok()).and_then(date_of);
        let body = http_body_util::Limited::new(answer.into_body(), METRICS_BYTES_MAX);
        let body = http_body_util::BodyExt::collect(body).await.map_err(|e| broken(e.to_string()))?;
        let body = body.to_bytes().to_vec();
        if code.is_success() {
            return Ok((body, date));
        }
        Err(unread(of_code(code), format!("{path} answers {code}: {}", words(&body))))
    };
    let slow = || unread(fault::SILENT, format!("{path} does not answer within {} s", ANSWER_WITHIN.as_secs()));
    tokio::time::timeout(ANSWER_WITHIN, ask).await.unwrap_or_else(|_| Err(slow()))
}

/// What a refusal of a path that every hub gives to everybody is called.
fn of_code(code: http::StatusCode) -> &'static str {
    match code {
        http::StatusCode::UNAUTHORIZED => fault::UNAUTHORIZED,
        http::StatusCode::FORBIDDEN => fault::FORBIDDEN,
        http::StatusCode::NOT_FOUND => fault::NO_HUB,
        _ => fault::UNREADABLE,
    }
}

/// The sentence of a refusal: an API server's `Status` has it, others answer with it.
fn words(body: &[u8]) -> String {
    let status: Option<kube::core::Status> = serde_json::from_slice(body).ok();
    let message = status.map(|status| status.message).filter(|message| !message.is_empty());
    message.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned())
}

/// A time as HTTP writes it (RFC 9110): `Thu, 26 Nov 2026 14:30:18 GMT`.
pub(super) fn date_of(text: &str) -> Option<model::Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

/// The hub's directory, or why it cannot be looked at; nothing before a hub has made it.
pub(super) fn store(directory: &Path) -> Option<Result<Store, String>> {
    let disk = match rustix::fs::statvfs(directory) {
        Ok(disk) => disk,
        Err(rustix::io::Errno::NOENT) => return None,
        Err(why) => return Some(Err(format!("{}: {why}", directory.display()))),
    };
    let folder = directory.join("store");
    let used_bytes = match used_bytes(&folder) {
        Ok(bytes) => bytes,
        // The hub has not come up yet.
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => 0,
        Err(why) => return Some(Err(format!("{}: {why}", folder.display()))),
    };
    let keys = directory.join("keys");
    let open = [directory.to_owned(), keys.clone(), keys.join("hub.json")];
    let mode = |path: &PathBuf| fs::metadata(path).map(|meta| meta.permissions().mode() & 0o044);
    Some(Ok(Store {
        path: directory.display().to_string(),
        used_bytes,
        free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        // A key that no one else can reach, because a folder above it is closed, is not open.
        is_readable_by_others: open.iter().all(|path| mode(path).is_ok_and(|bits| bits != 0)),
    }))
}

/// Bytes of the files in a folder; the store has no folders below.
fn used_bytes(folder: &Path) -> std::io::Result<u64> {
    let entries = fs::read_dir(folder)?.flatten();
    Ok(entries.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum())
}

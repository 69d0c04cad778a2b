//! `view.kurator.dev/v1alpha1`: the truth object by object, read from what appliers reported last, and answers that are
//! computed when they are asked for (`question`). Nothing of it is stored, and nothing can be written.
//!
//! | kind | named by | says |
//! |---|---|---|
//! | Tree | an Application | its units, in each member, or with `?member=` in one of them, with every object; with `?sent=true` also what members were sent that have not said what they have |
//! | MemberTree | a member | the units in it, with every object; `?sent=true` as above |
//! | Rendering | `APPLICATION.MEMBER` | the objects that a member gets, without values of Secrets |
//! | HeldList | an Application | every object that waits for an approval, by name |
//! | Comparison | an Application | what members have against what they should have |
//! | Preview | created | what a commit or an edit would change |

pub(crate) mod question;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, Weak};

use api::condition::{self, Condition, Statement};
use api::feed::UnitReport;
use api::view::{GoesWith, Sent};
use apimachinery::structural::Column;
use apiserver::{Resource, ResourceInfo, ResourceRequest, Source, VirtualList};
use applier::Link;
use client::NamespacedName;
use controllers::Controllers;
use kinds::schema::{Schema, Type};
use kube::ResourceExt;
use model::{GroupResource, MemberName, ObjectKey, Reason, Status};
use plan::state::{Said, State};
use serde_json::{Value, json};
use store::BoxFuture;

use question::refused;

pub use api::view::{GROUP, VERSION};

/// The views that are read: group and plural.
pub(crate) const KINDS: [(&str, &str); 5] =
    [(GROUP, "trees"), (GROUP, "membertrees"), (GROUP, "renderings"), (GROUP, "comparisons"), (GROUP, "heldlists")];
/// Those that are created, and answer: group and plural.
pub(crate) const CREATED: [(&str, &str); 1] = [(GROUP, "previews")];

/// What the views read; filled in when the controllers run.
/// Weak: the API server holds its views, and the context holds clients of the API server.
pub(crate) type Shared = Arc<OnceLock<Weak<Controllers>>>;

fn info(kind: &str, plural: &str, namespaced: bool, columns: Vec<Column>) -> ResourceInfo {
    ResourceInfo {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        verbs: vec!["get", "list"],
        source: Source::Virtual,
        columns,
        schema: Arc::new(Schema { ty: Type::Object, preserve_unknown: true, ..Schema::default() }),
        status: false,
    }
}

fn ready(shared: &Shared) -> Result<Arc<Controllers>, Status> {
    shared.get().and_then(Weak::upgrade).ok_or_else(|| {
        Status::new(Reason::ServiceUnavailable, "the controllers are not running; try again in a moment").retry_after(1)
    })
}

/// A unit in a member: what its applier reported last, and what is known of it now.
fn unit(ctx: &Controllers, report: &UnitReport, others: &[Arc<UnitReport>]) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    let Statement { reason, message, .. } = ctx.unit_ready(&report.unit, &report.member);
    value["state"] = json!(State::of_reason(reason).as_str());
    value["stateReason"] = json!(reason);
    value["stateMessage"] = json!(message);
    let along = ctx.inspector.goes_along_with(report, others);
    // What the unit does not have itself has no row.
    let rows: BTreeSet<&ObjectKey> = report.details.iter().map(|row| &**row.key).collect();
    let (along, more): (BTreeMap<_, _>, BTreeMap<_, _>) = along.into_iter().partition(|(key, _)| rows.contains(key));
    let more = more.into_iter().map(|(key, units)| GoesWith { key, units: units.into_iter().collect() });
    let more: Vec<GoesWith> = more.collect();
    if !more.is_empty() {
        value["goesWith"] = json!(more);
    }
    let beside = [
        ("wantedBy", ctx.inspector.heirs_of(report, others)),
        ("occupiedBy", ctx.inspector.occupants_of(report, others)),
        ("goesWith", along),
    ];
    for (row, known) in value["details"].as_array_mut().into_iter().flatten().zip(&report.details) {
        for (field, units) in &beside {
            if let Some(units) = units.get(&**known.key) {
                row[*field] = json!(units);
            }
        }
    }
    for (row, uid) in value["details"].as_array_mut().into_iter().flatten().zip(&report.uids) {
        if let Some(uid) = uid {
            row["uid"] = json!(uid.to_string());
        }
    }
    // The name of a Revision says nothing to people.
    let revision = ctx.stores.revisions.get(&NamespacedName::new(report.unit.namespace.clone(), &report.revision));
    if let Some(revision) = revision {
        value["sourceRevision"] = json!(revision.spec.inputs.source_revision());
    }
    if let Some(policy) = &report.unit.policy {
        value["policy"] = json!(policy);
    }
    value
}

/// A state with its cause, as it is stored.
fn state(conditions: &[Condition], said: &Said<'_>) -> [(&'static str, Value); 3] {
    if condition::find(conditions, condition::READY).is_none() {
        return [("state", json!(State::default().as_str())), ("reason", Value::Null), ("message", Value::Null)];
    }
    let Said { state, reason, message, .. } = said;
    let text = |text: &str| json!(Some(text).filter(|text| !text.is_empty()));
    [("state", json!(state.as_str())), ("reason", text(reason)), ("message", text(message))]
}

/// The parameter that asks for what members were sent. It is rendered, and not needed by who only looks.
const SENT: &str = "sent";

fn asks_sent(request: &ResourceRequest) -> bool {
    question::parameter(&request.query, SENT) == Some("true")
}

/// Adds what members were sent that have not said what they have.
fn with_sent(mut tree: Value, sent: Vec<Sent>) -> Value {
    if !sent.is_empty() {
        tree["sent"] = json!(sent);
    }
    tree
}

/// The member that a question is about, if it names one.
fn asked_member(request: &ResourceRequest) -> Result<Option<MemberName>, Status> {
    let named = question::parameter(&request.query, question::MEMBER).map(str::parse::<MemberName>);
    named.transpose().map_err(|error| Status::bad_request(error.to_string()))
}

/// Applications, object by object.
pub(crate) struct Trees(pub(crate) Shared);

impl Trees {
    /// `only`: the member that is asked about, if it is one.
    fn tree(ctx: &Controllers, key: &NamespacedName, only: Option<&MemberName>) -> Option<Value> {
        let application = ctx.stores.applications.get(key)?;
        let mut reports: Vec<_> =
            ctx.inspector.units(&application).iter().flat_map(|unit| ctx.feed.reports_of(unit)).collect();
        reports.retain(|report| only.is_none_or(|member| report.member == *member));
        let others = ctx.feed.reports_by_member(&reports.iter().map(|report| report.member.clone()).collect());
        let of = |report: &UnitReport| others.get(&report.member).map(Vec::as_slice).unwrap_or_default();
        let units: Vec<Value> = reports.iter().map(|report| unit(ctx, report, of(report))).collect();
        let status = application.status.clone().unwrap_or_default();
        let git = status.source_status.and_then(|source| source.git_repo_status);
        let mut tree = json!({
            "revision": git.and_then(|git| git.artifact).map(|artifact| artifact.revision),
            "metadata": {
                "name": key.name, "namespace": key.namespace,
                "creationTimestamp": application.metadata.creation_timestamp,
            },
            "units": units,
        });
        let said = Said::of_object(&status.conditions, application.metadata.generation);
        state(&status.conditions, &said).into_iter().for_each(|(field, value)| tree[field] = value);
        Some(tree)
    }
}

impl Resource for Trees {
    fn info(&self) -> ResourceInfo {
        info("Tree", "trees", true, Vec::new())
    }

    fn get<'a>(&'a self, request: &'a ResourceRequest, name: &'a str) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async move {
            let ctx = ready(&self.0)?;
            let key = NamespacedName::new(request.namespace.clone().unwrap_or_default(), name);
            let only = asked_member(request)?;
            let tree = Self::tree(&ctx, &key, only.as_ref());
            let tree = tree.ok_or_else(|| Status::not_found(&GroupResource::new(GROUP, "trees"), name))?;
            if !asks_sent(request) {
                return Ok(tree);
            }
            let sent = ctx.inspector.sent(&key, only.as_ref()).await;
            Ok(with_sent(tree, sent.map_err(|error| refused(error, "trees", name))?))
        })
    }

    fn list<'a>(&'a self, request: &'a ResourceRequest) -> BoxFuture<'a, Result<VirtualList, Status>> {
        Box::pin(async move {
            let ctx = ready(&self.0)?;
            let all = match &request.namespace {
                Some(namespace) => ctx.stores.applications.list_in(namespace),
                None => ctx.stores.applications.list(),
            };
            let only = asked_member(request)?;
            let keys = all.iter().map(|application| NamespacedName::of(application.as_ref()));
            let trees = keys.filter_map(|key| Some((Self::tree(&ctx, &key, only.as_ref())?, key)));
            let (mut items, keys): (Vec<Value>, Vec<NamespacedName>) = trees.unzip();
            if asks_sent(request) {
                let sent = ctx.inspector.sent_of_each(&keys, only.as_ref()).await;
                let sent = sent.map_err(|error| refused(error, "trees", ""))?;
                items = items.into_iter().zip(sent).map(|(tree, sent)| with_sent(tree, sent)).collect();
            }
            Ok(VirtualList { items, resource_version: String::new() })
        })
    }
}

/// Members, object by object.
pub(crate) struct MemberTrees(pub(crate) Shared);

impl MemberTrees {
    fn tree(ctx: &Controllers, name: &str) -> Option<Value> {
        let cluster = ctx.stores.clusters.get(&NamespacedName::new("", name))?;
        let member: MemberName = name.parse().ok()?;
        let reports = ctx.feed.reports_in(&member);
        let units: Vec<Value> = reports.iter().map(|report| unit(ctx, report, &reports)).collect();
        let link = ctx.feed.link(&member);
        let said = link.as_ref().map(|l| match &l.link {
            Link::Connecting => ("Connecting", ""),
            Link::Connected => ("Connected", ""),
            Link::Unreachable(why) => ("Unreachable", why.as_str()),
            Link::Blocked(why) => ("Blocked", why.as_str()),
        });
        let orphans: Vec<String> = link.iter().flat_map(|l| l.orphans.iter().map(ToString::to_string)).collect();
        let mut tree = json!({
            "metadata": {
                "name": name, "labels": cluster.labels(),
                "creationTimestamp": cluster.metadata.creation_timestamp,
            },
            "link": said.map(|(state, _)| state),
            "linkMessage": said.map(|(_, why)| why).filter(|why| !why.is_empty()),
            "orphans": orphans,
            "units": units,
        });
        let conditions = cluster.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
        // As `kurator status` says it: a member whose applier is kept out is not ready, though it answers its prober.
        let link = ctx.member_link(&member);
        let said = Said::of_member(conditions, link.as_ref());
        state(conditions, &said).into_iter().for_each(|(field, value)| tree[field] = value);
        Some(tree)
    }
}

impl Resource for MemberTrees {
    fn info(&self) -> ResourceInfo {
        info("MemberTree", "membertrees", false, Vec::new())
    }

    fn get<'a>(&'a self, request: &'a ResourceRequest, name: &'a str) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async move {
            let ctx = ready(&self.0)?;
            let tree = Self::tree(&ctx, name);
            let tree = tree.ok_or_else(|| Status::not_found(&GroupResource::new(GROUP, "membertrees"), name))?;
            let sent = match name.parse() {
                Ok(member) if asks_sent(request) => ctx.inspector.sent_to_member(&member).await,
                _ => Ok(Vec::new()),
            };
            Ok(with_sent(tree, sent.map_err(|error| refused(error, "membertrees", name))?))
        })
    }

    fn list<'a>(&'a self, _: &'a ResourceRequest) -> BoxFuture<'a, Result<VirtualList, Status>> {
        Box::pin(async move {
            let ctx = ready(&self.0)?;
            let items = ctx.stores.clusters.list().iter().filter_map(|c| Self::tree(&ctx, &c.name_any())).collect();
            Ok(VirtualList { items, resource_version: String::new() })
        })
    }
}

#[cfg(test)]
mod tests {
    use api::delivery::{LinkState, MemberLink};

    use super::*;

    #[test]
    fn a_member_whose_applier_is_kept_out_is_not_shown_as_ready() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let ready = Statement::new(condition::READY, Some(true), api::reason::CLUSTER_READY, "the member answers");
        let conditions = condition::merge(&[], vec![ready], None, now);
        let link = |state| MemberLink { state, message: "secrets is forbidden".into(), since: now };
        for (link, expect) in [
            (None, ["Ready", "ClusterReady", "the member answers"]),
            (Some(link(LinkState::Connected)), ["Ready", "ClusterReady", "the member answers"]),
            (Some(link(LinkState::Blocked)), ["NotReady", api::reason::APPLIER_REFUSED, "secrets is forbidden"]),
            (
                Some(link(LinkState::Unreachable)),
                ["Unknown", api::reason::APPLIER_NOT_ANSWERED, "secrets is forbidden"],
            ),
        ] {
            let said = Said::of_member(&conditions, link.as_ref());
            assert_eq!(state(&conditions, &said).map(|(_, value)| value), expect.map(|text| json!(text)));
        }
        assert_eq!(state(&[], &Said::of(None)).map(|(_, value)| value), [json!("Unknown"), Value::Null, Value::Null]);
    }
}

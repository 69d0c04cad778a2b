//! Discovery: which kinds there are, in the old form (one document per group-version) and the aggregated one.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Status;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::document::Document;
use crate::negotiate;
use crate::registry::{Registry, Served};
use crate::reply::{self, Answer};
use crate::state::State;

/// A subresource as discovery shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sub {
    pub(crate) name: &'static str,
    /// Group, version and kind of what it takes, when it is not the parent's.
    pub(crate) takes: Option<(&'static str, &'static str, &'static str)>,
    pub(crate) verbs: &'static [&'static str],
}

const PART_VERBS: &[&str] = &["get", "patch", "update"];
/// Subresources of built-in kinds that `verb` answers, besides `status` and `scale`.
pub(crate) const SERVED_SUBRESOURCES: [&str; 5] = ["approval", "binding", "eviction", "finalize", "token"];

/// The subresources of a kind.
pub(crate) fn subresources(served: &Served) -> Vec<Sub> {
    let mut out = Vec::new();
    if let Some(kind) = served.builtin() {
        for sub in kind.subresources.iter().filter(|s| SERVED_SUBRESOURCES.contains(&s.name)) {
            let takes = (!sub.version.is_empty()).then_some((sub.group, sub.version, sub.kind));
            out.push(Sub { name: sub.name, takes, verbs: sub.verbs });
        }
    }
    if served.scale.is_some() {
        out.push(Sub { name: "scale", takes: Some(("autoscaling", "v1", "Scale")), verbs: PART_VERBS });
    }
    if served.status {
        out.push(Sub { name: "status", takes: None, verbs: PART_VERBS });
    }
    out.sort_by_key(|sub| sub.name);
    out
}

/// A group's versions, the preferred one first; groups in the order of the table, then those of CRDs by name.
fn groups_of(registry: &Registry) -> Vec<(String, Vec<String>)> {
    let mut order: Vec<(String, Vec<String>)> = Vec::new();
    let mut custom: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for served in registry.all() {
        let (group, version) = (&served.gvk.group, &served.gvk.version);
        let versions = if served.builtin().is_none() && !order.iter().any(|(g, _)| g == group) {
            custom.entry(group.clone()).or_default()
        } else {
            match order.iter().position(|(g, _)| g == group) {
                Some(at) => &mut order[at].1,
                None => {
                    order.push((group.clone(), Vec::new()));
                    let last = order.len() - 1;
                    &mut order[last].1
                }
            }
        };
        if !versions.contains(version) {
            versions.push(version.clone());
        }
    }
    for versions in custom.values_mut() {
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    }
    order.extend(custom);
    order
}

/// Kubernetes' order of versions: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`, then anything else by name.
fn priority(version: &str) -> (u8, u64, u64, String) {
    let parsed = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..digits].parse().ok()?;
        let (stage, minor) = match &rest[digits..] {
            "" => (3, 0),
            tail if tail.starts_with("beta") => (2, tail[4..].parse().ok()?),
            tail if tail.starts_with("alpha") => (1, tail[5..].parse().ok()?),
            _ => return None,
        };
        Some((stage, major, minor))
    };
    match parsed() {
        Some((stage, major, minor)) => (stage, major, minor, String::new()),
        None => (0, 0, 0, version.to_owned()),
    }
}

/// `/version`.
pub(crate) fn version(state: &State) -> Answer {
    let mut numbers = state.version.trim_start_matches('v').split('.');
    let mut next = || numbers.next().unwrap_or_default().to_owned();
    let (major, minor) = (next(), next());
    reply::value(
        200,
        &json!({
            "major": major, "minor": minor, "gitVersion": state.version, "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc",
            "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        }),
    )
}

/// `/`.
pub(crate) fn root(state: &State) -> Answer {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for (group, versions) in groups_of(&state.registry()).into_iter().filter(|(g, _)| !g.is_empty()) {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions.iter().map(|version| format!("/apis/{group}/{version}")));
    }
    let fixed = ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"];
    paths.extend(fixed.map(str::to_owned));
    reply::value(200, &json!({"paths": paths}))
}

/// `/api`.
pub(crate) fn core_versions() -> Answer {
    reply::value(200, &json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}))
}

fn group_value(group: &str, versions: &[String]) -> Value {
    let version = |v: &String| json!({"groupVersion": format!("{group}/{v}"), "version": v});
    json!({
        "name": group, "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": versions.first().map(version),
    })
}

/// `/apis`.
pub(crate) fn groups(state: &State) -> Answer {
    let groups: Vec<Value> = groups_of(&state.registry())
        .iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| group_value(group, versions))
        .collect();
    reply::value(200, &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
}

/// `/apis/GROUP`.
pub(crate) fn group(state: &State, name: &str) -> Result<Answer, Status> {
    let groups = groups_of(&state.registry());
    let (group, versions) = groups.iter().find(|(group, _)| group == name).ok_or_else(Status::no_such_path)?;
    let mut value = group_value(group, versions);
    value["kind"] = json!("APIGroup");
    value["apiVersion"] = json!("v1");
    Ok(reply::value(200, &value))
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub(crate) fn resources(state: &State, group: &str, version: &str) -> Result<Answer, Status> {
    let kinds = state.registry().in_version(group, version);
    if kinds.is_empty() {
        return Err(Status::no_such_path());
    }
    let mut list = Vec::new();
    for served in &kinds {
        let mut row = json!({
            "name": served.resource.resource, "singularName": served.singular, "namespaced": served.namespaced,
            "kind": served.gvk.kind, "verbs": served.verbs,
        });
        if served.verbs.contains(&"list") && served.code().is_none() {
            row["storageVersionHash"] = json!(storage_hash(served));
        }
        if !served.short_names.is_empty() {
            row["shortNames"] = json!(served.short_names);
        }
        if !served.categories.is_empty() {
            row["categories"] = json!(served.categories);
        }
        list.push(row);
        for sub in subresources(served) {
            let mut row = json!({
                "name": format!("{}/{}", served.resource.resource, sub.name), "singularName": "",
                "namespaced": served.namespaced, "kind": served.gvk.kind, "verbs": sub.verbs,
            });
            if let Some((group, version, kind)) = sub.takes {
                row["group"] = json!(group);
                row["version"] = json!(version);
                row["kind"] = json!(kind);
            }
            list.push(row);
        }
    }
    let group_version = kinds[0].gvk.group_version().to_string();
    let body = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list});
    Ok(reply::value(200, &body))
}

/// `/api` and `/apis` in aggregated form.
pub(crate) fn aggregated(state: &State, core: bool, if_none_match: Option<&str>, gzip: bool) -> Answer {
    let registry = state.registry();
    let name = if core { "discovery/core" } else { "discovery/groups" };
    let document =
        state.documents.get(registry.generation, name, || Document::new(aggregate(&registry, core).to_string().into()));
    document.answer(negotiate::DISCOVERY, if_none_match, gzip)
}

fn aggregate(registry: &Registry, core: bool) -> Value {
    let mut items = Vec::new();
    for (group, versions) in groups_of(registry).into_iter().filter(|(group, _)| group.is_empty() == core) {
        let version = |version: &String| {
            let kinds = registry.in_version(&group, version);
            let resources: Vec<Value> =
                kinds.iter().filter(|s| !is_part(s)).map(|served| resource(served, &kinds)).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        };
        let metadata = if core { json!({}) } else { json!({"name": group}) };
        let versions: Vec<Value> = versions.iter().map(version).collect();
        items.push(json!({"metadata": metadata, "versions": versions}));
    }
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

/// Is this a connection below another kind (`clusters/proxy`)?
fn is_part(served: &Served) -> bool {
    served.resource.resource.contains('/')
}

/// One kind, with its own subresources and the connections that code adds to it.
fn resource(served: &Arc<Served>, kinds: &[Arc<Served>]) -> Value {
    let gvk = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let of = |s: &Served| gvk(&s.gvk.group, &s.gvk.version, &s.gvk.kind);
    let own = of(served);
    let sub = |sub: Sub| {
        let kind = sub.takes.map_or_else(|| own.clone(), |(group, version, kind)| gvk(group, version, kind));
        json!({"subresource": sub.name, "responseKind": kind, "verbs": sub.verbs})
    };
    let mut value = json!({
        "resource": served.resource.resource, "responseKind": own,
        "scope": if served.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": served.singular, "verbs": served.verbs,
    });
    for (field, list) in [("shortNames", &served.short_names), ("categories", &served.categories)] {
        if !list.is_empty() {
            value[field] = json!(list);
        }
    }
    let connections = kinds.iter().filter_map(|kind| {
        let name = kind.resource.resource.strip_prefix(&served.resource.resource)?.strip_prefix('/')?;
        Some(json!({"subresource": name, "responseKind": of(kind), "verbs": kind.verbs}))
    });
    let subs: Vec<Value> = subresources(served).into_iter().map(sub).chain(connections).collect();
    if !subs.is_empty() {
        value["subresources"] = Value::Array(subs);
    }
    value
}

/// Names the version that objects are stored in, so that a client sees when it changes
/// (`endpoints/discovery/storageversionhash.go`).
fn storage_hash(served: &Served) -> String {
    let kind = &served.gvk.kind;
    let name = if served.storage.contains('/') { served.storage.clone() } else { format!("/{}", served.storage) };
    STANDARD.encode(&Sha256::digest(format!("{name}/{kind}"))[..8])
}

#[cfg(test)]
mod tests;

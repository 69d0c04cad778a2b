//! Which kinds a server serves, and at which paths.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::api::{Api, Error, JSON};

/// Discovery documents asked for at the same time: a server with 60 groups answers in a few round trips, and a small one
/// is not flooded.
const FAN_OUT: usize = 8;

/// A kind as a server serves it, in the version that the server prefers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Served {
    /// API group, empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind in CamelCase.
    pub kind: String,
    /// Plural name in paths.
    pub plural: String,
    /// Do its objects live in namespaces?
    pub namespaced: bool,
    /// Verbs that it knows, such as `watch`.
    pub verbs: Vec<String>,
}

impl Served {
    /// Does it know a verb?
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }

    /// The path of all objects, or of those in one namespace.
    pub fn collection(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        if namespace.is_empty() {
            format!("{root}/{}/{}", self.version, self.plural)
        } else {
            format!("{root}/{}/namespaces/{namespace}/{}", self.version, self.plural)
        }
    }

    /// The path of one object.
    pub fn object(&self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.collection(namespace))
    }

    /// The `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

impl fmt::Display for Served {
    /// `deployments.apps`; the core group adds nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

/// What discovery found.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// Kinds, one version each, in order.
    pub kinds: Vec<Arc<Served>>,
    /// Group versions that did not answer (an aggregated API that is down), with the reason.
    pub failed: BTreeMap<String, String>,
}

impl Discovery {
    /// Asks a server for everything that it serves.
    ///
    /// # Errors
    /// When the list of groups cannot be read. A single group that fails is in [`Discovery::failed`].
    pub async fn of(api: &Api) -> Result<Self, Error> {
        let groups = api.read("/apis", JSON).await?;
        let mut wanted = vec![(String::new(), vec!["v1".to_owned()])];
        wanted.extend(groups.get("groups").and_then(Value::as_array).into_iter().flatten().map(group_versions));
        let found: Vec<(String, String, Result<Value, Error>)> = stream::iter(wanted.into_iter().flat_map(flatten))
            .map(|(group, version)| async move {
                let root = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
                let list = api.read(&format!("{root}/{version}"), JSON).await;
                Ok::<_, Error>((group, version, list))
            })
            .buffered(FAN_OUT)
            .try_collect()
            .await?;
        let mut out = Self::default();
        for (group, version, list) in found {
            match list {
                Ok(list) => out.add(&group, &version, &list),
                Err(error) => {
                    out.failed.insert(format!("{group}/{version}"), error.to_string());
                }
            }
        }
        out.kinds.sort();
        Ok(out)
    }

    /// The kind that an owner reference names, whatever the version.
    pub fn kind(&self, group: &str, kind: &str) -> Option<&Arc<Served>> {
        self.kinds.iter().find(|served| served.group == group && served.kind == kind)
    }

    /// Adds one APIResourceList. Kinds known from an earlier, preferred version stay.
    fn add(&mut self, group: &str, version: &str, list: &Value) {
        for resource in list.get("resources").and_then(Value::as_array).into_iter().flatten() {
            let text = |field: &str| resource.get(field).and_then(Value::as_str).unwrap_or_default();
            let plural = text("name");
            if plural.is_empty()
                || plural.contains('/')
                || self.kinds.iter().any(|k| k.group == group && k.plural == plural)
            {
                continue;
            }
            let verbs = resource.get("verbs").and_then(Value::as_array).into_iter().flatten();
            self.kinds.push(Arc::new(Served {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: text("kind").to_owned(),
                plural: plural.to_owned(),
                namespaced: resource.get("namespaced").and_then(Value::as_bool).unwrap_or_default(),
                verbs: verbs.filter_map(|v| Some(v.as_str()?.to_owned())).collect(),
            }));
        }
    }
}

/// A group and its versions, the preferred one first.
fn group_versions(group: &Value) -> (String, Vec<String>) {
    let name = group.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let preferred = group.pointer("/preferredVersion/version").and_then(Value::as_str).unwrap_or_default();
    let mut versions: Vec<String> = group
        .get("versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|v| Some(v.get("version")?.as_str()?.to_owned()))
        .collect();
    versions.sort_by_key(|version| version != preferred);
    (name, versions)
}

fn flatten((group, versions): (String, Vec<String>)) -> impl Iterator<Item = (String, String)> {
    versions.into_iter().map(move |version| (group.clone(), version))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_preferred_version_of_a_kind_is_taken_and_subresources_are_not_kinds() {
        let group = json!({"name": "autoscaling", "preferredVersion": {"version": "v2"},
            "versions": [{"version": "v1"}, {"version": "v2"}]});
        let (name, versions) = group_versions(&group);
        assert_eq!(versions, ["v2", "v1"]);
        let list = json!({"resources": [
            {"name": "horizontalpodautoscalers", "kind": "HorizontalPodAutoscaler", "namespaced": true, "verbs": ["get", "watch"]},
            {"name": "horizontalpodautoscalers/status", "kind": "HorizontalPodAutoscaler", "namespaced": true, "verbs": ["get"]},
        ]});
        let mut found = Discovery::default();
        for version in &versions {
            found.add(&name, version, &list);
        }
        assert_eq!(found.kinds.len(), 1);
        let kind = &found.kinds[0];
        assert_eq!((kind.version.as_str(), kind.can("watch"), kind.can("delete")), ("v2", true, false));
        assert_eq!(kind.object("a", "b"), "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers/b");
    }
}

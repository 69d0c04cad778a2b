//! The templates that a StatefulSet had: ControllerRevisions.
//!
//! Follows `pkg/controller/history`. They are what a pod below the partition is made from when it comes back.

use std::sync::Arc;

use serde_json::{Value, json};

use super::stateful_set;
use crate::object::{Pod, Revision, StatefulSet};

/// What is to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The revision of a new template.
    pub create: Option<Value>,
    /// A revision whose template is the newest again: name and merge patch.
    pub renumber: Option<(String, Value)>,
    /// Revisions that nothing uses, beyond the limit: name and UID.
    pub delete: Vec<(String, String)>,
}

/// Decides. `revisions` and `pods` are those that the StatefulSet controls.
pub fn plan(set: &StatefulSet, revisions: &[Arc<Revision>], pods: &[Arc<Pod>]) -> Plan {
    if set.meta.deleting() {
        return Plan::default();
    }
    let name = stateful_set::revision(set);
    let newest = revisions.iter().map(|revision| revision.number).max().unwrap_or_default();
    let mut plan = Plan::default();
    match revisions.iter().find(|revision| revision.meta.name == name) {
        None => plan.create = Some(make_revision(set, &name, newest + 1)),
        Some(revision) if revision.number < newest => {
            let patch = json!({"metadata": {"uid": &*revision.meta.uid}, "revision": newest + 1});
            plan.renumber = Some((name.clone(), patch));
        }
        Some(_) => {}
    }
    let current = set.status.get("currentRevision").and_then(Value::as_str).unwrap_or_default();
    let used = |revision: &Revision| {
        let own = &revision.meta.name;
        *own == name || own == current || pods.iter().any(|p| p.meta.labels.get(stateful_set::REVISION) == Some(own))
    };
    let mut idle: Vec<&Arc<Revision>> = revisions.iter().filter(|revision| !used(revision)).collect();
    idle.sort_by_key(|revision| revision.number);
    let excess = idle.len().saturating_sub(usize::try_from(set.history).unwrap_or_default());
    plan.delete = idle[..excess].iter().map(|r| (r.meta.name.clone(), r.meta.uid.to_string())).collect();
    plan
}

fn make_revision(set: &StatefulSet, name: &str, number: i64) -> Value {
    let mut template = (*set.template).clone();
    template["$patch"] = json!("replace");
    json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": name, "namespace": set.meta.namespace,
            "labels": model::object::string_map(set.template.pointer("/metadata/labels")),
            "ownerReferences": [set.meta.own("apps/v1", "StatefulSet")],
        },
        "revision": number, "data": {"spec": {"template": template}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;

    fn set(image: &str, history: i64) -> StatefulSet {
        StatefulSet::read(&json!({
            "metadata": {"name": "db", "namespace": "a", "uid": "s"},
            "spec": {"revisionHistoryLimit": history, "template": {"spec": {"containers": [{"image": image}]}}},
        }))
        .unwrap()
    }

    /// The revision of an image, as it is stored.
    fn revision(image: &str, number: i64) -> Arc<Revision> {
        let set = set(image, 10);
        let mut made = make_revision(&set, &stateful_set::revision(&set), number);
        made["metadata"]["uid"] = made["metadata"]["name"].clone();
        Arc::new(Revision::read(&made).unwrap())
    }

    #[test]
    fn each_template_has_a_revision_and_the_newest_has_the_highest_number() {
        let number = |value: Option<Value>| value.map(|v| v["revision"].as_i64().unwrap());
        let first = plan(&set("a", 10), &[], &[]);
        assert_eq!(number(first.create), Some(1));
        let second = plan(&set("b", 10), &[revision("a", 1)], &[]);
        assert_eq!(number(second.create), Some(2));
        assert_eq!(plan(&set("b", 10), &[revision("a", 1), revision("b", 2)], &[]), Plan::default());
        let back = plan(&set("a", 10), &[revision("a", 1), revision("b", 2)], &[]);
        assert_eq!((back.create, number(back.renumber.map(|(_, patch)| patch))), (None, Some(3)));
    }

    #[test]
    fn old_ones_that_nothing_uses_go_beyond_the_limit() {
        let all = [revision("a", 1), revision("b", 2), revision("c", 3), revision("d", 4)];
        let label = all[0].meta.name.clone();
        let pod = json!({"metadata": {"name": "db-0", "namespace": "a", "uid": "p",
            "labels": {stateful_set::REVISION: label}}});
        let pods = [Arc::new(Pod::read(&pod).unwrap())];
        let gone = |set: &StatefulSet, pods: &[Arc<Pod>]| {
            plan(set, &all, pods).delete.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(gone(&set("d", 2), &[]), [all[0].meta.name.clone()]);
        assert_eq!(gone(&set("d", 2), &pods), Vec::<String>::new());
        assert_eq!(gone(&set("d", 0), &pods), [all[1].meta.name.clone(), all[2].meta.name.clone()]);
    }
}

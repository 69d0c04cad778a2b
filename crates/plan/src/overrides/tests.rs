mod apply;
mod karmada;
mod order;
mod properties;
mod provenance;

use api::karmada::policy::v1alpha1::{ClusterOverridePolicy, OverridePolicy, OverriderOperator};
use model::MemberName;
use place::{Facts, Fleet};
use serde_json::{Value, json};

use super::{Change, ChangeKind, Error, Outcome, Policies, RuleSet, patch};

/// A ClusterOverridePolicy from its spec.
fn cluster_policy(name: &str, spec: Value) -> ClusterOverridePolicy {
    let object = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "ClusterOverridePolicy",
        "metadata": {"name": name}, "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

/// An OverridePolicy from its spec.
fn policy(namespace: &str, name: &str, spec: Value) -> OverridePolicy {
    let object = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "OverridePolicy",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

/// A spec with one rule for every member.
fn one_rule(overriders: &Value) -> Value {
    json!({"overrideRules": [{"overriders": overriders}]})
}

/// The rules that are for a member of which nothing is known but its name.
fn rules(policies: &Policies, member: &str) -> RuleSet {
    let name: MemberName = member.parse().unwrap();
    policies.rules_for(&Fleet::of([Facts::named(name.clone())]), &name)
}

/// What a member gets of an object of a unit of namespace `default`.
fn apply(policies: &Policies, object: &Value, member: &str) -> Result<Outcome, Error> {
    let matching = policies.matching(object, Some("default"));
    matching.apply(&matching.variant(&rules(policies, member)))
}

/// What one rule makes of an object.
fn changed(object: &Value, overriders: &Value) -> Result<Outcome, Error> {
    apply(&Policies::new([&cluster_policy("p", one_rule(overriders))], []), object, "m")
}

/// The changes as a patch, applied to an object.
fn replay(object: &Value, changes: &[Change]) -> Value {
    let mut out = object.clone();
    for change in changes {
        let parent = change.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let in_list = out.pointer(parent).is_some_and(Value::is_array);
        let operator = match change.kind {
            ChangeKind::Removed => OverriderOperator::Remove,
            ChangeKind::Set if in_list => OverriderOperator::Replace,
            ChangeKind::Set | ChangeKind::Inserted => OverriderOperator::Add,
        };
        patch::apply(&mut out, operator, &change.path, change.after.as_ref())
            .unwrap_or_else(|why| panic!("{why}: {change:#?} of {out:#}"));
    }
    out
}

/// A workload with these containers.
fn workload(kind: &str, containers: Value) -> Value {
    let pod = json!({"containers": containers});
    let spec = if kind == "Pod" { pod } else { json!({"template": {"spec": pod}}) };
    let version = match kind {
        "Pod" => "v1",
        "Job" => "batch/v1",
        _ => "apps/v1",
    };
    json!({
        "apiVersion": version, "kind": kind,
        "metadata": {"name": "web", "namespace": "default"}, "spec": spec,
    })
}

/// Its containers.
fn containers(object: &Value) -> &Value {
    object.pointer("/spec/template/spec/containers").or(object.pointer("/spec/containers")).unwrap()
}

//! The record of applied policies, as Karmada writes it into annotations.

use std::sync::Arc;

use api::karmada::policy::v1alpha1::Overriders;
use serde::Serialize;
use serde_json::Value;

use super::document;
use super::rule::Rule;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    policy_name: &'a str,
    overriders: Overriders,
}

/// The JSON of rules that were applied; `None` when none was.
pub(super) fn json(rules: &[Arc<Rule>]) -> Option<String> {
    if rules.is_empty() {
        return None;
    }
    let item = |rule: &Arc<Rule>| (rule.policy.clone(), written(&rule.overriders));
    let mut items: Vec<_> = rules.iter().map(item).collect();
    items.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let items: Vec<Item<'_>> =
        items.iter().map(|(policy, o)| Item { policy_name: &policy.name, overriders: o.clone() }).collect();
    // Overriders have text keys and JSON values only.
    serde_json::to_string(&items).ok().map(|json| document::escaped(&json))
}

/// Overriders as Go writes them: an absent value is `null`.
fn written(overriders: &Overriders) -> Overriders {
    let mut out = overriders.clone();
    let null = || Some(Value::Null);
    out.plaintext.iter_mut().for_each(|o| o.value = o.value.take().or_else(null));
    for field in &mut out.field_overrider {
        let operations = field.json.iter_mut().chain(&mut field.yaml);
        operations.for_each(|o| o.value = o.value.take().or_else(null));
    }
    out
}

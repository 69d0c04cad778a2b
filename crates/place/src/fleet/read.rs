//! The record of a member as facts.

use std::collections::BTreeMap;

use api::karmada::cluster::v1alpha1::{Cluster, ClusterSpec, ResourceSummary};
use model::{MemberName, Quantity};

use super::{Facts, Grade, Summary, Taint};
use crate::resource::{Amounts, amount};

/// The condition that says whether `apiEnablements` is complete.
const COMPLETE: &str = "CompleteAPIEnablements";

/// Something in a record that makes no sense and is not counted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonsense {
    /// Path of the field.
    pub path: String,
    /// What is there.
    pub found: String,
}

impl Facts {
    /// Facts from a member's record, and what of it makes no sense: an amount that is no quantity counts as nothing, and
    /// when it says what is in use, the whole resource does.
    ///
    /// `None`: the record's name is no member's name.
    pub fn of(cluster: &Cluster) -> Option<(Self, Vec<Nonsense>)> {
        let name: MemberName = cluster.metadata.name.as_deref()?.parse().ok()?;
        let mut nonsense = Vec::new();
        let spec = &cluster.spec;
        let status = cluster.status.as_ref();
        let taint = |taint: &api::karmada::cluster::v1alpha1::Taint| Taint {
            key: taint.key.clone(),
            value: taint.value.clone().unwrap_or_default(),
            effect: taint.effect.clone(),
        };
        let zones = if spec.zones.is_empty() { spec.zone.iter().cloned().collect() } else { spec.zones.clone() };
        let mut facts = Self {
            labels: cluster.metadata.labels.clone().unwrap_or_default(),
            provider: spec.provider.clone().unwrap_or_default(),
            region: spec.region.clone().unwrap_or_default(),
            zones,
            taints: spec.taints.iter().map(taint).collect(),
            is_leaving: cluster.metadata.deletion_timestamp.is_some(),
            ..Self::named(name)
        };
        if let Some(status) = status {
            for version in &status.api_enablements {
                let kinds = facts.served.entry(version.group_version.clone()).or_default();
                kinds.extend(version.resources.iter().map(|resource| resource.kind.clone()));
            }
            facts.is_served_complete = status.conditions.iter().any(|c| c.type_ == COMPLETE && c.status == "True");
            let summary = status.resource_summary.as_ref();
            facts.summary = summary.map(|summary| summary_of(spec, summary, &mut nonsense));
        }
        Some((facts, nonsense))
    }
}

fn summary_of(spec: &ClusterSpec, summary: &ResourceSummary, nonsense: &mut Vec<Nonsense>) -> Summary {
    let path = |part: &str, name: &str| format!("status.resourceSummary.{part}[{name}]");
    let mut free = Amounts::new();
    for (name, text) in &summary.allocatable {
        let mut total = quantity(&path("allocatable", name), text, nonsense).unwrap_or_default();
        for (part, used) in [("allocated", &summary.allocated), ("allocating", &summary.allocating)] {
            let Some(text) = used.get(name) else { continue };
            match quantity(&path(part, name), text, nonsense) {
                Some(used) => total = total - used,
                None => total = Quantity::default(),
            }
        }
        free.insert(name.clone(), amount(name, total));
    }
    Summary { free, grades: grades_of(spec, summary, nonsense) }
}

/// Nodes by grade; none when the record has no models, or a count that makes no sense: Karmada counts with the summary then.
fn grades_of(spec: &ClusterSpec, summary: &ResourceSummary, nonsense: &mut Vec<Nonsense>) -> Vec<Grade> {
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for (index, modeling) in summary.allocatable_modelings.iter().enumerate() {
        if modeling.count < 0 {
            let path = format!("status.resourceSummary.allocatableModelings[{index}].count");
            nonsense.push(Nonsense { path, found: modeling.count.to_string() });
            return Vec::new();
        }
        let count = counts.entry(i64::from(modeling.grade)).or_default();
        *count = count.saturating_add(modeling.count);
    }
    if counts.is_empty() {
        return Vec::new();
    }
    let mut models: Vec<(usize, _)> = spec.resource_models.iter().enumerate().collect();
    models.sort_by_key(|(_, model)| model.grade);
    let mut grades = Vec::new();
    for (index, model) in models {
        let mut least = Amounts::new();
        for range in &model.ranges {
            let path = format!("spec.resourceModels[{index}].ranges[{}].min", range.name);
            let min = quantity(&path, &range.min, nonsense).unwrap_or_default();
            least.insert(range.name.clone(), amount(&range.name, min));
        }
        grades.push(Grade { least, count: counts.get(&i64::from(model.grade)).copied().unwrap_or_default() });
    }
    grades
}

fn quantity(path: &str, text: &str, nonsense: &mut Vec<Nonsense>) -> Option<Quantity> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        nonsense.push(Nonsense { path: path.to_owned(), found: text.to_owned() });
    }
    parsed
}

//! Ways into the parts, for Karmada's cases of them.

use std::collections::BTreeMap;

use super::choose::{Group, choose};
use super::*;
use crate::record::Silent;

/// Selects with groups whose scores are given.
pub(crate) fn by_scored_groups(
    standings: Vec<Standing>,
    request: &Request,
    fleet: &Fleet,
    scores: &BTreeMap<String, i64>,
) -> Result<Vec<Standing>, String> {
    let limits = limits(request, fleet, &Gates::karmada());
    let by = |field: Field| limits.iter().find(move |limit| limit.field == field);
    let score = |name: &str, _: &[Standing], _| scores[name];
    group::select(standings, &[by(Field::Region).unwrap()], by(Field::Cluster), fleet, &mut Silent, score)
}

/// Names of the groups that are chosen, of groups with so many members and such weights.
pub(crate) fn chosen(groups: &BTreeMap<String, (i64, i64)>, min: i64, max: i64, members: i64) -> Vec<String> {
    let group =
        |(name, (value, weight)): (&String, &(i64, i64))| Group { name: name.clone(), value: *value, weight: *weight };
    let groups: Vec<Group> = groups.iter().map(group).collect();
    choose(&groups, min, max, members).into_iter().map(|at| groups[at].name.clone()).collect()
}

/// The score of a group.
pub(crate) fn score(members: &[Standing], request: &Request, min: i64) -> i64 {
    let constraints = request.placement.spread_constraints.iter();
    let cluster = constraints.filter(|c| c.spread_by_field == Some(SpreadField::Cluster)).map(|c| c.min_groups);
    group::score(members, request, min, cluster.max().unwrap_or_default())
}

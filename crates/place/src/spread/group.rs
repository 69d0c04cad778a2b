//! Groups of members, their scores, and the members that are taken from them.

use std::collections::BTreeMap;

use super::choose::{Group, choose};
use super::{Limit, Standing};
use crate::divide::Strategy;
use crate::fleet::Fleet;
use crate::record::Recorder;
use crate::request::Request;
use crate::symbol::Symbol;

/// What a replica or member counts for in a group's score, next to the average score of members, which is 100 at most.
const WEIGHT_UNIT: i64 = 1000;

/// The members of a group.
struct Members {
    group: Group,
    symbol: Symbol,
    members: Vec<Standing>,
}

/// Selects members by one or several constraints. See the module for the rules. `score` is that of a group by its name,
/// members and the least number of groups.
pub(super) fn select<R: Recorder>(
    standings: Vec<Standing>,
    levels: &[&Limit],
    cluster: Option<&Limit>,
    fleet: &Fleet,
    recorder: &mut R,
    score: impl Fn(&str, &[Standing], i64) -> i64,
) -> Result<Vec<Standing>, String> {
    let (cluster_min, cluster_max) = cluster.map_or((0, 0), |limit| (limit.min, limit.max));
    let mut left = standings;
    let mut taken: Vec<Standing> = Vec::new();
    for (depth, level) in levels.iter().enumerate() {
        let groups = grouped(&left, level, fleet, &score);
        let few = || format!("the number of feasible {} is less than spreadConstraint.MinGroups", level.name);
        if i64::try_from(groups.len()).is_ok_and(|count| count < level.min) {
            return Err(few());
        }
        let chosen = if depth == 0 {
            let needed = levels[1..].iter().map(|narrow| narrow.min).fold(cluster_min, i64::max);
            let plain: Vec<Group> = groups.iter().map(|members| members.group.clone()).collect();
            choose(&plain, level.min, level.max, needed)
        } else {
            covering(&groups, &levels[..depth], level, cluster_min, fleet)
        };
        if R::ACTIVE {
            for (at, members) in groups.iter().enumerate() {
                recorder.group(&level.name, &members.group.name, members.group.weight, chosen.contains(&at));
            }
        }
        if chosen.is_empty() {
            return Err("the number of clusters is less than the cluster spreadConstraint.MinGroups".to_owned());
        }
        // The best member of each group, in the order of the groups.
        if depth == 0 {
            taken = chosen.iter().filter_map(|at| groups[*at].members.first()).copied().collect();
        }
        left.retain(|standing| {
            let group = level.field.group(&fleet.members()[standing.place]);
            chosen.iter().any(|at| groups[*at].symbol == group)
        });
        if depth > 0 {
            taken.retain(|standing| left.iter().any(|other| other.place == standing.place));
            for at in &chosen {
                let best = groups[*at].members.first();
                if let Some(best) = best.filter(|_| !is_covered(&taken, level, groups[*at].symbol, fleet)) {
                    taken.push(*best);
                }
            }
        }
    }
    for level in levels {
        let mut groups: Vec<Symbol> =
            taken.iter().map(|standing| level.field.group(&fleet.members()[standing.place])).collect();
        groups.sort_unstable();
        groups.dedup();
        if i64::try_from(groups.len()).is_ok_and(|count| count < level.min) {
            return Err(format!("the number of feasible {} is less than spreadConstraint.MinGroups", level.name));
        }
    }
    left.retain(|standing| taken.iter().all(|other| other.place != standing.place));
    left.sort_unstable_by_key(Standing::order);
    let more = cluster_max.saturating_sub(i64::try_from(taken.len()).unwrap_or(i64::MAX)).max(0);
    taken.extend(left.into_iter().take(usize::try_from(more).unwrap_or(usize::MAX)));
    Ok(taken)
}

/// Is a member of the group among these?
fn is_covered(taken: &[Standing], level: &Limit, group: Symbol, fleet: &Fleet) -> bool {
    taken.iter().any(|standing| level.field.group(&fleet.members()[standing.place]) == group)
}

/// The members by group, each in their order, with the group's score. Groups are ordered by name.
fn grouped(
    standings: &[Standing],
    level: &Limit,
    fleet: &Fleet,
    score: impl Fn(&str, &[Standing], i64) -> i64,
) -> Vec<Members> {
    let mut groups: BTreeMap<&str, (Symbol, Vec<Standing>)> = BTreeMap::new();
    for standing in standings {
        let symbol = level.field.group(&fleet.members()[standing.place]);
        if symbol.is_some() {
            let group = groups.entry(fleet.symbols.text(symbol)).or_insert_with(|| (symbol, Vec::new()));
            group.1.push(*standing);
        }
    }
    let group = |(name, (symbol, members)): (&str, (Symbol, Vec<Standing>))| {
        let group = Group {
            name: name.to_owned(),
            value: i64::try_from(members.len()).unwrap_or(i64::MAX),
            weight: score(name, &members, level.min),
        };
        Members { group, symbol, members }
    };
    groups.into_iter().map(group).collect()
}

/// Score of a group whose members are in their order.
pub(super) fn score(members: &[Standing], request: &Request, min_groups: i64, cluster_min: i64) -> i64 {
    let replicas = i64::from(request.replicas);
    let average = |sum: i64, count: i64| if count == 0 { 0 } else { sum / count };
    if matches!(Strategy::of(&request.placement), Strategy::Duplicated) {
        let valid = members.iter().filter(|member| member.available >= replicas);
        let (count, sum) = valid.fold((0, 0_i64), |(n, sum), member| (n + 1, sum.saturating_add(member.score)));
        return if count == 0 { 0 } else { count * WEIGHT_UNIT + average(sum, count) };
    }
    // Each group's part of the replicas, rounded up. Without a least number of groups, all of them.
    let min_groups = min_groups.max(1);
    let target = replicas / min_groups + i64::from(replicas % min_groups > 0);
    let least = cluster_min.max(min_groups);
    let (mut available, mut scores, mut count) = (0_i64, 0_i64, 0_i64);
    for member in members {
        available = available.saturating_add(member.available);
        scores = scores.saturating_add(member.score);
        count += 1;
        if count >= least && available >= target {
            break;
        }
    }
    available.min(target).saturating_mul(WEIGHT_UNIT).saturating_add(average(scores, count))
}

/// Groups of a narrower constraint: one for every group of the wider ones that has none yet, then the heaviest, until there
/// are enough groups and members.
fn covering(groups: &[Members], wider: &[&Limit], level: &Limit, cluster_min: i64, fleet: &Fleet) -> Vec<usize> {
    let wide = |limit: &Limit, standing: &Standing| limit.field.group(&fleet.members()[standing.place]);
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&groups[*a].group, &groups[*b].group);
        b.weight.cmp(&a.weight).then(b.value.cmp(&a.value)).then(a.name.cmp(&b.name))
    });
    let mut chosen: Vec<usize> = Vec::new();
    for limit in wider {
        let mut open: Vec<Symbol> = groups.iter().flat_map(|g| &g.members).map(|member| wide(limit, member)).collect();
        open.sort_unstable();
        open.dedup();
        let covers = |at: usize, open: &[Symbol]| {
            open.iter().filter(|symbol| groups[at].members.iter().any(|member| wide(limit, member) == **symbol)).count()
        };
        for at in &chosen {
            open.retain(|symbol| !groups[*at].members.iter().any(|member| wide(limit, member) == *symbol));
        }
        while !open.is_empty() {
            // The group that covers most; of those the heaviest.
            let best = order.iter().rev().max_by_key(|at| covers(**at, &open)).copied();
            let Some(best) = best.filter(|at| covers(*at, &open) > 0) else { break };
            open.retain(|symbol| !groups[best].members.iter().any(|member| wide(limit, member) == *symbol));
            chosen.push(best);
        }
    }
    let enough = |chosen: &[usize]| {
        let members = chosen.iter().fold(0_i64, |sum, at| sum.saturating_add(groups[*at].group.value));
        i64::try_from(chosen.len()).is_ok_and(|count| count >= level.min) && members >= cluster_min
    };
    for at in order {
        if enough(&chosen) {
            break;
        }
        if !chosen.contains(&at) {
            chosen.push(at);
        }
    }
    let fits = i64::try_from(chosen.len()).is_ok_and(|count| count <= level.max);
    if fits && enough(&chosen) { chosen } else { Vec::new() }
}

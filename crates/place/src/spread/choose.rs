//! Which groups are chosen.
//!
//! Karmada walks depth-first through all combinations of groups, which takes ages with some dozen of them. What it finds is
//! a best combination under a simple rule, and that is computed here, table by table, with the same answer.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Steps that a choice may cost: groups × sizes of combinations × members. A step takes some 20 ns, so that a choice takes
/// half a second at most; what would take more is chosen greedily.
const STEPS_MAX: u64 = 25_000_000;

/// A group of members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// How many members are in it.
    pub(crate) value: i64,
    /// Its score.
    pub(crate) weight: i64,
}

/// How many groups there may be, and how many members they need together.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    min: i64,
    max: i64,
    members: i64,
}

/// The best combination: places of the groups by weight, descending, then by name. Empty: none is feasible.
///
/// Groups are ordered by members, ascending, then weight, descending, then name. A combination is feasible when it has `min`
/// to `max` groups with at least `members` members, and would not be without its last group in that order. The best has
/// most weight, then most members, then comes first. Of it the shortest beginning that is feasible by itself is taken.
pub(crate) fn choose(groups: &[Group], min: i64, max: i64, members: i64) -> Vec<usize> {
    let bounds = Bounds { min, max, members };
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&groups[*a], &groups[*b]);
        a.value.cmp(&b.value).then(b.weight.cmp(&a.weight)).then(a.name.cmp(&b.name))
    });
    let count = i64::try_from(groups.len()).unwrap_or(i64::MAX);
    let most = groups.iter().fold(0_i64, |sum, group| sum.saturating_add(group.value));
    if groups.is_empty() || (min <= 0 && members <= 0) || max < min.max(1) || count < min || most < members {
        return Vec::new();
    }
    let mut rank = vec![0; groups.len()];
    order.iter().enumerate().for_each(|(at, group)| rank[*group] = at);
    let fewest = order.iter().take(usize::try_from(min).unwrap_or_default()).map(|at| groups[*at].value);
    let any_will_do = min > 0 && fewest.fold(0, i64::saturating_add) >= members;
    let sizes = min.max(members.min(max)).unsigned_abs();
    let steps = (groups.len() as u64).saturating_mul(sizes).saturating_mul(members.unsigned_abs().saturating_add(1));
    let mut best = if any_will_do {
        heaviest(groups, usize::try_from(min).unwrap_or_default())
    } else if steps > STEPS_MAX {
        greedy(groups, bounds)
    } else {
        by_table(groups, &order, bounds)
    };
    best.sort_by(|a, b| groups[*b].weight.cmp(&groups[*a].weight).then(groups[*a].name.cmp(&groups[*b].name)));
    let shortest = (1..best.len()).find(|length| is_feasible(&best[..*length], groups, &rank, bounds));
    best.truncate(shortest.unwrap_or(best.len()));
    best
}

/// Is a combination feasible, and not without its last group?
fn is_feasible(some: &[usize], groups: &[Group], rank: &[usize], bounds: Bounds) -> bool {
    let size = i64::try_from(some.len()).unwrap_or(i64::MAX);
    let sum = some.iter().fold(0_i64, |sum, at| sum.saturating_add(groups[*at].value));
    let last = some.iter().max_by_key(|at| rank[**at]).map_or(0, |at| groups[*at].value);
    let needs_last = size == bounds.min || sum - last < bounds.members;
    size >= bounds.min && size <= bounds.max && sum >= bounds.members && needs_last
}

/// The `count` groups with most weight, then most members, then the first names: every combination of that size will do.
fn heaviest(groups: &[Group], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&groups[*a], &groups[*b]);
        b.weight.cmp(&a.weight).then(b.value.cmp(&a.value)).then(a.name.cmp(&b.name))
    });
    order.truncate(count);
    order
}

/// Groups with most weight until they are enough; then members count instead of weight.
fn greedy(groups: &[Group], bounds: Bounds) -> Vec<usize> {
    let enough = |some: &[usize]| {
        let sum = some.iter().fold(0_i64, |sum, at| sum.saturating_add(groups[*at].value));
        i64::try_from(some.len()).is_ok_and(|size| size >= bounds.min) && sum >= bounds.members
    };
    let most = usize::try_from(bounds.max).unwrap_or(usize::MAX).min(groups.len());
    let all = heaviest(groups, groups.len());
    if let Some(size) = (1..=most).find(|size| enough(&all[..*size])) {
        return all[..size].to_vec();
    }
    let mut largest = all;
    largest.sort_by(|a, b| groups[*b].value.cmp(&groups[*a].value).then(groups[*a].name.cmp(&groups[*b].name)));
    (1..=most).find(|size| enough(&largest[..*size])).map(|size| largest[..size].to_vec()).unwrap_or_default()
}

/// The best beginning of a combination with so many groups and members.
#[derive(Clone, Copy)]
struct Best {
    weight: i64,
    value: i64,
    /// Its last link in `chain`.
    link: usize,
}

/// Links of combinations: the one before, and the rank of a group.
type Chain = Vec<(usize, usize)>;

/// No link: the empty combination.
const START: usize = usize::MAX;

fn ranks(chain: &Chain, mut link: usize) -> Vec<usize> {
    let mut ranks = Vec::new();
    while let Some((before, rank)) = chain.get(link) {
        ranks.push(*rank);
        link = *before;
    }
    ranks.reverse();
    ranks
}

/// Is the first better than the second?
fn is_better(a: Best, b: Best, chain: &Chain) -> bool {
    let by_sum = a.weight.cmp(&b.weight).then(a.value.cmp(&b.value));
    by_sum.then_with(|| ranks(chain, b.link).cmp(&ranks(chain, a.link))) == Ordering::Greater
}

fn by_table(groups: &[Group], order: &[usize], bounds: Bounds) -> Vec<usize> {
    let Bounds { min, max, members } = bounds;
    let mut chain: Chain = Vec::new();
    // Beginnings by size and members; members beyond what is needed count as just enough.
    let mut table: BTreeMap<(i64, i64), Best> = BTreeMap::from([((0, 0), Best { weight: 0, value: 0, link: START })]);
    let mut answer: Option<Best> = None;
    for (rank, group) in order.iter().map(|at| &groups[*at]).enumerate() {
        let beginnings: Vec<((i64, i64), Best)> = table.iter().map(|(key, best)| (*key, *best)).collect();
        for ((size, sum), begun) in beginnings {
            let (size, sum) = (size + 1, sum.saturating_add(group.value));
            if size > max {
                continue;
            }
            let next = Best {
                weight: begun.weight.saturating_add(group.weight),
                value: begun.value.saturating_add(group.value),
                link: chain.len(),
            };
            let is_complete = size >= min && sum >= members;
            let key = (size, sum.min(members));
            let rival = if is_complete { answer } else { table.get(&key).copied() };
            chain.push((begun.link, rank));
            if rival.is_some_and(|rival| !is_better(next, rival, &chain)) {
                chain.pop();
            } else if is_complete {
                answer = Some(next);
            } else {
                table.insert(key, next);
            }
        }
    }
    answer.map(|best| ranks(&chain, best.link).into_iter().map(|rank| order[rank]).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;

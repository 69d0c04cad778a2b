//! Division of seats among parties in proportion to their votes: Webster's method, also called Sainte-Laguë.
//!
//! Karmada gives one seat after the other to the party with the largest `votes / (2 · seats + 1)` (karmada.md 2.8,
//! `pkg/util/helper/webstermethod.go`), which costs a step for each seat. Here a divisor is searched that gives nearly
//! all of them at once, and only the last ones, at most one for each party, are given or taken one by one. The answer is
//! the same, ties included: quotients are compared as 64-bit floats, as Karmada does.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A party: a member with its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Party {
    /// Votes: the weight. Negative ones count as none.
    pub(crate) votes: i64,
    /// Seats that the party has already and keeps.
    pub(crate) seats: i64,
}

/// Which of two parties with equal quotients and equally many seats goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ties {
    /// The one whose name comes first.
    #[default]
    FirstName,
    /// The one whose name comes last.
    LastName,
}

impl Ties {
    /// The rule for a template with this UID: the parity of its FNV-1a hash decides, so that templates with equal weights do
    /// not all favour the same member. No UID: the first name.
    pub(crate) fn of_uid(uid: &str) -> Self {
        let fold = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME);
        let odd = !uid.is_empty() && uid.bytes().fold(FNV_OFFSET, fold) % 2 == 1;
        if odd { Self::LastName } else { Self::FirstName }
    }
}

/// First value of FNV-1a in 32 bits, and what each step multiplies with: constants of the published algorithm.
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// Most seats that are given, and that a party has before: far above the 32 bits of Karmada's replicas, and far enough below
/// 64 bits that no sum of those of a million members overflows.
const SEATS_MAX: i64 = 1 << 40;

/// Bisections of the divisor: a float has 64 bits, and each step halves what is left of them.
const BISECTIONS_MAX: usize = 64;

/// Gives `new` seats to parties that are listed by name, ascending. Returns the seats of each party, those that it had
/// included. Parties without votes get seats only when no party has votes: then all are equal.
pub(crate) fn allocate(parties: &[Party], new: i64, ties: Ties) -> Vec<i64> {
    let new = new.min(SEATS_MAX);
    let mut seats: Vec<i64> = parties.iter().map(|party| party.seats.clamp(0, SEATS_MAX)).collect();
    if parties.is_empty() || new <= 0 {
        return seats;
    }
    // Without votes every quotient is zero, and the party with fewer seats goes first: as if each had one vote.
    let nobody_voted = parties.iter().all(|party| party.votes <= 0);
    let voters: Vec<Voter> = parties
        .iter()
        .enumerate()
        .filter(|(_, party)| nobody_voted || party.votes > 0)
        .map(|(place, party)| Voter {
            place,
            votes: if nobody_voted { 1.0 } else { party.votes as f64 },
            had: party.seats.clamp(0, SEATS_MAX),
        })
        .collect();
    let mut given = by_divisor(&voters, new, &mut seats);
    let turn = |voter: &Voter, seat: i64| Turn {
        quotient: quotient(voter.votes, seat),
        seat,
        rank: if ties == Ties::FirstName { voter.place } else { usize::MAX - voter.place },
        place: voter.place,
        votes: voter.votes,
        had: voter.had,
    };
    if given < new {
        let mut heap: BinaryHeap<Turn> = voters.iter().map(|voter| turn(voter, seats[voter.place])).collect();
        while given < new
            && let Some(mut top) = heap.peek_mut()
        {
            seats[top.place] += 1;
            given += 1;
            top.seat += 1;
            top.quotient = quotient(top.votes, top.seat);
        }
    } else if given > new {
        let last = voters.iter().filter(|voter| seats[voter.place] > voter.had);
        let mut heap: BinaryHeap<Reverse<Turn>> =
            last.map(|voter| Reverse(turn(voter, seats[voter.place] - 1))).collect();
        while given > new
            && let Some(Reverse(mut worst)) = heap.pop()
        {
            seats[worst.place] -= 1;
            given -= 1;
            worst.seat -= 1;
            if worst.seat >= worst.had {
                worst.quotient = quotient(worst.votes, worst.seat);
                heap.push(Reverse(worst));
            }
        }
    }
    seats
}

/// A party that may get seats.
struct Voter {
    place: usize,
    votes: f64,
    had: i64,
}

/// A seat that a party may get: the greatest one is given first.
struct Turn {
    quotient: f64,
    seat: i64,
    /// Who goes first in a tie: the lowest.
    rank: usize,
    place: usize,
    votes: f64,
    had: i64,
}

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_quotient = self.quotient.total_cmp(&other.quotient);
        by_quotient.then(other.seat.cmp(&self.seat)).then(other.rank.cmp(&self.rank))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

/// What a party's next seat is worth when it has this many.
fn quotient(votes: f64, seats: i64) -> f64 {
    votes / (seats.saturating_mul(2).saturating_add(1) as f64)
}

/// How many seats of a party are worth at least this much, at most `most`.
fn seats_worth(votes: f64, worth: f64, most: i64) -> i64 {
    // The cast saturates, also for infinity.
    let mut seats = (((votes / worth + 1.0) / 2.0) as i64).clamp(0, most);
    while seats > 0 && quotient(votes, seats - 1) < worth {
        seats -= 1;
    }
    while seats < most && quotient(votes, seats) >= worth {
        seats += 1;
    }
    seats
}

/// Fills in the seats that are worth at least some divisor, for which there are nearly `new` of them, and says how many
/// that gave. They differ by no more than there are voters: each voter has at most one seat of exactly one worth.
fn by_divisor(voters: &[Voter], new: i64, seats: &mut [i64]) -> i64 {
    let near = i64::try_from(voters.len()).unwrap_or(i64::MAX);
    let votes: f64 = voters.iter().map(|voter| voter.votes).sum();
    let had = voters.iter().fold(0_i64, |sum, voter| sum.saturating_add(voter.had));
    let largest = voters.iter().map(|voter| voter.votes).fold(1.0, f64::max);
    // Positive floats are ordered as their bits are.
    let (mut low, mut high) = (1_u64, largest.to_bits() + 1);
    let guess = votes / (2.0 * new.saturating_add(had) as f64);
    let mut bits = guess.to_bits().clamp(low, high);
    let mut given = 0;
    for _ in 0..BISECTIONS_MAX {
        let worth = f64::from_bits(bits);
        given = 0_i64;
        for voter in voters {
            let most = voter.had.saturating_add(new).saturating_add(near);
            let count = seats_worth(voter.votes, worth, most).max(voter.had);
            seats[voter.place] = count;
            given = given.saturating_add(count - voter.had);
        }
        if given.abs_diff(new) <= near.unsigned_abs() || high - low <= 1 {
            break;
        }
        if given > new {
            low = bits
        } else {
            high = bits
        }
        bits = low + (high - low) / 2;
    }
    given
}

#[cfg(test)]
mod tests;

use proptest::prelude::*;

use super::*;

/// One seat after the other, as Karmada does it.
fn seat_by_seat(parties: &[Party], new: i64, ties: Ties) -> Vec<i64> {
    let mut seats: Vec<i64> = parties.iter().map(|party| party.seats).collect();
    for _ in 0..new {
        let better = |a: usize, b: usize| {
            let worth = |at: usize| parties[at].votes as f64 / (2 * seats[at] + 1) as f64;
            let by_name = if ties == Ties::FirstName { b.cmp(&a) } else { a.cmp(&b) };
            worth(a).total_cmp(&worth(b)).then(seats[b].cmp(&seats[a])).then(by_name)
        };
        let Some(next) = (0..parties.len()).max_by(|a, b| better(*a, *b)) else { break };
        seats[next] += 1;
    }
    seats
}

fn of(votes: &[i64]) -> Vec<Party> {
    votes.iter().map(|votes| Party { votes: *votes, seats: 0 }).collect()
}

#[test]
fn a_million_seats_cost_no_more_than_a_few() {
    let votes: Vec<i64> = (0..1000).map(|i| i64::from(i % 7 + 1) * 1_000_003).collect();
    let seats = allocate(&of(&votes), i64::from(i32::MAX), Ties::FirstName);
    assert_eq!(seats.iter().sum::<i64>(), i64::from(i32::MAX));
}

#[test]
fn nonsense_is_divided_too() {
    assert_eq!(allocate(&[], 5, Ties::FirstName), [0; 0]);
    assert_eq!(allocate(&of(&[-3, 2]), 5, Ties::FirstName), [0, 5]);
    assert_eq!(allocate(&of(&[i64::MAX, 1]), 3, Ties::FirstName), [3, 0]);
    assert_eq!(allocate(&of(&[1, 1]), -4, Ties::FirstName), [0, 0]);
    assert_eq!(allocate(&[Party { votes: 1, seats: i64::MAX }], 3, Ties::FirstName).len(), 1);
    assert_eq!(allocate(&of(&[0, 0, 0]), 5, Ties::LastName), [1, 2, 2]);
}

#[test]
fn the_uid_of_the_template_breaks_ties() {
    assert_eq!(Ties::of_uid(""), Ties::FirstName);
    // FNV-1a of "a" is 0xe40c292c, of "b" 0xe70c2de5: published values.
    assert_eq!(Ties::of_uid("a"), Ties::FirstName);
    assert_eq!(Ties::of_uid("b"), Ties::LastName);
}

fn party() -> impl Strategy<Value = Party> {
    let votes = prop_oneof![0..4_i64, 0..1000_i64, 0..5_000_000_000_i64];
    (votes, prop_oneof![Just(0_i64), 0..20_i64]).prop_map(|(votes, seats)| Party { votes, seats })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_divisor_gives_what_one_seat_after_the_other_gives(
        parties in proptest::collection::vec(party(), 0..12), new in 0..400_i64, odd: bool,
    ) {
        let ties = if odd { Ties::LastName } else { Ties::FirstName };
        prop_assert_eq!(allocate(&parties, new, ties), seat_by_seat(&parties, new, ties));
    }

    #[test]
    fn nobody_loses_a_seat_when_there_are_more_and_no_seat_is_lost(
        parties in proptest::collection::vec(party(), 1..30), new in 0..1_000_000_i64, more in 0..1000_i64,
    ) {
        let (few, many) = (allocate(&parties, new, Ties::FirstName), allocate(&parties, new + more, Ties::FirstName));
        prop_assert_eq!(few.iter().sum::<i64>(), new + parties.iter().map(|p| p.seats).sum::<i64>());
        prop_assert!(few.iter().zip(&many).all(|(few, many)| few <= many));
    }

    #[test]
    fn nobody_gets_more_than_there_is_room_for(votes in proptest::collection::vec(0..5000_i64, 1..30), part in 0..=100_i64) {
        let total: i64 = votes.iter().sum();
        let seats = allocate(&of(&votes), total * part / 100, Ties::LastName);
        prop_assert!(total == 0 || seats.iter().zip(&votes).all(|(seats, votes)| seats <= votes));
    }
}

use std::collections::BTreeMap;

use crate::explain::Fate;
use crate::tests::random::{Random, fleet, members, request};
use crate::{Gates, Hint, Reservations, decide, explain, hint};

/// Worlds in which every hint is tried.
const WORLDS: u64 = 300;

/// At least so many percent of the members that are not chosen have a hint.
const SHARE_MIN: usize = 90;

#[test]
fn after_what_a_hint_says_the_member_is_chosen_and_nearly_all_have_one() {
    let (reserved, gates) = (Reservations::default(), Gates::default());
    let (mut missing, mut hints) = (BTreeMap::<String, usize>::new(), 0_usize);
    for seed in 0..WORLDS {
        let random = &mut Random::new(seed);
        let count = random.below(10) + 2;
        let facts = members(random, count);
        let (fleet, request) = (fleet(random, &facts), request(random));
        let told = explain(&request, &fleet, &reserved, &gates);
        for about in &told.members {
            let found = hint(&told, &about.member, &request, &fleet, &reserved, &gates);
            assert_eq!(found.is_none(), about.fate == Fate::Chosen, "seed {seed}: {about:?}");
            match found {
                None => {}
                Some(Hint::Nothing) => *missing.entry(about.fate.to_string()).or_default() += 1,
                Some(hint) => {
                    let (mut request, mut fleet) = (request.clone(), fleet.clone());
                    hint.apply(&about.member, &mut request, &mut fleet);
                    let after = decide(&request, &fleet, &reserved, &gates);
                    let chosen = after.as_ref().is_ok_and(|decision| {
                        decision.clusters.iter().any(|target| target.name == about.member.as_str())
                    });
                    assert!(chosen, "seed {seed}: {hint} for {about:?}, and then {after:?}");
                    hints += 1;
                }
            }
        }
    }
    let all = hints + missing.values().sum::<usize>();
    println!("{hints} of {all} members that are not chosen have a hint; without one: {missing:#?}");
    assert!(hints * 100 >= all * SHARE_MIN, "{hints} of {all}; without one: {missing:#?}");
}

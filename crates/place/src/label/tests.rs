use proptest::prelude::*;

use super::*;

fn candidate(name: &str, labels: &[(&str, &str)]) -> Candidate {
    Candidate {
        name: name.into(),
        member: Some(name.parse().unwrap()),
        labels: labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..Candidate::default()
    }
}

fn to(labels: &[(&str, &str)]) -> Rules {
    let match_labels = labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Rules { list: "fleet f".into(), match_labels }
}

#[test]
fn labels_choose_and_everyone_gets_a_reason() {
    let fleet = [candidate("b", &[("size", "small")]), candidate("a", &[("size", "large")]), candidate("c", &[])];
    let selection = select(&to(&[("size", "small")]), &fleet);
    assert_eq!(selection.chosen, [("b".parse().unwrap(), Reason::Matched("size=small".into()))]);
    let reasons: Vec<String> = selection.passed_over.iter().map(|(n, r)| format!("{n}: {r}")).collect();
    assert_eq!(
        reasons,
        [
            "a: label size is \"large\", the selector wants \"small\"",
            "c: label size is missing, the selector wants \"small\""
        ]
    );
}

#[test]
fn rules_can_be_read() {
    assert_eq!(to(&[]).to_string(), "fleet f");
    assert_eq!(to(&[("size", "small"), ("area", "x")]).to_string(), "fleet f where area=x,size=small");
}

#[test]
fn no_selector_means_the_whole_fleet_and_missing_members_are_said() {
    let mut missing = candidate("z", &[]);
    missing.member = None;
    let mistyped = Candidate { is_unfollowed: true, member: None, ..candidate("y", &[]) };
    let selection = select(&to(&[]), &[candidate("b", &[]), missing, mistyped, candidate("a", &[])]);
    assert_eq!(selection.chosen.iter().map(|c| c.0.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(selection.passed_over, [("y".into(), Reason::NotFollowed), ("z".into(), Reason::NotAMember)]);
}

proptest! {
    #[test]
    fn the_order_of_the_fleet_does_not_matter(mut names in proptest::collection::vec("[a-c]", 0..6)) {
        let fleet: Vec<Candidate> = names.iter().map(|n| candidate(n, &[("l", n)])).collect();
        let forward = select(&to(&[("l", "a")]), &fleet);
        names.reverse();
        let fleet: Vec<Candidate> = names.iter().map(|n| candidate(n, &[("l", n)])).collect();
        prop_assert_eq!(forward, select(&to(&[("l", "a")]), &fleet));
    }
}

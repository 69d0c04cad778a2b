use super::*;

#[test]
fn each_unit_that_is_ready_gets_its_turn() {
    // Ready ones, in the order of their ids; last started -> next
    for (ready, last, next) in [
        ("", None, None),
        ("", Some('b'), None),
        ("bd", None, Some('b')),
        ("bd", Some('b'), Some('d')),
        ("bd", Some('c'), Some('d')),
        ("bd", Some('d'), Some('b')),
        ("b", Some('b'), Some('b')),
        ("bd", Some('z'), Some('b')),
    ] {
        let all: BTreeMap<char, bool> = ('a'..='e').map(|id| (id, ready.contains(id))).collect();
        assert_eq!(next_in_turn(&all, last.as_ref(), |ready| *ready).copied(), next, "{ready:?} after {last:?}");
    }
}

#[test]
fn units_that_are_ready_whenever_they_come_back_keep_none_waiting() {
    let all: BTreeMap<u32, ()> = (0..9).map(|id| (id, ())).collect();
    let (mut last, mut turns) = (None, BTreeSet::new());
    for _ in 0..all.len() {
        last = next_in_turn(&all, last.as_ref(), |()| true).copied();
        turns.extend(last);
    }
    assert_eq!(turns.len(), all.len());
}

use std::sync::Arc;

use super::{Budgets, Origin};
use crate::config::Limits;

#[test]
fn one_user_leaves_watches_for_others_and_nobody_takes_those_of_the_process() {
    let limits = Limits { watches: 5, user_watches: 3, process_watches: 2, ..Limits::default() };
    let budgets = Budgets::new(&limits);
    let (ann, bob, hub): (Arc<str>, Arc<str>, Arc<str>) = ("ann".into(), "bob".into(), "system:kurator".into());
    let open = |origin, user| budgets.admit_watch(origin, user);
    let mut of_ann: Vec<_> = (0..3).map(|_| open(Origin::Known, &ann).unwrap()).collect();
    let refused = open(Origin::Known, &ann).unwrap_err();
    assert_eq!(refused, "too many watches at once: ann has 3, which is what one user may have");
    let of_bob: Vec<_> = (0..2).map(|_| open(Origin::Known, &bob).unwrap()).collect();
    // Bob has not had his share, but there is no room at all.
    assert_eq!(open(Origin::Known, &bob).unwrap_err(), "too many watches at once");
    assert_eq!(budgets.users.lock()[&bob], 2, "what was refused does not count");
    let of_hub: Vec<_> = (0..2).map(|_| open(Origin::Process, &hub).unwrap()).collect();
    assert!(open(Origin::Process, &hub).is_err());
    // One that ends makes room for one.
    of_ann.pop();
    let third = open(Origin::Known, &bob).unwrap();
    assert!(open(Origin::Known, &ann).is_err(), "no room at all");
    drop((of_ann, of_bob, of_hub, third));
    assert!(budgets.users.lock().is_empty(), "users without watches are forgotten");
    assert!(open(Origin::Known, &ann).is_ok() && open(Origin::Process, &hub).is_ok());
}

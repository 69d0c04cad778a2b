//! A unit that has nothing in a member leaves it, so that an edit that is taken back leaves nothing to approve.

use api::delivery::{Leaving, LeavingCause, MemberDecision, ObjectSet};

use super::*;

/// The label `size` of the one member; nothing when the fleet does not list it.
type Size = Option<&'static str>;

fn rules(wanted: &str, size: Size) -> Placement {
    let label = |value: &str| BTreeMap::from([("size".to_owned(), value.to_owned())]);
    let candidate = |value: &str| Candidate {
        name: "m".to_owned(),
        member: Some(name("m")),
        labels: label(value),
        ..Candidate::default()
    };
    let rules = Rules { list: "fleet f".into(), match_labels: label(wanted) };
    Placement::Rules(rules, size.map(candidate).into_iter().collect())
}

impl World {
    /// Policies `small` and `large`, which differ in content, and a member with this label.
    fn label(&mut self, size: Size) {
        let unit = |policy: &str| UnitSpec {
            id: self.owner.unit(Some(policy)),
            inputs: Some(tree("c1", policy)),
            placement: rules(policy, size),
            ..self.units[0].clone()
        };
        self.units = vec![unit("small"), unit("large")];
        self.step();
    }

    fn of(&self, policy: &str) -> Option<MemberDecision> {
        let mine = self.decisions.values().find(|d| d.unit.policy.as_deref() == Some(policy));
        mine.and_then(|decision| decision.members.get(&name("m"))).cloned()
    }

    /// The member says of a policy how it is, and how many objects it has recorded.
    fn says(&mut self, policy: &str, phase: UnitPhase, reason: &str, inventory: u32) {
        let entry = self.of(policy).unwrap();
        let objects = UnitCounts { desired: 4, inventory, ..UnitCounts::default() };
        let status =
            UnitStatus { epoch: entry.epoch, asked: entry.question(), objects, reason: reason.into(), ..status(phase) };
        self.statuses.insert((self.owner.unit(Some(policy)), name("m")), status);
        self.step();
    }

    fn is_held(&self) -> bool {
        self.decisions.values().any(|decision| decision.held.is_some())
    }
}

/// The member runs policy `small`.
fn small() -> World {
    let mut world = World::new(&["m"]);
    world.facts.removals = 0;
    world.label(Some("small"));
    world.says("small", UnitPhase::Applied, "", 4);
    world
}

#[test]
fn a_move_to_another_policy_that_is_taken_back_leaves_nothing_to_approve() {
    let mut world = small();
    let before = world.of("small");
    world.label(Some("large"));
    assert!(world.of("small").unwrap().kept().is_some());
    world.says("large", UnitPhase::Failed, "Conflict", 0);
    assert!(world.is_held() && world.of("large").unwrap().removal.is_none());
    world.label(Some("small"));
    assert_eq!((world.of("small"), world.is_held()), (before.clone(), false));
    let left = world.of("large").unwrap();
    let why = left.leaving.unwrap();
    let trigger = world.decisions.values().find(|d| d.unit.policy.as_deref() == Some("large")).unwrap().trigger.clone();
    assert_eq!(trigger.map(|t| (t.cause, t.message)), Some((TriggerCause::Membership, "-m".to_owned())));
    assert_eq!((left.removal, why.cause), (Removal::Prune, LeavingCause::NothingThere));
    assert_eq!(why.message, "it has nothing there (label size is \"small\", the selector wants \"large\")");
    assert_eq!(why.shown, Some(ObjectSet::default()), "what it has there after all waits for a word of its own");
    world.says("large", UnitPhase::Removed, "", 0);
    assert_eq!((world.of("small"), world.of("large"), world.is_held()), (before, None, false));
    assert!(world.step().is_settled());
}

#[test]
fn only_what_is_known_to_have_nothing_leaves_unasked() {
    // How the policy is that the member was moved to, what it has there, whether the member answers, and whether it is held.
    type Case = (&'static str, Option<(UnitPhase, &'static str, u32)>, Reach, bool);
    let cases: [Case; 8] = [
        ("it serves both", Some((UnitPhase::Applied, "", 0)), Reach::Reachable, false),
        ("it waits for the other policy", Some((UnitPhase::Failed, "Conflict", 0)), Reach::Reachable, false),
        ("it waits, and the member is away since", Some((UnitPhase::Failed, "Conflict", 0)), Reach::Unknown, false),
        ("the member was away all the time", None, Reach::Unknown, false),
        ("the member has not answered yet", None, Reach::Reachable, true),
        ("it has one object of its own", Some((UnitPhase::Failed, "Conflict", 1)), Reach::Reachable, true),
        ("its inventory was not read", Some((UnitPhase::Failed, "InventoryUnreadable", 0)), Reach::Reachable, true),
        ("it is about to begin", Some((UnitPhase::Pending, "", 0)), Reach::Reachable, true),
    ];
    for (about, said, reach, held) in cases {
        let mut world = small();
        world.label(Some("large"));
        if let Some((phase, reason, inventory)) = said {
            world.says("large", phase, reason, inventory);
        }
        world.members.insert(name("m"), MemberFacts::new(reach));
        world.label(Some("small"));
        let left = world.of("large").unwrap();
        assert_eq!((left.kept().is_some(), world.is_held()), (held, held), "{about}");
        assert!(world.of("small").unwrap().leaving.is_none(), "{about}");
        // What it says later is looked at.
        world.members.insert(name("m"), MemberFacts::new(Reach::Reachable));
        if said.is_none() {
            world.says("large", UnitPhase::Failed, "Conflict", 0);
            assert!(!world.is_held(), "{about}");
        }
    }
}

#[test]
fn every_edit_that_is_taken_back_goes_whatever_was_placed_by_it() {
    let large = || Some("large");
    // The edit, what the policies of the member have then, and the edit after which all is as it was.
    type Edit = fn(&mut World);
    let edits: [(&str, Edit, Edit); 4] = [
        ("the label", |w| w.label(Some("large")), |w| w.label(Some("small"))),
        ("the list", |w| w.label(None), |w| w.label(Some("small"))),
        (
            "the selectors, which change places",
            |w| {
                (w.units[0].placement, w.units[1].placement) =
                    (rules("large", Some("small")), rules("small", Some("small")));
                w.step();
            },
            |w| w.label(Some("small")),
        ),
        (
            "a policy that is renamed, with other content",
            |w| {
                w.units[0].id = w.owner.unit(Some("large"));
                w.units[0].inputs = Some(tree("c1", "other"));
                w.units.truncate(1);
                w.step();
            },
            |w| w.label(Some("small")),
        ),
    ];
    for (about, edit, back) in edits {
        let mut world = small();
        let before = world.of("small");
        edit(&mut world);
        assert!(world.of("small").unwrap().kept().is_some(), "{about}");
        if world.of("large").is_some() {
            world.says("large", UnitPhase::Failed, "Conflict", 0);
        }
        back(&mut world);
        assert_eq!((world.of("small"), world.is_held()), (before, false), "{about}");
        assert!(world.of("large").is_none_or(|entry| !entry.removal.is_none()), "{about}");
    }
    // What moved with an approval is an edit like any other.
    let mut world = small();
    world.label(large());
    world.says("large", UnitPhase::Applied, "", 4);
    world.label(Some("small"));
    let why: Option<Leaving> = world.of("large").unwrap().kept().cloned();
    assert_eq!(why.map(|why| why.cause), Some(LeavingCause::SelectorDiffers));
}

//! What a unit has for another one that was to take it over, and that leaves or is changed before it did.

use api::delivery::MemberDecision;

use super::*;
use crate::guard::{Cause, Held};

/// Policies `p` and `a` in one member, in which both are well.
fn both() -> World {
    let mut world = World::new(&["m"]);
    world.by_inputs = true;
    let unit = |policy: &str| UnitSpec {
        id: world.owner.unit(Some(policy)),
        inputs: Some(tree("c1", policy)),
        ..world.units[0].clone()
    };
    world.units = vec![unit("p"), unit("a")];
    world.step();
    world.answers("p", |_| {});
    world.answers("a", |_| {});
    assert!(world.step().is_settled());
    world
}

impl World {
    fn id_of(&self, policy: &str) -> UnitId {
        self.owner.unit(Some(policy))
    }

    fn at(&self, policy: &str) -> MemberDecision {
        let unit = self.id_of(policy);
        let decision = self.decisions.values().find(|decision| decision.unit == unit).unwrap();
        decision.members[&name("m")].clone()
    }

    /// The member answers what it is asked of a policy that has 100 objects.
    fn answers(&mut self, policy: &str, change: impl FnOnce(&mut UnitStatus)) {
        let entry = self.at(policy);
        let objects = UnitCounts { desired: 100, inventory: 103, ..UnitCounts::default() };
        let (revision, asked) = (entry.revision.clone(), entry.question());
        let mut said = UnitStatus { revision, epoch: entry.epoch, asked, objects, ..status(UnitPhase::Applied) };
        change(&mut said);
        self.statuses.insert((self.id_of(policy), name("m")), said);
    }

    /// What is stored of `p` is otherwise.
    fn changes(&mut self, change: impl Fn(&Self, &mut UnitStatus)) {
        let key = (self.id_of("p"), name("m"));
        let mut said = self.statuses[&key].clone();
        change(self, &mut said);
        self.statuses.insert(key, said);
    }

    fn commits(&mut self, policy: &str, commit: &str, path: &str) {
        let unit = self.id_of(policy);
        self.units.iter_mut().find(|spec| spec.id == unit).unwrap().inputs = Some(tree(commit, path));
    }

    fn list_of(&self, policy: &str) -> Option<Held> {
        let unit = self.id_of(policy);
        let mine = self.decisions.values().filter(|decision| decision.unit == unit);
        let status_of = |u: &UnitId, m: &MemberName| self.statuses.get(&(u.clone(), m.clone())).cloned();
        held(&unit, mine, status_of, |member| self.members[member].reports())
    }

    /// The member lists three objects, and all is decided: is the list held?
    fn asks(&mut self) -> bool {
        self.answers("p", |said| said.held = Some(list("three", 3)));
        self.step();
        assert!(self.step().is_settled(), "it is written once");
        let is_held = self.list_of("p").is_some_and(|held| held.causes == [Cause::Untaken]);
        assert_eq!(self.at("p").granted.is_none(), is_held);
        is_held
    }
}

type Said = fn(&World, &mut UnitStatus);

fn waits(world: &World, said: &mut UnitStatus) {
    (said.unlisted, said.heirs) = (true, vec![world.id_of("a")]);
}

#[test]
fn what_a_unit_has_for_one_that_leaves_is_held_however_little_it_is() {
    let table: [(&str, bool, Said); 8] = [
        ("it waits for it", true, waits),
        ("it waits for nobody", false, |_, _| {}),
        ("it waits for another one", false, |world, said| (said.unlisted, said.heirs) = (true, vec![world.id_of("z")])),
        ("more than are named", true, |world, said| {
            (said.unlisted, said.heirs) = (true, ["q", "r", "s", "t"].map(|policy| world.id_of(policy)).to_vec());
        }),
        ("it did not come to counting", true, |_, said| said.unlisted = true),
        ("it has what the member gives no rights to", false, |_, said| {
            let (cause, count, first, detail) = (WaitingCause::OutsideRights, 1, String::new(), String::new());
            (said.unlisted, said.waiting) = (true, vec![ObjectsWaiting { cause, count, first, detail }]);
        }),
        ("it was suspended", true, |_, said| said.unweighed = true),
        ("it answered an earlier question", true, |_, said| said.epoch = 0),
    ];
    for (what, expect, change) in table {
        let mut world = both();
        world.answers("p", |_| {});
        world.changes(change);
        world.step();
        world.units.pop();
        let plan = world.step();
        assert_eq!(world.at("a").removal, Removal::Prune, "{what}");
        assert_eq!(world.at("p").withheld.is_some_and(|held| held.untaken), expect, "{what}");
        if expect {
            let units: Vec<&UnitId> = plan.write_decisions.iter().map(|(_, decision)| &decision.unit).collect();
            assert_eq!(units, [&world.id_of("p"), &world.id_of("a")], "{what}: held first");
        }
        assert_eq!(world.asks(), expect, "{what}");
    }
    // One that was never heard of has nothing there.
    let mut world = both();
    world.statuses.remove(&(world.id_of("p"), name("m")));
    world.units.pop();
    world.step();
    assert_eq!(world.at("p").withheld, None);
}

/// A commit that takes the objects out of both is a commit.
#[test]
fn an_edit_of_the_other_unit_holds_and_a_commit_does_not() {
    let table: [(&str, &str, &str, Said, bool); 4] = [
        ("an edit", "c1", "elsewhere", waits, true),
        ("a commit", "c2", "a", waits, false),
        ("a commit and an edit", "c2", "elsewhere", waits, true),
        ("an edit while nothing is awaited", "c1", "elsewhere", |_, _| {}, false),
    ];
    for (what, commit, path, said, expect) in table {
        let mut world = both();
        world.changes(said);
        world.commits("a", commit, path);
        world.step();
        assert_eq!(world.asks(), expect, "{what}");
    }
}

#[test]
fn such_a_hold_ends_with_a_persons_word_or_when_nothing_is_left() {
    for is_approved in [true, false] {
        let mut world = both();
        world.answers("p", |_| {});
        world.changes(waits);
        world.units.pop();
        world.step();
        assert!(world.asks());
        // A commit of its own, by which fewer are lost.
        world.commits("p", "c2", "p");
        world.step();
        world.answers("p", |said| said.held = Some(list("two", 2)));
        world.step();
        let held = world.list_of("p").unwrap();
        assert_eq!((held.count, &*held.causes), (2, &[Cause::Untaken][..]));
        if is_approved {
            world.facts.approved = vec![held.digest];
            world.step();
            assert_eq!(world.at("p").granted, Some(list("two", 2).digest));
        }
        // They are gone, or the source has them again.
        world.answers("p", |_| {});
        world.step();
        assert_eq!(world.at("p").withheld, None);
        world.answers("p", |said| said.held = Some(list("another", 3)));
        world.step();
        assert_eq!(world.list_of("p"), None, "approved: {is_approved}");
    }
}

/// As when the objects were lost by one unit a moment before the other one had them.
#[test]
fn a_grant_from_before_the_objects_were_awaited_releases_nothing() {
    let mut world = both();
    assert!(!world.asks());
    world.answers("p", |_| {});
    world.changes(waits);
    world.step();
    assert!(world.at("p").granted.is_some());
    world.units.pop();
    world.step();
    assert_eq!(world.at("p").granted, None);
    assert!(world.asks());
}

/// It lost the objects after it was heard last, so that it never said that it waits.
#[test]
fn what_a_member_that_is_away_would_have_handed_over_is_held() {
    let mut world = both();
    world.facts.removals = 0;
    world.members.insert(name("m"), MemberFacts::new(Reach::Unknown));
    world.commits("p", "c2", "p");
    world.commits("a", "c2", "a");
    world.step();
    world.units.pop();
    world.step();
    assert!(world.at("a").kept().is_some());
    // It takes over what it wants until a person agrees.
    let observed = Observed {
        owner: &world.owner,
        facts: world.facts.clone(),
        units: &world.units,
        hub: &world.hub,
        revisions: world.revisions.clone(),
        decisions: world.decisions.clone(),
        statuses: world.statuses.clone(),
        members: world.members.clone(),
        rendered: BTreeMap::new(),
        lost: BTreeMap::new(),
        claims: Vec::new(),
        renderer: world.renderer,
    };
    let (wanted, m) = (BTreeMap::new(), name("m"));
    let there = wanted_there(&observed, &wanted, &BTreeSet::from([&m]));
    assert!(there[&world.id_of("a")].contains_key(&m));
    world.facts.removals = 1;
    world.step();
    assert_eq!(world.at("a").removal, Removal::Prune);
    let key = |n: usize| {
        let (kind, namespace, name) = ("ConfigMap".into(), "shop".into(), format!("c{n}"));
        Arc::new(HashedKey::from(model::ObjectKey { kind, namespace, name, ..model::ObjectKey::default() }))
    };
    world.lost.insert((world.id_of("p"), m), (1..4).map(key).collect());
    world.step();
    let held = world.list_of("p").unwrap();
    assert_eq!((held.count, held.causes, held.away.len()), (3, vec![Cause::Untaken], 1));
    assert_eq!(world.at("p").granted, None);
}

#[test]
fn a_list_says_that_some_of_it_was_kept_for_a_unit_that_has_left() {
    let heir: UnitId = "g/K/ns/other".parse().unwrap();
    let with = |heirs: &[&UnitId], held: Option<Deletions>| UnitStatus {
        heirs: heirs.iter().copied().cloned().collect(),
        held,
        ..status(UnitPhase::Applied)
    };
    let waits = || Some(list("three", 3));
    let untaken = || Some(Deletions { untaken: true, ..list("three", 3) });
    let done = || Some(Deletions { state: DeletionState::Released, count: 0, released: 3, ..list("three", 3) });
    let many: Vec<UnitId> = (0..UnitStatus::HEIRS_MAX).map(|n| format!("g/K/ns/n{n}").parse().unwrap()).collect();
    let many: Vec<&UnitId> = many.iter().collect();
    for (what, before, now, is_placed, expect) in [
        ("it has left", with(&[&heir], None), waits(), false, Some(true)),
        ("it is there, and wants it no more", with(&[&heir], None), waits(), true, Some(false)),
        ("nobody was awaited", with(&[], None), waits(), false, Some(false)),
        ("there may be more", with(&many, None), waits(), true, Some(true)),
        ("it was said before", with(&[], untaken()), waits(), true, Some(true)),
        ("a person agreed", with(&[], untaken()), done(), true, Some(false)),
        ("nothing waits", with(&[&heir], None), None, false, None),
    ] {
        let mut now = with(&[], now);
        note_untaken(&mut now, Some(&before), |_| is_placed);
        assert_eq!(now.held.map(|held| held.untaken), expect, "{what}");
    }
    let mut now = with(&[], waits());
    note_untaken(&mut now, None, |_| false);
    assert_eq!(now.held, waits());
}

#[test]
fn who_is_awaited_is_known_until_it_is_counted_again() {
    let heirs: Vec<UnitId> = (0..6).map(|n| format!("g/K/ns/n{n}").parse().unwrap()).collect();
    let before = UnitStatus { heirs: heirs[..1].to_vec(), ..status(UnitPhase::Applied) };
    for (what, said, expect) in [
        ("nobody", Reported { ..reported(UnitPhase::Applied, b"p") }, 0..0),
        ("not counted", Reported { uncounted: true, ..reported(UnitPhase::Failed, b"p") }, 0..1),
        ("suspended", Reported { unweighed: true, ..reported(UnitPhase::Suspended, b"p") }, 0..1),
        ("it failed", Reported { unlisted: true, ..reported(UnitPhase::Failed, b"p") }, 0..1),
        ("others", Reported { unlisted: true, heirs: heirs.clone(), ..reported(UnitPhase::Applied, b"p") }, 0..4),
    ] {
        let merged = merge_report(&said, Some(&before), now()).unwrap();
        assert_eq!(merged.heirs, heirs[expect], "{what}");
    }
}

use model::Digest;

use super::*;
use crate::instruction::{Asked, Handling};
use crate::inventory::Ended;

fn key() -> Arc<HashedKey> {
    ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name: "c".into(), ..ObjectKey::default() }.into()
}

fn facts(key: &Arc<HashedKey>, standing: Standing) -> Facts<'_> {
    Facts {
        key,
        version: "v1",
        standing,
        waiting: None,
        phase_waits: false,
        problem: None,
        contest: None,
        entry: None,
        accepted: None,
        reading: None,
        hidden: None,
        reverts: 0,
        drift: &[],
        unsent: &[],
        unhonoured: &[],
        misspelt: &[],
        adoption: &[],
        serves_both: false,
        stays: false,
        replaced: false,
    }
}

#[test]
fn what_is_left_alone_or_ran_to_its_end_is_as_wanted() {
    let key = key();
    let asked = Asked { handling: Handling::LeaveAlone, by: "kurator.dev/reconcile: disabled" };
    let (alone, part) = row(&facts(&key, Standing::Wanted(Step::LeftAlone(asked))));
    assert_eq!((alone.sync, alone.reason.as_str(), part.health), (SyncState::LeftAlone, LEFT_ALONE, Health::Healthy));
    assert_eq!((alone.health, alone.message.as_str()), (Health::Unknown, NOT_MADE_WORDS));
    assert_eq!(alone.notes, ["left alone, as the annotation kurator.dev/reconcile: disabled asks"]);
    // What is known of it is said.
    let broken = Reading {
        part: Part { health: Health::Degraded, ..Part::default() },
        reason: "CrashLoop".to_owned(),
        message: "no".to_owned(),
    };
    let seen = Facts { reading: Some(&broken), ..facts(&key, Standing::Wanted(Step::LeftAlone(asked))) };
    let (alone, part) = row(&seen);
    assert_eq!((alone.reason.as_str(), alone.message.as_str(), part.health), ("CrashLoop", "no", Health::Degraded));
    for (failed, health, reason) in [(false, Health::Healthy, ""), (true, Health::Degraded, FAILED_AND_GONE)] {
        let entry = Entry { ended: Some(Ended { digest: Digest::of(b"x"), failed }.into()), ..Entry::default() };
        let (ran, part) = row(&Facts { entry: Some(&entry), ..facts(&key, Standing::Wanted(Step::Skip)) });
        assert_eq!((ran.sync, part.health, ran.reason.as_str()), (SyncState::Synced, health, reason));
        assert!(ran.message.ends_with("it runs again when its content changes"), "{}", ran.message);
    }
}

#[test]
fn what_is_left_alone_counts_as_applied_when_it_is_there() {
    let key = key();
    let (alone, once) = (Handling::LeaveAlone, Handling::CreateOnly);
    let theirs = Reading { part: Part { health: Health::Healthy, ..Part::default() }, ..Reading::default() };
    // What is asked, what is seen of it, why it cannot be seen, and whether it is counted.
    for (handling, reading, hidden, applied) in [
        (alone, Some(&theirs), None, 1),
        (alone, None, Some("no rights"), 0),
        (alone, None, None, 0),
        (once, None, None, 1),
    ] {
        let asked = Asked { handling, by: "an annotation" };
        let facts = Facts { reading, hidden, ..facts(&key, Standing::Wanted(Step::LeftAlone(asked))) };
        let mut rows = Rows::default();
        rows.push_wanted(&facts, &Pool::default());
        let (counts, sum) = rows.sum(UnitCounts::default());
        assert_eq!((counts.desired, counts.applied, counts.failed), (1, applied, 0), "{hidden:?}");
        assert!(hidden.is_some() || sum.health == Health::Healthy, "its unit is ready: {sum:?}");
    }
}

#[test]
fn what_else_there_is_to_know_is_noted() {
    let key = key();
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    let (unsent, unhonoured, adoption) = (texts(&["metadata.uid", "status"]), texts(&["a: b"]), texts(&["spec.x"]));
    let misspelt = texts(&["a: b", "c is \"d\""]);
    let accepted = Accepted { left: texts(&["spec.caBundle (cainjector)"]), ..Accepted::default() };
    let facts = Facts {
        unsent: &unsent,
        unhonoured: &unhonoured,
        misspelt: &misspelt,
        adoption: &adoption,
        accepted: Some(&accepted),
        ..facts(&key, Standing::Wanted(Step::Skip))
    };
    assert_eq!(
        row(&facts).0.notes,
        [
            "its adoption changed spec.x",
            "left to the manager that filled it: spec.caBundle (cainjector); take it out of the source",
            "not sent, since only a server sets it: metadata.uid, status",
            "asked for by annotation, and not done: a: b, c is \"d\"",
        ]
    );
}

fn of_unit(unit: &str) -> Elsewhere {
    Elsewhere { unit: unit.to_owned(), is_idle: false }
}

#[test]
fn an_object_of_another_unit_that_is_as_this_one_has_it_serves_both() {
    let key = key();
    let healthy = Reading { part: Part { health: Health::Healthy, ..Part::default() }, ..Reading::default() };
    let elsewhere =
        Facts { reading: Some(&healthy), serves_both: true, ..facts(&key, Standing::Elsewhere(of_unit("a/b"))) };
    let (shared, part) = row(&elsewhere);
    assert_eq!((shared.sync, shared.reason.as_str(), part.health), (SyncState::Synced, "", Health::Healthy));
    assert_eq!(shared.notes, ["unit a/b delivers it, for this one too"]);
}

#[test]
fn a_row_says_how_an_object_compares_and_what_it_amounts_to() {
    let key = key();
    let healthy = Reading { part: Part { health: Health::Healthy, ..Part::default() }, ..Reading::default() };
    let wanted = |step| facts(&key, Standing::Wanted(step));
    let check = |facts: Facts<'_>, sync, health, reason: &str| {
        let (row, part) = row(&facts);
        assert_eq!((row.sync, row.health, row.reason.as_str()), (sync, health, reason), "{facts:?}");
        assert_eq!(part.health, health);
    };
    let seen = |facts| Facts { reading: Some(&healthy), ..facts };
    check(seen(wanted(Step::Skip)), SyncState::Synced, Health::Healthy, "");
    check(seen(wanted(Step::Send(Why::Revert))), SyncState::Drifted, Health::Healthy, "");
    check(wanted(Step::Send(Why::Recreate)), SyncState::Drifted, Health::Missing, "");
    check(wanted(Step::Send(Why::New)), SyncState::Pending, Health::Progressing, "");
    check(seen(wanted(Step::Recall)), SyncState::Pending, Health::Healthy, "");
    check(Facts { phase_waits: true, ..wanted(Step::Send(Why::New)) }, SyncState::Waiting, Health::Progressing, "");
    check(seen(wanted(Step::Wait)), SyncState::Deleting, Health::Healthy, "");
    check(Facts { hidden: Some("forbidden"), ..wanted(Step::Skip) }, SyncState::Synced, Health::Unknown, NOT_VISIBLE);
    // What an answer to an apply said of it does not count.
    check(Facts { hidden: Some("no"), ..seen(wanted(Step::Skip)) }, SyncState::Synced, Health::Unknown, NOT_VISIBLE);
    let lost = Entry { adopted: true, unrecorded: true, ..Entry::default() };
    check(Facts { entry: Some(&lost), ..seen(wanted(Step::Skip)) }, SyncState::Synced, Health::Healthy, RECORD_LOST);
    let unasked = Accepted { unasked: true, ..Accepted::default() };
    let kept = Facts { accepted: Some(&unasked), ..seen(wanted(Step::Skip)) };
    check(kept, SyncState::Synced, Health::Healthy, NOT_ASKED);
    let both = Facts { entry: Some(&lost), problem: Some(("Invalid", "no")), ..seen(wanted(Step::Skip)) };
    check(both, SyncState::Failed, Health::Healthy, "Invalid");
    let refused = Facts { problem: Some(("Invalid", "no")), ..wanted(Step::Send(Why::New)) };
    check(refused, SyncState::Failed, Health::Missing, "Invalid");
    // It is there, made by somebody else, and is not watched.
    for reason in [apply::ADOPTION_REFUSED, apply::FOREIGN_HUB] {
        let theirs = Facts { problem: Some((reason, "it was there before")), ..wanted(Step::Send(Why::New)) };
        check(theirs, SyncState::Failed, Health::Unknown, reason);
    }
    let contest = Contest { key: &key, manager: Some("hpa"), until: Timestamp::UNIX_EPOCH };
    let fought = Facts { contest: Some(contest), ..seen(wanted(Step::Send(Why::Revert))) };
    check(fought.clone(), SyncState::Contested, Health::Healthy, reason::CONTESTED);
    assert!(row(&fought).0.message.starts_with("changed again and again by hpa; it is left alone until 1970"));
    check(facts(&key, Standing::Elsewhere(of_unit("u"))), SyncState::Failed, Health::Missing, "Conflict");
    check(seen(facts(&key, Standing::Leaving)), SyncState::Deleting, Health::Healthy, "");
    check(facts(&key, Standing::Held), SyncState::DeletionHeld, Health::Missing, "");
    check(facts(&key, Standing::Lost), SyncState::PrunePending, Health::Missing, "");
    check(seen(facts(&key, Standing::NotPruned)), SyncState::NotPruned, Health::Healthy, "");
}

#[test]
fn pods_count_in_the_unit_that_delivers_them() {
    let key = key();
    let two = PodCounts { desired: 2, ready: 2 };
    let reading = Reading { part: Part { health: Health::Healthy, pods: two }, ..Reading::default() };
    let check = |standing: Standing, waiting: Option<apply::WaitingOn>, expect: PodCounts| {
        let facts = Facts { waiting, reading: Some(&reading), ..facts(&key, standing.clone()) };
        assert_eq!(row(&facts).1.pods, expect, "{standing:?}");
    };
    let nothing = PodCounts::default();
    check(Standing::Wanted(Step::Skip), None, two);
    check(Standing::Wanted(Step::Skip), Some(apply::WaitingOn::Contested), two);
    check(Standing::Elsewhere(of_unit("u")), None, nothing);
    check(Standing::Wanted(Step::Send(Why::New)), Some(apply::WaitingOn::OtherHub("h".into())), nothing);
}

#[test]
fn a_fight_is_said_with_who_until_when_and_what_to_do() {
    let key = key();
    let until = Timestamp::from_second(600).unwrap();
    let check = |manager, expect: &str| {
        let contested = Some(Contest { key: &key, manager, until });
        let summary = summarize(&PassEnd::Done, &Troubles { contested, ..Troubles::default() });
        let rest = "it is left alone until 1970-01-01T00:10:00Z, then reverted again: let only one of the two write it";
        assert_eq!((summary.reason.as_str(), summary.message), (reason::CONTESTED, format!("{expect}; {rest}")));
    };
    check(Some("hpa"), "ConfigMap shop/c is changed again and again by hpa");
    check(None, "ConfigMap shop/c is changed again and again (Kubernetes does not record by whom)");
    // What writes under our own name is another hub, and cannot be told from us in another way.
    let contested = Some(Contest { key: &key, manager: Some(label::FIELD_MANAGER), until });
    let message = summarize(&PassEnd::Done, &Troubles { contested, ..Troubles::default() }).message;
    assert!(
        message
            .starts_with("ConfigMap shop/c is changed again and again under Kurator's own name: probably a second hub")
    );
    assert!(message.ends_with("stop one of the two hubs, then `kurator sync` tries at once"), "{message}");
}

#[test]
fn one_row_is_made_again_and_the_sum_follows() {
    let key = key();
    let healthy = Reading { part: Part { health: Health::Healthy, ..Part::default() }, ..Reading::default() };
    let good = Facts { reading: Some(&healthy), ..facts(&key, Standing::Wanted(Step::Skip)) };
    let (mut rows, pool) = (Rows::default(), Pool::default());
    rows.push_wanted(&good, &pool);
    rows.push_wanted(&good, &pool);
    rows.push_unwanted(&facts(&key, Standing::Held), &pool);
    let (counts, sum) = rows.sum(UnitCounts { inventory: 3, adopted: 1, ..UnitCounts::default() });
    assert_eq!((counts.desired, counts.applied, counts.healthy, counts.inventory, counts.adopted), (2, 2, 2, 3, 1));
    assert_eq!(sum.health, Health::Healthy);
    let before = rows.shared();
    assert!(!rows.replace(1, &good, &pool), "it says the same");
    assert!(rows.replace(
        1,
        &Facts { problem: Some(("Invalid", "no")), ..facts(&key, Standing::Wanted(Step::Send(Why::New))) },
        &pool
    ));
    let (counts, sum) = rows.sum(UnitCounts { inventory: 3, adopted: 1, ..UnitCounts::default() });
    assert_eq!((counts.applied, counts.failed, sum.health), (1, 1, Health::Missing));
    let after = rows.shared();
    assert!(Arc::ptr_eq(&before[0], &before[1]), "rows that say the same are one");
    assert!(Arc::ptr_eq(&before[0], &after[0]) && !Arc::ptr_eq(&before[1], &after[1]));
}

#[test]
fn pods_of_what_is_to_be_deleted_count_until_they_are_gone_and_nobodys_count_twice() {
    let key = key();
    let pods = PodCounts { desired: 3, ready: 2 };
    let runs = Reading { part: Part { health: Health::Healthy, pods }, ..Reading::default() };
    let seen = |standing| Facts { reading: Some(&runs), ..facts(&key, standing) };
    let sum = |wanted: &[Facts<'_>], unwanted: &[Facts<'_>]| {
        let (mut rows, pool) = (Rows::default(), Pool::default());
        wanted.iter().for_each(|facts| rows.push_wanted(facts, &pool));
        unwanted.iter().for_each(|facts| rows.push_unwanted(facts, &pool));
        rows.sum(UnitCounts::default()).1
    };
    let wanted = || seen(Standing::Wanted(Step::Skip));
    assert_eq!(sum(&[wanted()], &[]).pods, pods);
    assert_eq!(sum(&[], &[seen(Standing::Held)]).pods, pods, "held");
    assert_eq!(sum(&[], &[seen(Standing::Leaving)]).pods, pods, "leaving");
    assert_eq!(sum(&[wanted()], &[seen(Standing::Held)]).pods, PodCounts { desired: 6, ready: 4 });
    assert_eq!(sum(&[wanted()], &[seen(Standing::NotPruned)]).pods, pods, "what is not pruned is nobody's to wait for");
    // Where another unit or another hub delivers the object, its pods count there.
    assert_eq!(sum(&[seen(Standing::Elsewhere(of_unit("u")))], &[]).pods, PodCounts::default());
    let other_hub = Facts { waiting: Some(apply::WaitingOn::OtherHub("h".into())), ..wanted() };
    assert_eq!(sum(&[other_hub], &[]).pods, PodCounts::default());
}

#[test]
fn the_worst_is_said_first() {
    let key = key();
    let held =
        Deletions { state: DeletionState::Waiting, ..crate::prune::deletions(std::slice::from_ref(&key), 0, true) };
    let waiting = [WaitingOn::Guard];
    let all = Troubles {
        problem: Some((&key, "Invalid", "no")),
        conflict: Some((&key, of_unit("other"))),
        failed: 2,
        pending: Some(&key),
        deleted: Some(Deleted { key: &key, message: String::new(), count: 2 }),
        contested: Some(Contest { key: &key, manager: None, until: Timestamp::UNIX_EPOCH }),
        kept: &waiting,
        hidden: None,
        deletions: Some(&held),
        left: 4,
        adopted: 1,
        unrecorded: 0,
    };
    let word = |end: &PassEnd, troubles: &Troubles<'_>| {
        let summary = summarize(end, troubles);
        (summary.phase, summary.reason)
    };
    let done = |troubles: &Troubles<'_>| word(&PassEnd::Done, troubles);
    assert_eq!(done(&all), (UnitPhase::Failed, "Invalid".into()));
    assert!(
        summarize(&PassEnd::Done, &all).message.starts_with("ConfigMap shop/c: no (and 1 more); the hub is behind")
    );
    let conflict = Troubles { problem: None, ..all.clone() };
    assert_eq!(done(&conflict), (UnitPhase::Failed, "Conflict".into()));
    let deleted = Troubles { failed: 0, ..conflict };
    assert_eq!(done(&deleted), (UnitPhase::Applying, reason::BEING_DELETED.into()));
    let goes = summarize(&PassEnd::Done, &deleted).message;
    assert!(goes.starts_with("ConfigMap shop/c is being deleted (and 1 more); what the unit has is made"), "{goes}");
    let waiting = summarize(&PassEnd::Waiting { phase: "x".into() }, &deleted);
    assert_eq!((waiting.phase, waiting.reason.as_str()), (UnitPhase::Waiting, reason::BEING_DELETED));
    let pending = Troubles { deleted: None, ..deleted };
    assert_eq!(done(&pending), (UnitPhase::Applying, "ObjectsPending".into()));
    let guarded = Troubles { pending: None, ..pending };
    assert_eq!(done(&guarded), (UnitPhase::DeletionsHeld, "DeletionsHeld".into()));
    let released = Deletions { state: DeletionState::Released, ..held.clone() };
    let contested = Troubles { deletions: Some(&released), ..guarded };
    assert_eq!(done(&contested), (UnitPhase::Applied, reason::CONTESTED.into()));
    let frozen = [WaitingOn::Frozen { why: "no branch".into(), count: 2 }];
    let kept = Troubles { contested: None, kept: &frozen, ..contested };
    assert_eq!(
        summarize(&PassEnd::Done, &kept),
        Summary::new(
            UnitPhase::Applied,
            "PruneWaits",
            "nothing is pruned: no branch; 1 object was there before and is adopted: it would be released, not deleted"
        )
    );
    assert_eq!(done(&Troubles { kept: &[], ..kept.clone() }), (UnitPhase::Applied, "Applied".into()));
    let lost = summarize(&PassEnd::Done, &Troubles { kept: &[], unrecorded: 1, ..kept.clone() });
    assert_eq!((lost.phase, lost.reason.as_str()), (UnitPhase::Applied, RECORD_LOST));
    assert!(
        lost.message.ends_with(
            "1 of them bear this hub's label, so that the inventory with what was made here seems to be lost"
        )
    );
    let unseen = Troubles { hidden: Some((&key, "no right".into())), ..kept.clone() };
    let words = "ConfigMap shop/c cannot be seen: no right; nothing is pruned: no branch";
    assert_eq!(summarize(&PassEnd::Done, &unseen), Summary::new(UnitPhase::Applied, NOT_VISIBLE, words));
    let unlisted = |leaving| word(&PassEnd::Unlisted { leaving }, &unseen);
    assert_eq!(unlisted(false), (UnitPhase::Applying, NOT_VISIBLE.into()));
    assert_eq!(unlisted(true), (UnitPhase::Removing, NOT_VISIBLE.into()));
    assert_eq!(word(&PassEnd::Suspended, &all).0, UnitPhase::Suspended);
    assert_eq!(word(&PassEnd::NoPayload("why".into()), &all).0, UnitPhase::Pending);
    assert_eq!(word(&PassEnd::Waiting { phase: "x".into() }, &all).0, UnitPhase::Waiting);
    assert_eq!(word(&PassEnd::Leaving { gone: true }, &all).0, UnitPhase::Removed);
    let leaving = |troubles: &Troubles<'_>| summarize(&PassEnd::Leaving { gone: false }, troubles).message;
    assert!(leaving(&all).starts_with("4 objects are left; ConfigMap shop/c: no; the hub is behind"), "it says why");
    assert!(leaving(&Troubles { problem: None, ..all.clone() }).starts_with("4 objects are left; the hub is behind"));
    let going = |message: &str| {
        let deleted = Some(Deleted { key: &key, message: message.to_owned(), count: 2 });
        let troubles = Troubles { problem: None, kept: &[], deleted, ..all.clone() };
        let Summary { reason, message, .. } = summarize(&PassEnd::Leaving { gone: false }, &troubles);
        (reason, message)
    };
    assert_eq!(going("being deleted"), ("Removing".to_owned(), "4 objects are left".to_owned()));
    let (reason, message) = going("being deleted, and waits for finalizer example.com/hold");
    let named = "is being deleted, and waits for finalizer example.com/hold (and 1 more)";
    assert_eq!(reason, "BeingDeleted");
    assert_eq!(message, format!("4 objects are left; {key} {named}"));
    assert_ne!(held.digest, Digest::of(b""));
}

#[test]
fn a_row_says_whether_its_object_asks_to_stay_and_whether_the_unit_made_it() {
    let key = key();
    let recorded = Entry::default();
    for (stays, entry, kept, unmade) in [
        (false, None, false, true),
        (true, None, true, true),
        (false, Some(&recorded), false, false),
        // In the member only: the inventory does not know.
        (true, Some(&recorded), true, false),
    ] {
        let (row, _) = row(&Facts { stays, entry, ..facts(&key, Standing::Wanted(Step::Skip)) });
        assert_eq!((row.kept, row.unmade), (kept, unmade), "{stays} {entry:?}");
    }
}

#[test]
fn what_is_recorded_before_it_is_sent_for_the_first_time_is_not_made() {
    let key = key();
    let (begun, made) = (Entry::default(), Entry { uid: Some("u".into()), ..Entry::default() });
    let rolls_out = Reading { part: Part { health: Health::Progressing, ..Part::default() }, ..Reading::default() };
    let waits =
        |entry| Facts { entry: Some(entry), phase_waits: true, ..facts(&key, Standing::Wanted(Step::Send(Why::New))) };
    for (facts, unmade) in [
        (waits(&begun), true),
        // Its answer was lost, or that cannot be seen.
        (Facts { reading: Some(&rolls_out), ..waits(&begun) }, false),
        (Facts { hidden: Some("not served"), ..waits(&begun) }, false),
        (Facts { problem: Some(("Timeout", "no answer")), ..waits(&begun) }, false),
        // A rollout is under way, and another version waits.
        (Facts { reading: Some(&rolls_out), ..waits(&made) }, false),
        (waits(&made), false),
    ] {
        assert_eq!(row(&facts).0.unmade, unmade, "{facts:?}");
    }
}

#[test]
fn a_unit_that_is_not_well_says_first_what_it_waits_for() {
    let object = |name: &str| -> Arc<HashedKey> {
        let kind = "Deployment".to_owned();
        ObjectKey { group: "apps".into(), kind, namespace: "shop".into(), name: name.into() }.into()
    };
    let (web, api, cron) = (object("web"), object("api"), object("cron"));
    let reading = |health, reason: &str, message: &str| Reading {
        part: Part { health, ..Part::default() },
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    let rows = |all: &[(&Arc<HashedKey>, &Reading)]| {
        let mut rows = Rows::default();
        for (key, reading) in all {
            let facts = Facts { reading: Some(reading), ..facts(key, Standing::Wanted(Step::Skip)) };
            rows.push_wanted(&facts, &Pool::default());
        }
        rows
    };
    let well = reading(Health::Healthy, "", "");
    let coming = reading(Health::Progressing, "AvailableShort", "0 of 1 available");
    let failed = reading(Health::Degraded, "CrashLoopBackOff", "");
    let said =
        |rows: &Rows, message: &str| Summary::new(UnitPhase::Applied, "Applied", message).with_unready(rows).message;
    assert_eq!(said(&rows(&[(&web, &well)]), ""), "");
    let waits = rows(&[(&web, &well), (&api, &coming), (&cron, &coming)]);
    assert_eq!(said(&waits, ""), "waits for Deployment.apps shop/api: 0 of 1 available (and 1 more)");
    assert_eq!(
        said(&waits, "1 adopted"),
        "waits for Deployment.apps shop/api: 0 of 1 available (and 1 more); 1 adopted"
    );
    let broken = rows(&[(&api, &coming), (&web, &failed)]);
    assert_eq!(said(&broken, ""), "Deployment.apps shop/web is Degraded: CrashLoopBackOff (and 1 more)");
    let suspended =
        |rows: &Rows| Summary::new(UnitPhase::Suspended, "Suspended", "observed only").with_unready(rows).message;
    assert_eq!(suspended(&rows(&[(&web, &well)])), "observed only");
    assert_eq!(
        suspended(&broken),
        "Deployment.apps shop/web is Degraded: CrashLoopBackOff (and 1 more); observed only"
    );
    let mut gone = rows(&[(&api, &well)]);
    gone.push_wanted(&facts(&web, Standing::Wanted(Step::Send(Why::Recreate))), &Pool::default());
    assert_eq!(suspended(&gone), "Deployment.apps shop/web is Missing; observed only");
    // What was refused before it was suspended says why; what was not sent yet is nothing that is wrong.
    let mut refused = rows(&[(&api, &well)]);
    let problem = Some(("Invalid", "spec.replicas: must be a number"));
    refused.push_wanted(&Facts { problem, ..facts(&web, Standing::Wanted(Step::Send(Why::New))) }, &Pool::default());
    assert!(
        suspended(&refused).starts_with("Deployment.apps shop/web: spec.replicas: must be a number; "),
        "{}",
        suspended(&refused)
    );
    let mut unsent = rows(&[(&api, &well)]);
    unsent.push_wanted(&facts(&web, Standing::Wanted(Step::Send(Why::New))), &Pool::default());
    assert_eq!(suspended(&unsent), "observed only");
    // What is worse is said alone.
    let other = Summary::new(UnitPhase::Failed, "Invalid", "no");
    assert_eq!(other.clone().with_unready(&broken), other);
    let phase = Summary::new(UnitPhase::Waiting, "PhaseWaiting", "waiting for the workloads of the unit");
    let said = phase.with_unready(&waits).message;
    assert!(said.starts_with("waiting for the workloads of the unit: waits for Deployment.apps shop/api: "), "{said}");
}

use api::delivery::{ExpectedDeletions, Inputs, ObjectSet};
use model::Digest;
use plan::reach::Reach;
use serde_json::json;

use super::*;
use crate::deps::tests::{Still, idle};
use model::Clock as _;

/// A revision of the unit, of files that the cache has lost: each try to render it is counted.
fn revision(unit: &UnitId, epoch: u64) -> RevisionSpec {
    let artifact = json!({"digest": Digest::of(&epoch.to_be_bytes()), "url": "ftp://gone",
        "revision": "main@sha1:3f2c1a97df8477b5708f63235d978e6ede475f92"});
    let inputs = json!({"artifact": {"artifact": artifact, "kustomize": {"path": "."}}});
    let spec = json!({"unit": unit, "epoch": epoch, "renderer": render::VERSION, "inputs": inputs,
        "time": Still.now().to_string()});
    serde_json::from_value(spec).unwrap()
}

#[tokio::test]
async fn members_that_are_away_make_nothing_be_rendered_that_is_known() {
    let (_cache, controllers) = idle();
    let renderings = &controllers.deps.renderings;
    let hub = HubId::from_random([7; 10]);
    let owner = plan::application::owner("default", "app");
    let id = owner.unit(Some("p"));
    let member: MemberName = "a".parse().unwrap();
    let units = [UnitSpec {
        id: id.clone(),
        inputs: None,
        placement: Placement::Given(BTreeMap::new()),
        prune: true,
        by_place: false,
        suspend: false,
        force: false,
        overwrite: false,
        frozen: None,
    }];
    let expected = ExpectedDeletions {
        digest: Digest::of(b"list"),
        count: 1,
        sample: Vec::new(),
        guarded: 0,
        desired: 1,
        objects: ObjectSet::default(),
        approval: None,
        going: None,
        approved: Default::default(),
    };
    let (one, two) = (revision(&id, 1), revision(&id, 2));
    let name = |epoch| RevisionSpec::object_name(&id.short(&hub), epoch);
    // What it had, the epoch of what is stored of it, and whether its list is; and whether something is rendered.
    for (had, epoch, is_stored, renders) in
        [(1, 1, false, true), (2, 2, false, false), (1, 2, true, false), (1, 2, false, true), (1, 1, true, true)]
    {
        let status = json!({"revision": name(had), "epoch": had, "phase": "Applied", "health": "Healthy",
            "since": Still.now().to_string()});
        let entry = json!({"revision": name(2), "epoch": epoch, "reason": ""});
        let mut entry: api::delivery::MemberDecision = serde_json::from_value(entry).unwrap();
        entry.expected = is_stored.then(|| Box::new(expected.clone()));
        let decision =
            DecisionSpec { members: BTreeMap::from([(member.clone(), entry)]), ..DecisionSpec::empty(id.clone(), 0) };
        let rendered = Rendered::Payload { digest: Digest::of(b"x"), objects: 1, remotes: BTreeMap::new() };
        let observed = Observed {
            owner: &owner,
            facts: owner_facts(None, None),
            units: &units,
            hub: &hub,
            revisions: BTreeMap::from([(name(1), one.clone()), (name(2), two.clone())]),
            decisions: BTreeMap::from([("d".to_owned(), decision)]),
            statuses: BTreeMap::from([((id.clone(), member.clone()), serde_json::from_value(status).unwrap())]),
            members: BTreeMap::from([(member.clone(), MemberFacts::new(Reach::Unknown))]),
            rendered: BTreeMap::from([(id.clone(), rendered)]),
            lost: BTreeMap::new(),
            claims: Vec::new(),
            renderer: render::VERSION,
        };
        assert_eq!(unanswered(&observed).len(), 1);
        let before = renderings.count();
        lost_by_absent(renderings, |_| Rights::default(), &observed, Still.now()).await;
        assert_eq!(renderings.count() > before, renders, "had {had}, entry of epoch {epoch}, {is_stored}");
    }
}

#[test]
fn what_is_likely_to_be_a_mistake_goes_with_the_last_unit() {
    let unit = plan::application::owner("default", "app").unit(Some("p"));
    let said = || BTreeMap::from([(unit.clone(), Arc::from(["no such file".to_owned()]))]);
    let noted = |all, nothing, warnings| Noted { all, nothing, warnings, ..Noted::default() }.warnings();
    assert_eq!(noted(true, false, said()), Some(vec!["policy p: no such file".to_owned()]));
    assert_eq!(noted(false, false, said()), None, "another unit cannot be rendered: what was said stays");
    assert_eq!(noted(true, false, BTreeMap::new()), None, "nothing was fetched yet: what was said stays");
    assert_eq!(noted(true, true, BTreeMap::new()), Some(Vec::new()));
}

#[tokio::test]
async fn what_another_policy_is_to_have_there_is_not_lost() {
    let (_cache, controllers) = idle();
    let hub = HubId::from_random([7; 10]);
    let owner = plan::application::owner("default", "app");
    let (p, q, member) = (owner.unit(Some("p")), owner.unit(Some("q")), "a".parse::<MemberName>().unwrap());
    let inputs = |names: &[&str]| {
        let object = |name: &&str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}});
        let objects: Vec<_> = names.iter().map(object).collect();
        let key = plan::authenticator::HubKey::from_random([1; 32]);
        Inputs::Objects(plan::unit::objects::pack(&objects, &p.short(&hub), &key).unwrap().0)
    };
    let unit = |id: &UnitId, names: &[&str], members: &[&MemberName]| UnitSpec {
        id: id.clone(),
        inputs: Some(inputs(names)),
        placement: Placement::Given(members.iter().map(|member| ((*member).clone(), Default::default())).collect()),
        prune: true,
        by_place: false,
        suspend: false,
        force: false,
        overwrite: false,
        frozen: None,
    };
    let had = RevisionSpec { inputs: inputs(&["kept", "gone", "moved"]), ..revision(&p, 1) };
    let name = RevisionSpec::object_name(&p.short(&hub), 1);
    let status = json!({"revision": name, "epoch": 1, "phase": "Applied", "health": "Healthy",
        "since": Still.now().to_string()});
    let entry: api::delivery::MemberDecision =
        serde_json::from_value(json!({"revision": name, "epoch": 1, "reason": ""})).unwrap();
    let decision =
        DecisionSpec { members: BTreeMap::from([(member.clone(), entry)]), ..DecisionSpec::empty(p.clone(), 0) };
    let elsewhere: MemberName = "b".parse().unwrap();
    // Where the other policy goes.
    for (place, lost) in [(&member, vec!["gone"]), (&elsewhere, vec!["gone", "moved"])] {
        let units = [unit(&p, &["kept"], &[&member]), unit(&q, &["moved", "new"], &[place])];
        let rendered = || Rendered::Payload { digest: Digest::of(b"x"), objects: 1, remotes: BTreeMap::new() };
        let observed = Observed {
            owner: &owner,
            facts: owner_facts(None, None),
            units: &units,
            hub: &hub,
            revisions: BTreeMap::from([(name.clone(), had.clone())]),
            decisions: BTreeMap::from([("d".to_owned(), decision.clone())]),
            statuses: BTreeMap::from([((p.clone(), member.clone()), serde_json::from_value(status.clone()).unwrap())]),
            members: BTreeMap::from([(member.clone(), MemberFacts::new(Reach::Unknown))]),
            rendered: BTreeMap::from([(p.clone(), rendered()), (q.clone(), rendered())]),
            lost: BTreeMap::new(),
            claims: Vec::new(),
            renderer: render::VERSION,
        };
        let renderings = &controllers.deps.renderings;
        let found = lost_by_absent(renderings, |_| Rights::default(), &observed, Still.now()).await;
        let mut names: Vec<&str> = found[&(p.clone(), member.clone())].iter().map(|key| key.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, lost, "{place}");
    }
}

#[test]
fn a_source_is_not_followed_without_what_it_asks_for() {
    let check = |field: &str, value: serde_json::Value, expect: Option<&str>| {
        let git = json!({"url": "https://git.example/a", "interval": "1m", field: value});
        let said = unsupported(&serde_json::from_value(git).unwrap());
        let begins = said.as_deref().map(|said| said.split(':').next().unwrap());
        assert_eq!(begins, expect, "{field}");
    };
    let verify = "spec.source.gitRepository.verify is not supported so far";
    check("verify", json!({"mode": "head", "secretRef": {"name": "keys"}}), Some(verify));
    check(
        "include",
        json!([{"repository": {"name": "a"}}]),
        Some("spec.source.gitRepository.include is not supported so far"),
    );
    for (field, value) in [("verify", json!(null)), ("include", json!([])), ("gitImplementation", json!("go-git"))] {
        check(field, value, None);
    }
}

//! What a pass costs in a large fleet.

use std::collections::BTreeMap;
use std::convert::Infallible;

use api::delivery::{DecisionSpec, Deletions, MemberDecision, Removal, UnitPhase};
use kube::client::Body;
use model::{Digest, Timestamp};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Options, world};

struct Clock;

impl model::Clock for Clock {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }
}

const UNITS: usize = 10_000;
const MEMBERS: usize = 1_000;
/// Each unit goes to so many: 100,000 places in all (DESIGN 9).
const MEMBERS_OF_UNIT: usize = 10;

fn unit(n: usize) -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", "default", &format!("app{n:05}"), Some("p"))
}

fn member(n: usize) -> MemberName {
    format!("m{:03}", n % MEMBERS).parse().unwrap()
}

fn decision(n: usize) -> api::delivery::Decision {
    let entry = MemberDecision {
        revision: "r".into(),
        epoch: 1,
        placed: None,
        digest: None,
        reason: String::new(),
        replicas: None,
        // A unit that leaves needs no rendering.
        removal: Removal::Prune,
    };
    let members = (0..MEMBERS_OF_UNIT).map(|k| (member(n + k * MEMBERS / MEMBERS_OF_UNIT), entry.clone())).collect();
    let spec = DecisionSpec {
        unit: unit(n),
        slice: 0,
        prune: true,
        suspended: false,
        force: false,
        frozen: None,
        approved: None,
        members,
    };
    let mut decision = api::delivery::Decision::new(&format!("d{n:05}"), spec);
    decision.metadata.namespace = Some("default".into());
    decision.metadata.resource_version = Some((n + 1).to_string());
    decision
}

fn ctx(cache: &std::path::Path) -> Arc<Ctx> {
    let nobody = |_: http::Request<Body>| async {
        Ok::<_, Infallible>(http::Response::builder().status(500).body(Body::empty()).unwrap())
    };
    let client = kube::Client::new(tower::service_fn(nobody), "default");
    let options = Options { trust: client::Trust::default(), cache: cache.to_owned(), cache_bytes_max: 1 << 20 };
    let hub = HubId::from_random([7; 10]);
    let key = plan::authenticator::HubKey::from_random([1; 32]);
    Ctx::new(client, Arc::new(Clock), Arc::new(|| 0.5), hub, key, &options, CancellationToken::new()).unwrap()
}

fn status(held: bool) -> UnitStatus {
    let deletions = Deletions {
        digest: Digest::of(b"list"),
        count: 1,
        sample: Vec::new(),
        guarded: 0,
        behind: false,
        released: 0,
        state: api::delivery::DeletionState::Waiting,
    };
    UnitStatus {
        revision: "r".into(),
        epoch: 1,
        applied: None,
        phase: UnitPhase::Applied,
        health: api::delivery::Health::Healthy,
        objects: api::delivery::UnitCounts::default(),
        pods: api::delivery::PodCounts::default(),
        since: Clock.now(),
        reason: String::new(),
        message: String::new(),
        held: held.then_some(deletions),
        reverts: 0,
        last_drift: None,
    }
}

use model::Clock as _;

#[tokio::test]
async fn one_members_pass_costs_its_own_decisions_and_one_units_status_its_own_members() {
    let cache = tempfile::tempdir().unwrap();
    let ctx = ctx(cache.path());
    for n in 0..UNITS {
        ctx.world.decisions.learn(decision(n));
    }
    {
        let mut state = ctx.delivery.state();
        for n in 0..UNITS {
            for k in 0..MEMBERS_OF_UNIT {
                state.put(&member(n + k * MEMBERS / MEMBERS_OF_UNIT), &unit(n), status(false));
            }
        }
    }
    let own = UNITS * MEMBERS_OF_UNIT / MEMBERS;
    let found = ctx.world.decisions.by(world::MEMBER, member(3).as_str());
    assert_eq!(found.len(), own, "of {UNITS} decisions");
    let observed = observe::observe(&ctx, &member(3)).await;
    assert_eq!(observed.bundles.len(), own);
    assert_eq!(observed.snapshot(&ctx, &member(3)).units.len(), own);
    assert_eq!(ctx.delivery.state().of(&member(3)).len(), own);
    assert_eq!(ctx.delivery.statuses(&Key::new("default", "app00042")).len(), MEMBERS_OF_UNIT);
    assert_eq!(ctx.world.decisions_of(&unit(42)).len(), 1);

    // A decision that does not name the member any more is not found for it any more.
    let mut left = decision(3);
    left.metadata.resource_version = Some((UNITS + 1).to_string());
    left.spec.members = BTreeMap::new();
    ctx.world.decisions.learn(left);
    assert_eq!(ctx.world.decisions.by(world::MEMBER, member(3).as_str()).len(), own - 1);
}

#[test]
fn which_units_have_lists_to_weigh_follows_what_members_report() {
    let mut state = State::default();
    let held = |state: &State| state.waiting.get(&unit(1)).map_or(0, BTreeSet::len);
    state.put(&member(1), &unit(1), status(true));
    state.put(&member(2), &unit(1), status(true));
    state.put(&member(3), &unit(1), status(false));
    assert_eq!(held(&state), 2);
    state.put(&member(1), &unit(1), status(false));
    assert_eq!(held(&state), 1);
    state.retain(&member(2), |_| false);
    assert_eq!(held(&state), 0);
    state.retain(&member(1), |_| false);
    state.retain(&member(3), |_| false);
    assert!(state.statuses.is_empty() && state.units.is_empty() && state.waiting.is_empty(), "nothing is left behind");
}

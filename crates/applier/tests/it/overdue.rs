//! What is said of units whose member answers slowly, or not all that it is asked.

use std::sync::atomic::Ordering;
use std::time::Duration;

use api::delivery::{Health, UnitPhase, UnitStatus};
use api::feed::{SyncState, UnitReport};
use applier::Link;
use http::Method;
use plan::report::{NOT_ANSWERED, NOT_VISIBLE};
use tokio::time::Instant;

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, config_maps, deployment, detail, unit};

/// The bound of ADR 40.
const BOUND: Duration = Duration::from_secs(15);

/// Has lists and requests wait longer than any test.
fn be_patient(world: &mut World) {
    world.stop();
    world.limits.api.list = Duration::from_secs(3_600);
    world.limits.api.request = Duration::from_secs(3_600);
    world.limits.api.judge = None;
    world.start();
}

/// Cuts the connection; returns when the member is reached again, and the time.
async fn reconnect(world: &World) -> Instant {
    world.down.store(true, Ordering::SeqCst);
    world.until(&unit("a"), "unknown", |r| r.phase == UnitPhase::Unknown).await;
    world.down.store(false, Ordering::SeqCst);
    connected(world).await
}

async fn connected(world: &World) -> Instant {
    let is_up = || async { world.push.link(&world.member).is_some_and(|said| said.link == Link::Connected) };
    world.eventually("connected", is_up).await;
    Instant::now()
}

/// What a hub has stored of the unit.
fn stored(world: &World) -> UnitStatus {
    world.stored(&unit("a")).unwrap()
}

fn unseen(report: &UnitReport) -> bool {
    report.phase == UnitPhase::Unknown && report.reason == NOT_VISIBLE
}

#[tokio::test(start_paused = true)]
async fn a_member_that_comes_back_is_not_well_before_it_has_listed_what_it_has() {
    let mut world = World::new().await;
    be_patient(&mut world);
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/api/v1/configmaps?", usize::MAX, Act::Hang);
    let since = reconnect(&world).await;
    // A short while changes nothing that is stored.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(stored(&world).phase, UnitPhase::Applied);
    let report = world.until(&unit, "unseen", unseen).await;
    assert!(since.elapsed() < BOUND, "{:?}", since.elapsed());
    assert_eq!(report.message, "the member has not listed the objects of ConfigMap since the connection came about");
    let status = stored(&world);
    assert_eq!((status.phase, status.message.as_str()), (UnitPhase::Unknown, report.message.as_str()));
    assert_eq!(status.objects.inventory, 1, "what it had is kept");
    assert!(detail(&report, "c").health == Health::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_comes_back_is_not_well_before_it_has_said_which_kinds_it_has() {
    let mut world = World::new().await;
    be_patient(&mut world);
    let unit = world.set("a", 1, vec![deployment("web", 1, "nginx")]);
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/apis", usize::MAX, Act::Hang);
    let since = reconnect(&world).await;
    let report = world.until(&unit, "unseen", unseen).await;
    assert!(since.elapsed() < BOUND, "{:?}", since.elapsed());
    assert_eq!(report.message, "the member has not answered what is asked of it since the connection came about");
}

#[tokio::test(start_paused = true)]
async fn a_first_connection_that_takes_long_is_said() {
    let mut world = World::new().await;
    be_patient(&mut world);
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.faults.add(Method::GET, "/api/v1/namespaces/kurator-system/secrets", 1, Act::Hang);
    world.restart();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.push.link(&world.member).unwrap().link, Link::Connecting);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(matches!(world.push.link(&world.member).unwrap().link, Link::Unreachable(_)));
}

#[tokio::test(start_paused = true)]
async fn a_short_cut_of_the_connection_shows_nothing() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    let (before, heard) = (stored(&world), world.heard());
    for _ in 0..3 {
        reconnect(&world).await;
        world.applied(&unit).await;
        assert_eq!(stored(&world), before);
    }
    world.restart();
    world.applied(&unit).await;
    world.quiet().await;
    assert_eq!(stored(&world), before);
    assert!(!world.heard()[heard.len()..].contains(&NOT_VISIBLE.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_said_while_the_write_that_makes_it_again_is_not_answered() {
    let mut world = World::new().await;
    be_patient(&mut world);
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    world.faults.add(Method::PATCH, &config_map_path("c001"), usize::MAX, Act::Hang);
    let since = Instant::now();
    world.delete(&config_map_path("c001")).await;
    let report = world.until(&unit, "said", |r| r.reason == NOT_ANSWERED).await;
    assert!(since.elapsed() < BOUND, "{:?}", since.elapsed());
    let words =
        "ConfigMap shop/c001 is gone in the member, and the member has not answered what was asked because of that";
    assert_eq!((report.phase, report.message.as_str()), (UnitPhase::Applying, words));
    let row = detail(&report, "c001");
    assert_eq!((row.sync, row.health), (SyncState::Drifted, Health::Missing));
    let status = stored(&world);
    assert_eq!((status.phase, status.message.as_str()), (UnitPhase::Applying, words));
    // It is said once.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.heard().iter().filter(|reason| *reason == NOT_ANSWERED).count(), 1);
    assert_eq!(stored(&world), status);
}

#[tokio::test(start_paused = true)]
async fn what_is_changed_is_said_while_it_waits_for_a_pass_that_is_not_answered() {
    let mut world = World::new().await;
    be_patient(&mut world);
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    // The others take all room for passes.
    let names: Vec<String> = (0..world.limits.units_in_flight).map(|index| format!("hangs{index}")).collect();
    for name in &names {
        world.faults.add(Method::PATCH, &config_map_path(name), usize::MAX, Act::Hang);
        world.stage(name, 1, vec![config_map(name, "1")], |_| {});
    }
    world.publish();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let since = Instant::now();
    world.edit(&config_map_path("c001"), "kubectl", serde_json::json!({"data": {"a": "2"}})).await;
    let report = world.until(&unit, "said", |r| r.reason == NOT_ANSWERED).await;
    assert!(since.elapsed() < BOUND, "{:?}", since.elapsed());
    assert!(report.message.starts_with("ConfigMap shop/c001 has changed in the member"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_revert_is_reported_once() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, config_maps(3));
    world.applied(&unit).await;
    let heard = world.heard().len();
    world.delete(&config_map_path("c001")).await;
    world.until(&unit, "made again", |r| r.reverted() == 1 && r.objects.applied == 3).await;
    world.quiet().await;
    assert!(!world.heard()[heard..].contains(&NOT_ANSWERED.to_owned()), "{:?}", world.heard());
}

/// A first delivery that takes long is no member that shows nothing: what is stored says that it is on its way.
#[tokio::test(start_paused = true)]
async fn a_first_delivery_that_takes_long_is_on_its_way() {
    let mut world = World::new().await;
    be_patient(&mut world);
    world.faults.add(Method::PATCH, &config_map_path("c001"), usize::MAX, Act::Hang);
    let unit = world.set("a", 1, config_maps(3));
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!((world.report(&unit), world.stored(&unit)), (None, None));
}

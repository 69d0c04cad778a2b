//! What is in front of a member answers 404, and not by Kubernetes: that says nothing of what the member has.

use std::time::Duration;

use api::delivery::{Removal, UnitPhase, label};
use api::feed::UnitReport;
use http::Method;

use crate::fault::Act;
use crate::world::{World, config_map, config_map_path, config_maps, deployment, deployment_path};

/// What a gateway may say: nginx, nothing, Kong.
const SAID: [&str; 3] = [
    "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center>nginx</center>\r\n</body>\r\n</html>",
    "",
    "{\"message\":\"no Route matched with those values\"}",
];
const ALL: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const SECRETS: &str = "/namespaces/kurator-system/secrets";

fn hide(world: &World, methods: &[Method], path: &str, said: &'static str) {
    for method in methods {
        world.faults.add(method.clone(), path, usize::MAX, Act::Foreign(said));
    }
}

fn says_so(report: &UnitReport) -> bool {
    let is_said = |message: &str| message.contains("answered 404, and not by Kubernetes");
    is_said(&report.message) || report.details.iter().any(|detail| is_said(&detail.message))
}

/// A commit takes an object away, or all goes: with the Application, or with the member.
#[tokio::test(start_paused = true)]
async fn what_is_in_front_of_a_member_takes_no_object_along() {
    for said in SAID {
        for (methods, is_leaving) in
            [(&ALL[..], true), (&ALL, false), (&[Method::DELETE], true), (&[Method::DELETE], false)]
        {
            let mut world = World::new().await;
            let unit = world.set("a", 1, vec![config_map("settings", "1"), deployment("web", 1, "nginx:1")]);
            world.applied(&unit).await;
            hide(&world, methods, "/apis/apps", said);
            match is_leaving {
                true => world.change(&unit, |entry| entry.removal = Removal::Prune),
                false => drop(world.set("a", 2, vec![config_map("settings", "1")])),
            }
            if !is_leaving {
                world.until(&unit, "held", |r| r.deletions.as_ref().is_some_and(|d| d.count == 1)).await;
                world.guard(&unit, None);
            }
            world.until(&unit, "said", says_so).await;
            // time: for as long as it is answered so.
            tokio::time::sleep(Duration::from_secs(600)).await;
            let report = world.report(&unit).unwrap();
            assert!(says_so(&report) && report.objects.inventory >= 1, "{methods:?} {said:?}: {report:#?}");
            world.faults.clear();
            assert!(!model::object::is_deleting(&world.get(&deployment_path("web")).await.unwrap()));
            world.eventually("gone", async || world.get(&deployment_path("web")).await.is_none()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_front_of_a_member_takes_no_inventory_along() {
    for said in SAID {
        for methods in [&ALL[..], &[Method::DELETE], &[Method::PUT, Method::DELETE]] {
            let mut world = World::new().await;
            let unit = world.set("a", 1, config_maps(2));
            world.applied(&unit).await;
            hide(&world, methods, SECRETS, said);
            world.change(&unit, |entry| entry.removal = Removal::Prune);
            // time: for as long as it is answered so.
            tokio::time::sleep(Duration::from_secs(600)).await;
            assert!(world.report(&unit).is_some(), "{methods:?} {said:?}: it is on record as long as its inventory is");
            world.faults.clear();
            assert_eq!(world.inventories().await.len(), 1, "{methods:?} {said:?}");
            world
                .eventually("gone", async || world.report(&unit).is_none() && world.inventories().await.is_empty())
                .await;
            assert!(world.config_map("c000").await.is_none());
        }
    }
}

/// A hub that starts looks for inventories first: what it does not find was never its own.
#[tokio::test(start_paused = true)]
async fn what_is_in_front_of_a_member_makes_no_object_adopted() {
    for said in SAID {
        let mut world = World::new().await;
        let unit = world.set("a", 1, vec![config_map("settings", "1")]);
        world.applied(&unit).await;
        world.stop();
        hide(&world, &ALL, SECRETS, said);
        world.set("a", 2, vec![config_map("settings", "2")]);
        world.restart();
        world.until(&unit, "unknown", |r| r.phase == UnitPhase::Unknown && says_so(r)).await;
        world.faults.clear();
        assert_eq!(world.get(&config_map_path("settings")).await.unwrap()["data"]["a"], "1", "nothing is touched");
        let report = world.applied(&unit).await;
        assert_eq!((report.objects.inventory, report.objects.adopted), (1, 0));
    }
}

/// A kind that is hidden is not made a second time, and nobody says that it is gone.
#[tokio::test(start_paused = true)]
async fn what_is_in_front_of_a_member_makes_no_object_lost() {
    for said in SAID {
        let mut world = World::new().await;
        let unit = world.set("a", 1, vec![config_map("settings", "1"), deployment("web", 1, "nginx:1")]);
        world.applied(&unit).await;
        let uid = world.get(&deployment_path("web")).await.unwrap()["metadata"]["uid"].clone();
        world.stop();
        hide(&world, &ALL, "/apis/apps", said);
        world.restart();
        world.until(&unit, "said", says_so).await;
        // time: for as long as it is answered so.
        tokio::time::sleep(Duration::from_secs(600)).await;
        let report = world.report(&unit).unwrap();
        assert_eq!(report.objects.inventory, 2, "{report:#?}");
        assert!(!format!("{report:?}").contains("CustomResourceDefinition"), "{report:#?}");
        world.faults.clear();
        world.applied(&unit).await;
        let live = world.get(&deployment_path("web")).await.unwrap();
        assert_eq!(live["metadata"]["uid"], uid);
        assert!(model::object::label(&live, label::HUB).is_some());
    }
}

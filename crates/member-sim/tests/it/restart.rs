use std::time::Duration;

use member_sim::{Member, Options};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::lab::{DEPLOYMENTS, Lab, PODS, options};

const QUIET: Duration = Duration::from_millis(400);

#[tokio::test]
async fn a_restart_keeps_everything_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let on_disk = || Options { dir: Some(dir.path().to_path_buf()), ..options() };
    let lab = Lab::of(Member::start(on_disk()).await.unwrap());
    lab.deploy("web", 3, "nginx:1").await;
    lab.until_available("web", 3).await;
    lab.until_settled(QUIET).await;
    let (url, kubeconfig) = (lab.member.url(), lab.member.kubeconfig().to_owned());
    let (pods, system) = (lab.pods().await, lab.get("/api/v1/namespaces/kube-system").await);
    let Lab { member, api } = lab;
    drop(api);
    member.stop().await;

    let begin = Instant::now();
    let lab = Lab::of(Member::start(on_disk()).await.unwrap());
    let took = begin.elapsed();
    assert_eq!((lab.member.url(), lab.member.kubeconfig()), (url, kubeconfig.as_str()));
    assert_eq!(lab.pods().await, pods);
    assert_eq!(lab.get("/api/v1/namespaces/kube-system").await, system);
    // time: for this long nothing may be written
    tokio::time::sleep(QUIET).await;
    assert_eq!(lab.member.counters().mutations(), 0, "{:?}", lab.member.counters().mutations_by_client());
    assert!(took < Duration::from_secs(2), "{took:?}");
    lab.member.stop().await;
}

/// A member that was dropped, started again.
async fn again(options: &dyn Fn() -> Options) -> Lab {
    let begin = Instant::now();
    loop {
        // Tasks that were cut let go of the directory one by one.
        match Member::start(options()).await {
            Ok(member) => return Lab::of(member),
            Err(error) => assert!(begin.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_rollout_keeps_its_bounds_and_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let on_disk = || Options { dir: Some(dir.path().to_path_buf()), ..options() };
    let mut lab = Lab::of(Member::start(on_disk()).await.unwrap());
    lab.deploy("web", 6, "nginx:1").await;
    lab.until_available("web", 6).await;
    let image = json!({"spec": {"template": {"spec": {"containers": [{
        "name": "main", "image": "nginx:2", "resources": {"requests": {"cpu": "100m"}}}]}}}});
    lab.api.merge(&format!("{DEPLOYMENTS}/web"), &image).await.unwrap();
    let new = |list: &Value| {
        let pods = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        pods.iter().filter(|p| p["spec"]["containers"][0]["image"] == "nginx:2").count()
    };
    // Once when the first new pods are there, and once more further on.
    for made in [1, 4] {
        lab.until(PODS, |list| new(list) >= made).await;
        drop(lab);
        lab = again(&on_disk).await;
        // 25 % of 6, rounded up: at most 8 pods that are not on their way out.
        let staying = lab.pods().await.iter().filter(|p| p["metadata"]["deletionTimestamp"].is_null()).count();
        assert!(staying <= 8, "{staying} pods");
    }
    lab.until_available("web", 6).await;
    lab.until_settled(QUIET).await;
    let list = lab.get(PODS).await;
    assert_eq!((new(&list), list["items"].as_array().map(Vec::len)), (6, Some(6)));
    lab.member.stop().await;
}

#[tokio::test]
async fn dropping_it_is_a_crash_that_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let on_disk = || Options { dir: Some(dir.path().to_path_buf()), ..options() };
    let lab = Lab::of(Member::start(on_disk()).await.unwrap());
    lab.deploy("web", 3, "nginx:1").await;
    drop(lab);
    let lab = again(&on_disk).await;
    lab.until_available("web", 3).await;
    lab.until_settled(QUIET).await;
    assert_eq!(lab.pods().await.len(), 3);
    lab.member.stop().await;
}

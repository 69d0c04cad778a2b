use std::time::Duration;

use member_sim::{Member, Options};
use tokio::time::Instant;

use crate::lab::{Lab, options};

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
    tokio::time::sleep(QUIET).await;
    assert_eq!(lab.member.counters().mutations(), 0, "{:?}", lab.member.counters().mutations_by_client());
    assert!(took < Duration::from_secs(2), "{took:?}");
    lab.member.stop().await;
}

#[tokio::test]
async fn dropping_it_is_a_crash_that_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let on_disk = || Options { dir: Some(dir.path().to_path_buf()), ..options() };
    let lab = Lab::of(Member::start(on_disk()).await.unwrap());
    lab.deploy("web", 3, "nginx:1").await;
    drop(lab);
    let begin = Instant::now();
    let member = loop {
        // Tasks that were cut let go of the directory one by one.
        match Member::start(on_disk()).await {
            Ok(member) => break member,
            Err(error) => assert!(begin.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::task::yield_now().await;
    };
    let lab = Lab::of(member);
    lab.until_available("web", 3).await;
    lab.until_settled(QUIET).await;
    assert_eq!(lab.pods().await.len(), 3);
    lab.member.stop().await;
}

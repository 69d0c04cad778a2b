use std::time::Duration;

use client::{Api, Raw};
use kube::config::{KubeConfigOptions, Kubeconfig};
use member_sim::{Member, Options, Pace};
use serde_json::Value;
use tokio::time::timeout;

use crate::lab::{Lab, PODS, options};

const SOON: Duration = Duration::from_secs(10);

/// A client over TLS, made from the kubeconfig and nothing else.
async fn outside(member: &Member) -> Raw {
    let config = Kubeconfig::from_yaml(member.kubeconfig()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    Api::new(kube::Client::try_from(config).unwrap(), "outside").raw()
}

#[tokio::test]
async fn it_is_reached_by_its_kubeconfig_until_it_is_unplugged_and_again_when_plugged() {
    let member = Member::start(options()).await.unwrap();
    let api = outside(&member).await;
    assert_eq!(api.get("/version").await.unwrap().unwrap()["gitVersion"], "v1.37.2-sim");
    assert!(api.get("/api/v1/namespaces/kube-system").await.unwrap().is_some());
    let url = member.url();
    member.unplug().await;
    assert!(!member.is_plugged());
    assert!(api.get("/version").await.is_err());
    member.plug().await.unwrap();
    assert_eq!(member.url(), url);
    assert!(api.get("/version").await.is_ok());
    member.stop().await;
}

#[tokio::test]
async fn its_port_is_given_to_nobody_while_it_is_unplugged() {
    let member = Member::start(options()).await.unwrap();
    let address: std::net::SocketAddr = member.url().strip_prefix("https://").unwrap().parse().unwrap();
    for _ in 0..2 {
        member.unplug().await;
        // Once more changes nothing.
        member.unplug().await;
        // As a connection would take it, to which the kernel gives a port: not shared with anybody.
        let taken = tokio::net::TcpSocket::new_v4().unwrap().bind(address).unwrap_err();
        assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
        let refused = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        member.plug().await.unwrap();
        assert!(outside(&member).await.get("/version").await.is_ok());
    }
    member.stop().await;
}

#[tokio::test]
async fn faults_show_outside_and_not_inside() {
    let member = Member::start(options()).await.unwrap();
    let (api, inside) = (outside(&member).await, Api::new(member.client(), "inside").raw());
    member.faults().set_unreachable(true);
    assert!(timeout(Duration::from_millis(200), api.get("/version")).await.is_err());
    assert!(timeout(SOON, inside.get("/version")).await.unwrap().is_ok());
    member.faults().clear();
    member.faults().fail_call(1);
    // Clients that try again on their own see only the second answer: ask in a way that is not tried again.
    let refused = api.create("/api/v1/namespaces", &serde_json::json!({"metadata": {"name": "x"}})).await;
    assert_eq!(refused.unwrap_err().code(), Some(500));
    assert!(api.get("/version").await.is_ok());
    member.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_down_loses_its_pods_to_the_others() {
    let pace = Pace { node_grace: Duration::from_secs(5), eviction: Duration::from_secs(10), ..Pace::default() };
    let lab = Lab::of(Member::start(Options { pace, ..options() }).await.unwrap());
    lab.deploy("web", 4, "nginx:1").await;
    lab.until_available("web", 4).await;
    let on = |pods: &[Value], node: &str| pods.iter().filter(|p| p["spec"]["nodeName"] == node).count();
    assert_eq!(on(&lab.pods().await, "n1"), 2);
    lab.member.node_down("n1");
    let node = lab.until("/api/v1/nodes/n1", |n| n["spec"]["taints"].is_array()).await;
    let ready = node["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap().clone();
    assert_eq!((&ready["status"], &ready["reason"]), (&"Unknown".into(), &"NodeStatusUnknown".into()));
    let moved = |list: &Value| {
        let staying = |p: &&Value| p["metadata"]["deletionTimestamp"].is_null() && p["status"]["phase"] == "Running";
        list["items"]
            .as_array()
            .is_some_and(|l| l.iter().filter(staying).filter(|p| p["spec"]["nodeName"] == "n2").count() == 4)
    };
    lab.until(PODS, moved).await;
    assert_eq!(on(&lab.pods().await, "n1"), 2, "nobody ends them there");
    lab.member.node_up("n1");
    lab.until(PODS, |list| list["items"].as_array().is_some_and(|l| l.len() == 4)).await;
    lab.until("/api/v1/nodes/n1", |n| n["spec"]["taints"].is_null()).await;
    lab.until_settled(Duration::from_secs(120)).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_nobody_answers_for_is_called_unknown_and_its_pods_move_and_then_go_with_it() {
    let pace = Pace { node_grace: Duration::from_secs(5), eviction: Duration::from_secs(10), ..Pace::default() };
    let lab = Lab::of(Member::start(Options { pace, ..options() }).await.unwrap());
    lab.until("/api/v1/nodes/n2", |n| n["status"]["allocatable"].is_object()).await;
    let ghost = serde_json::json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "ghost"}});
    lab.create("/api/v1/nodes", ghost).await;
    let room = serde_json::json!({"status": {"allocatable": {"cpu": "64", "memory": "64Gi", "pods": "110"}}});
    lab.api.merge("/api/v1/nodes/ghost/status", &room).await.unwrap();
    lab.deploy("web", 6, "nginx:1").await;
    let on = |list: &Value, node: &str| {
        list["items"].as_array().map_or(0, |l| l.iter().filter(|p| p["spec"]["nodeName"] == node).count())
    };
    lab.until(PODS, |list| on(list, "ghost") > 0).await;
    let node = lab.until("/api/v1/nodes/ghost", |n| n["spec"]["taints"].is_array()).await;
    let ready = node["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap().clone();
    assert_eq!((&ready["status"], &ready["reason"]), (&"Unknown".into(), &"NodeStatusNeverUpdated".into()));
    lab.until_available("web", 6).await;
    assert!(on(&lab.get(PODS).await, "ghost") > 0, "nobody ends them there");
    lab.api.delete("/api/v1/nodes/ghost", &serde_json::json!({})).await.unwrap();
    let list = lab.until(PODS, |list| on(list, "ghost") == 0).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(6));
    lab.until_settled(Duration::from_secs(120)).await;
}

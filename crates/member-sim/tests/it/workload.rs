use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::lab::{DEPLOYMENTS, Lab, PODS, phase};

const QUIET: Duration = Duration::from_secs(120);

fn ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

#[tokio::test(start_paused = true)]
async fn a_deployment_becomes_available_and_then_nothing_is_written() {
    let lab = Lab::start().await;
    let start = Instant::now();
    lab.deploy("web", 3, "nginx:1").await;
    let web = lab.until_available("web", 3).await;
    assert!(start.elapsed() < Duration::from_millis(800), "{:?}", start.elapsed());
    let condition = |kind: &str| {
        web["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == kind).unwrap().clone()
    };
    assert_eq!(condition("Available")["reason"], "MinimumReplicasAvailable");
    assert_eq!(web["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    assert_eq!(web["metadata"]["generation"], 1, "the revision is no wish");
    let pods = lab.pods().await;
    let ips: std::collections::BTreeSet<&str> = pods.iter().map(|p| p["status"]["podIP"].as_str().unwrap()).collect();
    assert_eq!(ips.len(), 3, "each pod has an address of its own");
    lab.until_settled(QUIET).await;
}

#[tokio::test(start_paused = true)]
async fn a_watcher_sees_pods_pending_and_being_created_before_they_run() {
    let lab = Lab::start().await;
    let seen = std::sync::Mutex::new(Vec::new());
    let pods = std::sync::Arc::new(client::Resource::core("Pod", "pods", true));
    let watch = client::Watch::new(client::Api::new(lab.member.client(), "test"), pods, |pod| {
        let waiting = pod.pointer("/status/containerStatuses/0/state/waiting/reason").and_then(Value::as_str);
        Some(format!("{} {} {}", phase(&pod), pod["spec"]["nodeName"].is_string(), waiting.unwrap_or("-")))
    })
    .namespace("default")
    .follow(|event| {
        if let client::Event::Applied(line, _) = event {
            seen.lock().unwrap().push(line);
        }
    });
    let play = async {
        lab.until("/api/v1/nodes/n1", |n| n["status"]["allocatable"].is_object()).await;
        lab.deploy("web", 1, "nginx:1").await;
        lab.until_available("web", 1).await;
        sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        () = watch => unreachable!("it follows for ever"),
        () = play => {}
    }
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen, ["Pending false -", "Pending true -", "Pending true ContainerCreating", "Running true -"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_keeps_its_bounds_at_every_observed_step() {
    let lab = Lab::start().await;
    lab.deploy("web", 8, "nginx:1").await;
    lab.until_available("web", 8).await;
    let image = json!({"spec": {"template": {"spec": {"containers": [{
        "name": "main", "image": "nginx:2", "resources": {"requests": {"cpu": "100m"}}}]}}}});
    lab.api.merge(&format!("{DEPLOYMENTS}/web"), &image).await.unwrap();
    let done = async { lab.until_available("web", 8).await };
    let guard = async {
        loop {
            // 25 % of 8: at most 10 pods that are not on their way out, at least 6 ready.
            let pods = lab.pods().await;
            let staying: Vec<&Value> = pods.iter().filter(|p| p["metadata"]["deletionTimestamp"].is_null()).collect();
            assert!(staying.len() <= 10, "{} pods", staying.len());
            let ready = staying.iter().filter(|p| ready(p)).count();
            assert!(ready >= 6, "{ready} ready");
            sleep(Duration::from_millis(15)).await;
        }
    };
    tokio::select! {
        _ = done => {}
        () = guard => {}
    }
    let sets = lab.items("/apis/apps/v1/namespaces/default/replicasets").await;
    let mut sizes: Vec<i64> = sets.iter().map(|s| s["spec"]["replicas"].as_i64().unwrap()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 8]);
    lab.until_settled(QUIET).await;
    assert_eq!(lab.pods().await.len(), 8);
}

#[tokio::test(start_paused = true)]
async fn it_scales_up_and_down() {
    let lab = Lab::start().await;
    lab.deploy("web", 2, "nginx:1").await;
    lab.until_available("web", 2).await;
    for replicas in [5, 1, 0] {
        lab.api.merge(&format!("{DEPLOYMENTS}/web/scale"), &json!({"spec": {"replicas": replicas}})).await.unwrap();
        let wanted = usize::try_from(replicas).unwrap();
        lab.until(PODS, |list| list["items"].as_array().is_some_and(|l| l.len() == wanted && l.iter().all(ready)))
            .await;
    }
    lab.until_settled(QUIET).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_image_crash_loops() {
    let lab = Lab::start().await;
    lab.deploy("bad", 1, "registry.local/fail:1").await;
    let list = lab
        .until(PODS, |list| {
            let status = list.pointer("/items/0/status/containerStatuses/0");
            status.is_some_and(|s| s["restartCount"] == 2 && s["state"]["waiting"]["reason"] == "CrashLoopBackOff")
        })
        .await;
    let status = &list["items"][0]["status"];
    assert_eq!(
        (&status["phase"], &status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"]),
        (&json!("Running"), &json!(1))
    );
    let bad = lab.get(&format!("{DEPLOYMENTS}/bad")).await;
    assert_eq!(bad["status"]["unavailableReplicas"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_init_container_that_fails_keeps_the_others_from_starting() {
    let lab = Lab::start().await;
    let mut stuck = crate::lab::deployment("stuck", 1, "nginx:1");
    stuck["spec"]["template"]["spec"]["initContainers"] = json!([{"name": "one", "image": "nginx:1"}, {"name": "two", "image": "x/fail:1"}, {"name": "three", "image": "nginx:1"}]);
    lab.create(DEPLOYMENTS, stuck).await;
    let list = lab
        .until(PODS, |list| list.pointer("/items/0/status/initContainerStatuses/1/restartCount") == Some(&json!(2)))
        .await;
    let status = &list["items"][0]["status"];
    let reason = |path: &str| status.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_eq!(status["phase"], "Pending");
    assert_eq!(reason("/initContainerStatuses/0/state/terminated/reason"), "Completed");
    assert_eq!(reason("/initContainerStatuses/1/state/waiting/reason"), "CrashLoopBackOff");
    assert_eq!(reason("/initContainerStatuses/2/state/waiting/reason"), "PodInitializing");
    assert_eq!(reason("/containerStatuses/0/state/waiting/reason"), "PodInitializing");
    let conditions = status["conditions"].as_array().unwrap();
    let initialized = conditions.iter().find(|c| c["type"] == "Initialized").unwrap();
    assert_eq!(initialized["message"], "containers with incomplete status: [two three]");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_waits_until_there_is_room() {
    let lab = Lab::start().await;
    let mut big = crate::lab::deployment("big", 3, "nginx:1");
    big["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("1500m");
    lab.create(DEPLOYMENTS, big).await;
    let stuck = |pod: &Value| {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|c| c["type"] == "PodScheduled" && c["status"] == "False")
    };
    let list = lab
        .until(PODS, |list| {
            list["items"]
                .as_array()
                .is_some_and(|l| l.iter().filter_map(stuck).count() == 1 && l.iter().filter(|p| ready(p)).count() == 2)
        })
        .await;
    let condition = list["items"].as_array().unwrap().iter().find_map(stuck).unwrap();
    assert_eq!(condition["reason"], "Unschedulable");
    assert!(
        condition["message"].as_str().unwrap().starts_with("0/2 nodes are available: 2 Insufficient cpu."),
        "{condition}"
    );
    lab.until_settled(QUIET).await;
    let victim = list["items"].as_array().unwrap().iter().find(|p| ready(p)).unwrap()["metadata"]["name"].clone();
    lab.api.merge(&format!("{DEPLOYMENTS}/big/scale"), &json!({"spec": {"replicas": 2}})).await.unwrap();
    lab.api.delete(&format!("{PODS}/{}", victim.as_str().unwrap()), &json!({})).await.unwrap();
    lab.until_available("big", 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_owner_takes_everything_along() {
    let lab = Lab::start().await;
    lab.deploy("web", 2, "nginx:1").await;
    lab.until_available("web", 2).await;
    let sets = "/apis/apps/v1/namespaces/default/replicasets";
    lab.api.delete(&format!("{DEPLOYMENTS}/web"), &json!({})).await.unwrap();
    lab.until(sets, |l| l["items"] == json!([])).await;
    lab.until(PODS, |l| l["items"] == json!([])).await;
    lab.deploy("web", 2, "nginx:1").await;
    lab.until_available("web", 2).await;
    lab.api.delete(&format!("{DEPLOYMENTS}/web"), &json!({"propagationPolicy": "Foreground"})).await.unwrap();
    lab.until_gone(&format!("{DEPLOYMENTS}/web")).await;
    assert_eq!((lab.items(sets).await.len(), lab.pods().await.len()), (0, 0), "the owner goes last");
    lab.until_settled(QUIET).await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_with_workloads_empties_itself() {
    let lab = Lab::start().await;
    lab.create("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}))
        .await;
    let inside = "/apis/apps/v1/namespaces/shop/deployments";
    lab.create(inside, crate::lab::deployment("web", 3, "nginx:1")).await;
    lab.until(&format!("{inside}/web"), |d| d["status"]["availableReplicas"] == 3).await;
    lab.api.delete("/api/v1/namespaces/shop", &json!({})).await.unwrap();
    lab.until_gone("/api/v1/namespaces/shop").await;
    lab.until_settled(QUIET).await;
}

#[tokio::test(start_paused = true)]
async fn services_know_their_ready_pods() {
    let lab = Lab::start().await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
    });
    lab.create("/api/v1/namespaces/default/services", service).await;
    let slices =
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name=web";
    lab.until(slices, |l| l.pointer("/items/0").is_some()).await;
    lab.deploy("web", 2, "nginx:1").await;
    let serving = |count: usize| {
        move |list: &Value| {
            let endpoints = list.pointer("/items/0/endpoints").and_then(Value::as_array).cloned().unwrap_or_default();
            endpoints.len() == count && endpoints.iter().all(|e| e["conditions"]["ready"] == true)
        }
    };
    let list = lab.until(slices, serving(2)).await;
    assert_eq!(list["items"][0]["ports"][0]["port"], 8080);
    lab.api.merge(&format!("{DEPLOYMENTS}/web/scale"), &json!({"spec": {"replicas": 1}})).await.unwrap();
    lab.until(slices, serving(1)).await;
    lab.until_settled(QUIET).await;
}

#[tokio::test(start_paused = true)]
async fn stateful_sets_daemon_sets_and_jobs_run() {
    let lab = Lab::start().await;
    let template = |labels: Value, policy: &str| json!({"metadata": {"labels": labels}, "spec": {"restartPolicy": policy, "containers": [{"name": "main", "image": "nginx:1"}]}});
    let sets = "/apis/apps/v1/namespaces/default/statefulsets";
    lab.create(sets, json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template(json!({"app": "db"}), "Always")}})).await;
    lab.until(&format!("{sets}/db"), |s| s["status"]["availableReplicas"] == 2).await;
    assert_eq!(lab.get(&format!("{PODS}/db-1")).await["spec"]["hostname"], "db-1");
    let daemons = "/apis/apps/v1/namespaces/default/daemonsets";
    lab.create(
        daemons,
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "log"}, "spec": {
        "selector": {"matchLabels": {"app": "log"}}, "template": template(json!({"app": "log"}), "Always")}}),
    )
    .await;
    lab.until(&format!("{daemons}/log"), |s| s["status"]["numberAvailable"] == 2).await;
    let jobs = "/apis/batch/v1/namespaces/default/jobs";
    lab.create(
        jobs,
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {
        "completions": 2, "template": template(json!({"app": "once"}), "Never")}}),
    )
    .await;
    lab.until(&format!("{jobs}/once"), |j| j["status"]["succeeded"] == 2 && j["status"]["completionTime"].is_string())
        .await;
    lab.until_settled(QUIET).await;
}

#[tokio::test(start_paused = true)]
async fn an_indexed_job_runs_each_index_once_and_a_success_policy_ends_it() {
    let jobs = "/apis/batch/v1/namespaces/default/jobs";
    let lab = Lab::start().await;
    let job = |name: &str, more: Value| {
        let mut spec = json!({"completions": 3, "parallelism": 2, "completionMode": "Indexed", "template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1"}]}}});
        for (field, value) in more.as_object().unwrap() {
            spec[field] = value.clone();
        }
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
    };
    lab.create(jobs, job("all", json!({}))).await;
    let done = |job: &Value, reason: &str| {
        let conditions = job["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        conditions.iter().any(|c| c["type"] == "Complete" && c["status"] == "True" && c["reason"] == reason)
    };
    let all = lab.until(&format!("{jobs}/all"), |job| done(job, "CompletionsReached")).await;
    assert_eq!((&all["status"]["succeeded"], &all["status"]["completedIndexes"]), (&json!(3), &json!("0-2")));
    let mut hosts: Vec<String> =
        lab.pods().await.iter().map(|pod| pod["spec"]["hostname"].as_str().unwrap().to_owned()).collect();
    hosts.sort();
    assert_eq!(hosts, ["all-0", "all-1", "all-2"]);
    let policy = json!({"successPolicy": {"rules": [{"succeededCount": 1}]}, "parallelism": 1});
    lab.create(jobs, job("one", policy)).await;
    lab.until(&format!("{jobs}/one"), |job| done(job, "SuccessPolicy")).await;
    lab.until_settled(QUIET).await;
}

use super::*;
use crate::object::{Object, Phase};

fn pod(image: &str) -> Value {
    json!({
        "metadata": {"name": "p", "namespace": "a", "uid": "u", "resourceVersion": "1"},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": image}]},
    })
}

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Plays a pod from one moment on; returns what was written, with the time in milliseconds.
fn play(object: &mut Value, from: Timestamp, until: Duration) -> Vec<(u128, String)> {
    let pace = Pace { jitter: Duration::ZERO, ..Pace::default() };
    let (mut now, mut since, mut progress) = (from, from, None);
    let mut out = Vec::new();
    loop {
        let pod = Pod::read(object).unwrap();
        if progress != Some((pod.progress, pod.meta.deleting())) {
            (progress, since) = (Some((pod.progress, pod.meta.deleting())), now);
        }
        let observed = Observed { pod: &pod, host_ip: "172.18.0.2", pod_ip: "10.64.0.2", since, seed: 0 };
        let elapsed = Duration::try_from(now.duration_since(from)).unwrap();
        match plan(&observed, &pace, now) {
            Step::Rest => return out,
            Step::Wait(time) if elapsed + time > until => return out,
            Step::Wait(time) => now += time,
            Step::Remove => {
                out.push((elapsed.as_millis(), "gone".to_owned()));
                return out;
            }
            Step::Write(patch) => {
                object["status"] = patch["status"].clone();
                let status = &object["status"]["containerStatuses"][0];
                let state = status["state"].as_object().unwrap().iter().next().unwrap();
                let reason = state.1["reason"].as_str().unwrap_or_default();
                let line = format!(
                    "{} {} {reason} x{}",
                    object["status"]["phase"].as_str().unwrap(),
                    state.0,
                    status["restartCount"]
                );
                out.push((elapsed.as_millis(), line));
            }
        }
    }
}

fn check(object: &mut Value, until: Duration, expect: &[(u128, &str)]) {
    let seen = play(object, start(), until);
    let seen: Vec<(u128, &str)> = seen.iter().map(|(at, line)| (*at, line.as_str())).collect();
    assert_eq!(seen, expect);
}

#[test]
fn a_pod_is_created_and_runs_as_two_writes() {
    let mut object = pod("nginx");
    let expect = [(20, "Pending waiting ContainerCreating x0"), (150, "Running running  x0")];
    check(&mut object, Duration::from_secs(60), &expect);
    let pod = Pod::read(&object).unwrap();
    assert!(pod.ready() && pod.phase == Phase::Running && pod.ip == "10.64.0.2");
    let kinds: Vec<&str> = pod.conditions.iter().map(|c| c.kind.as_str()).collect();
    assert_eq!(kinds, ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]);
}

#[test]
fn a_failing_image_crash_loops_with_growing_pauses() {
    let expect = [
        (20, "Pending waiting ContainerCreating x0"),
        (150, "Running waiting CrashLoopBackOff x0"),
        (10_150, "Running waiting CrashLoopBackOff x1"),
        (30_150, "Running waiting CrashLoopBackOff x2"),
        (70_150, "Running waiting CrashLoopBackOff x3"),
    ];
    let mut object = pod("registry.local/fail:1");
    check(&mut object, Duration::from_secs(120), &expect);
    let message = object["status"]["containerStatuses"][0]["state"]["waiting"]["message"].as_str().unwrap();
    assert_eq!(message, "back-off 1m20s restarting failed container=c pod=p_a(u)");
    assert!(!Pod::read(&object).unwrap().ready());
}

#[test]
fn what_is_not_to_be_restarted_ends() {
    let mut object = pod("busybox");
    object["spec"]["restartPolicy"] = json!("Never");
    let ends = [
        (20, "Pending waiting ContainerCreating x0"),
        (150, "Running running  x0"),
        (650, "Succeeded terminated Completed x0"),
    ];
    check(&mut object, Duration::from_secs(60), &ends);
    let mut object = pod("x/fail");
    object["spec"]["restartPolicy"] = json!("Never");
    check(
        &mut object,
        Duration::from_secs(60),
        &[(20, "Pending waiting ContainerCreating x0"), (150, "Failed terminated Error x0")],
    );
}

#[test]
fn readiness_waits_for_its_probe_and_the_end_for_its_grace() {
    let mut object = pod("nginx");
    object["spec"]["containers"][0]["readinessProbe"] = json!({"initialDelaySeconds": 3});
    let writes = play(&mut object, start(), Duration::from_secs(60));
    assert_eq!(writes.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [20, 150, 3150]);
    object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:01:00Z");
    check(&mut object, Duration::from_secs(60), &[(100, "gone")]);
}

#[test]
fn the_same_seed_gives_the_same_delays() {
    let pod = Pod::read(&pod("nginx")).unwrap();
    let jitter =
        |seed| jitter(&Observed { pod: &pod, host_ip: "", pod_ip: "", since: start(), seed }, Duration::from_secs(1));
    assert_eq!(jitter(7), jitter(7));
    assert!((0..20).any(|seed| jitter(seed) != jitter(7)));
}

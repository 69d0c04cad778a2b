use super::*;

fn pod(phase: &str, ready: bool) -> Value {
    let status = if ready { "True" } else { "False" };
    json!({"metadata": {"name": "p"}, "status": {"phase": phase, "conditions": [{"type": "Ready", "status": status}]}})
}

fn budget(generation: i64, allowed: i64, healthy: i64, wanted: i64) -> Value {
    json!({"metadata": {"name": "b", "generation": generation}, "spec": {},
        "status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": healthy,
            "desiredHealthy": wanted}})
}

/// What becomes of it: `delete`, `as it is`, `spend LEFT`, or the code and the cause of the refusal.
fn check(pod: &Value, budgets: &[Value], expect: &str) {
    let said = match decide(pod, budgets.iter(), Timestamp::UNIX_EPOCH) {
        Ok(Verdict::Delete) => "delete".to_owned(),
        Ok(Verdict::DeleteAsItIs) => "as it is".to_owned(),
        Ok(Verdict::Spend(spent)) => {
            assert_eq!(spent["status"]["disruptedPods"], json!({"p": "1970-01-01T00:00:00Z"}));
            format!("spend {}", spent["status"]["disruptionsAllowed"])
        }
        Err(status) => {
            let cause = status.details["causes"][0]["message"].as_str().unwrap_or(&status.message).to_owned();
            format!("{} {cause}", status.code)
        }
    };
    assert!(said.starts_with(expect), "{said:?} should begin with {expect:?}");
}

#[test]
fn a_budget_is_asked_about_pods_that_run() {
    let spent = budget(1, 0, 2, 2);
    check(&pod("Running", true), &[], "delete");
    for phase in ["Pending", "Succeeded", "Failed"] {
        check(&pod(phase, false), std::slice::from_ref(&spent), "delete");
    }
    let mut going = pod("Running", true);
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    check(&going, std::slice::from_ref(&spent), "delete");
    check(&pod("Running", true), &[spent.clone(), spent], "500 ");
}

#[test]
fn an_eviction_is_taken_from_the_budget_or_refused() {
    let running = pod("Running", true);
    check(&running, &[budget(1, 2, 3, 1)], "spend 1");
    check(&running, &[budget(1, 0, 2, 2)], "429 The disruption budget b needs 2 healthy pods and has 2 currently");
    check(&running, &[budget(1, 0, 3, 2)], "429 The disruption budget b does not allow evicting pods currently");
    check(&running, &[budget(2, 5, 9, 2)], "429 The disruption budget b is still being processed by the server.");
    check(&running, &[budget(1, -1, 3, 2)], "403 The disruption budget b does not allow evicting pods currently: pdb");
}

#[test]
fn a_pod_that_is_not_ready_goes_when_enough_others_are() {
    let broken = pod("Running", false);
    check(&broken, &[budget(1, 0, 2, 2)], "as it is");
    check(&broken, &[budget(1, 0, 1, 2)], "429 ");
    check(&broken, &[budget(1, 0, 0, 0)], "429 ");
    let mut lenient = budget(1, 0, 1, 2);
    lenient["spec"]["unhealthyPodEvictionPolicy"] = json!("AlwaysAllow");
    check(&broken, &[lenient], "as it is");
}

use super::*;
use crate::object::Object;

fn service() -> Service {
    Service::read(&json!({
        "metadata": {"name": "web", "namespace": "a", "uid": "s"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]},
    }))
    .unwrap()
}

fn pod(index: usize, ready: bool) -> Arc<Pod> {
    let name = format!("p{index:03}");
    Arc::new(
        Pod::read(&json!({
            "metadata": {"name": name, "namespace": "a", "uid": name},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}]},
            "status": {"phase": "Running", "podIP": format!("10.64.0.{index}"),
                "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        }))
        .unwrap(),
    )
}

/// Applies a plan to slices.
fn apply(slices: &mut Vec<Arc<Slice>>, plan: Plan) {
    for (name, patch) in plan.patch {
        let at = slices.iter().position(|s| s.meta.name == name).unwrap();
        let mut content = patch;
        content.as_object_mut().unwrap().remove("metadata");
        slices[at] = Arc::new(Slice { content: Arc::new(content), ..Slice::clone(&slices[at]) });
    }
    slices.retain(|s| !plan.delete.iter().any(|(name, _)| *name == s.meta.name));
    for mut new in plan.create {
        new["metadata"]["uid"] = new["metadata"]["name"].clone();
        slices.push(Arc::new(Slice::read(&new).unwrap()));
    }
}

fn settle(pods: &[Arc<Pod>], slices: &mut Vec<Arc<Slice>>) {
    let plan_now = |slices: &[Arc<Slice>]| plan(&service(), pods, &|_| None, slices);
    let first = plan_now(slices);
    apply(slices, first);
    assert_eq!(plan_now(slices), Plan::default(), "a second pass wants nothing");
}

#[test]
fn named_ports_are_resolved_and_readiness_is_told() {
    let mut slices = Vec::new();
    settle(&[pod(1, true), pod(2, false)], &mut slices);
    assert_eq!(slices.len(), 1);
    let content = &slices[0].content;
    assert_eq!(content["ports"], json!([{"name": "http", "port": 8080, "protocol": "TCP"}]));
    let ready: Vec<&Value> =
        content["endpoints"].as_array().unwrap().iter().map(|e| &e["conditions"]["ready"]).collect();
    assert_eq!(ready, [&json!(true), &json!(false)]);
}

#[test]
fn many_endpoints_make_several_slices_and_few_make_one_again() {
    let mut slices = Vec::new();
    let pods: Vec<_> = (0..250).map(|i| pod(i, true)).collect();
    settle(&pods, &mut slices);
    assert_eq!(slices.len(), 3);
    settle(&pods[..10], &mut slices);
    assert_eq!(slices.len(), 1);
    settle(&[], &mut slices);
    assert_eq!(slices[0].content["endpoints"], json!([]));
}

#[test]
fn a_service_without_a_selector_is_left_to_others() {
    let bare = Service { selector: BTreeMap::new(), ..service() };
    assert_eq!(plan(&bare, &[pod(1, true)], &|_| None, &[]), Plan::default());
}

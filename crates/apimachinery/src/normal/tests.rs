use model::GroupVersionKind;
use serde_json::json;

use super::*;
use kinds::find;

fn check(group: &str, kind_name: &str, spec: Value, expect: Value) {
    let kind = find(&GroupVersionKind::new(group, "v1", kind_name)).unwrap();
    let mut object = json!({"spec": spec});
    normalize(kind, &mut object).unwrap();
    assert_eq!(object["spec"], expect);
    let once = object.clone();
    normalize(kind, &mut object).unwrap();
    assert_eq!(object, once, "not stable");
}

fn refused(spec: Value, expect: &str) {
    let mut object = json!({"spec": spec});
    let errors = normalize(find(&GroupVersionKind::new("", "v1", "Pod")).unwrap(), &mut object).unwrap_err();
    assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), expect);
}

#[test]
fn quantities_have_one_form() {
    let limits = |value: Value| json!({"hard": {"x": value}});
    for (given, canonical) in [
        (json!(0.5), "500m"),
        (json!(1), "1"),
        (json!("0.5"), "500m"),
        (json!("1000m"), "1"),
        (json!("1024Mi"), "1Gi"),
        (json!("1.5Gi"), "1536Mi"),
        (json!("2e3"), "2e3"),
        (json!("100n"), "100n"),
        (json!("1Ei"), "1Ei"),
        (json!("3E"), "3E"),
    ] {
        check("", "ResourceQuota", limits(given), limits(json!(canonical)));
    }
}

#[test]
fn what_go_omits_is_dropped_and_what_it_always_writes_is_there() {
    let given = json!({
        "containers": [{"name": "a", "image": "", "args": [], "stdin": false, "command": null, "env": [{"name": "E", "value": ""}]}],
        "hostNetwork": false, "terminationGracePeriodSeconds": 0, "nodeSelector": {}, "affinity": {},
        "volumes": [{"name": "v", "emptyDir": {}}], "unknown": 1,
    });
    let expect = json!({
        "containers": [{"name": "a", "resources": {}, "env": [{"name": "E"}]}],
        "terminationGracePeriodSeconds": 0, "affinity": {},
        "volumes": [{"name": "v", "emptyDir": {}}], "unknown": 1,
    });
    check("", "Pod", given, expect);
    let template = json!({"metadata": {}, "spec": {"containers": [{"name": "a", "resources": {}}]}});
    check(
        "apps",
        "Deployment",
        json!({"template": {"spec": {"containers": [{"name": "a"}]}}}),
        json!({"strategy": {}, "template": template}),
    );
}

#[test]
fn times_are_in_utc_with_whole_seconds() {
    let kind = find(&GroupVersionKind::new("coordination.k8s.io", "v1", "Lease")).unwrap();
    let mut lease = json!({"metadata": {"creationTimestamp": "2026-01-01T02:00:00.7+02:00"}, "spec": {"renewTime": "2026-01-01T00:00:00Z"}});
    normalize(kind, &mut lease).unwrap();
    assert_eq!(
        lease,
        json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}})
    );
}

#[test]
fn values_of_another_type_are_refused_with_their_path() {
    refused(
        json!({"containers": [{"name": 1}], "hostNetwork": "yes"}),
        "spec.containers[0].name: Invalid value: must be a string, found a number; \
         spec.hostNetwork: Invalid value: must be a boolean, found a string",
    );
    refused(json!({"containers": {}}), "spec.containers: Invalid value: must be a list, found an object");
    refused(json!({"priority": 3_000_000_000_i64}), "spec.priority: Invalid value: must be a whole number of 32 bits");
    refused(
        json!({"priority": "x"}),
        "spec.priority: Invalid value: must be a whole number of 32 bits, found a string",
    );
    refused(json!([]), "spec: Invalid value: must be an object, found a list");
    refused(json!({"nodeSelector": {"a": 1}}), "spec.nodeSelector[a]: Invalid value: must be a string, found a number");
}

/// What kube-apiserver 1.37.2 answered for objects that were created from `given`, without `metadata`.
#[test]
fn what_go_writes_as_null_is_null() {
    let regarding = json!({"kind": "Node", "name": "n"});
    let table = [
        (
            "v1/Event",
            json!({"involvedObject": regarding, "reason": "X", "type": "Normal", "message": "m"}),
            json!({
                "involvedObject": regarding, "reason": "X", "message": "m", "source": {}, "firstTimestamp": null,
                "lastTimestamp": null, "type": "Normal", "eventTime": null, "reportingComponent": "",
                "reportingInstance": "",
            }),
        ),
        (
            "events.k8s.io/v1/Event",
            json!({"regarding": regarding, "reason": "X", "type": "Normal", "note": "m", "action": "A",
                "eventTime": "2026-11-28T05:00:00.123456Z", "reportingController": "c", "reportingInstance": "i"}),
            json!({
                "eventTime": "2026-11-28T05:00:00.123456Z", "reportingController": "c", "reportingInstance": "i",
                "action": "A", "reason": "X", "regarding": regarding, "note": "m", "type": "Normal",
                "deprecatedSource": {}, "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": null,
            }),
        ),
        ("rbac.authorization.k8s.io/v1/ClusterRole", json!({"rules": []}), json!({"rules": null})),
        (
            "discovery.k8s.io/v1/EndpointSlice",
            json!({"addressType": "IPv4"}),
            json!({"addressType": "IPv4", "endpoints": null, "ports": null}),
        ),
        (
            "apps/v1/Deployment",
            json!({"status": {"conditions": [{"type": "Available", "status": "True"}]}}),
            json!({"spec": {"template": {"metadata": {}, "spec": {"containers": null}}, "strategy": {}}, "status": {"conditions": [
                {"type": "Available", "status": "True", "lastUpdateTime": null, "lastTransitionTime": null},
            ]}}),
        ),
        (
            "v1/Pod",
            json!({"spec": {"containers": [{"name": "a"}]}, "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "a", "image": "a", "imageID": "", "ready": true, "restartCount": 0,
                    "state": {"running": {}}}],
            }}),
            json!({"spec": {"containers": [{"name": "a", "resources": {}}]}, "status": {
                "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": null, "lastTransitionTime": null}],
                "containerStatuses": [{"name": "a", "image": "a", "imageID": "", "ready": true, "restartCount": 0,
                    "state": {"running": {"startedAt": null}}, "lastState": {}}],
            }}),
        ),
        (
            "coordination.k8s.io/v1/Lease",
            json!({"spec": {"holderIdentity": "a"}}),
            json!({"spec": {"holderIdentity": "a"}}),
        ),
    ];
    for (of, given, answer) in table {
        let (gv, kind_name) = of.rsplit_once('/').unwrap();
        let (group, version) = gv.rsplit_once('/').unwrap_or(("", gv));
        let kind = find(&GroupVersionKind::new(group, version, kind_name)).unwrap();
        let mut object = given;
        for _ in 0..2 {
            normalize(kind, &mut object).unwrap();
            object.as_object_mut().unwrap().remove("metadata");
            assert_eq!(object, answer, "{of}");
        }
    }
}

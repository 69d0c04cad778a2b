mod recorded;

use model::{GroupKind, Timestamp};
use serde_json::{Value, json};

use super::builtin as registry;
use super::{Columns, IncludeObject, JsonPath, builtin, custom, human};
use crate::structural::parse_crd;

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn yaml(text: &str) -> Value {
    model::yaml::parse(text).unwrap()
}

fn line(columns: &Columns, object: &Value) -> String {
    let cells = columns.cells(object, now());
    assert_eq!(cells.len(), columns.heads().len(), "one cell for each heading");
    cells.iter().map(|c| c.as_str().map_or_else(|| c.to_string(), ToOwned::to_owned)).collect::<Vec<_>>().join(" | ")
}

/// The cells of an object that is five minutes and three seconds old and called `x`.
fn check(kind: &str, text: &str, expect: &str) {
    let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
    let mut object = yaml(text);
    let metadata = model::object::slot(&mut object, &["metadata"]);
    if metadata.is_null() {
        *metadata = json!({});
    }
    metadata["name"] = json!("x");
    metadata["creationTimestamp"] = json!("2026-11-23T11:54:57Z");
    assert_eq!(line(&builtin(&GroupKind::new(group, kind)), &object), expect, "{text}");
}

#[test]
fn durations() {
    let check = |seconds: i64, expect: &str| {
        let since = Timestamp::from_second(now().as_second() - seconds).unwrap();
        assert_eq!(human(since, now()), expect, "{seconds}");
    };
    check(-2, "<invalid>");
    check(-1, "0s");
    check(0, "0s");
    check(119, "119s");
    check(120, "2m");
    check(303, "5m3s");
    check(659, "10m");
    check(3 * 3600 - 1, "179m");
    check(3 * 3600, "3h");
    check(7 * 3600 + 720, "7h12m");
    check(47 * 3600, "47h");
    check(48 * 3600, "2d");
    check(76 * 3600, "3d4h");
    check(8 * 86_400, "8d");
    check(2 * 365 * 86_400 + 10 * 86_400, "2y10d");
    check(9 * 365 * 86_400, "9y");
}

#[test]
fn running_pods() {
    check(
        "Pod",
        "
spec: {nodeName: n1, containers: [{name: a}, {name: b}]}
status:
  phase: Running
  podIPs: [{ip: 10.0.0.1}]
  conditions: [{type: Ready, status: 'True'}]
  containerStatuses:
  - {name: a, ready: true, restartCount: 2, state: {running: {}}, lastState: {terminated: {finishedAt: '2026-11-23T11:59:00Z'}}}
  - {name: b, ready: true, restartCount: 0, state: {running: {}}}
",
        "x | 2/2 | Running | 2 (60s ago) | 5m3s | 10.0.0.1 | n1 | <none> | <none>",
    );
    check(
        "Pod",
        "
spec: {containers: [{name: a}], readinessGates: [{conditionType: g}]}
status: {phase: Pending}
",
        "x | 0/1 | Pending | 0 | 5m3s | <none> | <none> | <none> | 0/1",
    );
}

#[test]
fn troubled_pods() {
    let check = |status: &str, expect: &str| {
        let text = format!("{{spec: {{containers: [{{name: a}}], initContainers: [{{name: i}}]}}, status: {status}}}");
        check("Pod", &text, &format!("x | {expect} | 5m3s | <none> | <none> | <none> | <none>"));
    };
    check(
        "{phase: Running, containerStatuses: [{name: a, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff}}}]}",
        "0/1 | CrashLoopBackOff | 5",
    );
    check(
        "{phase: Succeeded, containerStatuses: [{name: a, state: {terminated: {exitCode: 0, reason: Completed}}}]}",
        "0/1 | Completed | 0",
    );
    check(
        "{phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 3}}}]}",
        "0/1 | ExitCode:3 | 0",
    );
    check("{phase: Failed, reason: Evicted}", "0/1 | Evicted | 0");
    check("{phase: Pending, initContainerStatuses: [{name: i, state: {running: {}}}]}", "0/1 | Init:0/1 | 0");
    check(
        "{phase: Pending, initContainerStatuses: [{name: i, restartCount: 1, state: {waiting: {reason: CrashLoopBackOff}}}]}",
        "0/1 | Init:CrashLoopBackOff | 1",
    );
    check(
        "{phase: Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 1, reason: Error}}}]}",
        "0/1 | Init:Error | 0",
    );
    check(
        "{phase: Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}], containerStatuses: [{name: a, state: {waiting: {reason: ContainerCreating}}}]}",
        "0/1 | ContainerCreating | 0",
    );
    check("{phase: Pending, conditions: [{type: PodScheduled, reason: SchedulingGated}]}", "0/1 | SchedulingGated | 0");
}

#[test]
fn deleted_pods_and_sidecars() {
    check(
        "Pod",
        "{metadata: {deletionTimestamp: '2026-11-23T12:00:00Z'}, spec: {containers: [{name: a}]}, status: {phase: Running}}",
        "x | 0/1 | Terminating | 0 | 5m3s | <none> | <none> | <none> | <none>",
    );
    check(
        "Pod",
        "
spec: {containers: [{name: a}], initContainers: [{name: s, restartPolicy: Always}]}
status:
  phase: Running
  initContainerStatuses: [{name: s, started: true, ready: true, state: {running: {}}}]
  containerStatuses: [{name: a, ready: true, state: {running: {}}}]
",
        "x | 2/2 | Running | 0 | 5m3s | <none> | <none> | <none> | <none>",
    );
}

#[test]
fn workloads() {
    let spec = "replicas: 3, selector: {matchLabels: {app: w}}, template: {spec: {containers: [{name: a, image: i:1}, {name: b, image: j}]}}";
    check(
        "Deployment.apps",
        &format!("{{spec: {{{spec}}}, status: {{readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2}}}}"),
        "x | 2/3 | 1 | 2 | 5m3s | a,b | i:1,j | app=w",
    );
    check(
        "ReplicaSet.apps",
        &format!("{{spec: {{{spec}}}, status: {{replicas: 3, readyReplicas: 2}}}}"),
        "x | 3 | 3 | 2 | 5m3s | a,b | i:1,j | app=w",
    );
    check(
        "NetworkPolicy.networking.k8s.io",
        "{spec: {podSelector: {matchLabels: {a: b}, matchExpressions: [{key: d, operator: In, values: [v, u]}, {key: c, operator: NotIn, values: [w]}, {key: e, operator: DoesNotExist}]}}}",
        "x | a=b,c notin (w),d in (u,v),!e | 5m3s",
    );
    check("StatefulSet.apps", &format!("{{spec: {{{spec}}}}}"), "x | 0/3 | 5m3s | a,b | i:1,j");
    check(
        "DaemonSet.apps",
        &format!(
            "{{spec: {{{spec}}}, status: {{desiredNumberScheduled: 2, currentNumberScheduled: 2, numberReady: 1, updatedNumberScheduled: 2, numberAvailable: 1}}}}"
        ),
        "x | 2 | 2 | 1 | 2 | 1 | <none> | 5m3s | a,b | i:1,j | app=w",
    );
    check(
        "Job.batch",
        "{spec: {completions: 2, template: {spec: {containers: []}}}, status: {succeeded: 1, startTime: '2026-11-23T11:58:00Z'}}",
        "x | Running | 1/2 | 2m | 5m3s |  |  | <none>",
    );
    check(
        "Job.batch",
        "{spec: {parallelism: 3}, status: {succeeded: 1, conditions: [{type: Complete, status: 'True'}], startTime: '2026-11-23T11:58:00Z', completionTime: '2026-11-23T11:58:30Z'}}",
        "x | Complete | 1/1 of 3 | 30s | 5m3s |  |  | <none>",
    );
    check(
        "CronJob.batch",
        "{spec: {schedule: '0 * * * *', suspend: false}, status: {active: [{}], lastScheduleTime: '2026-11-23T11:00:00Z'}}",
        "x | 0 * * * * | <none> | False | 1 | 60m | 5m3s |  |  | <none>",
    );
    check(
        "PodDisruptionBudget.policy",
        "{spec: {minAvailable: 50%}, status: {disruptionsAllowed: 1}}",
        "x | 50% | N/A | 1 | 5m3s",
    );
    check(
        "HorizontalPodAutoscaler.autoscaling",
        "
spec:
  scaleTargetRef: {kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {averageUtilization: 80}}}]
status: {currentReplicas: 2, currentMetrics: [{type: Resource, resource: {current: {averageUtilization: 40}}}]}
",
        "x | Deployment/web | cpu: 40%/80% | 1 | 5 | 2 | 5m3s",
    );
}

#[test]
fn traffic() {
    check(
        "Service",
        "{spec: {type: ClusterIP, clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ports: [{port: 80, protocol: TCP}], selector: {a: b}}}",
        "x | ClusterIP | 10.0.0.1 | <none> | 80/TCP | 5m3s | a=b",
    );
    check(
        "Service",
        "{spec: {type: LoadBalancer, clusterIPs: [10.0.0.1], ports: [{port: 80, nodePort: 30080, protocol: TCP}]}}",
        "x | LoadBalancer | 10.0.0.1 | <pending> | 80:30080/TCP | 5m3s | <none>",
    );
    check(
        "Ingress.networking.k8s.io",
        "{spec: {ingressClassName: ng, tls: [{}], rules: [{host: a}, {host: b}, {host: c}, {host: d}]}, status: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}}",
        "x | ng | a,b,c + 1 more... | 1.2.3.4 | 80, 443 | 5m3s",
    );
    check(
        "EndpointSlice.discovery.k8s.io",
        "{addressType: IPv4, ports: [{port: 80}], endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2]}]}",
        "x | IPv4 | 80 | 10.0.0.1,10.0.0.2 | 5m3s",
    );
}

#[test]
fn cluster() {
    check(
        "Node",
        "
metadata: {labels: {node-role.kubernetes.io/control-plane: '', node-role.kubernetes.io/etcd: ''}}
spec: {unschedulable: true}
status:
  conditions: [{type: Ready, status: 'True'}]
  addresses: [{type: InternalIP, address: 10.0.0.9}]
  nodeInfo: {kubeletVersion: v1.37.2, osImage: Linux, kernelVersion: 6.1, architecture: amd64, containerRuntimeVersion: c}
",
        "x | Ready,SchedulingDisabled | control-plane,etcd | 5m3s | v1.37.2 | 10.0.0.9 | <none> | Linux | <unknown> (amd64) | c",
    );
    check("Namespace", "{status: {phase: Active}}", "x | Active | 5m3s");
    check("ConfigMap", "{data: {a: b}, binaryData: {c: ZA==}}", "x | 2 | 5m3s");
    check("Secret", "{type: Opaque, data: {a: Yg==}}", "x | Opaque | 1 | 5m3s");
    check("ServiceAccount", "{}", "x | 5m3s");
    check(
        "Event",
        "{type: Warning, reason: Failed, message: ' no ', involvedObject: {kind: Pod, name: p}, lastTimestamp: '2026-11-23T11:59:58Z', firstTimestamp: '2026-11-23T11:50:00Z', count: 4, source: {component: kubelet, host: n1}}",
        "2s | Warning | Failed | pod/p |  | kubelet, n1 | no | 10m | 4 | x",
    );
    check(
        "RoleBinding.rbac.authorization.k8s.io",
        "{roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: u}, {kind: ServiceAccount, namespace: ns, name: s}]}",
        "x | Role/r | 5m3s | u |  | ns/s",
    );
    check("Lease.coordination.k8s.io", "{spec: {holderIdentity: me}}", "x | me | 5m3s");
    check("Role.rbac.authorization.k8s.io", "{}", "x | 2026-11-23T11:54:57Z");
    check(
        "CustomResourceDefinition.apiextensions.k8s.io",
        "{spec: {group: e.com, scope: Cluster, names: {kind: A, shortNames: [a]}, versions: [{name: v1, served: true, storage: true}, {name: v0, served: false}]}, status: {conditions: [{type: Established, status: 'True'}]}}",
        "x | Cluster | v1(storage) | 2026-11-23T11:54:57Z | e.com | A | a | true",
    );
}

#[test]
fn storage() {
    check(
        "PersistentVolumeClaim",
        "{spec: {volumeName: v, storageClassName: fast, volumeMode: Filesystem}, status: {phase: Bound, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]}}",
        "x | Bound | v | 1Gi | RWO | fast | <unset> | 5m3s | Filesystem",
    );
    check(
        "PersistentVolume",
        "{spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteMany, ReadOnlyMany], persistentVolumeReclaimPolicy: Retain, claimRef: {namespace: a, name: b}}, status: {phase: Bound}}",
        "x | 1Gi | ROX,RWX | Retain | Bound | a/b |  | <unset> |  | 5m3s | <unset>",
    );
    check(
        "StorageClass.storage.k8s.io",
        "{metadata: {annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}, provisioner: p}",
        "x (default) | p | Delete | Immediate | false | 5m3s",
    );
}

#[test]
fn every_kind_takes_any_object() {
    for (group, kind) in registry::kinds_with_columns() {
        for object in [json!({}), json!({"metadata": [], "spec": 1, "status": "x"}), json!(null)] {
            line(&builtin(&GroupKind::new(group, kind)), &object);
        }
    }
}

#[test]
fn paths() {
    let object =
        yaml("{a: {b.c: 1, d: [{t: Ready, s: 'True', n: 3}, {t: Synced, s: 'False', n: 5}]}, list: [x, v, z]}");
    let check = |path: &str, expect: Value| {
        let path: JsonPath = path.parse().unwrap();
        assert_eq!(json!(path.find(&object)), expect, "{path:?}");
    };
    check(".list[0]", json!(["x"]));
    check(".list[-1]", json!(["z"]));
    check(".list[1:]", json!(["v", "z"]));
    check(".list[*]", json!(["x", "v", "z"]));
    check("{.a['b.c']}", json!([1]));
    check(r".a.b\.c", json!([1]));
    check(r#".a.d[?(@.t=="Ready")].s"#, json!(["True"]));
    check(".a.d[?(@.t == 'Synced')].n", json!([5]));
    check(".a.d[?(@.n>3)].t", json!(["Synced"]));
    check(".a.d[?(@.missing)].t", json!([]));
    check(".a.d[*].t", json!(["Ready", "Synced"]));
    check(".nope.deep[3]", json!([]));
    for bad in ["a", ".a[", ".a..b", ".a[?(x)]", ".a[b]", ".a[?(@.b==c)]"] {
        assert!(bad.parse::<JsonPath>().is_err(), "{bad}");
    }
}

fn crd(columns: &str) -> Value {
    let mut crd = yaml(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {plural: widgets, kind: Widget}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
",
    );
    crd["spec"]["versions"][0]["additionalPrinterColumns"] = yaml(columns);
    crd
}

#[test]
fn custom_columns() {
    let object = yaml(
        "{metadata: {name: x, creationTimestamp: '2026-11-23T11:54:57Z'}, spec: {n: 3, active: true, o: {k: v}}, status: {conditions: [{type: Ready, status: 'True'}]}}",
    );
    let check = |columns: &str, expect: &str| {
        let kind = parse_crd(&crd(columns)).unwrap();
        assert_eq!(line(&custom(&kind.versions[0]), &object), expect);
    };
    check("[]", "x | 5m3s");
    check(
        r#"
- {name: Count, type: integer, jsonPath: .spec.n}
- {name: Text, type: string, jsonPath: .spec.n}
- {name: 'On', type: boolean, jsonPath: .spec.active}
- {name: O, type: string, jsonPath: .spec.o}
- {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
- {name: None, type: string, jsonPath: .spec.none}
- {name: Wrong, type: integer, jsonPath: .spec.active}
- {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
"#,
        r#"x | 3 | 3 | true | {"k":"v"} | True | null | null | 5m3s"#,
    );
}

#[test]
fn whole_tables() {
    let columns = builtin(&GroupKind::new("", "Namespace"));
    let object = yaml(
        "{apiVersion: v1, kind: Namespace, metadata: {name: x, creationTimestamp: '2026-11-23T11:54:57Z'}, status: {phase: Active}}",
    );
    let table = columns.table([&object], json!({"resourceVersion": "7"}), "".parse().unwrap(), true, now());
    insta::assert_yaml_snapshot!(table);
    let bare = columns.table([&object], json!({}), IncludeObject::None, false, now());
    assert_eq!(bare["rows"][0]["object"], Value::Null);
    assert_eq!(bare["columnDefinitions"], json!([]));
    assert!("All".parse::<IncludeObject>().is_err());
}

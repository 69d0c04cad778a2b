use super::{check, check_update};

const POD: &str = "v1/Pod";
const DEPLOYMENT: &str = "apps/v1/Deployment";

#[test]
fn containers() {
    check(POD, "{spec: {containers: [{name: a, image: b}]}}", &[]);
    check(POD, "{}", &["spec.containers: Required value"]);
    check(
        POD,
        "{spec: {containers: [{name: a}, {image: b}]}}",
        &["spec.containers[0].image: Required value", "spec.containers[1].name: Required value"],
    );
    check(
        POD,
        "{spec: {containers: [{name: a, image: b}], initContainers: [{name: a, image: b}]}}",
        &[r#"spec.initContainers[0].name: Duplicate value: "a""#],
    );
    check(
        POD,
        "{spec: {restartPolicy: Sometimes, containers: [{name: a, image: ' b', imagePullPolicy: Maybe}]}}",
        &[
            r#"spec.containers[0].image: Invalid value: " b": must not have leading or trailing whitespace"#,
            r#"spec.containers[0].imagePullPolicy: Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never""#,
            r#"spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never""#,
        ],
    );
}

#[test]
fn ports_mounts_and_resources() {
    let one = |rest: &str| format!("{{spec: {{containers: [{{name: a, image: b, {rest}}}]}}}}");
    check(
        POD,
        &one("ports: [{containerPort: 70000, name: web}, {containerPort: 80, name: web, protocol: TPC}]"),
        &[
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            r#"spec.containers[0].ports[1].name: Duplicate value: "web""#,
            r#"spec.containers[0].ports[1].protocol: Unsupported value: "TPC": supported values: "SCTP", "TCP", "UDP""#,
        ],
    );
    check(
        POD,
        &one("volumeMounts: [{name: data, mountPath: /d}]"),
        &[r#"spec.containers[0].volumeMounts[0].name: Not found: "data""#],
    );
    check(
        POD,
        &one("resources: {limits: {cpu: 1}, requests: {cpu: 1500m, memory: 1Gx}}"),
        &[
            r#"spec.containers[0].resources.requests: Invalid value: "1500m": must be less than or equal to cpu limit of 1"#,
            r#"spec.containers[0].resources.requests[memory]: Invalid value: "1Gx": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"#,
        ],
    );
    check(
        POD,
        "{spec: {volumes: [{name: v}, {name: v, emptyDir: {}, hostPath: {path: /}}], containers: [{name: a, image: b}]}}",
        &[
            r#"spec.volumes[1].name: Duplicate value: "v""#,
            "spec.volumes[1].hostPath: Forbidden: may not specify more than 1 volume type",
        ],
    );
    check(
        POD,
        &one("env: [{name: A, value: x, valueFrom: {fieldRef: {}}}, {value: x}]"),
        &[
            r#"spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty"#,
            "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Required value",
            "spec.containers[0].env[1].name: Required value",
        ],
    );
}

#[test]
fn pods_hardly_change() {
    let pod = |image: &str, rest: &str| format!("{{spec: {{containers: [{{name: a, image: {image}}}]{rest}}}}}");
    check_update(POD, &pod("b", ""), &pod("c", ""), &[]);
    check_update(POD, &pod("b", ""), &pod("b", ", nodeName: n1"), &[]);
    check_update(
        POD,
        &pod("b", ", nodeName: n1"),
        &pod("b", ", nodeName: n2"),
        &[
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        ],
    );
}

fn deployment(selector: &str, labels: &str, rest: &str) -> String {
    format!(
        "{{spec: {{selector: {{matchLabels: {selector}}}, template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: a, image: b}}]}}}}{rest}}}}}"
    )
}

#[test]
fn deployments() {
    check(DEPLOYMENT, &deployment("{a: b}", "{a: b, c: d}", ""), &[]);
    check(
        DEPLOYMENT,
        "{spec: {replicas: -1, template: {spec: {containers: [{name: a, image: b}]}}}}",
        &[
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            "spec.selector: Required value",
            "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
        ],
    );
    check(
        DEPLOYMENT,
        &deployment("{a: b}", "{a: c}", ""),
        &[r#"spec.template.metadata.labels: Invalid value: {"a":"c"}: `selector` does not match template `labels`"#],
    );
    check(
        DEPLOYMENT,
        &deployment("{}", "{a: c}", ""),
        &[r#"spec.selector: Invalid value: {"matchLabels":{}}: empty selector is invalid for deployment"#],
    );
    check(
        DEPLOYMENT,
        &deployment(
            "{a: b}",
            "{a: b}",
            ", strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}",
        ),
        &[r#"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0"#],
    );
    check(
        DEPLOYMENT,
        &deployment("{a: b}", "{a: b}", ", strategy: {type: Recreate, rollingUpdate: {}}"),
        &["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    );
    check_update(
        DEPLOYMENT,
        &deployment("{a: b}", "{a: b}", ""),
        &deployment("{a: c}", "{a: c}", ""),
        &[r#"spec.selector: Invalid value: {"matchLabels":{"a":"c"}}: field is immutable"#],
    );
}

#[test]
fn other_workloads() {
    let set = deployment("{a: b}", "{a: b}", ", serviceName: s");
    check("apps/v1/StatefulSet", &set, &[]);
    check_update("apps/v1/StatefulSet", &set, &deployment("{a: b}", "{a: b}", ", serviceName: s, replicas: 3"), &[]);
    check_update(
        "apps/v1/StatefulSet",
        &set,
        &deployment("{a: b}", "{a: b}", ", serviceName: t"),
        &[r#"spec.serviceName: Invalid value: "t": field is immutable"#],
    );
    check(
        "apps/v1/DaemonSet",
        "{spec: {selector: {}, template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}",
        &[
            "spec.selector: Invalid value: {}: empty selector is invalid for daemonset",
            r#"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#,
        ],
    );
    check("apps/v1/ReplicaSet", &deployment("{a: b}", "{a: b}", ""), &[]);
}

#[test]
fn claims_of_a_stateful_set_are_volumes() {
    let set = |claims: &str| {
        format!(
            "{{spec: {{selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: a, image: b, volumeMounts: [{{name: data, mountPath: /d}}]}}]}}}}{claims}}}}}"
        )
    };
    check("apps/v1/StatefulSet", &set(", volumeClaimTemplates: [{metadata: {name: data}}]"), &[]);
    check(
        "apps/v1/StatefulSet",
        &set(""),
        &[r#"spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data""#],
    );
}

#[test]
fn jobs() {
    let job = |policy: &str, rest: &str| {
        format!(
            "{{spec: {{template: {{spec: {{restartPolicy: {policy}, containers: [{{name: a, image: b}}]}}}}{rest}}}}}"
        )
    };
    check("batch/v1/Job", &job("Never", ""), &[]);
    check(
        "batch/v1/Job",
        &job("Always", ", backoffLimit: -1"),
        &[
            "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
            r#"spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never""#,
        ],
    );
    check_update(
        "batch/v1/Job",
        &job("Never", ", completions: 1"),
        &job("Never", ", completions: 2"),
        &["spec.completions: Invalid value: 2: field is immutable"],
    );
    let cron = |schedule: &str| format!("{{spec: {{schedule: '{schedule}', jobTemplate: {}}}}}", job("OnFailure", ""));
    check("batch/v1/CronJob", &cron("*/5 * * * *"), &[]);
    check("batch/v1/CronJob", &cron("@daily"), &[]);
    check(
        "batch/v1/CronJob",
        &cron("* * *"),
        &[r#"spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]"#],
    );
}

#[test]
fn scaling() {
    check(
        "autoscaling/v2/HorizontalPodAutoscaler",
        "{spec: {minReplicas: 3, maxReplicas: 2, scaleTargetRef: {apiVersion: v1, kind: Deployment}}}",
        &[
            "spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`",
            "spec.scaleTargetRef.name: Required value",
            r#"spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group"#,
        ],
    );
    check(
        "policy/v1/PodDisruptionBudget",
        "{spec: {minAvailable: 1x}}",
        &[
            "spec.minAvailable: Invalid value: \"1x\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ],
    );
}

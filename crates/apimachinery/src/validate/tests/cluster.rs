use super::{check, check_update};

#[test]
fn services() {
    let service = "v1/Service";
    check(service, "{spec: {ports: [{port: 80, protocol: TCP}]}}", &[]);
    check(service, "{spec: {clusterIP: None}}", &[]);
    check(service, "{spec: {type: ExternalName, externalName: a.b.}}", &[]);
    check(service, "{spec: {}}", &["spec.ports: Required value"]);
    check(
        service,
        "{spec: {type: Cluster, ports: [{port: 80}]}}",
        &[
            r#"spec.type: Unsupported value: "Cluster": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort""#,
        ],
    );
    check(
        service,
        "{spec: {ports: [{port: 80, name: a}, {port: 81, name: a}, {port: 0}]}}",
        &[
            r#"spec.ports[1].name: Duplicate value: "a""#,
            "spec.ports[2].name: Required value",
            "spec.ports[2].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ],
    );
    let at = |ip: &str| format!("{{spec: {{clusterIP: {ip}, clusterIPs: [{ip}], ports: [{{port: 80}}]}}}}");
    check_update(service, &at("10.96.0.1"), &at("10.96.0.1"), &[]);
    check_update(
        service,
        &at("10.96.0.1"),
        &at("10.96.0.2"),
        &[r#"spec.clusterIPs[0]: Invalid value: ["10.96.0.2"]: may not change once set"#],
    );
}

#[test]
fn configuration() {
    check("v1/ConfigMap", "{data: {a.b: c}}", &[]);
    check(
        "v1/ConfigMap",
        "{data: {a: b}, binaryData: {a: Yg==}}",
        &[r#"data[a]: Invalid value: "a": duplicate of key present in binaryData"#],
    );
    check("v1/ConfigMap", "{data: {..a: b}}", &[r#"data[..a]: Invalid value: "..a": must not start with '..'"#]);
    check_update(
        "v1/ConfigMap",
        "{immutable: true, data: {a: b}}",
        "{data: {a: c}}",
        &[
            "immutable: Forbidden: field is immutable when `immutable` is set",
            "data: Forbidden: field is immutable when `immutable` is set",
        ],
    );
    check("v1/Secret", "{type: kubernetes.io/tls, data: {tls.crt: ''}}", &["data[tls.key]: Required value"]);
    check_update("v1/Secret", "{type: Opaque}", "{type: a/b}", &[r#"type: Invalid value: "a/b": field is immutable"#]);
    check(
        "v1/Secret",
        "{type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: c2VjcmV0}}",
        &[r#"data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be a JSON object"#],
    );
    check("v1/Namespace", "{}", &[]);
    check("v1/ServiceAccount", "{}", &[]);
}

#[test]
fn values_of_secrets_never_show() {
    let big = "A".repeat(2 * 1024 * 1024);
    check("v1/Secret", &format!("{{data: {{a: {big}}}}}"), &["data: Too long: may not be more than 1048576 bytes"]);
    check("v1/Secret", "{data: {a: '***'}}", &[r#"data[a]: Invalid value: "<value omitted>": must be base64"#]);
}

#[test]
fn traffic_rules() {
    let ingress = "networking.k8s.io/v1/Ingress";
    check(
        ingress,
        "{spec: {rules: [{host: a.b, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]}}",
        &[],
    );
    check(ingress, "{spec: {}}", &["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]);
    check(
        ingress,
        "{spec: {rules: [{http: {paths: [{path: a, pathType: Exact, backend: {service: {name: s}}}]}}]}}",
        &[
            r#"spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path"#,
            "spec.rules[0].http.paths[0].backend: Required value: port name or number is required",
        ],
    );
    check(
        "networking.k8s.io/v1/NetworkPolicy",
        "{spec: {podSelector: {}, ingress: [{from: [{}], ports: [{port: web, endPort: 3}]}]}}",
        &[
            "spec.ingress[0].ports[0].endPort: Invalid value: 3: may not be specified when `port` is non-numeric",
            "spec.ingress[0].from[0]: Required value: must specify a peer",
        ],
    );
}

#[test]
fn claims() {
    let claim = "v1/PersistentVolumeClaim";
    let with = |class: &str, size: &str| {
        format!("{{spec: {{accessModes: [ReadWriteOnce]{class}, resources: {{requests: {{storage: {size}}}}}}}}}")
    };
    check(claim, &with("", "1Gi"), &[]);
    check(
        claim,
        "{spec: {}}",
        &[
            "spec.accessModes: Required value: at least 1 access mode is required",
            "spec.resources[storage]: Required value",
        ],
    );
    check_update(claim, &with("", "1Gi"), &with(", volumeName: v", "1Gi"), &[]);
    let bound = |size: &str| {
        let spec = with(", volumeName: v", size);
        format!("{{status: {{phase: Bound, capacity: {{storage: 1Gi}}}}, {}", spec.trim_start_matches('{'))
    };
    check_update(claim, &bound("1Gi"), &bound("2Gi"), &[]);
    check_update(
        claim,
        &bound("2Gi"),
        &bound("1Gi"),
        &["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
    );
    let fixed = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    check_update(claim, &with("", "1Gi"), &with("", "2Gi"), &[fixed]);
    check_update(
        claim,
        &with(", storageClassName: a", "1Gi"),
        &with(", storageClassName: b", "1Gi"),
        &[
            "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
        ],
    );
}

#[test]
fn access() {
    let group = "rbac.authorization.k8s.io/v1";
    check(&format!("{group}/Role"), "{rules: [{verbs: [get], apiGroups: [''], resources: [pods]}]}", &[]);
    check(
        &format!("{group}/Role"),
        "{rules: [{resources: [pods]}]}",
        &[
            "rules[0].verbs: Required value",
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
        ],
    );
    let binding = |name: &str| {
        format!("{{roleRef: {{kind: ClusterRole, name: {name}}}, subjects: [{{kind: ServiceAccount, name: s}}]}}")
    };
    check(&format!("{group}/RoleBinding"), &binding("r"), &[]);
    check(&format!("{group}/ClusterRoleBinding"), &binding("r"), &["subjects[0].namespace: Required value"]);
    check_update(
        &format!("{group}/RoleBinding"),
        &binding("r"),
        &binding("s"),
        &[r#"roleRef: Invalid value: {"kind":"ClusterRole","name":"s"}: field is immutable"#],
    );
}

#[test]
fn what_cannot_change_is_said_in_the_words_of_its_kind() {
    let class = "storage.k8s.io/v1/StorageClass";
    check_update(
        class,
        "{provisioner: a.b/c, parameters: {type: ssd}, reclaimPolicy: Delete, volumeBindingMode: Immediate}",
        "{provisioner: a.b/d, parameters: {type: hdd}, reclaimPolicy: Retain, volumeBindingMode: WaitForFirstConsumer}",
        &[
            "parameters: Forbidden: updates to parameters are forbidden.",
            "provisioner: Forbidden: updates to provisioner are forbidden.",
            "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
            r#"volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable"#,
        ],
    );
    check_update(class, "{provisioner: a.b/c}", "{provisioner: a.b/c, allowVolumeExpansion: true}", &[]);
    check_update(
        "scheduling.k8s.io/v1/PriorityClass",
        "{value: 1}",
        "{value: 2}",
        &["value: Forbidden: may not be changed in an update."],
    );
    for (kind, old, new, field, value) in [
        (
            "networking.k8s.io/v1/IngressClass",
            "{spec: {controller: a.b/c}}",
            "{spec: {controller: d}}",
            "spec.controller",
            "d",
        ),
        ("node.k8s.io/v1/RuntimeClass", "{handler: runc}", "{handler: kata}", "handler", "kata"),
        ("discovery.k8s.io/v1/EndpointSlice", "{addressType: IPv4}", "{addressType: IPv6}", "addressType", "IPv6"),
    ] {
        check_update(kind, old, new, &[&format!(r#"{field}: Invalid value: "{value}": field is immutable"#)]);
    }
}

#[test]
fn custom_kinds() {
    let crd = |scope: &str, established: &str| {
        format!(
            "
metadata: {{name: widgets.example.com}}
spec:
  group: example.com
  names: {{plural: widgets, kind: Widget}}
  scope: {scope}
  versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}]
status: {{conditions: [{{type: Established, status: '{established}'}}]}}
"
        )
    };
    let kind = "apiextensions.k8s.io/v1/CustomResourceDefinition";
    check(kind, &crd("Namespaced", "False"), &[]);
    check(
        kind,
        &crd("Everywhere", "False"),
        &[r#"spec.scope: Unsupported value: "Everywhere": supported values: "Cluster", "Namespaced""#],
    );
    check_update(kind, &crd("Namespaced", "False"), &crd("Cluster", "False"), &[]);
    check_update(
        kind,
        &crd("Namespaced", "True"),
        &crd("Cluster", "True"),
        &[r#"spec.scope: Invalid value: "Cluster": field is immutable"#],
    );
}

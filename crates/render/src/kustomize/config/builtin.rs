//! What kustomize knows by itself: facts of `kustomize/api/internal/konfig/builtinpluginconsts`.

use model::GroupVersionKind;

use super::{Config, Reference, TABLES, Table};
use crate::kustomize::field::Spec;

/// Group, kind, path below, and whether it is added: a field of a kind.
type Row = (&'static str, &'static str, &'static str, bool);

/// Where `<pod template>/metadata` is. `/labels` or `/annotations` follows.
const TEMPLATES: [Row; 8] = [
    ("", "ReplicationController", "spec/template/metadata", true),
    ("", "Deployment", "spec/template/metadata", true),
    ("", "ReplicaSet", "spec/template/metadata", true),
    ("", "DaemonSet", "spec/template/metadata", true),
    ("", "StatefulSet", "spec/template/metadata", true),
    ("batch", "Job", "spec/template/metadata", true),
    ("batch", "CronJob", "spec/jobTemplate/metadata", true),
    ("batch", "CronJob", "spec/jobTemplate/spec/template/metadata", true),
];

/// Labels of claims, which only labels change.
const CLAIM_TEMPLATES: Row = ("apps", "StatefulSet", "spec/volumeClaimTemplates[]/metadata/labels", true);

const SELECTORS: [Row; 12] = [
    ("", "Service", "spec/selector", true),
    ("", "ReplicationController", "spec/selector", true),
    ("", "Deployment", "spec/selector/matchLabels", true),
    ("", "ReplicaSet", "spec/selector/matchLabels", true),
    ("", "DaemonSet", "spec/selector/matchLabels", true),
    ("apps", "StatefulSet", "spec/selector/matchLabels", true),
    ("batch", "Job", "spec/selector/matchLabels", false),
    ("batch", "CronJob", "spec/jobTemplate/spec/selector/matchLabels", false),
    ("policy", "PodDisruptionBudget", "spec/selector/matchLabels", false),
    ("networking.k8s.io", "NetworkPolicy", "spec/podSelector/matchLabels", false),
    ("networking.k8s.io", "NetworkPolicy", "spec/ingress/from/podSelector/matchLabels", false),
    ("networking.k8s.io", "NetworkPolicy", "spec/egress/to/podSelector/matchLabels", false),
];

/// Selectors in the pod template of Deployments and StatefulSets of `apps`.
const POD_SELECTORS: [&str; 5] = [
    "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "topologySpreadConstraints/labelSelector/matchLabels",
];

const NAMESPACES: [Row; 3] = [
    ("", "Namespace", "metadata/name", true),
    ("apiregistration.k8s.io", "APIService", "spec/service/namespace", true),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "spec/conversion/webhook/clientConfig/service/namespace",
        false,
    ),
];

const REPLICAS: [&str; 4] = ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"];

/// Below a pod specification, and below that of a pod template.
const IMAGES: [&str; 3] = ["containers[]/image", "initContainers[]/image", "volumes[]/image/reference"];

/// Where pod specifications are.
const POD_SPECS: [(&str, &str); 9] = [
    ("Pod", "spec"),
    ("PodTemplate", "template/spec"),
    ("ReplicationController", "spec/template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
];

/// Kinds whose pod specifications name ConfigMaps and Secrets.
const NAME_DATA: [&str; 8] =
    ["Pod", "PodTemplate", "Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job", "CronJob"];

const CONFIG_MAPS: [&str; 6] = [
    "volumes/configMap/name",
    "containers/env/valueFrom/configMapKeyRef/name",
    "initContainers/env/valueFrom/configMapKeyRef/name",
    "containers/envFrom/configMapRef/name",
    "initContainers/envFrom/configMapRef/name",
    "volumes/projected/sources/configMap/name",
];

const SECRETS: [&str; 7] = [
    "volumes/secret/secretName",
    "containers/env/valueFrom/secretKeyRef/name",
    "initContainers/env/valueFrom/secretKeyRef/name",
    "containers/envFrom/secretRef/name",
    "initContainers/envFrom/secretRef/name",
    "imagePullSecrets/name",
    "volumes/projected/sources/secret/name",
];

/// Kinds whose pod specifications name accounts, claims and priorities.
const NAME_OTHERS: [&str; 7] =
    ["Pod", "StatefulSet", "Deployment", "ReplicationController", "CronJob", "Job", "DaemonSet"];

const AUTOSCALERS: [Row; 1] = [("", "HorizontalPodAutoscaler", "spec/scaleTargetRef/name", false)];

const CONFIG_MAPS_ELSEWHERE: [Row; 4] = [
    ("", "Node", "spec/configSource/configMap", false),
    ("", "Role", "rules/resourceNames", false),
    ("", "ClusterRole", "rules/resourceNames", false),
    ("", "Ingress", "metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap", false),
];

const SECRETS_ELSEWHERE: [Row; 13] = [
    ("", "Ingress", "spec/tls/secretName", false),
    ("", "Ingress", "metadata/annotations/ingress.kubernetes.io\\/auth-secret", false),
    ("", "Ingress", "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret", false),
    ("", "Ingress", "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret", false),
    ("", "ServiceAccount", "imagePullSecrets/name", false),
    ("", "StorageClass", "parameters/secretName", false),
    ("", "StorageClass", "parameters/adminSecretName", false),
    ("", "StorageClass", "parameters/userSecretName", false),
    ("", "StorageClass", "parameters/secretRef", false),
    ("", "Role", "rules/resourceNames", false),
    ("", "ClusterRole", "rules/resourceNames", false),
    // Knative's.
    ("serving.knative.dev", "Service", "spec/template/spec/containers/env/valueFrom/secretKeyRef/name", false),
    ("", "PersistentVolume", "spec/azureFile/secretName", false),
];

const SERVICES: [Row; 8] = [
    ("apps", "StatefulSet", "spec/serviceName", false),
    ("", "Ingress", "spec/rules/http/paths/backend/serviceName", false),
    ("", "Ingress", "spec/backend/serviceName", false),
    ("", "Ingress", "spec/rules/http/paths/backend/service/name", false),
    ("", "Ingress", "spec/defaultBackend/service/name", false),
    ("apiregistration.k8s.io", "APIService", "spec/service/name", false),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "webhooks/clientConfig/service", false),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "webhooks/clientConfig/service", false),
];

const RBAC: &str = "rbac.authorization.k8s.io";

/// Fields of containers in which variables stand.
const IN_CONTAINERS: [&str; 4] = ["args", "command", "env/value", "volumeMounts/mountPath"];

/// Fields in which variables stand, beside those of containers. `CronJob` has one that no CronJob has, as in kustomize.
const VARIABLES: [(&str, &str); 16] = [
    ("CronJob", "spec/jobTemplate/spec/template/volumes/nfs/server"),
    ("DaemonSet", "spec/template/spec/volumes/nfs/server"),
    ("Deployment", "spec/template/spec/volumes/nfs/server"),
    ("Deployment", "spec/template/metadata/annotations"),
    ("Ingress", "spec/rules/host"),
    ("Ingress", "spec/tls/hosts"),
    ("Ingress", "spec/tls/secretName"),
    ("Job", "spec/template/spec/volumes/nfs/server"),
    ("Pod", "spec/volumes/nfs/server"),
    ("ReplicaSet", "spec/template/spec/volumes/nfs/server"),
    ("Service", "spec/ports/port"),
    ("Service", "spec/ports/targetPort"),
    ("StatefulSet", "spec/volumeClaimTemplates/spec/nfs/server"),
    ("PersistentVolume", "spec/nfs/server"),
    ("", "metadata/labels"),
    ("", "metadata/annotations"),
];

/// Kinds in whose containers variables stand.
const VARIABLES_IN: [&str; 7] = ["CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet"];

fn spec((group, kind, path, create): Row) -> Spec {
    Spec::new(group, kind, path, create)
}

fn below(row: Row, name: &str) -> Spec {
    let (group, kind, path, create) = row;
    Spec::new(group, kind, &format!("{path}/{name}"), create)
}

/// Fields in the pod specifications of these kinds.
fn in_pods(kinds: &[&str], paths: &[&str]) -> Vec<Spec> {
    let places = POD_SPECS.iter().filter(|(kind, _)| kinds.contains(kind));
    places
        .flat_map(|(kind, at)| paths.iter().map(move |path| Spec::new("", kind, &format!("{at}/{path}"), false)))
        .collect()
}

fn labels_of_metadata() -> Vec<Spec> {
    let mut all = vec![Spec::new("", "", "metadata/labels", true)];
    for row in TEMPLATES {
        // Labels of StatefulSets are for `apps` only; annotations are for every group.
        let (_, kind, path, create) = row;
        let row = if kind == "StatefulSet" { ("apps", kind, path, create) } else { row };
        all.push(below(row, "labels"));
    }
    all.push(spec(CLAIM_TEMPLATES));
    all
}

fn references() -> Vec<Reference> {
    let target = GroupVersionKind::new;
    let plain = |rows: &[Row]| rows.iter().copied().map(spec).collect::<Vec<Spec>>();
    let with = |mut specs: Vec<Spec>, rows: &[Row]| {
        specs.extend(plain(rows));
        specs
    };
    let mut all: Vec<(GroupVersionKind, Vec<Spec>)> =
        ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"]
            .map(|kind| (target("", "", kind), plain(&AUTOSCALERS)))
            .into();
    all.extend([
        (target("", "v1", "ConfigMap"), with(in_pods(&NAME_DATA, &CONFIG_MAPS), &CONFIG_MAPS_ELSEWHERE)),
        (target("", "v1", "Secret"), with(in_pods(&NAME_DATA, &SECRETS), &SECRETS_ELSEWHERE)),
        (target("", "v1", "Service"), plain(&SERVICES)),
        (target(RBAC, "", "Role"), plain(&[(RBAC, "RoleBinding", "roleRef/name", false)])),
        (
            target(RBAC, "", "ClusterRole"),
            plain(&[(RBAC, "RoleBinding", "roleRef/name", false), (RBAC, "ClusterRoleBinding", "roleRef/name", false)]),
        ),
        (
            target("", "v1", "ServiceAccount"),
            with(
                in_pods(&NAME_OTHERS, &["serviceAccountName"]),
                &[(RBAC, "RoleBinding", "subjects", false), (RBAC, "ClusterRoleBinding", "subjects", false)],
            ),
        ),
        (
            target("", "v1", "PersistentVolumeClaim"),
            in_pods(&NAME_OTHERS, &["volumes/persistentVolumeClaim/claimName"]),
        ),
        (
            target("", "v1", "PersistentVolume"),
            plain(&[
                ("", "PersistentVolumeClaim", "spec/volumeName", false),
                ("", "ClusterRole", "rules/resourceNames", false),
            ]),
        ),
        (
            target("storage.k8s.io", "v1", "StorageClass"),
            plain(&[
                ("", "PersistentVolume", "spec/storageClassName", false),
                ("", "PersistentVolumeClaim", "spec/storageClassName", false),
                ("", "StatefulSet", "spec/volumeClaimTemplates/spec/storageClassName", false),
            ]),
        ),
        (target("scheduling.k8s.io", "v1", "PriorityClass"), in_pods(&NAME_OTHERS, &["priorityClassName"])),
        // This group is none, so the name is never changed, as in kustomize.
        (
            target("networking.k8s.io/v1", "v1", "IngressClass"),
            plain(&[("", "Ingress", "spec/ingressClassName", false)]),
        ),
        (
            target("admissionregistration.k8s.io", "", "ValidatingAdmissionPolicy"),
            plain(&[("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", "spec/policyName", false)]),
        ),
    ]);
    all.into_iter().map(|(target, referrers)| Reference { target, referrers }).collect()
}

pub(super) fn config() -> Config {
    let mut tables: [Vec<Spec>; TABLES] = Default::default();
    let name = vec![Spec::new("", "", "metadata/name", false)];
    tables[Table::NamePrefix as usize].clone_from(&name);
    tables[Table::NameSuffix as usize] = name;
    tables[Table::Namespace as usize] = NAMESPACES.map(spec).into();
    let selectors = &mut tables[Table::CommonLabels as usize];
    // Services of other groups, such as Knative's, select nothing before `v1`.
    selectors.extend(SELECTORS.map(spec));
    selectors.iter_mut().filter(|spec| spec.kind == "Service").for_each(|spec| spec.version = "v1".to_owned());
    for kind in ["Deployment", "StatefulSet"] {
        selectors
            .extend(POD_SELECTORS.map(|path| Spec::new("apps", kind, &format!("spec/template/spec/{path}"), false)));
    }
    selectors.extend(labels_of_metadata());
    tables[Table::TemplateLabels as usize] = labels_of_metadata();
    let annotations = &mut tables[Table::CommonAnnotations as usize];
    annotations.push(Spec::new("", "", "metadata/annotations", true));
    annotations.extend(TEMPLATES.map(|row| below(row, "annotations")));
    let variables = &mut tables[Table::VarReference as usize];
    for containers in ["containers", "initContainers"] {
        let paths = IN_CONTAINERS.map(|path| format!("{containers}/{path}"));
        variables.extend(in_pods(&VARIABLES_IN, &paths.each_ref().map(String::as_str)));
    }
    variables.extend(VARIABLES.map(|(kind, path)| Spec::new("", kind, path, false)));
    let images = &mut tables[Table::Images as usize];
    for at in ["spec", "spec/template/spec"] {
        images.extend(IMAGES.map(|path| Spec::new("", "", &format!("{at}/{path}"), true)));
    }
    tables[Table::Replicas as usize] = REPLICAS.map(|kind| Spec::new("", kind, "spec/replicas", true)).into();
    Config { tables, references: references() }
}

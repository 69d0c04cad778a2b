use super::*;

/// What real servers answered, whole.
const REFUSED_CHANGES: [&str; 20] = [
    "Service \"web\" is invalid: spec.clusterIPs[0]: Invalid value: [\"None\"]: may not change once set",
    "Service \"web\" is invalid: spec.clusterIP: Invalid value: \"\": primary clusterIP can not be unset",
    "Deployment.apps \"w\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"c\"}}: field is immutable",
    "Deployment.apps \"w\" is invalid: spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    "Pod \"w\" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`",
    "Pod \"w\" is invalid: spec.containers: Forbidden: pod updates may not add or remove containers",
    "StatefulSet.apps \"w\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    "StorageClass.storage.k8s.io \"fast\" is invalid: parameters: Forbidden: updates to parameters are forbidden.",
    "StorageClass.storage.k8s.io \"fast\" is invalid: provisioner: Forbidden: updates to provisioner are forbidden.",
    "PriorityClass.scheduling.k8s.io \"p\" is invalid: value: Forbidden: may not be changed in an update.",
    "RoleBinding.rbac.authorization.k8s.io \"b\" is invalid: roleRef: Invalid value: rbac.RoleRef{}: cannot change roleRef",
    "Job.batch \"j\" is invalid: spec.template: Invalid value: core.PodTemplateSpec{}: field is immutable",
    "PersistentVolumeClaim \"c\" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests for bound claims",
    "PersistentVolumeClaim \"c\" is invalid: spec.resources.requests.storage: Forbidden: field can not be less than previous value",
    "PersistentVolume \"v\" is invalid: spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
    "ConfigMap \"c\" is invalid: data: Forbidden: field is immutable when `immutable` is set",
    "IngressClass.networking.k8s.io \"i\" is invalid: spec.controller: Invalid value: \"x\": field is immutable",
    "EndpointSlice.discovery.k8s.io \"e\" is invalid: addressType: Invalid value: \"IPv6\": field is immutable",
    "ResourceClaim.resource.k8s.io \"r\" is invalid: spec.tier: Invalid value: null: field cannot be modified once set",
    "Gateway.example.com \"g\" is invalid: spec.class: Invalid value: \"string\": class is immutable",
];

#[test]
fn changes_that_are_refused_are_known_by_the_sentences_of_real_versions() {
    for message in REFUSED_CHANGES {
        assert!(is_named(message), "{message}");
    }
    for message in [
        "Deployment.apps \"w\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        "Service \"web\" is invalid: spec.ports: Required value",
        "ConfigMap \"c\" is invalid: metadata.labels: Invalid value: \"a b\": a valid label must consist of …",
    ] {
        assert!(!is_named(message), "{message}");
    }
}

//! The built-in kinds that are served, in the order of discovery.
//!
//! Subresources that stream to a kubelet (`log`, `exec`, `attach`, `portforward`, `proxy`) are absent: there is no
//! kubelet behind this API. So is ComponentStatus, deprecated since Kubernetes 1.19.

use model::GroupVersionKind;

use crate::kind::{Kind, ScalePaths, Subresource};

/// Every built-in kind that is served: stable versions only, groups in the order of discovery, the preferred version of
/// a group first.
pub fn all() -> &'static [Kind] {
    KINDS
}

/// A built-in kind by its name.
pub fn find(gvk: &GroupVersionKind) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.kind == gvk.kind && k.group == gvk.group && k.version == gvk.version)
}

const EVERY_VERB: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const NO_COLLECTION: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];

const fn namespaced(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    singular: &'static str,
) -> Kind {
    Kind {
        group,
        version,
        kind,
        plural,
        singular,
        short_names: &[],
        categories: &[],
        namespaced: true,
        status: false,
        scale: None,
        verbs: EVERY_VERB,
        subresources: &[],
        selectable: &[],
        generation: false,
    }
}

const fn cluster(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    singular: &'static str,
) -> Kind {
    Kind { namespaced: false, ..namespaced(group, version, kind, plural, singular) }
}

impl Kind {
    const fn short(self, short_names: &'static [&'static str]) -> Self {
        Self { short_names, ..self }
    }

    const fn in_categories(self, categories: &'static [&'static str]) -> Self {
        Self { categories, ..self }
    }

    const fn create_only(self) -> Self {
        Self { verbs: &["create"], ..self }
    }

    const fn with_verbs(self, verbs: &'static [&'static str]) -> Self {
        Self { verbs, ..self }
    }

    const fn with_status(self) -> Self {
        Self { status: true, ..self }
    }

    /// Every built-in kind that scales keeps its numbers at the same paths.
    const fn with_scale(self) -> Self {
        let paths = ScalePaths { spec: "spec.replicas", status: "status.replicas", selector: "spec.selector" };
        Self { scale: Some(paths), ..self }
    }

    const fn with_subresources(self, subresources: &'static [Subresource]) -> Self {
        Self { subresources, ..self }
    }

    const fn select_by(self, selectable: &'static [&'static str]) -> Self {
        Self { selectable, ..self }
    }

    const fn with_generation(self) -> Self {
        Self { generation: true, ..self }
    }
}

pub(super) static KINDS: &[Kind] = &[
    namespaced("", "v1", "Binding", "bindings", "binding").create_only(),
    namespaced("", "v1", "ConfigMap", "configmaps", "configmap").short(&["cm"]),
    namespaced("", "v1", "Endpoints", "endpoints", "endpoints").short(&["ep"]),
    namespaced("", "v1", "Event", "events", "event").short(&["ev"]).select_by(&[
        "involvedObject.apiVersion",
        "involvedObject.fieldPath",
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.resourceVersion",
        "involvedObject.uid",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ]),
    namespaced("", "v1", "LimitRange", "limitranges", "limitrange").short(&["limits"]),
    cluster("", "v1", "Namespace", "namespaces", "namespace")
        .short(&["ns"])
        .with_verbs(NO_COLLECTION)
        .with_status()
        .with_subresources(&[Subresource {
            name: "finalize",
            group: "",
            version: "",
            kind: "Namespace",
            verbs: &["update"],
        }])
        .select_by(&["status.phase"]),
    cluster("", "v1", "Node", "nodes", "node").short(&["no"]).with_status().select_by(&["spec.unschedulable"]),
    namespaced("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim")
        .short(&["pvc"])
        .with_status(),
    cluster("", "v1", "PersistentVolume", "persistentvolumes", "persistentvolume").short(&["pv"]).with_status(),
    namespaced("", "v1", "Pod", "pods", "pod")
        .short(&["po"])
        .in_categories(&["all"])
        .with_status()
        .with_subresources(&[
            Subresource { name: "binding", group: "", version: "", kind: "Binding", verbs: &["create"] },
            Subresource {
                name: "ephemeralcontainers",
                group: "",
                version: "",
                kind: "Pod",
                verbs: &["get", "patch", "update"],
            },
            Subresource { name: "eviction", group: "policy", version: "v1", kind: "Eviction", verbs: &["create"] },
            Subresource { name: "resize", group: "", version: "", kind: "Pod", verbs: &["get", "patch", "update"] },
        ])
        .select_by(&[
            "spec.hostNetwork",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.nominatedNodeName",
            "status.phase",
            "status.podIP",
            "status.podIPs",
        ])
        .with_generation(),
    namespaced("", "v1", "PodTemplate", "podtemplates", "podtemplate").with_generation(),
    namespaced("", "v1", "ReplicationController", "replicationcontrollers", "replicationcontroller")
        .short(&["rc"])
        .in_categories(&["all"])
        .with_scale()
        .with_status()
        .select_by(&["status.replicas"])
        .with_generation(),
    namespaced("", "v1", "ResourceQuota", "resourcequotas", "resourcequota").short(&["quota"]).with_status(),
    namespaced("", "v1", "Secret", "secrets", "secret").select_by(&["type"]),
    namespaced("", "v1", "ServiceAccount", "serviceaccounts", "serviceaccount").short(&["sa"]).with_subresources(&[
        Subresource {
            name: "token",
            group: "authentication.k8s.io",
            version: "v1",
            kind: "TokenRequest",
            verbs: &["create"],
        },
    ]),
    namespaced("", "v1", "Service", "services", "service")
        .short(&["svc"])
        .in_categories(&["all"])
        .with_status()
        .select_by(&["spec.clusterIP", "spec.type"]),
    cluster("apiregistration.k8s.io", "v1", "APIService", "apiservices", "apiservice")
        .in_categories(&["api-extensions"])
        .with_status(),
    namespaced("apps", "v1", "ControllerRevision", "controllerrevisions", "controllerrevision"),
    namespaced("apps", "v1", "DaemonSet", "daemonsets", "daemonset")
        .short(&["ds"])
        .in_categories(&["all"])
        .with_status()
        .with_generation(),
    namespaced("apps", "v1", "Deployment", "deployments", "deployment")
        .short(&["deploy"])
        .in_categories(&["all"])
        .with_scale()
        .with_status()
        .with_generation(),
    namespaced("apps", "v1", "ReplicaSet", "replicasets", "replicaset")
        .short(&["rs"])
        .in_categories(&["all"])
        .with_scale()
        .with_status()
        .with_generation(),
    namespaced("apps", "v1", "StatefulSet", "statefulsets", "statefulset")
        .short(&["sts"])
        .in_categories(&["all"])
        .with_scale()
        .with_status()
        .with_generation(),
    namespaced("events.k8s.io", "v1", "Event", "events", "event").short(&["ev"]).select_by(&[
        "reason",
        "regarding.apiVersion",
        "regarding.fieldPath",
        "regarding.kind",
        "regarding.name",
        "regarding.namespace",
        "regarding.resourceVersion",
        "regarding.uid",
        "reportingController",
        "type",
    ]),
    cluster("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", "selfsubjectreview")
        .create_only(),
    cluster("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", "tokenreview").create_only(),
    namespaced(
        "authorization.k8s.io",
        "v1",
        "LocalSubjectAccessReview",
        "localsubjectaccessreviews",
        "localsubjectaccessreview",
    )
    .create_only(),
    cluster(
        "authorization.k8s.io",
        "v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        "selfsubjectaccessreview",
    )
    .create_only(),
    cluster(
        "authorization.k8s.io",
        "v1",
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        "selfsubjectrulesreview",
    )
    .create_only(),
    cluster("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", "subjectaccessreview")
        .create_only(),
    namespaced("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "horizontalpodautoscaler")
        .short(&["hpa"])
        .in_categories(&["all"])
        .with_status()
        .with_generation(),
    namespaced("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "horizontalpodautoscaler")
        .short(&["hpa"])
        .in_categories(&["all"])
        .with_status()
        .with_generation(),
    namespaced("batch", "v1", "CronJob", "cronjobs", "cronjob")
        .short(&["cj"])
        .in_categories(&["all"])
        .with_status()
        .with_generation(),
    namespaced("batch", "v1", "Job", "jobs", "job")
        .in_categories(&["all"])
        .with_status()
        .select_by(&["status.successful"])
        .with_generation(),
    cluster(
        "certificates.k8s.io",
        "v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        "certificatesigningrequest",
    )
    .short(&["csr"])
    .with_status()
    .with_subresources(&[Subresource {
        name: "approval",
        group: "",
        version: "",
        kind: "CertificateSigningRequest",
        verbs: &["get", "patch", "update"],
    }])
    .select_by(&["spec.signerName"]),
    cluster("certificates.k8s.io", "v1", "ClusterTrustBundle", "clustertrustbundles", "clustertrustbundle")
        .select_by(&["spec.signerName"]),
    namespaced("certificates.k8s.io", "v1", "PodCertificateRequest", "podcertificaterequests", "podcertificaterequest")
        .with_status()
        .select_by(&["spec.nodeName", "spec.podName", "spec.signerName"]),
    cluster("networking.k8s.io", "v1", "IngressClass", "ingressclasses", "ingressclass").with_generation(),
    namespaced("networking.k8s.io", "v1", "Ingress", "ingresses", "ingress")
        .short(&["ing"])
        .with_status()
        .with_generation(),
    cluster("networking.k8s.io", "v1", "IPAddress", "ipaddresses", "ipaddress").short(&["ip"]),
    namespaced("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "networkpolicy")
        .short(&["netpol"])
        .with_generation(),
    cluster("networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs", "servicecidr").with_status(),
    namespaced("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget")
        .short(&["pdb"])
        .with_status()
        .with_generation(),
    cluster("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding"),
    cluster("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "clusterrole"),
    namespaced("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "rolebinding"),
    namespaced("rbac.authorization.k8s.io", "v1", "Role", "roles", "role"),
    cluster("storage.k8s.io", "v1", "CSIDriver", "csidrivers", "csidriver"),
    cluster("storage.k8s.io", "v1", "CSINode", "csinodes", "csinode").with_status(),
    namespaced("storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities", "csistoragecapacity"),
    cluster("storage.k8s.io", "v1", "StorageClass", "storageclasses", "storageclass").short(&["sc"]),
    cluster("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", "volumeattachment").with_status(),
    cluster("storage.k8s.io", "v1", "VolumeAttributesClass", "volumeattributesclasses", "volumeattributesclass")
        .short(&["vac"]),
    cluster(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingAdmissionPolicy",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicy",
    )
    .in_categories(&["api-extensions"])
    .with_generation(),
    cluster(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingAdmissionPolicyBinding",
        "mutatingadmissionpolicybindings",
        "mutatingadmissionpolicybinding",
    )
    .in_categories(&["api-extensions"])
    .with_generation(),
    cluster(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        "mutatingwebhookconfiguration",
    )
    .in_categories(&["api-extensions"])
    .with_generation(),
    cluster(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        "validatingadmissionpolicy",
    )
    .in_categories(&["api-extensions"])
    .with_status()
    .with_generation(),
    cluster(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        "validatingadmissionpolicybinding",
    )
    .in_categories(&["api-extensions"])
    .with_generation(),
    cluster(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        "validatingwebhookconfiguration",
    )
    .in_categories(&["api-extensions"])
    .with_generation(),
    cluster(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "customresourcedefinition",
    )
    .short(&["crd", "crds"])
    .in_categories(&["api-extensions"])
    .with_status()
    .with_generation(),
    cluster("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "priorityclass")
        .short(&["pc"])
        .with_generation(),
    namespaced("coordination.k8s.io", "v1", "Lease", "leases", "lease"),
    cluster("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", "runtimeclass"),
    namespaced("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "endpointslice").with_generation(),
    cluster("resource.k8s.io", "v1", "DeviceClass", "deviceclasses", "deviceclass").with_generation(),
    cluster("resource.k8s.io", "v1", "DeviceTaintRule", "devicetaintrules", "devicetaintrule")
        .with_status()
        .with_generation(),
    namespaced("resource.k8s.io", "v1", "ResourceClaim", "resourceclaims", "resourceclaim").with_status(),
    namespaced("resource.k8s.io", "v1", "ResourceClaimTemplate", "resourceclaimtemplates", "resourceclaimtemplate"),
    cluster("resource.k8s.io", "v1", "ResourceSlice", "resourceslices", "resourceslice")
        .select_by(&["spec.driver", "spec.nodeName", "spec.pool.name"])
        .with_generation(),
    cluster("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema", "flowschemas", "flowschema")
        .with_status()
        .with_generation(),
    cluster(
        "flowcontrol.apiserver.k8s.io",
        "v1",
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        "prioritylevelconfiguration",
    )
    .with_status()
    .with_generation(),
    cluster(
        "storagemigration.k8s.io",
        "v1",
        "StorageVersionMigration",
        "storageversionmigrations",
        "storageversionmigration",
    )
    .with_status(),
];

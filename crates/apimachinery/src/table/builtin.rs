//! Which columns a built-in kind has.

use std::borrow::Cow;

use serde_json::Value;

use super::cell::Row;
use super::{Cells, Column, Columns, apps, cluster, network, pod, storage};

/// A heading that is known when the program is built.
#[derive(Clone, Copy)]
pub(super) struct Head {
    name: &'static str,
    ty: &'static str,
    format: &'static str,
    priority: i64,
}

impl Head {
    pub(super) fn column(self) -> Column {
        Column {
            name: Cow::Borrowed(self.name),
            ty: Cow::Borrowed(self.ty),
            format: Cow::Borrowed(self.format),
            description: Cow::Borrowed(""),
            priority: self.priority,
        }
    }
}

pub(super) const NAME: Head = Head { name: "Name", ty: "string", format: "name", priority: 0 };
pub(super) const AGE: Head = text("Age");

const fn text(name: &'static str) -> Head {
    Head { name, ty: "string", format: "", priority: 0 }
}

const fn int(name: &'static str) -> Head {
    Head { name, ty: "integer", format: "", priority: 0 }
}

const fn flag(name: &'static str) -> Head {
    Head { name, ty: "boolean", format: "", priority: 0 }
}

const fn wide(name: &'static str) -> Head {
    Head { name, ty: "string", format: "", priority: 1 }
}

const CONTAINERS: Head = wide("Containers");
const IMAGES: Head = wide("Images");
const SELECTOR: Head = wide("Selector");

type Code = fn(&Row<'_>) -> Vec<Value>;

fn coded_columns(heads: &[Head], code: Code) -> Columns {
    Columns { heads: heads.iter().map(|head| head.column()).collect(), cells: Cells::Code(code) }
}

pub(super) fn plain() -> Columns {
    coded_columns(&[NAME, text("Created At")], cluster::name_and_time)
}

/// The columns of a kind that has some of its own.
pub(super) fn columns(group: &str, kind: &str) -> Option<Columns> {
    let (.., heads, code) = TABLE.iter().find(|(g, k, ..)| *g == group && *k == kind)?;
    Some(coded_columns(heads, *code))
}

const REPLICAS: &[Head] = &[NAME, int("Desired"), int("Current"), int("Ready"), AGE, CONTAINERS, IMAGES, SELECTOR];

const EVENT: &[Head] = &[
    text("Last Seen"),
    text("Type"),
    text("Reason"),
    text("Object"),
    wide("Subobject"),
    wide("Source"),
    text("Message"),
    wide("First Seen"),
    wide("Count"),
    Head { priority: 1, ..NAME },
];

const CUSTOM_KIND: &[Head] = &[
    NAME,
    text("Scope"),
    text("Versions"),
    Head { ty: "date", ..text("Created At") },
    wide("Group"),
    wide("Kind"),
    wide("ShortNames"),
    Head { ty: "boolean", ..wide("Established") },
];

const BINDING: &[Head] = &[NAME, text("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")];

/// Group, kind, headings, and the code for as many cells.
const TABLE: &[(&str, &str, &[Head], Code)] = &[
    (
        "",
        "Pod",
        &[
            NAME,
            text("Ready"),
            text("Status"),
            text("Restarts"),
            AGE,
            wide("IP"),
            wide("Node"),
            wide("Nominated Node"),
            wide("Readiness Gates"),
        ],
        pod::pod,
    ),
    (
        "",
        "Service",
        &[NAME, text("Type"), text("Cluster-IP"), text("External-IP"), text("Port(s)"), AGE, SELECTOR],
        network::service,
    ),
    (
        "",
        "Node",
        &[
            NAME,
            text("Status"),
            text("Roles"),
            AGE,
            text("Version"),
            wide("Internal-IP"),
            wide("External-IP"),
            wide("OS-Image"),
            wide("Kernel-Version"),
            wide("Container-Runtime"),
        ],
        cluster::node,
    ),
    ("", "Event", EVENT, cluster::event),
    ("", "Namespace", &[NAME, text("Status"), AGE], cluster::namespace),
    ("", "ConfigMap", &[NAME, text("Data"), AGE], cluster::config_map),
    ("", "Secret", &[NAME, text("Type"), text("Data"), AGE], cluster::secret),
    ("", "ServiceAccount", &[NAME, AGE], cluster::name_and_age),
    (
        "",
        "PersistentVolume",
        &[
            NAME,
            text("Capacity"),
            text("Access Modes"),
            text("Reclaim Policy"),
            text("Status"),
            text("Claim"),
            text("StorageClass"),
            text("VolumeAttributesClass"),
            text("Reason"),
            AGE,
            wide("VolumeMode"),
        ],
        storage::persistent_volume,
    ),
    (
        "",
        "PersistentVolumeClaim",
        &[
            NAME,
            text("Status"),
            text("Volume"),
            text("Capacity"),
            text("Access Modes"),
            text("StorageClass"),
            text("VolumeAttributesClass"),
            AGE,
            wide("VolumeMode"),
        ],
        storage::persistent_volume_claim,
    ),
    ("", "Endpoints", &[NAME, text("Endpoints"), AGE], network::endpoints),
    ("", "ReplicationController", REPLICAS, apps::replication_controller),
    ("", "PodTemplate", &[NAME, text("Containers"), text("Images"), text("Pod Labels")], apps::pod_template),
    ("", "ResourceQuota", &[NAME, text("Request"), text("Limit"), AGE], apps::resource_quota),
    (
        "apps",
        "Deployment",
        &[NAME, text("Ready"), text("Up-to-date"), text("Available"), AGE, CONTAINERS, IMAGES, SELECTOR],
        apps::deployment,
    ),
    ("apps", "ReplicaSet", REPLICAS, apps::replica_set),
    ("apps", "StatefulSet", &[NAME, text("Ready"), AGE, CONTAINERS, IMAGES], apps::stateful_set),
    (
        "apps",
        "DaemonSet",
        &[
            NAME,
            int("Desired"),
            int("Current"),
            int("Ready"),
            int("Up-to-date"),
            int("Available"),
            text("Node Selector"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        apps::daemon_set,
    ),
    ("apps", "ControllerRevision", &[NAME, text("Controller"), text("Revision"), AGE], apps::controller_revision),
    (
        "batch",
        "Job",
        &[NAME, text("Status"), text("Completions"), text("Duration"), AGE, CONTAINERS, IMAGES, SELECTOR],
        apps::job,
    ),
    (
        "batch",
        "CronJob",
        &[
            NAME,
            text("Schedule"),
            text("Timezone"),
            flag("Suspend"),
            int("Active"),
            text("Last Schedule"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        apps::cron_job,
    ),
    (
        "policy",
        "PodDisruptionBudget",
        &[NAME, text("Min Available"), text("Max Unavailable"), int("Allowed Disruptions"), AGE],
        apps::pod_disruption_budget,
    ),
    (
        "autoscaling",
        "HorizontalPodAutoscaler",
        &[NAME, text("Reference"), text("Targets"), text("MinPods"), text("MaxPods"), text("Replicas"), AGE],
        apps::autoscaler,
    ),
    (
        "scheduling.k8s.io",
        "PriorityClass",
        &[NAME, int("Value"), flag("Global-Default"), AGE, text("PreemptionPolicy")],
        apps::priority_class,
    ),
    (
        "networking.k8s.io",
        "Ingress",
        &[NAME, text("Class"), text("Hosts"), text("Address"), text("Ports"), AGE],
        network::ingress,
    ),
    ("networking.k8s.io", "IngressClass", &[NAME, text("Controller"), text("Parameters"), AGE], network::ingress_class),
    ("networking.k8s.io", "NetworkPolicy", &[NAME, text("Pod-Selector"), AGE], network::network_policy),
    (
        "discovery.k8s.io",
        "EndpointSlice",
        &[NAME, text("AddressType"), text("Ports"), text("Endpoints"), AGE],
        network::endpoint_slice,
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        &[
            NAME,
            text("Provisioner"),
            text("ReclaimPolicy"),
            text("VolumeBindingMode"),
            text("AllowVolumeExpansion"),
            AGE,
        ],
        storage::storage_class,
    ),
    (
        "storage.k8s.io",
        "VolumeAttachment",
        &[NAME, text("Attacher"), text("PV"), text("Node"), flag("Attached"), AGE],
        storage::volume_attachment,
    ),
    ("storage.k8s.io", "CSINode", &[NAME, int("Drivers"), AGE], storage::csi_node),
    (
        "storage.k8s.io",
        "CSIDriver",
        &[
            NAME,
            flag("AttachRequired"),
            flag("PodInfoOnMount"),
            flag("StorageCapacity"),
            text("TokenRequests"),
            flag("RequiresRepublish"),
            text("Modes"),
            AGE,
        ],
        storage::csi_driver,
    ),
    ("events.k8s.io", "Event", EVENT, cluster::event),
    ("rbac.authorization.k8s.io", "RoleBinding", BINDING, cluster::role_binding),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", BINDING, cluster::role_binding),
    ("coordination.k8s.io", "Lease", &[NAME, text("Holder"), AGE], cluster::lease),
    ("node.k8s.io", "RuntimeClass", &[NAME, text("Handler"), AGE], cluster::runtime_class),
    (
        "certificates.k8s.io",
        "CertificateSigningRequest",
        &[NAME, AGE, text("SignerName"), text("Requestor"), text("RequestedDuration"), text("Condition")],
        cluster::signing_request,
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition", CUSTOM_KIND, cluster::custom_kind),
    ("apiregistration.k8s.io", "APIService", &[NAME, text("Service"), text("Available"), AGE], cluster::api_service),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", &[NAME, int("Webhooks"), AGE], apps::webhooks),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", &[NAME, int("Webhooks"), AGE], apps::webhooks),
];

/// Every group and kind that has columns of its own.
#[cfg(test)]
pub(super) fn kinds_with_columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.iter().map(|(group, kind, ..)| (*group, *kind))
}

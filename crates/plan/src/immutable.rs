//! Which refusals say that a field cannot change, so that only making the object again helps.
//!
//! Kubernetes has no code for it: it answers 422 with a sentence, and there are many. So a creation that is not carried out is
//! asked for: when nothing is wrong with the object but that its name is taken, then it is the change that was refused.
//! `SENTENCES` has those of Kubernetes 1.28 to 1.37, for members that cannot answer this.

/// What servers say, and of what, from `pkg/apis/*/validation` and `apimachinery/pkg/api/validate`. The words are what all
/// those versions have in common.
const SENTENCES: [(&str, &str); 17] = [
    // Selectors, Job templates, types of Secrets, IngressClass, EndpointSlice, CSIDriver, RuntimeClass, names and scope of
    // definitions; specs of claims and volumes; ConfigMaps and Secrets that are marked so; most rules of definitions.
    ("immutable", "any"),
    ("updates to statefulset spec for fields other than", "StatefulSet"),
    ("may not change once set", "Service: clusterIPs, ipFamilies"),
    ("clusterIP can not be unset", "Service: clusterIPs"),
    ("may not be specified when strategy `type` is", "Deployment: a rollingUpdate that was defaulted"),
    ("pod updates may not", "Pod"),
    ("existing toleration can not be modified", "Pod"),
    ("updates to parameters are forbidden", "StorageClass"),
    ("updates to provisioner are forbidden", "StorageClass"),
    ("updates to reclaimPolicy are forbidden", "StorageClass"),
    ("may not be changed in an update", "PriorityClass"),
    ("cannot change roleRef", "RoleBinding, ClusterRoleBinding; `field is immutable` since they are declared"),
    ("field can not be less than", "PersistentVolumeClaim: a smaller request"),
    // Kinds whose validation is declared, since 1.34.
    ("field cannot be set once created", "any"),
    ("field cannot be cleared once set", "any"),
    ("field cannot be modified once set", "any"),
    ("node updates may only change", "Node"),
];

/// Does a server's answer with code 422 say in known words that a field cannot change?
pub fn is_named(message: &str) -> bool {
    SENTENCES.iter().any(|(words, _)| message.contains(words))
}

#[cfg(test)]
mod tests;

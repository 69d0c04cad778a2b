//! The fields of objects that configure builtin plugins.

use serde::Deserialize;

use crate::kustomize::entry::{Image, Pairs, Replacement, Replicas};
use crate::kustomize::field::Spec;
use crate::kustomize::namespace::Subjects;
use crate::kustomize::selector::Selector;

/// NamespaceTransformer; the namespace itself is in the metadata.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct NamespaceConfig {
    pub(super) field_specs: Vec<Spec>,
    pub(super) unset_only: bool,
    pub(super) set_role_binding_subjects: Subjects,
}

/// LabelTransformer and AnnotationsTransformer, each with its own.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct PairsConfig {
    pub(super) labels: Pairs,
    pub(super) annotations: Pairs,
    pub(super) field_specs: Vec<Spec>,
}

/// PrefixTransformer, SuffixTransformer, PrefixSuffixTransformer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct NameConfig {
    pub(super) prefix: String,
    pub(super) suffix: String,
    pub(super) field_specs: Option<Vec<Spec>>,
}

/// ImageTagTransformer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct ImageConfig {
    pub(super) image_tag: Image,
    pub(super) field_specs: Vec<Spec>,
}

/// ReplicaCountTransformer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct ReplicaConfig {
    pub(super) replica: Replicas,
    pub(super) field_specs: Vec<Spec>,
}

/// PatchJson6902Transformer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct JsonConfig {
    pub(super) target: Option<Selector>,
    pub(super) path: String,
    pub(super) json_op: String,
}

/// PatchStrategicMergeTransformer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct MergeConfig {
    pub(super) paths: Vec<String>,
    pub(super) patches: String,
}

/// ReplacementTransformer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct ReplacementConfig {
    pub(super) replacements: Vec<Replacement>,
}

/// IAMPolicyGenerator.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct AccountConfig {
    pub(super) cloud: String,
    pub(super) kubernetes_service: AccountName,
    pub(super) service_account: Account,
}

/// The service account in Kubernetes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct AccountName {
    pub(super) name: String,
    pub(super) namespace: String,
}

/// The service account in Google's cloud.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) project_id: String,
}

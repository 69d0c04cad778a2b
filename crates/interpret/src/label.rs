//! Labels, annotations and constants of Karmada and Kubernetes that interpretation reads (`karmada.md 1.6`).

/// Annotation on an object in a member: the generation that its template had when it was sent.
pub(crate) const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";

/// Label on a template: `true` says that its number of replicas belongs to the member.
pub(crate) const RETAIN_REPLICAS: &str = "resourcetemplate.karmada.io/retain-replicas";

/// Type of a Secret that holds the token of a ServiceAccount.
pub(crate) const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";

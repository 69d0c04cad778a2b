//! Roles and their bindings.

use model::FieldError;
use model::name::{check_dns_subdomain, check_path_segment};
use serde_json::Value;

use super::report::{At, Report, get, list, text};

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role(new: &Value, namespaced: bool, report: &mut Report) {
    for (index, rule) in list(new, "rules").iter().enumerate() {
        let at = At::from("rules").index(index);
        let has = |field: &str| !list(rule, field).is_empty();
        if !has("verbs") {
            report.required(at.field("verbs"), "");
        }
        if has("nonResourceURLs") {
            let why = if namespaced {
                Some("namespaced rules cannot apply to non-resource URLs")
            } else if has("apiGroups") || has("resources") || has("resourceNames") {
                Some("rules cannot apply to both regular resources and non-resource URLs")
            } else {
                None
            };
            if let Some(why) = why {
                report.invalid(at.field("nonResourceURLs"), list(rule, "nonResourceURLs").to_vec(), why);
            }
            continue;
        }
        if !has("apiGroups") {
            report.required(at.field("apiGroups"), "resource rules must supply at least one api group");
        }
        if !has("resources") {
            report.required(at.field("resources"), "resource rules must supply at least one resource");
        }
    }
    if get(new, "aggregationRule").is_some() && list(new, "aggregationRule.clusterRoleSelectors").is_empty() {
        let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        report.required("aggregationRule.clusterRoleSelectors".into(), why);
    }
}

pub(super) fn binding(new: &Value, old: Option<&Value>, namespaced: bool, report: &mut Report) {
    let at = At::from("roleRef");
    let group = text(new, "roleRef.apiGroup");
    if !group.is_empty() && group != GROUP {
        report.push(FieldError::not_supported(at.field("apiGroup").path(), group, &[GROUP]));
    }
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    let kind = text(new, "roleRef.kind");
    if !kinds.contains(&kind) {
        report.push(FieldError::not_supported(at.field("kind").path(), kind, kinds));
    }
    let name = text(new, "roleRef.name");
    if name.is_empty() {
        report.required(at.field("name"), "");
    } else {
        report.rule(at.field("name"), name, check_path_segment);
    }
    for (index, subject) in list(new, "subjects").iter().enumerate() {
        check_subject(subject, namespaced, &At::from("subjects").index(index), report);
    }
    if let Some(old) = old {
        report.immutable(new, old, "roleRef");
    }
}

fn check_subject(subject: &Value, namespaced: bool, at: &At, report: &mut Report) {
    let name = text(subject, "name");
    if name.is_empty() {
        report.required(at.field("name"), "");
    }
    let group = text(subject, "apiGroup");
    match text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                report.rule(at.field("name"), name, check_dns_subdomain);
            }
            if !group.is_empty() {
                report.push(FieldError::not_supported(at.field("apiGroup").path(), group, &[""]));
            }
            // The accounts of a RoleBinding may be of its own namespace.
            if !namespaced && text(subject, "namespace").is_empty() {
                report.required(at.field("namespace"), "");
            }
        }
        "User" | "Group" if group.is_empty() || group == GROUP => {}
        "User" | "Group" => report.push(FieldError::not_supported(at.field("apiGroup").path(), group, &[GROUP])),
        other => {
            let kinds = ["ServiceAccount", "User", "Group"];
            report.push(FieldError::not_supported(at.field("kind").path(), other, &kinds));
        }
    }
}

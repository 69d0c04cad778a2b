//! Roles and their bindings.

use model::FieldError;
use model::name::{check_dns_subdomain, check_path_segment};
use serde_json::Value;

use super::collect::{At, FieldErrors, get, list, text};

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role(new: &Value, namespaced: bool, found: &mut FieldErrors) {
    for (index, rule) in list(new, "rules").iter().enumerate() {
        let at = At::from("rules").index(index);
        let has = |field: &str| !list(rule, field).is_empty();
        if !has("verbs") {
            found.required(at.field("verbs"), "");
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
                found.invalid(at.field("nonResourceURLs"), list(rule, "nonResourceURLs").to_vec(), why);
            }
            continue;
        }
        if !has("apiGroups") {
            found.required(at.field("apiGroups"), "resource rules must supply at least one api group");
        }
        if !has("resources") {
            found.required(at.field("resources"), "resource rules must supply at least one resource");
        }
    }
    if get(new, "aggregationRule").is_some() && list(new, "aggregationRule.clusterRoleSelectors").is_empty() {
        let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        found.required("aggregationRule.clusterRoleSelectors".into(), why);
    }
}

pub(super) fn binding(new: &Value, old: Option<&Value>, namespaced: bool, found: &mut FieldErrors) {
    let at = At::from("roleRef");
    let group = text(new, "roleRef.apiGroup");
    if !group.is_empty() && group != GROUP {
        found.push(FieldError::not_supported(at.field("apiGroup").path(), group, &[GROUP]));
    }
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    let kind = text(new, "roleRef.kind");
    if !kinds.contains(&kind) {
        found.push(FieldError::not_supported(at.field("kind").path(), kind, kinds));
    }
    let name = text(new, "roleRef.name");
    if name.is_empty() {
        found.required(at.field("name"), "");
    } else {
        found.rule(at.field("name"), name, check_path_segment);
    }
    for (index, subject) in list(new, "subjects").iter().enumerate() {
        check_subject(subject, namespaced, &At::from("subjects").index(index), found);
    }
    if let Some(old) = old {
        found.immutable(new, old, "roleRef");
    }
}

fn check_subject(subject: &Value, namespaced: bool, at: &At, found: &mut FieldErrors) {
    let name = text(subject, "name");
    if name.is_empty() {
        found.required(at.field("name"), "");
    }
    let group = text(subject, "apiGroup");
    match text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                found.rule(at.field("name"), name, check_dns_subdomain);
            }
            if !group.is_empty() {
                found.push(FieldError::not_supported(at.field("apiGroup").path(), group, &[""]));
            }
            // The accounts of a RoleBinding may be of its own namespace.
            if !namespaced && text(subject, "namespace").is_empty() {
                found.required(at.field("namespace"), "");
            }
        }
        "User" | "Group" if group.is_empty() || group == GROUP => {}
        "User" | "Group" => found.push(FieldError::not_supported(at.field("apiGroup").path(), group, &[GROUP])),
        other => {
            let kinds = ["ServiceAccount", "User", "Group"];
            found.push(FieldError::not_supported(at.field("kind").path(), other, &kinds));
        }
    }
}

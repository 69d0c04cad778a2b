use serde_json::json;

use super::*;

fn with(name: &str, value: &str) -> Value {
    json!({"metadata": {"annotations": {name: value}}})
}

#[test]
fn requests_of_flux_and_ours_are_read() {
    use Handling::{CreateOnly, LeaveAlone};
    for (name, value, expect) in [
        ("kurator.dev/reconcile", "disabled", Some(LeaveAlone)),
        ("kurator.dev/reconcile", "enabled", None),
        ("kustomize.toolkit.fluxcd.io/reconcile", "disabled", Some(LeaveAlone)),
        ("kustomize.toolkit.fluxcd.io/reconcile", "Disabled", Some(LeaveAlone)),
        ("kustomize.toolkit.fluxcd.io/reconcile", "enabled", None),
        ("kustomize.toolkit.fluxcd.io/ssa", "Ignore", Some(LeaveAlone)),
        ("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent", Some(CreateOnly)),
        ("kustomize.toolkit.fluxcd.io/ssa", "Merge", None),
        ("kustomize.toolkit.fluxcd.io/ssa", "Override", None),
        ("example.com/reconcile", "disabled", None),
    ] {
        let by_annotation = asked(&with(name, value));
        assert_eq!(by_annotation.map(|asked| asked.handling), expect, "{name}: {value}");
        assert_eq!(asked(&json!({"metadata": {"labels": {name: value}}})), by_annotation, "{name}: {value}");
    }
    assert!(is_forced(&with("kustomize.toolkit.fluxcd.io/force", "enabled")));
    assert!(!is_forced(&with("kustomize.toolkit.fluxcd.io/force", "disabled")));
    assert!(overwrites(&with("kurator.dev/adopt", "overwrite")));
    assert!(!overwrites(&with("kurator.dev/adopt", "no")));
}

#[test]
fn the_request_that_asks_most_counts() {
    let ignore = asked(&with("kustomize.toolkit.fluxcd.io/ssa", "Ignore"));
    let create = asked(&with("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent"));
    assert_eq!(stronger(create, ignore), ignore);
    assert_eq!(stronger(ignore, create), ignore);
    assert_eq!((stronger(None, create), stronger(create, None), stronger(None, None)), (create, create, None));
    let mut both = with("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent");
    both["metadata"]["annotations"]["kurator.dev/reconcile"] = json!("disabled");
    assert_eq!(asked(&both).unwrap().by, "kurator.dev/reconcile: disabled");
}

#[test]
fn what_is_not_honoured_is_named() {
    for (name, value, expect) in [
        ("kurator.dev/reconcile", "disabled", &[][..]),
        (
            "kurator.dev/reconcile",
            "disable",
            &[r#"kurator.dev/reconcile is "disable": known are "disabled", "enabled""#],
        ),
        ("kurator.dev/adopt", "always", &[r#"kurator.dev/adopt is "always": known is "overwrite""#]),
        ("kurator.dev/on-delete", "orphan", &[]),
        ("kurator.dev/on-delete", "orphn", &[r#"kurator.dev/on-delete is "orphn": known are "orphan", "prune""#]),
        ("helm.sh/resource-policy", "Keep", &[]),
        ("helm.sh/resource-policy", "", &[]),
        ("helm.sh/resource-policy", "kep", &[r#"helm.sh/resource-policy is "kep": known is "keep""#]),
        (
            "kustomize.toolkit.fluxcd.io/prune",
            "false",
            &[r#"kustomize.toolkit.fluxcd.io/prune is "false": known are "disabled", "enabled""#],
        ),
        ("kustomize.toolkit.fluxcd.io/ssa", "Merge", &[]),
        (
            "kustomize.toolkit.fluxcd.io/ssa",
            "Override",
            &[r#"kustomize.toolkit.fluxcd.io/ssa is "Override": known are "Merge", "IfNotPresent", "Ignore""#],
        ),
        ("kustomize.toolkit.fluxcd.io/force", "enabled", &[]),
        ("kustomize.toolkit.fluxcd.io/prune", "disabled", &[]),
        ("helm.sh/hook", "pre-install", &["helm.sh/hook: pre-install"]),
        ("argocd.argoproj.io/sync-wave", "-1", &["argocd.argoproj.io/sync-wave: -1"]),
        (
            "argocd.argoproj.io/sync-options",
            "Prune=false,Replace=true",
            &["argocd.argoproj.io/sync-options: Replace=true"],
        ),
        ("argocd.argoproj.io/sync-options", "Prune=false", &[]),
        (
            "kurator.dev/on-delte",
            "orphan",
            &[
                "kurator.dev/on-delte means nothing: known are kurator.dev/adopt, kurator.dev/on-delete, kurator.dev/reconcile",
            ],
        ),
        ("kurator.dev/sync", "now", &[]),
        ("team", "a", &[]),
    ] {
        assert_eq!(unhonoured(&with(name, value)), expect, "{name}: {value}");
        // Of an object in a member, only what a person may have meant for us: hooks of others are on many.
        let is_ours = !name.starts_with("helm.sh/hook") && !name.starts_with("argocd.");
        assert_eq!(misspelt(&with(name, value)), if is_ours { expect } else { &[] }, "{name}: {value}");
    }
}

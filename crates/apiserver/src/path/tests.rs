use super::*;

fn check(path: &str, expect: &str) {
    let got = match parse(path) {
        Target::Resource(p) => format!(
            "{}/{} ns={} {} name={} sub={} rest={}",
            p.group,
            p.version,
            p.namespace.unwrap_or_default(),
            p.resource,
            p.name.unwrap_or_default(),
            p.subresource.unwrap_or_default(),
            p.rest
        ),
        other => format!("{other:?}"),
    };
    assert_eq!(got, expect, "{path}");
}

#[test]
fn paths_name_what_kubernetes_says_they_name() {
    check("/api/v1/pods", "/v1 ns= pods name= sub= rest=");
    check("/api/v1/namespaces", "/v1 ns= namespaces name= sub= rest=");
    check("/api/v1/namespaces/a", "/v1 ns= namespaces name=a sub= rest=");
    check("/api/v1/namespaces/a/finalize", "/v1 ns= namespaces name=a sub=finalize rest=");
    check("/api/v1/namespaces/a/status", "/v1 ns= namespaces name=a sub=status rest=");
    check("/api/v1/namespaces/a/pods", "/v1 ns=a pods name= sub= rest=");
    check("/api/v1/namespaces/a/pods/b/log", "/v1 ns=a pods name=b sub=log rest=");
    check("/apis/apps/v1/namespaces/a/deployments/d/scale", "apps/v1 ns=a deployments name=d sub=scale rest=");
    check("/apis/x.io/v1/clusters/m/proxy/api/v1/pods", "x.io/v1 ns= clusters name=m sub=proxy rest=api/v1/pods");
    check(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa",
        "rbac.authorization.k8s.io/v1 ns= clusterroles name=system:a sub= rest=",
    );
    check("/api", "CoreVersions");
    check("/apis/apps", "Group(\"apps\")");
    check("/apis/apps/v1/", "Resources(\"apps\", \"v1\")");
    check("/openapi/v3/apis/apps/v1", "OpenApi(\"apps\", \"v1\")");
    check("/readyz/ping", "Health");
    check("/livez", "Health");
    check("/readyz", "Ready");
    check("/healthz/store", "Ready");
    check("/nothing", "Unknown");
}

#[test]
fn broken_escapes_stand_for_themselves() {
    assert_eq!(decode("a%2Fb%zz%4", false), "a/b%zz%4");
    assert_eq!(decode("a+b%2Bc", true), "a b+c");
    assert_eq!(decode("%ff", false), "\u{fffd}");
    assert_eq!(decode("a+b", false), "a+b");
}

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;

use super::*;

#[test]
fn paths_are_those_of_the_api_and_names_cannot_leave_them() {
    let maps = Resource::core("ConfigMap", "configmaps", true);
    let roles = Resource::new("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false);
    let table = [
        (maps.collection(""), "/api/v1/configmaps"),
        (maps.collection("shop"), "/api/v1/namespaces/shop/configmaps"),
        (maps.target("shop", "a").path(), "/api/v1/namespaces/shop/configmaps/a"),
        (maps.target("shop", "a").part("status").path(), "/api/v1/namespaces/shop/configmaps/a/status"),
        (maps.target("x", "a?c=d#e").path(), "/api/v1/namespaces/x/configmaps/a%3Fc%3Dd%23e"),
        // A server decodes once, and then there is still no second segment.
        (maps.target("../x", "a/b").path(), "/api/v1/namespaces/%252E%252E%252Fx/configmaps/a%252Fb"),
        (maps.target("..", "a%2Fb").path(), "/api/v1/namespaces/%252E%252E/configmaps/a%25252Fb"),
        (roles.collection("shop"), "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
        (roles.target("", "system:node").path(), "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode"),
    ];
    for (path, expected) in table {
        assert_eq!(path, expected);
    }
    assert_eq!((roles.api_version(), maps.api_version()), ("rbac.authorization.k8s.io/v1".into(), "v1".into()));
    assert_eq!(
        (roles.to_string(), maps.to_string()),
        ("clusterroles.rbac.authorization.k8s.io".into(), "configmaps".into())
    );
}

#[test]
fn a_rust_type_knows_its_place() {
    let deployments = Resource::typed::<Deployment>();
    assert_eq!(deployments, Resource::new("apps", "v1", "Deployment", "deployments", true));
    assert_eq!(Resource::typed::<Namespace>(), Resource::core("Namespace", "namespaces", false));
}

#[test]
fn verbs_are_what_discovery_says() {
    let some: Verbs = ["get", "watch", "proxy"].into_iter().collect();
    assert!(some.has(Verb::Get) && some.has(Verb::Watch) && !some.has(Verb::List) && !some.has(Verb::DeleteCollection));
    assert_eq!(format!("{some:?}"), r#"{"get", "watch"}"#);
    assert!(Verb::ALL.iter().all(|(verb, _)| Verbs::ALL.has(*verb)));
}

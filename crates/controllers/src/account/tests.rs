use api::kurator::minted::used_by;
use apiserver::UserInfo;

use super::*;

const PARIS: &str = "https://hub default/paris";

/// What `kurator attach` makes, for hubs of these names.
async fn member(hubs: &[&str]) -> (apiserver::ApiServer, Api) {
    let server = test_apiserver::start().await;
    let api = Api::new(kube::Client::new(server.service_as(UserInfo::master("test")), "default"), "tester");
    let metadata = |namespace: &str, name: &str| {
        let mut metadata = json!({"name": name, "labels": {MANAGED_BY: MANAGER}});
        if !namespace.is_empty() {
            metadata["namespace"] = json!(namespace);
        }
        metadata
    };
    let reference = |kind: &str, name: &str| json!({"apiGroup": RBAC, "kind": kind, "name": name});
    let mut account = json!({"metadata": metadata(NAMESPACE, SERVICE_ACCOUNT)});
    for hub in hubs {
        account["metadata"]["annotations"][used_by(hub)] = json!(hub);
    }
    for (resource, namespace, name, mut body) in [
        (Resource::core("Namespace", "namespaces", false), "", NAMESPACE, json!({})),
        (rbac("ClusterRole", "clusterroles", false), "", SERVICE_ACCOUNT, json!({"rules": []})),
        (
            rbac("ClusterRoleBinding", "clusterrolebindings", false),
            "",
            SERVICE_ACCOUNT,
            json!({"roleRef": reference("ClusterRole", SERVICE_ACCOUNT), "subjects": []}),
        ),
        (rbac("Role", "roles", true), NAMESPACE, CREDENTIAL_ROLE, json!({"rules": []})),
        (
            rbac("RoleBinding", "rolebindings", true),
            NAMESPACE,
            CREDENTIAL_ROLE,
            json!({"roleRef": reference("Role", CREDENTIAL_ROLE), "subjects": []}),
        ),
        (Resource::core("ServiceAccount", "serviceaccounts", true), NAMESPACE, SERVICE_ACCOUNT, account),
    ] {
        if body.get("metadata").is_none() {
            body["metadata"] = metadata(namespace, name);
        }
        body["apiVersion"] = json!(resource.api_version());
        body["kind"] = json!(resource.kind);
        api.create(&resource, namespace, &body).await.unwrap();
    }
    (server, api)
}

fn minted(whose: Option<&str>) -> Minted {
    let mut minted = Minted::parse(r#"{"context": "c", "issued": "2026-01-01T00:00:00Z"}"#).unwrap();
    minted.used_by = whose.map(used_by);
    minted
}

async fn end(api: &Api, minted: &Minted) -> End {
    remove(api, &HubId::from_random([7; 10]), minted).await.unwrap()
}

/// Who owns an object, by kind, and whether it is there.
async fn owner(api: &Api, resource: &Resource, namespace: &str, name: &str) -> Option<Option<String>> {
    let found = api.get(&resource.target(namespace, name)).await.unwrap()?;
    Some(object::get_str(&found["metadata"]["ownerReferences"][0], &["kind"]).map(str::to_owned))
}

#[tokio::test]
async fn everything_goes_with_the_role_that_is_deleted_last() {
    let (_server, api) = member(&[PARIS]).await;
    assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Removed(None));
    let owned = Some(Some("ClusterRole".to_owned()));
    for (resource, namespace, name) in [
        (rbac("ClusterRoleBinding", "clusterrolebindings", false), "", SERVICE_ACCOUNT),
        (rbac("RoleBinding", "rolebindings", true), NAMESPACE, CREDENTIAL_ROLE),
        (rbac("Role", "roles", true), NAMESPACE, CREDENTIAL_ROLE),
        (Resource::core("ServiceAccount", "serviceaccounts", true), NAMESPACE, SERVICE_ACCOUNT),
        (Resource::core("Namespace", "namespaces", false), "", NAMESPACE),
    ] {
        assert_eq!(owner(&api, &resource, namespace, name).await, owned, "{}", resource.kind);
    }
    assert_eq!(owner(&api, &rbac("ClusterRole", "clusterroles", false), "", SERVICE_ACCOUNT).await, None);
    // Once more, as after a process that ended before it noted the first time.
    let again = end(&api, &minted(Some(PARIS))).await;
    assert_eq!(again, End::Stays("there is no ClusterRole kurator, with which the rest would go".to_owned()));
}

#[tokio::test]
async fn the_namespace_stays_with_what_others_have_in_it() {
    let (_server, api) = member(&[PARIS]).await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes", "namespace": NAMESPACE}});
    api.create(&Resource::core("ConfigMap", "configmaps", true), NAMESPACE, &map).await.unwrap();
    let said = "namespace kurator-system stays: it has ConfigMap kurator-system/notes in it".to_owned();
    assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Removed(Some(said)));
    let namespaces = Resource::core("Namespace", "namespaces", false);
    assert_eq!(owner(&api, &namespaces, "", NAMESPACE).await, Some(None));
}

#[tokio::test]
async fn an_account_of_another_hub_stays_and_a_hub_that_left_is_not_named_again() {
    let lyon = "https://other team/lyon";
    let (_server, api) = member(&[PARIS, lyon]).await;
    assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Shared(lyon.to_owned()));
    let roles = rbac("ClusterRole", "clusterroles", false);
    assert_eq!(owner(&api, &roles, "", SERVICE_ACCOUNT).await, Some(None));
    assert_eq!(end(&api, &minted(Some(lyon))).await, End::Removed(None), "the last one takes it along");
}

#[tokio::test]
async fn what_is_not_known_to_be_this_hubs_stays() {
    for (marks, minted) in [(&[PARIS][..], minted(None)), (&[][..], minted(Some(PARIS)))] {
        let (_server, api) = member(marks).await;
        let said = "it does not say that this hub works as it, as one of an earlier version".to_owned();
        assert_eq!(end(&api, &minted).await, End::Stays(said));
    }
    let (_server, api) = member(&[PARIS]).await;
    let roles = rbac("ClusterRole", "clusterroles", false);
    let unmade = json!({"metadata": {"labels": {MANAGED_BY: null}}});
    api.merge(&roles.target("", SERVICE_ACCOUNT), &unmade).await.unwrap();
    let said = "ClusterRole kurator is not one that `kurator attach` made".to_owned();
    assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Stays(said));
}

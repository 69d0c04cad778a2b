use apiserver::UserInfo;

use super::*;

const PARIS: &str = "https://hub default/paris";

/// What `kurator attach` makes, for hubs of these names.
async fn member(hubs: &[&str]) -> (apiserver::ApiServer, Api) {
    let server = test_apiserver::start().await;
    let api = collecting(&server);
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

/// The member as it is, without its garbage collection.
fn plain(server: &apiserver::ApiServer) -> Api {
    Api::new(kube::Client::new(server.service_as(UserInfo::master("test")), "default"), "tester")
}

/// The member, whose garbage is collected before it answers.
fn collecting(server: &apiserver::ApiServer) -> Api {
    let (inner, api) = (kube::Client::new(server.service_as(UserInfo::master("test")), "default"), plain(server));
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (inner, api) = (inner.clone(), api.clone());
        async move {
            collect(&api).await;
            inner.send(request).await
        }
    });
    Api::new(kube::Client::new(service, "default"), "tester")
}

/// Deletes what the ClusterRole owns, if that is gone.
async fn collect(api: &Api) {
    if api.get(&rbac("ClusterRole", "clusterroles", false).target("", SERVICE_ACCOUNT)).await.unwrap().is_some() {
        return;
    }
    for resource in [
        rbac("ClusterRoleBinding", "clusterrolebindings", false),
        rbac("RoleBinding", "rolebindings", true),
        rbac("Role", "roles", true),
        Resource::core("ServiceAccount", "serviceaccounts", true),
    ] {
        let all = api.list(&resource, "", &Selection::default()).await.unwrap().items;
        for found in all.iter().filter(|found| found["metadata"]["ownerReferences"][0]["kind"] == "ClusterRole") {
            api.delete(&resource.target_of(found), &Delete::default()).await.unwrap();
        }
    }
}

fn minted(whose: Option<&str>) -> Minted {
    let mut minted = Minted::parse(r#"{"context": "c", "issued": "2026-01-01T00:00:00Z"}"#).unwrap();
    minted.used_by = whose.map(used_by);
    minted
}

async fn end(api: &Api, minted: &Minted) -> End {
    remove(api, &HubId::from_random([7; 10]), minted, false).await.unwrap()
}

/// As [`end`], of an account with rights in namespaces only.
async fn end_in_namespaces(api: &Api, minted: &Minted) -> End {
    remove(api, &HubId::from_random([7; 10]), minted, true).await.unwrap()
}

async fn make_namespaces(api: &Api) {
    for name in ["shop", "stock", "team", "kube-system"] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        // Some are there from the start.
        let _ = api.create(&Resource::core("Namespace", "namespaces", false), "", &namespace).await;
    }
}

/// Makes what `kurator attach --namespaces shop` makes, and roles of somebody else.
async fn make_roles(api: &Api) {
    let (made, others) = (json!({MANAGED_BY: MANAGER}), json!({}));
    let at = json!({ATTACHED_AT: "2026-01-01T00:00:00Z"});
    for (namespace, name, labels, annotations) in [
        ("shop", SERVICE_ACCOUNT, &made, &at),
        ("kube-system", IDENTITY_ROLE, &made, &at),
        (NAMESPACE, INVENTORY_ROLE, &made, &at),
        ("shop", "viewer", &made, &at),
        ("stock", SERVICE_ACCOUNT, &others, &json!({})),
        // As an Application's own role may be called.
        ("team", SERVICE_ACCOUNT, &made, &json!({})),
    ] {
        let metadata = json!({"name": name, "namespace": namespace, "labels": labels, "annotations": annotations});
        let reference = json!({"apiGroup": RBAC, "kind": "Role", "name": name});
        for (resource, mut body) in [
            (rbac("Role", "roles", true), json!({"rules": []})),
            (rbac("RoleBinding", "rolebindings", true), json!({"roleRef": reference, "subjects": []})),
        ] {
            (body["apiVersion"], body["kind"]) = (json!(resource.api_version()), json!(resource.kind));
            body["metadata"] = metadata.clone();
            api.create(&resource, namespace, &body).await.unwrap();
        }
    }
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
    for (resource, namespace, name) in [
        (rbac("ClusterRoleBinding", "clusterrolebindings", false), "", SERVICE_ACCOUNT),
        (rbac("RoleBinding", "rolebindings", true), NAMESPACE, CREDENTIAL_ROLE),
        (rbac("Role", "roles", true), NAMESPACE, CREDENTIAL_ROLE),
        (Resource::core("ServiceAccount", "serviceaccounts", true), NAMESPACE, SERVICE_ACCOUNT),
        (rbac("ClusterRole", "clusterroles", false), "", SERVICE_ACCOUNT),
    ] {
        assert_eq!(owner(&api, &resource, namespace, name).await, None, "{}", resource.kind);
    }
    let namespaces = Resource::core("Namespace", "namespaces", false);
    assert_eq!(owner(&api, &namespaces, "", NAMESPACE).await, Some(Some("ClusterRole".to_owned())));
    // Once more, as after a process that ended before it noted the first time.
    let again = end(&api, &minted(Some(PARIS))).await;
    assert_eq!(again, End::Stays("there is no ServiceAccount kurator-system/kurator".to_owned()));
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

#[tokio::test]
async fn rights_in_namespaces_stay_and_the_hub_is_not_named_when_others_use_them() {
    let lyon = "https://other team/lyon";
    let (_server, api) = member(&[PARIS, lyon]).await;
    assert_eq!(end_in_namespaces(&api, &minted(Some(PARIS))).await, End::Shared(lyon.to_owned()));
    let said = "they are in namespaces, where it may not delete all of them by itself".to_owned();
    assert_eq!(end_in_namespaces(&api, &minted(Some(lyon))).await, End::Stays(said));
    // The ClusterRole is not looked at.
    assert_eq!(owner(&api, &rbac("ClusterRole", "clusterroles", false), "", SERVICE_ACCOUNT).await, Some(None));
    let accounts = Resource::core("ServiceAccount", "serviceaccounts", true);
    assert_eq!(owner(&api, &accounts, NAMESPACE, SERVICE_ACCOUNT).await, Some(None));
}

#[tokio::test]
async fn an_account_that_stays_does_not_say_that_the_hub_which_left_works_as_it() {
    let lyon = HubId::from_random([9; 10]);
    let (_server, api) = member(&[PARIS]).await;
    let stays = end_in_namespaces(&api, &minted(Some(PARIS))).await;
    assert!(matches!(stays, End::Stays(_)), "{stays:?}");
    assert_eq!(end_in_namespaces(&api, &minted(Some(PARIS))).await, stays, "until it is noted, it is the same again");
    assert_eq!(unmark(&api, &minted(Some(PARIS))).await.unwrap(), None);
    // The next hub makes it work in the whole cluster, and leaves.
    let own = mark(&api, &lyon, "team", "lyon").await.unwrap();
    let next = Minted { used_by: Some(own), ..minted(None) };
    assert_eq!(remove(&api, &lyon, &next, false).await.unwrap(), End::Removed(None));
}

#[tokio::test]
async fn rights_in_namespaces_that_are_left_of_before_go_with_the_rest() {
    let (_server, api) = member(&[PARIS]).await;
    make_namespaces(&api).await;
    make_roles(&api).await;
    // The binding of one is gone already.
    let bindings = rbac("RoleBinding", "rolebindings", true);
    api.delete(&bindings.target("shop", SERVICE_ACCOUNT), &Delete::default()).await.unwrap();
    assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Removed(None));
    assert_eq!(owner(&api, &rbac("Role", "roles", true), "shop", SERVICE_ACCOUNT).await, None);
    for resource in [rbac("Role", "roles", true), rbac("RoleBinding", "rolebindings", true)] {
        assert_eq!(owner(&api, &resource, "kube-system", IDENTITY_ROLE).await, None);
        assert_eq!(owner(&api, &resource, NAMESPACE, INVENTORY_ROLE).await, None);
        let said = "no attach says that it made it, whatever its name and label";
        assert_eq!(owner(&api, &resource, "team", SERVICE_ACCOUNT).await, Some(None), "{said}");
        assert_eq!(owner(&api, &resource, "shop", "viewer").await, Some(None), "it is not attach's");
        assert_eq!(owner(&api, &resource, "stock", SERVICE_ACCOUNT).await, Some(None), "it is somebody else's");
    }
}

#[tokio::test]
async fn a_hub_without_a_mark_that_delivers_there_keeps_the_account() {
    let (_server, api) = member(&[PARIS]).await;
    let inventory = |name: &str, hub: &HubId| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE,
            "labels": {label::GROUP: "g", label::HUB: hub.as_str()}}})
    };
    let secrets = Resource::core("Secret", "secrets", true);
    let other = HubId::from_random([9; 10]);
    for (name, hub) in [("kurator-a", &other), ("kurator-b", &HubId::from_random([7; 10]))] {
        api.create(&secrets, NAMESPACE, &inventory(name, hub)).await.unwrap();
    }
    assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Shared(format!("hub {other}")));
    let roles = rbac("ClusterRole", "clusterroles", false);
    assert_eq!(owner(&api, &roles, "", SERVICE_ACCOUNT).await, Some(None));
    let accounts = Resource::core("ServiceAccount", "serviceaccounts", true);
    assert_eq!(owner(&api, &accounts, NAMESPACE, SERVICE_ACCOUNT).await, Some(None));
    // Once more, as after a process that ended before it noted the first time.
    assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Shared(format!("hub {other}")));
}

#[tokio::test]
async fn a_shared_account_can_be_left_again_after_the_mark_is_gone() {
    let lyon = "https://other team/lyon";
    let (_server, api) = member(&[lyon]).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kurator-token", "namespace": NAMESPACE,
        "labels": {api::kurator::minted::TOKEN_SECRET_LABEL: SERVICE_ACCOUNT}}});
    let secrets = Resource::core("Secret", "secrets", true);
    api.create(&secrets, NAMESPACE, &secret).await.unwrap();
    let mut minted = minted(Some(PARIS));
    minted.token_secret = Some("kurator-token".to_owned());
    assert_eq!(end(&api, &minted).await, End::Shared(lyon.to_owned()));
    assert!(api.get(&secrets.target(NAMESPACE, "kurator-token")).await.unwrap().is_none());
}

/// The member, in which `happening` happens once, before it is asked for what begins with this.
fn interrupted<F: Future<Output = ()> + Send + 'static>(
    server: &apiserver::ApiServer,
    what: &'static str,
    happening: impl FnOnce() -> F + Send + 'static,
) -> Api {
    let inner = kube::Client::new(server.service_as(UserInfo::master("test")), "default");
    let happening = std::sync::Arc::new(std::sync::Mutex::new(Some(happening)));
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let is_it = format!("{} {}", request.method(), request.uri()).starts_with(what);
        let happening = if is_it { happening.lock().unwrap().take() } else { None };
        let inner = inner.clone();
        async move {
            if let Some(happening) = happening {
                happening().await;
            }
            inner.send(request).await
        }
    });
    Api::new(kube::Client::new(service, "default"), "tester")
}

#[tokio::test]
async fn a_mark_that_came_after_the_look_is_a_conflict() {
    let lyon = HubId::from_random([9; 10]);
    let role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/kurator";
    // Also where a pass before it gave the account its owner already.
    for is_owned in [false, true] {
        let (server, api) = member(&[PARIS]).await;
        if is_owned {
            let step = "PATCH /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kurator";
            let end = end(&refusing(&server, step), &minted(Some(PARIS))).await;
            assert!(matches!(end, End::Stays(_)), "{end:?}");
        }
        let (other, marking) = (lyon.clone(), api.clone());
        let slow = interrupted(&server, Box::leak(format!("GET {role}").into_boxed_str()), move || async move {
            let own = mark(&marking, &other, "team", "lyon").await.unwrap();
            assert_eq!(own, used_by(&whose(&other, "team", "lyon")));
        });
        let error = remove(&slow, &HubId::from_random([7; 10]), &minted(Some(PARIS)), false).await.unwrap_err();
        assert!(error.is_conflict(), "{is_owned}: {error}");
        assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Shared(format!("team/lyon (hub {lyon})")));
    }
}

#[tokio::test]
async fn what_got_its_owner_while_a_hub_attached_loses_it_when_the_account_is_left_to_that_hub() {
    let (server, api) = member(&[PARIS]).await;
    make_namespaces(&api).await;
    make_roles(&api).await;
    let lyon = HubId::from_random([9; 10]);
    let (other, attaching) = (lyon.clone(), api.clone());
    // An attach marks the account and writes the role while the namespace is looked through.
    let slow = interrupted(&server, "PATCH /api/v1/namespaces/kurator-system?", move || async move {
        mark(&attaching, &other, "team", "lyon").await.unwrap();
        let roles = rbac("ClusterRole", "clusterroles", false);
        let written = json!({"metadata": {"annotations": {"written": "again"}}});
        attaching.merge(&roles.target("", SERVICE_ACCOUNT), &written).await.unwrap();
    });
    let error = remove(&slow, &HubId::from_random([7; 10]), &minted(Some(PARIS)), false).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    let namespaces = Resource::core("Namespace", "namespaces", false);
    assert_eq!(owner(&api, &namespaces, "", NAMESPACE).await, Some(Some("ClusterRole".to_owned())));
    assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Shared(format!("team/lyon (hub {lyon})")));
    for (resource, namespace, name) in [
        (namespaces, "", NAMESPACE),
        (Resource::core("ServiceAccount", "serviceaccounts", true), NAMESPACE, SERVICE_ACCOUNT),
        (rbac("ClusterRoleBinding", "clusterrolebindings", false), "", SERVICE_ACCOUNT),
        (rbac("RoleBinding", "rolebindings", true), NAMESPACE, CREDENTIAL_ROLE),
        (rbac("Role", "roles", true), NAMESPACE, CREDENTIAL_ROLE),
        (rbac("RoleBinding", "rolebindings", true), "shop", SERVICE_ACCOUNT),
        (rbac("Role", "roles", true), "shop", SERVICE_ACCOUNT),
    ] {
        assert_eq!(owner(&api, &resource, namespace, name).await, Some(None), "{} {namespace}/{name}", resource.kind);
    }
}

#[tokio::test]
async fn the_last_of_two_hubs_that_leave_at_once_takes_the_account_along() {
    let lyon = "https://other team/lyon";
    let (server, api) = member(&[PARIS, lyon]).await;
    let leaving = api.clone();
    let slow =
        interrupted(&server, "PATCH /api/v1/namespaces/kurator-system/serviceaccounts/kurator", move || async move {
            assert_eq!(end(&leaving, &minted(Some(lyon))).await, End::Shared(PARIS.to_owned()));
        });
    let error = remove(&slow, &HubId::from_random([7; 10]), &minted(Some(PARIS)), false).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Removed(None));
}

/// The member, which refuses what begins with this.
fn refusing(server: &apiserver::ApiServer, what: &'static str) -> Api {
    let inner = kube::Client::new(server.service_as(UserInfo::master("test")), "default");
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let inner = inner.clone();
        async move {
            if !format!("{} {}", request.method(), request.uri()).starts_with(what) {
                return inner.send(request).await;
            }
            let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Forbidden",
                "code": 403, "message": "forbidden"});
            let body = kube::client::Body::from(status.to_string().into_bytes());
            let response = http::Response::builder().status(403).header("content-type", "application/json");
            Ok(response.body(body).unwrap())
        }
    });
    Api::new(kube::Client::new(service, "default"), "tester")
}

#[tokio::test]
async fn what_is_refused_at_any_step_is_said_and_goes_when_it_is_allowed() {
    for step in [
        "PATCH /api/v1/namespaces/kurator-system/serviceaccounts/kurator",
        "PATCH /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kurator",
        "PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/kurator-system/rolebindings/kurator-credential",
        "PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/kurator-system/roles/kurator-credential",
        "GET /apis/rbac.authorization.k8s.io/v1/rolebindings",
        "PATCH /api/v1/namespaces/kurator-system?",
        "DELETE /apis/rbac.authorization.k8s.io/v1/clusterroles/kurator",
    ] {
        let (server, api) = member(&[PARIS]).await;
        let said = end(&refusing(&server, step), &minted(Some(PARIS))).await;
        assert!(matches!(&said, End::Stays(why) if why.contains("forbidden")), "{step}: {said:?}");
        let roles = rbac("ClusterRole", "clusterroles", false);
        assert_eq!(owner(&api, &roles, "", SERVICE_ACCOUNT).await, Some(None), "{step}");
        assert_eq!(end(&api, &minted(Some(PARIS))).await, End::Removed(None), "{step}");
    }
}

#[tokio::test]
async fn a_member_that_shuts_the_hub_out_is_told_apart() {
    let (server, _api) = member(&[PARIS]).await;
    let nobody = Api::new(kube::Client::new(server.service_as(UserInfo::new("gone", ["some"])), "default"), "tester");
    let said = end(&nobody, &minted(Some(PARIS))).await;
    assert!(matches!(&said, End::ShutOut(why) if why.contains("gone")), "{said:?}");
    let answer = |code: u16| Error::Refused {
        code,
        reason: String::new(),
        message: String::new(),
        fields: Vec::new(),
        missing: None,
    };
    for (code, expect) in [(403, true), (404, true), (408, false), (409, false), (429, false), (500, false)] {
        assert_eq!(is_final(&answer(code)), expect, "{code}");
    }
    assert!(!is_final(&Error::NotKubernetes { said: String::new() }), "what is in front of it may come to itself");
}

/// A member that answers everything with this status.
fn answering(code: u16) -> Api {
    let service = tower::service_fn(move |_: http::Request<kube::client::Body>| async move {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "no",
            "reason": if code == 404 { "NotFound" } else { "No" }, "details": {"name": SERVICE_ACCOUNT}});
        let body = kube::client::Body::from(status.to_string().into_bytes());
        http::Response::builder().status(code).body(body).map_err(tower::BoxError::from)
    });
    Api::new(kube::Client::new(service, "default"), "tester")
}

#[tokio::test]
async fn a_mark_that_could_not_be_taken_off_is_tried_again_unless_the_member_refuses() {
    let minted = minted(Some(PARIS));
    for (code, is_tried_again, is_said) in
        [(403, false, true), (404, false, false), (409, true, false), (500, true, false)]
    {
        let result = unmark(&answering(code), &minted).await;
        assert_eq!(result.is_err(), is_tried_again, "{code}: {result:?}");
        let said = result.ok().flatten();
        let mark = used_by(PARIS);
        assert_eq!(said.is_some_and(|why| why.contains(&mark) && why.contains("by hand")), is_said, "{code}");
    }
}

async fn keep_by_finalizer(api: &Api, resource: &Resource) {
    let patch = json!({"metadata": {"finalizers": ["example.com/audit"]}});
    api.merge(&resource.target("", SERVICE_ACCOUNT), &patch).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_finalizer_keeps_is_not_said_to_be_gone() {
    let (roles, bindings) =
        (rbac("ClusterRole", "clusterroles", false), rbac("ClusterRoleBinding", "clusterrolebindings", false));
    for keeps_binding in [false, true] {
        let (_server, api) = member(&[PARIS]).await;
        keep_by_finalizer(&api, &roles).await;
        if keeps_binding {
            keep_by_finalizer(&api, &bindings).await;
        }
        let End::Left { why, has_rights } = end(&api, &minted(Some(PARIS))).await else { panic!("it is not gone") };
        assert_eq!(has_rights, keeps_binding);
        assert!(why.contains("ClusterRole kurator (finalizer example.com/audit)"), "{why}");
        assert!(why.contains("ServiceAccount kurator-system/kurator"), "{why}");
        assert_eq!(why.contains("ClusterRoleBinding kurator (finalizer example.com/audit)"), keeps_binding, "{why}");
        assert_eq!(api.get(&bindings.target("", SERVICE_ACCOUNT)).await.unwrap().is_some(), keeps_binding);
        let credential = rbac("RoleBinding", "rolebindings", true);
        assert_eq!(owner(&api, &credential, NAMESPACE, CREDENTIAL_ROLE).await, None, "its rights end first");
    }
}

#[tokio::test(start_paused = true)]
async fn without_garbage_collection_the_rights_end_and_it_is_said_what_stays() {
    let (server, _api) = member(&[PARIS]).await;
    let api = plain(&server);
    let End::Left { why, has_rights } = end(&api, &minted(Some(PARIS))).await else { panic!("it is not gone") };
    assert!(!has_rights && why.contains("ServiceAccount kurator-system/kurator"), "{why}");
    for resource in
        [rbac("ClusterRoleBinding", "clusterrolebindings", false), rbac("ClusterRole", "clusterroles", false)]
    {
        assert_eq!(owner(&api, &resource, "", SERVICE_ACCOUNT).await, None, "{}", resource.kind);
    }
    assert_eq!(owner(&api, &rbac("RoleBinding", "rolebindings", true), NAMESPACE, CREDENTIAL_ROLE).await, None);
}

/// The member, which answers with this status to each request after the ClusterRole was deleted, and to each deletion that it is done,
/// without doing anything, if there is none.
fn answering_after(server: &apiserver::ApiServer, code: Option<u16>) -> Api {
    let inner = kube::Client::new(server.service_as(UserInfo::master("test")), "default");
    let is_deleted = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (inner, is_deleted) = (inner.clone(), is_deleted.clone());
        async move {
            let is_deletion = request.method() == http::Method::DELETE;
            let is_role = request.uri().path().ends_with("/clusterroles/kurator");
            let was_deleted = is_deleted.load(std::sync::atomic::Ordering::SeqCst);
            if is_deletion && is_role {
                is_deleted.store(true, std::sync::atomic::Ordering::SeqCst);
            }
            let code = match code {
                None if is_deletion => 200,
                Some(code) if was_deleted => code,
                _ => return inner.send(request).await,
            };
            let status = if code == 200 { "Success" } else { "Failure" };
            let status = json!({"apiVersion": "v1", "kind": "Status", "status": status, "code": code, "message": "no"});
            let body = kube::client::Body::from(status.to_string().into_bytes());
            let response = http::Response::builder().status(code).header("content-type", "application/json");
            Ok(response.body(body).unwrap())
        }
    });
    Api::new(kube::Client::new(service, "default"), "tester")
}

#[tokio::test(start_paused = true)]
async fn an_account_is_gone_when_its_token_is_not_known_and_not_when_a_deletion_was_taken() {
    let (server, _api) = member(&[PARIS]).await;
    assert_eq!(end(&answering_after(&server, Some(401)), &minted(Some(PARIS))).await, End::Removed(None));
    let (server, _api) = member(&[PARIS]).await;
    let said = end(&answering_after(&server, Some(403)), &minted(Some(PARIS))).await;
    assert!(matches!(&said, End::Left { why, has_rights: false } if why.contains("still known")), "{said:?}");
    let (server, _api) = member(&[PARIS]).await;
    let said = end(&answering_after(&server, None), &minted(Some(PARIS))).await;
    assert!(
        matches!(&said, End::Left { why, has_rights: true } if why.contains("ClusterRoleBinding kurator")),
        "{said:?}"
    );
}

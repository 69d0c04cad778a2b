use std::time::Duration;

use api::delivery::label;
use controllers::account::{self, End};
use member_sim::{Member, Options};
use serde_json::json;

use super::super::Api;
use super::super::tests::{Attaching, attached, interrupted, list, minted, refusing};
use super::*;

/// A cluster in which this hub has all rights, and its mark.
async fn cluster() -> (Member, Api, Minted) {
    let member = Member::start(Options::new("paris")).await.unwrap();
    let api = Api::new(member.client(), "tester");
    let account = Attaching::new(7, &[]).place(&api).make_account().await.unwrap();
    (member, api, minted(&account.mark))
}

/// What the hub knows of it, which has rights in these namespaces.
fn present(namespaces: &[&str], minted: &Minted) -> Present {
    let mut attached = attached(json!({}), "paris-kubeconfig");
    attached.spec.namespaces = list(namespaces);
    let secret = json!({"metadata": {"name": "paris-kubeconfig",
        "annotations": {api::kurator::annotation::MINTED: minted.to_text()}}});
    Present { attached: Some(attached), secret: Some(serde_json::from_value(secret).unwrap()), fleet: None }
}

/// Which of the rights in the whole cluster are there: the role, and its binding.
async fn has_all(api: &Api) -> (bool, bool) {
    let kind = |kind, plural| Resource::new("rbac.authorization.k8s.io", "v1", kind, plural, false);
    let role = api.get(&kind("ClusterRole", "clusterroles").target("", SERVICE_ACCOUNT)).await.unwrap();
    let binding =
        api.get(&kind("ClusterRoleBinding", "clusterrolebindings").target("", SERVICE_ACCOUNT)).await.unwrap();
    (role.is_some(), binding.is_some())
}

/// What the hub `id` keeps in the cluster of what it delivered.
async fn make_inventory(api: &Api, id: &str) {
    let secrets = Resource::core("Secret", "secrets", true);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("kurator-{id}"),
        "namespace": NAMESPACE, "labels": {label::GROUP: "g", label::HUB: id}}});
    api.create(&secrets, NAMESPACE, &secret).await.unwrap();
}

#[tokio::test]
async fn a_hub_without_a_mark_that_has_inventories_keeps_the_rights() {
    let (member, api, minted) = cluster().await;
    let (narrow, other) = (Attaching::new(7, &["shop"]), Attaching::new(9, &[]));
    let known = present(&[], &minted);
    // Its own inventories keep nothing.
    make_inventory(&api, narrow.id.as_str()).await;
    let surplus = narrow.place(&api).surplus(&known).await.unwrap();
    assert_eq!((surplus.rights.len(), &surplus.kept), (2, &None));
    // Which are its own is not known to a user who may not see its id.
    let unknown = Place { own_id: None, ..narrow.place(&api) };
    let kept = unknown.surplus(&known).await.unwrap().kept.unwrap();
    assert!(kept.ends_with(&format!("hub {}, unless that is this one, whose id you may not see", narrow.id)), "{kept}");
    // What cannot be seen keeps them too.
    for unread in
        ["GET /api/v1/namespaces/kurator-system/secrets", "GET /api/v1/namespaces/kurator-system/serviceaccounts"]
    {
        let kept = narrow.place(&refusing(&member, unread)).surplus(&known).await.unwrap().kept.unwrap();
        assert!(kept.starts_with("you may not see whether another hub works as this account: "), "{kept}");
    }
    // Another hub comes after it was shown: nothing goes.
    make_inventory(&api, other.id.as_str()).await;
    let said = narrow.place(&api).remove(&surplus, Some(&minted)).await.unwrap().unwrap();
    let why = format!("another hub works as this account: hub {}, which has inventories here", other.id);
    assert_eq!(
        said,
        format!("it stays in the cluster after all: ClusterRoleBinding kurator, ClusterRole kurator; {why}")
    );
    // It was there before: that is shown.
    let surplus = narrow.place(&api).surplus(&known).await.unwrap();
    assert_eq!(surplus.kept.as_ref(), Some(&why));
    assert_eq!(narrow.place(&api).remove(&surplus, Some(&minted)).await.unwrap(), None);
    assert_eq!(has_all(&api).await, (true, true));
    // One that has set its mark too is said once.
    let mark = account::mark(&api, &other.id, "team", "paris").await.unwrap();
    let kept = narrow.place(&api).surplus(&known).await.unwrap().kept.unwrap();
    assert_eq!(kept, format!("another hub works as this account: team/paris (hub {})", other.id), "{mark}");
}

#[tokio::test]
async fn a_command_that_ended_before_the_rights_were_gone_is_made_good_by_the_next() {
    let (member, api, minted) = cluster().await;
    let narrow = Attaching::new(7, &["shop"]);
    // The hub has the new rights already, and was told so.
    narrow.place(&api).make_account().await.unwrap();
    let known = present(&["shop"], &minted);
    let names = |surplus: &Surplus| surplus.rights.iter().map(|(grant, _)| grant.name()).collect::<Vec<_>>();
    let surplus = narrow.place(&api).surplus(&known).await.unwrap();
    assert_eq!(names(&surplus), ["ClusterRoleBinding kurator", "ClusterRole kurator"]);
    assert!(surplus.left_words().ends_with(": ClusterRoleBinding kurator, ClusterRole kurator"));
    // It ends between the two.
    let cut_off = refusing(&member, "DELETE /apis/rbac.authorization.k8s.io/v1/clusterroles/kurator");
    let said = narrow.place(&cut_off).remove(&surplus, Some(&minted)).await.unwrap_err().to_string();
    assert!(
        said.contains("the cluster is attached") && said.contains("ClusterRole kurator cannot be deleted"),
        "{said}"
    );
    assert_eq!(has_all(&api).await, (true, false));
    let surplus = narrow.place(&api).surplus(&known).await.unwrap();
    assert_eq!(names(&surplus), ["ClusterRole kurator"]);
    assert_eq!(narrow.place(&api).remove(&surplus, Some(&minted)).await.unwrap(), None);
    gone(&api).await;
    // What the user may not see is said.
    let unread = refusing(&member, "GET /apis/rbac.authorization.k8s.io/v1/clusterrolebindings");
    assert_eq!(narrow.place(&unread).surplus(&known).await.unwrap().unseen, ["ClusterRoleBinding kurator"]);
}

/// Waits until the role and its binding are gone.
async fn gone(api: &Api) {
    let gone = async {
        while has_all(api).await != (false, false) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
}

#[tokio::test]
async fn what_the_role_owns_since_a_detach_does_not_go_with_it() {
    let (member, api, minted) = cluster().await;
    let refusing = refusing(&member, "DELETE /apis/rbac.authorization.k8s.io/v1/clusterroles/kurator");
    let narrow = Attaching::new(7, &["shop"]);
    let end = account::remove(&refusing, &narrow.id, &minted, false).await.unwrap();
    assert!(matches!(end, End::Stays(_)), "{end:?}");
    let mut surplus = narrow.place(&api).surplus(&present(&[], &minted)).await.unwrap();
    let rewritten = narrow.place(&api).make_account().await.unwrap().rewritten.unwrap();
    // The detach was still at it, and gave the account its owner again.
    let target = accounts();
    let target = target.target(NAMESPACE, SERVICE_ACCOUNT);
    let owner = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": SERVICE_ACCOUNT,
        "uid": object::uid(&rewritten.role)});
    api.merge(&target, &json!({"metadata": {"ownerReferences": [owner]}})).await.unwrap();
    surplus.learn(Some(rewritten));
    assert_eq!(narrow.place(&api).remove(&surplus, Some(&minted)).await.unwrap(), None);
    gone(&api).await;
    let account = api.get_metadata(&target).await.unwrap().unwrap();
    assert_eq!(rights::role_owners(&account).count(), 0);
    assert!(!object::is_deleting(&account));
}

const BINDING_DELETED: &str = "DELETE /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kurator";

#[tokio::test]
async fn rights_that_another_attach_counts_on_since_they_were_looked_at_are_not_deleted() {
    // Another hub, and another person at the same hub, whose mark is this hub's own.
    for other in [9, 7] {
        let (member, api, minted) = cluster().await;
        let narrow = Attaching::new(7, &["shop"]);
        narrow.place(&api).make_account().await.unwrap();
        let surplus = narrow.place(&api).surplus(&present(&[], &minted)).await.unwrap();
        let attaching = api.clone();
        // After the last look at the marks.
        let slow = interrupted(&member, BINDING_DELETED, move || async move {
            Attaching::new(other, &[]).place(&attaching).make_account().await.unwrap();
        });
        let said = narrow.place(&slow).remove(&surplus, Some(&minted)).await.unwrap_err().to_string();
        assert!(said.contains("ClusterRoleBinding kurator was changed after it was shown"), "{said}");
        assert_eq!(has_all(&api).await, (true, true), "{other}");
    }
}

#[tokio::test]
async fn every_role_and_binding_is_another_version_after_an_attach() {
    let member = Member::start(Options::new("paris")).await.unwrap();
    let api = Api::new(member.client(), "tester");
    for namespaces in [&[][..], &["shop"]] {
        let attaching = Attaching::new(7, namespaces);
        attaching.place(&api).make_account().await.unwrap();
        let rights = || {
            rights::grants(&attaching.names.namespaces).into_iter().filter(|grant| grant.resource.kind.contains("Role"))
        };
        let mut before = Vec::new();
        for grant in rights() {
            before.push(api.get_metadata(&grant.resource.target_of(&grant.object)).await.unwrap().unwrap());
        }
        attaching.place(&api).make_account().await.unwrap();
        for (grant, before) in rights().zip(before) {
            let now = api.get_metadata(&grant.resource.target_of(&grant.object)).await.unwrap().unwrap();
            assert_ne!(object::resource_version(&before), object::resource_version(&now), "{}", grant.name());
        }
    }
}

#[tokio::test]
async fn a_role_whose_binding_is_gone_is_found() {
    let member = Member::start(Options::new("paris")).await.unwrap();
    let api = Api::new(member.client(), "tester");
    let all = Attaching::new(7, &["billing", "shop"]);
    let mark = all.place(&api).make_account().await.unwrap().mark;
    let minted = minted(&mark);
    let names = |surplus: &Surplus| surplus.rights.iter().map(|(grant, _)| grant.name()).collect::<Vec<_>>();
    // Cut off after the bindings were deleted, when fewer namespaces were given, and when all rights were.
    for (given, rest) in [
        (&["shop"][..], &["Role billing/kurator"][..]),
        (&[], &["Role kurator-system/kurator-inventory", "Role kube-system/kurator-identity"]),
    ] {
        let now = Attaching::new(7, given);
        now.place(&api).make_account().await.unwrap();
        let surplus = now.place(&api).surplus(&present(given, &minted)).await.unwrap();
        for (grant, found) in surplus.rights.iter().filter(|(grant, _)| !rest.contains(&grant.name().as_str())) {
            api.delete(&grant.resource.target_of(&grant.object), &Delete::exactly(found)).await.unwrap();
        }
        let surplus = now.place(&api).surplus(&present(given, &minted)).await.unwrap();
        assert_eq!(names(&surplus), rest);
        assert_eq!(now.place(&api).remove(&surplus, Some(&minted)).await.unwrap(), None);
        assert_eq!(names(&now.place(&api).surplus(&present(given, &minted)).await.unwrap()), [""; 0]);
    }
}

#[tokio::test]
async fn a_role_that_was_edited_after_it_was_shown_stays_though_it_is_taken_back_then() {
    let roles = Resource::new("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false);
    for is_edited in [false, true] {
        let (member, api, minted) = cluster().await;
        let refusing = refusing(&member, "DELETE /apis/rbac.authorization.k8s.io/v1/clusterroles/kurator");
        let narrow = Attaching::new(7, &["shop"]);
        account::remove(&refusing, &narrow.id, &minted, false).await.unwrap();
        let mut surplus = narrow.place(&api).surplus(&present(&[], &minted)).await.unwrap();
        if is_edited {
            let edit = json!({"metadata": {"annotations": {"edited": "by hand"}}});
            api.merge(&roles.target("", SERVICE_ACCOUNT), &edit).await.unwrap();
        }
        surplus.learn(narrow.place(&api).make_account().await.unwrap().rewritten);
        let removed = narrow.place(&api).remove(&surplus, Some(&minted)).await;
        assert_eq!(removed.is_err(), is_edited, "{removed:?}");
        if is_edited {
            assert_eq!(has_all(&api).await.0, is_edited);
        } else {
            gone(&api).await;
        }
    }
}

#[test]
fn what_was_to_go_is_not_said_to_be_more() {
    let narrower = rights::surplus(&Before::recorded(["shop".to_owned()]), &[]);
    let surplus =
        Surplus { rights: narrower.into_iter().map(|grant| (grant, json!({}))).collect(), ..Surplus::default() };
    let said = surplus.left_words();
    assert!(
        said.starts_with("; what gave the rights before is still in the cluster") && !said.contains("more"),
        "{said}"
    );
}

#[test]
fn who_only_adds_namespaces_removes_none() {
    let grants = || rights::surplus(&Before::recorded(["a".to_owned()]), &["b".to_owned()]);
    let all = grants().into_iter().map(|grant| (grant, Value::Null)).collect();
    let mut surplus = Surplus { rights: all, ..Surplus::default() };
    assert!(surplus.names().contains("in namespace a") || surplus.names().contains("a/"), "{}", surplus.names());
    surplus.keep_namespaces();
    assert!(surplus.rights.iter().all(|(grant, _)| grant.resource.kind.starts_with("Cluster")), "{}", surplus.names());
    assert!(!surplus.rights.is_empty(), "what gave rights in the whole cluster still goes");
}

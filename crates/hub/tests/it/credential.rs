//! Credentials of members change while the fleet runs: with no gap, and with nothing that is worse than before.

use api::condition::{self, Condition};
use api::kurator::annotation::MINTED;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::minted::{MANAGED_BY, MANAGER, Minted, NAMESPACE, SERVICE_ACCOUNT, account_event, used_by};
use client::Credential;
use controllers::mint;
use hub::SystemClock;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use model::Clock as _;
use serde_json::{Value, json};

use crate::stage::{Stage, apply, settings, until};

async fn status(stage: &Stage) -> api::kurator::cluster::v1alpha1::AttachedClusterStatus {
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    api.get("a").await.unwrap().status.unwrap_or_default()
}

async fn secret(stage: &Stage) -> Secret {
    Api::namespaced(stage.client(), "default").get("a").await.unwrap()
}

async fn condition(stage: &Stage, type_: &str) -> Option<Condition> {
    condition::find(&status(stage).await.conditions, type_).cloned()
}

/// Waits until the hub has looked at the Secret as it is; the condition then.
async fn looked(stage: &Stage, type_: &str, reason: Option<&str>) -> Option<Condition> {
    until(&format!("{type_} {reason:?} of the Secret as it is"), async || {
        let version = secret(stage).await.resource_version();
        let now = status(stage).await;
        let found = condition::find(&now.conditions, type_).cloned();
        match now.observed_secret_version == version && found.as_ref().map(|c| c.reason.as_str()) == reason {
            true => Ok(found),
            false => Err(format!("{version:?} {now:?}")),
        }
    })
    .await
}

/// The service account as `kurator attach` makes it, with all rights.
async fn account(stage: &Stage) -> client::Api {
    let client = stage.member("a").client();
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": SERVICE_ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}]}),
    ] {
        apply(&client, object).await.unwrap();
    }
    client::Api::new(client, "test")
}

/// A kubeconfig of the member with another user.
fn kubeconfig(stage: &Stage, user: Value) -> String {
    let config = kube::config::Kubeconfig::from_yaml(stage.member("a").kubeconfig()).unwrap();
    let mut config = serde_json::to_value(config).unwrap();
    config["users"][0]["user"] = user;
    config.to_string()
}

async fn set(stage: &Stage, kubeconfig: &str) {
    stage.attach_with("a", kubeconfig, json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_credential_of_the_same_cluster_is_taken_without_a_gap() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let member = account(&stage).await;
    let ready = condition(&stage, "Ready").await.unwrap();
    let watches = stage.member("a").counters().verb("watch");
    let token = mint::mint(&member, SystemClock.now(), "c", None, "hub default/a").await.unwrap();
    set(&stage, &kubeconfig(&stage, json!({"token": token.text}))).await;
    assert_eq!(looked(&stage, "CredentialCurrent", None).await, None);
    stage.commit(&[("app/settings.yaml", Some(&settings("two")))]);
    stage.synced().await;
    assert_eq!(condition(&stage, "Ready").await.unwrap(), ready, "it was never anything else");
    assert_eq!(stage.member("a").counters().verb("watch"), watches, "running watches go on");
    // It is really the new one that is used: what may do nothing is not green.
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
        Api::namespaced(stage.member("a").client(), NAMESPACE);
    accounts.delete(SERVICE_ACCOUNT, &Default::default()).await.unwrap();
    until("the credential to be refused", async || match condition(&stage, "Ready").await {
        Some(c) if c.reason == "CredentialRefused" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    // Both are bad now: the new one is taken, and is said to be bad by itself.
    set(&stage, stage.member("a").kubeconfig()).await;
    looked(&stage, "Ready", Some("ClusterReady")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_is_wrong_does_not_put_away_one_that_works() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let ready = condition(&stage, "Ready").await.unwrap();
    // Port 1 is nobody's, and no program is given it by chance.
    let elsewhere = stage.member("a").kubeconfig().replace(&stage.member("a").url(), "https://127.0.0.1:1");
    let cases = [
        (kubeconfig(&stage, json!({"token": "no-token-of-this-cluster"})), "CredentialRefused"),
        (elsewhere, "ClusterNotReachable"),
        ("nonsense".to_owned(), "KubeconfigMalformed"),
        (kubeconfig(&stage, json!({"exec": {"command": "sh"}})), "KubeconfigRefused"),
    ];
    for (index, (wrong, reason)) in cases.iter().enumerate() {
        set(&stage, wrong).await;
        let said = looked(&stage, "CredentialCurrent", Some(reason)).await.unwrap();
        assert_eq!(said.status, "False");
        assert!(
            said.message.starts_with("Secret default/a") || said.message.contains("Secret default/a "),
            "{}",
            said.message
        );
        assert!(said.message.ends_with("; the credential before it still works and stays in use"), "{}", said.message);
        stage.commit(&[("app/settings.yaml", Some(&settings(&format!("v{index}"))))]);
        stage.synced().await;
        assert_eq!(condition(&stage, "Ready").await.unwrap(), ready, "it was never anything else");
    }
    set(&stage, stage.member("a").kubeconfig()).await;
    assert_eq!(looked(&stage, "CredentialCurrent", None).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubeconfig_of_another_cluster_is_held_and_another_claimant_changes_nothing() {
    let stage = Stage::new(&["a"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    // A claimant's credential is good for the same cluster, and is not the member's.
    let member = account(&stage).await;
    let token = mint::mint(&member, SystemClock.now(), "c", None, "hub default/a").await.unwrap();
    let claimant = kubeconfig(&stage, json!({"token": token.text}));
    stage.attach_with("claimant", &claimant, json!({"memberName": "a"})).await;
    let api: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    until("the claimant to be refused", async || {
        let status = api.get("claimant").await.unwrap().status.unwrap_or_default();
        let found = condition::find(&status.conditions, "Ready").map(|c| c.reason.clone());
        (found.as_deref() == Some("NameTaken")).then_some(()).ok_or(format!("{found:?}"))
    })
    .await;
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
        Api::namespaced(stage.member("a").client(), NAMESPACE);
    accounts.delete(SERVICE_ACCOUNT, &Default::default()).await.unwrap();
    stage.commit(&[("app/settings.yaml", Some(&settings("mine")))]);
    stage.synced().await;
    let other = member_sim::Member::start(member_sim::Options::new("other")).await.unwrap();
    set(&stage, other.kubeconfig()).await;
    looked(&stage, "Ready", Some("IdentityChanged")).await;
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(other.client());
    assert!(namespaces.get_opt("app").await.unwrap().is_none(), "nothing is delivered to it");
    set(&stage, stage.member("a").kubeconfig()).await;
    looked(&stage, "Ready", Some("ClusterReady")).await;
    stage.commit(&[("app/settings.yaml", Some(&settings("back")))]);
    stage.synced().await;
}

/// Writes the credential into the Secret as `kurator attach` does.
async fn write_minted(stage: &Stage, kubeconfig: &str, minted: &Minted) {
    let api: Api<Secret> = Api::namespaced(stage.client(), "default");
    let patch = json!({"metadata": {"annotations": {MINTED: minted.to_text()}}, "stringData": {"value": kubeconfig}});
    api.patch("a", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_attach_made_is_renewed_and_what_a_person_made_is_not() {
    let stage = Stage::new(&["a"]).await;
    let member = account(&stage).await;
    let now = SystemClock.now();
    let token = mint::mint(&member, now, "prod", None, "hub default/a").await.unwrap();
    let life = token.minted.expires.unwrap().duration_since(now).as_secs();
    assert_eq!(life, 365 * 24 * 3600, "a year was asked for");
    let issued = |days_ago: i64| model::Timestamp::from_second(now.as_second() - days_ago * 24 * 3600).unwrap();
    let config = kubeconfig(&stage, json!({"token": token.text}));
    // It was made long ago, by a person, and then by us.
    let mut minted = Minted { issued: issued(200), ..token.minted.clone() };
    minted.token_secret = Some("kurator-token-old".into());
    let old = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kurator-token-old", "namespace": NAMESPACE,
        "labels": {"kurator.dev/token-of": SERVICE_ACCOUNT}}});
    apply(&stage.member("a").client(), old).await.unwrap();
    set(&stage, &config).await;
    looked(&stage, "Ready", Some("ClusterReady")).await;
    let by_hand = secret(&stage).await;
    write_minted(&stage, &config, &minted).await;
    let renewed = until("the credential to be renewed", async || {
        let secret = secret(&stage).await;
        let minted = Minted::parse(&secret.annotations()[MINTED]).unwrap();
        match minted.issued >= now {
            true => Ok(secret),
            false => Err(format!("{minted:?}")),
        }
    })
    .await;
    let text = |secret: &Secret| String::from_utf8(secret.data.as_ref().unwrap()["value"].0.clone()).unwrap();
    assert_eq!(text(&by_hand), config, "nobody renews what a person made");
    let credential = Credential::parse(text(&renewed).as_bytes(), client::Trust { loopback: true }).unwrap();
    assert_ne!(text(&renewed), config);
    credential.api("test").await.unwrap().read("/version").await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(stage.member("a").client(), NAMESPACE);
    assert!(secrets.get_opt("kurator-token-old").await.unwrap().is_some(), "a backup of before has nothing else");
    looked(&stage, "Ready", Some("ClusterReady")).await;
    assert_eq!(condition(&stage, "CredentialCurrent").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_credential_that_does_not_work_is_not_written() {
    let stage = Stage::new(&["a"]).await;
    let member = account(&stage).await;
    let client = stage.member("a").client();
    // What is in use may make tokens of the service account, which may do nothing itself.
    let bindings: Api<k8s_openapi::api::rbac::v1::ClusterRoleBinding> = Api::all(client.clone());
    bindings.delete(SERVICE_ACCOUNT, &Default::default()).await.unwrap();
    let user = "system:serviceaccount:kurator-system:helper";
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "helper", "namespace": NAMESPACE}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "helper"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}]}),
    ] {
        apply(&client, object).await.unwrap();
    }
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = Api::namespaced(client, NAMESPACE);
    let asked = serde_json::from_value(json!({"metadata": {}, "spec": {"audiences": [], "expirationSeconds": 86_400}}));
    let made = accounts.create_token_request("helper", &Default::default(), &asked.unwrap()).await.unwrap();
    let token = made.status.unwrap().token.unwrap();
    let now = SystemClock.now();
    let config = kubeconfig(&stage, json!({"token": token}));
    let minted = Minted {
        issued: model::Timestamp::from_second(now.as_second() - 200 * 24 * 3600).unwrap(),
        token_digest: Some(model::Digest::of(token.as_bytes())),
        ..mint::mint(&member, now, "prod", None, "hub default/a").await.unwrap().minted
    };
    set(&stage, &config).await;
    looked(&stage, "Ready", Some("ClusterReady")).await;
    write_minted(&stage, &config, &minted).await;
    let said = looked(&stage, "CredentialCurrent", Some("RenewalFailed")).await.unwrap();
    assert!(said.message.contains("a new token was made and does not work: "), "{}", said.message);
    let text = String::from_utf8(secret(&stage).await.data.unwrap()["value"].0.clone()).unwrap();
    assert_eq!(text, config, "the one that works stays");
    looked(&stage, "Ready", Some("ClusterReady")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_cannot_be_renewed_or_has_expired_is_said_with_the_command_that_mends_it() {
    let stage = Stage::new(&["a"]).await;
    let member = account(&stage).await;
    let now = SystemClock.now();
    let token = mint::mint(&member, now, "prod eu", None, "hub default/a").await.unwrap();
    // The rights are gone, so that no other token can be made.
    let bindings: Api<k8s_openapi::api::rbac::v1::ClusterRoleBinding> = Api::all(stage.member("a").client());
    bindings.delete(SERVICE_ACCOUNT, &Default::default()).await.unwrap();
    // All but that: who may not list Secrets either is not Ready for that reason.
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
            {"nonResourceURLs": ["*"], "verbs": ["get"]}]});
    let reader = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}]});
    for object in [role, reader] {
        apply(&stage.member("a").client(), object).await.unwrap();
    }
    let config = kubeconfig(&stage, json!({"token": token.text}));
    let long_ago = model::Timestamp::from_second(now.as_second() - 200 * 24 * 3600).unwrap();
    let minted = Minted { issued: long_ago, ..token.minted.clone() };
    set(&stage, &config).await;
    write_minted(&stage, &config, &minted).await;
    let said = looked(&stage, "CredentialCurrent", Some("RenewalFailed")).await.unwrap();
    assert!(said.message.contains("forbidden") && said.message.contains("it is good until 2"), "{}", said.message);
    looked(&stage, "Ready", Some("ClusterReady")).await;
    // One that says that it ended, and that the cluster does not know: as of an account that is gone.
    let claims = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, r#"{"exp": 1700000000}"#);
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
        Api::namespaced(stage.member("a").client(), NAMESPACE);
    accounts.delete(SERVICE_ACCOUNT, &Default::default()).await.unwrap();
    let expired = kubeconfig(&stage, json!({"token": format!("e30.{claims}.c2ln")}));
    write_minted(&stage, &expired, &Minted { issued: now, ..minted }).await;
    let said = looked(&stage, "Ready", Some("CredentialExpired")).await.unwrap();
    assert!(said.message.starts_with("the credential expired at 2023-11-14T22:13:20Z"), "{}", said.message);
    assert!(
        said.message.ends_with("make another one with `kurator attach 'prod eu' --name a -n default`"),
        "{}",
        said.message
    );
}

/// What `kurator attach` makes in the member `a`, and its credential in the hub.
async fn attach_as_people_do(stage: &Stage) {
    let client = stage.member("a").client();
    let whose = "https://hub default/a";
    let labels = json!({MANAGED_BY: MANAGER});
    let group = "rbac.authorization.k8s.io";
    let subject = json!({"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE});
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE,
            "labels": labels, "annotations": {used_by(whose): whose}}}),
        json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": {"name": SERVICE_ACCOUNT, "labels": labels},
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}]}),
        json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding",
            "metadata": {"name": SERVICE_ACCOUNT, "labels": labels},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": SERVICE_ACCOUNT}, "subjects": [subject]}),
    ] {
        apply(&client, object).await.unwrap();
    }
    let member = client::Api::new(client, "test");
    let token = mint::mint(&member, SystemClock.now(), "prod", None, whose).await.unwrap();
    let config = kubeconfig(stage, json!({"token": token.text}));
    set(stage, &config).await;
    write_minted(stage, &config, &Minted { used_by: Some(used_by(whose)), ..token.minted }).await;
    looked(stage, "Ready", Some("ClusterReady")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_left_for_good_keeps_no_right_of_ours() {
    let stage = Stage::new(&["a"]).await;
    attach_as_people_do(&stage).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let attached: Api<AttachedCluster> = Api::namespaced(stage.client(), "default");
    let uid = attached.get("a").await.unwrap().uid().unwrap();
    crate::moving::detach(&stage, "a").await;
    crate::moving::is_detached(&stage, "a").await;
    let client = stage.member("a").client();
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let roles: Api<k8s_openapi::api::rbac::v1::ClusterRole> = Api::all(client.clone());
    let bindings: Api<k8s_openapi::api::rbac::v1::ClusterRoleBinding> = Api::all(client);
    until("its rights to go", async || {
        let left = (
            accounts.get_opt(SERVICE_ACCOUNT).await.unwrap().is_some(),
            roles.get_opt(SERVICE_ACCOUNT).await.unwrap().is_some(),
            bindings.get_opt(SERVICE_ACCOUNT).await.unwrap().is_some(),
        );
        if left == (false, false, false) { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(stage.client(), "default");
    let said = events.get(&account_event("a", &uid)).await.unwrap();
    assert_eq!(said.reason.as_deref(), Some("AccountRemoved"), "{:?}", said.note);
    assert_eq!(said.note.unwrap(), "in member a, the hub's account and all its rights are gone");
}

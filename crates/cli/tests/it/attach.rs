//! `kurator attach` against a hub and a simulated cluster.

use member_sim::{Member, Options};
use serde_json::Value;

use crate::process::{Place, until};

/// A cluster with its kubeconfig in a file, under these contexts.
pub(crate) async fn cluster(place: &Place, name: &str, contexts: &[&str]) -> (Member, String) {
    let member = Member::start(Options::new(name)).await.unwrap();
    let mut config: Value = model::yaml::parse(member.kubeconfig()).unwrap();
    let context = config["contexts"][0]["context"].clone();
    config["contexts"] =
        contexts.iter().map(|name| serde_json::json!({"name": name, "context": context})).collect::<Vec<_>>().into();
    let file = place.dir().with_file_name(format!("{name}.kubeconfig"));
    std::fs::write(&file, config.to_string()).unwrap();
    (member, file.display().to_string())
}

/// What a program says, with addresses and times left out.
fn steady(text: &str, place: &Place, member: &Member) -> String {
    let mut text = text.replace(&member.url(), "https://CLUSTER").replace(&place.dir().display().to_string(), "DIR");
    for from in ["https://127.0.0.1:", "good until ", "Kubernetes v"] {
        let mut at = 0;
        while let Some(found) = text[at..].find(from) {
            let begin = at + found + from.len();
            let end = text[begin..].find([' ', '\n', ',']).map_or(text.len(), |end| begin + end);
            text.replace_range(begin..end, "…");
            at = begin;
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_attached_shown_before_and_again_without_harm() {
    let mut place = Place::new();
    place.up("--allow-loopback-members", "hub ready");
    let (member, file) = cluster(&place, "paris", &["paris", "same"]).await;
    let attach = |words: &str| format!("attach --kubeconfig {file} {words}");

    // Nobody can be asked: nothing happens.
    let refused = tokio::task::block_in_place(|| place.fails(&attach("paris")));
    assert!(refused.contains("create  ClusterRole kurator "), "{refused}");
    let command = format!("kurator attach paris --name paris --kubeconfig {file} --yes");
    let asked = "nothing was changed: there is no terminal to ask at; read the list, then do it with";
    assert!(refused.ends_with(&format!("{asked} `{command}`\n")), "{refused}");
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(member.client());
    assert!(namespaces.get_opt("kurator-system").await.unwrap().is_none());
    let unknown = tokio::task::block_in_place(|| place.fails(&attach("berlin")));
    assert!(unknown.contains("your kubeconfig has no context berlin; it has paris, same"), "{unknown}");

    let said = tokio::task::block_in_place(|| place.run(&attach("paris --fleet europe --yes")));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(said.out, "");
    let heard: Vec<&str> = said.err.lines().filter(|line| !line.starts_with("  the hub tries")).collect();
    insta::assert_snapshot!("attached", steady(&heard.join("\n"), &place, &member));
    let status = tokio::task::block_in_place(|| place.json("status member/paris"));
    let conditions = status["status"]["conditions"].as_array().unwrap();
    assert!(conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"), "{status}");

    // Again: the same, with another token.
    let again = tokio::task::block_in_place(|| place.json(&attach("paris --fleet europe --yes")));
    assert_eq!(
        (&again["name"], &again["fleet"], &again["tokenSecret"]),
        (&"paris".into(), &"europe".into(), &Value::Null)
    );
    // Not under another name, and no other cluster under this one.
    let twice = tokio::task::block_in_place(|| place.fails(&attach("same --yes")));
    assert!(twice.contains("this cluster is member/paris already"), "{twice}");
    let (_other, other) = cluster(&place, "other", &["other"]).await;
    let swapped =
        tokio::task::block_in_place(|| place.fails(&format!("attach --kubeconfig {other} other --name paris --yes")));
    assert!(swapped.contains("member/paris is another cluster"), "{swapped}");

    // The hub cannot go there: it says so, with what to do.
    let lost = "other --yes --server https://192.0.2.1:6443 --timeout 2s";
    let lost = tokio::task::block_in_place(|| place.fails(&format!("attach --kubeconfig {other} {lost}")));
    assert!(lost.contains("the hub has not reached it within 2 s"), "{lost}");
    let again =
        format!("`kurator attach other --name other --kubeconfig {other} --server https://192.0.2.1:6443` is harmless");
    assert!(lost.contains(&again), "{lost}");
    tokio::task::block_in_place(|| place.ok(&format!("attach --kubeconfig {other} other --yes")));

    // For good: nothing of the hub's is left there.
    let left = tokio::task::block_in_place(|| place.run("detach paris --release --yes"));
    assert_eq!(left.code, Some(0), "{}", left.err);
    assert!(left.err.ends_with("  in member paris, the hub's account and all its rights are gone\n"), "{}", left.err);
    let roles: kube::Api<k8s_openapi::api::rbac::v1::ClusterRole> = kube::Api::all(member.client());
    assert!(roles.get_opt("kurator").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_another_hub_is_taken_over_with_one_command() {
    let (mut old, mut new) = (Place::new(), Place::new());
    old.up("--demo", "converged");
    new.up("--allow-loopback-members", "hub ready");
    let file = old.dir().join("kubeconfig").display().to_string();
    let seen = tokio::task::block_in_place(|| new.fails(&format!("attach --kubeconfig {file} beijing")));
    assert!(seen.contains(" in this cluster, and keeps it: --take-over "), "{seen}");
    let said =
        tokio::task::block_in_place(|| new.run(&format!("attach --kubeconfig {file} beijing --take-over --yes")));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("Taken over from another hub, as it is, without a restart of any pod:"), "{}", said.err);
    assert!(said.err.contains(" are this hub's now"), "{}", said.err);
    assert!(!said.err.contains("is not what was shown"), "one list for one question: {}", said.err);
    let attached = tokio::task::block_in_place(|| new.json("status member/beijing"));
    let conditions = attached["status"]["conditions"].as_array().unwrap();
    assert!(conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"), "{attached}");
    // Once more: nothing is left.
    let again =
        tokio::task::block_in_place(|| new.run(&format!("attach --kubeconfig {file} beijing --take-over --yes")));
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(again.err.contains("no other hub has an inventory in this cluster"), "{}", again.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_hub_had_in_all_members_is_taken_over_at_once() {
    let (mut old, mut new) = (Place::new(), Place::new());
    old.up("--demo", "converged");
    new.up("--allow-loopback-members", "hub ready");
    let file = old.dir().join("kubeconfig").display().to_string();
    for member in ["beijing", "shanghai"] {
        tokio::task::block_in_place(|| new.ok(&format!("attach --kubeconfig {file} {member} --yes")));
    }
    let unasked = tokio::task::block_in_place(|| {
        until("both members to say what they have of the other hub", || {
            let said = new.fails("hub adopt-fleet");
            let is_whole = said.contains("  member/beijing: ") && said.contains("  member/shanghai: ");
            is_whole.then_some(()).ok_or_else(|| said.clone()).map(|()| said)
        })
    });
    assert!(unasked.contains("nothing was taken over: there is no terminal to ask at"), "{unasked}");
    let attached: kube::Api<api::kurator::cluster::v1alpha1::AttachedCluster> =
        kube::Api::namespaced(crate::guide::client(&new).await, "default");
    for one in attached.list(&kube::api::ListParams::default()).await.unwrap() {
        assert_eq!(one.spec.take_over, None, "who does not agree changes nothing");
    }
    let taken = tokio::task::block_in_place(|| new.json("hub adopt-fleet --yes"));
    let members: Vec<(&str, u64)> = taken["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["member"].as_str().unwrap(), one["taken"]["objects"].as_u64().unwrap()))
        .collect();
    assert_eq!(members, [("beijing", 4), ("shanghai", 4)], "{taken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_allows_no_loopback_says_what_to_do() {
    let mut place = Place::new();
    place.up("", "hub ready");
    let (_member, file) = cluster(&place, "paris", &["paris"]).await;
    let said = tokio::task::block_in_place(|| place.fails(&format!("attach --kubeconfig {file} paris --yes")));
    assert!(said.contains("clusters[0].cluster.server is refused: it is a loopback address"), "{said}");
    let with = format!("with `kurator attach paris --name paris --kubeconfig {file} --server https://HOST:PORT`");
    assert!(said.contains(&with), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_of_somebody_else_is_not_taken() {
    let mut place = Place::new();
    place.up("--allow-loopback-members", "hub ready");
    let (member, file) = cluster(&place, "paris", &["paris"]).await;
    let roles: kube::Api<k8s_openapi::api::rbac::v1::ClusterRole> = kube::Api::all(member.client());
    let role = serde_json::json!({"metadata": {"name": "kurator"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]});
    roles.create(&kube::api::PostParams::default(), &serde_json::from_value(role).unwrap()).await.unwrap();
    let said = tokio::task::block_in_place(|| place.fails(&format!("attach --kubeconfig {file} paris --yes")));
    assert!(said.contains("ClusterRole kurator is there already, and `kurator attach` did not make it"), "{said}");
    let kept = roles.get("kurator").await.unwrap();
    assert_eq!(kept.rules.unwrap_or_default()[0].resources.as_deref(), Some(&["pods".to_owned()][..]));
}

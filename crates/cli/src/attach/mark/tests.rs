use super::super::Api;
use super::super::tests::{Attaching, minted, names, refusing};
use super::*;

#[test]
fn two_hubs_at_the_same_address_are_two() {
    let local = "https://127.0.0.1:6443";
    let (one, other) = ("mxqz2ra7oykc4hbt".parse().unwrap(), "mxqz2ra7oykc4hbu".parse().unwrap());
    let (here, there) = (model::Digest::of(b"here"), model::Digest::of(b"there"));
    let of = |server: &str, id, authority| Mark::of(server, id, authority, &names(None));
    let known = of(local, Some(&one), Some(&here));
    assert_eq!(known.words, "https://127.0.0.1:6443 default/paris (hub mxqz2ra7oykc4hbt)");
    let unseen = of(local, None, Some(&here));
    for (first, second) in [(&known, of(local, Some(&other), Some(&here))), (&unseen, of(local, None, Some(&there)))] {
        assert_ne!(used_by(&first.key), used_by(&second.key));
        let token = |mark: &Mark| plan::credential::token_secret_after(None, &mark.key);
        assert_ne!(token(first), token(&second));
    }
    // A hub that moves stays the same one.
    assert_eq!(known.key, of("https://hub.example.com", Some(&one), Some(&there)).key);
    assert_eq!(of("https://a.example", None, None).key, "hub at https://a.example default/paris");
}

#[tokio::test]
async fn a_hub_takes_its_own_old_mark_away_and_no_other() {
    let marked = |own: &str| {
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "kurator", "namespace": "kurator-system",
            "annotations": {used_by("old"): own, used_by("other"): "https://b.example default/b (hub b)"}}})
    };
    for (own, goes) in [
        ("https://hub.example.com default/paris", true),
        ("https://127.0.0.1:6443 default/paris (authority sha256:1)", true),
        // As a renewal wrote it in an earlier version.
        ("hub mxqz2ra7oykc4hbt default/paris", true),
        // One of an earlier version, which a hub on another machine may have as well.
        ("https://127.0.0.1:6443 default/paris", false),
    ] {
        let member = crate::approve::tests::Hub::new([(200, marked(own)), (200, marked(own))]);
        let api = Api::new(member.client(), "tester");
        let names = names(None);
        let mark = Mark::of("https://hub.example.com", Some(&"mxqz2ra7oykc4hbt".parse().unwrap()), None, &names);
        let place = Place { member: &api, hub: &api, mark: &mark, own_id: None, names: &names, context: "prod" };
        let before = minted(&used_by("old"));
        assert_eq!(
            place.mark_account(Some(&before)).await.unwrap(),
            Some(Marked { name: used_by(&mark.key), is_new: true })
        );
        let mut expect = json!({used_by(&mark.key): mark.words});
        if goes {
            expect[used_by("old")] = json!(null);
        }
        let asked = member.asked.lock().unwrap();
        assert_eq!(asked.last().unwrap().1["metadata"]["annotations"], expect, "{own}");
    }
}

#[tokio::test]
async fn the_mark_of_a_renewal_is_this_hubs_own() {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "kurator", "namespace": "kurator-system"}});
    let member = crate::approve::tests::Hub::new([(200, account)]);
    let id: HubId = "mxqz2ra7oykc4hbt".parse().unwrap();
    let api = Api::new(member.client(), "tester");
    let mark = controllers::account::mark(&api, &id, "default", "paris").await.unwrap();
    let asked = member.asked.lock().unwrap();
    let words = asked[0].1["metadata"]["annotations"][&mark].as_str().unwrap();
    assert_eq!(words, "default/paris (hub mxqz2ra7oykc4hbt)");
    // By a user who may not see the hub's id, the next attach has another mark, and takes this one away.
    assert!(is_old(&mark, words, Some(&minted(&mark))));
    assert!(!is_old(&mark, words, Some(&minted("used-by.kurator.dev/another"))) && !is_old(&mark, words, None));
    // By another one it is the same mark.
    assert_eq!(mark, used_by(&Mark::of("https://hub.example.com", Some(&id), None, &names(None)).key));
}

#[test]
fn only_an_address_may_be_shared() {
    for (words, expect) in [
        ("https://127.0.0.1:6443 default/paris", true),
        ("https://nas:6443 default/paris", true),
        ("https://hub.example.com default/paris", false),
        ("https://127.0.0.1:6443 default/paris (hub mxqz2ra7oykc4hbt)", false),
        ("hub mxqz2ra7oykc4hbt default/paris", false),
        ("default/paris (hub mxqz2ra7oykc4hbt)", false),
        ("", false),
    ] {
        assert_eq!(may_be_shared(words), expect, "{words}");
    }
}

/// A hub that never attached would keep the account when the others leave.
#[tokio::test]
async fn a_command_that_fails_takes_back_the_mark_that_it_set() {
    let member = member_sim::Member::start(member_sim::Options::new("paris")).await.unwrap();
    let api = Api::new(member.client(), "tester");
    let (old, new) = (Attaching::new(7, &[]), Attaching::new(9, &[]));
    let own = old.place(&api).make_account().await.unwrap().mark;
    let marks_there = async || {
        let account = api.get(&accounts().target(NAMESPACE, SERVICE_ACCOUNT)).await.unwrap().unwrap();
        marks(&account).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let role = "PATCH /apis/rbac.authorization.k8s.io/v1/clusterroles/kurator";
    let later = "PATCH /apis/rbac.authorization.k8s.io/v1/namespaces/kurator-system/rolebindings/kurator-credential";
    // The mark of before stays.
    for (attaching, step) in [(&new, role), (&new, later), (&old, role)] {
        let failed = attaching.place(&refusing(&member, step)).make_account().await.map(drop).unwrap_err().to_string();
        assert!(failed.contains("you may not") && !failed.contains("annotation"), "{step}: {failed}");
        assert_eq!(marks_there().await, std::slice::from_ref(&own), "{step}");
    }
    // It cannot be taken back.
    let place = new.place(&api);
    let mark = place.mark_account(None).await.unwrap().unwrap();
    let refused = refusing(&member, "PATCH /api/v1/namespaces/kurator-system/serviceaccounts/kurator");
    let failure = anyhow::anyhow!("it failed");
    let said = new.place(&refused).unmark_after(mark.is_new, failure).await.to_string();
    assert!(said.starts_with(&format!("it failed; annotation {} stays on ServiceAccount", mark.name)), "{said}");
}

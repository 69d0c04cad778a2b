//! Where the client goes, and what is said of answers that do not help.

use http::Uri;
use kube::Config;
use kube::config::Kubeconfig;
use kube::core::Status;

use super::{asked, authority, choose_context, go_to, namespace_in, reached};

#[test]
fn a_hub_on_this_machine_is_asked_there_and_proves_its_own_name() {
    for (told, listens, goes_to, name) in [
        ("https://hub.example.com:6443", "0.0.0.0:6443", "https://127.0.0.1:6443/", "hub.example.com"),
        ("https://hub.example.com:6443", "[::]:6443", "https://[::1]:6443/", "hub.example.com"),
        ("https://hub.example.com:6443", "192.0.2.7:6443", "https://192.0.2.7:6443/", "hub.example.com"),
        ("https://[2001:db8::9]:6443", "127.0.0.1:6443", "https://127.0.0.1:6443/", "2001:db8::9"),
        ("https://127.0.0.1:40001", "127.0.0.1:40001", "https://127.0.0.1:40001/", "127.0.0.1"),
    ] {
        let mut config = Config::new(told.parse::<Uri>().unwrap());
        config.proxy_url = Some("http://proxy.example:3128".parse().unwrap());
        go_to(&mut config, listens.parse().unwrap()).unwrap();
        assert_eq!(config.cluster_url.to_string(), goes_to, "{told} {listens}");
        assert_eq!(config.tls_server_name.as_deref(), Some(name), "{told} {listens}");
        assert_eq!(config.proxy_url, None);
    }
}

#[test]
fn the_namespace_of_a_context_is_that_of_a_command() {
    let kubeconfig: Kubeconfig = serde_json::from_value(serde_json::json!({
        "current-context": "a", "contexts": [
            {"name": "a", "context": {"cluster": "c", "user": "u", "namespace": "team-a"}},
            {"name": "b", "context": {"cluster": "c", "user": "u", "namespace": ""}},
            {"name": "c", "context": {"cluster": "c", "user": "u"}},
        ],
    }))
    .unwrap();
    for (context, expect) in
        [(None, Some("team-a")), (Some("a"), Some("team-a")), (Some("b"), None), (Some("c"), None), (Some("d"), None)]
    {
        assert_eq!(namespace_in(&kubeconfig, context).as_deref(), expect, "{context:?}");
    }
}

#[test]
fn a_context_that_is_not_there_is_answered_with_those_that_are() {
    let check = |text: &str, context: Option<&str>, expected: Result<&str, &str>| {
        let kubeconfig = Kubeconfig::from_yaml(text).unwrap();
        assert_eq!(choose_context(&kubeconfig, context), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
    };
    let two = "contexts: [{name: a}, {name: b}]\n";
    let current = format!("current-context: b\n{two}");
    check(&current, None, Ok("b"));
    check(&current, Some("a"), Ok("a"));
    check(&current, Some("nope"), Err("it has no context nope; choose with --context: it has a, b"));
    check(two, None, Err("it says no current context; choose with --context: it has a, b"));
    check("apiVersion: v1\n", None, Err("it says no current context; choose with --context: it has no context at all"));
}

#[test]
fn each_refusal_is_answered_with_what_to_do() {
    let missing = serde_json::json!({"code": 404, "message": "clusters \"x\" not found", "details": {"name": "x"}});
    for (answer, words) in [
        (
            serde_json::json!({"code": 404, "message": "the server could not find the requested resource"}),
            "is no hub of Kurator",
        ),
        (missing, "cannot list members: clusters \"x\" not found"),
        (serde_json::json!({"code": 401, "message": "Unauthorized"}), "fetch the hub's kubeconfig again"),
        (serde_json::json!({"code": 403, "message": "may not"}), "cannot list members: the hub refused: may not"),
    ] {
        let status: Status = serde_json::from_value(answer).unwrap();
        let said = asked("cannot list members")(kube::Error::Api(Box::new(status))).to_string();
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn a_hub_is_known_by_what_its_kubeconfig_says_and_not_by_where_it_listens() {
    let config = || Config::new("https://hub.example.com:6443".parse::<Uri>().unwrap());
    let found = reached(config(), Some("0.0.0.0:6443".parse().unwrap()), "hub.yaml".as_ref()).unwrap();
    assert_eq!(found.server, "https://127.0.0.1:6443/");
    assert_eq!((found.advertised.as_str(), found.authority), ("https://hub.example.com:6443/", None));
    let of = |certificates: &[&[u8]]| {
        let mut config = config();
        config.root_cert = Some(certificates.iter().map(|one| one.to_vec()).collect());
        authority(&config)
    };
    assert!(of(&[b"a"]).is_some() && of(&[b"a"]) != of(&[b"b"]));
    assert_eq!(of(&[]), None);
}

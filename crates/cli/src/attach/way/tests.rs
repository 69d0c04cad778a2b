//! What the hub gets of a proxy's user and password, and what is said of it.

use k8s_openapi::ByteString;

use super::*;

const SERVER: &str = "https://paris.example.com:6443";

/// A cluster of a kubeconfig, behind this proxy.
fn cluster(proxy: Option<&str>) -> Value {
    let mut cluster = json!({"server": SERVER, "certificate-authority-data": "Y2E="});
    if let Some(proxy) = proxy {
        cluster["proxy-url"] = json!(proxy);
    }
    cluster
}

/// A Secret of the hub with this cluster.
fn secret(cluster: &Value) -> Secret {
    let kubeconfig = crate::attach::login::kubeconfig_of_hub(cluster, "token");
    let text = model::yaml::to_string(&kubeconfig);
    Secret { data: Some([(KUBECONFIG_KEY.to_owned(), ByteString(text.into_bytes()))].into()), ..Secret::default() }
}

#[test]
fn the_hub_gets_a_user_for_the_proxy_and_no_line_shows_it() {
    let (plain, own, known) =
        ("http://proxy.example:3128", "http://me:hunter2@proxy.example:3128", "http://hub:hunter3@proxy.example:3128/");
    let elsewhere = "http://hub:hunter3@other.example:3128";
    for (given, before, expect, user) in [
        (None, None, None, ProxyUser::None),
        (Some(plain), None, Some(plain), ProxyUser::None),
        (Some(own), None, Some(own), ProxyUser::Own),
        // What the user's kubeconfig has has just worked.
        (Some(own), Some(known), Some(own), ProxyUser::Own),
        (Some(own), Some(plain), Some(own), ProxyUser::Own),
        // The hub's own user for the same proxy stays, and that for another one is of no use.
        (Some(plain), Some(known), Some(known), ProxyUser::Kept),
        (Some(plain), Some(plain), Some(plain), ProxyUser::None),
        (Some(plain), Some(elsewhere), Some(plain), ProxyUser::None),
        // The hub may need one where the user does not.
        (None, Some(known), Some(known), ProxyUser::Kept),
        (None, Some(plain), Some(plain), ProxyUser::None),
    ] {
        let secret = before.map(|before| secret(&cluster(Some(before))));
        let way = Way::choose(&cluster(given), None, secret.as_ref());
        assert_eq!(way.keeps_proxy, given.is_none() && before.is_some());
        assert_eq!((way.cluster.get("proxy-url").and_then(Value::as_str), way.proxy_user), (expect, user), "{given:?}");
        let said = format!("{} {} {:?}", way.words(), way.secret_words(), way.before);
        assert!(!said.contains('@') && !said.contains("hunter"), "{said}");
        assert_eq!(said.contains("user and password"), user != ProxyUser::None, "{said}");
    }
}

#[test]
fn another_way_than_before_is_said() {
    let before = |given: Option<&str>, server: Option<&str>, before: &Value| {
        Way::choose(&cluster(given), server, Some(&secret(before))).before
    };
    let through = cluster(Some("http://hub:hunter3@proxy.example:3128"));
    assert_eq!(before(None, None, &cluster(None)), None);
    assert_eq!(before(Some("http://me:hunter2@proxy.example:3128"), None, &through), None);
    assert_eq!(before(None, None, &through), None);
    let said = before(None, Some("https://192.0.2.7"), &through);
    assert_eq!(said.as_deref(), Some("https://paris.example.com:6443, through proxy http://proxy.example:3128"));
    assert_eq!(before(None, Some("https://192.0.2.7"), &cluster(None)).as_deref(), Some(SERVER));
    // What cannot be read says nothing.
    let unread =
        Secret { data: Some([(KUBECONFIG_KEY.to_owned(), ByteString(b"x: [".to_vec()))].into()), ..Secret::default() };
    assert_eq!(Way::choose(&cluster(None), None, Some(&unread)).before, None);
    assert_eq!(Way::choose(&cluster(None), None, Some(&Secret::default())).before, None);
}

#[test]
fn only_the_user_is_left_out_of_what_is_shown() {
    for (url, shown) in [
        ("http://me:secret@proxy.example:3128", "http://proxy.example:3128"),
        ("https://proxy.example/a@b", "https://proxy.example/a@b"),
        ("http://proxy.example", "http://proxy.example"),
    ] {
        assert_eq!(without_login(url), shown);
    }
}

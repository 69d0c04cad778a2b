use super::*;

fn kubeconfig(server: &str, cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         clusters: [{{name: k, cluster: {{server: '{server}'{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
    )
}

fn refusal(text: &str) -> String {
    Credential::parse(text.as_bytes(), Trust::default()).unwrap_err().to_string()
}

#[test]
fn what_would_run_code_or_read_files_is_refused_by_path() {
    let with = |user: &str| refusal(&kubeconfig("https://a.example:6443", "", user));
    assert!(with("exec: {command: sh}").starts_with("context \"c\", user \"u\": users[0].user.exec is refused"));
    assert!(with("auth-provider: {name: gcp}").contains("users[0].user.auth-provider is refused"));
    assert!(with("tokenFile: /etc/passwd").contains("users[0].user.tokenFile is refused"));
    assert!(with("client-key: /root/key").contains("users[0].user.client-key is refused"));
    let ca = refusal(&kubeconfig("https://a.example", ", certificate-authority: /etc/ca", "token: x"));
    assert!(
        ca.starts_with("context \"c\", cluster \"k\": clusters[0].cluster.certificate-authority is refused"),
        "{ca}"
    );
}

#[test]
fn loopback_servers_need_the_flag() {
    for server in ["https://127.0.0.1:6443", "https://localhost", "https://[::1]:1", "https://0.0.0.0:1"] {
        let text = kubeconfig(server, "", "token: x");
        assert!(refusal(&text).contains("loopback"), "{server}");
        let credential = Credential::parse(text.as_bytes(), Trust { loopback: true }).unwrap();
        assert_eq!(credential.server(), server);
    }
    assert!(refusal(&kubeconfig("http://a.example", "", "token: x")).contains("https only"));
}

#[test]
fn malformed_kubeconfigs_are_errors_without_their_contents() {
    for text in ["", "a: [", "[]", "current-context: x", "token: hunter2: 3", "{clusters: 5, current-context: x}"] {
        let error = refusal(text);
        assert!(!error.contains("hunter2"), "{error}");
    }
    // Where it is wrong is said, and not what stands there.
    for (text, place) in
        [("a: [", "line 1, column "), ("users:\n- user: {token: hunter2\n  b: c: d\n", "line 3, column ")]
    {
        let error = refusal(text);
        assert!(error.contains(&format!("it is not valid YAML at {place}")), "{error}");
    }
    let wrong = kubeconfig("https://a.example", "", "token: [1]");
    assert!(refusal(&wrong).contains("wrong type"), "{}", refusal(&wrong));
}

#[test]
fn debug_output_shows_no_secret() {
    let text = kubeconfig("https://a.example", "", "token: hunter2");
    let credential = Credential::parse(text.as_bytes(), Trust::default()).unwrap();
    assert!(!format!("{credential:?}").contains("hunter2"));
}

#[test]
fn loopback_is_known_however_it_is_written() {
    for host in ["LOCALHOST", "localhost.", "a.localhost", "[::ffff:127.0.0.1]", "127.8.8.8", "ip6-localhost"] {
        let refused = refusal(&kubeconfig(&format!("https://{host}:6443"), "", "token: x"));
        assert!(refused.contains("is a loopback address"), "{host}: {refused}");
    }
    // Resolvers take these for 127.0.0.1.
    for host in ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0x7f000001."] {
        let refused = refusal(&kubeconfig(&format!("https://{host}:6443"), "", "token: x"));
        assert!(refused.contains("neither a name nor an address"), "{host}: {refused}");
    }
    for host in ["10.0.0.1", "1.a.example", "localhost.example", "[fd00::1]"] {
        let text = kubeconfig(&format!("https://{host}:6443"), "", "token: x");
        assert!(Credential::parse(text.as_bytes(), Trust::default()).is_ok(), "{host}");
    }
}

#[test]
fn an_address_holds_no_secret() {
    let refused = refusal(&kubeconfig("https://me:hunter2@a.example", "", "token: x"));
    assert!(refused.contains("clusters[0].cluster.server is refused") && !refused.contains("hunter2"), "{refused}");
}

#[test]
fn only_what_the_current_context_uses_counts() {
    let text = |current: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {current}\n\
             contexts:\n- {{name: eks, context: {{cluster: eks, user: eks}}}}\n\
             - {{name: prod, context: {{cluster: prod, user: prod, namespace: web}}}}\n\
             - {{name: lost, context: {{cluster: prod, user: nope}}}}\n\
             - {{name: nowhere, context: {{cluster: nope, user: prod}}}}\n\
             - {{name: anonymous, context: {{cluster: prod}}}}\n\
             clusters:\n- {{name: eks, cluster: {{server: 'http://127.0.0.1', certificate-authority: /ca}}}}\n\
             - {{name: prod, cluster: {{server: 'https://rancher.example/k8s/clusters/c-1'}}}}\n\
             users:\n- {{name: eks, user: {{exec: {{command: aws}}}}}}\n- {{name: prod, user: {{token: x}}}}\n"
        )
    };
    let used = Credential::parse(text("prod").as_bytes(), Trust::default()).unwrap();
    assert_eq!(used.server(), "https://rancher.example/k8s/clusters/c-1");
    assert!(!used.identity().contains("eks") && !used.identity().contains("aws"), "{}", used.identity());
    assert!(Credential::parse(text("anonymous").as_bytes(), Trust::default()).is_ok());
    for (current, says) in [
        ("eks", "context \"eks\", user \"eks\": users[0].user.exec is refused"),
        ("lost", "context \"lost\" names user \"nope\", which is not there"),
        ("nowhere", "context \"nowhere\" names cluster \"nope\", which is not there"),
        ("missing", "current-context \"missing\" is none of its contexts"),
        ("''", "current-context is not set"),
    ] {
        let said = refusal(&text(current));
        assert!(said.contains(says), "{current}: {said}");
    }
}

#[test]
fn proxies_are_http_or_https_and_not_the_hub_itself() {
    let with = |proxy: &str| kubeconfig("https://a.example", &format!(", proxy-url: '{proxy}'"), "token: x");
    for proxy in ["http://proxy.example:3128", "https://me:secret@proxy.example", ""] {
        assert!(Credential::parse(with(proxy).as_bytes(), Trust::default()).is_ok(), "{proxy}");
    }
    for (proxy, says) in [
        ("http://127.0.0.1:3128", "it is a loopback address"),
        ("socks5://proxy.example:1080", "only http and https proxies are known"),
        ("proxy.example:3128", "only http and https proxies are known"),
        ("http://127.1", "its host is neither a name nor an address"),
    ] {
        let said = refusal(&with(proxy));
        assert!(
            said.contains("cluster \"k\": clusters[0].cluster.proxy-url is refused") && said.contains(says),
            "{said}"
        );
    }
    let loopback = Credential::parse(with("http://127.0.0.1:3128").as_bytes(), Trust { loopback: true });
    assert!(loopback.is_ok());
}

#[test]
fn the_end_of_a_token_and_of_a_certificate_is_read_from_them() {
    let expires = |user: &str| {
        let text = kubeconfig("https://a.example", "", user);
        Credential::parse(text.as_bytes(), Trust::default()).unwrap().expires().map(|at| at.as_second())
    };
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
    let token = |claims: &str| format!("token: {}.{}.sig", encode("{}"), encode(claims));
    assert_eq!(expires(&token("{\"exp\": 1800000000}")), Some(1_800_000_000));
    for none in ["token: abc", "token: a.b.c", "", &token("{}"), &token("{\"exp\": \"soon\"}")] {
        assert_eq!(expires(none), None, "{none}");
    }
    let mut params = rcgen::CertificateParams::new(vec!["me".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2027, 1, 15);
    let pem = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pem);
    assert_eq!(expires(&format!("client-certificate-data: {data}")), Some(1_799_971_200));
}

#[test]
fn white_space_around_a_token_is_no_part_of_it() {
    let plain =
        Credential::parse(kubeconfig("https://a.example", "", "token: abc").as_bytes(), Trust::default()).unwrap();
    for token in ["\"abc\\n\"", "\"abc\\r\\n\"", "\" abc\"", "\"\\tabc \\n\""] {
        let text = kubeconfig("https://a.example", "", &format!("token: {token}"));
        let credential = Credential::parse(text.as_bytes(), Trust::default()).unwrap();
        assert_eq!(credential.identity(), plain.identity(), "{token}");
    }
}

/// The client library panics for a token that is no header, and names no field for what is.
#[tokio::test]
async fn what_cannot_be_sent_is_said_by_its_field_and_not_by_its_value() {
    for (user, path) in [
        ("token: \"hunter\\n2\"", "users[0].user.token"),
        ("token: \"hunter\\u00012\"", "users[0].user.token"),
        ("token: \"hunter\\u007f2\"", "users[0].user.token"),
        ("as: \"hunter\\n2\"", "users[0].user.as"),
        ("as-uid: \"hunter\\n2\"", "users[0].user.as-uid"),
        ("as-groups: [a, \"hunter\\n2\"]", "users[0].user.as-groups[1]"),
        ("as-user-extra: {k: [\"hunter\\n2\"]}", "users[0].user.as-user-extra[\"k\"][0]"),
    ] {
        let said = refusal(&kubeconfig("https://a.example", "", user));
        let expect = format!("context \"c\", user \"u\": {path} cannot be used: it has a line break");
        assert!(said.starts_with(&expect) && !said.contains("hunter"), "{user}: {said}");
    }
    let said = refusal(&kubeconfig("https://a.example", ", tls-server-name: \"a b\\n\"", "token: x"));
    assert!(
        said.starts_with("context \"c\", cluster \"k\": clusters[0].cluster.tls-server-name cannot be used"),
        "{said}"
    );
}

/// Whatever stands in a field, a client is made or an error is.
#[tokio::test]
async fn no_value_of_a_kubeconfig_panics() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let odd = [
        "",
        " ",
        "\\n",
        "a\\nb",
        "\\u0000",
        "\\u007f",
        "\\u00e9",
        "\\ufeff",
        "%0a",
        "a b",
        "://",
        "[::1",
        "\\r\\nX: y",
        "@",
        ":",
        "..",
        "é.example",
    ];
    for value in odd {
        let mut texts = Vec::new();
        for field in ["token", "username", "password", "as", "as-uid", "client-certificate-data", "client-key-data"] {
            texts.push(kubeconfig(
                "https://127.0.0.1:1",
                "",
                &format!("{field}: \"{value}\", username: u, password: p"),
            ));
            texts.push(kubeconfig("https://127.0.0.1:1", "", &format!("{field}: \"{value}\"")));
        }
        texts.push(kubeconfig("https://127.0.0.1:1", "", &format!("as: a, as-groups: [\"{value}\"]")));
        texts.push(kubeconfig(
            "https://127.0.0.1:1",
            "",
            &format!("as: a, as-user-extra: {{\"{value}\": [\"{value}\"]}}"),
        ));
        for field in ["tls-server-name", "proxy-url", "certificate-authority-data"] {
            texts.push(kubeconfig("https://127.0.0.1:1", &format!(", {field}: \"{value}\""), "token: x"));
        }
        for url in ["http://u:VALUE@127.0.0.1:1", "http://127.0.0.1:1/VALUE", "https://127.0.0.1:VALUE", "http://VALUE"]
        {
            let url = url.replace("VALUE", value);
            texts.push(kubeconfig("https://127.0.0.1:1", &format!(", proxy-url: \"{url}\""), "token: x"));
        }
        for server in ["https://127.0.0.1:1/VALUE", "https://127.0.0.1:1?VALUE", "https://127.0.0.1:VALUE"] {
            let text = kubeconfig("SERVER", "", "token: x")
                .replace("'SERVER'", &format!("\"{}\"", server.replace("VALUE", value)));
            texts.push(text);
        }
        for text in texts {
            let Ok(credential) = Credential::parse(text.as_bytes(), Trust { loopback: true }) else { continue };
            let Ok(api) = credential.api("test").await else { continue };
            // Nothing listens there.
            assert!(api.read("/version").await.is_err(), "{text}");
        }
    }
}

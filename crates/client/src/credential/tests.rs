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
    assert!(with("exec: {command: sh}").starts_with("users[0].user.exec is refused"));
    assert!(with("auth-provider: {name: gcp}").starts_with("users[0].user.auth-provider is refused"));
    assert!(with("tokenFile: /etc/passwd").starts_with("users[0].user.tokenFile is refused"));
    assert!(with("client-key: /root/key").starts_with("users[0].user.client-key is refused"));
    let ca = refusal(&kubeconfig("https://a.example", ", certificate-authority: /etc/ca", "token: x"));
    assert!(ca.starts_with("clusters[0].cluster.certificate-authority is refused"), "{ca}");
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
fn an_address_holds_no_secret_and_no_detour() {
    let refused = refusal(&kubeconfig("https://me:hunter2@a.example", "", "token: x"));
    assert!(refused.contains("clusters[0].cluster.server is refused") && !refused.contains("hunter2"), "{refused}");
    let refused = refusal(&kubeconfig("https://a.example", ", proxy-url: 'http://127.0.0.1:1'", "token: x"));
    assert!(refused.starts_with("clusters[0].cluster.proxy-url is refused"), "{refused}");
}

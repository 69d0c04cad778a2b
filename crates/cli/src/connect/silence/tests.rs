//! What real connections end with.

use std::time::Duration;

use kube::{Client, Config};

use super::Silence;

/// What a client says of a server.
async fn failure(server: &str) -> kube::Error {
    // A second call only finds it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = Config::new(server.parse().unwrap());
    config.connect_timeout = Some(Duration::from_millis(300));
    config.default_retry = false;
    config.proxy_url = None;
    let client = Client::try_from(config).unwrap();
    client.apiserver_version().await.unwrap_err()
}

#[tokio::test]
async fn each_reason_of_silence_is_told_from_the_others() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let late = format!("https://{}", silent.local_addr().unwrap());
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (server, expected) in [
        (format!("https://{gone}"), Silence::Absent),
        (late, Silence::Late),
        // RFC 6761: no name server knows a name below it.
        ("https://hub.invalid:6443".to_owned(), Silence::UnknownName),
    ] {
        let error = failure(&server).await;
        assert_eq!(Silence::of(&error), expected, "{server}: {}", model::cause::chain(&error));
    }
}

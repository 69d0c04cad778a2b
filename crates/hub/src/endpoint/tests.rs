//! Every form of a listener and of what is advertised.

use super::*;

#[test]
fn clients_are_told_an_address_that_they_can_connect_to() {
    for (listen, advertise, told) in [
        ("127.0.0.1", None, "https://127.0.0.1:6443"),
        ("192.0.2.7", None, "https://192.0.2.7:6443"),
        ("0.0.0.0", None, "https://127.0.0.1:6443"),
        ("::", None, "https://[::1]:6443"),
        ("2001:db8::7", None, "https://[2001:db8::7]:6443"),
        ("0.0.0.0", Some("hub.example.com"), "https://hub.example.com:6443"),
        ("0.0.0.0", Some("2001:db8::9"), "https://[2001:db8::9]:6443"),
    ] {
        let host = host(listen.parse().unwrap(), advertise);
        assert_eq!(url(&host, 6443), told, "{listen} {advertise:?}");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_refused_with_the_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (address, words) in [
        (taken.local_addr().unwrap().to_string(), "another process listens there"),
        // RFC 5737: no machine has it.
        ("192.0.2.7:6443".to_owned(), "it is no address of this machine"),
    ] {
        let source = tokio::net::TcpListener::bind(&address).await.unwrap_err();
        let error = crate::Error::Listen { option: crate::LISTEN, address: address.parse().unwrap(), source };
        assert_eq!(error.to_string(), format!("cannot listen on {address}: {words}; choose another with --listen"));
    }
}

#[test]
fn endpoints_say_an_address_of_the_listener() {
    for (listen, advertise, told) in [
        ("127.0.0.1:6443", None, "127.0.0.1:6443"),
        ("0.0.0.0:6443", None, "127.0.0.1:6443"),
        ("192.0.2.7:6443", Some("hub.example.com"), "192.0.2.7:6443"),
        ("0.0.0.0:6443", Some("192.0.2.9"), "192.0.2.9:6443"),
        ("0.0.0.0:6443", Some("hub.example.com"), "127.0.0.1:6443"),
        ("[::]:6443", None, "[::1]:6443"),
    ] {
        let listen: SocketAddr = listen.parse().unwrap();
        let host = host(listen.ip(), advertise);
        assert_eq!(published(listen, &host), told.parse().unwrap(), "{listen} {advertise:?}");
    }
}

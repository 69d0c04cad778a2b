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

use super::*;

fn service(name: &str, spec: Value) -> Value {
    json!({"metadata": {"namespace": "n", "name": name}, "spec": spec})
}

fn filled(mut new: Value, old: Option<&Value>, taken: &InUse) -> Result<Value, String> {
    fill(&mut new, old, taken).map(|()| new["spec"].take()).map_err(|e| e.to_string())
}

#[test]
fn the_same_service_gets_the_same_address_unless_it_is_taken() {
    let web = service("web", json!({"type": "ClusterIP"}));
    let first = filled(web.clone(), None, &InUse::default()).expect("free");
    assert_eq!(filled(web.clone(), None, &InUse::default()).expect("free"), first);
    let ip: Ipv4Addr = first["clusterIP"].as_str().and_then(|ip| ip.parse().ok()).expect("an address");
    assert!((FIRST + RESERVED..FIRST + SIZE).contains(&u32::from(ip)));
    let taken = InUse { addresses: [u32::from(ip)].into(), ..InUse::default() };
    assert_ne!(filled(web, None, &taken).expect("another")["clusterIP"], first["clusterIP"]);
}

/// Each row: a spec, and what it becomes or why not.
#[test]
fn addresses_follow_the_type() {
    let rows = [
        (json!({"type": "ExternalName", "clusterIP": "10.96.0.77"}), Ok(json!(null))),
        (json!({"type": "ClusterIP", "clusterIP": "None", "selector": {"a": "b"}}), Ok(json!(["IPv4"]))),
        (json!({"type": "ClusterIP", "clusterIP": "None"}), Ok(json!(["IPv4", "IPv6"]))),
        (json!({"type": "ClusterIP", "clusterIP": "10.96.0.99"}), Err("provided IP is already allocated")),
        (
            json!({"type": "ClusterIP", "clusterIP": "1.2.3.4"}),
            Err("the provided network does not match the current range"),
        ),
    ];
    let taken = InUse { addresses: [u32::from(Ipv4Addr::new(10, 96, 0, 99))].into(), ..InUse::default() };
    for (spec, expect) in rows {
        match (filled(service("s", spec.clone()), None, &taken), expect) {
            (Ok(got), Ok(families)) => assert_eq!(got["ipFamilies"], families, "{spec}"),
            (Err(got), Err(why)) => assert!(got.ends_with(why), "{got}"),
            (got, expect) => panic!("{spec}: {got:?} instead of {expect:?}"),
        }
    }
}

#[test]
fn node_ports_are_kept_and_given_back() {
    let ports = json!([{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]);
    let open = service("s", json!({"type": "NodePort", "ports": ports, "externalTrafficPolicy": "Cluster"}));
    let mut old = open.clone();
    fill(&mut old, None, &InUse::default()).expect("free");
    let numbers: BTreeSet<u32> = super::ports(&old).filter_map(|(_, p)| p).collect();
    assert_eq!(numbers.len(), 2, "{old}");
    assert_eq!(
        filled(open, Some(&old), &InUse::default()).expect("kept"),
        old["spec"],
        "a write without ports keeps them"
    );
    let mut closed = old.clone();
    closed["spec"]["type"] = json!("ClusterIP");
    let closed = filled(closed, Some(&old), &InUse::default()).expect("closes");
    assert!(closed["ports"][0].get("nodePort").is_none() && closed.get("externalTrafficPolicy").is_none(), "{closed}");
    let taken = InUse { ports: numbers, ..InUse::default() };
    assert!(filled(old, None, &taken).expect_err("held").ends_with("provided port is already allocated"));
}

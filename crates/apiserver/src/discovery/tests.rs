use super::*;

#[test]
fn stable_versions_come_first_and_higher_ones_before_lower() {
    let mut versions = ["v1alpha1", "foo", "v1", "v1beta2", "v10", "v2", "v1beta1"];
    versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    assert_eq!(versions, ["v10", "v2", "v1", "v1beta2", "v1beta1", "v1alpha1", "foo"]);
}

#[test]
fn a_storage_hash_is_what_upstream_computes() {
    let registry = Registry::new(&[]);
    let of = |group, version, plural| storage_hash(registry.find(group, version, plural).expect("served"));
    // Read from kube-apiserver 1.37.
    assert_eq!(of("apps", "v1", "controllerrevisions"), "85nkx63pcBU=");
    assert_eq!(of("apps", "v1", "daemonsets"), "dd7pWHUlMKQ=");
}

use super::*;

fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey { kind: kind.into(), namespace: namespace.into(), name: name.into(), ..ObjectKey::default() }
}

fn limited(namespaces: &[&str]) -> Rights {
    Rights::in_namespaces(
        namespaces.iter().map(|n| (*n).to_owned()),
        "kurator attach CONTEXT --name beijing".to_owned(),
    )
}

#[test]
fn only_what_is_in_a_given_namespace_is_asked_for() {
    let (all, some) = (Rights::default(), limited(&["a", "b"]));
    let outside = |namespace: &str| Some(Lack::Namespace(namespace.to_owned()));
    for (key, lack) in [
        (key("ConfigMap", "a", "c"), None),
        (key("Secret", "b", "c"), None),
        (key("ConfigMap", "other", "c"), outside("other")),
        // Names that only begin or end alike are others.
        (key("ConfigMap", "ab", "c"), outside("ab")),
        (key("ConfigMap", "a,b", "c"), outside("a,b")),
        (key("Secret", "kurator-system", "c"), outside("kurator-system")),
        (key("ClusterRole", "", "a"), Some(Lack::Cluster)),
        // The namespace itself is cluster-scoped.
        (key("Namespace", "", "a"), Some(Lack::Cluster)),
    ] {
        assert_eq!(some.lack(&key), lack, "{key}");
        assert_eq!(all.lack(&key), None, "{key}");
        assert_eq!(all.listed_in(&key), "");
        assert_eq!(some.listed_in(&key), key.namespace);
        // Nothing is given, so nothing is asked for.
        assert!(limited(&[]).lack(&key).is_some(), "{key}");
    }
}

#[test]
fn a_refusal_says_what_is_given_and_what_widens_it() {
    let other = Lack::Namespace("other".to_owned());
    let map = key("ConfigMap", "other", "c");
    assert_eq!(
        limited(&["b", "a"]).sentence(&map, &other),
        "it needs rights in namespace other, and the member gives them in a, b only, so it is not asked for: take it out, or \
         widen them with `kurator attach CONTEXT --name beijing --namespaces a,b,other`"
    );
    assert_eq!(
        limited(&["a"]).sentence(&key("ClusterRole", "", "a"), &Lack::Cluster),
        "it is in no namespace, so it needs rights in the whole cluster, and the member gives them in a only; it is not asked \
         for: take it out, or give all rights with `kurator attach CONTEXT --name beijing`"
    );
    let many: Vec<String> = (0..7).map(|n| format!("n{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let said = limited(&many).sentence(&map, &other);
    assert!(said.contains("gives them in n0, n1, n2, n3, n4 and 2 more only"), "{said}");
    assert!(said.contains("--namespaces LIST,other`"), "{said}");
    assert_eq!(limited(&[]).widened(&other), "kurator attach CONTEXT --name beijing --namespaces other");
    // The Namespace of what is given is there, and what is in it is delivered: that is no riddle to its reader.
    let its_own = limited(&["a"]).sentence(&key("Namespace", "", "a"), &Lack::Cluster);
    assert!(
        its_own.contains("what is in it is delivered") && its_own.contains("kurator.dev/reconcile: disabled"),
        "{its_own}"
    );
    let another = limited(&["a"]).sentence(&key("Namespace", "", "b"), &Lack::Cluster);
    assert!(!another.contains("is delivered"), "{another}");
    let staying = limited(&["a"]).why_it_stays(&other, false);
    assert!(
        staying
            .contains("deleted when you widen them with `kurator attach CONTEXT --name beijing --namespaces a,other`")
    );
    let leaving = limited(&["a"]).why_it_stays(&other, true);
    assert!(leaving.contains("no longer recorded when the unit has left") && !leaving.contains("attach"), "{leaving}");
    assert_eq!(
        (other.to_string().as_str(), Lack::Cluster.to_string().as_str()),
        ("namespace other", "the whole cluster")
    );
}
